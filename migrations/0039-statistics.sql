-- Live statistics: what is counted stands in roll-ups below a watermark, and whoever reads adds what lies above it. Facts carry the number of
-- their transaction in the count of the ledger, which goes on over restores. Rows of before have none, and are counted by a pass of their own.

-- Whoever wants to write waits behind a lock that is waited for: so it is asked for by instants. All tables are locked at once or none is, so
-- that nothing is held while something is waited for that somebody else will not give before.
set local lock_timeout = '300ms';
do $$ begin
  loop
    begin
      lock table award, product_version, promoter_version, link, click in access exclusive mode;
      exit;
    exception when lock_not_available then
      perform pg_sleep(0.2);
    end;
  end loop;
end $$;
set local lock_timeout = '60s';

-- Each column is added without a default, so that no row is rewritten and those of before stay null; what is written from now on has one.
alter table award add column awarded_xid bigint, add column progress jsonb;
alter table award alter column awarded_xid set default ledger_xid();
comment on column award.awarded_xid is 'What wrote it last, by ledger_xid(); null: it was last written before statistics were kept.';
comment on column award.progress is
  'How far attributed lines have come, as last awarded: [{line_id, is_completed, refunds}], of those of which there is something to say. '
  'Null where a version of before awarded: there the reports of the order say it.';
create index award_numbers on award (awarded_xid) where awarded_xid is not null;

-- A process of the version before changes awards too while a fleet is updated, and knows nothing of their number.
create function number_award() returns trigger language plpgsql as $$
begin
  -- Whoever changes it twice has said so before.
  if new.awarded_xid = ledger_xid() then return new; end if;
  new.awarded_xid := ledger_xid();
  new.progress := null;
  return new;
end $$;
comment on function number_award is 'Trigger of awards that are changed by whoever does not say in which transaction: it is said for them.';
create trigger award_numbered before update on award
  for each row when (new.awarded_xid is not distinct from old.awarded_xid) execute function number_award();

alter table product_version add column recorded_xid bigint;
alter table product_version alter column recorded_xid set default ledger_xid();
comment on column product_version.recorded_xid is 'What recorded it, by ledger_xid(): a click knows nothing of what was recorded after it.';
alter table promoter_version add column recorded_xid bigint;
alter table promoter_version alter column recorded_xid set default ledger_xid();
comment on column promoter_version.recorded_xid is 'As with products.';

alter table link add column made_xid bigint;
alter table link alter column made_xid set default ledger_xid();
comment on column link.made_xid is 'What made it, by ledger_xid(); null for links of before statistics were kept.';
create index link_made on link using brin (made_at) with (pages_per_range = 32, autosummarize = on);
create index link_numbers on link (made_xid) where made_xid is not null;

alter table click add column recorded_xid bigint;
-- Clicks come by COPY, which asks for a default of every row. A function that reads a table costs as much as the row itself: so the offset of
-- the count, which changes only where books are restored into a younger cluster, stands in the default.
create function number_clicks() returns void language plpgsql set search_path = pg_catalog, public as $$
begin
  execute format('alter table public.click alter column recorded_xid set default (pg_current_xact_id()::text::bigint + %s)',
    (select xid_offset from public.ledger_fold));
end $$;
comment on function number_clicks is 'Lets clicks be numbered as ledger_xid() numbers. The owner''s.';
revoke execute on function number_clicks from public;
select number_clicks();
comment on column click.recorded_xid is 'What recorded it, by ledger_xid(); null for clicks of before statistics were kept.';
-- Partitions that are over get their index later, one at a time: what is not folded is asked for by its id too, which leaves them out.
do $$
declare
  part text;
begin
  if not is_larger_than('click', 10000) then
    create index click_numbers on click (recorded_xid) where recorded_xid is not null;
    return;
  end if;
  create index click_numbers on only click (recorded_xid) where recorded_xid is not null;
  for part in select partition from partition_ranges('click') where is_default or upper_at > now() loop
    execute format('create index %I on public.%I (recorded_xid) where recorded_xid is not null', part || '_numbers', part);
    execute format('alter index public.click_numbers attach partition public.%I', part || '_numbers');
  end loop;
end $$;

create function number_click_partition() returns text
language plpgsql set search_path = pg_catalog, public as $$
declare
  part text;
begin
  select partition into part from partition_ranges('click') where not exists (
    select from pg_index join pg_inherits on inhrelid = indexrelid
    where indrelid = ('public.' || partition)::regclass and inhparent = 'public.click_numbers'::regclass
  ) order by lower_key desc nulls last limit 1;
  if part is null then return null; end if;
  execute format('create index %I on public.%I (recorded_xid) where recorded_xid is not null', part || '_numbers', part);
  execute format('alter index public.click_numbers attach partition public.%I', part || '_numbers');
  return part || ': numbered';
end $$;
comment on function number_click_partition is
  'Gives a partition of clicks of before the index of numbers, in which nothing of it stands; null when all have it. Nobody writes there any more.';

-- As before, but the partitions have all their indexes before they are grouped, because a group reads those that have not.
create or replace function keep_clicks() returns text
language plpgsql set search_path = pg_catalog, public as $$
declare
  gap record;
  month timestamptz;
  step text;
begin
  step := number_click_partition();
  if step is not null then return step; end if;
  select lag(upper_key) over ranges as after, lower_key as before into gap from partition_ranges('click') where not is_default
    window ranges as (order by lower_key nulls first)
    order by (lag(upper_key) over ranges is not distinct from lower_key), lower_key nulls first limit 1;
  if gap.before is distinct from gap.after then
    perform fill_click_gap(gap.after, gap.before);
    return 'click: gap filled';
  end if;
  select date_trunc('month', lower_at at time zone 'UTC') at time zone 'UTC' into month from partition_ranges('click')
    where upper_at <= month_after(lower_at) and to_char(lower_at at time zone 'UTC', '"click_"YYYYMM') <> partition
      and month_after(lower_at) <= (select max(upper_at) from partition_ranges('click'))
    order by lower_at limit 1;
  return case when month is null then null else group_click_month(month) end;
end $$;

-- Ids of clicks carry the time of the click. What a spool brings back long after that is put down here, until it is folded.
create table late_click (
  click_id uuid primary key,
  recorded_xid bigint not null default ledger_xid()
);
comment on table late_click is
  'Clicks that were recorded 12 hours or longer after the time in their id, until they are folded: nobody need look for them in old months.';

create table statistics_fold (
  only_row boolean primary key default true check (only_row),
  below_xid bigint not null,
  complete_at timestamptz not null,
  advanced_at timestamptz not null,
  history_below_xid bigint not null,
  orders_up_to bigint not null default -1,
  links_up_to text not null default '',
  clicks_up_to uuid not null default '00000000-0000-0000-0000-000000000000',
  bonuses_up_to text not null default '',
  history_done_at timestamptz
);
comment on table statistics_fold is 'How far the facts are counted.';
comment on column statistics_fold.below_xid is 'Facts of transactions below this one are in counted and the roll-ups, the others are not.';
comment on column statistics_fold.complete_at is
  'When all that had been committed was counted: no click with a time in its id of a day before this is uncounted, but for late clicks.';
comment on column statistics_fold.advanced_at is 'When the fold last took something.';
comment on column statistics_fold.history_below_xid is 'Bonuses that were booked by transactions below this one are of before.';
comment on column statistics_fold.orders_up_to is
  'Up to which key awards without a number are counted. So it is with links, clicks and bonuses; each is looked through once.';
comment on column statistics_fold.history_done_at is 'When the last of them was; until then nobody is told figures.';
insert into statistics_fold (below_xid, complete_at, advanced_at, history_below_xid, history_done_at)
select oldest, now(), now(), oldest, case when not exists (select from award) and not exists (select from link)
    and not exists (select from click) and not exists (select from transfer) then now() end
from (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset as oldest from ledger_fold) as count_of_ledger;
revoke insert, delete, truncate on statistics_fold from fenyong_app;

create table counted (
  order_key bigint references orders,
  line_id text,
  basis text not null check (basis in ('order', 'booking')),
  at timestamptz not null,
  merchant_id text not null references merchant,
  currency text not null,
  promoter_id text,
  product_id text,
  category text,
  scene text,
  campaign_id text,
  link_code text,
  source_id text,
  agency_id text,
  level smallint,
  units bigint not null,
  paid_amount bigint not null,
  refunded_amount bigint not null,
  refunds bigint not null,
  commission_estimated bigint not null,
  commission_confirmed bigint not null,
  commission_released bigint not null,
  commission_reversed bigint not null,
  wins_order boolean not null,
  unattributed boolean not null,
  constraint counted_order check (num_nulls(order_key, line_id, source_id) in (0, 3)),
  constraint counted_won check (not (wins_order and unattributed) and (basis = 'order' or not (wins_order or unattributed)))
);
create index counted_of_order on counted (order_key);
create index counted_at on counted (at, merchant_id);
create index counted_of_promoter on counted (promoter_id, at);
comment on table counted is
  'What orders and bonuses count for: a row is of one line and one holder of a share. All of an order are replaced when its award has changed.';
comment on column counted.order_key is 'Null for a bonus, which is of no order.';
comment on column counted.basis is
  'order: as the order stands, at its attribution time. booking: what was booked, at the time when it was, which stays for ever.';
comment on column counted.level is 'Of uplines alone.';
comment on column counted.commission_reversed is 'Basis order: what was booked and taken back since.';
comment on column counted.wins_order is 'The row is of a winner of the line, and so one of the order.';
comment on column counted.unattributed is 'The order has no attributed line, and this one is unattributed.';

create table merchant_rollup (
  grain_minutes smallint not null check (grain_minutes in (15, 1440)),
  at timestamptz not null,
  merchant_id text not null references merchant,
  currency text not null,
  basis text not null check (basis in ('order', 'booking')),
  clicks bigint not null default 0,
  bot_clicks bigint not null default 0,
  links_made bigint not null default 0,
  orders bigint not null default 0,
  orders_unattributed bigint not null default 0,
  units bigint not null default 0,
  paid_amount bigint not null default 0,
  refunded_amount bigint not null default 0,
  refunds bigint not null default 0,
  commission_estimated bigint not null default 0,
  commission_confirmed bigint not null default 0,
  commission_released bigint not null default 0,
  commission_reversed bigint not null default 0,
  primary key (grain_minutes, at, merchant_id, currency, basis)
) with (fillfactor = 80);
create index merchant_rollup_of_merchant on merchant_rollup (merchant_id, grain_minutes, at);
comment on table merchant_rollup is
  'The sums of what is counted by quarters of an hour, in which the midnights of all time zones lie, and by days of UTC. Orders count once each.';
comment on column merchant_rollup.at is 'When the quarter of an hour or the day begins.';
comment on column merchant_rollup.clicks is 'Clicks and links stand with the basis order.';

create table promoter_rollup (
  like merchant_rollup including defaults including constraints including comments,
  promoter_id text,
  constraint promoter_rollup_once unique nulls not distinct (grain_minutes, at, merchant_id, promoter_id, currency, basis),
  foreign key (merchant_id) references merchant
) with (fillfactor = 80);
create index promoter_rollup_of_promoter on promoter_rollup (promoter_id, grain_minutes, at);
create index promoter_rollup_of_merchant on promoter_rollup (merchant_id, grain_minutes, at);
comment on table promoter_rollup is 'The same by promoter. An order counts once for each promoter who won something of it.';
comment on column promoter_rollup.promoter_id is 'Null for what nobody has won.';

create table link_rollup (
  grain_minutes smallint not null check (grain_minutes in (15, 1440)),
  at timestamptz not null,
  link_code text not null references link,
  category text,
  agency_id text,
  clicks bigint not null,
  bot_clicks bigint not null,
  links_made bigint not null,
  constraint link_rollup_once unique nulls not distinct (link_code, grain_minutes, at, category, agency_id)
) with (fillfactor = 80);
create index link_rollup_at on link_rollup (grain_minutes, at);
comment on table link_rollup is 'Clicks, and the making of links, by all that a link says.';
comment on column link_rollup.category is 'Of the product at that time, by what was recorded of it then; so it is with the agency of the promoter.';

-- As before, but the statistics are as much a count of transactions as the balances.
create or replace function continue_ledger() returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  oldest bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  following bigint;
begin
  if (select oldest + xid_offset >= greatest(ledger_fold.below_xid, statistics_fold.below_xid) from ledger_fold, statistics_fold) then
    return false;
  end if;
  lock table transfer, award, link in share row exclusive mode;
  lock table click in access exclusive mode;
  perform from ledger_fold for update;
  perform from statistics_fold for update;
  oldest := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  select greatest(ledger_fold.below_xid, statistics_fold.below_xid, (select max(booked_xid) + 1 from transfer),
      (select max(awarded_xid) + 1 from award), (select max(made_xid) + 1 from link), (select max(recorded_xid) + 1 from late_click),
      (select max(recorded_xid) + 1 from click where click_id >= partition_key('click', complete_at - interval '1 day')::uuid))
    into following from ledger_fold, statistics_fold;
  update ledger_fold set xid_offset = following - oldest
    from statistics_fold where oldest + xid_offset < greatest(ledger_fold.below_xid, statistics_fold.below_xid);
  if not found then return false; end if;
  perform number_clicks();
  return true;
end $$;
