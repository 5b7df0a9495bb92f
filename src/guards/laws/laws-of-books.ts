// Laws of the ledger: it says of every order what was decided, moves money only along its paths,
// balances, and waits before it releases.

import { inRange, isGone, law, NOT_DUE, ORDER } from '../guard.ts';

const TRANSFERS = 'from transfer join orders using (order_key)';
const IN_RANGE = inRange('transfer', 'orders');
const WITH_AWARD = inRange('transfer', 'orders', 'award');
const SHOWN = `orders.order_key, ${ORDER}, transfer_id, transfer.kind, transfer.line_id, amount, transfer.currency`;

/** What a transfer adds to the share of its slot; a release only moves it. */
const SIGNED = `case transfer.kind when 'accrue' then amount when 'reverse' then -amount else 0 end`;

const epoch = (milliseconds: string) => `timestamptz 'epoch' + (${milliseconds})::bigint * interval '1 millisecond'`;

const sharesBooked = law(
  'orders',
  'shares_booked',
  `with decided as (
    select orders.order_key, line_id, share ->> 'role' as role, coalesce((share ->> 'level')::integer, 0) as level,
      coalesce(share ->> 'promoter_id', '') as promoter_id, coalesce(share ->> 'campaign_id', '') as campaign_id, award.currency,
      sum((share ->> 'amount')::bigint) as amount
    from orders join award using (order_key) join decision using (order_key, revision), jsonb_array_elements(shares) as share
    where ${inRange('orders', 'award', 'decision')} group by 1, 2, 3, 4, 5, 6, 7
  ), booked as (
    select orders.order_key, line_id, role, coalesce(level, 0)::integer as level, coalesce(promoter_id, '') as promoter_id,
      coalesce(campaign_id, '') as campaign_id, transfer.currency, sum(${SIGNED}) as amount
    ${TRANSFERS} where ${IN_RANGE} and transfer.kind in ('accrue', 'reverse') group by 1, 2, 3, 4, 5, 6, 7
  )
  select order_key, line_id, role, level, promoter_id, campaign_id, currency, decided.amount as decided, booked.amount as booked
  from decided full join booked using (order_key, line_id, role, level, promoter_id, campaign_id, currency)
  where coalesce(decided.amount, 0) <> coalesce(booked.amount, 0)`,
);

const voidEarnsNothing = law(
  'orders',
  'void_earns_nothing',
  `select orders.order_key, ${ORDER}, transfer.line_id, transfer.promoter_id, role, sum(${SIGNED}) as left_over
  ${TRANSFERS} join award using (order_key) left join decision on decision.order_key = orders.order_key
    and decision.revision = award.revision and decision.line_id = transfer.line_id and ${inRange('decision')}
  where ${WITH_AWARD} and ${NOT_DUE} and (is_void or refunded_amount >= paid_amount)
  group by orders.order_key, transfer.line_id, transfer.promoter_id, role having sum(${SIGNED}) <> 0`,
);

const slotsCovered = law(
  'orders',
  'slots_covered',
  `with moved as (
    select orders.order_key, ${ORDER}, line_id, role, level, transfer.promoter_id, campaign_id, transfer.revision, sum(${SIGNED}) as earned,
      sum(case transfer.kind when 'accrue' then amount when 'release' then -amount
        when 'reverse' then case source.kind when 'available' then 0 else -amount end else 0 end) as held
    ${TRANSFERS} join account source on source.account_id = from_account_id
    where ${IN_RANGE} group by orders.order_key, line_id, role, level, transfer.promoter_id, campaign_id, transfer.revision
  ), running as (
    select *, sum(earned) over slot as earned_by_then, sum(held) over slot as held_by_then
    from moved window slot as (partition by order_key, line_id, role, level, promoter_id, campaign_id order by revision)
  )
  select order_key, merchant_id, source_id, order_id, line_id, role, promoter_id, revision, earned_by_then, held_by_then
  from running where earned_by_then < 0 or held_by_then < 0`,
);

const transfersKeyed = law(
  'orders',
  'transfers_keyed',
  `select orders.order_key, ${ORDER}, transfer.revision, position, count(*) as transfers
  ${TRANSFERS} left join award on award.order_key = orders.order_key and ${inRange('award')}
  where ${IN_RANGE} group by orders.order_key, transfer.revision, position, award.revision
  having count(*) > 1 or award.revision is null or transfer.revision not between 1 and award.revision or position < 0`,
);

const transfersMoveRightly = law(
  'orders',
  'transfers_move_rightly',
  `select ${SHOWN}, source.kind as from_kind, target.kind as to_kind ${TRANSFERS}
  left join account source on source.account_id = from_account_id left join account target on target.account_id = to_account_id
  where ${IN_RANGE} and (
    (transfer.kind, source.kind, target.kind) not in (
      ('accrue', 'commission', 'pending'), ('accrue', 'commission', 'revenue'),
      ('reverse', 'pending', 'commission'), ('reverse', 'available', 'commission'), ('reverse', 'revenue', 'commission'),
      ('release', 'pending', 'available')
    ) and transfer.kind in ('accrue', 'reverse', 'release')
    or source.kind is null or target.kind is null
    or transfer.promoter_id is distinct from coalesce(source.promoter_id, target.promoter_id)
    or source.promoter_id <> target.promoter_id
    or (transfer.role = 'platform') <> ('revenue' in (source.kind, target.kind))
  )`,
);

/** A refund or dispute that is open for this line or for the whole order. */
const OPEN = `exists (
      select from jsonb_array_elements(merged -> 'refunds') as refund where refund -> 'status' ->> 0 = 'open'
        and coalesce(refund -> 'lineId' ->> 0, transfer.line_id) = transfer.line_id and not ${isGone('refund', 'refunds')}
      union all
      select from jsonb_array_elements(coalesce(merged -> 'disputes', '[]')) as dispute where dispute ->> 'state' = 'open'
        and coalesce(dispute -> 'lineId' ->> 0, transfer.line_id) = transfer.line_id)`;

const holdsKept = law(
  'orders',
  'holds_kept',
  `select ${SHOWN}, booked_at, ends_at, completed_at, line_hold.hold_days
  ${TRANSFERS}
  left join line_hold on line_hold.order_key = transfer.order_key and line_hold.line_id = transfer.line_id and ${inRange('line_hold')},
  lateral (
    select ${epoch(`coalesce(line ->> 'completedAt', case merged ->> 'status' when 'completed' then merged ->> 'completedAt' end)`)} as completed_at,
      ${epoch(`coalesce(line ->> 'settledAt', merged ->> 'settledAt')`)} as settled_at,
      ${epoch(`coalesce(line -> 'holdUntil' ->> 0, merged -> 'holdUntil' ->> 0)`)} as hold_until
    from jsonb_array_elements(merged -> 'lines') as line where line ->> 'lineId' = transfer.line_id
  ) as told
  where ${IN_RANGE} and transfer.kind = 'release' and (
    line_hold.released_at is null or booked_at < line_hold.released_at or ends_at > line_hold.released_at or completed_at is null
    or (orders.changed_at <= line_hold.released_at and (
      line_hold.released_at < completed_at + line_hold.hold_days * interval '24 hours' or line_hold.released_at < hold_until))
    or (booked_at = line_hold.released_at and orders.changed_at < booked_at - interval '5 minutes' and ${OPEN})
    or (coalesce(settled_at, 'infinity') > booked_at and exists (
      select from decision join rule_version on rule_version.rule_id = decision.rule_id and version = rule_version
      where decision.order_key = orders.order_key and decision.revision = transfer.revision and decision.line_id = transfer.line_id
        and plan ->> 'base' = 'platform_commission'))
  )`,
);

const balancesFolded = law(
  'whole',
  'balances_folded',
  `with summed as (
    select account_id, sum(amount) as summed from entry where booked_xid < (select below_xid from ledger_fold) group by account_id
  )
  select account_id, balance, summed from account_balance full join summed using (account_id)
  where coalesce(balance, 0) <> coalesce(summed, 0)`,
);

const bookSumsToZero = law(
  'orders',
  'book_sums_to_zero',
  `select account.currency, sum(amount) as sum
  from entry join account using (account_id)
  where ${inRange('entry')} group by account.currency having sum(amount) <> 0`,
);

/**
 * Every invoice of a merchant against what it owes and has paid, as both are answered. What is on
 * invoices is said here a second time: an invoice lists releases, what is taken back of what was
 * released, and the platform's shares.
 */
const invoicesSumToOwed = law(
  'whole',
  'invoices_sum_to_owed',
  `with moved as (
    select account_id, balance as amount from account_balance
    union all
    select account_id, amount from entry where booked_xid >= (select below_xid from ledger_fold) and booked_xid <= 9223372036854775807
  ), charged as (
    select merchant_id, currency, -sum(amount) as owed_and_paid from moved join account using (account_id)
    where kind in ('commission', 'pending', 'received') group by merchant_id, currency
  ), invoiced as (
    select transfer.merchant_id, transfer.currency, sum(case
      when (transfer.kind, source.kind, target.kind) in (
        ('release', 'pending', 'available'), ('accrue', 'commission', 'revenue'), ('accrue', 'commission', 'available')) then amount
      when (transfer.kind, source.kind) in (('reverse', 'available'), ('reverse', 'revenue')) then -amount else 0 end) as invoiced
    from transfer join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id
    where transfer.kind in ('release', 'reverse') or role = 'platform' or cause = 'bonus'
    group by transfer.merchant_id, transfer.currency
  )
  select merchant_id, currency, owed_and_paid, invoiced from charged full join invoiced using (merchant_id, currency)
  where coalesce(owed_and_paid, 0) <> coalesce(invoiced, 0)`,
);

const hashChainIntact = law(
  'whole',
  'hash_chain_intact',
  `select link_no, day from (
    select *, lag(hash, 1, decode(repeat('00', 32), 'hex')) over chain as hash_before, lag(link_no, 1, 0::bigint) over chain as no_before
    from ledger_link window chain as (order by link_no)
  ) as link
  where previous_hash <> hash_before or link_no <> no_before + 1
    or hash <> sha256(convert_to(concat_ws(e'\\n', link_no, to_char(day, 'YYYY-MM-DD'), transfers, encode(root, 'hex'),
      encode(previous_hash, 'hex')) || e'\\n', 'UTF8'))`,
);

export const LAWS_OF_BOOKS = [
  sharesBooked,
  voidEarnsNothing,
  slotsCovered,
  transfersKeyed,
  transfersMoveRightly,
  holdsKept,
  balancesFolded,
  bookSumsToZero,
  invoicesSumToOwed,
  hashChainIntact,
];
