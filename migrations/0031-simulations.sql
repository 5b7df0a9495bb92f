-- Rehearsals of rules: what orders would have earned under changes. Nothing of it moves money.

create table rule_simulation (
  simulation_id uuid primary key,
  state text not null check (state in ('running', 'done', 'cancelled', 'failed')),
  changes jsonb not null,
  period_from timestamptz not null,
  period_to timestamptz not null,
  merchant_id text references merchant,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  made_at timestamptz not null,
  made_by uuid not null references api_key,
  run integer not null default 0,
  attempts integer not null default 0,
  leased_until timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  orders_done bigint not null default 0,
  orders_of bigint,
  result jsonb,
  error text,
  constraint rule_simulation_period check (period_from < period_to),
  constraint rule_simulation_finished check ((state = 'running') = (finished_at is null)),
  constraint rule_simulation_done check ((state = 'done') = (result is not null)),
  constraint rule_simulation_failed check ((state = 'failed') = (error is not null))
);
create index rule_simulation_running on rule_simulation (made_at, simulation_id) where state = 'running';
create index rule_simulation_finished_at on rule_simulation (finished_at) where state <> 'running';
comment on table rule_simulation is 'A rehearsal: changes of rules, and what the orders of a period would have earned under them.';
comment on column rule_simulation.state is 'Running also while it waits for a worker, which has not started it then.';
comment on column rule_simulation.run is
  'How often it was begun: a worker that takes it over begins it anew, and what an earlier run has written is not read.';
comment on column rule_simulation.attempts is
  'How many runs have ended without a word of their worker: after some of them it fails.';
comment on column rule_simulation.leased_until is 'Until when the worker that runs it need not say that it still does.';
comment on column rule_simulation.orders_of is 'How many orders are looked at; null until they are listed.';

create table rule_simulation_sum (
  simulation_id uuid not null references rule_simulation,
  run integer not null,
  kind text not null check (kind in ('promoter', 'role', 'product', 'day')),
  merchant_id text not null,
  name text not null,
  before bigint not null,
  after bigint not null,
  primary key (simulation_id, run, kind, merchant_id, name)
);
comment on table rule_simulation_sum is 'What a rehearsal adds up, by whom and what it is of.';
comment on column rule_simulation_sum.merchant_id is 'Of products, whose ids are a merchant''s own; else empty.';
comment on column rule_simulation_sum.name is
  'The promoter, the role, the product or the day; empty for the platform, and for lines without a product.';

create table rule_simulation_order (
  simulation_id uuid not null references rule_simulation,
  run integer not null,
  order_key bigint not null references orders,
  before bigint not null,
  after bigint not null,
  moved bigint not null check (moved > 0),
  primary key (simulation_id, run, order_key)
);
comment on table rule_simulation_order is 'An order that would have earned otherwise.';
comment on column rule_simulation_order.moved is 'By how much the shares of all who earn on it differ, more or less, in all.';

revoke truncate on rule_simulation, rule_simulation_sum, rule_simulation_order from fenyong_app;
