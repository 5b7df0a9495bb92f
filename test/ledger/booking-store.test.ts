// The hot path of the books: accounts, transfers, what is booked, and that none of it is ever
// changed.

import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  accountCache,
  accountIds,
  bookedSlots,
  bookTransfers,
  nameKey,
  type AccountName,
  type NewTransfer,
} from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { openOrder, openShop, transferOf } from './shop.ts';

let database: TestDatabase;
let db: Kysely<DB>;
let orderKey: bigint;
let otherKey: bigint;

beforeAll(async () => {
  database = await testDatabase();
  db = database.db;
  const orders = await openShop(database.owner);
  orderKey = orders['m1']!;
  otherKey = orders['m2']!;
});

afterAll(() => database.close());

const name = (kind: AccountName['kind'], promoterId: string | null, currency = 'CNY'): AccountName => ({
  kind,
  merchantId: 'm1',
  promoterId,
  currency,
});

function book(transfers: NewTransfer[]): Promise<void> {
  return inTransaction(db, ({ trx, now }) => bookTransfers(trx, transfers, accountCache(), now));
}

describe('accounts', () => {
  test('are opened once, and found ever after', async () => {
    const wanted = [name('pending', 'bob'), name('commission', null), name('pending', 'bob'), name('pending', 'bob', 'USD')];
    const first = await inTransaction(db, ({ trx }) => accountIds(trx, wanted, accountCache()));
    const again = await inTransaction(db, ({ trx }) => accountIds(trx, wanted, accountCache()));
    expect(first.size).toBe(3);
    expect(again).toEqual(first);
  });

  test('that many open at the same moment are one', async () => {
    const wanted = ['pending', 'available', 'paid'].map((kind) => name(kind as AccountName['kind'], 'alice', 'EUR'));
    const found = await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const asked = index % 2 === 0 ? wanted : wanted.toReversed();
        return inTransaction(db, ({ trx }) => accountIds(trx, asked, accountCache()));
      }),
    );
    for (const ids of found) expect(ids).toEqual(found[0]);
  });

  test('that were not committed are not remembered', async () => {
    const cache = accountCache();
    const wanted = name('pending', 'alice', 'JPY');
    await expect(
      inTransaction(db, async ({ trx }) => {
        await accountIds(trx, [wanted], cache);
        await accountIds(trx, [wanted], cache);
        throw new Error('undone');
      }),
    ).rejects.toThrow('undone');
    expect(cache.get(nameKey(wanted))).toBeUndefined();
    const ids = await inTransaction(db, ({ trx }) => accountIds(trx, [wanted], cache));
    expect(cache.get(nameKey(wanted))).toBeUndefined();
    await inTransaction(db, ({ trx }) => accountIds(trx, [wanted], cache));
    expect(cache.get(nameKey(wanted))).toBe(ids.get(nameKey(wanted)));
  });

  test('that were opened within a savepoint are not remembered either', async () => {
    const cache = accountCache();
    const wanted = name('pending', 'alice', 'GBP');
    await inTransaction(db, async ({ trx }) => {
      await sql`savepoint work`.execute(trx);
      await accountIds(trx, [wanted], cache);
      await accountIds(trx, [wanted], cache);
      await sql`rollback to savepoint work`.execute(trx);
    });
    expect(cache.get(nameKey(wanted))).toBeUndefined();
  });

  test('that are remembered are not asked for', async () => {
    const cache = accountCache();
    const wanted = name('withheld', 'bob', 'KWD');
    cache.set(nameKey(wanted), 42n);
    expect(await inTransaction(db, ({ trx }) => accountIds(trx, [wanted], cache))).toEqual(new Map([[nameKey(wanted), 42n]]));
  });
});

describe('transfers', () => {
  test('are booked with the accounts of their own merchant, promoter and currency', async () => {
    const key = await openOrder(database.owner, 'm1', 'booked');
    await book([
      transferOf(key),
      transferOf(key, { role: 'upline', level: 1, promoterId: 'alice', amount: 7n }),
      transferOf(key, { role: 'platform', promoterId: null, to: 'revenue', amount: 3n }),
    ]);
    const { rows } = await sql<object>`
      select transfer.kind, source.kind as from_kind, source.promoter_id as from_whom, target.kind as to_kind,
        target.promoter_id as to_whom, level, amount
      from transfer join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id
      where order_key = ${key} order by transfer_id`.execute(db);
    const accrual = { kind: 'accrue', from_kind: 'commission', from_whom: null };
    expect(rows).toEqual([
      { ...accrual, to_kind: 'pending', to_whom: 'bob', level: null, amount: 100n },
      { ...accrual, to_kind: 'pending', to_whom: 'alice', level: 1, amount: 7n },
      { ...accrual, to_kind: 'revenue', to_whom: null, level: null, amount: 3n },
    ]);
  });

  test('take their place in the books once, whoever tries again', async () => {
    const transfer = transferOf(orderKey);
    await book([transfer]);
    await expect(book([transfer])).rejects.toMatchObject({ code: '23505', constraint: 'transfer_once' });
    await expect(book([transferOf(orderKey), { ...transfer, amount: 1n }])).rejects.toMatchObject({ constraint: 'transfer_once' });
  });

  test('move something, between two accounts, of the merchant whose order it is', async () => {
    await expect(book([transferOf(orderKey, { amount: 0n })])).rejects.toMatchObject({ code: '23514' });
    await expect(book([transferOf(orderKey, { amount: -1n })])).rejects.toMatchObject({ code: '23514' });
    await expect(book([transferOf(orderKey, { from: 'pending' })])).rejects.toMatchObject({ constraint: 'transfer_moves' });
    await expect(book([transferOf(otherKey)])).rejects.toMatchObject({ constraint: 'transfer_order' });
  });

  test('have the largest amounts exactly', async () => {
    const key = await openOrder(database.owner, 'm1', 'huge');
    await book([transferOf(key, { amount: 9_223_372_036_854_775_807n })]);
    const slots = await bookedSlots(db, [key]);
    expect(slots.get(key)![0]!.pending).toBe(9_223_372_036_854_775_807n);
    await expect(book([transferOf(key, { amount: 9_223_372_036_854_775_808n })])).rejects.toMatchObject({ code: '22003' });
  });

  test('of nothing need no statement', async () => {
    await expect(book([])).resolves.toBeUndefined();
  });
});

describe('what is booked on an order', () => {
  test('is the sum of its transfers, slot by slot and currency by currency', async () => {
    const key = await openOrder(database.owner, 'm1', 'slots');
    await book([
      transferOf(key, { amount: 100n }),
      transferOf(key, { kind: 'release', from: 'pending', to: 'available', amount: 60n }),
      transferOf(key, { kind: 'reverse', from: 'available', to: 'commission', amount: 25n }),
      transferOf(key, { kind: 'reverse', from: 'pending', to: 'commission', amount: 5n }),
      transferOf(key, { role: 'platform', promoterId: null, to: 'revenue', amount: 9n }),
      transferOf(key, { role: 'platform', promoterId: null, kind: 'reverse', from: 'revenue', to: 'commission', amount: 2n }),
      transferOf(key, { lineId: '2', amount: 1n }),
      transferOf(key, { currency: 'USD', amount: 4n }),
    ]);
    const slots = (await bookedSlots(db, [key, otherKey])).get(key)!;
    const bob = { role: 'promoter', level: null, promoterId: 'bob' };
    expect(slots).toHaveLength(4);
    expect(slots).toEqual(
      expect.arrayContaining([
        { ...bob, lineId: '1', currency: 'CNY', pending: 35n, available: 35n },
        { ...bob, lineId: '2', currency: 'CNY', pending: 1n, available: 0n },
        { ...bob, lineId: '1', currency: 'USD', pending: 4n, available: 0n },
        { lineId: '1', role: 'platform', level: null, promoterId: null, currency: 'CNY', pending: 0n, available: 7n },
      ]),
    );
  });

  test('stays what it was when it is paid out', async () => {
    const key = await openOrder(database.owner, 'm1', 'paid out');
    await book([
      transferOf(key),
      transferOf(key, { kind: 'release', from: 'pending', to: 'available' }),
      { ...transferOf(key, { from: 'available', to: 'paying' }), kind: 'pay' as NewTransfer['kind'] },
    ]);
    expect((await bookedSlots(db, [key])).get(key)).toMatchObject([{ pending: 0n, available: 100n }]);
  });

  test('is nothing where nothing was booked', async () => {
    const key = await openOrder(database.owner, 'm1', 'empty');
    expect(await bookedSlots(db, [key])).toEqual(new Map());
    expect(await bookedSlots(db, [])).toEqual(new Map());
  });
});

describe('the books are append-only', () => {
  const changes = [
    'update transfer set amount = amount + 1',
    'update transfer set promoter_id = null',
    'delete from transfer',
    'truncate transfer',
    `update account set promoter_id = null`,
    'delete from account',
  ];

  test.each(changes)('for the service, which has no right to: %s', async (change) => {
    await expect(sql.raw(change).execute(db)).rejects.toMatchObject({ code: '42501' });
  });

  test.each(changes)('for the owner, whom a trigger stops: %s', async (change) => {
    await expect(sql.raw(change).execute(database.owner)).rejects.toMatchObject({ code: '23001' });
  });

  test('and the service cannot switch their triggers off', async () => {
    await expect(sql`alter table transfer disable trigger all`.execute(db)).rejects.toMatchObject({ code: '42501' });
    await expect(sql`set session_replication_role = replica`.execute(db)).rejects.toMatchObject({ code: '42501' });
    await expect(sql`delete from ledger_fold`.execute(db)).rejects.toMatchObject({ code: '42501' });
  });
});
