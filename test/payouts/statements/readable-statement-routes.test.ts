// The readable statement, by its laws: it closes, it says the same as the ledger in every form, and
// a month is one of its zone.

import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { decimalOf } from '../../../src/core/money.ts';
import { balancesOf } from '../../../src/ledger/balances.ts';
import { ledgerRoutes } from '../../../src/ledger/ledger-routes.ts';
import { readableStatementRoutes } from '../../../src/payouts/statements/readable-statement-routes.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { keyedApp, newKey } from '../../platform/callers.ts';
import { settle } from '../../ledger/books.ts';
import { openPayoutStage, type PayoutStage } from '../stage.ts';

let stage: PayoutStage;
let app: App;
let key: string;

const OWN = ['pending', 'available', 'paying', 'withheld', 'paid'] as const;
const NAMES: Record<(typeof OWN)[number], string> = {
  pending: 'Waiting',
  available: 'Available',
  paying: 'Being paid',
  withheld: 'Tax withheld',
  paid: 'Paid out',
};

async function textOf(query: string, promoterId = 'bob', headers: Record<string, string> = {}) {
  await settle(stage.db);
  const url = `/v1/promoters/${promoterId}/statement?${query}`;
  return app.inject({ url, headers: { authorization: `Bearer ${key}`, ...headers } });
}

type Row = Record<string, string>;

async function rowsOf(query: string, promoterId = 'bob'): Promise<Row[]> {
  const answer = await textOf(`lang=en&format=csv&${query}`, promoterId);
  expect(answer.statusCode).toBe(200);
  return parse<Row>(answer.body, { columns: true, bom: true });
}

const ofRecord = (rows: readonly Row[], record: string): Row[] => rows.filter((row) => row['Record'] === record);
const numberOf = (row: Row, account: (typeof OWN)[number]): number => Math.round(Number(row[NAMES[account]]) * 100);

/** Every account of every merchant: opening and entries give closing. */
function expectClosed(rows: readonly Row[]): void {
  for (const closing of ofRecord(rows, 'Closing')) {
    if (closing['Merchant'] === 'All merchants') continue;
    const isOfSame = (row: Row) => row['Merchant'] === closing['Merchant'] && row['Currency'] === closing['Currency'];
    for (const account of OWN) {
      const before = [...ofRecord(rows, 'Opening'), ...ofRecord(rows, 'Entry')].filter(isOfSame);
      expect(before.reduce((sum, row) => sum + numberOf(row, account), 0)).toBe(numberOf(closing, account));
      const sums = [...ofRecord(rows, 'Opening'), ...ofRecord(rows, 'Sum')].filter(isOfSame);
      expect(sums.reduce((sum, row) => sum + numberOf(row, account), 0)).toBe(numberOf(closing, account));
    }
  }
}

beforeAll(async () => {
  stage = await openPayoutStage();
  app = keyedApp(stage.db);
  readableStatementRoutes(app, { db: stage.db, taxTimeZone: 'Asia/Shanghai' });
  ledgerRoutes(app, { db: stage.db });
  key = await newKey(stage.db, 'auditor');
  await stage.earn('2026-05-10T00:00:00Z', 'O-0', 1000n);
  await stage.earn('2026-06-05T00:00:00Z', 'O-1', 630n);
  await stage.takeBack('2026-06-06T00:00:00Z', 'O-1', 189n);
  await stage.earn('2026-06-07T00:00:00Z', 'O-2', 315n);
});

afterAll(async () => {
  await app.close();
  await stage.close();
});

test('opening 10.00, earned 6.30, taken back 1.89, earned 3.15: 17.56 are owed', async () => {
  const rows = await rowsOf('month=2026-06');
  expectClosed(rows);
  expect(ofRecord(rows, 'Opening')).toMatchObject([{ Merchant: 'm1', Currency: 'CNY', Available: '10.00', Waiting: '0.00' }]);
  const released = ofRecord(rows, 'Entry').filter((row) => row['Available'] !== '');
  expect(released.map((row) => [row['What'], row['Order'], row['Available']])).toEqual([
    ['Released', 'O-1', '6.30'],
    ['Taken back', 'O-1', '-1.89'],
    ['Released', 'O-2', '3.15'],
  ]);
  expect(ofRecord(rows, 'Closing')).toMatchObject([{ Available: '17.56' }]);
});

describe('a payout of 10.00 with everything that follows', () => {
  test('closes at 7.56, says its state and reference, and a return in July leaves June as it is', async () => {
    const own = await openPayoutStage();
    const server = keyedApp(own.db);
    readableStatementRoutes(server, { db: own.db, taxTimeZone: 'Asia/Shanghai' });
    const auditor = await newKey(own.db, 'auditor');
    const read = async (query: string) => {
      await settle(own.db);
      return (await server.inject({ url: `/v1/promoters/bob/statement?lang=en&${query}`, headers: { authorization: `Bearer ${auditor}` } }))
        .body;
    };
    await own.earn('2026-05-10T00:00:00Z', 'O-0', 1000n);
    const batchId = await own.pay('2026-06-03T00:00:00Z', { reference: 'WX-77' });
    await own.earn('2026-06-05T00:00:00Z', 'O-1', 630n);
    await own.takeBack('2026-06-06T00:00:00Z', 'O-1', 189n);
    await own.earn('2026-06-07T00:00:00Z', 'O-2', 315n);
    const june = { csv: await read('month=2026-06&format=csv'), html: await read('month=2026-06') };
    const rows = parse<Row>(june.csv, { columns: true, bom: true });
    expectClosed(rows);
    expect(ofRecord(rows, 'Opening')).toMatchObject([{ Available: '10.00', 'Paid out': '0.00' }]);
    expect(ofRecord(rows, 'Closing')).toMatchObject([{ Available: '7.56', 'Being paid': '0.00', 'Paid out': '10.00' }]);
    expect(ofRecord(rows, 'Payout')).toMatchObject([{ What: 'Paid', Gross: '10.00', Tax: '0.00', Net: '10.00', Reference: 'WX-77' }]);
    for (const figure of ['+6.30', '-1.89', '+3.15', 'Paid out</th><td class="n">-10.00', 'Owed to you: Closing</th><td class="n">7.56']) {
      expect(june.html).toContain(figure);
    }

    await own.tell('2026-07-02T00:00:00Z', await own.payoutOf(batchId), { state: 'returned', reason: 'ACCOUNT_CLOSED' });
    expect(await read('month=2026-06&format=csv')).toBe(june.csv);
    expect(await read('month=2026-06')).toBe(june.html);
    const july = parse<Row>(await read('month=2026-07&format=csv'), { columns: true, bom: true });
    expectClosed(july);
    expect(ofRecord(july, 'Entry')).toMatchObject([{ What: 'Returned by the bank', Available: '10.00', 'Paid out': '-10.00' }]);
    expect(ofRecord(july, 'Closing')).toMatchObject([{ Available: '17.56', 'Paid out': '0.00' }]);
    expect(ofRecord(july, 'Payout')).toMatchObject([{ What: 'Returned', Reason: 'ACCOUNT_CLOSED' }]);
    const [balance] = await balancesOf(own.db, 'bob');
    expect(balance).toMatchObject({ available: 1756n, paid: 0n });
    await server.close();
    await own.close();
  });
});

test('table, page, entries and ledger say the same of a history of all kinds', async () => {
  const own = await openPayoutStage('cn_labor_service');
  const server = keyedApp(own.db);
  readableStatementRoutes(server, { db: own.db, taxTimeZone: 'UTC' });
  ledgerRoutes(server, { db: own.db });
  const auditor = await newKey(own.db, 'auditor');
  const ask = async (url: string) => (await server.inject({ url, headers: { authorization: `Bearer ${auditor}` } })).body;
  await own.earn('2026-09-01T00:00:00Z', 'A', 300_000n);
  await own.earn('2026-09-01T00:00:00Z', 'B', 1234n, { currency: 'JPY', merchantId: 'm2' });
  await own.book('2026-09-02T00:00:00Z', 'C', { amount: 55n, merchantId: 'm2' });
  await own.pay('2026-09-03T00:00:00Z');
  const failed = await own.draft('2026-09-04T00:00:00Z', { currency: 'JPY' });
  await own.approve('2026-09-04T00:00:00Z', failed);
  await own.tell('2026-09-05T00:00:00Z', await own.payoutOf(failed), { state: 'failed', reason: 'ACCOUNT_FROZEN' });
  await settle(own.db);
  const rows = parse<Row>(await ask('/v1/promoters/bob/statement?month=2026-09&lang=en&format=csv'), { columns: true, bom: true });
  const html = await ask('/v1/promoters/bob/statement?month=2026-09&lang=en');
  interface Entry {
    account: (typeof OWN)[number];
    amount: number;
    currency: string;
  }
  const { data } = JSON.parse(await ask('/v1/promoters/bob/entries?limit=200')) as { data: Entry[] };
  const stated = ofRecord(rows, 'Entry').flatMap((row) =>
    OWN.flatMap((account) => (row[NAMES[account]] === '' ? [] : [`${account} ${row[NAMES[account]]} ${row['Currency']}`])),
  );
  const booked = data.map(({ account, amount, currency }) => `${account} ${decimalOf(BigInt(amount), currency)} ${currency}`);
  expect(stated.toSorted()).toEqual(booked.toSorted());
  for (const { account, amount, currency } of data) {
    expect(html).toContain(`${NAMES[account]} ${amount > 0 ? '+' : ''}${decimalOf(BigInt(amount), currency)}`);
  }
  for (const { currency, ...balances } of await balancesOf(own.db, 'bob')) {
    const closing = ofRecord(rows, 'Closing').filter((row) => row['Currency'] === currency && row['Merchant'] !== 'All merchants');
    for (const account of OWN) {
      const digits = currency === 'JPY' ? 1 : 100;
      const sum = closing.reduce((total, row) => total + Math.round(Number(row[NAMES[account]]) * digits), 0);
      expect(BigInt(sum)).toBe(balances[account]);
    }
  }
  expect(ofRecord(rows, 'Closing')).toContainEqual(
    expect.objectContaining({ Merchant: 'm1', 'Tax withheld': '440.00', 'Paid out': '2560.00', Available: '0.00' }),
  );
  expect(ofRecord(rows, 'Payout')).toContainEqual(expect.objectContaining({ What: 'Failed', Gross: '1234', Reason: 'ACCOUNT_FROZEN' }));
  await server.close();
  await own.close();
});

const monthsOf = async (zone: string, order: string) => {
  const found: string[] = [];
  for (const month of ['2026-02', '2026-03', '2026-04', '2026-06', '2026-07', '2026-10', '2026-11']) {
    const rows = await rowsOf(`month=${month}&time_zone=${zone}`, 'alice');
    if (ofRecord(rows, 'Entry').some((row) => row['Order'] === order)) found.push(month);
  }
  return found;
};

describe('a month', () => {
  test('is one of its zone, to the millisecond, and of that of taxes where none is asked for', async () => {
    await stage.earn('2026-06-30T15:59:59.999Z', 'last', 100n, { promoterId: 'alice' });
    await stage.earn('2026-06-30T16:00:00.000Z', 'first', 100n, { promoterId: 'alice' });
    expect(await monthsOf('Asia/Shanghai', 'last')).toEqual(['2026-06']);
    expect(await monthsOf('Asia/Shanghai', 'first')).toEqual(['2026-07']);
    expect(await monthsOf('UTC', 'first')).toEqual(['2026-06']);
    expect(ofRecord(await rowsOf('month=2026-07', 'alice'), 'Entry').map((row) => row['Order'])).toContain('first');
    expect(ofRecord(await rowsOf('month=2026-07', 'alice'), 'Entry')[0]).toMatchObject({ Time: '2026-07-01 00:00:00' });
  });

  test('begins and ends by the clock of that very day, where the clocks are changed in it', async () => {
    // New York: UTC-5 on 1 March, UTC-4 on 1 April, and back to UTC-5 by 1 December.
    await stage.earn('2026-04-01T03:59:59Z', 'in March', 100n, { promoterId: 'alice' });
    await stage.earn('2026-04-01T04:00:00Z', 'in April', 100n, { promoterId: 'alice' });
    await stage.earn('2026-03-01T04:59:59Z', 'in February', 100n, { promoterId: 'alice' });
    expect(await monthsOf('America/New_York', 'in March')).toEqual(['2026-03']);
    expect(await monthsOf('America/New_York', 'in April')).toEqual(['2026-04']);
    expect(await monthsOf('America/New_York', 'in February')).toEqual(['2026-02']);
  });

  test('of no zone of the IANA database is refused', async () => {
    for (const zone of ['Mars/Base', '%2B08:00', 'utc']) expect((await textOf(`month=2026-06&time_zone=${zone}`)).statusCode).toBe(400);
  });
});

test('a page holds no script, and whatever ids say stands in it as text', async () => {
  await stage.earn('2026-08-01T00:00:00Z', `<script>alert("1")</script>&'`, 100n);
  const answer = await textOf('month=2026-08&lang=zh');
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/]{43}='/);
  expect(answer.body).not.toContain('<script');
  expect(answer.body).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;');
  const csv = await textOf('month=2026-08&lang=zh&format=csv');
  expect(parse<Row>(csv.body, { columns: true, bom: true }).some((row) => row['订单号']!.startsWith('<script>'))).toBe(true);
});

const titleOf = async (query: string, language?: string) => {
  const { body } = await textOf(`month=2026-06${query}`, 'bob', language === undefined ? {} : { 'accept-language': language });
  return /<h1>(\S+)/.exec(body)?.[1];
};

test('it is in the language that is asked for, else in that of the browser, else in English', async () => {
  expect(await titleOf('')).toBe('Statement');
  expect(await titleOf('', 'zh-CN,zh;q=0.9,en;q=0.8')).toBe('对账单');
  expect(await titleOf('', 'de, en;q=0.5, zh;q=0.7')).toBe('对账单');
  expect(await titleOf('', 'zh;q=0.2, en-GB')).toBe('Statement');
  expect(await titleOf('', 'zh;q=0')).toBe('Statement');
  expect(await titleOf('&lang=en', 'zh-CN')).toBe('Statement');
  expect(await titleOf('&lang=zh', 'en')).toBe('对账单');
});

test('the table is cut off before its closing balances, or whole', async () => {
  await stage.book('2026-12-05T00:00:00Z', 'large', ...Array.from({ length: 2100 }, () => ({ amount: 3n, lineId: '1' })));
  const rows = await rowsOf('month=2026-12&time_zone=UTC');
  expect(ofRecord(rows, 'Entry')).toHaveLength(2100);
  expectClosed(rows);
  expect(ofRecord(rows, 'Closing')).toMatchObject([{ Waiting: '63.00' }]);
  expect(rows.at(-1)).toMatchObject({ Record: 'Closing' });
});

const ask = async (promoterId: string, as: string) =>
  (await app.inject({ url: `/v1/promoters/${promoterId}/statement?month=2026-06`, headers: { authorization: `Bearer ${as}` } })).statusCode;

test('a promoter reads its own, and nobody else’s', async () => {
  const bob = await newKey(stage.db, 'promoter');
  expect(await ask('bob', bob)).toBe(200);
  expect(await ask('alice', bob)).toBe(403);
  expect(await ask('nobody', key)).toBe(404);
});
