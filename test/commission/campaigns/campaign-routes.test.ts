// Campaigns over HTTP: stating them, pausing them, what a notice and a review ask of it, and what
// the world is told.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { campaignsNaming } from '../../../src/commission/campaigns/campaign-store.ts';
import { makeKey } from '../../../src/platform/keys/keys-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { campaignKey } from '../../../src/promotion/promoters/promoter-keys.ts';
import { listen } from '../../outbound/listener.ts';
import { ago, inDays, openWorld, type World } from '../world.ts';
import { openService } from '../stage.ts';
import { openCampaignShop, THREE_PERCENT } from './campaign-shop.ts';

let world: World;
let service: Awaited<ReturnType<typeof openService>>;
let reviewed: Awaited<ReturnType<typeof openService>>;

beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
  reviewed = await openService(world, { reviewRequired: true });
});

afterAll(async () => {
  await service.close();
  await reviewed.close();
  await world.close();
});

async function openStated(terms: Record<string, unknown> = {}) {
  const shop = await openCampaignShop(world, terms);
  const body = {
    merchant_id: shop.m,
    name: 'double',
    starts_at: ago(30),
    ends_at: inDays(30),
    ...THREE_PERCENT,
    budget: { currency: 'CNY', total: 10_000 },
  };
  const url = `/v1/campaigns/${shop.id}`;
  const put = (more: Record<string, unknown> = {}) => service.call('PUT', url, { ...body, ...more });
  return { ...shop, body, url, put };
}

test('a promoter was accepted into the campaigns that name it, of the merchant whose they are', async () => {
  const { put, m, id, bob } = await openStated();
  const asked = async (merchantId = m) => [...(await campaignsNaming(world.db, bob, [{ merchantId, campaignId: id }]))];
  await put();
  expect(await asked()).toEqual([]);
  await put({ promoters: [bob] });
  expect([await asked(), await asked('another')]).toEqual([[campaignKey(m, id)], []]);
});

describe('a campaign', () => {
  test('is made, stays as it is when it is stated again, and takes new terms', async () => {
    const { put, url, m, id } = await openStated();
    const made = await put();
    expect(made).toMatchObject({
      status: 201,
      body: { campaign_id: id, version: 1, state: 'running', spent: 0, left: 10_000, orders: 0, partial_last: true, reopens: false },
    });
    expect(await put()).toMatchObject({ status: 200, body: { version: 1 } });
    expect(await put({ boost: { fixed_per_unit: 500 } })).toMatchObject({
      status: 200,
      body: { version: 2, boost: { fixed_per_unit: 500 } },
    });
    expect((await service.get(url)).body).toMatchObject({ version: 2, products: null, combine: 'add' });
    expect((await service.get(`/v1/campaigns?merchant_id=${m}`)).body.data.map((one) => one['campaign_id'])).toEqual([id]);
    expect((await service.get('/v1/campaigns/nowhere')).status).toBe(404);
  });

  test('tells what is spent, what is left, of how many orders, and how it stands', async () => {
    const shop = await openStated();
    await shop.put({ budget: { currency: 'CNY', total: 500 } });
    await shop.sold('1');
    expect((await service.get(shop.url)).body).toMatchObject({ state: 'running', spent: 300, left: 200, orders: 1 });
    await shop.sold('2');
    expect((await service.get(shop.url)).body).toMatchObject({ state: 'exhausted', spent: 500, left: 0, orders: 2 });
    expect(await shop.put({ budget: { currency: 'CNY', total: 499 } })).toMatchObject({
      status: 422,
      body: { code: 'budget_below_spent' },
    });
    expect((await shop.put({ starts_at: inDays(1), budget: { currency: 'CNY', total: 500 } })).body['state']).toBe('scheduled');
    expect((await shop.put({ ends_at: ago(1), budget: { currency: 'CNY', total: 500 } })).body['state']).toBe('ended');
  });

  test('keeps its merchant and its currency, and is refused where it makes no sense', async () => {
    const { put } = await openStated();
    await put();
    expect(await put({ budget: { currency: 'USD', total: 1 } })).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await put({ merchant_id: 'nobody' })).toMatchObject({ status: 409 });
    expect(await put({ ends_at: ago(31) })).toMatchObject({ status: 422, body: { code: 'unprocessable', errors: [{ path: 'ends_at' }] } });
    expect(await put({ boost: { rate_ppm: 1, fixed_per_unit: 1 } })).toMatchObject({ status: 400, body: { errors: [{ path: 'boost' }] } });
    expect(await put({ name: 'other', effective_from: ago(1) })).toMatchObject({ status: 422, body: { code: 'retroactive_not_allowed' } });
    expect(await service.call('PUT', '/v1/campaigns/of-nobody', { ...(await openStated()).body, merchant_id: 'nobody' })).toMatchObject({
      status: 422,
      body: { code: 'unknown_merchant' },
    });
  });

  test('changed terms count for what is attributed from then on', async () => {
    const shop = await openStated();
    await shop.put();
    await shop.put({ boost: { rate_ppm: 50_000 } });
    await shop.sold('before');
    await shop.sold('after', { paid_at: inDays(0) });
    expect([await shop.boost('before'), await shop.boost('after')]).toEqual([
      [300, 300, 300],
      [500, 500, 500],
    ]);
  });
});

describe('a pause', () => {
  test('is there once however often it is asked for, and ends likewise', async () => {
    const shop = await openStated();
    await shop.put();
    const first = await service.post(`${shop.url}/pause`, {});
    expect(first).toMatchObject({ status: 200, body: { state: 'paused' } });
    expect((await service.post(`${shop.url}/pause`, {})).body['paused_from']).toBe(first.body['paused_from']);
    expect(await service.post(`${shop.url}/resumption`)).toMatchObject({ status: 200, body: { state: 'running', paused_from: null } });
    expect((await service.post(`${shop.url}/resumption`)).body['state']).toBe('running');
    expect((await service.post('/v1/campaigns/nowhere/pause', {})).status).toBe(404);
    const { rows } = { rows: await world.db.selectFrom('audit_log').select('action').where('subject_id', '=', shop.id).execute() };
    expect(rows.map(({ action }) => action)).toEqual(['campaign_stated', 'campaign_paused', 'campaign_resumed']);
  });
});

describe('with a rate notice', () => {
  const DAY = 86_400_000;

  test('what lowers counts from the first midnight that leaves it, what raises at once, sooner is refused', async () => {
    const shop = await openStated({ rate_notice_hours: 24 });
    await shop.put();
    const raised = await shop.put({ boost: { rate_ppm: 40_000 } });
    expect(Date.parse(raised.body.effective_from)).toBeLessThanOrEqual(Date.now());
    for (const lower of [{ boost: { rate_ppm: 10_000 } }, { products: ['p1'] }, { ends_at: inDays(0.5) }]) {
      const lowered = await shop.put({ boost: { rate_ppm: 40_000 }, ...lower });
      const from = Date.parse(lowered.body.effective_from);
      expect([lowered.status, from > Date.now() + DAY, (from + 8 * 3_600_000) % DAY]).toEqual([200, true, 0]);
    }
    const cut = { budget: { currency: 'CNY', total: 100 }, effective_from: inDays(0.5) };
    expect(await shop.put(cut)).toMatchObject({ status: 422, body: { code: 'notice_too_short', errors: [{ path: 'effective_from' }] } });
    await shop.sold('meanwhile', { paid_at: inDays(0) });
    expect(await shop.boost('meanwhile')).toEqual([400, 400, 400]);
  });

  test('a pause begins then too', async () => {
    const shop = await openStated({ rate_notice_hours: 24 });
    await shop.put();
    expect(await service.post(`${shop.url}/pause`, { effective_from: inDays(0.2) })).toMatchObject({
      status: 422,
      body: { code: 'notice_too_short' },
    });
    const { body } = await service.post(`${shop.url}/pause`, {});
    expect([body['state'], Date.parse(body['paused_from'] as string) > Date.now() + DAY]).toEqual(['running', true]);
    expect((await service.post(`${shop.url}/resumption`)).body['paused_from']).toBeNull();
  });

  test('a campaign that has not begun by then, or is over, is changed at once', async () => {
    const shop = await openStated({ rate_notice_hours: 24 });
    await shop.put({ starts_at: inDays(10) });
    const lowered = await shop.put({ starts_at: inDays(10), boost: { rate_ppm: 10 } });
    expect(Date.parse(lowered.body.effective_from)).toBeLessThanOrEqual(Date.now());
  });
});

async function keyOf(person: string): Promise<string> {
  const wish = { scope: 'admin', role: 'operator', person, merchantId: null, promoterId: null, label: person } as const;
  return (await inTransaction(world.db, ({ trx, now }) => makeKey(trx, wish, null, now))).key;
}

describe('under review', () => {
  test('a campaign comes from a draft; a pause and its end need none', async () => {
    const shop = await openStated();
    expect(await reviewed.call('PUT', shop.url, shop.body)).toMatchObject({ status: 403, body: { code: 'review_required' } });
    const wanted = { campaign: { campaign_id: shop.id, ...shop.body } };
    const made = await reviewed.post('/v1/rule-drafts', wanted);
    expect(made).toMatchObject({ status: 201, body: { kind: 'campaign', subject_id: shop.id, merchant_id: shop.m, errors: [] } });
    const draft = `/v1/rule-drafts/${made.body['draft_id'] as string}`;
    const approval = { content_hash: made.body['content_hash'], acknowledged: [] };
    expect((await reviewed.post(`${draft}/approval`, approval, { key: await keyOf('cleo') })).status).toBe(200);
    expect(await reviewed.post(`${draft}/publication`)).toMatchObject({ status: 201, body: { campaign_id: shop.id, version: 1 } });
    expect((await reviewed.post(`${shop.url}/pause`, {})).body['state']).toBe('paused');
    expect((await reviewed.post(`${shop.url}/resumption`)).body['state']).toBe('running');
    expect(await reviewed.post('/v1/rule-drafts', { campaign: { ...wanted.campaign, ends_at: ago(31) } })).toMatchObject({ status: 422 });
  });
});

describe('the world is told', () => {
  test('who changed what, from when, before and after, and that a budget is exhausted', async () => {
    const shop = await openStated();
    const listener = await listen(world.owner);
    await shop.put({ budget: { currency: 'CNY', total: 300 } });
    await shop.put();
    await service.post(`${shop.url}/pause`, {});
    await service.post(`${shop.url}/resumption`);
    await shop.put({ budget: { currency: 'CNY', total: 400 } });
    await shop.sold('1');
    await shop.sold('2');
    const told = await listener.heard('campaign');
    expect(told.map(({ type }) => type)).toEqual([
      'campaign.exhausted',
      'campaign.paused',
      'campaign.published',
      'campaign.published',
      'campaign.published',
      'campaign.resumed',
    ]);
    const published = told.filter(({ type }) => type === 'campaign.published').map(({ data }) => data);
    expect(published.find(({ before }) => before !== null)).toMatchObject({
      campaign_id: shop.id,
      effective_from: expect.any(String),
      before: expect.any(Object),
      after: expect.any(Object),
      person: expect.any(String),
    });
    expect(
      published.map(({ before, after }) => [totalOf(before), totalOf(after)]).toSorted(([, a], [, b]) => Number(a) - Number(b)),
    ).toEqual([
      [null, 300],
      [10_000, 400],
      [300, 10_000],
    ]);
    expect(told[0]!.data).toEqual({ campaign_id: shop.id, merchant_id: shop.m, currency: 'CNY', total: 400, reopens: false });
  });
});

const totalOf = (terms: unknown) => (terms === null ? null : (terms as { budget: { total: number } }).budget.total);
