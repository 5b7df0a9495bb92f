-- The product pool: offers publish the rules that pay them, and promoters apply to be let into them.

-- A version that is never in force, [t, t), takes over from those before it at t: so a rule of an offer ends there, and may come back.
alter table rule_version drop constraint rule_version_check;
alter table rule_version add constraint rule_version_time check (effective_to >= effective_from);
create index rule_version_of_product on rule_version ((scope ->> 'product_id')) where scope ? 'product_id';

create table offer (
  merchant_id text not null references merchant,
  offer_id text not null check (length(offer_id) between 1 and 64),
  kind text not null check (kind in ('open', 'directed', 'exclusive')),
  made_at timestamptz not null,
  primary key (merchant_id, offer_id)
);
create index offer_by_id on offer (offer_id);
comment on table offer is 'What a merchant lets promoters share, and what it pays them for it: by rules that the offer publishes and ends.';
comment on column offer.offer_id is 'An id of the merchant''s own: another merchant may have the same.';

create table offer_version (
  merchant_id text not null,
  offer_id text not null,
  version integer not null check (version > 0),
  terms jsonb not null,
  is_running boolean not null,
  effective_from timestamptz not null,
  recorded_at timestamptz not null,
  primary key (merchant_id, offer_id, version),
  foreign key (merchant_id, offer_id) references offer
);
comment on table offer_version is 'Immutable. The latest one is what the rules of its offer say from its time on.';
comment on column offer_version.terms is 'As they were stated, with the plan that its rules have.';
comment on column offer_version.is_running is 'Whether it pays anybody from its time on: it is neither paused nor ended.';
comment on column offer_version.effective_from is 'From when its rules say so; until then they say what those of the version before do.';

create table offer_rule (
  rule_id text primary key references rule,
  merchant_id text not null,
  offer_id text not null,
  part text not null check (part in ('pays', 'closes')),
  product_id text,
  category text,
  promoter_id text,
  agency_id text,
  made_at timestamptz not null,
  foreign key (merchant_id, offer_id) references offer,
  constraint offer_rule_place check (num_nonnulls(product_id, category) = 1 and num_nonnulls(promoter_id, agency_id) <= 1),
  constraint offer_rule_once unique nulls not distinct (merchant_id, offer_id, product_id, category, promoter_id, agency_id)
);
create index offer_rule_of_product on offer_rule (merchant_id, product_id);
create index offer_rule_of_promoter on offer_rule (promoter_id) where promoter_id is not null;
create index offer_rule_of_agency on offer_rule (agency_id) where agency_id is not null;
create index offer_rule_for_all on offer_rule (merchant_id, rule_id) where promoter_id is null and agency_id is null and part = 'pays';
comment on table offer_rule is 'Which rule is which offer''s, and for whom: one for each place that the offer ever had.';
comment on column offer_rule.part is 'closes: it pays those nothing whom an exclusive offer leaves out.';

create table offer_application (
  application_id uuid primary key,
  merchant_id text not null,
  offer_id text not null,
  promoter_id text not null references promoter,
  state text not null check (state in ('waiting', 'accepted', 'refused')),
  note text check (length(note) between 1 and 1000),
  tier text,
  orders bigint not null check (orders >= 0),
  refund_ppm integer not null check (refund_ppm between 0 and 1000000),
  made_at timestamptz not null,
  made_by uuid not null references api_key,
  decided_at timestamptz,
  decided_by uuid references api_key,
  reason text check (length(reason) between 1 and 1000),
  effective_from timestamptz,
  foreign key (merchant_id, offer_id) references offer,
  constraint offer_application_decided check ((state = 'waiting') = (decided_at is null))
);
create unique index offer_application_once on offer_application (merchant_id, offer_id, promoter_id) where state in ('waiting', 'accepted');
create index offer_application_of_promoter on offer_application (promoter_id, application_id);
create index offer_application_of_merchant on offer_application (merchant_id, application_id);
comment on table offer_application is 'That a promoter asks to be let into an offer, and what was decided of it.';
comment on column offer_application.orders is
  'Its own completed orders of the 90 days before, when the conditions were read; so are its tier and refunds.';
comment on column offer_application.decided_by is 'Null where it was accepted by itself.';
comment on column offer_application.effective_from is 'From when the decision counts; null of one that changed nothing.';

create trigger offer_version_unchanged before update or delete on offer_version for each row execute function refuse_change();
create trigger offer_version_kept before truncate on offer_version for each statement execute function refuse_change();
create trigger offer_rule_unchanged before update or delete on offer_rule for each row execute function refuse_change();
create trigger offer_rule_kept before truncate on offer_rule for each statement execute function refuse_change();
revoke update, delete, truncate on offer_version, offer_rule from fenyong_app;
revoke delete, truncate on offer, offer_application from fenyong_app;
