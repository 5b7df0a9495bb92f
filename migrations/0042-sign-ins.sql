-- Signing in without a key: a promoter by a link, somebody of the company by its own accounts, a promoter's WeChat by its openid.

alter table api_key
  alter column hash drop not null,
  add column sign_in text,
  add constraint api_key_sign_in check (
    case sign_in
      when 'link' then scope = 'promoter'
      when 'oidc' then scope in ('admin', 'merchant', 'auditor') and person is not null
      else sign_in is null
    end
  ),
  add constraint api_key_presented check ((hash is null) = (sign_in is not null));
comment on column api_key.hash is
  'SHA-256 of the key. The key has 256 random bits, so a slow hash would add nothing but work. Null for a key that nobody can present.';
comment on column api_key.sign_in is 'How its sessions are made; null for a key that is presented.';
create unique index api_key_signed_in on api_key (sign_in, coalesce(promoter_id, person)) where sign_in is not null and revoked_at is null;

create table sign_in_link (
  hash bytea constraint sign_in_link_pkey primary key constraint sign_in_link_hash check (length(hash) = 32),
  promoter_id text not null constraint sign_in_link_promoter references promoter,
  made_by uuid not null constraint sign_in_link_maker references api_key,
  made_at timestamptz not null,
  expires_at timestamptz not null,
  constraint sign_in_link_life check (expires_at > made_at)
);
comment on table sign_in_link is 'Links that sign a promoter in, once; a row is deleted when its link is used, and swept once it has expired.';
comment on column sign_in_link.hash is 'SHA-256 of its code, which has 256 random bits.';
create index sign_in_link_of_promoter on sign_in_link (promoter_id, expires_at);
create index sign_in_link_expiry on sign_in_link (expires_at);
revoke update, truncate on sign_in_link from fenyong_app;
