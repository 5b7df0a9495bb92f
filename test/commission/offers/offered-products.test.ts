// The product pool: what a promoter may share, and that it is paid just what it is told.
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { midnightFrom } from '../../../src/platform/calendar.ts';
import { runs } from '../../runs.ts';
import { openService } from '../stage.ts';
import { ago, inDays, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../world.ts';
import { openOfferShop, PERCENT, type Service } from './offer-shop.ts';

let world: World;
let service: Service;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
});
afterAll(async () => {
  await service.close();
  await world.close();
});

const open = (percent: number, more: object = {}) => ({ kind: 'open', product_ids: ['p1'], rate_ppm: percent * PERCENT, ...more });

const of = (kind: string, body: object) => ({ kind, product_ids: ['p1'], ...body });

describe('what a promoter may share', () => {
  test('shows each promoter its own offers, by the rule that would decide, and no others', async () => {
    const shop = await openOfferShop(world, service);
    await world.product(shop.m, 'p2', { category: 'toys' });
    await world.product(shop.m, 'p3', { category: 'baby' });
    await shop.offer('all', open(5));
    await shop.offer('bobs', { ...open(8), kind: 'directed', promoters: [shop.bob] });
    await shop.offer('carols', { ...open(9), kind: 'exclusive', product_ids: ['p2'], promoters: [shop.carol] });
    const seen = async (promoterId: string) =>
      (await shop.shared(promoterId)).map(({ product_id: id, offer_id: offer, rate_now: rate }) => `${id} ${offer} ${rate}`).toSorted();
    expect(await seen(shop.bob)).toEqual(['p1 bobs 80000']);
    expect(await seen(shop.carol)).toEqual(['p1 all 50000', 'p2 carols 90000']);
    await shop.offer('baby', { kind: 'open', category: 'baby', rate_ppm: 3 * PERCENT });
    expect(await seen(shop.bob)).toEqual(['p1 bobs 80000', 'p3 baby 30000']);
    await world.product(shop.m, 'p3', { category: 'baby', commissionable: false });
    expect(await seen(shop.bob)).toEqual(['p1 bobs 80000']);
    await world.promoter(shop.bob, { status: 'suspended' });
    expect(await seen(shop.bob)).toEqual([]);
  });

  test('tells the rate that counts, whichever rule it is of', async () => {
    const shop = await openOfferShop(world, service);
    await shop.offer('all', open(5));
    await shop.rule({ ...SIMPLE_PLAN, rate_ppm: 120_000 }, { scope: { merchant_id: shop.m, product_id: 'p1', tier: 'gold' } });
    await world.promoter(shop.carol, { tier: 'gold' });
    expect(await shop.shared(shop.carol)).toMatchObject([{ offer_id: 'all', rate_now: 120_000 }]);
    expect(await shop.shared(shop.bob)).toMatchObject([{ offer_id: 'all', rate_now: 50_000 }]);
  });

  test('tells the share after the split: the worked example', async () => {
    const shop = await openOfferShop(world, service);
    await world.product(shop.m, 'p1', { category: 'baby', price: 9999n });
    await shop.offer('all', { kind: 'open', product_ids: ['p1'], plan: WORKED_PLAN });
    expect(await shop.shared(shop.bob)).toMatchObject([{ rate_now: 100_000, my_share_now: { amount: 630, rate_ppm: 63_000 } }]);
    expect(await shop.shared(shop.carol)).toMatchObject([{ my_share_now: { amount: 699, rate_ppm: 70_000 } }]);
    await world.product(shop.m, 'p1', { category: 'baby', price: null });
    expect(await shop.shared(shop.bob)).toMatchObject([{ my_share_now: { amount: null, rate_ppm: 63_000 } }]);
  });

  test('tells what is coming, and until when nothing can get worse', async () => {
    const shop = await openOfferShop(world, service, { rate_notice_hours: 24 });
    await shop.offer('all', open(5));
    const earliest = midnightFrom(new Date(Date.now() + 24 * 3_600_000), 'Asia/Shanghai').toISOString();
    expect(await shop.shared(shop.bob)).toMatchObject([{ rate_coming: null, lock_until: earliest }]);
    await shop.offer('all', open(4));
    expect(await shop.shared(shop.bob)).toMatchObject([
      { rate_now: 50_000, rate_coming: { rate_ppm: 40_000, from: earliest }, lock_until: earliest },
    ]);
    await shop.offer('all', open(6, { ends_at: inDays(9) }));
    expect(await shop.shared(shop.bob)).toMatchObject([{ rate_now: 60_000, rate_coming: { rate_ppm: 0 }, lock_until: earliest }]);
    const without = await openOfferShop(world, service);
    await without.offer('all', open(5));
    expect(await without.shared(without.bob)).toMatchObject([{ lock_until: null }]);
  });

  test('is searched by words of titles, in which no sign stands for others, and by categories', async () => {
    const shop = await openOfferShop(world, service);
    const titles: Record<string, string> = { p1: 'Pram 100% wool', p2: 'pram_2', p3: 'PRAM x2', p4: 'Back\\slash' };
    for (const [id, title] of Object.entries(titles)) await world.product(shop.m, id, { title, category: id === 'p4' ? 'odd' : 'baby' });
    await shop.offer('all', open(5, { product_ids: Object.keys(titles) }));
    const found = async (q: string) =>
      (await shop.shared(shop.bob, `&q=${encodeURIComponent(q)}`)).map(({ product_id: id }) => id).toSorted();
    expect([await found('pram'), await found('%'), await found('_'), await found('\\'), await found('p2')]).toEqual([
      ['p1', 'p2', 'p3'],
      ['p1'],
      ['p2'],
      ['p4'],
      ['p2'],
    ]);
    expect((await shop.shared(shop.bob, '&category=odd')).map(({ product_id: id }) => id)).toEqual(['p4']);
  });

  test('is sorted and paged in every order, each product once', async () => {
    const shop = await openOfferShop(world, service);
    const prices = [500n, 100n, null, 300n, 100n];
    for (const [index, price] of prices.entries()) {
      await world.product(shop.m, `p${index}`, { price });
      await shop.offer(`o${index}`, open(index + 1, { product_ids: [`p${index}`] }));
    }
    const orders: Record<string, string[]> = {
      rate: ['p4', 'p3', 'p2', 'p1', 'p0'],
      earnings: ['p3', 'p0', 'p4', 'p1', 'p2'],
      price: ['p1', 'p4', 'p3', 'p0', 'p2'],
      newest: ['p4', 'p3', 'p2', 'p1', 'p0'],
    };
    for (const [sort, expected] of Object.entries(orders)) {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const url = `/v1/offers?promoter_id=${shop.bob}&merchant_id=${shop.m}&sort=${sort}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
        const { body }: Awaited<ReturnType<typeof service.get>> = await service.get(url);
        seen.push(...body.data.map((one) => one['product_id'] as string));
        cursor = body.next_cursor;
      }
      expect(seen, sort).toEqual(expected);
    }
    const { body } = await service.get(`/v1/offers?promoter_id=${shop.bob}&merchant_id=${shop.m}&limit=1`);
    const other = await service.get(`/v1/offers?promoter_id=${shop.bob}&sort=rate&cursor=${body.next_cursor}`);
    expect(other).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
  });

  test('is for a promoter’s key itself only, and for anybody else whom they name', async () => {
    const shop = await openOfferShop(world, service);
    await shop.offer('all', open(5));
    const bobs = await service.keyOf('promoter', { promoterId: shop.bob });
    expect((await service.get('/v1/offers', bobs)).body.data.length).toBeGreaterThan(0);
    expect((await service.get(`/v1/offers?promoter_id=${shop.carol}`, bobs)).status).toBe(403);
    expect((await service.get('/v1/offers')).body).toMatchObject({ code: 'malformed_request', errors: [{ path: 'promoter_id' }] });
    expect((await service.get('/v1/offers?promoter_id=nobody')).body.code).toBe('unknown_promoter');
    const shops = await service.keyOf('storefront', { merchantId: shop.m });
    expect((await service.get(`/v1/offers?promoter_id=${shop.carol}`, shops)).body.data).toHaveLength(1);
    expect((await service.get(`/v1/offers?promoter_id=${shop.carol}&merchant_id=other`, shops)).status).toBe(403);
  });
});

test('what a promoter is told is what an order of one unit is paid now', { timeout: 300_000 }, async () => {
  const share = fc.constantFrom(0, 300_000, 700_000, 1_000_000);
  const nodes = fc.record({ agency: share, promoter: share, upline: share, named: fc.boolean(), platform: fc.constantFrom(0, 200_000) });
  const plan = fc.record({
    rate_ppm: fc.constantFrom(0, 12_345, 100_000, 999_999),
    fixed: fc.constantFrom(0, 7),
    cap: fc.option(fc.constantFrom(5, 333)),
    nodes,
  });
  const shown = fc.record({
    open: plan,
    category: fc.option(plan),
    directed: fc.option(plan),
    agency: fc.option(plan),
    tiered: fc.option(plan),
    price: fc.integer({ min: 0, max: 20_000 }),
    isAgencySuspended: fc.boolean(),
  });
  let place = 0;
  await fc.assert(
    fc.asyncProperty(shown, async (drawn) => {
      const shop = await openOfferShop(world, service);
      const toPlan = ({ rate_ppm, fixed, cap, nodes: of }: typeof drawn.open) => ({
        rate_ppm,
        currency: 'CNY',
        fixed_per_unit: fixed,
        cap_per_line: cap,
        split: [
          {
            to: 'agency' as const,
            share_ppm: of.agency,
            pays: [
              {
                to: 'promoter' as const,
                share_ppm: of.promoter,
                pays: [
                  { to: 'upline' as const, level: 1, share_ppm: Math.floor(of.upline / 2) },
                  ...(of.named ? [{ to: { account: `promoter:${shop.carol}` }, share_ppm: 100_000 }] : []),
                ],
              },
            ],
          },
          { to: 'platform' as const, share_ppm: Math.min(of.platform, 1_000_000 - of.agency) },
        ],
      });
      await world.product(shop.m, 'p1', { category: 'baby', price: BigInt(drawn.price) });
      await world.promoter(shop.bob, { inviter_id: shop.alice, agency_id: shop.agency, tier: 'gold' });
      if (drawn.isAgencySuspended) await world.promoter(shop.agency, { kind: 'agency', status: 'suspended' });
      await shop.offer('open', of('open', { plan: toPlan(drawn.open) }));
      if (drawn.category !== null) await shop.offer('category', { kind: 'open', category: 'baby', plan: toPlan(drawn.category) });
      if (drawn.directed !== null) await shop.offer('bobs', of('directed', { plan: toPlan(drawn.directed), promoters: [shop.bob] }));
      if (drawn.agency !== null) await shop.offer('agency', of('directed', { plan: toPlan(drawn.agency), agencies: [shop.agency] }));
      if (drawn.tiered !== null) {
        await shop.rule(toPlan(drawn.tiered), { scope: { merchant_id: shop.m, product_id: 'p1', tier: 'gold' }, from: ago(1) });
      }
      const [told] = await shop.shared(shop.bob);
      const orderId = `${(place += 1)}`;
      const lines = [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: drawn.price }];
      await shop.order(orderId, { paid_at: ago(0), link_code: shop.code, lines });
      const line = await shop.line(orderId);
      const paid = (line.shares as unknown as { promoter_id: string | null; amount: number | bigint }[])
        .filter((one) => one.promoter_id === shop.bob)
        .reduce((sum, one) => sum + Number(one.amount), 0);
      expect(told!.rule_id).toBe(line.rule_id);
      expect(told!.my_share_now.amount).toBe(paid);
    }),
    { numRuns: runs(12) },
  );
});
