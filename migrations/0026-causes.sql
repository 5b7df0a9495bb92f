-- Why a transfer was made: an order's revision, as all of them until now, or a payout, a return, a write-off, a bonus, a merchant's
-- payment, a re-rating. What is of no order names its cause instead.

alter table account
  drop constraint account_kind_check,
  drop constraint account_owner,
  add constraint account_kind check (kind in ('commission', 'received', 'pending', 'available', 'paying', 'withheld', 'paid', 'revenue')),
  add constraint account_owner check ((promoter_id is null) = (kind in ('commission', 'received', 'revenue')));
comment on table account is
  'Merchant: commission (what it owes, below zero), received (what it paid, below zero). Promoter, per merchant: pending, available, '
  'paying, withheld, paid. Platform: revenue.';

alter table transfer
  alter column order_key drop not null,
  alter column revision drop not null,
  alter column line_id drop not null,
  alter column role drop not null,
  add column cause text not null default 'order',
  add column cause_id text,
  drop constraint transfer_kind_check,
  add constraint transfer_kind check (kind in (
    'accrue', 'reverse', 'release', 'reserve', 'unreserve', 'withhold', 'pay', 'bring_back', 'write_off', 'receive'
  )),
  add constraint transfer_cause check (
    case
      when cause = 'order' then num_nulls(order_key, revision, line_id, role) = 0 and cause_id is null
      when cause = 're_rating' then num_nulls(order_key, revision, line_id, role, cause_id) = 0
      else cause in ('payout', 'return', 'write_off', 'bonus', 'merchant_payment')
        and num_nonnulls(order_key, revision, line_id, role, level) = 0 and cause_id is not null and length(cause_id) between 1 and 300
    end
  );
create unique index transfer_caused_once on transfer (cause, cause_id, position) where order_key is null;
comment on column transfer.cause is 'Why it was made. Transfers of `order` and `re_rating` are of that order''s revision.';
comment on column transfer.cause_id is 'What made it: the payout, the merchant''s payment …; null for `order`, whose revision says it.';
comment on index transfer_caused_once is 'The business key of what is of no order: booked once, whoever asks how often.';

create or replace view entry as
  select transfer_id, side, account_id, sides.amount, order_key, revision, position, kind, merchant_id, currency, promoter_id,
    line_id, role, level, booked_at, booked_xid, cause, cause_id
  from transfer,
    lateral (values (0, from_account_id, -transfer.amount), (1, to_account_id, transfer.amount)) as sides (side, account_id, amount);
