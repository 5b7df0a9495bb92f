-- What is kept from the application is kept by triggers too: on a database whose owner may make no roles the application is the owner.

-- The bytes of a delivery are the proof of all that was made of it. A trigger of these columns costs nothing where they are not written.
create trigger delivery_proof_unchanged
  before update of body, body_hash, signed_id, headers on delivery
  for each row execute function refuse_change();
revoke update on delivery from fenyong_app;
grant update (state, reason, waits_for, attempts, next_attempt_at, error, reports, finished_at, clock_skew_seconds, is_ahead, untimed_at)
  on delivery to fenyong_app;

create trigger account_kept before truncate on account for each statement execute function refuse_change();

-- As before, but for a cluster that has no role of the application.
create or replace function make_click_partitions(from_day date, days integer) returns void
language plpgsql security definer set search_path = pg_catalog, public set lock_timeout = '1s' as $$
declare
  day date;
  partition text;
  bounds uuid[];
begin
  for day in select generate_series(from_day, from_day + (days - 1), interval '1 day')::date loop
    partition := 'click_' || to_char(day, 'YYYYMMDD');
    -- The first 48 bits of an id are the milliseconds of its recording; a day begins at its midnight in UTC.
    select array_agg((lpad(to_hex(extract(epoch from midnight)::bigint * 1000), 12, '0') || repeat('0', 20))::uuid order by midnight)
      into bounds from unnest(array[day::timestamp, (day + 1)::timestamp]) as midnight;
    begin
      execute format('create table if not exists public.%I partition of public.click for values from (%L) to (%L)',
        partition, bounds[1], bounds[2]);
      if exists (select from pg_roles where rolname = 'fenyong_app') then
        execute format('revoke update, delete, truncate on public.%I from %I', partition, 'fenyong_app');
      end if;
    exception when check_violation then
      raise notice 'clicks of % stay in click_other: they came before their partition was made', day;
    end;
  end loop;
end $$;

create table kept_secret (
  name text primary key check (name in ('TOKEN_SECRET', 'SECRETS_KEY', 'IDENTITY_KEY')),
  marked_at timestamptz not null
);
comment on table kept_secret is
  'Secrets that were made into a folder of a machine. Where that folder is missing none is made anew: it would not open what is stored.';
comment on table setting is 'Where earlier versions kept the secrets that nobody gave; move-keys takes them out.';
revoke update, delete, truncate on kept_secret from fenyong_app;

-- An earlier version that is started again would make other secrets in the place of those that it does not find here.
create function refuse_other_secret() returns trigger language plpgsql as $$
begin
  if exists (select from kept_secret where kept_secret.name = new.name) then
    raise exception 'the secret % is kept outside of the database by a later version of the service', new.name
      using errcode = 'restrict_violation', hint = 'Start that version: this one would make another secret.';
  end if;
  return new;
end $$;
create trigger setting_not_made_again before insert on setting for each row execute function refuse_other_secret();
