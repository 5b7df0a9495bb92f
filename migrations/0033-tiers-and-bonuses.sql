-- Tiers and bonuses: what promoters have won is kept line by line for as long as a program counts it, and programs say what comes of it.

create table program_reach (
  kind text not null check (kind in ('tier', 'bonus')),
  program_id text not null,
  merchant_id text references merchant,
  made_at timestamptz not null,
  seen_at_xid bigint,
  read_to bigint not null default 0,
  done_at timestamptz,
  primary key (kind, program_id)
);
comment on table program_reach is
  'Whose lines are kept because a program counts them. While there is no row, nothing at all is kept of what promoters win.';
comment on column program_reach.merchant_id is 'Null: those of all merchants.';
comment on column program_reach.seen_at_xid is
  'Transactions below this one may have awarded without knowing of the program; once they have ended, earlier orders are looked at.';
comment on column program_reach.read_to is 'The key up to which earlier orders were put down to be looked at.';
comment on column program_reach.done_at is 'When the last of them was; null while some are left.';

create table won_line_due (
  order_key bigint primary key references orders,
  due_at timestamptz not null,
  attempts integer not null default 0,
  error text
);
create index won_line_due_at on won_line_due (due_at);
comment on table won_line_due is
  'Orders of which the kept lines may differ from what was awarded. Written by the award, where a program counts its merchant.';

create table won_line (
  order_key bigint not null references orders,
  line_id text not null,
  promoter_id text not null references promoter,
  merchant_id text not null references merchant,
  currency text not null,
  completed_at timestamptz,
  amount bigint not null check (amount >= 0),
  is_released boolean not null,
  primary key (order_key, line_id, promoter_id)
);
create index won_line_of_promoter on won_line (promoter_id, merchant_id, completed_at) include (order_key, currency, amount, is_released);
create index won_line_completed on won_line (merchant_id, completed_at) include (order_key, promoter_id, currency, amount);
comment on table won_line is
  'What a promoter has won of a line on which something is left: made of the standing award, and made again whenever that changes.';
comment on column won_line.completed_at is 'Null while the line is not completed.';
comment on column won_line.amount is 'The kept paid amount times the promoter''s weight, rounded down.';

create table tier_program (
  program_id text primary key check (length(program_id) between 1 and 128),
  merchant_id text references merchant,
  time_zone text not null,
  next_month text not null check (next_month ~ '^\d{4}-\d{2}$'),
  made_at timestamptz not null,
  constraint tier_program_once unique nulls not distinct (merchant_id)
);
comment on table tier_program is 'Sets the tiers of promoters from their own figures, month by month: one for a merchant, and one for all.';
comment on column tier_program.time_zone is 'The merchant''s when the program was made: its months stay where they are.';
comment on column tier_program.next_month is 'The month whose figures are looked at next, once it has ended.';

create table tier_program_version (
  program_id text not null references tier_program,
  version integer not null check (version > 0),
  measure text not null check (measure in ('paid_amount', 'orders')),
  currency text check (currency ~ '^[A-Z]{3}$'),
  tiers jsonb not null,
  recorded_at timestamptz not null,
  primary key (program_id, version),
  constraint tier_program_version_currency check (measure = 'orders' or currency is not null)
);

create table tier_period (
  program_id text not null,
  effective_from timestamptz not null,
  month text not null,
  version integer not null,
  base_tier text,
  decided_at timestamptz not null,
  primary key (program_id, effective_from),
  constraint tier_period_once unique (program_id, month),
  foreign key (program_id, version) references tier_program_version (program_id, version)
);
comment on table tier_period is 'That the figures of a month have set the tiers from its end on, until the next month''s do.';
comment on column tier_period.base_tier is 'What promoters have of whom there is no row: the tier that asks for nothing, if there is one.';

create table promoter_tier (
  program_id text not null,
  effective_from timestamptz not null,
  promoter_id text not null references promoter,
  figure bigint not null check (figure >= 0),
  tier text not null,
  primary key (program_id, effective_from, promoter_id),
  foreign key (program_id, effective_from) references tier_period (program_id, effective_from)
);
create index promoter_tier_of_promoter on promoter_tier (promoter_id, program_id, effective_from);
comment on table promoter_tier is 'The tier that a promoter''s figure of a month has set for the time after it; never changed by what comes later.';

create table bonus_program (
  program_id text primary key check (length(program_id) between 1 and 128),
  merchant_id text not null references merchant,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  period text not null check (period in ('month', 'once')),
  time_zone text not null,
  made_at timestamptz not null
);
create index bonus_program_of_merchant on bonus_program (merchant_id, currency);
comment on table bonus_program is 'What promoters are paid beside the rules, for all that they have won in a period.';
comment on column bonus_program.time_zone is 'The merchant''s when the program was made: its months stay where they are.';

create table bonus_program_version (
  program_id text not null references bonus_program,
  version integer not null check (version > 0),
  measure text not null check (measure in ('paid_amount', 'orders')),
  steps jsonb not null,
  mode text not null check (mode in ('marginal', 'whole')),
  starts_at timestamptz,
  ends_at timestamptz check (ends_at > starts_at),
  recorded_at timestamptz not null,
  primary key (program_id, version)
);
comment on table bonus_program_version is
  'Immutable. A month is reckoned by the last version that was recorded before it ended, else by the first; what has no end by the latest.';

create table bonus (
  program_id text not null references bonus_program,
  promoter_id text not null references promoter,
  period text not null check (period = 'once' or period ~ '^\d{4}-\d{2}$'),
  version integer,
  figure bigint not null default 0 check (figure >= 0),
  amount bigint not null default 0 check (amount >= 0),
  revision integer not null default 0,
  released_at timestamptz,
  due_at timestamptz,
  primary key (program_id, promoter_id, period),
  foreign key (program_id, version) references bonus_program_version (program_id, version)
);
create index bonus_due on bonus (due_at) where due_at is not null;
comment on table bonus is 'What a promoter gets of a program for a period, as it was reckoned last; the books have every step to it.';
comment on column bonus.revision is 'How many transfers it has: each takes the next position of its cause, once and for all.';
comment on column bonus.released_at is
  'When it was released after the end of its period, which is for good: later differences go where the money is.';
comment on column bonus.due_at is 'When it is to be reckoned again: what it counts has changed, or its period ends then.';

create trigger tier_program_version_unchanged before update or delete on tier_program_version for each row execute function refuse_change();
create trigger tier_program_version_kept before truncate on tier_program_version for each statement execute function refuse_change();
create trigger tier_period_unchanged before update or delete on tier_period for each row execute function refuse_change();
create trigger tier_period_kept before truncate on tier_period for each statement execute function refuse_change();
create trigger promoter_tier_unchanged before update or delete on promoter_tier for each row execute function refuse_change();
create trigger promoter_tier_kept before truncate on promoter_tier for each statement execute function refuse_change();
create trigger bonus_program_version_unchanged before update or delete on bonus_program_version for each row execute function refuse_change();
create trigger bonus_program_version_kept before truncate on bonus_program_version for each statement execute function refuse_change();
revoke update, delete, truncate on tier_program_version, tier_period, promoter_tier, bonus_program_version from fenyong_app;
revoke delete, truncate on program_reach, tier_program, bonus_program, bonus from fenyong_app;
