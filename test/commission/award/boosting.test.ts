// Campaigns on real books: what a line is granted, once, and what becomes of it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { pauseCampaign, resumeCampaign } from '../../../src/commission/campaigns/stating-campaign.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, inDays, openWorld, type World } from '../world.ts';
import { expectLaws, openCampaignShop, soldFields } from '../campaigns/campaign-shop.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await expectLaws(world);
  await world.close();
});

describe('a boost stands beside the pool', () => {
  test('its share has a role and a campaign of its own, and the pool pays what it paid', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign();
    await shop.sold('1');
    expect(await shop.line('1')).toMatchObject({
      pool: 1000n,
      boost: { campaign_id: shop.id, wanted: 300, granted: 300, amount: 300 },
      shares: [
        { role: 'promoter', promoter_id: shop.bob, amount: 1000 },
        { role: 'boost', promoter_id: shop.bob, amount: 300, campaign_id: shop.id },
      ],
    });
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 1300, 0]]);
    expect([await shop.spent(), await shop.booked()]).toEqual([[300, 1, false], [['accrue', 300]]]);
    expect(await shop.reasons('1')).toEqual({ [shop.id]: 'granted' });
  });

  test('max pays only what is above the pool, and nothing where the rule pays as much', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ combine: 'max', boost: { rate_ppm: 120_000 } });
    await shop.campaign({ combine: 'max', boost: { rate_ppm: 100_000 } }, `less-${shop.m}`);
    await shop.sold('1');
    expect([await shop.boost('1'), await shop.reasons('1')]).toEqual([
      [200, 200, 200],
      { [shop.id]: 'granted', [`less-${shop.m}`]: 'wants_nothing' },
    ]);
  });

  test('it is never more than the base has left', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ boost: { fixed_per_unit: 50_000 }, total: 1_000_000 });
    await shop.sold('1');
    expect(await shop.boost('1')).toEqual([9000, 9000, 9000]);
  });

  test('without a rule there is none, and only orders in the currency of the budget have one', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ budget: { currency: 'USD', total: 10_000 } });
    await shop.sold('1');
    expect([await shop.boost('1'), await shop.reasons('1')]).toEqual([null, { [shop.id]: 'currency' }]);
  });
});

describe('cap 10000, 300 a line, 50 lines at once', () => {
  const lines = Array.from({ length: 50 }, (_, index) => ({
    line_id: String(index + 1),
    product_id: 'p1',
    quantity: 1,
    paid_amount: 10_000,
  }));

  test.each([
    [true, 10_000, 34],
    [false, 9900, 33],
  ])('partial_last %s: %d are spent on %d lines', async (partial, spent, granted) => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ partial_last: partial });
    await shop.sold('1', { lines });
    expect(await shop.spent()).toEqual([spent, 1, true]);
    const shown = await shop.shown('1');
    expect(shown.lines.filter(({ boost }) => Number(boost?.amount ?? 0) > 0)).toHaveLength(granted);
  });

  test.each([
    [false, null],
    [true, [300, 300, 300]],
  ])('one is refunded and gives 300 back; reopens %s: to a line decided later %j', async (reopens, later) => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ partial_last: false, reopens });
    await shop.sold('1', { lines });
    await shop.tell('1', { refunds: [{ refund_id: 'r1', line_id: '7', amount: 10_000 }] });
    expect(await shop.spent()).toEqual([9600, 1, true]);
    await shop.sold('2');
    expect(await shop.boost('2')).toEqual(later ?? [300, 0, 0]);
    expect((await shop.spent())[0]).toBe(later === null ? 9600 : 9900);
    // A line that got none stays so.
    await shop.tell('1', { buyer: { openid: 'o1' } });
    expect((await shop.spent())[0]).toBe(later === null ? 9600 : 9900);
  });
});

describe('what stands is the lesser of what was granted and what is wanted now', () => {
  test('a refund gives back at once, and awarded again nothing moves', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign();
    await shop.sold('1');
    await shop.refunded('1', 5000);
    expect([await shop.boost('1'), await shop.spent()]).toEqual([
      [150, 300, 150],
      [150, 1, false],
    ]);
    await shop.refunded('1', 5000, 'r2');
    expect([await shop.boost('1'), await shop.spent()]).toEqual([
      [0, 300, 0],
      [0, 0, false],
    ]);
    const before = await shop.booked();
    await shop.sold('1');
    expect([before, await shop.booked()]).toEqual([before, before]);
    expect(before).toEqual([
      ['accrue', 300],
      ['reverse', -150],
      ['reverse', -150],
    ]);
  });

  test('a later rise takes only what is left, up to what was granted', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ total: 400 });
    await shop.sold('1');
    await shop.tell('1', { void: { reason: 'cancelled' } });
    expect(await shop.spent()).toEqual([0, 0, false]);
    await shop.sold('2', { lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 8000 }] });
    await shop.tell('1', { void: false });
    expect([await shop.boost('1'), await shop.boost('2'), await shop.spent()]).toEqual([
      [300, 300, 160],
      [240, 240, 240],
      [400, 2, false],
    ]);
    // What it did not get then it does not get later by being awarded again.
    await shop.refunded('2', 8000);
    await shop.tell('1', { buyer: { openid: 'o1' } });
    expect([await shop.boost('1'), await shop.spent()]).toEqual([
      [300, 300, 160],
      [160, 1, false],
    ]);
  });

  test('a new winner gives all back and asks anew', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ per_promoter: 300 });
    const carol = `carol-${shop.m}`;
    await world.promoter(carol);
    const other = await world.link(shop.m, carol);
    await shop.sold('1');
    const token = await world.click(other, { at: ago(1.5) });
    await shop.tell('1', { click_token: token });
    expect(await shop.line('1')).toMatchObject({ promoter_id: carol, boost: { granted: 300, amount: 300 } });
    expect(await shop.spent()).toEqual([300, 1, false]);
    expect((await shop.booked()).toSorted(([, a], [, b]) => a - b)).toEqual([
      ['reverse', -300],
      ['accrue', 300],
      ['accrue', 300],
    ]);
    const rows = await world.db.selectFrom('campaign_promoter').selectAll().where('campaign_id', '=', shop.id).execute();
    expect(Object.fromEntries(rows.map((row) => [row.promoter_id, Number(row.spent)]))).toEqual({ [shop.bob]: 0, [carol]: 300 });
  });

  test('what is released and refunded then is taken from what is available', async () => {
    const shop = await openCampaignShop(world, { hold_days: 0 });
    await shop.campaign();
    await shop.sold('1', { status: 'completed', completed_at: ago(1) });
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 0, 1300]]);
    await shop.refunded('1', 10_000);
    expect([await shop.balance(shop.bob), await shop.spent()]).toEqual([[['CNY', 0, 0]], [0, 0, false]]);
  });
});

describe('the one campaign of a line', () => {
  test('is the one that wants most and still grants', async () => {
    const shop = await openCampaignShop(world);
    const most = `most-${shop.m}`;
    await shop.campaign();
    await shop.campaign({ boost: { rate_ppm: 50_000 }, total: 500, partial_last: false }, most);
    await shop.sold('1');
    await shop.sold('2');
    expect([await shop.reasons('1'), await shop.reasons('2')]).toEqual([
      { [most]: 'granted', [shop.id]: 'wants_less' },
      { [most]: 'total_spent', [shop.id]: 'granted' },
    ]);
    expect([await shop.spent(most), await shop.spent()]).toEqual([
      [500, 1, true],
      [300, 1, false],
    ]);
  });

  test('matches by product, promoter and scene, and by the time at which the line was attributed', async () => {
    const shop = await openCampaignShop(world);
    const at = (name: string) => `${name}-${shop.m}`;
    await shop.campaign({ products: ['p2'] }, at('product'));
    await shop.campaign({ promoters: [shop.alice] }, at('promoter'));
    await shop.campaign({ scenes: ['live'] }, at('scene'));
    await shop.campaign({ starts_at: ago(0.5) }, at('later'));
    await shop.campaign({ products: ['p1'], promoters: [shop.bob], scenes: ['group'] }, at('all'));
    await shop.sold('1');
    expect(await shop.reasons('1')).toEqual({
      [at('product')]: 'product',
      [at('promoter')]: 'promoter',
      [at('scene')]: 'scene',
      [at('all')]: 'granted',
    });
  });

  test('grants nothing to what is attributed while it is paused', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign();
    const { actor, id: campaignId } = shop;
    await inTransaction(world.db, ({ trx, now }) => pauseCampaign(trx, { campaignId, stated: null }, { actor, now }));
    await shop.sold('before');
    await shop.sold('paused', { paid_at: inDays(0) });
    await inTransaction(world.db, ({ trx, now }) => resumeCampaign(trx, campaignId, { actor, now }));
    await shop.sold('after', { paid_at: inDays(0) });
    expect([await shop.boost('before'), await shop.boost('paused'), await shop.boost('after')]).toEqual([
      [300, 300, 300],
      null,
      [300, 300, 300],
    ]);
    expect(await shop.reasons('paused')).toEqual({ [campaignId]: 'paused' });
  });
});

describe('limits', () => {
  test('a day is that of the attribution time where the merchant is', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ starts_at: '2026-01-01T00:00:00Z', per_day: 500 });
    for (const [orderId, paidAt] of [
      ['1', '2026-06-10T15:59:59Z'],
      ['2', '2026-06-10T00:00:00+08:00'],
      ['3', '2026-06-10T16:00:00Z'],
    ] as const) {
      await shop.sold(orderId, { paid_at: paidAt });
    }
    expect([await shop.boost('1'), await shop.boost('2'), await shop.boost('3')]).toEqual([
      [300, 300, 300],
      [300, 200, 200],
      [300, 300, 300],
    ]);
    expect(await shop.reasons('2')).toEqual({ [shop.id]: 'granted_in_part' });
  });

  test('of several winners each has its part, within its own limit', async () => {
    const shop = await openCampaignShop(world, { model: 'linear' });
    await shop.campaign({ per_promoter: 200 });
    const carol = `carol-${shop.m}`;
    await world.promoter(carol);
    const other = await world.link(shop.m, carol);
    await shop.sold('1', { link_code: other });
    const buyer = { openid: `both-${shop.m}` };
    for (const [code, days] of [
      [shop.code, 3],
      [other, 2],
    ] as const) {
      await world.click(code, { at: ago(days), buyer });
    }
    await shop.sold('2', { link_code: undefined, buyer });
    const boosts = (await shop.line('2')).shares.filter(({ role }) => role === 'boost');
    expect(boosts).toEqual([{ role: 'boost', promoter_id: shop.bob, amount: 150, campaign_id: shop.id }]);
    expect([await shop.boost('2'), await shop.reasons('2')]).toEqual([[300, 150, 150], { [shop.id]: 'granted_in_part' }]);
    await shop.refunded('2', 5001);
    expect([await shop.boost('2'), await shop.spent()]).toEqual([
      [149, 150, 75],
      [275, 2, false],
    ]);
  });

  test('a total that is raised grants again what it did not before', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign({ total: 300 });
    await shop.sold('1');
    await shop.sold('2');
    await shop.campaign({ total: 900 });
    await shop.sold('3');
    expect([await shop.boost('2'), await shop.boost('3'), await shop.spent()]).toEqual([
      [300, 0, 0],
      [300, 300, 300],
      [600, 2, true],
    ]);
  });

  test('orders that are awarded in one batch share what is left', async () => {
    const shop = await openCampaignShop(world);
    await shop.campaign();
    for (let index = 0; index < 50; index += 1) {
      await world.report({ fields: shop.fields(String(index), soldFields(shop.code)) });
    }
    await world.award();
    expect(await shop.spent()).toEqual([10_000, 34, true]);
  });
});
