-- Campaigns: what is paid beside the rules for a time, out of a budget of which no limit is ever exceeded.

create table campaign (
  campaign_id text primary key check (length(campaign_id) between 1 and 128),
  merchant_id text not null references merchant,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  made_at timestamptz not null
);
create index campaign_of_merchant on campaign (merchant_id);
comment on table campaign is 'What stays of a campaign: whose it is, and the currency of its budget.';

create table campaign_version (
  campaign_id text not null references campaign,
  version integer not null check (version > 0),
  effective_from timestamptz not null,
  name text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  products text[],
  promoters text[],
  scenes text[],
  rate_ppm integer check (rate_ppm between 0 and 1000000),
  fixed_per_unit bigint check (fixed_per_unit >= 0),
  combine text not null check (combine in ('add', 'max')),
  total bigint not null check (total >= 0),
  per_day bigint check (per_day >= 0),
  per_promoter bigint check (per_promoter >= 0),
  partial_last boolean not null,
  reopens boolean not null,
  recorded_at timestamptz not null,
  primary key (campaign_id, version),
  constraint campaign_version_time check (ends_at > starts_at),
  constraint campaign_version_boost check (num_nonnulls(rate_ppm, fixed_per_unit) = 1)
);
comment on table campaign_version is
  'Immutable. From its effective_from on a higher version takes over from all lower ones, for lines that are attributed from then on.';
comment on column campaign_version.products is 'Null: any. So it is with promoters and scenes.';

create table campaign_pause (
  campaign_id text not null references campaign,
  pause_no integer not null check (pause_no > 0),
  paused_from timestamptz not null,
  paused_until timestamptz,
  recorded_at timestamptz not null,
  primary key (campaign_id, pause_no),
  constraint campaign_pause_time check (paused_until >= paused_from)
);
create unique index campaign_pause_open on campaign_pause (campaign_id) where paused_until is null;
comment on table campaign_pause is 'Lines that are attributed from paused_from on and before paused_until are granted nothing.';

create table campaign_book (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
insert into campaign_book (revision) values (0);
comment on table campaign_book is 'Raised by every change of a campaign: one read tells whether those in memory are the latest.';

create table campaign_budget (
  campaign_id text primary key references campaign,
  cap bigint not null,
  spent bigint not null default 0,
  orders integer not null default 0 check (orders >= 0),
  exhausted_total bigint,
  constraint campaign_budget_kept check (spent between 0 and cap)
) with (fillfactor = 50);
comment on table campaign_budget is
  'What of the budget is spent. Whoever grants or takes back locks this row first, then those of the days, then those of the promoters.';
comment on column campaign_budget.cap is 'The total when something was granted last or it was stated, and never below what was spent then.';
comment on column campaign_budget.orders is 'How many orders have something of it now.';
comment on column campaign_budget.exhausted_total is
  'The total that a grant did not fit: it is exhausted until a higher one is stated. Null where every grant did fit.';

create table campaign_day (
  campaign_id text not null references campaign,
  day date not null,
  cap bigint,
  spent bigint not null,
  primary key (campaign_id, day),
  constraint campaign_day_kept check (spent >= 0 and spent <= cap)
) with (fillfactor = 50);
comment on table campaign_day is 'What is spent of a campaign for the lines of a day: that of the attribution time in the zone of the merchant.';
comment on column campaign_day.cap is 'The limit when something was granted last, and never below what was spent then; null: none.';

create table campaign_promoter (
  campaign_id text not null references campaign,
  promoter_id text not null references promoter,
  cap bigint,
  spent bigint not null,
  primary key (campaign_id, promoter_id),
  constraint campaign_promoter_kept check (spent >= 0 and spent <= cap)
) with (fillfactor = 70);
comment on table campaign_promoter is 'What a promoter has of a campaign now.';
comment on column campaign_promoter.cap is 'The limit when something was granted last, and never below what was spent then; null: none.';

alter table transfer
  add column campaign_id text,
  add constraint transfer_boost check ((campaign_id is null) = (role is distinct from 'boost'));
create index transfer_of_campaign on transfer (campaign_id, order_key) where campaign_id is not null;
comment on column transfer.campaign_id is 'Out of which budget it came or into which it went back, of what is booked as a boost; else null.';

create trigger campaign_unchanged before update or delete on campaign for each row execute function refuse_change();
create trigger campaign_kept before truncate on campaign for each statement execute function refuse_change();
create trigger campaign_version_unchanged before update or delete on campaign_version for each row execute function refuse_change();
create trigger campaign_version_kept before truncate on campaign_version for each statement execute function refuse_change();
revoke update, delete, truncate on campaign, campaign_version from fenyong_app;
revoke delete, truncate on campaign_pause, campaign_book, campaign_budget, campaign_day, campaign_promoter from fenyong_app;
