// The books over HTTP: balances, entries, transfers, accounts, and whose they are to see.

import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ledgerRoutes } from '../../src/ledger/ledger-routes.ts';
import { accountCache, bookTransfers, type NewTransfer } from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { App } from '../../src/platform/http/app.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { keyedApp, keyOfEvery } from '../platform/callers.ts';
import { foldAll } from './books.ts';
import { MOVES, openOrder, openShop, transferOf } from './shop.ts';

let database: TestDatabase;
let db: Kysely<DB>;
let app: App;
let orders: Record<string, bigint>;
let keys: Record<string, string>;
const cache = accountCache();

beforeAll(async () => {
  database = await testDatabase();
  db = database.db;
  app = keyedApp(db);
  ledgerRoutes(app, { db });
  orders = await openShop(database.owner);
  keys = await keyOfEvery(db);
  await bookAll();
});

afterAll(async () => {
  await app.close();
  await database.close();
});

const [accrue, , release, clawBack] = MOVES;

async function bookAll(): Promise<void> {
  const { m1, m2 } = orders;
  await book([
    transferOf(m1!, { amount: 630n }),
    transferOf(m1!, { amount: 69n, promoterId: 'alice', role: 'upline', level: 1 }),
    transferOf(m1!, { amount: 15n, promoterId: null, role: 'platform', to: 'revenue' }),
  ]);
  await book([transferOf(m1!, { ...release, amount: 600n })]);
  await foldAll(db);
  await book([transferOf(m1!, { ...clawBack, amount: 700n })]);
  await book([transferOf(m2!, { ...accrue, merchantId: 'm2', amount: 40n })]);
}

function book(transfers: NewTransfer[]): Promise<void> {
  return inTransaction(db, ({ trx, now }) => bookTransfers(trx, transfers, cache, now));
}

function get(url: string, scope = 'auditor') {
  return app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${keys[scope]}` } });
}

/** All rows of a list, page by page. */
async function all(url: string, limit: number): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (let cursor = ''; ;) {
    const answer = await get(`${url}${url.includes('?') ? '&' : '?'}limit=${limit}${cursor}`);
    expect(answer.statusCode).toBe(200);
    const { data, next_cursor: next } = answer.json<{ data: Record<string, unknown>[]; next_cursor: string | null }>();
    expect(data.length).toBeLessThanOrEqual(limit);
    rows.push(...data);
    if (next === null) return rows;
    cursor = `&cursor=${next}`;
  }
}

describe('a balance', () => {
  test('is told per currency, over all merchants or of one', async () => {
    const nothing = { paying: 0, withheld: 0, paid: 0 };
    expect((await get('/v1/promoters/bob/balance')).json()).toEqual({
      data: [{ currency: 'CNY', pending: 70, available: -100, ...nothing }],
    });
    expect((await get('/v1/promoters/bob/balance?merchant_id=m2')).json()).toEqual({
      data: [{ currency: 'CNY', pending: 40, available: 0, ...nothing }],
    });
    expect((await get('/v1/promoters/bob/balance?merchant_id=m3')).json()).toEqual({ data: [] });
  });

  test('has every digit, however large', async () => {
    const key = await openOrder(database.owner, 'm1', 'huge');
    await book([transferOf(key, { currency: 'IRR', promoterId: 'alice', amount: 9_007_199_254_740_993n })]);
    expect((await get('/v1/promoters/alice/balance')).body).toContain('"currency":"IRR","pending":9007199254740993,');
  });
});

describe('entries', () => {
  test('tell the newest first what came and went, why, and the balance after it', async () => {
    const { data } = (await get('/v1/promoters/bob/entries')).json();
    const shown = data.map((entry: Record<string, unknown>) => [
      entry['merchant_id'],
      entry['account'],
      entry['kind'],
      entry['amount'],
      entry['balance'],
    ]);
    expect(shown).toEqual([
      ['m2', 'pending', 'accrue', 40, 40],
      ['m1', 'available', 'reverse', -700, -100],
      ['m1', 'available', 'release', 600, 600],
      ['m1', 'pending', 'release', -600, 30],
      ['m1', 'pending', 'accrue', 630, 630],
    ]);
    expect(data[4]).toMatchObject({ source_id: 'rest', order_id: 'order of m1', line_id: '1', role: 'promoter', currency: 'CNY' });
    expect(data[4]).not.toHaveProperty('level');
  });

  test('are the same, balances and all, page by page', async () => {
    const whole = (await get('/v1/promoters/bob/entries')).json().data;
    for (const limit of [1, 2, 3]) expect(await all('/v1/promoters/bob/entries', limit)).toEqual(whole);
  });

  test('of one merchant leave the others out', async () => {
    const rows = await all('/v1/promoters/bob/entries?merchant_id=m2', 10);
    expect(rows.map((row) => [row['amount'], row['balance']])).toEqual([[40, 40]]);
  });

  test('that are booked while somebody turns the pages shift nothing', async () => {
    const first = (await get('/v1/promoters/bob/entries?limit=2')).json();
    const rest = (await get(`/v1/promoters/bob/entries?cursor=${first.next_cursor}`)).json().data;
    await book([transferOf(orders['m1']!, { amount: 1n })]);
    expect((await get(`/v1/promoters/bob/entries?cursor=${first.next_cursor}`)).json().data).toEqual(rest);
  });
});

describe('the books', () => {
  test('sum to zero', async () => {
    const { data } = (await get('/v1/ledger/trial-balance')).json();
    expect(data.map(({ currency, sum }: { currency: string; sum: number }) => [currency, sum])).toEqual([
      ['CNY', 0],
      ['IRR', 0],
    ]);
    expect(data[0].accounts).toContainEqual({ kind: 'revenue', balance: 15 });
  });

  test('list accounts by what is asked, with exact balances', async () => {
    const rows = await all('/v1/ledger/accounts?promoter_id=bob&currency=CNY', 1);
    expect(rows.map((row) => [row['merchant_id'], row['kind'], row['balance']])).toEqual([
      ['m1', 'pending', 31],
      ['m1', 'available', -100],
      ['m2', 'pending', 40],
    ]);
    expect(await all('/v1/ledger/accounts?kind=revenue', 10)).toMatchObject([{ merchant_id: 'm1', promoter_id: null, balance: 15 }]);
    expect((await all('/v1/ledger/accounts?merchant_id=m2', 10)).map((row) => row['balance'])).toEqual([40, -40]);
  });

  test('list transfers with both sides, of an order, a promoter, a merchant or all', async () => {
    const ofOrder = await all('/v1/ledger/transfers?order_id=order%20of%20m2&source_id=rest', 10);
    expect(ofOrder).toMatchObject([
      {
        order_id: 'order of m2',
        merchant_id: 'm2',
        kind: 'accrue',
        amount: 40,
        promoter_id: 'bob',
        from: { kind: 'commission' },
        to: { kind: 'pending' },
      },
    ]);
    expect(await all('/v1/ledger/transfers?order_id=order%20of%20m2&source_id=other', 10)).toEqual([]);
    expect(await all('/v1/ledger/transfers?promoter_id=alice', 10)).toMatchObject([{ amount: 9007199254740992 }, { amount: 69, level: 1 }]);
    expect(await all('/v1/ledger/transfers?merchant_id=m2', 10)).toHaveLength(1);
    const whole = await all('/v1/ledger/transfers', 200);
    expect(await all('/v1/ledger/transfers', 2)).toEqual(whole);
    expect(whole).toHaveLength(8);
  });

  test('refuse a cursor of another list', async () => {
    const { next_cursor: cursor } = (await get('/v1/promoters/bob/entries?limit=1')).json();
    const answer = await get(`/v1/ledger/accounts?cursor=${cursor}`);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_cursor']);
  });
});

describe('who may ask', () => {
  test('a promoter’s key sees its own money and nobody else’s, not even whether somebody exists', async () => {
    for (const part of ['balance', 'entries']) {
      expect((await get(`/v1/promoters/bob/${part}`, 'promoter')).statusCode).toBe(200);
      expect((await get(`/v1/promoters/alice/${part}`, 'promoter')).statusCode).toBe(403);
      expect((await get(`/v1/promoters/nobody/${part}`, 'promoter')).statusCode).toBe(403);
    }
  });

  test('a promoter who was never stated is not found', async () => {
    for (const part of ['balance', 'entries']) expect((await get(`/v1/promoters/nobody/${part}`)).statusCode).toBe(404);
  });

  test.each(['/v1/ledger/trial-balance', '/v1/ledger/accounts', '/v1/ledger/transfers'])('%s is for admins and auditors', async (url) => {
    const statuses = await Promise.all(
      ['admin', 'auditor', 'storefront', 'promoter'].map(async (scope) => (await get(url, scope)).statusCode),
    );
    expect(statuses).toEqual([200, 200, 403, 403]);
  });

  test('a storefront sees nobody’s money', async () => {
    for (const part of ['balance', 'entries']) expect((await get(`/v1/promoters/bob/${part}`, 'storefront')).statusCode).toBe(403);
  });
});
