import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { askGuard } from '../../../src/guards/check.ts';
import { LAWS_OF_BOOKS } from '../../../src/guards/laws/laws-of-books.ts';
import { LAWS_OF_PAYOUTS } from '../../../src/guards/laws/laws-of-payouts.ts';
import { LAWS_OF_PROGRAMS } from '../../../src/guards/laws/laws-of-programs.ts';
import { invoiceBonuses } from '../../../src/payouts/invoices/invoice-store.ts';
import { dayOf } from '../../../src/platform/calendar.ts';
import { ago, inDays, openWorld, type World } from '../world.ts';
import { count, JUNE, openBonusShop } from './bonus-shop.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(async () => {
  for (const law of [...LAWS_OF_PROGRAMS, ...LAWS_OF_BOOKS, ...LAWS_OF_PAYOUTS]) {
    expect([law.name, (await askGuard(world.db, law)).sample]).toEqual([law.name, []]);
  }
  await world.close();
});

describe('the worked program', () => {
  test('900000 and then 200000 pay 112000 marginally and 132000 on the whole; a refund of 150000 leaves 95000 of both', async () => {
    const shop = await openBonusShop(world);
    await shop.bothModes();
    await shop.completed('first', 900_000);
    await count(world);
    expect([await shop.booked(shop.programs.marginal), await shop.booked(shop.programs.whole)]).toEqual([
      [0, 90_000],
      [0, 90_000],
    ]);
    await shop.completed('second', 200_000);
    await count(world);
    expect([await shop.booked(shop.programs.marginal), await shop.booked(shop.programs.whole)]).toEqual([
      [0, 112_000],
      [0, 132_000],
    ]);
    await shop.refunded('second', 150_000);
    await count(world);
    expect([await shop.booked(shop.programs.marginal), await shop.booked(shop.programs.whole)]).toEqual([
      [0, 95_000],
      [0, 95_000],
    ]);
    expect(await shop.steps(shop.programs.whole)).toEqual([
      [0, 'accrue', 90_000],
      [1, 'release', 90_000],
      [2, 'accrue', 42_000],
      [3, 'release', 42_000],
      [4, 'reverse', 37_000],
    ]);
    await count(world);
    expect((await shop.steps(shop.programs.whole)).length).toBe(5);
  });

  test('exactly 1000000 pays 100000 marginally and 120000 on the whole', async () => {
    const shop = await openBonusShop(world);
    await shop.bothModes();
    await shop.completed('exactly', 1_000_000);
    await count(world);
    expect([await shop.booked(shop.programs.marginal), await shop.booked(shop.programs.whole)]).toEqual([
      [0, 100_000],
      [0, 120_000],
    ]);
  });
});

test('who pays 10 % by rule and means 12 % from 1000000 on states 0 and 20000', async () => {
  const shop = await openBonusShop(world);
  await shop.program('on-top', {
    steps: [
      { atLeast: 0n, ratePpm: 0 },
      { atLeast: 1_000_000n, ratePpm: 20_000 },
    ],
  });
  await shop.completed('large', 1_100_000);
  await count(world);
  expect(await shop.booked('on-top')).toEqual([0, 2000]);
  expect(await shop.balance(shop.bob)).toEqual([['CNY', 0, 112_000]]);
});

test('the merchant is invoiced for what was released, by program', async () => {
  const shop = await openBonusShop(world);
  await shop.bothModes();
  await shop.completed('sold', 1_100_000);
  await count(world);
  await shop.refunded('sold', 150_000);
  await shop.completed('running', 500, ago(0));
  await count(world);
  const ranges = [{ from: new Date(ago(1)), to: new Date(inDays(1)) }];
  expect(await invoiceBonuses(world.db, { merchantId: shop.m, ranges })).toEqual([
    { program_id: shop.programs.marginal, currency: 'CNY', amount: 95_000n, transfers: 2n },
    { program_id: shop.programs.whole, currency: 'CNY', amount: 95_000n, transfers: 2n },
  ]);
});

test('orders from before the program count as those after it', async () => {
  const shop = await openBonusShop(world);
  await shop.completed('before', 900_000);
  await count(world);
  await shop.bothModes();
  await shop.completed('after', 200_000);
  await count(world);
  expect(await shop.booked(shop.programs.whole)).toEqual([0, 132_000]);
});

test('a second program counts lines that are kept for the first already', async () => {
  const shop = await openBonusShop(world);
  await shop.program(shop.programs.marginal);
  await shop.completed('kept', 1_100_000);
  await count(world);
  await shop.program(shop.programs.whole, { mode: 'whole' });
  await count(world);
  expect(await shop.booked(shop.programs.whole)).toEqual([0, 132_000]);
});

test('each line counts in the month of its completion by the zone of the merchant', async () => {
  const shop = await openBonusShop(world);
  await shop.program(shop.programs.marginal);
  await shop.completed('june', 1000, '2026-06-30T15:59:59.999Z');
  await shop.completed('july', 2000, '2026-06-30T16:00:00.000Z');
  await count(world);
  const of = (period: string) => shop.booked(shop.programs.marginal, { period });
  expect([await of(JUNE), await of('2026-07')]).toEqual([
    [0, 100],
    [0, 200],
  ]);
});

test('paid is not completed, void is nobody’s, and another currency is another program’s', async () => {
  const shop = await openBonusShop(world);
  await shop.program(shop.programs.marginal);
  await shop.order('paid', { paid_at: ago(1), link_code: shop.code });
  await shop.completed('void', 5000);
  await shop.tell('void', { void: { reason: 'cancelled' } });
  await shop.completed('dollars', 5000, undefined, { currency: 'USD' });
  await count(world);
  expect(await shop.booked(shop.programs.marginal)).toEqual([0, 0]);
});

test('a bonus waits for the hold of every line that it counts', async () => {
  const shop = await openBonusShop(world, { hold_days: 7 });
  await shop.program(shop.programs.marginal);
  await shop.completed('matured', 1000);
  await shop.order('waiting', {
    status: 'completed',
    paid_at: `${JUNE}-20T00:00:00Z`,
    completed_at: `${JUNE}-20T00:00:00Z`,
    disputes: [{ dispute_id: 'd1', line_id: '1', kind: 'quality', state: 'open' }],
    link_code: shop.code,
  });
  await count(world);
  expect(await shop.booked(shop.programs.marginal)).toEqual([1099, 0]);
  await shop.tell('waiting', { disputes: [{ dispute_id: 'd1', line_id: '1', kind: 'quality', state: 'closed' }] });
  await count(world);
  expect(await shop.booked(shop.programs.marginal)).toEqual([0, 1099]);
});

test('once it was released, what comes late goes where the money is, also below zero', async () => {
  const shop = await openBonusShop(world, { hold_days: 7 });
  await shop.program(shop.programs.marginal);
  await shop.completed('early', 10_000);
  await count(world);
  expect(await shop.booked(shop.programs.marginal)).toEqual([0, 1000]);
  await shop.completed('late', 5000, undefined, { hold_until: inDays(1) });
  await count(world);
  expect(await shop.booked(shop.programs.marginal)).toEqual([0, 1500]);
  await shop.refunded('early', 10_000);
  await shop.refunded('late', 5000);
  await count(world);
  expect(await shop.booked(shop.programs.marginal)).toEqual([0, 0]);
});

test('the running month waits for its end', async () => {
  const shop = await openBonusShop(world);
  await shop.program(shop.programs.marginal);
  const now = new Date();
  await shop.completed('today', 1000, now.toISOString());
  await count(world);
  expect(await shop.booked(shop.programs.marginal, { period: dayOf(now, 'Asia/Shanghai').slice(0, 7) })).toEqual([100, 0]);
});

test('what pays once waits for its end, which time alone brings', async () => {
  const shop = await openBonusShop(world);
  await shop.program('until', { period: 'once', endsAt: new Date(Date.now() + 4000) });
  await shop.completed('now', 1000, ago(0));
  await count(world);
  expect(await shop.booked('until', { period: 'once' })).toEqual([100, 0]);
  const released = async () => {
    await count(world);
    return shop.booked('until', { period: 'once' });
  };
  await expect.poll(released, { timeout: 20_000, interval: 200 }).toEqual([0, 100]);
});

test('what pays once without an end is released with its lines, and the next line waits anew', async () => {
  const shop = await openBonusShop(world, { hold_days: 7 });
  await shop.program('for-ever', { period: 'once' });
  const booked = () => shop.booked('for-ever', { period: 'once' });
  await shop.completed('matured', 1000);
  await count(world);
  expect(await booked()).toEqual([0, 100]);
  await shop.completed('fresh', 2000, ago(1));
  await count(world);
  expect(await booked()).toEqual([200, 100]);
});

test('orders are counted where one line of them was won and kept', async () => {
  const shop = await openBonusShop(world);
  const steps = [
    { atLeast: 0n, amount: 1n },
    { atLeast: 2n, amount: 500n },
  ];
  await shop.program('orders', { measure: 'orders', steps });
  const lines = ['1', '2'].map((id) => ({ line_id: id, product_id: 'p1', quantity: 1, paid_amount: 100 }));
  await shop.completed('one', 0, undefined, { lines });
  await count(world);
  expect(await shop.booked('orders')).toEqual([0, 1]);
  await shop.completed('two', 100);
  await count(world);
  expect(await shop.booked('orders')).toEqual([0, 501]);
  await shop.refunded('two', 100);
  await shop.tell('one', { void: { reason: 'cancelled' } });
  await count(world);
  expect(await shop.booked('orders')).toEqual([0, 0]);
});

test('several winners count their parts by weight, rounded down', async () => {
  const shop = await openBonusShop(world, { model: 'linear' });
  await shop.program('shared', { steps: [{ atLeast: 0n, ratePpm: 1_000_000 }] });
  const buyer = { openid: `o-${shop.m}` };
  const other = await world.link(shop.m, shop.alice);
  await world.click(shop.code, { at: `${JUNE}-09T00:00:00Z`, buyer });
  await world.click(other, { at: `${JUNE}-09T01:00:00Z`, buyer });
  await shop.completed('shared', 9999, undefined, { link_code: null, buyer });
  await count(world);
  expect([await shop.booked('shared'), await shop.booked('shared', { promoterId: shop.alice })]).toEqual([
    [0, 4999],
    [0, 4999],
  ]);
});

test('changed terms count for what has not ended, and no more', async () => {
  const shop = await openBonusShop(world);
  const month = dayOf(new Date(), 'Asia/Shanghai').slice(0, 7);
  await shop.program('changing');
  await shop.completed('ended', 1000);
  await shop.completed('running', 1000, ago(0));
  await count(world);
  expect((await shop.program('changing', { steps: [{ atLeast: 0n, ratePpm: 200_000 }] })).made).toBe(false);
  await shop.completed('ended too', 1000);
  await count(world);
  expect([await shop.booked('changing'), await shop.booked('changing', { period: month })]).toEqual([
    [0, 200],
    [200, 0],
  ]);
});

test('lines from before the start of a program, or after its end, do not count', async () => {
  const shop = await openBonusShop(world);
  await shop.program('span', { startsAt: new Date(`${JUNE}-10T00:00:00Z`), endsAt: new Date(`${JUNE}-20T00:00:00Z`) });
  for (const day of ['09', '10', '19', '20']) await shop.completed(`on-${day}`, 1000, `${JUNE}-${day}T00:00:00Z`);
  await count(world);
  expect(await shop.booked('span')).toEqual([0, 200]);
});

test('many workers at once book every difference once', async () => {
  const shop = await openBonusShop(world);
  await shop.bothModes();
  for (let order = 0; order < 12; order += 1) {
    await shop.completed(`at-once-${order}`, 100_000 + order);
    await Promise.all(Array.from({ length: 4 }, () => count(world)));
  }
  await count(world);
  const sold = 1_200_066;
  expect(await shop.booked(shop.programs.whole)).toEqual([0, Math.floor(sold * 0.12)]);
  const positions = (await shop.steps(shop.programs.whole)).map(([position]) => position);
  expect(positions).toEqual(positions.map((_, place) => place));
});
