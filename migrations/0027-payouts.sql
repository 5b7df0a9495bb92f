-- Money out. A payout pays one promoter one amount in one currency; a batch is what two people look at; a provider moves the money; a bill is
-- one try of a payout at a provider.

create table payout_provider (
  provider_id text primary key check (length(provider_id) between 1 and 128),
  kind text not null check (kind in ('manual', 'file', 'wechat-pay')),
  secrets bytea,
  secrets_set text[] not null,
  options jsonb not null,
  stopped_at timestamptz,
  made_at timestamptz not null,
  changed_at timestamptz not null
);
comment on column payout_provider.secrets is 'Sealed.';
comment on column payout_provider.stopped_at is
  'Since when nothing is approved for it or sent by it, because the database was restored; an operator who has compared resumes it.';
insert into payout_provider (provider_id, kind, secrets_set, options, made_at, changed_at) values ('manual', 'manual', '{}', '{}', now(), now());

create table payee_version (
  promoter_id text not null references promoter,
  version integer not null check (version > 0),
  kind text not null check (kind in ('individual', 'sole_trader', 'company')),
  country text not null check (country ~ '^[A-Z]{2}$'),
  provider_id text not null references payout_provider,
  sealed bytea not null,
  name_shown text,
  tax_id_shown text,
  account_shown jsonb not null,
  taxpayer bytea,
  is_change boolean not null,
  stated_at timestamptz not null,
  stated_by uuid not null references api_key,
  stated_person text not null,
  primary key (promoter_id, version)
);
comment on table payee_version is 'Who a promoter''s payouts are sent to. Never changed: a payout goes to the version that it was drafted for.';
comment on column payee_version.sealed is 'Name, tax id and account, sealed; what is shown of them stands beside.';
comment on column payee_version.taxpayer is
  'Keyed hash of the tax id: what people of one tax id are paid is taxed together. Null where none was stated.';
comment on column payee_version.is_change is 'Not so for the first that was ever stated.';

create table payee_confirmation (
  promoter_id text not null,
  version integer not null,
  confirmed_at timestamptz not null,
  confirmed_by uuid not null references api_key,
  primary key (promoter_id, version),
  foreign key (promoter_id, version) references payee_version
);
comment on table payee_confirmation is 'That a second person confirms a changed payee, which is then paid without the wait.';

create table payout_batch (
  batch_id uuid primary key,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  minimum bigint not null check (minimum >= 0),
  provider_id text references payout_provider,
  promoter_ids text[],
  requested boolean not null,
  despite_debts boolean not null,
  schedule_id text,
  schedule_month text,
  content_hash bytea,
  drafted_at timestamptz not null,
  drafted_by uuid references api_key,
  drafted_person text not null,
  approved_at timestamptz,
  approved_by uuid references api_key,
  approved_person text,
  approved_alone boolean,
  cancelled_at timestamptz,
  cancelled_by uuid references api_key,
  constraint payout_batch_scheduled unique (schedule_id, schedule_month),
  constraint payout_batch_approval check (num_nulls(approved_at, approved_by, approved_person, approved_alone) in (0, 4)),
  constraint payout_batch_two_persons check (approved_alone or approved_person <> drafted_person),
  constraint payout_batch_decided check (approved_at is null or cancelled_at is null)
);
comment on column payout_batch.content_hash is
  'SHA-256 over the currency and, of each payout, its id, promoter, payee version, provider, items and gross: what is approved is this.';
comment on column payout_batch.drafted_by is 'Null for what a schedule has drafted.';

create sequence payout_moment;
comment on sequence payout_moment is
  'The order of approvals and ends, under the lock of withholding: what was live at an approval can be told for ever.';

create table payout (
  payout_id uuid primary key,
  batch_id uuid not null references payout_batch,
  promoter_id text not null references promoter,
  currency text not null,
  provider_id text not null references payout_provider,
  payee_version integer,
  payee_kind text not null check (payee_kind in ('individual', 'sole_trader', 'company')),
  gross bigint not null check (gross > 0),
  expected_withheld bigint not null check (expected_withheld between 0 and gross),
  withheld bigint check (withheld between 0 and gross),
  state text not null check (state in (
    'drafted', 'dropped', 'approved', 'sending', 'sent', 'action_required', 'unknown', 'disputed', 'paid', 'failed', 'cancelled', 'returned'
  )),
  reason text,
  reference text,
  content_hash bytea not null,
  scheme text check (scheme in ('none', 'cn_labor_service', 'cn_platform_cumulative')),
  tax_month text check (tax_month ~ '^\d{4}-\d{2}$'),
  tax_steps jsonb,
  taxpayer text,
  approved_no bigint constraint payout_approved_no unique,
  drafted_at timestamptz not null,
  approved_at timestamptz,
  changed_at timestamptz not null,
  paid_at timestamptz,
  returned_at timestamptz,
  action jsonb,
  cancel_asked_at timestamptz,
  attempts integer not null default 0,
  due_at timestamptz,
  foreign key (promoter_id, payee_version) references payee_version (promoter_id, version),
  constraint payout_money unique (payout_id, promoter_id, currency),
  constraint payout_approved check (
    num_nulls(withheld, scheme, tax_month, taxpayer, approved_no, approved_at) = case when state in ('drafted', 'dropped') then 6 else 0 end
    or (state = 'cancelled' and approved_no is null)
  ),
  constraint payout_paid check (paid_at is not null or state not in ('paid', 'returned'))
) with (fillfactor = 80);
create index payout_of_batch on payout (batch_id, payout_id);
create index payout_of_promoter on payout (promoter_id, payout_id);
create index payout_due on payout (due_at) where due_at is not null;
create index payout_open on payout (state, changed_at) where state in ('approved', 'sending', 'sent', 'action_required', 'unknown', 'disputed');
create index payout_taxed on payout (taxpayer, tax_month) where taxpayer is not null;
comment on column payout.expected_withheld is 'What would be withheld, as of the draft.';
comment on column payout.withheld is 'Fixed at the approval, and booked with the payment.';
comment on column payout.taxpayer is 'Whose income it is: the keyed hash of the tax id, else the promoter.';
comment on column payout.due_at is 'When the worker is to look at it next; null for what only people or files end.';

create table payout_income (
  payout_id uuid not null references payout,
  from_no bigint not null unique,
  until_no bigint check (until_no > from_no),
  primary key (payout_id, from_no)
);
create unique index payout_income_once on payout_income (payout_id) where until_no is null;
comment on table payout_income is
  'From which moment until which a payout counts as income of its taxpayer: from its approval until it fails, is cancelled or returned.';

create table payout_item (
  payout_id uuid not null,
  position integer not null check (position >= 0),
  merchant_id text not null references merchant,
  promoter_id text not null,
  currency text not null,
  amount bigint not null check (amount > 0),
  primary key (payout_id, position),
  constraint payout_item_once unique (payout_id, merchant_id),
  foreign key (payout_id, promoter_id, currency) references payout (payout_id, promoter_id, currency)
);
create trigger payout_item_unchanged before update or delete on payout_item for each row execute function refuse_change();
create trigger payout_item_kept before truncate on payout_item for each statement execute function refuse_change();

create table payout_skip (
  batch_id uuid not null references payout_batch,
  promoter_id text not null references promoter,
  reason text not null check (reason in (
    'suspended', 'frozen', 'negative_balance', 'below_minimum', 'no_payee', 'other_provider', 'payee_changed_recently', 'merchant_unpaid',
    'missing_payee_name', 'below_provider_minimum', 'above_provider_maximum'
  )),
  amount bigint not null,
  primary key (batch_id, promoter_id)
);

create table payout_change (
  payout_id uuid not null references payout,
  position integer not null check (position >= 0),
  from_state text,
  to_state text not null,
  reason text,
  key_id uuid references api_key,
  changed_at timestamptz not null,
  primary key (payout_id, position)
);
comment on table payout_change is 'How a payout came to what it is, step by step; by whom, where people did it.';
create trigger payout_change_unchanged before update or delete on payout_change for each row execute function refuse_change();
create trigger payout_change_kept before truncate on payout_change for each statement execute function refuse_change();

create table payout_bill (
  provider_id text not null references payout_provider,
  bill_no text not null,
  payout_id uuid not null,
  promoter_id text not null,
  currency text not null,
  sequence integer not null check (sequence > 0),
  amount bigint not null check (amount > 0),
  body bytea not null,
  body_hash bytea not null check (length(body_hash) = 32),
  headers jsonb not null,
  made_at timestamptz not null,
  sent_at timestamptz,
  refusal text,
  ended_at timestamptz,
  end_state text check (end_state in ('paid', 'failed', 'cancelled')),
  reference text,
  primary key (provider_id, bill_no),
  constraint payout_bill_sequence unique (provider_id, promoter_id, currency, sequence),
  foreign key (payout_id, promoter_id, currency) references payout (payout_id, promoter_id, currency)
);
create unique index payout_bill_open on payout_bill (payout_id) where end_state is null or end_state = 'paid';
comment on column payout_bill.body is
  'The exact bytes of the request, kept before the first call. They are sent again as they are, and never others.';
comment on column payout_bill.sent_at is 'When its bytes were sent last, written before they are.';
comment on column payout_bill.refusal is 'Why the provider has refused it, provably; alone that ends nothing.';
comment on column payout_bill.sequence is
  'How many bills the promoter had there in this currency: its number is made of that, and after a restore made again.';
comment on index payout_bill_open is 'A payout has one bill that is open or paid: another number only after a proven end.';

create function refuse_other_bill() returns trigger language plpgsql as $$
begin
  if row (new.provider_id, new.bill_no, new.payout_id, new.promoter_id, new.currency, new.sequence, new.amount, new.body, new.body_hash,
    new.headers, new.made_at)
    is distinct from
    row (old.provider_id, old.bill_no, old.payout_id, old.promoter_id, old.currency, old.sequence, old.amount, old.body, old.body_hash,
    old.headers, old.made_at)
  then
    raise exception 'a bill''s bytes are never changed';
  end if;
  return new;
end $$;
create trigger payout_bill_unchanged before update on payout_bill for each row execute function refuse_other_bill();
create trigger payout_bill_kept before delete on payout_bill for each row execute function refuse_change();

create table payout_notice (
  provider_id text not null references payout_provider,
  body_hash bytea not null check (length(body_hash) = 32),
  headers jsonb not null,
  body bytea not null,
  notice_id text not null,
  bill_no text not null,
  outcome text,
  received_at timestamptz not null,
  primary key (provider_id, body_hash)
);
comment on table payout_notice is 'What providers told, as it came, stored before it is answered.';

create table payout_file_part (
  batch_id uuid not null references payout_batch,
  provider_id text not null references payout_provider,
  part_no integer not null check (part_no >= 0),
  sealed bytea not null,
  primary key (batch_id, provider_id, part_no)
);
create table payout_file (
  batch_id uuid not null references payout_batch,
  provider_id text not null references payout_provider,
  name text not null,
  media_type text not null,
  sha256 bytea not null check (length(sha256) = 32),
  bytes bigint not null,
  payouts integer not null,
  net bigint not null,
  primary key (batch_id, provider_id)
);
comment on table payout_file is 'The file of a batch for a bank, fixed at the approval: the same bytes at every download.';
create trigger payout_file_unchanged before update or delete on payout_file for each row execute function refuse_change();
create trigger payout_file_part_kept before delete on payout_file_part for each row execute function refuse_change();

create table payout_ruling (
  ruling_id uuid primary key,
  payout_id uuid not null references payout,
  kind text not null check (kind in ('result', 'correction')),
  state text not null check (state in ('paid', 'failed')),
  reference text,
  reason text,
  occurred_at timestamptz,
  made_at timestamptz not null,
  made_by uuid not null references api_key,
  made_person text not null,
  decided_at timestamptz,
  decided_by uuid references api_key
);
create unique index payout_ruling_open on payout_ruling (payout_id) where decided_at is null;
comment on table payout_ruling is 'What one person says of a payout whose end is disputed, unknown or told wrongly, until a second one agrees.';

create table payout_request (
  promoter_id text not null references promoter,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  made_at timestamptz not null,
  closed_at timestamptz,
  closed_by uuid references payout_batch,
  primary key (promoter_id, currency, made_at)
);
create unique index payout_request_open on payout_request (promoter_id, currency) where closed_at is null;

create index account_available on account (currency, promoter_id) where kind = 'available';

revoke delete, truncate on payout_provider, payee_version, payee_confirmation, payout_batch, payout, payout_income, payout_item, payout_skip,
  payout_change, payout_bill, payout_notice, payout_file, payout_file_part, payout_ruling, payout_request from fenyong_app;
revoke update on payee_version, payee_confirmation, payout_item, payout_skip, payout_change, payout_file from fenyong_app;
-- So that a master key can be rotated.
grant update (sealed) on payee_version to fenyong_app;
create trigger payee_version_kept before delete on payee_version for each row execute function refuse_change();
