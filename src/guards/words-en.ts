// What each guard says in English: while it holds, when it is broken, and what its reader is to do
// then.

/** Each one sentence or a few, for people who answer for money and not for the program. */
export interface GuardWords {
  /** What holds while the guard is silent. */
  says: string;
  /** What is the matter when it is not. */
  broken: string;
  /** What its reader does then. */
  whatToDo: string;
}

/** What only we can mend. */
const FAULT =
  'Run `node src/start.mjs audit`, which names every order whose books differ, pay out nothing of them, and report both: it is a fault of the program.';

export const GUARDS_EN: Readonly<Record<string, GuardWords>> = {
  // The laws.
  deliveries_finished: {
    says: 'Every report that we acknowledged is processed, parked or failed within a minute of being due.',
    broken: 'A report that we acknowledged has waited for more than a minute since it was due.',
    whatToDo:
      'See that a worker runs and that the database answers it; GET /v1/deliveries?state=received shows what waits, and the worker’s log why.',
  },
  effects_once: {
    says: 'Every processed report has had its whole effect on orders, and had it once.',
    broken: 'A processed report has had its effect on orders in part, or more than once.',
    whatToDo: FAULT,
  },
  deliveries_once: {
    says: 'A report whose very bytes its source had pushed or told before is the same report, and is kept once.',
    broken: 'The very same report was kept twice.',
    whatToDo: FAULT,
  },
  parts_once: {
    says: 'No line and no refund counts twice in one order.',
    broken: 'A line or a refund counts twice in one order.',
    whatToDo: FAULT,
  },
  one_door: {
    says: 'No order exists that nobody has reported to us.',
    broken: 'An order exists that nobody has reported: something wrote to the table of orders past the door.',
    whatToDo: `Find out who besides the service writes to the database, and take that right away. ${FAULT}`,
  },
  orders_read_off: {
    says: 'Status, void, currency, parent and time of an order are what its reports say together.',
    broken: 'Status, void, currency, parent or time of an order are not what its reports say together.',
    whatToDo: FAULT,
  },
  paid_orders_decided: {
    says: 'Every line of a paid order has a decision.',
    broken: 'A line of a paid order has no decision.',
    whatToDo: `See that a worker runs; an order that stays without one fails to be awarded, which the alarm retried_awards shows with its error. ${FAULT}`,
  },
  awards_in_time: {
    says: 'No order waits longer than a minute for its commission, and no ended hold longer than five for its release.',
    broken: 'An order waits longer than a minute for its commission, or an ended hold longer than five for its release.',
    whatToDo: 'See that a worker runs and keeps up (fenyong_due_work_age_seconds in /metrics); start further workers where it does not.',
  },
  amounts_recomputed: {
    says: 'What was paid for and refunded on each line, and the base of its commission, are what the reports add up to.',
    broken: 'What is booked as paid, refunded or as the base of a line is not what its reports add up to.',
    whatToDo: FAULT,
  },
  orders_earn_once: {
    says: 'An order that two sources of one kind report, or that was split into others, earns once.',
    broken: 'An order that two sources report, or that was split, earns twice.',
    whatToDo: FAULT,
  },
  shares_within_pool: {
    says: 'The shares of a line are positive and not more than its pool, the pool is not more than its base, and only attributed lines have any.',
    broken: 'A line pays more than its pool, has a pool above its base, or pays without being attributed.',
    whatToDo: FAULT,
  },
  pools_by_rule: {
    says: 'The pool of a line is what the rate, the fixed amount and the caps of its rule make of its base, to the fen.',
    broken: 'The pool of a line is not what its rule makes of its base.',
    whatToDo: FAULT,
  },
  heads_read_off: {
    says: 'What an award says in all is what the decisions on its lines say.',
    broken: 'An award says in all something else than the decisions on its lines.',
    whatToDo: FAULT,
  },
  drafts_by_two: {
    says: 'Every draft of a change of what is earned was approved by somebody who did not write it, and what was published of it is there.',
    broken: 'A draft was approved by somebody who wrote it, or what was published of it is not there.',
    whatToDo: FAULT,
  },
  rules_in_force: {
    says: 'Every line is split by a rule version that was in force when its order was paid, or at its click where the merchant locks rates.',
    broken: 'A line is split by a rule version that was in force neither when its order was paid nor at a click that locks its rate.',
    whatToDo: FAULT,
  },
  credits_due: {
    says: 'Whoever is credited by a link or click has it from this very merchant, by a person and not a bot, and inside its window.',
    broken: 'Somebody is credited by a link or click of another merchant, of a bot, or outside of its window.',
    whatToDo: FAULT,
  },
  winners_whole: {
    says: 'The winners of a line share exactly the whole of it, each once, and the heaviest stands for it.',
    broken: 'The winners of a line do not share exactly the whole of it.',
    whatToDo: FAULT,
  },
  inviters_acyclic: {
    says: 'Nobody is, through whatever others, invited by themselves.',
    broken: 'Somebody is, through others, invited by themselves.',
    whatToDo:
      'State one of the promoters of the sample anew without that inviter: PUT /v1/promoters/{promoter_id}. Chains that were frozen before stay as they are.',
  },
  chains_sound: {
    says: 'A referral chain holds nobody twice nor its own winner, goes no further above the seller than is allowed, and pays who stands in it.',
    broken:
      'A referral chain holds somebody twice, goes further above the seller than is allowed, or pays somebody who does not stand in it.',
    whatToDo: `Where REFERRAL_LEVELS_MAX was lowered, raise it again to what older orders were paid by. ${FAULT}`,
  },
  shares_booked: {
    says: 'Every share that was decided is in the books with exactly its amount and currency, and nothing else is.',
    broken: 'A share that was decided is not in the books with its amount, or something is in the books that was not decided.',
    whatToDo: FAULT,
  },
  void_earns_nothing: {
    says: 'A void order and a line that was refunded in full leave nobody any commission.',
    broken: 'A void order, or a line that was refunded in full, still leaves commission.',
    whatToDo: FAULT,
  },
  slots_covered: {
    says: 'No more is taken back or released of a share than was earned of it before: after every revision something or nothing is left.',
    broken: 'More was taken back or released of a share than was earned of it.',
    whatToDo: FAULT,
  },
  transfers_keyed: {
    says: 'Every transfer stands for one place in one revision of one award, and no place is booked twice.',
    broken: 'A transfer stands for no revision of an award, or a place is booked twice.',
    whatToDo: FAULT,
  },
  transfers_move_rightly: {
    says: 'Money moves only as its kind allows: earned from the merchant, released from pending to available, never between two people.',
    broken: 'Money has moved in a way that its kind does not allow.',
    whatToDo: FAULT,
  },
  holds_kept: {
    says: 'Nothing was released before its line was completed, its hold had ended, and no refund or dispute was open.',
    broken: 'Money was released before its line was completed, before its hold had ended, or while a refund or dispute was open.',
    whatToDo: `Pay out nothing of the orders of the sample. ${FAULT}`,
  },
  balances_folded: {
    says: 'The balance that is kept of every account is the sum of its transfers.',
    broken: 'A balance that is kept is not the sum of its transfers. The transfers are the books, and are not affected.',
    whatToDo:
      'Run `node src/start.mjs rebuild-balances`: it adds up all balances again from the transfers, beside a running service. Then ask this guard anew.',
  },
  book_sums_to_zero: {
    says: 'In every currency what all accounts have gained and lost is nothing in all: no money is made and none vanishes.',
    broken: 'In a currency the accounts do not add up to nothing.',
    whatToDo: FAULT,
  },
  invoices_sum_to_owed: {
    says: 'All invoices of a merchant add up to what it owes and what it has paid.',
    broken: 'The invoices of a merchant do not add up to what it owes and what it has paid.',
    whatToDo: FAULT,
  },
  hash_chain_intact: {
    says: 'The links of the hash chain over the books hold on to each other, none missing and none changed.',
    broken: 'A link of the hash chain over the books is missing or was changed.',
    whatToDo: `Compare with the last hash that you keep elsewhere (\`node src/start.mjs audit\` prints it), and find out who may write to the database past the service. ${FAULT}`,
  },
  merchants_agree: {
    says: 'Source, reports, buyer, award, rules, transfers and accounts of an order are all of its own merchant.',
    broken: 'Rows of one merchant hang on an order of another.',
    whatToDo: FAULT,
  },
  links_descend: {
    says: 'A link that was shared again is of the same merchant as the first one, and keeps in its chain everybody above it, nobody twice.',
    broken: 'A link that was shared again is not of the merchant of the first one, or its chain lacks somebody or holds somebody twice.',
    whatToDo: FAULT,
  },
  idempotency_keys_finished: {
    says: 'Every request that is to be done once is done or gone: none is stuck, and none is done without its answer.',
    broken: 'A request that is to be done once is stuck, or is done without its answer.',
    whatToDo:
      'Look whether the request had its effect, let its sender ask again under another key where it had not, and report it: it is a fault of the program.',
  },
  changes_audited: {
    says: 'Every change of a merchant, product, promoter, rule, source, mapping or key is in the audit log.',
    broken: 'Something was changed that the audit log does not tell of: it was written past the API.',
    whatToDo: 'Find out who besides the service writes to the database, and take that right away.',
  },
  append_only_kept: {
    says: 'The database itself still refuses to change or delete what is written once: books, decisions, rules, reports.',
    broken: 'The database would let the service change or delete what is written once.',
    whatToDo:
      'Somebody has disabled a trigger or granted a right by hand: enable the trigger (`alter table … enable trigger …`) and revoke the right from fenyong_app, as the sample says.',
  },
  commits_durable: {
    says: 'The database says that something is stored only once it would survive a crash.',
    broken: 'The database says that something is stored before it would survive a crash.',
    whatToDo: 'Set fsync, full_page_writes and synchronous_commit to on in the configuration of PostgreSQL, and reload it.',
  },
  // The alarms.
  dead_letters: {
    says: 'No report was given up on.',
    broken: 'Reports were given up on: their orders lack what these say.',
    whatToDo:
      'GET /v1/deliveries?state=failed shows each with its error. Mend the cause, then POST /v1/deliveries/{id}/replays, or all of them by filter.',
  },
  parked_reports: {
    says: 'No report waits for something that we do not know yet, such as the mapping of a shop.',
    broken: 'Reports wait for something, such as the mapping of a shop that we do not know yet.',
    whatToDo:
      'The sample says what each waits for: make the merchant, or PUT /v1/sources/{source_id}/mappings/{type}/{value}. They go on by themselves. An order that is too large needs a higher ORDER_LINES_MAX or ORDER_REFUNDS_MAX and a replay, an unknown code of a platform a later version.',
  },
  retried_reports: {
    says: 'No report has to be tried again and again.',
    broken: 'Reports fail and are tried again and again.',
    whatToDo:
      'The sample shows the error of each. Where the database is slow or full, mend that; else the report is given up in the end, and can be replayed.',
  },
  retried_awards: {
    says: 'No order fails to be awarded.',
    broken: 'Orders fail to be awarded, and are tried again.',
    whatToDo: `The sample shows the error of each, and the worker’s log more of it. ${FAULT}`,
  },
  changed_bodies: {
    says: 'No sender has signed two different reports with one and the same id within a week.',
    broken: 'A sender has signed two different reports with one id within a week.',
    whatToDo:
      'Both were kept and merged. Ask the sender which is right: an id that is used again means a fault there, or that somebody knows the secret; then rotate it.',
  },
  sender_clocks: {
    says: 'No sender tells of what has not happened yet: its clock is not more than five minutes ahead of ours.',
    broken: 'A sender tells of what has not happened yet: its clock is more than five minutes ahead of ours.',
    whatToDo: 'Let the sender set its clock by NTP; times that lie in the future can shift windows and rules.',
  },
  reports_ahead: {
    says: 'No report claims to be later than its receipt by more than its merchant lets clocks differ.',
    broken: 'Reports claim to be later than their receipt by more than their merchant lets clocks differ.',
    whatToDo: 'They were read as told when they came. Let their sender set its clock by NTP; where its clock is right, set ours.',
  },
  waiting_erasures: {
    says: 'Every buyer who is to be forgotten is forgotten within a day.',
    broken: 'A buyer who is to be forgotten is not forgotten after a day.',
    whatToDo:
      'See that a worker runs, and its log for errors of the task erasures. A file that was uploaded before and is not read yet keeps an erasure from ending: GET /v1/reconciliations/{id} says why it waits.',
  },
  silent_sources: {
    says: 'No order system has fallen silent for longer than is its habit at this hour of the week.',
    broken: 'An order system has been silent for longer than is its habit at this hour of the week.',
    whatToDo:
      'Look there whether orders come in, whether its webhook still points here and its subscription is alive; then POST /v1/reconciliations for the time of silence.',
  },
  missing_webhooks: {
    says: 'Every order that a storefront told of was reported by its own source within twice its usual delay.',
    broken: 'Storefronts told of orders of which their own source has not reported within twice its usual delay.',
    whatToDo:
      'Look at the webhooks of that source, then POST /v1/reconciliations for that time. An order that a storefront only began was never paid, and needs nothing.',
  },
  untold_orders: {
    says: 'Storefronts that tell us who bought go on telling: no order of their source comes without their word.',
    broken: 'A storefront that used to tell us who bought has stopped: orders come without its word.',
    whatToDo:
      'Look whether the shop’s page still sends its clicks and orders (its script, its key, its last release): without it orders go to nobody.',
  },
  subscriptions_alive: {
    says: 'No order system that used to push has orders of which we learn by other ways only: its subscription may have been ended.',
    broken: 'An order system that used to push has orders of which we learn by other ways only: its subscription may have been ended.',
    whatToDo:
      'Subscribe there again; platforms end a subscription after some failures without a word. POST /v1/reconciliations fetches what is missing.',
  },
  unattributed_jump: {
    says: 'The part of the orders of a source that nobody earns has not doubled of late: links, tokens and mappings still arrive.',
    broken: 'The part of a source’s orders that nobody earns has doubled of late: links, tokens or mappings no longer arrive.',
    whatToDo:
      'Look whether the shop still passes on fy_click, whether new positions or promoters lack a mapping, and whether a policy was changed. Orders are awarded again by themselves once the evidence is there.',
  },
  unknown_products: {
    says: 'Every product that was bought is one we know.',
    broken: 'Products were bought that we do not know.',
    whatToDo:
      'PUT /v1/merchants/{merchant_id}/products/{product_id}, or load them in bulk. Until then they earn by the category of their line.',
  },
  unknown_codes: {
    says: 'Every link, coupon, token and promoter that orders of the last week name is one we know.',
    broken: 'Orders of the last week name links, coupons, tokens or promoters that we do not know.',
    whatToDo:
      'The sample says which and why: state the coupon or the promoter, or find who writes such codes. The orders are awarded again by themselves.',
  },
  over_refunds: {
    says: 'No more was refunded for an order than was paid for it.',
    broken: 'More was refunded for an order than was paid for it.',
    whatToDo:
      'Compare the order with its shop: a refund that was told twice under two ids, or an amount with freight, is the usual reason. Commission is never below nothing by it.',
  },
  currency_conflicts: {
    says: 'The reports of an order agree on its currency.',
    broken: 'Reports of an order disagree on its currency; it earns nothing until they agree.',
    whatToDo: 'Find which sender names the wrong currency, and let it report the order again.',
  },
  old_negative_balances: {
    says: 'Nobody has owed us money for more than thirty days.',
    broken: 'Somebody has owed us money for more than thirty days.',
    whatToDo:
      'GET /v1/debts lists them by age. Later earnings are netted against a debt by themselves; where none will come, ask the promoter for it, and write off what has aged for more than ninety days: POST /v1/debts/write-offs, which a second person approves.',
  },
  claims_overdue: {
    says: 'Every claim of a promoter has been seen to within its time.',
    broken: 'A claim of a promoter has not been seen to within its time.',
    whatToDo: 'GET /v1/claims?state=open lists them; decide each by POST /v1/claims/{id}/decision.',
  },
  partitions_made: {
    says: 'The monthly partitions of clicks, touches, deliveries and their reports are made ahead, and nothing lies outside of them.',
    broken: 'Monthly partitions are not made ahead, or something lies outside of them.',
    whatToDo:
      'See that a worker runs: every ten minutes it makes them three months ahead, and gives a range of its own to what lies in a partition named …_other. Nothing is lost meanwhile. After an upgrade of large tables this takes a while; where it goes on for a day, look in the log of the worker for the task partitions, and for transactions that were left open.',
  },
  clocks_agree: {
    says: 'The clocks of this machine and of the database are less than two seconds apart.',
    broken: 'The clocks of this machine and of the database are two seconds apart or more.',
    whatToDo: 'Set both by NTP.',
  },
  spool_empty: {
    says: 'No click waits on the disk of this process for the database to come back.',
    broken: 'Clicks wait on the disk of this process for the database, or a file of them is damaged.',
    whatToDo:
      'They are written by themselves once the database is back. A file that ends with .damaged in DATA_DIR/spool holds a line that cannot be read: look at it, and remove it then.',
  },
  stalled_feeds: {
    says: 'Every list by which an order system is asked is read as often as its source says, and gets further.',
    broken: 'A list by which an order system is asked has not been read for too long, or gets no further.',
    whatToDo:
      'GET /v1/sources/{id} shows for each list when it was asked and read, to which time, and its error. Orders of meanwhile are fetched by themselves once it is read again.',
  },
  refused_keys: {
    says: 'Every order system accepts the keys and rights with which we ask it.',
    broken: 'An order system refuses our keys, or the right to ask what we ask.',
    whatToDo: 'Renew the authorisation at the platform and state the secrets anew by PUT /v1/sources/{id}; asking goes on at once.',
  },
  fold_advances: {
    says: 'What was booked more than five minutes ago is folded into the balances that are kept.',
    broken: 'Balances have not been folded for more than five minutes. They are still answered exactly, but ever more slowly.',
    whatToDo: 'See that a worker runs, and that no transaction has been left open on the database for hours (pg_stat_activity).',
  },
  counted_orders: {
    says: 'What statistics count of an order is what was awarded and booked of it.',
    broken: 'Statistics count an order otherwise than it was awarded or booked.',
    whatToDo:
      'The books are not touched by it. Let `node src/start.mjs rebuild-statistics` count anew, and report it: it is a fault of the program.',
  },
  rollups: {
    says: 'What statistics sum up by time is what clicks, links, orders and bookings say.',
    broken: 'Statistics of some hour or day say something else than its clicks, links, orders and bookings.',
    whatToDo:
      'The books are not touched by it. Let `node src/start.mjs rebuild-statistics` count anew, and report it: it is a fault of the program.',
  },
  statistics_advance: {
    says: 'What came more than five minutes ago is folded into the statistics.',
    broken: 'Statistics have not been folded for more than five minutes. They are still answered exactly, but ever more slowly.',
    whatToDo: 'See that a worker runs, and that no transaction has been left open on the database for hours (pg_stat_activity).',
  },
  secrets_in_database: {
    says: 'The secrets of the service lie apart from its database.',
    broken: 'Secrets of the service lie in the database, where every dump shows them.',
    whatToDo: 'Run `node src/start.mjs move-keys`, and keep a copy of DATA_DIR/keys apart from the backups of the database.',
  },
};
