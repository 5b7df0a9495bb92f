// Invoices and balances of merchants, in figures that are reckoned by hand.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { accountCache, bookCaused, type CausedTransfer } from '../../../src/ledger/booking-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, openShop, openWorld, WORKED_PLAN, type World } from '../../commission/world.ts';
import { foldAll } from '../../ledger/books.ts';
import { openMoney, type Money, type Total } from '../merchant-money.ts';

let world: World;
let money: Money;

beforeAll(async () => {
  world = await openWorld();
  money = await openMoney(world.db);
});
afterAll(async () => {
  await money.close();
  await world.close();
});

const nothing = { released: 0, reversed: 0, revenue: 0, bonuses: 0 };
const completed = (days: number) => ({ status: 'completed', completed_at: ago(days) });
const balance = async (m: string) => (await money.get(`/v1/merchants/${m}/balance`)).body.data;
const invoice = async (m: string, month: string) => (await money.get(`/v1/merchants/${m}/invoices/${month}`)).body;
const months = (m: string) => money.all(`/v1/merchants/${m}/invoices`, 1);
const line = (paid_amount: number, line_id = '1') => ({ line_id, product_id: 'p1', quantity: 1, paid_amount });

/** 10 % of what the platform pays: 70 to the promoter, 30 to us. */
const PLATFORM_PLAN = {
  rate_ppm: 100_000,
  split: [
    { to: 'promoter' as const, share_ppm: 700_000 },
    { to: 'platform' as const, share_ppm: 300_000 },
  ],
};

test('what is released is charged, what is taken back of it is credited, and what waits is on no invoice', async () => {
  const shop = await openShop(world);
  await shop.rule(WORKED_PLAN);
  await shop.order('o1', { ...completed(20), paid_at: ago(30), link_code: shop.code });
  await shop.order('o2', { link_code: shop.code, lines: [line(10_000)] });
  // 999 of 9999, and 1000 of 10000 that waits.
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: 999, pending: 1000, paid: 0 }]);
  await foldAll(world.db);
  await shop.tell('o1', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] });
  await shop.tell('o2', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 5000 }] });
  // 90, 189 and 21 are taken back of what was released; 500 of what waits is nobody's business.
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: 699, pending: 500, paid: 0 }]);
  const [only, ...others] = await months(shop.m);
  expect([only!.totals, others]).toEqual([[{ currency: 'CNY', ...nothing, released: 999, reversed: -300, amount: 699 }], []]);
  const { totals, data, bonuses } = await invoice(shop.m, only!.month);
  expect([totals, bonuses]).toEqual([only!.totals, []]);
  expect(data.map(({ order_id, source_id, amount, transfers_count }) => [order_id, source_id, amount, transfers_count])).toEqual([
    ['o1', 'rest', 699, 6],
  ]);
  expect(data[0]!.transfers.map(({ kind, role, promoter_id, amount }) => [kind, role, promoter_id, amount])).toEqual([
    ['release', 'agency', shop.agency, 300],
    ['release', 'promoter', shop.bob, 630],
    ['release', 'upline', shop.alice, 69],
    ['reverse', 'agency', shop.agency, -90],
    ['reverse', 'promoter', shop.bob, -189],
    ['reverse', 'upline', shop.alice, -21],
  ]);
});

test('the platform’s share is charged when it is booked, without a wait, and credited when it is taken back', async () => {
  const shop = await openShop(world);
  await shop.rule(PLATFORM_PLAN);
  await shop.order('o1', { link_code: shop.code, lines: [line(1000)] });
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: 30, pending: 70, paid: 0 }]);
  await shop.tell('o1', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 500 }] });
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: 15, pending: 35, paid: 0 }]);
  const [{ month, totals } = { month: '', totals: [] as Total[] }] = await months(shop.m);
  expect(totals).toEqual([{ currency: 'CNY', ...nothing, revenue: 15, amount: 15 }]);
  expect((await invoice(shop.m, month)).data[0]!.transfers.map(({ kind, amount }) => [kind, amount])).toEqual([
    ['accrue', 30],
    ['reverse', -15],
  ]);
});

test('the last instant of a month and the first of the next are on two invoices, by the merchant’s zone', async () => {
  for (const [time_zone, last, first] of [
    ['Asia/Shanghai', '2030-01-31T15:59:59.999Z', '2030-01-31T16:00:00.000Z'],
    ['America/New_York', '2030-02-01T04:59:59.999Z', '2030-02-01T05:00:00.000Z'],
  ] as const) {
    const shop = await openShop(world, { time_zone });
    await shop.rule(WORKED_PLAN);
    await shop.order('o1', { ...completed(1), link_code: shop.code });
    await shop.order('o2', { ...completed(1), link_code: shop.code, hold_until: first, lines: [line(10_000)] });
    await world.awardAt(last);
    await world.awardAt(first);
    expect((await months(shop.m)).map(({ month, totals }) => [month, totals[0]!.amount])).toEqual([
      ['2030-02', 1000],
      ['2030-01', 999],
    ]);
    expect((await invoice(shop.m, '2030-01')).data.map(({ order_id }) => order_id)).toEqual(['o1']);
    expect((await invoice(shop.m, '2030-02')).data.map(({ order_id }) => order_id)).toEqual(['o2']);
    expect(await invoice(shop.m, '2030-03')).toMatchObject({
      merchant_id: shop.m,
      month: '2030-03',
      totals: [],
      data: [],
      next_cursor: null,
    });
  }
});

test('a month that is over stays as it is when its order is refunded and its zone is stated otherwise', async () => {
  const shop = await openShop(world);
  await shop.rule(WORKED_PLAN);
  await shop.order('o1', { ...completed(1), link_code: shop.code });
  await world.awardAt('2030-01-31T15:59:59.999Z');
  const before = await invoice(shop.m, '2030-01');
  await world.merchant(shop.m, { time_zone: 'America/New_York', from: '2030-02-10T00:00:00Z' });
  await shop.tell('o1', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 9999 }] });
  expect(await invoice(shop.m, '2030-01')).toEqual(before);
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: 0, pending: 0, paid: 0 }]);
});

test('an order is one row however often it is booked, pages follow its first transfer, and totals are of the whole', async () => {
  const shop = await openShop(world);
  await shop.rule(WORKED_PLAN);
  for (const id of ['a', 'b', 'c']) await shop.order(id, { ...completed(20), paid_at: ago(30), link_code: shop.code });
  for (const id of ['c', 'a', 'b']) await shop.tell(id, { refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] });
  const [{ month, totals } = { month: '', totals: [] as Total[] }] = await months(shop.m);
  expect(totals[0]!.amount).toBe(3 * 699);
  const rows = await money.all(`/v1/merchants/${shop.m}/invoices/${month}`, 1);
  expect(rows.map(({ order_id, amount }) => [order_id, amount])).toEqual([
    ['a', 699],
    ['b', 699],
    ['c', 699],
  ]);
  const { body } = await money.get(`/v1/merchants/${shop.m}/invoices/${month}?limit=1`);
  const next = await money.get(`/v1/merchants/${shop.m}/invoices/${month}?limit=1&cursor=${body.next_cursor}`);
  expect(next.body.totals).toEqual(totals);
});

test('bonuses stand by their program, also of ids with a stroke, and payouts, payments and write-offs on no invoice', async () => {
  const shop = await openShop(world);
  const at = new Date('2026-06-15T00:00:00Z');
  const one = { merchantId: shop.m, promoterId: shop.bob, currency: 'CNY', position: 0 };
  const bonus = { ...one, cause: 'bonus', causeId: `spring/double/${shop.bob}/2026-05` } as const;
  const transfers: CausedTransfer[] = [
    { ...bonus, kind: 'accrue', from: 'commission', to: 'pending', amount: 500n },
    { ...bonus, position: 1, kind: 'release', from: 'pending', to: 'available', amount: 500n },
    { ...bonus, position: 2, kind: 'reverse', from: 'available', to: 'commission', amount: 120n },
    { ...bonus, position: 3, kind: 'accrue', from: 'commission', to: 'available', amount: 20n },
    { ...one, cause: 'payout', causeId: 'p', kind: 'reserve', from: 'available', to: 'paying', amount: 400n },
    { ...one, cause: 'payout', causeId: 'p', position: 1, kind: 'withhold', from: 'paying', to: 'withheld', amount: 100n },
    { ...one, cause: 'payout', causeId: 'p', position: 2, kind: 'pay', from: 'paying', to: 'paid', amount: 300n },
    { ...one, cause: 'return', causeId: 'p', kind: 'bring_back', from: 'paid', to: 'available', amount: 300n },
    { ...one, cause: 'write_off', causeId: 'w', kind: 'write_off', from: 'revenue', to: 'available', amount: 50n },
    {
      ...one,
      cause: 'merchant_payment',
      causeId: 'm',
      promoterId: null,
      kind: 'receive',
      from: 'received',
      to: 'commission',
      amount: 1000n,
    },
  ];
  await inTransaction(world.db, ({ trx }) => bookCaused(trx, transfers, accountCache(), at));
  const { totals, bonuses, data } = await invoice(shop.m, '2026-06');
  expect(totals).toEqual([{ currency: 'CNY', ...nothing, bonuses: 400, amount: 400 }]);
  expect(bonuses).toEqual([{ program_id: 'spring/double', currency: 'CNY', amount: 400, transfers_count: 3 }]);
  expect(data).toEqual([]);
  // 400 invoiced and 1000 paid: 600 ahead.
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: -600, pending: 0, paid: 1000 }]);
});

test('an order with more transfers than are shown has their number and their sum', async () => {
  const shop = await openShop(world);
  await shop.rule(WORKED_PLAN);
  const lines = Array.from({ length: 40 }, (_, at) => line(10_000, String(at)));
  await shop.order('wide', { ...completed(20), paid_at: ago(30), link_code: shop.code, lines });
  const [{ month } = { month: '' }] = await months(shop.m);
  const [row] = (await invoice(shop.m, month)).data;
  expect([row!.amount, row!['transfers_count'], row!.transfers.length]).toEqual([40_000, 120, 100]);
});

test('a merchant’s own key reads its invoices and balance and no other merchant’s, and nobody reads those of nobody', async () => {
  const shop = await openShop(world);
  const own = await money.keyOf('merchant', { merchantId: shop.m });
  const other = await money.keyOf('merchant', { merchantId: 'elsewhere' });
  for (const part of ['balance', 'invoices', 'invoices/2026-06', 'payments']) {
    expect((await money.get(`/v1/merchants/${shop.m}/${part}`, own)).status).toBe(200);
    expect((await money.get(`/v1/merchants/${shop.m}/${part}`, other)).status).toBe(403);
    expect((await money.get(`/v1/merchants/nobody/${part}`)).status).toBe(404);
  }
  for (const month of ['2026-13', '2026', '2026-6', '1999-01']) {
    expect((await money.get(`/v1/merchants/${shop.m}/invoices/${month}`)).body.code).toBe('malformed_request');
  }
});
