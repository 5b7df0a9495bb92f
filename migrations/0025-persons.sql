-- Whose a key is, what an admin's work is, and who made the key: where two persons must agree, persons are compared.

alter table api_key
  add column person text constraint api_key_person check (length(person) between 1 and 128),
  add column role text,
  add column made_by uuid constraint api_key_maker references api_key,
  drop constraint api_key_scope,
  drop constraint api_key_merchant,
  add constraint api_key_scope check (scope in ('admin', 'storefront', 'merchant', 'promoter', 'auditor')),
  add constraint api_key_role check (role is null or (scope = 'admin' and role in ('operator', 'finance', 'risk'))),
  add constraint api_key_merchant check (
    case scope when 'storefront' then true when 'merchant' then merchant_id is not null else merchant_id is null end
  );

comment on column api_key.person is 'Whose key it is; null for a key that is a person of its own.';
comment on column api_key.role is 'What an admin''s key is for; null for one that may do everything.';
comment on column api_key.made_by is 'The key by which this one was made; null for one made on the command line or at the first start.';

update api_key set made_by = audit_log.key_id
from audit_log where action = 'key_made' and subject_kind = 'key' and subject_id = api_key.key_id::text and audit_log.key_id is not null;
