-- What the guards need to be asked often: which rows are new to them, when they last read everything, and the habits of the sources.

alter table guard_result add column seen_up_to timestamptz;
alter table guard_result add column full_at timestamptz;
comment on column guard_result.seen_up_to is
  'Rows that were changed before this were read by the guard. Null for one that reads everything whenever it is asked.';
comment on column guard_result.full_at is 'When the guard last read everything.';

-- A summary of each range of pages costs next to nothing to keep, and leaves updates in place as they are.
create index orders_changed on orders using brin (changed_at) with (pages_per_range = 32, autosummarize = on);
create index award_awarded on award using brin (awarded_at) with (pages_per_range = 32, autosummarize = on);

create index orders_awaited on orders (made_at) where status = 'created' and attribution_at is null and source_id <> 'rest';
comment on index orders_awaited is 'Orders of which their own source has told nothing yet, or not that they were paid.';

create table source_habit (
  source_id text not null references source,
  hour_of_week smallint not null check (hour_of_week between 0 and 167),
  hours integer not null check (hours > 0),
  busy integer not null check (busy between 0 and hours),
  deliveries bigint not null check (deliveries >= busy),
  primary key (source_id, hour_of_week)
);
comment on table source_habit is 'How much a source usually tells in each hour of the week; what is long ago counts ever less.';
comment on column source_habit.hour_of_week is 'Hours since a Thursday 00:00 UTC, the day of the week on which Unix time began.';
comment on column source_habit.busy is 'In how many of these hours it told anything at all.';

create table habit_fold (
  only_row boolean primary key default true check (only_row),
  up_to timestamptz not null
);
comment on table habit_fold is 'The hours before this one are counted in source_habit, each once.';
revoke delete, truncate on habit_fold from fenyong_app;
