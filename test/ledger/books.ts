// Booking in the shop, and what balances must come to: the sums of all committed transfers, added
// up from the first one on.

import { sql, type Kysely, type Transaction } from 'kysely';
import { expect } from 'vitest';

import { balancesOf, foldBalances, type Balance } from '../../src/ledger/balances.ts';
import { accountCache, bookTransfers, type NewTransfer } from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { testDatabase } from '../harness.ts';
import { MERCHANTS, MOVES, openShop, PROMOTERS, transferOf } from './shop.ts';

export const nothing = { paying: 0n, withheld: 0n, paid: 0n };

/**
 * Waits until a fold can take all that is booked. The databases of other tests are of the same
 * cluster, and a fold waits for the transactions of them all.
 */
export async function settle(db: Kysely<DB>): Promise<void> {
  for (let settled = false; !settled;) {
    const { rows } = await sql<{ settled: boolean }>`
      select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset > coalesce(max(booked_xid), 0) as settled
      from ledger_fold left join transfer on true group by xid_offset`.execute(db);
    settled = rows[0]!.settled;
  }
}

/** Folds all that is booked. */
export async function foldAll(db: Kysely<DB>): Promise<void> {
  await settle(db);
  await foldBalances(db);
}

export type Books = Awaited<ReturnType<typeof openBooks>>;

/**
 * A shop in which every account is open: two that open one account wait for each other, which is
 * not what is looked at here.
 */
export async function openBooks() {
  const database = await testDatabase();
  const { db, owner } = database;
  const orders = await openShop(owner);
  const cache = accountCache();

  const book = (trx: Transaction<DB>, transfers: NewTransfer[]) => bookTransfers(trx, transfers, cache, new Date());
  const commit = (...transfers: NewTransfer[]) => inTransaction(db, ({ trx }) => book(trx, transfers));
  /** A transfer of the first merchant's order. */
  const transfer = (more: Partial<NewTransfer> = {}) => transferOf(orders['m1']!, more);
  /** Money moves in every way, of every promoter with every merchant. */
  const everyMove = () =>
    MERCHANTS.flatMap((merchantId) =>
      PROMOTERS.flatMap((promoterId) => MOVES.map((move) => transferOf(orders[merchantId]!, { ...move, merchantId, promoterId }))),
    );

  async function expectExact(): Promise<void> {
    for (const promoterId of PROMOTERS) {
      for (const merchantId of [null, ...MERCHANTS]) {
        expect(await balancesOf(db, promoterId, merchantId)).toEqual(await addUp(owner, promoterId, merchantId));
      }
    }
  }

  await commit(...everyMove());
  return { db, owner, orders, book, commit, transfer, everyMove, expectExact, close: () => database.close() };
}

async function addUp(owner: Kysely<DB>, promoterId: string, merchantId: string | null): Promise<Balance[]> {
  const { rows } = await sql<{ currency: string; kind: 'pending' | 'available'; sum: bigint }>`
    select account.currency, account.kind, sum(amount)::bigint as sum from entry join account using (account_id)
    where account.promoter_id = ${promoterId} and (${merchantId}::text is null or account.merchant_id = ${merchantId})
    group by account.currency, account.kind`.execute(owner);
  const currencies = [...new Set(rows.map((row) => row.currency))].toSorted((a, b) => (a < b ? -1 : 1));
  return currencies.map((currency) => {
    const sumOf = (kind: string) => rows.find((row) => row.currency === currency && row.kind === kind)?.sum ?? 0n;
    return { currency, pending: sumOf('pending'), available: sumOf('available'), ...nothing };
  });
}
