// The fold: whatever runs beside it and commits late, no balance is ever other than the sum of its
// transfers.

import * as fc from 'fast-check';
import { sql, type ControlledTransaction, type Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { balancesOf, foldBalances, trialBalance } from '../../src/ledger/balances.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { runs } from '../runs.ts';
import { foldAll, openBooks, settle, type Books } from './books.ts';
import { MERCHANTS, MOVES, PROMOTERS, transferOf } from './shop.ts';

let books: Books;
let db: Kysely<DB>;

beforeAll(async () => {
  books = await openBooks();
  ({ db } = books);
});

afterAll(() => books.close());

describe('a fold', () => {
  test('skips nothing that is booked before it and committed after it', async () => {
    const late = await db.startTransaction().execute();
    await books.book(late, [books.transfer({ amount: 11n })]);
    await books.commit(books.transfer({ amount: 13n }));
    await foldBalances(db);
    await books.expectExact();
    await late.commit().execute();
    await books.expectExact();
    await foldBalances(db);
    await books.expectExact();
  });

  test('waits for no reader, however long it reads', async () => {
    const reader = await db.startTransaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute();
    await balancesOf(reader, 'bob');
    await books.commit(books.transfer({ amount: 17n }));
    await settle(db);
    expect((await foldBalances(db)).folded).toBeGreaterThan(0);
    expect(await foldBalances(db)).toEqual({ folded: 0, more: false });
    await reader.commit().execute();
  });

  test('takes as many as it may, and says that there are more', async () => {
    await foldAll(db);
    for (let n = 0; n < 5; n++) await books.commit(books.transfer());
    await settle(db);
    expect(await foldBalances(db, 2)).toEqual({ folded: 2, more: true });
    await books.expectExact();
    expect(await foldBalances(db, 2)).toEqual({ folded: 2, more: true });
    expect(await foldBalances(db, 2)).toEqual({ folded: 1, more: false });
    await books.expectExact();
  });

  test('never takes half of a transaction', async () => {
    await foldAll(db);
    await books.commit(...books.everyMove());
    await books.commit(books.transfer());
    await settle(db);
    await foldBalances(db, 3);
    await books.expectExact();
    expect(await foldBalances(db)).toEqual({ folded: 1, more: false });
    await books.expectExact();
  });

  test('leaves the work to whoever folds already', async () => {
    await books.commit(books.transfer());
    const other = await db.startTransaction().execute();
    await sql`select from ledger_fold for update`.execute(other);
    expect(await foldBalances(db)).toEqual({ folded: 0, more: false });
    await other.rollback().execute();
    await settle(db);
    expect((await foldBalances(db)).folded).toBe(1);
  });

  type Step =
    | { do: 'book'; at: number; move: number; merchant: number; promoter: number; amount: number }
    | { do: 'commit' | 'undo'; at: number }
    | { do: 'fold'; limit: number };

  const open = fc.integer({ min: 0, max: 2 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('book' as const),
        at: open,
        move: fc.integer({ min: 0, max: 3 }),
        merchant: fc.integer({ min: 0, max: 1 }),
        promoter: fc.integer({ min: 0, max: 1 }),
        amount: fc.integer({ min: 1, max: 1000 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'undo' as const), at: open }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('fold' as const), limit: fc.constantFrom(1, 3, 1000) }) },
  );

  async function take(one: Step, running: Map<number, ControlledTransaction<DB>>): Promise<void> {
    if (one.do === 'fold') {
      await foldBalances(db, one.limit);
      return;
    }
    const trx = running.get(one.at) ?? (await db.startTransaction().execute());
    if (one.do === 'book') {
      running.set(one.at, trx);
      const merchantId = MERCHANTS[one.merchant]!;
      const promoterId = PROMOTERS[one.promoter]!;
      await books.book(trx, [
        transferOf(books.orders[merchantId]!, { ...MOVES[one.move]!, merchantId, promoterId, amount: BigInt(one.amount) }),
      ]);
    } else {
      running.delete(one.at);
      await (one.do === 'commit' ? trx.commit() : trx.rollback()).execute();
    }
  }

  test('at whatever moment, beside whatever runs and commits late, changes no balance', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const running = new Map<number, ControlledTransaction<DB>>();
        try {
          for (const one of steps) {
            await take(one, running);
            await books.expectExact();
          }
        } finally {
          for (const trx of running.values()) await trx.rollback().execute();
        }
      }),
      { numRuns: runs(8) },
    );
  });

  test('beside many writers keeps every reading of the whole book at zero', async () => {
    const done = new AbortController();
    const writers = Array.from({ length: 4 }, async () => {
      for (let n = 0; n < 15; n++) await books.commit(...books.everyMove());
    });
    const folding = (async () => {
      while (!done.signal.aborted) await foldBalances(db, 20);
    })();
    const reading = (async () => {
      while (!done.signal.aborted) for (const { sum } of await trialBalance(db)) expect(sum).toBe(0n);
    })();
    await Promise.all(writers);
    done.abort();
    await Promise.all([folding, reading]);
    await books.expectExact();
  });
});
