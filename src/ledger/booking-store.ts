// The hot path of the books: finding the accounts of a batch of postings, booking them, and what is
// booked so far. Set-wise, append-only.

import { sql, type Kysely, type Transaction } from 'kysely';
import { LruMap } from 'toad-cache';

import { isPromoters, type AccountKind, type Booked, type Posting, type TransferCause, type TransferKind } from '../core/posting.ts';
import type { Role } from '../core/party.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';

const ACCOUNTS_REMEMBERED_MAX = 200_000;

/**
 * A posting of an order, with the place in the books that it takes once and for all: (order,
 * revision, position).
 */
export interface NewTransfer extends Posting {
  orderKey: bigint;
  merchantId: string;
  currency: string;
  revision: number;
  position: number;
}

/**
 * What is booked on one slot of an order, in one currency: an order whose currency was corrected
 * has slots in both.
 */
export interface BookedSlot extends Booked {
  currency: string;
}

/** What names an account; `promoterId` is null for the merchant's and the platform's. */
export interface AccountName {
  kind: AccountKind;
  merchantId: string;
  promoterId: string | null;
  currency: string;
}

/**
 * Ids of accounts that are known to be committed, by `nameKey`. Accounts are never deleted, so that
 * a known id stays right.
 */
export type AccountCache = LruMap<bigint>;

export function accountCache(): AccountCache {
  return new LruMap(ACCOUNTS_REMEMBERED_MAX);
}

/**
 * The text of a name, under which `accountIds` answers. Ids hold no control characters, so that a
 * line feed keeps them apart.
 */
export function nameKey({ kind, merchantId, promoterId, currency }: AccountName): string {
  return `${kind}\n${currency}\n${merchantId}\n${promoterId ?? ''}`;
}

/**
 * The ids of accounts by `nameKey`; those that are not there are opened. An id that this very
 * transaction opened, in a savepoint of it or not, is not remembered, because it may still roll
 * back. Without a cache nothing is: for work that comes to each account once.
 */
export async function accountIds(
  trx: Transaction<DB>,
  wanted: readonly AccountName[],
  cache: AccountCache | null,
): Promise<Map<string, bigint>> {
  const ids = new Map<string, bigint>();
  const unknown = new Map<string, AccountName>();
  for (const name of wanted) {
    const key = nameKey(name);
    const id = cache?.get(key);
    if (id === undefined) unknown.set(key, name);
    else ids.set(key, id);
  }
  await find(trx, unknown, ids, cache);
  await open(trx, unknown, ids);
  // What another transaction opened meanwhile is found too: the insert has waited for it.
  await find(trx, unknown, ids, cache);
  if (unknown.size > 0) throw new Error(`accounts were opened and are not there: ${[...unknown.keys()].join(' ')}`);
  return ids;
}

/**
 * Moves the accounts that exist from `unknown` to `ids`. Two branches, because an index cannot be
 * asked for "equal, or both null". Everything of this transaction is as young as itself or younger,
 * and a row that is older was committed.
 */
async function find(
  trx: Transaction<DB>,
  unknown: Map<string, AccountName>,
  ids: Map<string, bigint>,
  cache: AccountCache | null,
): Promise<void> {
  if (unknown.size === 0) return;
  const { rows } = await sql<AccountRow & { committed: boolean }>`
    with wanted as materialized (select * from ${unnestAccounts([...unknown.values()])}), found as (
      select account.*, account.xmin from wanted join account using (kind, merchant_id, promoter_id, currency)
      union all
      select account.*, account.xmin from wanted join account using (kind, merchant_id, currency)
      where wanted.promoter_id is null and account.promoter_id is null
    )
    select account_id, kind, merchant_id, promoter_id, currency, age(xmin) > age(pg_current_xact_id()::xid) as committed from found`.execute(
    trx,
  );
  for (const row of rows) {
    const key = move(row, unknown, ids);
    if (row.committed) cache?.set(key, row.account_id);
  }
}

/**
 * Opens accounts in one order for everybody, so that two who open the same ones wait for each other
 * and not crosswise. Those that somebody else has opened meanwhile stay in `unknown`.
 */
async function open(trx: Transaction<DB>, unknown: Map<string, AccountName>, ids: Map<string, bigint>): Promise<void> {
  if (unknown.size === 0) return;
  const { rows } = await sql<AccountRow>`
    insert into account (kind, merchant_id, promoter_id, currency)
    select kind, merchant_id, promoter_id, currency from ${unnestAccounts([...unknown.values()])}
    order by merchant_id, promoter_id, kind, currency
    on conflict do nothing
    returning account_id, kind, merchant_id, promoter_id, currency`.execute(trx);
  for (const row of rows) move(row, unknown, ids);
}

/** Moves an account from `unknown` to `ids`, and tells its key. */
function move(row: AccountRow, unknown: Map<string, AccountName>, ids: Map<string, bigint>): string {
  const key = nameKey({ kind: row.kind, merchantId: row.merchant_id, promoterId: row.promoter_id, currency: row.currency });
  ids.set(key, row.account_id);
  unknown.delete(key);
  return key;
}

interface AccountRow {
  account_id: bigint;
  kind: AccountKind;
  merchant_id: string;
  promoter_id: string | null;
  currency: string;
}

function unnestAccounts(names: readonly AccountName[]) {
  return unnestOf(
    names,
    {
      kind: ['text', (name) => name.kind],
      merchant_id: ['text', (name) => name.merchantId],
      promoter_id: ['text', (name) => name.promoterId],
      currency: ['text', (name) => name.currency],
    },
    'wanted',
  );
}

/**
 * Books a batch of postings by one insert, opening the accounts they need. All of them are of one
 * re-rating, or of none. Refused by `transfer_once` when one was booked before, and by
 * `transfer_re_rated_once` when this re-rating has booked for the order at another revision.
 */
export async function bookTransfers(
  trx: Transaction<DB>,
  transfers: readonly NewTransfer[],
  cache: AccountCache,
  now: Date,
  reRatingId: string | null = null,
): Promise<void> {
  if (transfers.length === 0) return;
  const sources = transfers.map((transfer) => accountOf(transfer, transfer.from));
  const targets = transfers.map((transfer) => accountOf(transfer, transfer.to));
  const ids = await accountIds(trx, [...sources, ...targets], cache);
  const idOf = (name: AccountName | undefined) => (name === undefined ? undefined : ids.get(nameKey(name))) ?? null;
  // The number of the transaction is asked for once; the default of the column would ask for every
  // row.
  await sql`
    insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, level, campaign_id,
      from_account_id, to_account_id, amount, booked_at, booked_xid, cause, cause_id)
    select posting.*, ${now}::timestamptz, (select ledger_xid()), ${reRatingId === null ? 'order' : 're_rating'}, ${reRatingId}::text
    from ${unnestOf(
      transfers,
      {
        order_key: ['bigint', (one) => one.orderKey],
        revision: ['int', (one) => one.revision],
        position: ['int', (one) => one.position],
        kind: ['text', (one) => one.kind],
        merchant_id: ['text', (one) => one.merchantId],
        currency: ['text', (one) => one.currency],
        promoter_id: ['text', (one) => one.promoterId],
        line_id: ['text', (one) => one.lineId],
        role: ['text', (one) => one.role],
        level: ['smallint', (one) => one.level],
        campaign_id: ['text', (one) => one.campaignId ?? null],
        from_account_id: ['bigint', (_, index) => idOf(sources[index])],
        to_account_id: ['bigint', (_, index) => idOf(targets[index])],
        amount: ['bigint', (one) => one.amount],
      },
      'posting',
    )}`.execute(trx);
}

/**
 * A transfer that is of no order, with the place in the books that it takes once and for all:
 * (cause, what made it, position).
 */
export interface CausedTransfer {
  cause: Exclude<TransferCause, 'order' | 're_rating'>;
  causeId: string;
  position: number;
  kind: TransferKind;
  merchantId: string;
  /** Null where no promoter's account is moved. */
  promoterId: string | null;
  currency: string;
  from: AccountKind;
  to: AccountKind;
  amount: bigint;
}

/**
 * Books transfers that are of no order by one insert, opening the accounts they need. Refused by
 * `transfer_caused_once` when one was booked before.
 */
export async function bookCaused(
  trx: Transaction<DB>,
  transfers: readonly CausedTransfer[],
  cache: AccountCache | null,
  now: Date,
): Promise<void> {
  if (transfers.length === 0) return;
  const sources = transfers.map((transfer) => accountOf(transfer, transfer.from));
  const targets = transfers.map((transfer) => accountOf(transfer, transfer.to));
  const ids = await accountIds(trx, [...sources, ...targets], cache);
  const idsOf = (names: readonly AccountName[]) => names.map((name) => String(ids.get(nameKey(name))));
  const column = <Value>(read: (transfer: CausedTransfer) => Value) => transfers.map(read);
  await sql`
    insert into transfer (cause, cause_id, position, kind, merchant_id, currency, promoter_id, from_account_id, to_account_id, amount,
      booked_at, booked_xid)
    select posting.*, ${now}::timestamptz, (select ledger_xid())
    from unnest(
      ${column((one) => one.cause)}::text[], ${column((one) => one.causeId)}::text[], ${column((one) => one.position)}::int[],
      ${column((one) => one.kind)}::text[], ${column((one) => one.merchantId)}::text[], ${column((one) => one.currency)}::text[],
      ${column((one) => one.promoterId)}::text[], ${idsOf(sources)}::bigint[], ${idsOf(targets)}::bigint[],
      ${column((one) => String(one.amount))}::bigint[]
    ) as posting`.execute(trx);
}

function accountOf(
  { merchantId, promoterId, currency }: Pick<NewTransfer | CausedTransfer, 'merchantId' | 'promoterId' | 'currency'>,
  kind: AccountKind,
): AccountName {
  return { kind, merchantId, promoterId: isPromoters(kind) ? promoterId : null, currency };
}

interface SlotRow {
  order_key: bigint;
  line_id: string;
  role: Role;
  level: number | null;
  promoter_id: string | null;
  campaign_id: string | null;
  currency: string;
  pending: string;
  available: string;
}

/**
 * What the transfers of each order sum to, slot by slot, without what was paid out since: an
 * order's share stays its share when it is paid. Orders without transfers are absent.
 */
export async function bookedSlots(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, BookedSlot[]>> {
  const slots = new Map<bigint, BookedSlot[]>();
  if (orderKeys.length === 0) return slots;
  const { rows } = await sql<SlotRow>`
    with moved as (
      select order_key, line_id, role, level, transfer.promoter_id, campaign_id, transfer.currency, sides.kind, sides.amount
      from transfer
      join account source on source.account_id = from_account_id
      join account target on target.account_id = to_account_id,
      lateral (values (source.kind, -amount), (target.kind, amount)) as sides (kind, amount)
      where order_key = any(${orderKeys.map(String)}::bigint[]) and transfer.kind in ('accrue', 'reverse', 'release')
    )
    select order_key, line_id, role, level, promoter_id, campaign_id, currency,
      coalesce(sum(amount) filter (where kind = 'pending'), 0) as pending,
      coalesce(sum(amount) filter (where kind in ('available', 'revenue')), 0) as available
    from moved group by order_key, line_id, role, level, promoter_id, campaign_id, currency`.execute(db);
  for (const { order_key, line_id: lineId, promoter_id: promoterId, campaign_id: campaignId, pending, available, ...slot } of rows) {
    const sums = { pending: BigInt(pending), available: BigInt(available) };
    const booked = slots.get(order_key);
    const one = { lineId, promoterId, ...(campaignId !== null && { campaignId }), ...slot, ...sums };
    if (booked === undefined) slots.set(order_key, [one]);
    else booked.push(one);
  }
  return slots;
}
