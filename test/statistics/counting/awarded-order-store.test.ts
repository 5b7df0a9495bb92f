// Orders that the award itself has written, counted from the database: which share is whose, how
// far lines have come, and what was known when they were decided.

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openCampaignShop } from '../../commission/campaigns/campaign-shop.ts';
import { ago, inDays, openShop, openSimpleShop, openWorld, type World } from '../../commission/world.ts';
import { SUMS, type Counted } from '../../../src/statistics/counting/counted.ts';
import { countedOf } from '../recount.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const buyer = { openid: 'both' };
const line = (lineId: string, paidAmount: number, more: object = {}) => {
  return { line_id: lineId, product_id: 'p1', quantity: 1, paid_amount: paidAmount, ...more };
};

/** The rows of an order as it stands: of whom, by which line, and the sums that are not zero. */
async function standing({ m }: { m: string }, orderId: string, keys: (keyof Counted)[] = ['lineId', 'promoterId']) {
  const rows = (await countedOf(world.db, m, orderId)).filter(({ basis }) => basis === 'order');
  return rows.map((row) => [
    ...keys.map((key) => row[key]),
    Object.fromEntries(SUMS.flatMap((sum) => (row[sum] === 0n ? [] : [[sum, Number(row[sum])]]))),
  ]);
}

/** Clicks of one buyer through both links, so that the order is theirs by halves. */
async function twoWinners(shop: { m: string; code: string; bob: string }) {
  const carol = `carol-${shop.m}`;
  await world.promoter(carol, { agency_id: null });
  const carols = await world.link(shop.m, carol, { scene: 'live', campaign_id: 'spring' });
  await world.click(shop.code, { at: ago(3), buyer });
  await world.click(carols, { at: ago(2), buyer });
  return { carol, carols };
}

test('300, 630 and 69 of 9999 are those of the agency, of bob and of alice above him', async () => {
  const shop = await openShop(world);
  await shop.rule();
  await shop.order('1', { link_code: shop.code });
  const keys = ['promoterId', 'level', 'linkCode', 'scene', 'agencyId', 'category', 'sourceId'] as const;
  const sale = [shop.code, 'group', shop.agency, 'baby', 'rest'];
  expect(await standing(shop, '1', [...keys])).toEqual([
    [shop.bob, null, ...sale, { units: 1, paidAmount: 9999, commissionEstimated: 630 }],
    [shop.agency, null, ...sale, { commissionEstimated: 300 }],
    [shop.alice, 1, ...sale, { commissionEstimated: 69 }],
  ]);
});

describe('of several winners', () => {
  test('every share is under the keys of the winner for whom it was divided', async () => {
    const shop = await openShop(world, { model: 'linear' });
    await shop.rule();
    const { carol, carols } = await twoWinners(shop);
    await shop.order('1', { buyer, lines: [line('1', 10_000, { quantity: 3 })] });
    // 500 for each: bob's agency keeps 150 of his, and his upline has 35 of 350; carol has none.
    expect(await standing(shop, '1', ['promoterId', 'linkCode', 'scene', 'campaignId', 'agencyId'])).toEqual([
      [shop.bob, shop.code, 'group', null, shop.agency, { units: 2, paidAmount: 5000, commissionEstimated: 315 }],
      [carol, carols, 'live', 'spring', null, { units: 1, paidAmount: 5000, commissionEstimated: 350 }],
      [shop.agency, shop.code, 'group', null, shop.agency, { commissionEstimated: 150 }],
      [shop.alice, shop.code, 'group', null, shop.agency, { commissionEstimated: 35 }],
    ]);
  });

  test('each boost is under the keys of its own, where another was granted nothing', async () => {
    const shop = await openCampaignShop(world, { model: 'linear' });
    await shop.campaign({ per_promoter: 200 });
    const { carol, carols } = await twoWinners(shop);
    await shop.sold('1', { link_code: shop.code });
    await shop.sold('2', { link_code: undefined, buyer });
    const rows = await standing(shop, '2', ['promoterId', 'linkCode']);
    expect(rows).toEqual([
      [shop.bob, shop.code, { units: 1, paidAmount: 5000, commissionEstimated: 500 }],
      [carol, carols, { paidAmount: 5000, commissionEstimated: 650 }],
    ]);
  });
});

describe('refunds', () => {
  test('of the whole order count once, with the first line that was won; others with their own', async () => {
    const shop = await openSimpleShop(world);
    const lines = [line('1', 1000, { not_commissionable: 'tip' }), line('2', 3000), line('10', 6000)];
    await shop.order('1', { link_code: shop.code, lines });
    await shop.tell('1', {
      refunds: [
        { refund_id: 'whole', amount: 1000 },
        { refund_id: 'of 10', line_id: '10', amount: 500 },
        { refund_id: 'of the tip', line_id: '1', amount: 500 },
        { refund_id: 'failed', line_id: '10', amount: 500, status: 'failed' },
        { refund_id: 'open', line_id: '10', amount: 500, status: 'open' },
      ],
    });
    const rows = await standing(shop, '1', ['lineId']);
    expect(rows).toEqual([
      ['2', expect.objectContaining({ paidAmount: 3000, refunds: 1 })],
      ['10', expect.objectContaining({ paidAmount: 6000, refunds: 1 })],
    ]);
  });

  test('of everything leave the order, and take its commission back', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code });
    await shop.tell('1', { refunds: [{ refund_id: 'r', amount: 9999 }] });
    expect(await standing(shop, '1')).toEqual([
      ['1', shop.bob, { units: 1, paidAmount: 9999, refundedAmount: 9999, refunds: 1, commissionReversed: 999 }],
    ]);
    expect((await countedOf(world.db, shop.m, '1'))[0]!.winsOrder).toBe(true);
  });
});

/** By line, which sum of commission its share is in. */
const states = async (shop: { m: string }) =>
  (await standing(shop, '1', ['lineId'])).map(([lineId, sums]) => [
    lineId,
    Object.keys(sums as object).find((sum) => /commission/.test(sum)),
  ]);

describe('a line', () => {
  test('comes along by itself: it is confirmed when it is completed, and released after its hold', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code, paid_at: ago(9), lines: [line('1', 5000), line('2', 5000)] });
    expect(await states(shop)).toEqual([
      ['1', 'commissionEstimated'],
      ['2', 'commissionEstimated'],
    ]);
    await shop.tell('1', { lines: [line('1', 5000, { completed_at: ago(1) })] });
    expect(await states(shop)).toEqual([
      ['1', 'commissionConfirmed'],
      ['2', 'commissionEstimated'],
    ]);
    await world.awardAt(inDays(7));
    expect(await states(shop)).toEqual([
      ['1', 'commissionReleased'],
      ['2', 'commissionEstimated'],
    ]);
  });

  test('that is completed while a refund of it is open is confirmed', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code, lines: [line('1', 5000), line('2', 5000)] });
    await shop.tell('1', { refunds: [{ refund_id: 'r', line_id: '1', amount: 1, status: 'open' }] });
    await shop.tell('1', { lines: [line('1', 5000, { completed_at: ago(0.5) })] });
    expect(await states(shop)).toEqual([
      ['1', 'commissionConfirmed'],
      ['2', 'commissionEstimated'],
    ]);
  });

  test('of an award of before, which kept no progress, is read from the reports', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code, paid_at: ago(9), lines: [line('1', 5000), line('2', 5000)] });
    await shop.tell('1', { lines: [line('1', 5000, { completed_at: ago(1) })], refunds: [{ refund_id: 'r', line_id: '2', amount: 1000 }] });
    const kept = await countedOf(world.db, shop.m, '1');
    const before = await world.db.selectFrom('award').select('awarded_xid').where('merchant_id', '=', shop.m).executeTakeFirstOrThrow();
    await forget(shop.m);
    expect(await countedOf(world.db, shop.m, '1')).toEqual(kept);
    await shop.tell('1', { scene: 'live' });
    const after = await world.db.selectFrom('award').selectAll().where('merchant_id', '=', shop.m).executeTakeFirstOrThrow();
    expect(after.awarded_xid).toBeGreaterThan(before.awarded_xid!);
    expect(after.progress).toEqual([
      { line_id: '1', is_completed: true, refunds: 0 },
      { line_id: '2', is_completed: false, refunds: 1 },
    ]);
  });
});

/** As a version of before wrote it. */
async function forget(merchantId: string): Promise<void> {
  await world.owner.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql`update award set progress = null, awarded_xid = null where merchant_id = ${merchantId}`.execute(trx);
  });
}

const categories = async (shop: { m: string }, orderId: string) =>
  new Set((await standing(shop, orderId, ['category'])).map(([one]) => one));

describe('the category', () => {
  test('is what the product had when the line was decided, whatever is set up for that time later', async () => {
    const shop = await openSimpleShop(world);
    await world.product(shop.m, 'p1', { category: 'toys', from: ago(5) });
    await shop.order('before', { link_code: shop.code, paid_at: ago(6) });
    await shop.order('1', { link_code: shop.code, paid_at: ago(3) });
    await world.product(shop.m, 'p1', { category: 'garden', from: ago(4) });
    await shop.tell('1', { refunds: [{ refund_id: 'r', amount: 10 }] });
    expect([await categories(shop, 'before'), await categories(shop, '1')]).toEqual([new Set(['baby']), new Set(['toys'])]);
  });

  test('is the line’s own where its reports say one', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code, lines: [line('1', 100, { category: 'gifts' })] });
    expect(await categories(shop, '1')).toEqual(new Set(['gifts']));
  });

  test('of a decision of before is that of what had been recorded before statistics were kept', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code, paid_at: ago(3) });
    await world.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update decision set pinned = pinned - 'product_category' from award where award.order_key = decision.order_key
        and merchant_id = ${shop.m}`.execute(trx);
      await sql`update product_version set recorded_xid = null where merchant_id = ${shop.m}`.execute(trx);
    });
    await world.product(shop.m, 'p1', { category: 'garden', from: ago(4) });
    expect(await categories(shop, '1')).toEqual(new Set(['baby']));
  });
});
