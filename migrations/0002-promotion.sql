-- Who sells, what is sold, who shares it, and what buyers did with the shares.
-- What award reads is effective-dated: the row in force at t is the one with the greatest (effective_from, version) not after t.

create table merchant (
  merchant_id text primary key check (length(merchant_id) between 1 and 128),
  made_at timestamptz not null
);

create table merchant_version (
  merchant_id text not null references merchant,
  version integer not null check (version > 0),
  effective_from timestamptz not null,
  recorded_at timestamptz not null,
  name text not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  landing_hosts text[] not null,
  hold_days integer not null check (hold_days between 0 and 3650),
  policy jsonb not null,
  primary key (merchant_id, version)
);
create index merchant_version_in_force on merchant_version (merchant_id, effective_from desc, version desc);
comment on column merchant_version.policy is
  'The attribution policy, complete: every default is written out, so that a later default changes nothing decided.';

create table product (
  merchant_id text not null references merchant,
  product_id text not null check (length(product_id) between 1 and 128),
  made_at timestamptz not null,
  primary key (merchant_id, product_id)
);

create table product_version (
  merchant_id text not null,
  product_id text not null,
  version integer not null check (version > 0),
  effective_from timestamptz not null,
  recorded_at timestamptz not null,
  title text not null,
  category text,
  price bigint check (price >= 0),
  landing_url text,
  commissionable boolean not null,
  primary key (merchant_id, product_id, version),
  foreign key (merchant_id, product_id) references product
);

create table promoter (
  promoter_id text primary key check (length(promoter_id) between 1 and 128),
  made_at timestamptz not null
);

create table promoter_version (
  promoter_id text not null references promoter,
  version integer not null check (version > 0),
  effective_from timestamptz not null,
  recorded_at timestamptz not null,
  name text not null,
  kind text not null check (kind in ('person', 'agency', 'talent')),
  inviter_id text references promoter check (inviter_id <> promoter_id),
  agency_id text references promoter check (agency_id <> promoter_id),
  tier text,
  status text not null check (status in ('active', 'suspended')),
  coupon_codes jsonb not null,
  payee jsonb,
  primary key (promoter_id, version)
);
create index promoter_version_invited on promoter_version (inviter_id) where inviter_id is not null;

create table coupon_version (
  merchant_id text not null references merchant,
  code text not null check (code = upper(code)),
  version integer not null check (version > 0),
  effective_from timestamptz not null,
  recorded_at timestamptz not null,
  promoter_id text references promoter,
  primary key (merchant_id, code, version)
);
comment on column coupon_version.promoter_id is 'Whose code it is from effective_from on; null when it was taken back.';

create table link (
  code text primary key check (code ~ '^[0-9A-Za-z_-]{4,32}$'),
  merchant_id text not null references merchant,
  promoter_id text not null references promoter,
  product_id text,
  landing_url text not null,
  scene text not null check (scene in ('moments', 'group', 'chat', 'live', 'video', 'article', 'poster', 'search', 'other')),
  content_id text,
  talent_id text references promoter,
  shared_from text references link,
  sharers text[] not null,
  campaign_id text,
  expires_at timestamptz,
  made_at timestamptz not null
);
create index link_of_promoter on link (promoter_id, made_at desc, code desc);
comment on table link is 'A share of a promoter; never changed once made.';
comment on column link.sharers is
  'The promoters whose shares this one descends from, nearest first, each once and never its own promoter: the re-shared part of the chain.';

-- A click is a narrow fact: no index but its key and a BRIN, partitioned by the day of its id (uuidv7 carries the time of recording).
create table click (
  click_id uuid primary key,
  link_code text not null,
  clicked_at timestamptz not null,
  identity uuid,
  bot boolean not null
) partition by range (click_id);
create index click_time on click using brin (clicked_at);
create table click_other partition of click default;
comment on table click is
  'A visit of a buyer through a link. No foreign key to link: the code was looked up, or proven by a signed token, before the row is written.';
comment on column click.clicked_at is 'When the buyer clicked; may lie before the recording when a storefront told it later.';
comment on column click.identity is 'One identity of the buyer (keyed hash), so that a click token can be joined to its buyer.';

-- Attribution finds clicks by identity here. A browser''s first click has no touch: nobody can ask for it but by its token, until it comes back.
create table touch (
  identity uuid not null,
  clicked_at timestamptz not null,
  click_id uuid not null
);
create index touch_of_identity on touch (identity, clicked_at);
comment on table touch is 'Which identity made which click. A row may stand twice after a replay; readers take each click once.';

create table buyer_identity (
  identity uuid primary key,
  buyer uuid not null,
  merchant_id text not null references merchant
);
create index buyer_identity_of_buyer on buyer_identity (buyer);
comment on table buyer_identity is 'Identities that were said to be one buyer share a buyer; an identity without a row is a buyer of its own.';

create table identity_statement (
  statement_id bigint generated always as identity primary key,
  merchant_id text not null references merchant,
  identities uuid[] not null,
  key_id text not null,
  stated_at timestamptz not null
);
comment on table identity_statement is 'Every "these are one buyer" as it was said, so that a merge can be looked into and taken back.';

create function make_click_partitions(from_day date, days integer) returns void
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
      execute format('revoke update, delete, truncate on public.%I from fenyong_app', partition);
    exception when check_violation then
      raise notice 'clicks of % stay in click_other: they came before their partition was made', day;
    end;
  end loop;
end $$;
comment on function make_click_partitions is
  'Makes the click partitions of the days ahead; as the owner, who alone may. Clicks wait while it waits, so it gives up after a second.';

select make_click_partitions(current_date - 1, 15);

create trigger merchant_version_unchanged before update or delete on merchant_version for each row execute function refuse_change();
create trigger product_version_unchanged before update or delete on product_version for each row execute function refuse_change();
create trigger promoter_version_unchanged before update or delete on promoter_version for each row execute function refuse_change();
create trigger coupon_version_unchanged before update or delete on coupon_version for each row execute function refuse_change();
create trigger link_unchanged before update or delete on link for each row execute function refuse_change();
create trigger identity_statement_unchanged before update or delete on identity_statement for each row execute function refuse_change();
revoke update, delete, truncate on merchant_version, product_version, promoter_version, coupon_version from fenyong_app;
revoke update, delete, truncate on link, click, click_other, identity_statement from fenyong_app;
