// What the API's document says beside its routes: a guide for each task, the tags, and what the
// names of its fields mean. The requests of the guide are the examples of their operations, put in
// when the document is made, so that they are those that are tried in tests.

import type { OpenApiOptions } from './platform/http/openapi.ts';

const GUIDE = `Who led the buyer to an order earns a part of it. Fenyong finds out who that was, reckons what each of them gets, and keeps the books.

## Conventions

- Every request under \`/v1\` carries a key: \`Authorization: Bearer <key>\`. A key has a scope; every operation says which ones it takes.
- An admin’s key may have a role (\`operator\`, \`finance\`, \`risk\`), which reads and changes less, and says whose it is (\`person\`): where two
  persons must agree, keys of one person are one.
- Amounts are integers in minor units of a currency (\`29900\` is 299.00 CNY). Ratios are integer parts per million (\`100000\` is 10 %).
- Times are RFC 3339 with an offset, answered in UTC. Ids are strings, always.
- Lists are \`{"data": […], "next_cursor": …}\`: send \`next_cursor\` as \`cursor\` for the next page, until it is null.
- A refusal is \`application/problem+json\` (RFC 9457). A program looks at its \`code\`, people at its \`detail\`, forms at its \`errors\`.
- An \`Idempotency-Key\` makes it safe to send a POST again when its answer was lost. Every PUT is safe to send again as it is.
- An address that answers other methods only refuses with 405 and \`Allow\`; a header above 16 KiB is refused with 431.

## Set up

A merchant, what it sells, who shares, and how much is earned. Whatever is set up counts from then on; the first version counts for all
earlier time too.

{{merchants.put}}

{{products.put}}

{{promoters.put}}

{{rules.publish}}

## Share

A link belongs to one promoter. Whoever follows its \`url\` comes to the landing page with \`fy_click=<token>\` in the query: send that token with
the order.

{{links.make}}

Where you lead the buyer yourself, as in a mini-program, say that there was a click:

{{clicks.make}}

## Report orders

Send what you know of an order, as often as it changes and in any order: reports are merged, and what is absent says nothing. The answer comes
once the report is stored for good; what the order earns is there within a second.

{{orders.report}}

Then read what it earns, and why:

{{orders.get}}

{{orders.explain}}

## Claim

A promoter who misses an order says so. The order is awarded anew with all that is known; an operator decides what that does not settle.

{{claims.make}}

{{claims.decide}}

## Connect a shop

A source is a connection to an order system. It pushes to \`/webhooks/{source_id}\`, signed with its secret, or is asked for its orders, by its kind.

{{sources.put}}

{{pushes.send}}

What the system calls a promoter, a shop or a link is explained once:

{{mappings.put}}

## Files

Merchants, products, promoters, links and mappings are loaded from files of JSON lines. A bad line is refused alone, and a file that was cut off
can be sent again.

{{imports.promoters}}

Orders of a time, or an export of a platform as it is, are compared with what is known; what was missing is taken in.

{{reconciliations.make}}
`;

const TAGS = [
  { name: 'merchants', description: 'Who sells, what, and on which terms.' },
  { name: 'promoters', description: 'Who shares, and who invited whom.' },
  { name: 'links', description: 'Shares, clicks, buyers.' },
  { name: 'imports', description: 'Many merchants, products, promoters or links at once, a JSON line each.' },
  { name: 'sources', description: 'Connections to order systems, what their words mean, and comparing with them.' },
  { name: 'orders', description: 'Reports of orders, and what orders earn.' },
  { name: 'deliveries', description: 'What came, byte for byte, and what became of it.' },
  { name: 'erasures', description: 'Buyers who are forgotten.' },
  { name: 'claims', description: 'Promoters who say: this order was mine.' },
  { name: 'rules', description: 'How much is earned, and how it is split.' },
  { name: 'programs', description: 'Tiers by what promoters sell, and bonuses beside the rules.' },
  { name: 'ledger', description: 'The books.' },
  { name: 'payouts', description: 'Money out: who is paid, when, and what is withheld.' },
  { name: 'debts', description: 'Who owes us, and what is given up.' },
  { name: 'webhooks', description: 'Who is told of what, here and outside.' },
  { name: 'guards', description: 'The laws of the books, checked all the time.' },
  { name: 'keys', description: 'API keys.' },
  { name: 'audit', description: 'Who changed what.' },
  { name: 'health', description: 'Whether the process lives and can work.' },
];

/** By the name of a field, or by the component or operation that it stands in and its name. */
const WORDS = {
  account: 'A named party, as `promoter:<id>`.',
  account_id: 'The account, by an id of ours.',
  accounts: 'The sum of all accounts of each kind.',
  action: 'What was done, as `merchant_stated`.',
  active: 'Whether events are sent to it.',
  after: 'The state after the change; null where nothing is left.',
  'Claim.after': 'The claimed lines after it was settled or approved; null where it was not.',
  agency_id: 'The promoter of kind `agency` that this one belongs to; null for none.',
  'RuleScope.agency_id': 'Lines that were won by promoters of this agency.',
  allow_self_purchase: 'Whether promoters earn on what they buy themselves.',
  amount: 'Net, in minor units.',
  'Explanation.amount': 'Always above zero, in minor units.',
  at: 'When it was clicked, told or approved.',
  'rules.effective.at': 'The time that is answered for.',
  attempts: 'How often it was tried so far.',
  attribution: 'The attribution policy: which evidence counts, for how long, and how several clicks share.',
  attribution_at: 'The attribution time: when the deposit was paid, else when the order was; null before that.',
  audit_id: 'The entry, by an id of ours.',
  balance: 'In minor units.',
  base: 'What the rate applies to: what the buyer paid, or what the platform pays for the line.',
  before: 'The state before the change; null where there was nothing.',
  booked_at: 'When it was booked.',
  bot: 'Whether it was a click of a crawler or a preview, which earns nothing.',
  buyer: 'What the buyer is known by; null says nothing.',
  campaign_id: 'The campaign of the link, by an id of yours; null for none.',
  'RuleScope.campaign_id': 'Lines that were won by links of this campaign.',
  cap_per_line: 'The greatest pool of a line, in minor units of `currency`; null: what the line keeps is the only bound.',
  cap_per_order: 'The greatest sum of the pools that this rule makes of an order, in minor units of `currency`; null: no bound.',
  category: 'A category of products, in your words; null for none.',
  'RuleScope.category': 'Lines of this category.',
  changed_at: 'When it was last set otherwise.',
  claim_id: 'The claim, by an id of ours.',
  click_id: 'The click, by an id of ours.',
  click_token: 'The `fy_click` of the landing URL.',
  clicked_at: 'When it was clicked.',
  code: 'The code of the link, by which its address ends.',
  commissionable: 'Whether anything is earned on it.',
  completed_at: 'When it was completed: the after-sale wait begins. Null before that.',
  content_click_days: 'Days for which a click on content counts.',
  content_id: 'The live room, video or article that the link is shared in; null for none.',
  content_order_days: 'Days for which an order that came by content locks its buyer.',
  coupon_codes: 'Coupon codes.',
  'Promoter.coupon_codes': 'The codes by which orders of a merchant are this promoter’s.',
  'promoters.put.coupon_codes': 'The codes by which orders of a merchant are this promoter’s; absent: none.',
  created_at: 'When the order was made; null where nobody told.',
  currency: 'ISO 4217; amounts are in its minor units.',
  'Plan.currency': 'ISO 4217; of the fixed amount and the caps, which apply to orders in it alone. Null where there are none.',
  data: 'The rows.',
  day_of_month: 'It drafts at 00:00 of this day, or of the last one of a month with fewer.',
  decided_at: 'When it was decided or settled; null while it is not.',
  decided_by: 'The key of the operator who decided.',
  decision: 'What was decided of the line: who earns, or why nobody does.',
  'claims.decide.decision': 'What the operator decides.',
  'orders.list.decision': 'Orders with a line that was decided so.',
  deliveries: 'What told of the order, first to last.',
  delimiter: 'What stands between the cells; null of a spreadsheet.',
  delivery_id: 'The delivery, by an id of ours.',
  deposit_paid_at: 'When the deposit of a pre-sale was paid: the attribution time, then.',
  description: 'For people; it changes nothing.',
  dispute_id: 'The dispute or after-sale case, by the id that its sender has for it.',
  disputes: 'Disputes; those that are left out stay as they were told.',
  effective_from: 'From when it counts.',
  effective_to: 'Until when it counts; null: until it is replaced or ended.',
  en: 'In English.',
  encoding: 'How its text is encoded; null of a spreadsheet.',
  endpoint_id: 'The endpoint, by an id of yours.',
  erasure_id: 'The erasure, by an id of ours.',
  error: 'Why it failed; null while it did not.',
  errors: 'What is wrong where in the line.',
  events: 'What it is told of.',
  evidence: 'The kind of evidence that won the line; null where none did.',
  expires_at: 'From when it leads on but earns nothing; null: never.',
  finished_at: 'When it was done with; null before that.',
  fixed_per_unit: 'Minor units of `currency` for every unit that is kept, beside the rate.',
  form: 'What kind of file it is.',
  from: 'At or after this time.',
  'Explanation.from': 'The kind of the account that it leaves.',
  'Transfer.from': 'The account that it leaves.',
  'Reconciliation.from': 'The beginning of the time that is compared; null of a file.',
  headers: 'The headers that are kept beside the bytes.',
  hold_days: 'Days from completion to release.',
  inviter_id: 'The promoter who invited this one; null for none.',
  kept_by: 'Who keeps the net of the absent party, named as a payer is.',
  key: 'The key itself, shown this once; absent where a retry is answered.',
  key_id: 'The key, by an id of ours.',
  'Account.kind': '`commission` is the merchant’s, `revenue` the platform’s, all others a promoter’s.',
  'ledger.accounts.kind': 'Accounts of this kind.',
  'TrialBalance.kind': 'The kind of the accounts.',
  'Claim.kind': 'The kind of evidence.',
  'ExplainedEvidence.kind': 'The kind of evidence.',
  'ToldEvidence.kind': 'The kind of evidence.',
  'Explanation.kind': 'Why: earned, taken back, released, withheld, paid, or a payout that failed.',
  'Transfer.kind': 'The kind of the account.',
  'Promoter.kind': 'A person, an agency of others, or a talent with live rooms and content of its own.',
  'promoters.put.kind': 'A person, an agency of others, or a talent with live rooms and content of its own.',
  'orders.report.kind':
    '`split`: the children earn and the parent stops. `gift`: the giver earns and the children never. Of a dispute: free.',
  'Source.kind': 'Which order system it is a connection to.',
  'SourceDetail.kind': 'Which order system it is a connection to.',
  'sources.put.kind': 'Which order system it is a connection to; secrets and options depend on it.',
  label: 'For people, to tell keys apart.',
  landing_hosts: 'The hosts that links may lead to, each exactly.',
  landing_url: 'Where it leads; null of a product without an address of its own.',
  last_attempt_at: 'When it was last tried; null: never.',
  level: 'Of an upline: how far above the winner; 1 is next.',
  limited_by: 'What the pool was cut to; null: nothing.',
  line: 'The line of the file, from 1.',
  line_id: 'The line of the order, by the id that its source has for it.',
  lines: 'The lines of the order.',
  'Explanation.lines': 'The explained lines; each has its own evidence, winners, rules and arithmetic.',
  link_code: 'The code of a link; null for none.',
  links: 'The links to be made.',
  losers: 'Every rule that does not apply, each with its reason.',
  made_at: 'When it was made.',
  merchant_id: 'The merchant, by an id of yours.',
  'RuleScope.merchant_id': 'Lines of this merchant.',
  message: 'What is wrong, for people.',
  message_id: 'The message, by an id of ours.',
  name: 'For people.',
  'guards.get.name': 'The name of the guard.',
  'guards.run.name': 'The name of the guard.',
  'Guard.name': 'The name by which it is asked for.',
  'SourceDetail.name': 'The name of the list.',
  next_attempt_at: 'When it is tried next; null: it is not tried by itself.',
  options: 'What the kind of the source takes; see the README.',
  order_id: 'The order, by the id that its source has for it: text, never a number.',
  order_lock_days: 'Days for which an order locks its buyer to its promoter.',
  orders: 'The orders that it tells of.',
  'identities.preview.orders': 'The orders that would move.',
  'identities.previewReversal.orders': 'The orders that would move.',
  origin: 'How it came.',
  outcome: 'Whether it won.',
  paid_amount: 'What the buyer paid for the line after discounts, without freight and tax, in minor units.',
  paid_at: 'When the order was paid; null before that.',
  parent: 'The order that this one is a part of.',
  payee: 'As what the promoter is paid; null where nobody said.',
  pays: 'Who is paid out of this share.',
  person: 'Whose key it is; null for a key that is a person of its own.',
  platform_commission: 'What the platform pays for the line; null where nobody said.',
  policy: 'What the merchant states of these days.',
  pool: 'The commission of the line in all, in minor units.',
  position: 'Its place among those that were booked at once.',
  price: "Minor units of the merchant's currency; null where nobody said.",
  priority: 'Among rules whose scopes weigh the same the higher one wins.',
  product_click_days: 'Days for which a click on a product counts.',
  product_id: 'The product, by an id of yours; null for none.',
  'RuleScope.product_id': 'Lines of this product.',
  product_order_days: 'Days for which an order of a product locks its buyer.',
  promoter_id: 'The promoter, by an id of yours; null for none.',
  'RuleScope.promoter_id': 'Lines that this promoter has won.',
  quantity: 'How many units; 0: the line was removed.',
  rate_ppm: 'The part of the base that is earned, in parts per million.',
  reason: 'Why, for people; null where there is nothing to say.',
  'RuleOutcome.reason': 'Why it won or lost.',
  'claims.decide.reason': 'Why, for the promoter to read.',
  'orders.report.reason': 'Why, in the words of its sender.',
  received_at: 'When it came.',
  reconciliation_id: 'The reconciliation, by an id of ours.',
  recorded_at: 'When it was written down.',
  reference: 'What names it: a click, a code, a promoter, an order.',
  refund_id: 'The refund, by the id that its source has for it.',
  refunded_amount: 'What of that was paid back, in minor units.',
  refunded_at: 'When it was paid back.',
  refunds: 'Refunds; those that are left out stay as they were told.',
  refused: 'Lines that are not stored.',
  released_at: 'When it was released, for good; null before that.',
  removed: 'The line was removed, so that its base is 0.',
  replayed: 'How many are processed once more.',
  retroactive: 'Says that it is meant to count from a time in the past.',
  reversed_by: 'The key that took it back; null while it counts.',
  revision: 'Which award of the order booked it.',
  revoked_at: 'When it was revoked; null while it is not.',
  'Key.role': 'What an admin’s work is; null for a key that may do everything.',
  role: 'As what the share is had: around the winner, the platform, or a party that the plan names (`account`).',
  rule_id: 'The rule, by an id of ours; null where none applies.',
  rule_version: 'Its version; null where none applies.',
  sample: 'Some of them.',
  scene: 'Where it is shared, as `group` or `live`.',
  'PayoutSchedule.schedule_id': 'The schedule, by an id of yours.',
  scope: 'What the key may do; see each operation.',
  settled_at: 'When the platform settled it; null before that.',
  share_ppm: 'Its part of what its payer has before it pays others, in parts per million.',
  shared_from: 'The code of the link that was shared again; null for none.',
  shares: 'Who gets what of the pool; shares of 0 are left out.',
  shop: 'What the platform calls the shop.',
  shops: 'What the platform says, shop by shop.',
  signed_id: 'The id of the message that its signature covers; null for none.',
  source_id: 'The source, by an id of yours; `rest` is the one that every merchant has by itself.',
  split: 'Who is paid out of the pool, and who out of their shares.',
  state: 'What became of it.',
  stated_at: 'When it was said.',
  statement_id: 'The identity link, by an id of ours.',
  status: 'How far the order is.',
  'Promoter.status': 'A suspended one earns nothing on orders of that time.',
  'promoters.put.status': 'A suspended one earns nothing on orders of that time.',
  'health.live.status': 'All is well.',
  'health.ready.status': 'All is well.',
  step: 'What is reckoned here.',
  subject_id: 'The id of what was changed.',
  subject_kind: 'What was changed: `key`, `merchant`, `rule` …',
  talent_agency_id: 'The agency of that talent; null for none.',
  talent_id: 'The promoter whose live room or content it was; null for none.',
  tier: 'A tier of promoters, in your words; null for none.',
  'RuleScope.tier': 'Lines that were won by promoters of this tier.',
  time_decay_half_life_days: 'Days after which a click weighs half, under the model `time_decay`.',
  time_zone: 'A zone of the IANA database, in which its days begin.',
  title: 'For people.',
  to: 'Before this time.',
  'Explanation.to': 'The kind of the account that it comes to.',
  'Transfer.to': 'The account that it comes to.',
  'PlanNode.to': 'Whom it pays: a role around the winner, the platform, or a named party.',
  'Reconciliation.to': 'The end of the time that is compared; null of a file.',
  totals: 'What each gets of the whole order, in minor units.',
  transfer_id: 'The transfer, by an id of ours.',
  transfers: 'What was booked for these lines, first to last.',
  type: 'What sort of word it is, in the words of its platform: `shop`, `pid`, `relation_id` …',
  'WebhookMessage.type': 'The type of the event.',
  'WebhookMessageDetail.type': 'The type of the event.',
  until: 'Until when.',
  url: 'Its address.',
  value: 'The word itself.',
  version: 'Counts up from 1 with every change.',
  versions: 'Every version there was.',
  void: 'Why the order does not count; false while it does.',
  weight: 'What the keys of its scope weigh in all.',
  winner: 'The rule that applies; null where none does.',
  won: 'Whether it won.',
  write_off_id: 'The write-off, by an id of ours.',
  zh: 'In Chinese.',
  approved_at: 'When it was approved; null while it is not.',
  approved_by: 'The key that approved it; null while nobody has.',
  batch_id: 'The batch, by an id of ours.',
  bytes: 'How long it is, in bytes.',
  cancelled_at: 'When the draft was cancelled; null while it is not.',
  cancelled_by: 'The key that cancelled it; null while nobody has.',
  changes: 'How it came to what it is, step by step.',
  confirmed_at: 'When a second person confirmed the change; null where nobody has.',
  country: 'The country of the payee, in two letters of ISO 3166.',
  deduction: 'The basic deduction of the counted months, in fen.',
  despite_debts: 'Whether who owes another merchant is paid what is above zero.',
  draft_id: 'The draft, by an id of ours.',
  drafted_at: 'When its money was set aside.',
  drafted_by: 'The key that drafted it; null for a schedule.',
  gross: 'Before tax, in minor units.',
  income: 'Income with this payment, in fen.',
  minimum: 'Who has less, before tax, is skipped.',
  net: 'What is sent, in minor units.',
  payout_id: 'The payout, by an id of ours.',
  payouts: 'How many payouts it has, without those that were dropped.',
  promoters: 'How many promoters.',
  provider_id: 'Who moves the money.',
  quick_deduction: 'The quick deduction of the bracket, in fen.',
  requested: 'Whether only those were drafted who asked to be paid.',
  returned_at: 'When the bank sent it back; null where it did not.',
  schedule_id: 'The schedule that drafted it; null where a person did.',
  scheme: 'By which rules the tax was reckoned; null before the approval.',
  skipped: 'Who was not paid, by reason.',
  tax_month: 'The month that its tax was reckoned for, as `2026-06`; null before the approval.',
  withheld: 'Tax, in minor units.',
  occurred_at: 'When it happened; now where it is left out.',
  payload: 'What the payee’s app opens the confirmation with.',
  secrets_set: 'The names of the secrets that are set; their values are never shown.',
};

/**
 * What stands in the place of a parameter of a path in examples: one world, which the bodies of the
 * examples set up.
 */
const PATH_EXAMPLES = {
  merchant_id: 'm1',
  product_id: 'p1',
  promoter_id: 'bob',
  source_id: 'shop',
  order_id: '1001',
  endpoint_id: 'erp',
  schedule_id: 'monthly',
  code: 'spring-bob',
  type: 'staff',
  value: '42',
};

export const API_DOCUMENT: Omit<OpenApiOptions, 'version'> = {
  title: 'Fenyong API',
  description: GUIDE,
  tags: TAGS,
  words: WORDS,
  pathExamples: PATH_EXAMPLES,
};
