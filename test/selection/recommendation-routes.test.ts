// Recommendations over HTTP: what is shown, why, and what never is.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { campaignRoutes } from '../../src/commission/campaigns/campaign-routes.ts';
import { offerRoutes } from '../../src/commission/offers/offer-routes.ts';
import { sharedProductRoutes } from '../../src/commission/offers/offered-product-routes.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import type { App } from '../../src/platform/http/app.ts';
import { dayOf, startOfDay } from '../../src/platform/calendar.ts';
import { recommendationRoutes } from '../../src/selection/recommendation-routes.ts';
import { statisticsRoutes } from '../../src/statistics/reading/statistics-routes.ts';
import { ago, inDays } from '../commission/world.ts';
import { keyedApp, newKey, send } from '../platform/callers.ts';
import { foldAll, openMarket, trade, type Market } from '../statistics/reading/market.ts';

interface Reason {
  code: string;
  value: number;
  baseline: number | null;
}

interface Row {
  product_id: string;
  merchant_id: string;
  category: string | null;
  currency: string;
  rate_now_ppm: number;
  my_share_now: number;
  expected_earnings_per_click: { mean: number; low: number; high: number };
  conversion_ppm: number | null;
  refund_ppm: number | null;
  clicks: number;
  orders: number;
  reasons: Reason[];
  place: string;
}

interface Body {
  code: string;
  errors: { path: string }[];
  window: { from: string; to: string; time_zone: string };
  data: Row[];
  excluded: { product_id: string; merchant_id: string; reason: string }[];
}

interface Figures {
  clicks: number;
  orders: number;
  conversion_ppm: number | null;
  earnings_per_click: number | null;
  paid_amount: number;
  refunded_amount: number;
}

let market: Market;
let app: App;
let admin: string;
const PERCENT = 10_000;

async function call(method: string, url: string, body?: object, key = admin): Promise<{ status: number; body: unknown }> {
  return send<unknown>(app, { method, url, headers: { authorization: `Bearer ${key}` }, ...(body !== undefined && { body }) });
}

async function recommended(query: string, key?: string): Promise<{ status: number; body: Body }> {
  const { status, body } = await call('GET', `/v1/recommendations?${query}`, undefined, key);
  return { status, body: body as Body };
}

async function put(url: string, body: object): Promise<void> {
  const answer = await call('PUT', url, body);
  expect([200, 201], JSON.stringify(answer.body)).toContain(answer.status);
}

const offer = (merchantId: string, offerId: string, body: object) => put(`/v1/merchants/${merchantId}/offers/${offerId}`, body);

beforeAll(async () => {
  market = await openMarket();
  app = keyedApp(market.db);
  const deps = { db: market.db, levelsMax: 2, reviewRequired: false, ruleCache: emptyRuleCache(), nudge: () => {} };
  offerRoutes(app, deps);
  campaignRoutes(app, deps);
  sharedProductRoutes(app, deps);
  statisticsRoutes(app, market.db);
  recommendationRoutes(app, deps);
  admin = await newKey(market.db, 'admin');
  await market.product('m1', 'p4', { category: 'baby', price: 3000n });
  const link = await market.link('m1', 'bob', { code: 'more', product_id: 'p4', made_at: new Date(ago(20)) });
  for (let visit = 0; visit < 12; visit += 1) await market.click(link, { at: ago(1 + visit) });
  const line = { line_id: '1', product_id: 'p4', quantity: 1, paid_amount: 3000 };
  const order = {
    merchant_id: 'm1',
    order_id: 'of-p4',
    status: 'paid',
    currency: 'CNY',
    paid_at: ago(5),
    lines: [line],
    link_code: 'more',
  };
  await market.report({ fields: order });
  await trade(market, 'first', 60);
  await foldAll(market);
  await market.product('m1', 'p3', { category: 'toys', price: 5000n });
  const open = { kind: 'open', rate_ppm: 10 * PERCENT };
  await offer('m1', 'all', { ...open, product_ids: ['p1', 'p2', 'p3', 'p4'] });
  await offer('m2', 'abroad', { ...open, product_ids: ['q1'] });
});
afterAll(async () => {
  await app.close();
  await market.close();
});

const refundOf = (one: Figures | undefined): number | null =>
  one === undefined || one.paid_amount === 0 ? null : Math.floor((one.refunded_amount * 1_000_000) / one.paid_amount);

describe('what is recommended', () => {
  test('is what the promoter may share, at the rate and share that it is told of in the pool', async () => {
    const { status, body } = await recommended('promoter_id=bob');
    expect(status, JSON.stringify(body)).toBe(200);
    // Four may be shared of one merchant; ten places have three of them.
    expect(body.data.map(({ merchant_id: id }) => id).toSorted()).toEqual(['m1', 'm1', 'm1', 'm2']);
    const pool = (await call('GET', '/v1/offers?promoter_id=bob')).body as {
      data: { product_id: string; rate_now: number; my_share_now: { rate_ppm: number } }[];
    };
    for (const row of body.data) {
      const shared = pool.data.find(({ product_id: id }) => id === row.product_id)!;
      expect(row.rate_now_ppm).toBe(shared.rate_now);
      expect(row.my_share_now).toBe(Math.floor((shared.my_share_now.rate_ppm * 1_000_000) / shared.rate_now));
      const { mean, low, high } = row.expected_earnings_per_click;
      expect(low).toBeGreaterThan(0);
      expect(low).toBeLessThan(mean);
      expect(high).toBeGreaterThan(mean);
      expect(row.place).toBe('ranked');
    }
    expect(new Set(body.data.map(({ currency }) => currency))).toEqual(new Set(['CNY', 'USD']));
    const ofShop = (await recommended('promoter_id=bob&merchant_id=m1')).body.data;
    const means = ofShop.map((row) => row.expected_earnings_per_click.mean);
    expect(means).toEqual(means.toSorted((a, b) => b - a));
    expect((await recommended('promoter_id=bob&merchant_id=m1')).body.data).toEqual(ofShop);
    expect((await recommended('promoter_id=bob&merchant_id=m1,m2&limit=2')).body.data).toHaveLength(2);
    expect((await recommended('promoter_id=bob&category=toys')).body.data.map(({ product_id: id }) => id).toSorted()).toEqual(['p2', 'p3']);
  });

  test('quotes the statistics of its window, which is of 90 days where the first named merchant is', async () => {
    const { window, data } = (await recommended('promoter_id=bob&merchant_id=m1')).body;
    const first = new Date(Date.parse(`${dayOf(new Date(window.to), 'Asia/Shanghai')}T00:00:00Z`) - 89 * 86_400_000)
      .toISOString()
      .slice(0, 10);
    expect(window).toMatchObject({ time_zone: 'Asia/Shanghai', from: startOfDay(first, 'Asia/Shanghai').toISOString() });
    const { from, to } = window;
    const figuresOf = async (query: string): Promise<Figures | undefined> => {
      const url = `/v1/statistics?bucket=none&from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}&${query}`;
      return ((await call('GET', url)).body as { data: Figures[] }).data[0];
    };
    let told = 0;
    for (const row of data) {
      const own = await figuresOf(`group_by=merchant,product&merchant_id=m1&product_id=${row.product_id}`);
      const kind = await figuresOf(`group_by=merchant,category&merchant_id=m1&category=${row.category}`);
      const audience = await figuresOf(`merchant_id=m1&promoter_id=bob&category=${row.category}`);
      const promoter = await figuresOf('merchant_id=m1&promoter_id=bob');
      expect([row.clicks, row.orders]).toEqual([own?.clicks ?? 0, own?.orders ?? 0]);
      expect([row.conversion_ppm, row.refund_ppm]).toEqual([own?.conversion_ppm ?? null, refundOf(own)]);
      const quoted: Record<string, [unknown, unknown]> = {
        converts: [own?.conversion_ppm, kind?.conversion_ppm],
        refunds: [refundOf(own), refundOf(kind)],
        earns: [own?.earnings_per_click, kind?.earnings_per_click],
        your: [audience?.conversion_ppm, promoter?.conversion_ppm],
        few: [own?.clicks ?? 0, null],
      };
      for (const { code, value, baseline } of row.reasons) {
        expect([value, baseline], code).toEqual(quoted[code.split('_')[0]!]);
        if (baseline !== null) expect(code.includes('above')).toBe(value > baseline);
        told += 1;
      }
    }
    expect(told).toBeGreaterThan(4);
    expect(data.find(({ product_id: id }) => id === 'p3')!.reasons).toContainEqual({ code: 'few_data', value: 0, baseline: null });
    expect((await recommended('promoter_id=bob')).body.window.time_zone).toBe('UTC');
  });

  test('is of links of a scene where one is named', async () => {
    const { window, data } = (await recommended('promoter_id=bob&merchant_id=m1&scene=live')).body;
    const asked = { bucket: 'none', group_by: 'product', scene: 'live', merchant_id: 'm1', from: window.from, to: window.to };
    const url = `/v1/statistics?${new URLSearchParams(asked).toString()}`;
    const body = (await call('GET', url)).body as { data: (Figures & { product_id: string | null })[] };
    for (const row of data) expect(row.clicks).toBe(body.data.find(({ product_id: id }) => id === row.product_id)?.clicks ?? 0);
    expect(data.some(({ clicks }) => clicks > 0)).toBe(true);
  });
});

test('what may not be shared is never shown, and it is said why', async () => {
  const open = { kind: 'open', rate_ppm: 5 * PERCENT };
  for (const id of ['paused', 'over', 'hers', 'gone', 'spent', 'fine']) await market.product('m1', id, { category: 'odd', price: 1000n });
  await offer('m1', 'paused', { ...open, product_ids: ['paused'] });
  await offer('m1', 'paused', { ...open, product_ids: ['paused'], paused: true });
  await offer('m1', 'over', { ...open, product_ids: ['over'] });
  await offer('m1', 'over', { ...open, product_ids: ['over'], ends_at: ago(0) });
  await offer('m1', 'hers', { ...open, kind: 'exclusive', product_ids: ['hers'], promoters: ['carol'] });
  await offer('m1', 'some', { ...open, product_ids: ['gone', 'spent', 'fine'] });
  await market.product('m1', 'gone', { category: 'odd', commissionable: false });
  const campaign = { merchant_id: 'm1', name: 'boost', starts_at: ago(1), ends_at: inDays(5), boost: { rate_ppm: 1000 }, combine: 'add' };
  await put('/v1/campaigns/spent', { ...campaign, products: ['spent'], budget: { currency: 'CNY', total: 0 } });
  await put('/v1/campaigns/going', { ...campaign, products: ['fine'], budget: { currency: 'CNY', total: 1000 } });
  await market.report({
    fields: {
      merchant_id: 'm1',
      order_id: 'spends',
      status: 'paid',
      currency: 'CNY',
      paid_at: ago(0),
      lines: [{ line_id: '1', product_id: 'spent', quantity: 1, paid_amount: 10_000 }],
      link_code: 'bobs',
    },
  });
  await market.award();
  const { data, excluded } = (await recommended('promoter_id=bob&merchant_id=m1&category=odd')).body;
  expect(data.map(({ product_id: id }) => id)).toEqual(['fine']);
  expect(Object.fromEntries(excluded.map(({ product_id: id, reason }) => [id, reason]))).toEqual({
    paused: 'suspended',
    over: 'ended',
    hers: 'not_offered',
    gone: 'suspended',
    spent: 'budget_spent',
  });
  await market.promoter('dave', { status: 'suspended' });
  const none = (await recommended('promoter_id=dave&merchant_id=m1')).body;
  expect(none.data).toEqual([]);
  expect(none.excluded.length).toBeGreaterThan(3);
  expect(new Set(none.excluded.map(({ reason }) => reason))).toEqual(new Set(['suspended']));
});

test('a promoter’s key asks for itself, a storefront’s for its merchant', async () => {
  const bobs = await newKey(market.db, 'promoter', { promoterId: 'bob' });
  expect((await recommended('limit=3', bobs)).body.data).toHaveLength(3);
  expect((await recommended('promoter_id=carol', bobs)).status).toBe(403);
  const shops = await newKey(market.db, 'storefront', { merchantId: 'm2' });
  expect((await recommended('promoter_id=bob', shops)).body.data.map(({ merchant_id: id }) => id)).toEqual(['m2']);
  for (const merchants of ['m1', 'm2,m1']) expect((await recommended(`promoter_id=bob&merchant_id=${merchants}`, shops)).status).toBe(403);
  expect((await recommended('')).body).toMatchObject({ code: 'malformed_request', errors: [{ path: 'promoter_id' }] });
  expect((await recommended('promoter_id=nobody')).body.code).toBe('unknown_promoter');
  expect((await recommended('promoter_id=bob&merchant_id=nowhere')).body.code).toBe('unknown_merchant');
});
