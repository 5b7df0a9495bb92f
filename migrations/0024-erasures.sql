-- A buyer can be erased: what it is known by goes out of everything that was kept, and what was made of it stays.

create table erasure (
  erasure_id uuid primary key,
  merchant_id text not null references merchant,
  made_by uuid references api_key,
  made_at timestamptz not null,
  orders integer not null default 0,
  deliveries integer not null default 0,
  answers integer not null default 0,
  messages integer not null default 0,
  claims integer not null default 0,
  log_entries integer not null default 0,
  finished_at timestamptz
);
create index erasure_waiting on erasure (made_at) where finished_at is null;
create index erasure_of_merchant on erasure (merchant_id, erasure_id);
comment on table erasure is
  'A buyer who is to be forgotten. Everything of it that was kept when it was made has been looked through once it is finished.';
comment on column erasure.made_by is 'Null where the log of erasures has brought it back into a database that was restored.';
comment on column erasure.orders is 'Orders of the buyer. The other counts say in how many rows of each kind its words were replaced.';

create table erased_identity (
  identity uuid not null,
  merchant_id text not null references merchant,
  type text not null,
  erasure_id uuid not null references erasure,
  primary key (identity, erasure_id)
);
create index erased_identity_of_merchant on erased_identity (merchant_id, type);
create index erased_identity_of_erasure on erased_identity (erasure_id);
comment on table erased_identity is 'What erased buyers were known by, as keyed hashes: later deliveries are freed of it too.';

alter table delivery
  add column content_hashes text[],
  add column redacted_at timestamptz,
  add constraint delivery_redacted check ((redacted_at is null) = (content_hashes is null));
create index delivery_of_no_order on delivery (delivery_id) where state in ('parked', 'failed') or reports = 0;
comment on column delivery.body is 'The bytes as they came, but for the words of buyers who were erased.';
comment on column delivery.body_hash is 'Of the bytes as they came, whatever was replaced in them since: by it doubles are known.';
comment on column delivery.content_hashes is 'Of its reports as they came, in their order: they decide between reports of one time.';
alter table claim add column redacted_at timestamptz;
alter table audit_log add column redacted_at timestamptz;
alter table decision add column redacted_at timestamptz;

-- Only the functions below, which are their owner's, come past these triggers; where the application is the owner itself, who says that it
-- is a redaction.
create function refuse_unless_redacted() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.redacted_at is distinct from old.redacted_at
    and current_user = (select pg_get_userbyid(relowner) from pg_class where oid = tg_relid) then
    return new;
  end if;
  raise exception 'rows of % are never changed', tg_table_name
    using errcode = 'restrict_violation', hint = 'A correction is a new row.';
end $$;
comment on function refuse_unless_redacted is 'Trigger of proofs, which change only where the words of an erased buyer are replaced in them.';

drop trigger delivery_proof_unchanged on delivery;
create trigger delivery_proof_unchanged
  before update of body_hash, signed_id, headers on delivery
  for each row execute function refuse_change();
create trigger delivery_body_unchanged
  before update of body, content_hashes, redacted_at on delivery
  for each row execute function refuse_unless_redacted();
drop trigger audit_log_unchanged on audit_log;
create trigger audit_log_unchanged before update or delete on audit_log for each row execute function refuse_unless_redacted();

drop trigger decision_unchanged on decision;
create trigger decision_unchanged before update or delete on decision for each row execute function refuse_unless_redacted();

create or replace function keep_decided_claim() returns trigger language plpgsql as $$
begin
  if new.redacted_at is distinct from old.redacted_at then
    if current_user <> (select pg_get_userbyid(relowner) from pg_class where oid = tg_relid)
      or to_jsonb(new) - '{evidence,reason,gathered,redacted_at}'::text[] <> to_jsonb(old) - '{evidence,reason,gathered,redacted_at}'::text[] then
      raise exception 'a claim changes by its redaction in its words only' using errcode = 'integrity_constraint_violation';
    end if;
    return new;
  end if;
  if old.state in ('settled', 'approved', 'rejected')
    and (to_jsonb(new) - 'revision_after' is distinct from to_jsonb(old) - 'revision_after' or old.revision_after is not null) then
    raise exception 'a decided claim is never changed' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;

create function redact_delivery(of_delivery uuid, new_body bytea, hashes text[], new_error text) returns void
language sql security definer set search_path = pg_catalog, public as $$
  update delivery set body = new_body, content_hashes = hashes, error = new_error, redacted_at = clock_timestamp()
  where delivery_id = of_delivery;
$$;
create function redact_claim(of_claim uuid, new_evidence text, new_reason text, new_gathered jsonb) returns void
language sql security definer set search_path = pg_catalog, public as $$
  update claim set evidence = new_evidence, reason = new_reason, gathered = new_gathered, redacted_at = clock_timestamp()
  where claim_id = of_claim;
$$;
create function redact_log_entry(of_entry bigint, new_before jsonb, new_after jsonb) returns void
language sql security definer set search_path = pg_catalog, public as $$
  update audit_log set before = new_before, after = new_after, redacted_at = clock_timestamp() where audit_id = of_entry;
$$;
create function redact_decision(of_order bigint, of_revision integer, of_line text, new_explanation json, new_order_explanation json) returns void
language sql security definer set search_path = pg_catalog, public as $$
  update decision set explanation = new_explanation, order_explanation = new_order_explanation, redacted_at = clock_timestamp()
  where order_key = of_order and revision = of_revision and line_id = of_line;
$$;
revoke execute on function redact_delivery, redact_claim, redact_log_entry, redact_decision from public;
grant execute on function redact_delivery, redact_claim, redact_log_entry, redact_decision to fenyong_app;
revoke delete, truncate on erasure, erased_identity from fenyong_app;
revoke update on erased_identity from fenyong_app;
