// Balances at every moment, the trial balance, and books that came from another cluster.

import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { balancesOf, continueLedger, foldBalances, rebuildBalances, trialBalance, UNFOLDED } from '../../src/ledger/balances.ts';
import { listAccounts, listEntries } from '../../src/ledger/entry-store.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { foldAll, nothing, openBooks, settle, type Books } from './books.ts';
import { transferOf } from './shop.ts';

let books: Books;
let db: Kysely<DB>;
let owner: Kysely<DB>;

beforeAll(async () => {
  books = await openBooks();
  ({ db, owner } = books);
});

afterAll(() => books.close());

describe('balances are exact', () => {
  test('of a promoter for whom nothing was ever booked there are none', async () => {
    expect(await balancesOf(db, 'nobody')).toEqual([]);
    expect(await balancesOf(db, 'bob', 'nobody')).toEqual([]);
  });

  test('before a fold, after it, and after the next booking', async () => {
    const [before] = await balancesOf(db, 'bob', 'm1');
    await books.commit(books.transfer({ amount: 5n }));
    await foldAll(db);
    await books.commit(books.transfer({ amount: 7n }));
    expect(await balancesOf(db, 'bob', 'm1')).toEqual([{ ...before!, pending: before!.pending + 12n }]);
    await books.expectExact();
  });

  test('and one for each currency', async () => {
    await books.commit(books.transfer({ currency: 'USD', amount: 3n }));
    expect((await balancesOf(db, 'bob')).map(({ currency }) => currency)).toEqual(['CNY', 'USD']);
    await foldAll(db);
    expect((await balancesOf(db, 'bob'))[1]).toEqual({ currency: 'USD', pending: 3n, available: 0n, ...nothing });
  });

  test('of several merchants together or of one, and one merchant’s refund does not eat another’s money', async () => {
    await books.commit(
      transferOf(books.orders['m2']!, { merchantId: 'm2', kind: 'reverse', from: 'available', to: 'commission', amount: 1_000_000n }),
    );
    const [m1] = await balancesOf(db, 'bob', 'm1');
    const [m2] = await balancesOf(db, 'bob', 'm2');
    expect(m2!.available).toBeLessThan(0n);
    expect((await balancesOf(db, 'bob'))[0]!.available).toBe(m1!.available + m2!.available);
    expect(m1!.available).toBeGreaterThanOrEqual(0n);
  });
});

/** Less than 2^63 alone, and more than it together. */
const HUGE = 5_000_000_000_000_000_000n;

describe('a sum beyond what a bigint holds', () => {
  let large: Books;

  beforeAll(async () => {
    large = await openBooks();
    for (let n = 0; n < 3; n++) await large.commit(large.transfer({ promoterId: 'alice', amount: HUGE }));
  });

  afterAll(() => large.close());

  async function expectAll(): Promise<void> {
    expect((await balancesOf(large.db, 'alice', 'm1'))[0]!.pending).toBe(HUGE * 3n - 100n);
    expect((await balancesOf(large.db, 'bob', 'm1'))[0]!.pending).toBe(-100n);
    const [book] = await trialBalance(large.db);
    expect(book!.sum).toBe(0n);
    expect(book!.accounts.find(({ kind }) => kind === 'pending')!.balance).toBe(HUGE * 3n - 400n);
    const page = { limit: 10, before: null };
    const [newest] = await listEntries(large.db, { promoterId: 'alice', merchantId: null }, page);
    expect(newest!.balance).toBe(HUGE * 3n - 100n);
    const all = { kind: null, merchantId: null, promoterId: 'alice', currency: null };
    const accounts = await listAccounts(large.db, all, { limit: 10, after: null });
    expect(accounts.map(({ balance }) => balance)).toContain(HUGE * 3n - 100n);
  }

  test('stops neither a read nor the fold of anybody', async () => {
    await expectAll();
    await foldAll(large.db);
    const { rows } = await sql<{ left: bigint }>`select count(*) as left from transfer where ${UNFOLDED}`.execute(large.db);
    expect(rows[0]!.left).toBe(0n);
    await expectAll();
    await rebuildBalances(large.db);
    await expectAll();
  });
});

describe('the whole book', () => {
  test('is told by currency and kind of account, and sums to zero', async () => {
    const [cny, ...others] = await trialBalance(db);
    expect([cny, ...others].map((book) => [book!.currency, book!.sum])).toEqual([
      ['CNY', 0n],
      ['USD', 0n],
    ]);
    expect(cny!.accounts.map(({ kind }) => kind)).toEqual(['available', 'commission', 'pending']);
    const { rows } = await sql<{ sum: bigint }>`
      select sum(amount)::bigint as sum from entry join account using (account_id)
      where account.kind = 'commission' and account.currency = 'CNY'`.execute(db);
    expect(cny!.accounts[1]!.balance).toBe(rows[0]!.sum);
  });

  test('that was damaged is rebuilt from its transfers', async () => {
    await foldAll(db);
    await owner.updateTable('account_balance').set({ balance: 1 }).execute();
    await books.commit(books.transfer());
    await rebuildBalances(db);
    await books.expectExact();
    await books.commit(books.transfer());
    await foldAll(db);
    await books.expectExact();
  });
});

describe('books that were restored into a cluster that has counted less far', () => {
  beforeEach(async () => {
    await continueLedger(db);
    // Half of them are folded, half are not, and all were booked by transactions that this cluster
    // will not reach for long.
    await books.commit(books.transfer({ amount: 19n }));
    await foldAll(db);
    await books.commit(books.transfer({ amount: 23n }));
    await owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update transfer set booked_xid = booked_xid + 1000000`.execute(trx);
      await sql`update ledger_fold set below_xid = below_xid + 1000000`.execute(trx);
    });
  });

  test('are refused by the fold, aloud', async () => {
    await expect(foldBalances(db)).rejects.toThrow('it was restored');
  });

  test('go on counting above all that was booked, and lose nothing', async () => {
    expect(await continueLedger(db)).toBe(true);
    await books.expectExact();
    await books.commit(books.transfer({ amount: 29n }));
    await books.expectExact();
    await settle(db);
    expect((await foldBalances(db)).folded).toBeGreaterThanOrEqual(2);
    await books.expectExact();
    const { rows } = await sql<{ rising: boolean }>`
      select bool_and(rising) as rising from (
        select booked_xid >= lag(booked_xid, 1, 0::bigint) over (order by transfer_id) as rising from transfer
        order by transfer_id desc limit 3
      ) as latest`.execute(db);
    expect(rows[0]!.rising).toBe(true);
  });

  test('are continued once, by one of many processes that start, and may be restored again', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => continueLedger(db)));
    expect(answers.filter((one) => one)).toHaveLength(1);
    expect(await continueLedger(db)).toBe(false);
    await foldAll(db);
    await books.expectExact();
  });
});
