// The books as they are read: the entries of a promoter with running balances, transfers, accounts.
// Lists run by key, newest first.

import { sql, type Kysely } from 'kysely';

import type { AccountKind, TransferCause, TransferKind } from '../core/posting.ts';
import type { Role } from '../core/party.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { UNFOLDED } from './balances.ts';

/**
 * Where a list of transfers goes on: strictly before this one in the order of (booked_xid,
 * transfer_id).
 */
interface TransferCursor {
  bookedXid: bigint;
  transferId: bigint;
}

/**
 * Where a list of entries goes on; `side` is 0 for what left an account, 1 for what came to one.
 */
interface EntryCursor extends TransferCursor {
  side: number;
}

interface Booking {
  booked_xid: bigint;
  transfer_id: bigint;
  kind: TransferKind;
  cause: TransferCause;
  cause_id: string | null;
  merchant_id: string;
  /** Null, as all that is of an order, for what has another cause. */
  source_id: string | null;
  order_id: string | null;
  revision: number | null;
  line_id: string | null;
  role: Role | null;
  level: number | null;
  currency: string;
  amount: bigint;
  booked_at: Date;
}

/**
 * One side of a transfer on one of a promoter's accounts; `balance` is that account's after it.
 * Amounts are signed minor units.
 */
export interface EntryRow extends Booking {
  side: number;
  account: AccountKind;
  balance: bigint;
}

/** Whether anybody of this id was ever stated. */
export async function isKnownPromoter(db: Kysely<DB>, promoterId: string): Promise<boolean> {
  const row = await db.selectFrom('promoter').select('promoter_id').where('promoter_id', '=', promoterId).executeTakeFirst();
  return row !== undefined;
}

/**
 * A promoter's entries, the newest first, one more than `limit`. Balances are counted back from the
 * present ones, so that the first pages, which are the ones looked at, cost no more than they show.
 */
export async function listEntries(
  db: Kysely<DB>,
  { promoterId, merchantId }: { promoterId: string; merchantId: string | null },
  { limit, before }: { limit: number; before: EntryCursor | null },
): Promise<EntryRow[]> {
  const isBefore =
    before === null
      ? sql`true`
      : sql`(booked_xid, transfer_id) <= (${before.bookedXid}, ${before.transferId})
          and (booked_xid, transfer_id, side) < (${before.bookedXid}, ${before.transferId}, ${before.side})`;
  const isNewer =
    before === null
      ? sql`false`
      : sql`(booked_xid, transfer_id) >= (${before.bookedXid}, ${before.transferId})
          and (booked_xid, transfer_id, side) >= (${before.bookedXid}, ${before.transferId}, ${before.side})`;
  const { rows } = await sql<Omit<EntryRow, 'balance'> & { balance: string }>`
    with mine as materialized (
      select account_id, kind as account from account
      where promoter_id = ${promoterId} and (${merchantId}::text is null or merchant_id = ${merchantId})
    ), page as materialized (
      select entry.*, account from entry join mine using (account_id)
      where promoter_id = ${promoterId} and ${isBefore} order by booked_xid desc, transfer_id desc, side desc limit ${limit + 1}
    ), present as (
      select account_id, balance as amount from account_balance where account_id = any(array(select account_id from mine))
      union all
      select account_id, amount from entry where promoter_id = ${promoterId} and ${UNFOLDED}
      union all
      select account_id, -amount from entry where promoter_id = ${promoterId} and ${isNewer}
    ), balances as (
      select account_id, sum(amount) as balance from present group by account_id
    )
    select booked_xid, transfer_id, side, account, kind, cause, cause_id, page.merchant_id, source_id, order_id, revision, line_id, role, level,
      page.currency, amount, booked_at,
      balances.balance - coalesce(sum(amount) over newer, 0) as balance
    from page join balances using (account_id) left join orders using (order_key)
    window newer as (
      partition by account_id order by booked_xid desc, transfer_id desc, side desc rows between unbounded preceding and 1 preceding
    )
    order by booked_xid desc, transfer_id desc, side desc`.execute(db);
  return rows.map((row) => ({ ...row, balance: BigInt(row.balance) }));
}

export interface TransferRow extends Booking {
  position: number;
  promoter_id: string | null;
  from_account_id: bigint;
  from_kind: AccountKind;
  to_account_id: bigint;
  to_kind: AccountKind;
}

/** What transfers are wanted; null is any. */
interface TransferFilter {
  merchantId: string | null;
  sourceId: string | null;
  orderId: string | null;
  promoterId: string | null;
}

/** Transfers, the newest first, one more than `limit`. */
export async function listTransfers(
  db: Kysely<DB>,
  { merchantId, sourceId, orderId, promoterId }: TransferFilter,
  { limit, before }: { limit: number; before: TransferCursor | null },
): Promise<TransferRow[]> {
  const conditions = [sql`true`];
  if (merchantId !== null) conditions.push(sql`transfer.merchant_id = ${merchantId}`);
  if (sourceId !== null) conditions.push(sql`orders.source_id = ${sourceId}`);
  if (orderId !== null) conditions.push(sql`order_key = any(array(select order_key from orders where order_id = ${orderId}))`);
  if (promoterId !== null) conditions.push(sql`transfer.promoter_id = ${promoterId}`);
  if (before !== null) conditions.push(sql`(booked_xid, transfer_id) < (${before.bookedXid}, ${before.transferId})`);
  const { rows } = await sql<TransferRow>`
    select booked_xid, transfer_id, transfer.kind, cause, cause_id, transfer.merchant_id, source_id, order_id, revision, position, line_id,
      role, level,
      transfer.promoter_id, transfer.currency, amount, booked_at, from_account_id, source.kind as from_kind,
      to_account_id, target.kind as to_kind
    from transfer left join orders using (order_key)
    join account source on source.account_id = from_account_id
    join account target on target.account_id = to_account_id
    where ${sql.join(conditions, sql` and `)}
    order by booked_xid desc, transfer_id desc limit ${limit + 1}`.execute(db);
  return rows;
}

export interface AccountRow {
  account_id: bigint;
  kind: AccountKind;
  merchant_id: string;
  promoter_id: string | null;
  currency: string;
  balance: bigint;
}

/** What accounts are wanted; null is any. */
interface AccountFilter {
  kind: AccountKind | null;
  merchantId: string | null;
  promoterId: string | null;
  currency: string | null;
}

/** Accounts in the order they were opened, with exact balances, one more than `limit`. */
export async function listAccounts(
  db: Kysely<DB>,
  { kind, merchantId, promoterId, currency }: AccountFilter,
  { limit, after }: { limit: number; after: bigint | null },
): Promise<AccountRow[]> {
  const { rows } = await sql<Omit<AccountRow, 'balance'> & { balance: string }>`
    with page as materialized (
      select * from account
      where (${kind}::text is null or kind = ${kind}) and (${merchantId}::text is null or merchant_id = ${merchantId})
        and (${promoterId}::text is null or promoter_id = ${promoterId}) and (${currency}::text is null or currency = ${currency})
        and (${after}::bigint is null or account_id > ${after})
      order by account_id limit ${limit + 1}
    ), moved as (
      select account_id, balance as amount from account_balance where account_id = any(array(select account_id from page))
      union all
      select account_id, amount from entry where ${UNFOLDED}
    )
    select account_id, kind, merchant_id, promoter_id, currency, coalesce(sum(moved.amount), 0) as balance
    from page left join moved using (account_id)
    group by account_id, kind, merchant_id, promoter_id, currency order by account_id`.execute(db);
  return rows.map((row) => ({ ...row, balance: BigInt(row.balance) }));
}
