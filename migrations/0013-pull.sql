-- Asking order systems: who asks one at this moment, how far each of its lists was read, what is wanted by its id, and reconciliations.

create table pull (
  source_id text constraint pull_key primary key constraint pull_source references source,
  holder uuid,
  held_until timestamptz,
  due_at timestamptz,
  rests_until timestamptz,
  attempts integer not null default 0,
  error text,
  answered_at timestamptz,
  constraint pull_holder check ((holder is null) = (held_until is null))
);
comment on table pull is 'A source that is asked: by one process at a time.';
comment on column pull.holder is 'Who asks now. Whoever has lost it, because held_until has passed, writes nothing more.';
comment on column pull.due_at is 'When it is its turn again, where it is asked by itself; null: now.';
comment on column pull.rests_until is 'Nothing is asked of it before: its platform demands that, or it gave no answer.';
comment on column pull.attempts is 'How often in a row it gave no answer.';

create table pull_token (
  source_id text constraint pull_token_source references source,
  name text,
  sealed bytea not null,
  expires_at timestamptz not null,
  constraint pull_token_key primary key (source_id, name)
);
comment on column pull_token.sealed is 'AES-256-GCM over the access token; never read back through the API.';

create table pull_wanted (
  source_id text constraint pull_wanted_source references source,
  key text,
  asked_at timestamptz not null,
  due_at timestamptz not null,
  attempts integer not null default 0,
  error text,
  constraint pull_wanted_key primary key (source_id, key)
);
create index pull_wanted_due on pull_wanted (due_at);
comment on table pull_wanted is 'What a delivery names only by its id and is still to be fetched.';
comment on column pull_wanted.asked_at is 'When it was last named: what is named again while it is fetched is fetched again.';

create table reconciliation (
  reconciliation_id uuid constraint reconciliation_key primary key,
  source_id text not null,
  merchant_id text constraint reconciliation_merchant references merchant,
  origin text not null constraint reconciliation_origin check (origin in ('pull', 'upload')),
  range_from timestamptz,
  range_to timestamptz,
  state text not null constraint reconciliation_state check (state in ('reading', 'settling', 'done', 'failed')),
  bad_rows bigint not null default 0,
  bad jsonb not null default '[]',
  error text,
  made_at timestamptz not null,
  read_at timestamptz,
  finished_at timestamptz,
  constraint reconciliation_range check (num_nonnulls(range_from, range_to) = case origin when 'pull' then 2 else 0 end),
  constraint reconciliation_finished check ((finished_at is null) = (state in ('reading', 'settling')))
);
create index reconciliation_open on reconciliation (state, made_at) where state in ('reading', 'settling');
comment on table reconciliation is 'One comparison of what a source says, or of an uploaded file, with what is known.';
comment on column reconciliation.merchant_id is 'Whose orders an uploaded file of the source rest tells of.';
comment on column reconciliation.state is 'reading; settling: all was read and is being merged; done; failed: see error.';

create table reconciled_order (
  reconciliation_id uuid constraint reconciled_order_of references reconciliation,
  shop text,
  order_id text,
  found text not null constraint reconciled_order_found check (found in ('known', 'missing', 'different')),
  delivery_id uuid not null constraint reconciled_order_delivery references delivery,
  recovered boolean not null default false,
  constraint reconciled_order_key primary key (reconciliation_id, shop, order_id),
  constraint reconciled_order_recovered check (not recovered or found <> 'known')
);
create index reconciled_order_unrecovered on reconciled_order (reconciliation_id) where found <> 'known' and not recovered;
comment on table reconciled_order is 'An order that a reconciliation looked at: as it was found first, before anything was merged.';
comment on column reconciled_order.shop is 'What the source calls its merchant; empty where it does not say.';

create table pull_feed (
  source_id text not null constraint pull_feed_source references source,
  feed text not null,
  reconciliation_id uuid constraint pull_feed_reconciliation references reconciliation,
  reached timestamptz not null,
  window_from timestamptz,
  window_until timestamptz,
  cursor text,
  window_begun_at timestamptz,
  constraint pull_feed_key unique nulls not distinct (source_id, feed, reconciliation_id),
  constraint pull_feed_window check (num_nulls(window_from, window_until, window_begun_at) in (0, 3))
);
comment on table pull_feed is 'How far a list of a source was read: by itself, or for one reconciliation.';
comment on column pull_feed.reached is 'All that changed before is stored. It moves when the last page of a window is stored, never before.';
comment on column pull_feed.cursor is 'Where in the window to go on after a kill; null: at its first page.';

revoke delete, truncate on reconciliation, reconciled_order from fenyong_app;
