-- The one door: sources, what they delivered byte for byte, and the orders merged from it.

create table source (
  source_id text primary key check (length(source_id) between 1 and 128 and source_id <> 'rest'),
  source_no bigint generated always as identity unique,
  kind text not null,
  merchant_id text references merchant,
  secrets bytea,
  secrets_set text[] not null,
  options jsonb not null,
  made_at timestamptz not null,
  changed_at timestamptz not null
);
comment on table source is 'A configured connection to an order system. Every merchant has one more of its own, named rest, which has no row.';
comment on column source.source_no is 'Which source was made first: of two sources of one kind that report one order, the first one earns.';
comment on column source.secrets is 'AES-256-GCM over the JSON of all secrets; never read back through the API.';

create table mapping_version (
  source_id text not null references source,
  type text not null,
  value text not null,
  version integer not null check (version > 0),
  effective_from timestamptz not null,
  recorded_at timestamptz not null,
  merchant_id text references merchant,
  promoter_id text references promoter,
  link_code text references link,
  primary key (source_id, type, value, version),
  check (num_nonnulls(merchant_id, promoter_id, link_code) = 1)
);
comment on table mapping_version is 'What an order system calls a shop, a promoter or a link, in our words.';

create table delivery (
  delivery_id uuid primary key,
  source_id text not null,
  merchant_id text references merchant,
  origin text not null check (origin in ('rest', 'push', 'pull', 'upload')),
  body bytea not null,
  body_hash bytea not null check (length(body_hash) = 32),
  signed_id text,
  headers jsonb not null,
  received_at timestamptz not null,
  state text not null default 'received' check (state in ('received', 'processed', 'parked', 'failed')),
  reason text,
  waits_for text,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  error text,
  reports integer,
  finished_at timestamptz,
  constraint delivery_once unique nulls not distinct (source_id, merchant_id, body_hash),
  constraint delivery_finished check ((state = 'received') = (finished_at is null)),
  constraint delivery_parked check (state <> 'parked' or (reason is not null and waits_for is not null)),
  constraint delivery_failed check (state <> 'failed' or error is not null)
);
create index delivery_due on delivery (next_attempt_at) where state = 'received';
create index delivery_waiting on delivery (waits_for) where state = 'parked';
create index delivery_stuck on delivery (state, delivery_id) where state in ('parked', 'failed');
create index delivery_of_source on delivery (source_id, delivery_id);
create index delivery_signed on delivery (source_id, signed_id) where signed_id is not null;
comment on table delivery is 'One raw report from a source, exactly as its bytes came; the row is the acknowledgement.';
comment on column delivery.merchant_id is 'The merchant of a rest delivery; null for a source, whose merchant the source or a mapping names.';
comment on column delivery.signed_id is 'The id that the sender signed. The same id with other bytes is another delivery, and is counted.';
comment on column delivery.waits_for is 'What would let a parked delivery go on, as merchant:<id>, promoter:<id> or mapping:<source>/<type>/<value>.';
comment on column delivery.reports is 'How many canonical reports it became; a ping becomes none.';

create table orders (
  order_key bigint generated always as identity primary key,
  merchant_id text not null references merchant,
  source_id text not null,
  order_id text not null check (length(order_id) between 1 and 128),
  merged jsonb not null,
  status text not null check (status in ('created', 'paid', 'completed')),
  is_void boolean not null,
  currency text,
  currency_conflict boolean not null,
  attribution_at timestamptz,
  parent_order_id text,
  parent_kind text check (parent_kind in ('split', 'gift')),
  made_at timestamptz not null,
  changed_at timestamptz not null,
  constraint orders_identity unique (merchant_id, order_id, source_id),
  constraint orders_merchant unique (order_key, merchant_id),
  constraint orders_parent check ((parent_order_id is null) = (parent_kind is null))
);
create index orders_by_time on orders (merchant_id, attribution_at);
create index orders_by_id on orders (source_id, order_id);
create index orders_children on orders (merchant_id, source_id, parent_order_id) where parent_order_id is not null;
comment on column orders.merged is
  'The join of all reports: every field with the stamp that decides which report speaks. The other columns are read off it.';
comment on column orders.attribution_at is 'When the deposit, else the price, was paid: everything is decided as of this time.';

create table order_report (
  order_key bigint not null references orders,
  delivery_id uuid not null references delivery,
  ordinal smallint not null,
  primary key (delivery_id, ordinal)
);
create index order_report_of_order on order_report (order_key);
comment on table order_report is 'The effect of a delivery, once: which order its nth report was merged into.';

create table order_identity (
  identity uuid not null,
  order_key bigint not null references orders,
  primary key (identity, order_key)
);
comment on table order_identity is 'Orders by the identities of their buyer, for late evidence and for locks.';

create table order_waiting (
  waits_for text not null,
  order_key bigint not null references orders,
  primary key (waits_for, order_key)
);
comment on table order_waiting is 'Orders whose reports name a promoter in words of their source that nobody has explained yet.';
comment on column order_waiting.waits_for is 'What would explain it, as in delivery: the deliveries of the order are then merged again.';

create trigger mapping_version_unchanged before update or delete on mapping_version for each row execute function refuse_change();
create trigger order_report_unchanged before update or delete on order_report for each row execute function refuse_change();
revoke update, delete, truncate on mapping_version, order_report from fenyong_app;
revoke delete, truncate on delivery, orders from fenyong_app;
