-- Books that grow for years: clicks, touches, deliveries and order reports lie in partitions of a month. Nothing large is rewritten. A table
-- becomes the default partition of its successor, which is a matter of the catalogue; what must look at its rows is done afterwards by
-- keep_partitions, a short step at a time, while everything goes on.

-- What makes a delivery a double is known for ever, whatever becomes of the delivery.
create table known_body (
  body_hash bytea not null constraint known_body_hash check (length(body_hash) = 32),
  source_id text not null,
  merchant_id text,
  delivery_id uuid not null,
  constraint known_body_once unique nulls not distinct (body_hash, source_id, merchant_id)
);
comment on table known_body is
  'Every body that a source has sent, written in the statement that writes its delivery, and never deleted: by it doubles are known.';
comment on column known_body.delivery_id is 'The delivery that brought it first, which may be gone; a double is answered with this id.';
create trigger known_body_unchanged before update or delete on known_body for each row execute function refuse_change();
create trigger known_body_kept before truncate on known_body for each statement execute function refuse_change();
revoke update, delete, truncate on known_body from fenyong_app;

create table known_body_fill (
  only_row boolean primary key default true check (only_row),
  up_to uuid not null,
  filled_at timestamptz
);
comment on table known_body_fill is 'How far the bodies of deliveries of before are among the known ones.';
insert into known_body_fill (up_to) values ('00000000-0000-0000-0000-000000000000');
revoke insert, update, delete, truncate on known_body_fill from fenyong_app;

create table due_delivery (
  only_row boolean primary key default true check (only_row),
  first_id uuid not null
);
comment on table due_delivery is 'Where to look for deliveries that are due: none of a lesser id is.';
insert into due_delivery (first_id) values ('00000000-0000-0000-0000-000000000000');
revoke insert, delete, truncate on due_delivery from fenyong_app;

alter table orders add column first_delivery_id uuid;
comment on column orders.first_delivery_id is
  'The least id of its deliveries: its reports are asked for from there on. Null for orders of before, which are asked for in all months.';

-- Bounds are read and written as texts. Those of ids and those of times in UTC sort as what they stand for.
create function partition_key(of_table text, moment timestamptz) returns text
language sql stable set search_path = pg_catalog, public set timezone = 'UTC' as $$
  select case of_table when 'touch' then moment::text
    else (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid::text end;
$$;
comment on function partition_key is 'The bound of a partition at a moment: a time for touches, else the least id of that moment.';

create function partition_ranges(of_table text)
returns table (partition text, lower_key text, upper_key text, lower_at timestamptz, upper_at timestamptz, is_default boolean)
language sql stable set search_path = pg_catalog, public set timezone = 'UTC' as $$
  select relname::text, lower_key, upper_key,
    case of_table when 'touch' then lower_key::timestamptz
      else to_timestamp(('x' || translate(left(lower_key, 13), '-', ''))::bit(48)::bigint / 1000.0) end,
    case of_table when 'touch' then upper_key::timestamptz
      else to_timestamp(('x' || translate(left(upper_key, 13), '-', ''))::bit(48)::bigint / 1000.0) end,
    bound = 'DEFAULT'
  from (
    select relname, bound, substring(bound from $re$FROM \('([^']+)'\)$re$) as lower_key, substring(bound from $re$TO \('([^']+)'\)$re$) as upper_key
    from (
      select relname, pg_get_expr(relpartbound, pg_class.oid) as bound from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = ('public.' || of_table)::regclass
    ) as parts
  ) as bounds
  order by lower_key nulls first;
$$;
comment on function partition_ranges is 'The partitions of a table from the oldest on; the first has no lower bound, the default one none at all.';

create function make_partition(of_table text, name text, lower_key text, upper_key text) returns void
language plpgsql set search_path = pg_catalog, public as $$
declare
  bound text := case when upper_key is null then 'default'
    else format('for values from (%s) to (%L)', coalesce(quote_literal(lower_key), 'minvalue'), upper_key) end;
begin
  -- Made beside and attached, because only that lets reading and writing of all other partitions go on.
  execute format('create table public.%I (like public.%I including defaults including constraints including storage)', name, of_table);
  execute format('revoke update, delete, truncate on public.%I from fenyong_app', name);
  execute format('alter table public.%I attach partition public.%I %s', of_table, name, bound);
end $$;
comment on function make_partition is 'Makes one partition; without an upper bound the default one.';

-- Reports of a month refer to the deliveries of the same month, so that looking for the delivery never means looking through all months.
create function make_partitions_between(of_table text, suffix text, lower_key text, upper_key text) returns void
language plpgsql set search_path = pg_catalog, public as $$
begin
  perform make_partition(of_table, of_table || '_' || suffix, lower_key, upper_key);
  if of_table = 'delivery' then
    perform make_partition('order_report', 'order_report_' || suffix, lower_key, upper_key);
    execute format('alter table public.%I add constraint order_report_delivery foreign key (delivery_id) references public.%I',
      'order_report_' || suffix, 'delivery_' || suffix);
  end if;
end $$;
comment on function make_partitions_between is 'Makes a partition, and with one of deliveries that of their reports.';

create function is_larger_than(table_name text, rows_max bigint) returns boolean
language plpgsql stable set search_path = pg_catalog, public as $$
declare
  counted bigint;
begin
  execute format('select count(*) from (select from public.%I limit %s) as counted', table_name, rows_max + 1) into counted;
  return counted > rows_max;
end $$;
comment on function is_larger_than is 'Whether a table has more rows than that; it counts no further.';

create function month_after(moment timestamptz) returns timestamptz language sql immutable as $$
  select (date_trunc('month', moment at time zone 'UTC') + interval '1 month') at time zone 'UTC';
$$;
comment on function month_after is 'When the next month begins, in UTC.';

-- Makes the default partition the range of all that came until some month, as it lies there, and another one the default. Its rows have been
-- compared with that bound before, if they are many.
create function close_default(of_table text, from_key text, until timestamptz) returns void
language plpgsql set search_path = pg_catalog, public as $$
declare
  suffix text := 'until_' || to_char(until at time zone 'UTC', 'YYYYMM');
  upper_key text := partition_key(of_table, until);
  members text[] := case of_table when 'delivery' then '{order_report,delivery}'::text[] else array[of_table] end;
  one text;
begin
  foreach one in array members loop
    execute format('lock table only public.%I in access exclusive mode', one);
  end loop;
  if of_table = 'delivery' then
    alter table public.reconciled_order drop constraint if exists reconciled_order_delivery;
    alter table public.pull_wanted drop constraint if exists pull_wanted_delivery;
  end if;
  foreach one in array members loop
    execute format('alter table public.%I detach partition public.%I', one, one || '_other');
    execute format('alter table public.%I rename to %I', one || '_other', one || '_' || suffix);
    execute format('alter table public.%I attach partition public.%I for values from (%s) to (%L)',
      one, one || '_' || suffix, coalesce(quote_literal(from_key), 'minvalue'), upper_key);
    execute format('alter table public.%I drop constraint if exists closes', one || '_' || suffix);
  end loop;
  perform make_partitions_between(of_table, 'other', null, null);
  if of_table = 'delivery' then
    alter table public.reconciled_order add constraint reconciled_order_delivery foreign key (delivery_id) references public.delivery not valid;
    alter table public.pull_wanted add constraint pull_wanted_delivery foreign key (delivery_id) references public.delivery not valid;
  end if;
end $$;
comment on function close_default is 'Gives the rows of a default partition, all together, a range of their own.';

-- One step towards an empty default partition; null when it is empty. Rows that are many are compared with a bound some weeks ahead while
-- others come, so that the range can be attached without reading them. Should that not end in time the bound is lifted again.
create function settle_default(of_table text, from_key text) returns text
language plpgsql set search_path = pg_catalog, public set timezone = 'UTC' as $$
declare
  members text[] := case of_table when 'delivery' then '{order_report,delivery}'::text[] else array[of_table] end;
  key_column text := case of_table when 'touch' then 'clicked_at' else of_table || '_id' end;
  rows_at_once constant bigint := 10000;
  greatest_at timestamptz;
  until timestamptz;
  is_valid boolean;
  one text;
begin
  if not is_larger_than(of_table || '_other', 0) then return null; end if;
  select (regexp_match(obj_description(oid, 'pg_constraint'), '^until (.*)$'))[1]::timestamptz, convalidated into until, is_valid
    from pg_constraint where conname = 'closes' and conrelid = ('public.' || of_table || '_other')::regclass;
  if until is null then
    execute format('select %s from public.%I order by %I desc limit 1', case of_table when 'touch' then 'clicked_at' else format(
      $sql$to_timestamp(('x' || translate(left(%I::text, 13), '-', ''))::bit(48)::bigint / 1000.0)$sql$, key_column) end,
      of_table || '_other', key_column) into greatest_at;
    if not is_larger_than(of_table || '_other', rows_at_once) then
      perform close_default(of_table, from_key, month_after(greatest(greatest_at, now())));
      return of_table || ': closed';
    end if;
    until := month_after(greatest(greatest_at, now()) + interval '45 days');
    foreach one in array members loop
      execute format('alter table public.%I add constraint closes check (%I < %L) not valid', one || '_other',
        case one when 'order_report' then 'delivery_id' else key_column end, partition_key(of_table, until));
      execute format('comment on constraint closes on public.%I is %L', one || '_other', 'until ' || until);
    end loop;
    return of_table || ': bounded';
  end if;
  if not is_valid and until < now() + interval '7 days' then
    foreach one in array members loop
      execute format('alter table public.%I drop constraint closes', one || '_other');
    end loop;
    return of_table || ': bound lifted';
  end if;
  if not is_valid then
    foreach one in array members loop
      execute format('alter table public.%I validate constraint closes', one || '_other');
    end loop;
    return of_table || ': compared';
  end if;
  perform close_default(of_table, from_key, until);
  return of_table || ': closed';
end $$;
comment on function settle_default is 'Gives what lies in a default partition a range, in steps that stand in nobody''s way; null when it is empty.';

-- Clicks had partitions of a day, and gaps between them where no worker had run. A gap gets a partition, with what lies in the default one of
-- it: some clicks at a time, because a partition can only be attached once the default one holds nothing of it.
create function fill_click_gap(lower_key text, upper_key text) returns void
language plpgsql set search_path = pg_catalog, public as $$
declare
  clicks_at_once constant integer := 20000;
  name text := 'click_from_' || coalesce(left(translate(lower_key, '-', ''), 12), 'first');
  until_key text;
begin
  lock table only public.click_other in access exclusive mode;
  select click_id::text into until_key from public.click_other
    where (lower_key is null or click_id >= lower_key::uuid) and click_id < upper_key::uuid order by click_id offset clicks_at_once limit 1;
  until_key := coalesce(until_key, upper_key);
  execute format('create table public.%I (like public.click including defaults including constraints including storage)', name);
  execute format('with moved as (delete from public.click_other where (%L is null or click_id >= %L) and click_id < %L returning *)
    insert into public.%I select * from moved', lower_key, lower_key, until_key, name);
  execute format('revoke update, delete, truncate on public.%I from fenyong_app', name);
  execute format('alter table public.click attach partition public.%I for values from (%s) to (%L)',
    name, coalesce(quote_literal(lower_key), 'minvalue'), until_key);
end $$;
comment on function fill_click_gap is
  'Makes a partition at the beginning of a gap between others, and takes along what lies in the default one of it.';

-- The partitions of one month become parts of one. Each says first what ids it holds, so that it can be attached without being read.
create function group_click_month(month timestamptz) returns text
language plpgsql set search_path = pg_catalog, public as $$
declare
  name text := 'click_' || to_char(month at time zone 'UTC', 'YYYYMM');
  part record;
begin
  for part in
    select *, (select convalidated from pg_constraint where conname = 'closes' and conrelid = ('public.' || partition)::regclass) as is_valid
    from partition_ranges('click') where lower_at >= month and upper_at <= month_after(month)
  loop
    if part.is_valid is null then
      execute format('alter table public.%I add constraint closes check (click_id >= %L and click_id < %L) %s',
        part.partition, part.lower_key, part.upper_key, case when is_larger_than(part.partition, 0) then 'not valid' else '' end);
      return name || ': bounded';
    elsif not part.is_valid then
      execute format('alter table public.%I validate constraint closes', part.partition);
      return name || ': compared';
    end if;
  end loop;
  lock table only public.click in access exclusive mode;
  execute format('create table public.%I (like public.click including defaults including constraints including storage)
    partition by range (click_id)', name);
  execute format('revoke update, delete, truncate on public.%I from fenyong_app', name);
  for part in select * from partition_ranges('click') where lower_at >= month and upper_at <= month_after(month) loop
    execute format('alter table public.click detach partition public.%I', part.partition);
    execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)',
      name, part.partition, part.lower_key, part.upper_key);
  end loop;
  execute (select format('alter table public.click attach partition public.%I for values from (%L) to (%L)',
    name, min(lower_key), max(upper_key)) from partition_ranges(name));
  for part in select * from partition_ranges(name) loop
    execute format('alter table public.%I drop constraint closes', part.partition);
  end loop;
  return name || ': grouped';
end $$;
comment on function group_click_month is
  'One step towards a month of clicks that is one partition; clicks wait for the last step only, for an instant.';

create function keep_clicks() returns text
language plpgsql set search_path = pg_catalog, public as $$
declare
  gap record;
  month timestamptz;
begin
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
comment on function keep_clicks is 'One step towards clicks without gaps, by month; null when there is none to take.';

-- The bodies that came before are read by the index that they have. It goes, with what reads it, once they are among the known ones and no
-- more deliveries come to their partition.
create function fill_known_bodies() returns text
language plpgsql set search_path = pg_catalog, public as $$
declare
  bodies_at_once constant integer := 5000;
  taken integer;
  last_id uuid;
begin
  with next as materialized (
    select body_hash, source_id, merchant_id, delivery_id from public.unlisted_body
    where delivery_id > (select up_to from public.known_body_fill) order by delivery_id limit bodies_at_once
  ), listed as (
    insert into public.known_body select body_hash, source_id, merchant_id, delivery_id from next on conflict do nothing
  )
  select count(*), (array_agg(delivery_id order by delivery_id desc))[1] into taken, last_id from next;
  update public.known_body_fill set up_to = coalesce(last_id, up_to), filled_at = case when taken = 0 then now() end;
  return format('known_body: %s', case when taken = 0 then 'filled' else last_id::text end);
end $$;
comment on function fill_known_bodies is 'Puts the next deliveries of before among the known bodies.';

create function forget_unlisted_bodies(of_partition text) returns text
language plpgsql set search_path = pg_catalog, public as $$
begin
  create or replace view public.unlisted_body as
    select body_hash, source_id, merchant_id, delivery_id from public.known_body where false;
  execute format('drop trigger if exists delivery_body_once on public.%I', of_partition);
  execute format('alter table public.%I drop constraint delivery_body_once', of_partition);
  return 'known_body: index of before dropped';
end $$;

create function keep_known_bodies() returns text
language plpgsql set search_path = pg_catalog, public as $$
declare
  kept_in text;
begin
  if exists (select from public.known_body_fill where filled_at is null) then return fill_known_bodies(); end if;
  select partition into kept_in from partition_ranges('delivery') join pg_constraint on conrelid = ('public.' || partition)::regclass
    where conname = 'delivery_body_once' and upper_at < now() - interval '1 day';
  return case when kept_in is null then null else forget_unlisted_bodies(kept_in) end;
end $$;
comment on function keep_known_bodies is 'One step towards known bodies that stand in their own table alone; null when there is none to take.';

create function keep_partitions(months_ahead integer) returns text
language plpgsql security definer set search_path = pg_catalog, public set lock_timeout = '300ms' set timezone = 'UTC' as $$
declare
  one text;
  step text;
  end_key text;
  end_at timestamptz;
begin
  -- One process at a time.
  perform pg_advisory_xact_lock(hashtext('fenyong partitions'));
  foreach one in array array['click', 'touch', 'delivery'] loop
    if one = 'click' and exists (select from partition_ranges('click') where not is_default) then
      step := keep_clicks();
      if step is not null then return step; end if;
    end if;
    select upper_key, upper_at into end_key, end_at from partition_ranges(one) where not is_default order by upper_key desc limit 1;
    step := settle_default(one, end_key);
    if step is not null then return step; end if;
    if end_at is null then
      end_at := date_trunc('month', now());
      perform make_partitions_between(one, 'until_' || to_char(end_at, 'YYYYMM'), null, partition_key(one, end_at));
      return one || ': begun';
    end if;
    if end_at < month_after(now()) + months_ahead * interval '1 month' then
      perform make_partitions_between(one, to_char(end_at, case when end_at = date_trunc('month', end_at) then 'YYYYMM' else 'YYYYMMDD_HH24MI' end),
        end_key, partition_key(one, month_after(end_at)));
      return format('%s: %s made', one, to_char(end_at, 'YYYY-MM'));
    end if;
  end loop;
  for one, step in select conrelid::regclass::text, conname from pg_constraint
    where conname in ('reconciled_order_delivery', 'pull_wanted_delivery') and conparentid = 0 and not convalidated
  loop
    execute format('alter table public.%s validate constraint %I', one, step);
    return step || ': validated';
  end loop;
  return keep_known_bodies();
end $$;
comment on function keep_partitions is
  'Takes one step for the partitions, each short and whole, and says which; null when all is made so many months ahead. As the owner, who alone may.
   It gives up after an instant where it would have to wait, so that nobody waits behind it.';
revoke execute on function keep_partitions from public;
grant execute on function keep_partitions to fenyong_app;
drop function make_click_partitions;
