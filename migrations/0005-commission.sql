-- The rules of the split, the queue of the award, its decisions.

create table rule (
  rule_id text primary key,
  made_at timestamptz not null
);

create table rule_version (
  rule_id text not null references rule,
  version integer not null check (version > 0),
  name text not null,
  scope jsonb not null,
  scope_key text not null,
  priority integer not null,
  effective_from timestamptz not null,
  effective_to timestamptz check (effective_to > effective_from),
  plan jsonb not null,
  recorded_at timestamptz not null,
  primary key (rule_id, version)
);
create index rule_version_scope on rule_version (scope_key, priority);
comment on table rule_version is 'Immutable. The version in force at the attribution time counts, and the decision pins it.';

create table rule_end (
  rule_id text primary key references rule,
  ends_at timestamptz not null,
  recorded_at timestamptz not null
);
comment on table rule_end is 'When a rule was ended for good: none of its versions is in force from then on.';

create table rule_book (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
insert into rule_book (revision) values (0);
comment on table rule_book is
  'Raised by every change of a rule, under its row lock: publishing is one at a time, and one read tells whether the rules are the latest.';

create table award_due (
  order_key bigint primary key references orders,
  due_at timestamptz not null,
  attempts integer not null default 0,
  error text
);
create index award_due_at on award_due (due_at);
comment on table award_due is
  'Orders whose books may differ from what they should be. Award deletes the row in the transaction that makes them equal.';

create table award (
  order_key bigint primary key,
  merchant_id text not null,
  revision integer not null check (revision > 0),
  state text not null check (state in ('none', 'estimated', 'confirmed', 'released', 'void')),
  decisions text[] not null,
  currency text,
  attribution_at timestamptz,
  hold_days integer,
  completed_at timestamptz,
  releases_at timestamptz,
  released_at timestamptz,
  recheck_at timestamptz,
  lock_promoter_id text,
  lock_link_code text,
  lock_clicked_at timestamptz,
  awarded_at timestamptz not null,
  constraint award_order foreign key (order_key, merchant_id) references orders (order_key, merchant_id)
);
create index award_releases on award (releases_at) where releases_at is not null;
create index award_rechecks on award (recheck_at) where recheck_at is not null;
create index award_undecided on award (merchant_id) where decisions && array['unattributed', 'no_rule'];
comment on table award is 'The head of an order''s award: which revision stands, and what time will change about it.';
comment on column award.hold_days is 'As the merchant''s terms were at the attribution time.';
comment on column award.releases_at is
  'When the hold ends; null while nothing can be released (not completed, a refund open, nothing earned) and once it was released.';
comment on column award.recheck_at is 'When an unattributed order is looked at again; null past the cutoff.';
comment on column award.lock_promoter_id is 'The promoter to whom this order locks its buyer for the orders after it.';

create table decision (
  order_key bigint not null references orders,
  revision integer not null,
  line_id text not null,
  product_id text,
  decision text not null check (decision in
    ('attributed', 'unattributed', 'no_rule', 'not_commissionable', 'duplicate_order', 'parent_earns', 'void', 'pending')),
  evidence text,
  promoter_id text,
  rule_id text,
  rule_version integer,
  quantity integer not null,
  paid_amount bigint not null,
  refunded_amount bigint not null,
  base bigint not null,
  pool bigint not null,
  shares jsonb not null,
  pinned jsonb,
  explanation json not null,
  primary key (order_key, revision, line_id),
  foreign key (rule_id, rule_version) references rule_version (rule_id, version),
  constraint decision_bounds check (0 <= pool and pool <= base and base >= 0 and refunded_amount >= 0 and paid_amount >= 0),
  constraint decision_attributed check ((decision = 'attributed') = (rule_id is not null)),
  constraint decision_pinned check ((decision = 'attributed') = (pinned is not null))
);
create index decision_of_promoter on decision (promoter_id, order_key) where promoter_id is not null;
comment on table decision is
  'What was decided of each line in each revision, and why; never changed. The standing one has the revision of the award.';
comment on column decision.shares is 'The net shares: [{role, level, promoter_id, amount}].';
comment on column decision.pinned is 'What the decision read and must read again: winners, weights, chains, parties, rule.';
comment on column decision.explanation is
  'Every evidence considered and why it lost, the rules that matched and why one won, the arithmetic step by step.';

create trigger rule_version_unchanged before update or delete on rule_version for each row execute function refuse_change();
create trigger rule_end_unchanged before update or delete on rule_end for each row execute function refuse_change();
create trigger decision_unchanged before update or delete on decision for each row execute function refuse_change();
create trigger decision_kept before truncate on decision for each statement execute function refuse_change();
revoke update, delete, truncate on rule_version, rule_end, decision from fenyong_app;

create table guard_result (
  name text primary key,
  kind text not null check (kind in ('law', 'alarm')),
  violations bigint not null,
  sample jsonb not null,
  checked_at timestamptz not null,
  took_ms integer not null
);
comment on table guard_result is 'What each guard last found.';
