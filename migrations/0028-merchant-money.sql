-- What merchants owe and pay, and what promoters owe and we write off.

alter table merchant_version
  add column payouts text not null default 'always' constraint merchant_version_payouts check (payouts in ('always', 'when_paid'));
comment on column merchant_version.payouts is 'Whether its promoters are paid always, or only while the merchant owes nothing in that currency.';
create index merchant_version_when_paid on merchant_version (merchant_id) where payouts = 'when_paid';

-- What can stand on an invoice: not an order's accrual to pending, which is most of what is booked.
create index transfer_invoiced on transfer (merchant_id, booked_at, transfer_id)
  where kind in ('release', 'reverse') or role = 'platform' or cause = 'bonus';
comment on index transfer_invoiced is 'The months of a merchant. What an invoice counts lies in it; what lies in it an invoice need not count.';

create table merchant_payment (
  payment_id uuid primary key,
  merchant_id text not null references merchant,
  reference text not null check (length(reference) between 1 and 128),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  amount bigint not null check (amount > 0),
  occurred_at timestamptz,
  made_at timestamptz not null,
  made_by uuid not null references api_key,
  constraint merchant_payment_once unique (merchant_id, reference)
);
comment on table merchant_payment is 'What merchants have paid us, each once: booked by the cause merchant_payment, under its id.';
comment on column merchant_payment.occurred_at is 'When the money came, where somebody said; it is booked when it is told.';
create trigger merchant_payment_unchanged before update or delete on merchant_payment for each row execute function refuse_change();
create trigger merchant_payment_kept before truncate on merchant_payment for each statement execute function refuse_change();

create table write_off (
  write_off_id uuid primary key,
  promoter_id text not null references promoter,
  merchant_id text not null references merchant,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  amount bigint not null check (amount > 0),
  reason text not null,
  made_at timestamptz not null,
  made_by uuid not null references api_key,
  made_person text not null,
  approved_at timestamptz,
  approved_by uuid references api_key,
  approved_person text,
  approved_alone boolean,
  constraint write_off_approval check (num_nulls(approved_at, approved_by, approved_person, approved_alone) in (0, 4)),
  constraint write_off_two_persons check (approved_alone or approved_person <> made_person)
);
comment on table write_off is 'Debts of promoters that we give up: said by one person, booked when a second one approves.';

create function refuse_other_write_off() returns trigger language plpgsql as $$
begin
  if old.approved_at is not null or
    row (new.write_off_id, new.promoter_id, new.merchant_id, new.currency, new.amount, new.reason, new.made_at, new.made_by, new.made_person)
    is distinct from
    row (old.write_off_id, old.promoter_id, old.merchant_id, old.currency, old.amount, old.reason, old.made_at, old.made_by, old.made_person)
  then
    raise exception 'a write-off is approved once and never changed';
  end if;
  return new;
end $$;
create trigger write_off_unchanged before update on write_off for each row execute function refuse_other_write_off();
create trigger write_off_kept before delete on write_off for each row execute function refuse_change();

revoke update, delete, truncate on merchant_payment from fenyong_app;
revoke delete, truncate on write_off from fenyong_app;
