-- The books. A transfer moves one positive amount between two accounts of one merchant and one currency: it balances by being one row.

create table account (
  account_id bigint generated always as identity primary key,
  kind text not null check (kind in ('commission', 'pending', 'available', 'paying', 'withheld', 'paid', 'revenue')),
  merchant_id text not null references merchant,
  promoter_id text references promoter,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  constraint account_once unique nulls not distinct (kind, merchant_id, promoter_id, currency),
  constraint account_book unique (account_id, merchant_id, currency),
  constraint account_owner check ((promoter_id is null) = (kind in ('commission', 'revenue')))
);
create index account_of_promoter on account (promoter_id) where promoter_id is not null;
comment on table account is
  'Merchant: commission (what it owes, below zero). Promoter, per merchant: pending, available, paying, withheld, paid. Platform: revenue.';

create table account_balance (
  account_id bigint primary key references account,
  balance bigint not null
) with (fillfactor = 80);
comment on table account_balance is 'Balances of all transfers below the fold; a read adds what lies after it.';

create table ledger_fold (
  only_row boolean primary key default true check (only_row),
  below_xid bigint not null,
  xid_offset bigint not null check (xid_offset >= 0)
);
insert into ledger_fold (below_xid, xid_offset) values (0, 0);
comment on column ledger_fold.below_xid is 'Transfers of transactions below this one are in account_balance, the others are not.';
comment on column ledger_fold.xid_offset is
  'Added to PostgreSQL''s own transaction numbers. Above zero once the books were restored into a cluster that had counted less far.';

create function ledger_xid() returns bigint language sql stable
  return pg_current_xact_id()::text::bigint + (select xid_offset from ledger_fold);
comment on function ledger_xid is
  'The number of the running transaction in the count of the ledger, which only grows, whatever cluster the books live in.';

create table transfer (
  transfer_id bigint generated always as identity primary key,
  order_key bigint not null,
  revision integer not null,
  position integer not null,
  kind text not null check (kind in ('accrue', 'reverse', 'release', 'withhold', 'pay', 'fail')),
  merchant_id text not null,
  currency text not null,
  promoter_id text,
  line_id text not null,
  role text not null,
  level smallint,
  from_account_id bigint not null,
  to_account_id bigint not null,
  amount bigint not null check (amount > 0),
  booked_at timestamptz not null,
  booked_xid bigint not null default ledger_xid(),
  constraint transfer_once unique (order_key, revision, position),
  constraint transfer_moves check (from_account_id <> to_account_id),
  constraint transfer_order foreign key (order_key, merchant_id) references orders (order_key, merchant_id),
  constraint transfer_from foreign key (from_account_id, merchant_id, currency) references account (account_id, merchant_id, currency),
  constraint transfer_to foreign key (to_account_id, merchant_id, currency) references account (account_id, merchant_id, currency)
);
create index transfer_of_promoter on transfer (promoter_id, booked_xid, transfer_id) where promoter_id is not null;
create index transfer_unfolded on transfer (booked_xid);
comment on constraint transfer_once on transfer is
  'The business key: award posts the difference of one revision of one order, and can do so only once.';
comment on column transfer.booked_xid is
  'What booked it, by ledger_xid(). Balances are folded below the oldest running transaction only: what commits late is not skipped.';

create view entry as
  select transfer_id, side, account_id, sides.amount, order_key, revision, position, kind, merchant_id, currency, promoter_id,
    line_id, role, level, booked_at, booked_xid
  from transfer,
    lateral (values (0, from_account_id, -transfer.amount), (1, to_account_id, transfer.amount)) as sides (side, account_id, amount);
comment on view entry is 'The two sides of every transfer.';

create function continue_ledger() returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  oldest bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  following bigint;
begin
  if (select oldest + xid_offset >= below_xid from ledger_fold) then
    return false;
  end if;
  lock table transfer in share row exclusive mode;
  perform from ledger_fold for update;
  oldest := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  select greatest(below_xid, (select max(booked_xid) + 1 from transfer)) into following from ledger_fold;
  update ledger_fold set xid_offset = following - oldest where oldest + xid_offset < below_xid;
  return found;
end $$;
comment on function continue_ledger is
  'Lets the count of the ledger go on after a restore into a younger cluster; true if that was needed. The owner''s: it waits for all bookings.';

create trigger account_unchanged before update or delete on account for each row execute function refuse_change();
create trigger transfer_unchanged before update or delete on transfer for each row execute function refuse_change();
create trigger transfer_kept before truncate on transfer for each statement execute function refuse_change();
revoke update, delete, truncate on account, transfer from fenyong_app;
revoke insert, delete, truncate on ledger_fold from fenyong_app;
