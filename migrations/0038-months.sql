-- What was one table becomes partitions of a month: at once where there are no rows, else by the steps of keep_partitions.

-- A table becomes the default partition of a new one of its name: with its indexes, keys, triggers and rows as they are.
create function pg_temp.become_partitioned(of_table text, key_column text) returns void language plpgsql as $$
declare
  kept text := of_table || '_other';
  indexes text[];
  keys text[];
  triggers text[];
  said text := obj_description(('public.' || of_table)::regclass, 'pg_class');
  one record;
begin
  -- Whoever wants to write waits behind a lock that is waited for: so it is asked for by instants.
  loop
    begin
      execute format('lock table public.%I in access exclusive mode', of_table);
      exit;
    exception when lock_not_available then
      perform pg_sleep(0.2);
    end;
  end loop;
  select array_agg(pg_get_triggerdef(oid)) into triggers from pg_trigger where tgrelid = ('public.' || of_table)::regclass and not tgisinternal;
  for one in select tgname from pg_trigger where tgrelid = ('public.' || of_table)::regclass and not tgisinternal loop
    execute format('drop trigger %I on public.%I', one.tgname, of_table);
  end loop;
  for one in select conname, contype, pg_get_constraintdef(oid) as definition, confrelid from pg_constraint
    where conrelid = ('public.' || of_table)::regclass and contype in ('p', 'u', 'f')
  loop
    -- The old reports refer to the old deliveries, which become a partition before them.
    if one.contype <> 'u' and one.confrelid is distinct from to_regclass('public.delivery_other') then
      keys := keys || format('constraint %I %s', one.conname, one.definition);
    end if;
    if one.contype <> 'f' then
      execute format('alter table public.%I rename constraint %I to %I', of_table, one.conname, 'other_' || one.conname);
    end if;
  end loop;
  for one in select relname, pg_get_indexdef(pg_class.oid) as definition from pg_index join pg_class on pg_class.oid = indexrelid
    where indrelid = ('public.' || of_table)::regclass and not exists (select from pg_constraint where conindid = indexrelid)
  loop
    indexes := indexes || one.definition;
    execute format('alter index public.%I rename to %I', one.relname, 'other_' || one.relname);
  end loop;
  execute format('alter table public.%I rename to %I', of_table, kept);
  execute format('create table public.%I (like public.%I including defaults including constraints including storage including comments)
    partition by range (%I)', of_table, kept, key_column);
  execute format('comment on table public.%I is %L', of_table, said);
  for one in select unnest(keys) as definition loop
    execute format('alter table public.%I add %s', of_table, one.definition);
  end loop;
  for one in select unnest(indexes) as definition loop
    execute one.definition;
  end loop;
  execute format('alter table public.%I attach partition public.%I default', of_table, kept);
  for one in select unnest(triggers) as definition loop
    execute one.definition;
  end loop;
  execute format('revoke update, delete, truncate on public.%I from fenyong_app', kept);
end $$;
set local lock_timeout = '300ms';
select pg_temp.become_partitioned('delivery', 'delivery_id');
select pg_temp.become_partitioned('order_report', 'delivery_id');
select pg_temp.become_partitioned('touch', 'clicked_at');
set local lock_timeout = '60s';
comment on column touch.clicked_at is 'When the click was; by its month touches lie in partitions.';
comment on table delivery is
  'One raw report from a source, exactly as its bytes came; the row is the acknowledgement. In partitions of a month, by the time in its id.';
revoke update, delete, truncate on delivery, order_report from fenyong_app;
grant update (state, reason, waits_for, attempts, next_attempt_at, error, reports, finished_at, clock_skew_seconds, is_ahead, untimed_at)
  on delivery to fenyong_app;

-- Processes of the version before go on meanwhile. They write "on conflict on constraint delivery_once" and know nothing of known bodies: their
-- deliveries come to the partition that was the table, where this trigger does it for them. The key is named so for their sake.
alter table delivery rename constraint delivery_pkey to delivery_once;
alter table delivery_other rename constraint other_delivery_once to delivery_body_once;
create view unlisted_body as select body_hash, source_id, merchant_id, delivery_id from delivery_other;
comment on view unlisted_body is
  'Deliveries of the time when their own index told doubles; empty once they are all known bodies and no more come to their partition.';
create function keep_body_once() returns trigger language plpgsql as $$
declare
  kept uuid;
begin
  if exists (select from unlisted_body where body_hash = new.body_hash and source_id = new.source_id
    and merchant_id is not distinct from new.merchant_id) then
    return null;
  end if;
  insert into known_body (body_hash, source_id, merchant_id, delivery_id)
    values (new.body_hash, new.source_id, new.merchant_id, new.delivery_id) on conflict do nothing;
  select delivery_id into kept from known_body where body_hash = new.body_hash and source_id = new.source_id
    and merchant_id is not distinct from new.merchant_id;
  return case when kept = new.delivery_id then new end;
end $$;
comment on function keep_body_once is 'Trigger of the deliveries of before, for processes of the version before: a double is not written.';
create trigger delivery_body_once before insert on delivery_other for each row execute function keep_body_once();

create function look_from_due() returns trigger language plpgsql as $$
begin
  update due_delivery set first_id = new.delivery_id where first_id > new.delivery_id;
  -- Held also where it need not be changed, so that nobody raises it meanwhile.
  if not found then perform from due_delivery for share; end if;
  return null;
end $$;
comment on function look_from_due is 'Trigger of deliveries that become due once more: they may be older than all that are looked for.';
create trigger delivery_due_again after update of state on delivery
  for each row when (new.state = 'received' and old.state <> 'received') execute function look_from_due();

-- A database without rows is made as it is to be; one with some is brought there by the worker.
do $$ begin
  if not is_larger_than('delivery', 0) then
    alter table reconciled_order drop constraint reconciled_order_delivery;
    alter table reconciled_order add constraint reconciled_order_delivery foreign key (delivery_id) references delivery;
    alter table pull_wanted drop constraint pull_wanted_delivery;
    alter table pull_wanted add constraint pull_wanted_delivery foreign key (delivery_id) references delivery;
    update known_body_fill set filled_at = now();
    perform forget_unlisted_bodies('delivery_other');
  end if;
  if not is_larger_than('click', 0) then
    execute (select string_agg(format('drop table public.%I', partition), '; ') from partition_ranges('click') where not is_default);
  end if;
  if not (is_larger_than('delivery', 0) or is_larger_than('click', 0) or is_larger_than('touch', 0)) then
    while keep_partitions(3) is not null loop null; end loop;
  end if;
end $$;
