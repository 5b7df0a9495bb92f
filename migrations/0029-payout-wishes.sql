-- Batches that are drafted by themselves, once a month.

create table payout_schedule (
  schedule_id text primary key check (length(schedule_id) between 1 and 128),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  day_of_month integer not null check (day_of_month between 1 and 31),
  time_zone text not null check (length(time_zone) between 1 and 64),
  minimum bigint not null check (minimum >= 0),
  provider_id text references payout_provider,
  next_at timestamptz not null,
  next_month text not null check (next_month ~ '^\d{4}-\d{2}$'),
  made_at timestamptz not null,
  changed_at timestamptz not null,
  stated_by uuid not null references api_key,
  stated_person text not null
);
comment on column payout_schedule.next_at is 'The first moment of the next day that it drafts on.';
comment on column payout_schedule.next_month is 'The month, in its zone, that this draft is for: each is drafted once.';
comment on column payout_schedule.stated_person is 'Who stated it last: the drafter of what it drafts, so that another person approves.';
create index payout_schedule_due on payout_schedule (next_at);
create index payout_request_of_promoter on payout_request (promoter_id, made_at);

revoke truncate on payout_schedule from fenyong_app;
