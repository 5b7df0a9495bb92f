-- Outbound webhooks: who is told of what, and every message with what became of it.

create table webhook_endpoint (
  endpoint_id text primary key check (length(endpoint_id) between 1 and 128),
  url text not null,
  events text[] not null constraint webhook_endpoint_events check (cardinality(events) > 0),
  merchant_id text references merchant,
  description text not null,
  active boolean not null,
  disabled_reason text,
  secrets bytea not null,
  former_secret_until timestamptz,
  made_at timestamptz not null,
  changed_at timestamptz not null,
  constraint webhook_endpoint_disabled check (disabled_reason is null or not active)
);
create index webhook_endpoint_active on webhook_endpoint (endpoint_id) where active;
comment on table webhook_endpoint is 'An address outside that is told of events.';
comment on column webhook_endpoint.events is 'Which ones: whole families as commission.*, or single types as order.paid.';
comment on column webhook_endpoint.merchant_id is 'The only merchant whose events are told; null: those of all, and those that are of none.';
comment on column webhook_endpoint.disabled_reason is 'Why we stopped of ourselves; null where the operator did.';
comment on column webhook_endpoint.secrets is 'AES-256-GCM over the JSON of the signing secret and of those that it replaced and that still sign.';

create table webhook_message (
  message_id uuid primary key,
  endpoint_id text not null references webhook_endpoint on delete cascade,
  event_id uuid not null,
  type text not null,
  body text not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  lease uuid,
  last_attempt_at timestamptz,
  last_status integer,
  last_error text,
  made_at timestamptz not null,
  finished_at timestamptz,
  constraint webhook_message_once unique (endpoint_id, event_id),
  constraint webhook_message_finished check ((state = 'pending') = (finished_at is null)),
  constraint webhook_message_lease check (lease is null or state = 'pending')
);
create index webhook_message_due on webhook_message (endpoint_id, next_attempt_at) where state = 'pending';
create index webhook_message_listed on webhook_message (endpoint_id, message_id);
create index webhook_message_failed on webhook_message (endpoint_id, message_id) where state = 'failed';
create index webhook_message_done on webhook_message (finished_at) where state <> 'pending';
comment on table webhook_message is 'One event for one endpoint, written in the transaction of the fact that it tells of.';
comment on column webhook_message.event_id is 'The webhook-id: the same for every attempt, and for every endpoint that is told.';
comment on column webhook_message.body is 'What is sent and signed, the same bytes in every attempt.';
comment on column webhook_message.lease is 'Of the attempt under way, which alone may say how it ended. Until next_attempt_at nobody else tries.';
