// Payments of merchants: each is booked once, and what was paid ahead is a credit.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { trialBalance } from '../../../src/ledger/balances.ts';
import { ago, openSimpleShop, openWorld, type World } from '../../commission/world.ts';
import { foldAll } from '../../ledger/books.ts';
import { openMoney, type Money } from '../merchant-money.ts';

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

const paid = { amount: 600, currency: 'CNY', reference: 'bank 1', occurred_at: '2026-07-03T09:30:00Z' };
const pay = (m: string, body: object, headers = {}) => money.post(`/v1/merchants/${m}/payments`, body, { headers });
const balance = async (m: string) => (await money.get(`/v1/merchants/${m}/balance`)).body.data;

test('a payment lowers what is owed, and what is paid ahead is below zero', async () => {
  const shop = await openSimpleShop(world);
  await shop.order('o1', { status: 'completed', completed_at: ago(20), paid_at: ago(30), link_code: shop.code });
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: 999, pending: 0, paid: 0 }]);
  expect(await pay(shop.m, paid)).toMatchObject({
    status: 201,
    body: { merchant_id: shop.m, ...paid, occurred_at: '2026-07-03T09:30:00.000Z' },
  });
  expect(await balance(shop.m)).toEqual([{ currency: 'CNY', owed: 399, pending: 0, paid: 600 }]);
  await foldAll(world.db);
  await pay(shop.m, { ...paid, reference: 'bank 2', amount: 500 });
  await pay(shop.m, { ...paid, reference: 'bank 3', amount: 70, currency: 'USD' });
  expect(await balance(shop.m)).toEqual([
    { currency: 'CNY', owed: -101, pending: 0, paid: 1100 },
    { currency: 'USD', owed: -70, pending: 0, paid: 70 },
  ]);
  expect((await trialBalance(world.db)).map(({ sum }) => sum)).toEqual([0n, 0n]);
  const listed = await money.all(`/v1/merchants/${shop.m}/payments`, 1);
  expect(listed.map(({ reference }) => reference)).toEqual(['bank 3', 'bank 2', 'bank 1']);
});

test('one reference is one payment: the same again is the same answer, anything else a conflict', async () => {
  await world.merchant('once');
  await world.merchant('twice');
  const first = await pay('once', paid);
  expect((await pay('once', paid)).body).toEqual(first.body);
  expect((await pay('once', { ...paid, occurred_at: '2026-07-03T17:30:00+08:00' })).body).toEqual(first.body);
  for (const other of [{ amount: 601 }, { currency: 'USD' }, { occurred_at: null }, { occurred_at: '2026-07-04T09:30:00Z' }]) {
    expect(await pay('once', { ...paid, ...other })).toMatchObject({ status: 409, body: { code: 'conflict' } });
  }
  expect((await pay('twice', paid)).body['payment_id']).not.toBe(first.body['payment_id']);
  expect(await balance('once')).toEqual([{ currency: 'CNY', owed: -600, pending: 0, paid: 600 }]);
  const log = await world.db.selectFrom('audit_log').select('action').where('subject_id', '=', String(first.body['payment_id'])).execute();
  expect(log).toEqual([{ action: 'merchant_payment_received' }]);
});

test('told by many at once it is booked once', async () => {
  await world.merchant('busy');
  const answers = await Promise.all(Array.from({ length: 8 }, () => pay('busy', paid)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 201));
  expect(new Set(answers.map(({ body }) => body['payment_id'])).size).toBe(1);
  expect(await balance('busy')).toEqual([{ currency: 'CNY', owed: -600, pending: 0, paid: 600 }]);
});

test.each([
  [{ amount: 0 }, 400],
  [{ amount: -1 }, 400],
  [{ amount: 1.5 }, 400],
  [{ amount: 10 ** 13 + 1 }, 400],
  [{ currency: 'RMB' }, 400],
  [{ reference: '' }, 400],
])('a payment with %j is refused', async (wrong, status) => {
  await world.merchant('strict');
  expect((await pay('strict', { ...paid, ...wrong })).status).toBe(status);
  expect(await balance('strict')).toEqual([]);
});
