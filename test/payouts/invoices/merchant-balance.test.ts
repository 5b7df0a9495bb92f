// Which merchants owe, of those whose promoters are paid only while they owe nothing.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { merchantBalances, merchantsOwing } from '../../../src/payouts/invoices/merchant-balance.ts';
import { ago, inDays, openSimpleShop, openWorld, type World } from '../../commission/world.ts';
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

const pay = (m: string, amount: number) => money.post(`/v1/merchants/${m}/payments`, { amount, currency: 'CNY', reference: 'bank 1' });

test('of a merchant with whom nothing was ever booked there is no balance', async () => {
  await world.merchant('new');
  expect(await merchantBalances(world.db, 'new')).toEqual([]);
});

test('of the merchants that pay before their promoters, those are told that owe something in that currency now', async () => {
  const shops = await Promise.all(
    [{ payouts: 'when_paid' }, { payouts: 'when_paid' }, { payouts: 'always' }].map((terms) => openSimpleShop(world, terms)),
  );
  const [owing, even, patient] = shops as [(typeof shops)[0], (typeof shops)[0], (typeof shops)[0]];
  for (const shop of shops) {
    await shop.order('o1', { status: 'completed', completed_at: ago(20), paid_at: ago(30), link_code: shop.code });
  }
  await pay(even.m, 999);
  await pay(owing.m, 998);
  expect(await merchantsOwing(world.db, 'CNY')).toEqual(new Set([owing.m]));
  expect(await merchantsOwing(world.db, 'USD')).toEqual(new Set());
  await foldAll(world.db);
  expect(await merchantsOwing(world.db, 'CNY')).toEqual(new Set([owing.m]));
  // What only waits is not owed yet.
  await even.order('o2', { link_code: even.code });
  expect(await merchantsOwing(world.db, 'CNY')).toEqual(new Set([owing.m]));
  await world.merchant(owing.m, { payouts: 'always' });
  await world.merchant(patient.m, { payouts: 'when_paid', from: inDays(1) });
  expect(await merchantsOwing(world.db, 'CNY')).toEqual(new Set());
});
