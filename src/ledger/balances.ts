// Balances: folded from the transfers behind a watermark, and exact at every read by adding what
// lies after it.

import { sql, type Kysely } from 'kysely';

import type { AccountKind } from '../core/posting.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';

const TRANSFERS_PER_FOLD_MAX = 100_000;

/**
 * The transfers that are not folded yet. The upper bound says nothing; but a range with two ends
 * lets the planner expect few rows, where one open end lets it expect a third of the table and read
 * all of it.
 */
export const UNFOLDED = sql`booked_xid >= (select below_xid from ledger_fold) and booked_xid <= 9223372036854775807`;

/** What a fold did: how many transfers it took, and whether there are more to take at once. */
interface Fold {
  folded: number;
  more: boolean;
}

interface Watermark {
  old: bigint;
  below: bigint;
  count: bigint;
}

/**
 * Moves the watermark up to the oldest running transaction, and what lies below it into the
 * balances; at most some 100 000 transfers at a time. Nothing that commits late is skipped, because
 * its transaction keeps the watermark below it. Where another process folds at this moment, nothing
 * is done. Throws when the watermark lies above all transactions: then the books were restored, see
 * `continueLedger`.
 */
export async function foldBalances(db: Kysely<DB>, limit = TRANSFERS_PER_FOLD_MAX): Promise<Fold> {
  return inTransaction(db, async ({ trx }) => {
    const held = await sql<{ below_xid: bigint; xid_offset: bigint }>`
      select below_xid, xid_offset from ledger_fold for update skip locked`.execute(trx);
    const [fold] = held.rows;
    if (fold === undefined) return { folded: 0, more: false };
    const { old, below, count } = await nextWatermark(trx, { ...fold, limit });
    if (below < old) {
      throw new Error(`The ledger has counted to ${old} and this cluster only to ${below}: it was restored. Start the service anew.`);
    }
    if (count === 0n) return { folded: 0, more: false };
    await sql`
      insert into account_balance (account_id, balance)
      select account_id, sum(amount) from entry where booked_xid >= ${old} and booked_xid < ${below}
      group by account_id order by account_id
      on conflict (account_id) do update set balance = account_balance.balance + excluded.balance`.execute(trx);
    await sql`update ledger_fold set below_xid = ${below}, advanced_at = now()`.execute(trx);
    return { folded: Number(count), more: count >= BigInt(limit) };
  });
}

/**
 * How far the fold may go now. What the next statement of this transaction sees is at least what
 * this one has seen.
 */
async function nextWatermark(
  trx: Kysely<DB>,
  { below_xid: old, xid_offset: offset, limit }: { below_xid: bigint; xid_offset: bigint; limit: number },
): Promise<Watermark> {
  const { rows } = await sql<{ oldest: bigint; last: bigint | null; count: bigint }>`
    with oldest as materialized (
      select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + ${offset}::bigint as xid
    ), tail as (
      select booked_xid from transfer where booked_xid >= ${old} and booked_xid < (select xid from oldest)
      order by booked_xid limit ${limit}
    )
    select (select xid from oldest) as oldest, max(booked_xid) as last, count(*) as count from tail`.execute(trx);
  const { oldest, last, count } = rows[0]!;
  // All transfers of one transaction are folded together, whatever the limit has cut.
  return { old, below: count >= BigInt(limit) ? last! + 1n : oldest, count };
}

/**
 * To be called at every start. The watermark compares numbers of transactions, which a cluster
 * counts from its own beginning: after a restore into a younger cluster they would begin anew below
 * the watermark, and new transfers would be taken for folded ones. This lets the count go on above
 * all that was ever booked. True when that was needed.
 */
export async function continueLedger(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql<{ continued: boolean }>`select continue_ledger() as continued`.execute(db);
  return rows[0]!.continued;
}

/**
 * Computes all balances again from the first transfer on, for when a guard has found them to
 * differ. Reads meanwhile see the old ones.
 */
export async function rebuildBalances(db: Kysely<DB>): Promise<void> {
  await inTransaction(db, async ({ trx }) => {
    await sql`select from ledger_fold for update`.execute(trx);
    const { rows } = await sql<{ below: bigint }>`
      select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset as below from ledger_fold`.execute(trx);
    const { below } = rows[0]!;
    await sql`delete from account_balance`.execute(trx);
    await sql`
      insert into account_balance (account_id, balance)
      select account_id, sum(amount) from entry where booked_xid < ${below} group by account_id`.execute(trx);
    await sql`update ledger_fold set below_xid = ${below}, advanced_at = now()`.execute(trx);
  });
}

/**
 * What a promoter has in one currency, in minor units; `available` below zero is owed and nets off
 * what comes.
 */
export interface Balance {
  currency: string;
  pending: bigint;
  available: bigint;
  paying: bigint;
  withheld: bigint;
  paid: bigint;
}

/**
 * The promoter's money per currency, of one merchant or over all, exact as of this statement. Empty
 * when nothing was ever booked.
 */
export async function balancesOf(db: Kysely<DB>, promoterId: string, merchantId: string | null = null): Promise<Balance[]> {
  const { rows } = await sql<Record<keyof Balance, string>>`
    with mine as materialized (
      select account_id, kind, currency from account
      where promoter_id = ${promoterId} and (${merchantId}::text is null or merchant_id = ${merchantId})
    ), moved as (
      select account_id, balance as amount from account_balance where account_id = any(array(select account_id from mine))
      union all
      select account_id, amount from entry where promoter_id = ${promoterId} and ${UNFOLDED}
    )
    select currency, ${sumOf('pending')}, ${sumOf('available')}, ${sumOf('paying')}, ${sumOf('withheld')}, ${sumOf('paid')}
    from mine left join moved using (account_id) group by currency order by currency`.execute(db);
  return rows.map(({ currency, pending, available, paying, withheld, paid }) => ({
    currency,
    pending: BigInt(pending),
    available: BigInt(available),
    paying: BigInt(paying),
    withheld: BigInt(withheld),
    paid: BigInt(paid),
  }));
}

/**
 * A sum is numeric, which arrives as its digits: it has no greatest value, so that no account can
 * make a statement fail.
 */
function sumOf(kind: keyof Omit<Balance, 'currency'>) {
  return sql`coalesce(sum(amount) filter (where kind = ${sql.lit(kind)}), 0) as ${sql.ref(kind)}`;
}

interface TrialBalance {
  currency: string;
  accounts: { kind: AccountKind; balance: bigint }[];
  /** Of all accounts of the currency: always 0, or the books are wrong. */
  sum: bigint;
}

/** The whole book per currency and kind of account, exact as of this statement. */
export async function trialBalance(db: Kysely<DB>): Promise<TrialBalance[]> {
  const { rows } = await sql<{ currency: string; kind: AccountKind; balance: string }>`
    with moved as (
      select account_id, balance as amount from account_balance
      union all
      select account_id, amount from entry where ${UNFOLDED}
    )
    select currency, kind, coalesce(sum(amount), 0) as balance
    from account left join moved using (account_id) group by currency, kind order by currency, kind`.execute(db);
  const books = new Map<string, TrialBalance>();
  for (const { currency, kind, balance: digits } of rows) {
    const balance = BigInt(digits);
    const book = books.get(currency) ?? { currency, accounts: [], sum: 0n };
    book.accounts.push({ kind, balance });
    book.sum += balance;
    books.set(currency, book);
  }
  return [...books.values()];
}
