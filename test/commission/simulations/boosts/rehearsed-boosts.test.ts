// Rehearsals of campaigns: budgets are replayed in the order of attribution times, and what others
// have granted stays.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openCampaignShop, soldFields } from '../../campaigns/campaign-shop.ts';
import { ago, inDays, openWorld, SIMPLE_PLAN, type World } from '../../world.ts';
import { bookedOf, rehearse, side, sumsOf } from '../stage.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const stated = (merchantId: string, more: Record<string, unknown> = {}) => ({
  campaign: {
    campaign_id: `rehearsed-${merchantId}`,
    merchant_id: merchantId,
    name: 'double',
    starts_at: ago(30),
    ends_at: inDays(30),
    boost: { rate_ppm: 30_000 },
    combine: 'add',
    budget: { currency: 'CNY', total: 700 },
    ...more,
  },
});

test('a new campaign grants what its budget holds, to whoever was attributed first', async () => {
  const shop = await openCampaignShop(world);
  for (const [orderId, days] of [
    ['third', 1],
    ['first', 3],
    ['second', 2],
    ['fourth', 0.5],
  ] as const) {
    await shop.sold(orderId, { paid_at: ago(days) });
  }
  const rehearsal = await rehearse(world, [stated(shop.m)], { merchantId: shop.m });
  expect(sumsOf(rehearsal, 'role')).toEqual({ boost: [0, 700], promoter: [4000, 4000] });
  expect(side(sumsOf(rehearsal, 'promoter'), 0)).toEqual(await bookedOf(world, shop.m));
  const amounts = rehearsal.result.most_changed.map(({ after, before }) => Number(after) - Number(before));
  expect([rehearsal.result.changed_orders, amounts]).toEqual([3, [300, 300, 100]]);
  expect(await world.db.selectFrom('campaign').select('campaign_id').execute()).toEqual([]);
});

test('scenes of links and days of the merchant’s zone count as they would', async () => {
  const shop = await openCampaignShop(world);
  const live = await world.link(shop.m, shop.bob, { scene: 'live' });
  for (const orderId of ['1', '2', '3']) await shop.sold(orderId, { link_code: live });
  await shop.sold('4');
  const rehearsal = await rehearse(world, [stated(shop.m, { scenes: ['live'], budget: { currency: 'CNY', total: 5000, per_day: 500 } })], {
    merchantId: shop.m,
  });
  expect(sumsOf(rehearsal, 'role')).toMatchObject({ boost: [0, 500] });
});

test('a campaign that is there is asked anew by its other terms; before is what is booked', async () => {
  const shop = await openCampaignShop(world);
  await shop.campaign({ total: 450 });
  for (const days of [3, 2, 1]) await shop.sold(`${days}`, { paid_at: ago(days) });
  const { campaign } = stated(shop.m, { campaign_id: shop.id, boost: { rate_ppm: 50_000 }, budget: { currency: 'CNY', total: 1200 } });
  const rehearsal = await rehearse(world, [{ campaign }], { merchantId: shop.m });
  expect(sumsOf(rehearsal, 'role')).toEqual({ boost: [450, 1200], promoter: [3000, 3000] });
  expect(side(sumsOf(rehearsal, 'promoter'), 0)).toEqual(await bookedOf(world, shop.m));
  expect(await shop.spent()).toEqual([450, 2, true]);
});

test('a rule that pays more leaves less to a campaign, and what comes back is there for others', async () => {
  const shop = await openCampaignShop(world);
  await shop.campaign({ combine: 'max', boost: { rate_ppm: 150_000 }, total: 10_000 });
  await world.report({ fields: shop.fields('1', soldFields(shop.code)) });
  await world.award();
  expect(await shop.boost('1')).toEqual([500, 500, 500]);
  const dearer = { name: 'dearer', scope: { merchant_id: shop.m }, priority: 5, plan: { ...SIMPLE_PLAN, rate_ppm: 120_000 } };
  const rehearsal = await rehearse(world, [dearer], { merchantId: shop.m });
  expect(sumsOf(rehearsal, 'role')).toEqual({ boost: [500, 300], promoter: [1000, 1200] });
});

test('without an effective change everything is as it is booked', async () => {
  const shop = await openCampaignShop(world);
  await shop.campaign({ total: 450 });
  for (const days of [1, 2, 3]) await shop.sold(`${days}`, { paid_at: ago(days) });
  const elsewhere = { name: 'elsewhere', scope: { merchant_id: shop.m, product_id: 'no such' }, plan: SIMPLE_PLAN };
  const rehearsal = await rehearse(world, [elsewhere], { merchantId: shop.m });
  expect(sumsOf(rehearsal, 'role')).toEqual({ boost: [450, 450], promoter: [3000, 3000] });
  expect(rehearsal.result.changed_orders).toBe(0);
});
