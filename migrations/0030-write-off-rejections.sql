-- A write-off that waits can be refused, or withdrawn by who wanted it; and what watches money out finds its rows by indexes.

alter table write_off
  add column rejected_at timestamptz,
  add column rejected_by uuid references api_key,
  add column rejected_person text,
  add column rejection text,
  add constraint write_off_rejection check (num_nulls(rejected_at, rejected_by, rejected_person, rejection) in (0, 4)),
  add constraint write_off_decided check (approved_at is null or rejected_at is null);
comment on column write_off.rejection is 'Why it was refused by another person, or withdrawn by who wanted it. Nothing is booked then.';

create or replace function refuse_other_write_off() returns trigger language plpgsql as $$
begin
  if old.approved_at is not null or old.rejected_at is not null or
    row (new.write_off_id, new.promoter_id, new.merchant_id, new.currency, new.amount, new.reason, new.made_at, new.made_by, new.made_person)
    is distinct from
    row (old.write_off_id, old.promoter_id, old.merchant_id, old.currency, old.amount, old.reason, old.made_at, old.made_by, old.made_person)
  then
    raise exception 'a write-off is decided once and never changed';
  end if;
  return new;
end $$;

create index write_off_waiting on write_off (made_at) where approved_at is null and rejected_at is null;
create index payout_batch_waiting on payout_batch (drafted_at) where approved_at is null and cancelled_at is null;
create index payout_notice_unexplained on payout_notice (received_at) where outcome is distinct from 'applied';
