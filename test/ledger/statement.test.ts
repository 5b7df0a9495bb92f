// Statements: what was there, what came and went, what is there, and that anybody can check it
// without us.

import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { statementCheckCommand } from '../../src/audit/commands.ts';
import { chainTransfers } from '../../src/ledger/hash-chain-store.ts';
import { ledgerRoutes } from '../../src/ledger/ledger-routes.ts';
import { checkStatement } from '../../src/ledger/statement-check.ts';
import { accountCache, bookTransfers, type NewTransfer } from '../../src/ledger/booking-store.ts';
import type { App } from '../../src/platform/http/app.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { keyedApp, keyOfEvery } from '../platform/callers.ts';
import { foldAll } from './books.ts';
import { MOVES, openOrder, openShop, transferOf } from './shop.ts';

let database: TestDatabase;
let app: App;
let orders: Record<string, bigint>;
let keys: Record<string, string>;
const [accrue, reverse, release] = MOVES;

beforeAll(async () => {
  database = await testDatabase();
  const { db, owner } = database;
  app = keyedApp(db);
  ledgerRoutes(app, { db });
  keys = await keyOfEvery(db);
  orders = await openShop(owner);
  const { m1, m2 } = orders as { m1: bigint; m2: bigint };
  const formula = await openOrder(owner, 'm1', '=HYPERLINK("http://evil.example/")', '@sum');
  await book('2026-05-31T23:59:59.999Z', transferOf(m1, { amount: 630n }), transferOf(m1, { amount: 69n, promoterId: 'alice' }));
  await book('2026-06-01T00:00:00Z', transferOf(formula, { amount: 100n, lineId: '+1' }));
  await chainAll();
  await book(
    '2026-06-02T10:00:00Z',
    transferOf(m1, { ...release, amount: 600n }),
    transferOf(m2, { ...accrue, merchantId: 'm2', amount: 40n }),
  );
  await book('2026-06-02T11:00:00Z', transferOf(m1, { ...reverse, amount: 30n }));
  await chainAll();
  await book('2026-07-01T00:00:00Z', transferOf(m1, { amount: 7n }));
  await book('2026-06-30T23:59:59.999Z', transferOf(m1, { amount: 5n }));
});

afterAll(async () => {
  await app.close();
  await database.close();
});

async function book(at: string, ...transfers: NewTransfer[]): Promise<void> {
  await database.db.transaction().execute((trx) => bookTransfers(trx, transfers, accountCache(), new Date(at)));
}

async function chainAll(): Promise<void> {
  await foldAll(database.db);
  await chainTransfers(database.db);
}

const get = (url: string, key = keys['auditor']!) => app.inject({ url, headers: { authorization: `Bearer ${key}` } });

async function statement(query = 'month=2026-06', promoterId = 'bob'): Promise<string> {
  // Other tests of this cluster may hold the watermark back for a moment.
  await foldAll(database.db);
  const answer = await get(`/v1/promoters/${promoterId}/statement.csv?${query}`);
  expect(answer.statusCode).toBe(200);
  return answer.payload;
}

/** The rows of one kind, by the given columns. */
function cells(text: string, record: string, ...columns: string[]): string[][] {
  const [head, ...rows] = text
    .replace('\uFEFF', '')
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(',').map((cell) => cell.replaceAll(/^"|"$/g, '')));
  return rows.filter((row) => row[0] === record).map((row) => columns.map((column) => row[head!.indexOf(column)]!));
}

describe('a statement', () => {
  test('leads from the opening balances by its entries to the closing ones', async () => {
    const text = await statement();
    expect(cells(text, 'opening', 'merchant_id', 'account', 'balance')).toEqual([
      ['m1', 'available', '0'],
      ['m1', 'pending', '630'],
      ['m2', 'pending', '0'],
    ]);
    expect(cells(text, 'entry', 'merchant_id', 'account', 'kind', 'amount', 'balance', 'link')).toEqual([
      ['m1', 'pending', 'accrue', '100', '730', '2'],
      ['m1', 'pending', 'release', '-600', '130', '3'],
      ['m1', 'available', 'release', '600', '600', '3'],
      ['m2', 'pending', 'accrue', '40', '40', '3'],
      ['m1', 'pending', 'reverse', '-30', '100', '3'],
      ['m1', 'pending', 'accrue', '5', '105', ''],
    ]);
    expect(cells(text, 'closing', 'merchant_id', 'account', 'balance')).toEqual([
      ['m1', 'available', '600'],
      ['m1', 'pending', '105'],
      ['m2', 'pending', '40'],
    ]);
    expect(cells(text, 'link', 'link', 'day', 'transfers')).toEqual([
      ['2', '2026-06-01', '1'],
      ['3', '2026-06-02', '3'],
    ]);
  });

  test('may be of one merchant', async () => {
    const text = await statement('month=2026-06&merchant_id=m2');
    expect(cells(text, 'closing', 'merchant_id', 'account', 'balance')).toEqual([['m2', 'pending', '40']]);
    expect(checkStatement(text)).toMatchObject({ faults: [], entries: 1 });
  });

  test('of a month before anything was booked is empty', async () => {
    expect(checkStatement(await statement('month=2026-04'))).toEqual({ faults: [], entries: 0, unchained: 0, last: null });
  });

  test('holds no cell that a spreadsheet would calculate', async () => {
    const text = await statement();
    expect(text).toContain(`"'=HYPERLINK(""http://evil.example/"")"`);
    expect(text).toContain(`"'@sum"`);
    expect(text).toContain(`"'+1"`);
    expect(text).not.toMatch(/(^|,)"?[=@+]/m);
  });

  test('is a file of the promoter’s own, and of auditors', async () => {
    const url = '/v1/promoters/bob/statement.csv?month=2026-06';
    const { headers } = await get(url);
    expect(headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(headers['content-disposition']).toBe('attachment; filename="statement-2026-06.csv"');
    expect((await get(url, keys['promoter'])).statusCode).toBe(200);
    expect((await get(url.replace('bob', 'alice'), keys['promoter'])).statusCode).toBe(403);
    expect((await get(url, keys['storefront'])).statusCode).toBe(403);
    expect((await get(url.replace('bob', 'nobody'))).statusCode).toBe(404);
    for (const month of ['', '2026-13', '2026', '2026-06-01']) {
      expect((await get(`/v1/promoters/bob/statement.csv?month=${month}`)).statusCode).toBe(400);
    }
  });
});

describe('checked by itself, a statement', () => {
  test('holds as it was given', async () => {
    const { hash } = await database.db.selectFrom('ledger_link').select('hash').where('link_no', '=', 3n).executeTakeFirstOrThrow();
    const last = { linkNo: '3', day: '2026-06-02', hash: hash.toString('hex') };
    expect(checkStatement(await statement())).toEqual({ faults: [], entries: 6, unchained: 1, last });
  });

  test.each([
    ['an amount was changed', (text: string) => text.replace(',100,730,', ',101,731,'), 'is not what it moves'],
    [
      'an amount and its transfer were changed',
      (text: string) => text.replace(',100,730,', ',101,731,').replace('"100"', '"101"'),
      'is not in the link 2',
    ],
    ['an order was renamed', (text: string) => text.replaceAll('order of m2', 'order of m1'), 'is not in the link 3'],
    ['an entry was taken out', (text: string) => text.replace(/^"entry".*"m2".*\r\n/m, ''), 'pending account with m2'],
    ['its end was cut off', (text: string) => text.slice(0, text.indexOf('"closing"')), 'is cut off'],
    ['a balance was changed', (text: string) => text.replace(',600,600,', ',600,601,'), 'available account with m1'],
    ['a link was changed', (text: string) => text.replace('"2026-06-01",1', '"2026-06-01",2'), 'link 2: its hash'],
    ['a link was taken out', (text: string) => text.replace(/^"link".*"2026-06-02".*\r\n/m, ''), 'the link 3 is missing'],
  ])('does not hold when %s', async (_what, change, told) => {
    const text = await statement();
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(checkStatement(changed).faults.join('\n')).toContain(told);
  });

  test('is told so by the command, with its exit code', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fenyong-statement-'));
    const file = join(folder, 'statement.csv');
    let printed = '';
    const check = () => statementCheckCommand(file, (text) => (printed += text));
    try {
      const text = await statement();
      await writeFile(file, text);
      expect(await check()).toBe(0);
      expect(printed).toContain('6 entries, 5 of them chained, 1 not yet\nthe last link is 3 of 2026-06-02: ');
      await writeFile(file, text.replace(',100,730,', ',101,731,'));
      expect(await check()).toBe(1);
      await rm(file);
      expect(await check()).toBe(1);
      expect(printed).toContain('cannot be read as a statement: ENOENT');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test('a transfer that was altered behind our back is not proven by the statement any more', async () => {
  const { owner } = database;
  const alter = (amount: number, by: number) =>
    owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update transfer set amount = amount + ${by} where amount = ${amount}`.execute(trx);
    });
  await alter(100, 1);
  const text = await statement();
  await alter(101, -1);
  expect(cells(text, 'entry', 'amount', 'link')[0]).toEqual(['101', '']);
});
