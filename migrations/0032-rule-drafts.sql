-- Changes of what is earned that wait for a second person, and how long promoters are told before.

alter table merchant_version
  add column rate_notice_hours integer
    constraint merchant_version_rate_notice check (rate_notice_hours between 1 and 8760),
  add column rate_lock text not null default 'none' constraint merchant_version_rate_lock check (rate_lock in ('none', 'click'));
comment on column merchant_version.rate_notice_hours is
  'For at least so long before it counts a change is known that lets promoters earn less; null: it may count at once.';
comment on column merchant_version.rate_lock is
  'click: the better one for the winner counts of the rules in force at its click and at the attribution time.';

create table rule_draft (
  draft_id uuid primary key,
  kind text not null check (kind in ('rule', 'end', 'reversion', 'offer', 'campaign', 'program', 'merchant')),
  merchant_id text,
  subject_id text,
  base_version integer,
  change jsonb not null,
  note text check (length(note) between 1 and 1000),
  emergency text check (length(emergency) between 1 and 1000),
  revision integer not null check (revision > 0),
  content_hash bytea not null check (length(content_hash) = 32),
  state text not null check (state in ('draft', 'approved', 'published', 'rejected')),
  made_at timestamptz not null,
  changed_at timestamptz not null,
  approved_at timestamptz,
  approved_by uuid references api_key,
  approved_person text,
  approved_alone boolean,
  acknowledged text[],
  decided_at timestamptz,
  decided_by uuid references api_key,
  reason text check (length(reason) between 1 and 1000),
  published_version integer,
  constraint rule_draft_approval check (
    (approved_at is null) = (approved_by is null) and (approved_at is null) = (approved_person is null)
    and (approved_at is null) = (approved_alone is null) and (approved_at is null) = (acknowledged is null)),
  constraint rule_draft_approved check (
    case state when 'draft' then approved_at is null when 'rejected' then true else approved_at is not null end),
  constraint rule_draft_decided check ((state in ('published', 'rejected')) = (decided_at is not null)
    and (decided_at is null) = (decided_by is null)),
  constraint rule_draft_rejected check ((state = 'rejected') = (reason is not null)),
  constraint rule_draft_emergency check (state <> 'published' or emergency is null or not approved_alone)
);
create index rule_draft_open on rule_draft (draft_id) where state in ('draft', 'approved');
create index rule_draft_of_merchant on rule_draft (merchant_id, draft_id);
comment on table rule_draft is 'A change of what is earned, as it was drafted last. Once published or rejected it stays as it is.';
comment on column rule_draft.merchant_id is 'Whose lines alone it is about; null: of several merchants, or of all.';
comment on column rule_draft.subject_id is 'The rule or merchant that it changes; null for a new rule until it is published.';
comment on column rule_draft.base_version is 'The version of the subject that it was drafted against: a newer one makes it stale.';
comment on column rule_draft.revision is 'How often it was written: each time it has another hash, and no approval.';
comment on column rule_draft.content_hash is 'SHA-256 of all that is approved: the draft, its revision and its base.';
comment on column rule_draft.acknowledged is 'The codes of the warnings that the approver has seen.';

create table rule_draft_edit (
  draft_id uuid not null references rule_draft,
  revision integer not null check (revision > 0),
  key_id uuid not null references api_key,
  person text not null,
  edited_at timestamptz not null,
  change jsonb not null,
  primary key (draft_id, revision)
);
comment on table rule_draft_edit is 'Who wrote a draft, each time: none of them approves it.';
create trigger rule_draft_edit_unchanged before update or delete on rule_draft_edit for each row execute function refuse_change();

create function refuse_change_of_decided() returns trigger language plpgsql as $$
begin
  if old.state in ('published', 'rejected') then
    raise exception '% %: a draft that is % stays as it is', tg_table_name, tg_op, old.state;
  end if;
  return case tg_op when 'DELETE' then old else new end;
end
$$;
create trigger rule_draft_decided_unchanged before update or delete on rule_draft
  for each row execute function refuse_change_of_decided();
revoke delete, truncate on rule_draft from fenyong_app;
revoke update, delete, truncate on rule_draft_edit from fenyong_app;
