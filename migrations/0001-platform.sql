-- What the service itself needs, before any word of the domain: its role, settings, keys, answers to retries, and the audit log.

-- The application runs as fenyong_app, which owns nothing: it cannot change the schema, nor the rows of append-only tables.
-- Roles belong to the whole cluster, so several databases may make it at the same moment.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'fenyong_app') then
      create role fenyong_app nologin;
    end if;
  exception
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
      raise exception 'the role fenyong_app is missing and % may not make it', current_user
        using hint = format('Let an administrator run: create role fenyong_app nologin; grant fenyong_app to %I', current_user);
  end;
  if not pg_has_role(current_user, 'fenyong_app', 'member') then
    execute format('grant fenyong_app to %I', current_user);
  end if;
exception when duplicate_object or unique_violation or insufficient_privilege then
  raise notice 'fenyong_app was not granted to %: %', current_user, sqlerrm;
end $$;

grant usage on schema public to fenyong_app;
alter default privileges in schema public grant select, insert, update, delete on tables to fenyong_app;
alter default privileges in schema public grant usage, select on sequences to fenyong_app;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed', tg_table_name
    using errcode = 'restrict_violation', hint = 'A correction is a new row.';
end $$;
comment on function refuse_change is 'Trigger of append-only tables, against update, delete and truncate by anybody, the owner included.';

create table setting (
  name text constraint setting_key primary key,
  value text not null,
  made_at timestamptz not null default now()
);
comment on table setting is 'Secrets that were absent from the environment and were made once, at the first start.';
comment on column setting.value is 'The secret itself. Secrets that are given in the environment are not here, nor in any backup.';

create table api_key (
  key_id uuid constraint api_key_key primary key,
  hash bytea not null constraint api_key_hash unique constraint api_key_hash_length check (length(hash) = 32),
  scope text not null constraint api_key_scope check (scope in ('admin', 'storefront', 'promoter', 'auditor')),
  merchant_id text,
  promoter_id text,
  label text not null,
  ending text,
  made_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  constraint api_key_promoter check ((promoter_id is not null) = (scope = 'promoter')),
  constraint api_key_merchant check (merchant_id is null or scope = 'storefront')
);
comment on table api_key is 'Who may call the API. A row is never deleted, so that what a key has done can be told for ever.';
comment on column api_key.hash is 'SHA-256 of the key. The key has 256 random bits, so a slow hash would add nothing but work.';
comment on column api_key.merchant_id is 'The only merchant of a storefront key; null for a storefront key of all merchants.';
comment on column api_key.promoter_id is 'The promoter of a promoter key.';
comment on column api_key.ending is 'The last four characters, by which its owner knows it again; null for a key from the environment.';
comment on column api_key.last_used_at is 'Exact to a minute.';

create table idempotency_key (
  key_id uuid not null constraint idempotency_key_caller references api_key,
  key text not null constraint idempotency_key_length check (length(key) between 1 and 255),
  fingerprint bytea not null constraint idempotency_key_fingerprint check (length(fingerprint) = 32),
  status smallint constraint idempotency_key_status check (status between 200 and 499),
  body text,
  made_at timestamptz not null,
  finished_at timestamptz,
  constraint idempotency_key_key primary key (key_id, key),
  constraint idempotency_key_finished check ((finished_at is null) = (status is null) and (body is null or status is not null))
);
create index idempotency_key_age on idempotency_key (made_at);
comment on table idempotency_key is 'Answers to requests under an Idempotency-Key, for 30 days. A row commits with its effect.';
comment on column idempotency_key.key_id is 'The API key of the caller: two callers may use one Idempotency-Key.';
comment on column idempotency_key.fingerprint is 'SHA-256 of method, path and raw body: another request under the same key is refused.';
comment on column idempotency_key.body is 'The answer, byte for byte, without secrets; null for an answer without a body.';

create table audit_log (
  audit_id bigint generated always as identity constraint audit_log_key primary key,
  recorded_at timestamptz not null,
  recorded_xid bigint not null default (pg_current_xact_id()::text::bigint),
  key_id uuid constraint audit_log_actor references api_key,
  action text not null,
  subject_kind text not null,
  subject_id text not null,
  before jsonb,
  after jsonb
);
create index audit_log_of_subject on audit_log (subject_kind, subject_id, audit_id);
create index audit_log_time on audit_log (recorded_at);
comment on table audit_log is 'Every change an operator made, written in the transaction that made it.';
comment on column audit_log.recorded_xid is 'The transaction that wrote it: who reads by watermark stays below the oldest running one.';
comment on column audit_log.key_id is 'The API key that asked for the change; null for what the service did of itself.';
comment on column audit_log.before is 'The subject before the change, without secrets; null when it was made by it.';
comment on column audit_log.after is 'The subject after the change, without secrets; null when it was removed by it.';

create trigger audit_log_unchanged before update or delete on audit_log for each row execute function refuse_change();
create trigger audit_log_kept before truncate on audit_log for each statement execute function refuse_change();
revoke update, delete, truncate on audit_log from fenyong_app;
revoke delete, truncate on setting, api_key from fenyong_app;
