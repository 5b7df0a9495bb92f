-- Re-ratings: orders of a time that are paid by the rules as they stand now, after a second person has seen what that changes.

create table re_rating (
  re_rating_id uuid primary key,
  state text not null check (state in ('running', 'ready', 'approved', 'executed', 'cancelled', 'failed')),
  rule_ids text[] check (cardinality(rule_ids) > 0),
  merchant_id text references merchant,
  period_from timestamptz not null,
  period_to timestamptz not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  reason text not null check (length(reason) between 1 and 1000),
  lowers boolean not null,
  made_at timestamptz not null,
  made_by uuid not null references api_key,
  made_person text not null,
  run integer not null default 0,
  attempts integer not null default 0,
  leased_until timestamptz,
  started_at timestamptz,
  orders_done bigint not null default 0,
  orders_of bigint,
  book_revision bigint,
  previewed_at timestamptz,
  content_hash bytea check (length(content_hash) = 32),
  result jsonb,
  approved_at timestamptz,
  approved_by uuid references api_key,
  approved_person text,
  approved_alone boolean,
  related_key boolean,
  executed_at timestamptz,
  cancelled_at timestamptz,
  cancelled_by uuid references api_key,
  failed_at timestamptz,
  error text,
  constraint re_rating_asks check (rule_ids is not null or merchant_id is not null),
  constraint re_rating_period check (period_from < period_to),
  constraint re_rating_previewed check (num_nulls(previewed_at, content_hash, result, book_revision) in (0, 4)
    and (state not in ('ready', 'approved', 'executed') or previewed_at is not null)),
  constraint re_rating_approved check (num_nulls(approved_at, approved_by, approved_person, approved_alone, related_key) in (0, 5)
    and (state in ('approved', 'executed')) = (approved_at is not null)),
  constraint re_rating_executed check ((state = 'executed') = (executed_at is not null)),
  constraint re_rating_cancelled check ((state = 'cancelled') = (cancelled_at is not null) and (cancelled_at is null) = (cancelled_by is null)),
  constraint re_rating_failed check ((state = 'failed') = (failed_at is not null) and (failed_at is null) = (error is null))
);
create index re_rating_unfinished on re_rating (made_at, re_rating_id) where state in ('running', 'approved');
comment on table re_rating is
  'A run that pays orders of a time by the rules as they stand now: previewed, approved by a second person, executed once.';
comment on column re_rating.state is
  'running: it is previewed, or waits for it. ready: it waits for a second person. approved: it is executed, or waits for it.';
comment on column re_rating.rule_ids is 'Only lines that one of these rules pays, or would pay now; null: whichever rule.';
comment on column re_rating.lowers is 'Whoever asked for it says that promoters may get less by it.';
comment on column re_rating.run is 'How often the preview was begun: a worker that takes it over begins it anew.';
comment on column re_rating.attempts is 'How many previews have ended without a word of their worker: after some of them it fails.';
comment on column re_rating.book_revision is 'The revision of the rule book by which it was previewed: it is approved by no other.';
comment on column re_rating.content_hash is
  'SHA-256 of all that is approved: the request, the revision of the book, and of each order its revision and difference.';
comment on column re_rating.related_key is 'The key that approved was made after it was asked for, or by the key that asked.';

create table re_rating_order (
  re_rating_id uuid not null references re_rating,
  order_key bigint not null references orders,
  revision integer not null check (revision > 0),
  before bigint not null,
  after bigint not null,
  moved bigint not null check (moved >= 0),
  lowers boolean not null,
  lines jsonb not null,
  digest bytea not null check (length(digest) = 32),
  state text not null default 'waiting' check (state in ('waiting', 'booked', 'changed_meanwhile', 'failed')),
  booked_revision integer,
  decided_at timestamptz,
  error text,
  primary key (re_rating_id, order_key),
  constraint re_rating_order_booked check ((state = 'booked') = (booked_revision is not null) and booked_revision is distinct from revision),
  constraint re_rating_order_decided check ((state = 'waiting') = (decided_at is null)),
  constraint re_rating_order_failed check ((state = 'failed') = (error is not null))
);
create index re_rating_order_waiting on re_rating_order (re_rating_id, order_key) where state = 'waiting';
create index re_rating_order_left_out on re_rating_order (re_rating_id, order_key) where state in ('changed_meanwhile', 'failed');
create index re_rating_order_of_order on re_rating_order (order_key);
comment on table re_rating_order is 'An order that a re-rating pays by another rule, and whether it was booked: each once.';
comment on column re_rating_order.revision is 'The award that was previewed: an order that has moved on is left out.';
comment on column re_rating_order.moved is 'By how much the shares of all who earn on it differ, more or less, in all.';
comment on column re_rating_order.lowers is 'Some promoter gets less of it.';
comment on column re_rating_order.lines is 'Which rule is chosen for which line, and why; the other lines stay as they are.';
comment on column re_rating_order.digest is 'SHA-256 of what is to be booked, and by which rules.';
comment on column re_rating_order.booked_revision is 'The award by which it was booked; null while it was not.';

create table re_rating_sum (
  re_rating_id uuid not null references re_rating,
  merchant_id text not null,
  promoter_id text not null,
  before bigint not null,
  after bigint not null,
  available bigint not null,
  primary key (re_rating_id, merchant_id, promoter_id)
);
comment on table re_rating_sum is 'What a re-rating adds up for each promoter of each merchant, over the orders that it changes.';
comment on column re_rating_sum.promoter_id is 'Empty for the platform.';
comment on column re_rating_sum.available is 'By how much it moves what is available: below zero, released or paid money is taken back.';

create unique index transfer_re_rated_once on transfer (cause_id, order_key, position) where cause = 're_rating';
comment on index transfer_re_rated_once is
  'A re-rating books the differences of an order once: a second time they would take the same places of another revision.';

create function refuse_change_of_decided_order() returns trigger language plpgsql as $$
begin
  raise exception '% %: what became of an order of a re-rating stays as it is', tg_table_name, tg_op;
end
$$;
create trigger re_rating_order_decided_unchanged before update or delete on re_rating_order
  for each row when (old.state <> 'waiting') execute function refuse_change_of_decided_order();
create function refuse_change_of_ended_re_rating() returns trigger language plpgsql as $$
begin
  raise exception '% %: a re-rating that is % stays as it is', tg_table_name, tg_op, old.state;
end
$$;
create trigger re_rating_ended_unchanged before update or delete on re_rating
  for each row when (old.state in ('executed', 'cancelled', 'failed')) execute function refuse_change_of_ended_re_rating();
revoke delete, truncate on re_rating from fenyong_app;
revoke truncate on re_rating_order, re_rating_sum from fenyong_app;
