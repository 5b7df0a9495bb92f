// Applications: a promoter is let into an offer by the merchant, or by the conditions alone.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APPLICATIONS_PER_DAY } from '../../../src/commission/offers/applying.ts';
import { midnightFrom } from '../../../src/platform/calendar.ts';
import { openService } from '../stage.ts';
import { ago, openWorld, SIMPLE_PLAN, type World } from '../world.ts';
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

/** A shop with an open offer of 5 %, and a directed one of 10 % that takes applications. */
async function openApplied(more: object = {}, terms: Record<string, unknown> = {}) {
  const shop = await openOfferShop(world, service, terms);
  await shop.offer('all', { kind: 'open', product_ids: ['p1'], rate_ppm: 5 * PERCENT });
  const body = { kind: 'directed', product_ids: ['p1'], rate_ppm: 10 * PERCENT, applications: 'review', ...more };
  await shop.offer('some', body);
  const merchant = await service.keyOf('merchant', { merchantId: shop.m });
  const bobs = await service.keyOf('promoter', { promoterId: shop.bob });
  return {
    ...shop,
    body,
    merchant,
    bobs,
    apply: (promoterId: string, offerId = 'some') =>
      service.post(`/v1/offers/${offerId}/applications`, { promoter_id: promoterId, merchant_id: shop.m, note: 'please' }),
    decide: (id: unknown, decision: string, key = merchant) =>
      service.post(`/v1/offer-applications/${id as string}/decision`, { decision, reason: 'as agreed' }, { key }),
  };
}

describe('an application', () => {
  test('waits for the merchant, who accepts it: the rule is there for that promoter, and stays whoever is named', async () => {
    const shop = await openApplied();
    const made = await service.post('/v1/offers/some/applications', { merchant_id: shop.m }, { key: shop.bobs });
    expect(made).toMatchObject({ status: 201, body: { state: 'waiting', promoter_id: shop.bob, orders: 0, refund_ppm: 0 } });
    expect(await shop.rates(shop.bob)).toEqual([50_000]);
    const accepted = await shop.decide(made.body['application_id'], 'accept');
    expect(accepted).toMatchObject({ status: 200, body: { state: 'accepted', effective_from: expect.any(String) } });
    expect(await shop.rates(shop.bob, shop.carol)).toEqual([100_000, 50_000]);
    expect(await shop.offer('some', { ...shop.body, rate_ppm: 12 * PERCENT, promoters: [shop.carol] })).toMatchObject({
      accepted: [shop.bob],
    });
    expect(await shop.rates(shop.bob, shop.carol)).toEqual([120_000, 120_000]);
    expect((await shop.shared(shop.bob))[0]).toMatchObject({ offer_id: 'some', rate_now: 120_000 });
  });

  test('is decided once, but who was accepted may be put out again, and may apply anew', async () => {
    const shop = await openApplied();
    const { body } = await shop.apply(shop.bob);
    await shop.decide(body['application_id'], 'accept');
    expect(await shop.decide(body['application_id'], 'accept')).toMatchObject({ status: 409, body: { code: 'application_decided' } });
    expect(await shop.apply(shop.bob)).toMatchObject({ status: 409, body: { code: 'application_exists' } });
    expect(await shop.decide(body['application_id'], 'refuse')).toMatchObject({ status: 200, body: { state: 'refused' } });
    expect(await shop.rates(shop.bob)).toEqual([50_000]);
    expect((await shop.decide(body['application_id'], 'accept')).status).toBe(409);
    const again = await shop.apply(shop.bob);
    expect(again.status).toBe(201);
    await shop.decide(again.body['application_id'], 'accept');
    expect(await shop.rates(shop.bob)).toEqual([100_000]);
  });

  test('is accepted at once where the conditions alone decide', async () => {
    const shop = await openApplied({ applications: 'automatic' });
    expect(await shop.apply(shop.bob)).toMatchObject({ status: 201, body: { state: 'accepted', decided_by: null } });
    expect(await shop.rates(shop.bob)).toEqual([100_000]);
  });

  test('is refused to who has not sold enough, has had too much sent back, or is in no such tier; and read once', async () => {
    const shop = await openApplied({
      applications: 'automatic',
      conditions: { min_orders: 2, max_refund_ppm: 100_000, min_tier: 'silver' },
    });
    const refused = await shop.apply(shop.bob);
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'conditions_not_met', errors: [{ path: 'conditions.min_tier' }, { path: 'conditions.min_orders' }] },
    });
    await world.promoter(shop.bob, { inviter_id: shop.alice, agency_id: shop.agency, tier: 'silver' });
    await shop.rule(SIMPLE_PLAN);
    const completed = { status: 'completed', completed_at: ago(1), link_code: shop.code };
    await shop.order('old', { ...completed, paid_at: ago(100), completed_at: ago(95) });
    await shop.order('1', completed);
    await shop.order('open', { link_code: shop.code });
    const lines = [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 1000 }];
    const refund = [{ refund_id: 'r', line_id: '1', amount: 1000, refunded_at: ago(0) }];
    await shop.order('2', { ...completed, lines, refunds: refund });
    expect(await shop.apply(shop.bob)).toMatchObject({
      body: { errors: [{ path: 'conditions.min_orders', message: expect.stringContaining('there are 1') }] },
    });
    await shop.order('3', completed);
    // 1000 of 9999 + 9999 + 1000 were refunded.
    expect(await shop.apply(shop.bob)).toMatchObject({
      status: 201,
      body: { orders: 2, refund_ppm: 47_623, tier: 'silver', state: 'accepted' },
    });
    await shop.tell('3', { refunds: [{ refund_id: 'r', line_id: '1', amount: 9999, refunded_at: ago(0) }] });
    expect(await shop.rates(shop.bob)).toEqual([100_000]);
  });

  test('asks for a tier or a higher one of the merchant’s program', async () => {
    const shop = await openApplied({ applications: 'automatic', conditions: { min_tier: 'silver' } });
    const tiers = ['bronze', 'silver', 'gold'].map((tier, index) => ({ tier, at_least: index }));
    await service.call('PUT', `/v1/tier-programs/of-${shop.m}`, { merchant_id: shop.m, measure: 'orders', tiers });
    await world.promoter(shop.bob, { tier: 'bronze' });
    await world.promoter(shop.carol, { tier: 'gold' });
    expect([(await shop.apply(shop.bob)).status, (await shop.apply(shop.carol)).status]).toEqual([422, 201]);
  });

  test('is one at a time, however many are sent, and so many a day', async () => {
    const shop = await openApplied();
    const answers = await Promise.all([1, 2, 3, 4].map(() => shop.apply(shop.bob)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409]);
    await sql`
      insert into offer_application (application_id, merchant_id, offer_id, promoter_id, state, orders, refund_ppm, made_at, made_by, decided_at)
      select gen_random_uuid(), ${shop.m}, 'some', ${shop.carol}, 'refused', 0, 0, now(), key_id, now()
      from generate_series(1, ${APPLICATIONS_PER_DAY}), (select key_id from api_key limit 1) as one`.execute(world.owner);
    expect(await shop.apply(shop.carol)).toMatchObject({ status: 429, body: { code: 'application_limit' } });
  });

  test('is for an offer that takes some, of a merchant that is known, by a promoter who may', async () => {
    const shop = await openApplied();
    expect((await shop.apply(shop.bob, 'all')).status).toBe(404);
    expect((await shop.apply(shop.bob, 'none')).status).toBe(404);
    expect((await shop.apply('nobody')).body.code).toBe('unknown_promoter');
    await world.promoter(shop.carol, { status: 'suspended' });
    expect((await shop.apply(shop.carol)).body.code).toBe('promoter_suspended');
    const asAnother = await service.post(
      '/v1/offers/some/applications',
      { promoter_id: shop.carol, merchant_id: shop.m },
      { key: shop.bobs },
    );
    expect(asAnother.status).toBe(403);
    await openApplied();
    const ambiguous = await service.post('/v1/offers/some/applications', {}, { key: shop.bobs });
    expect(ambiguous).toMatchObject({ status: 409, body: { code: 'ambiguous_offer', errors: [{ path: 'merchant_id' }] } });
    await shop.offer('some', { ...shop.body, ends_at: ago(1) });
    expect((await shop.apply(shop.bob)).body.code).toBe('unprocessable');
  });

  test('is decided and read by its merchant, and read by its promoter, and by nobody else', async () => {
    const shop = await openApplied();
    const { body } = await shop.apply(shop.bob);
    const id = body['application_id'] as string;
    const [others, carols] = [
      await service.keyOf('merchant', { merchantId: 'm1' }),
      await service.keyOf('promoter', { promoterId: shop.carol }),
    ];
    expect((await shop.decide(id, 'accept', others)).status).toBe(403);
    expect((await shop.decide(id, 'accept', shop.bobs)).status).toBe(403);
    for (const [key, status] of [
      [shop.merchant, 200],
      [shop.bobs, 200],
      [others, 403],
      [carols, 403],
    ] as const) {
      expect((await service.get(`/v1/offer-applications/${id}`, key)).status).toBe(status);
    }
    const listed = async (query: string, key?: string) => (await service.get(`/v1/offer-applications?${query}`, key)).body.data;
    expect(await listed('', shop.bobs)).toMatchObject([{ application_id: id }]);
    expect(await listed('state=waiting', shop.merchant)).toHaveLength(1);
    expect(await listed('state=accepted', shop.merchant)).toEqual([]);
    expect(await listed('', carols)).toEqual([]);
    const noReason = await service.post(`/v1/offer-applications/${id}/decision`, { decision: 'refuse' }, { key: shop.merchant });
    expect(noReason).toMatchObject({ status: 400, body: { errors: [{ path: 'reason' }] } });
    expect((await shop.decide(id, 'refuse')).body).toMatchObject({ state: 'refused', effective_from: null, reason: 'as agreed' });
  });

  test('that lowers what the promoter earns waits for the notice, and so does putting it out', async () => {
    const shop = await openApplied({}, { rate_notice_hours: 24 });
    const earliest = midnightFrom(new Date(Date.now() + 24 * 3_600_000), 'Asia/Shanghai').toISOString();
    const { body } = await shop.apply(shop.bob);
    const accepted = await shop.decide(body['application_id'], 'accept');
    expect(Date.parse(accepted.body.effective_from)).toBeLessThan(Date.parse(earliest));
    const out = await shop.decide(body['application_id'], 'refuse');
    expect(out.body.effective_from).toBe(earliest);
    expect(await shop.rates(shop.bob)).toEqual([100_000]);
  });

  test('and a PUT at the same time leave the accepted promoter in', async () => {
    for (let round = 0; round < 5; round += 1) {
      const shop = await openApplied();
      const { body } = await shop.apply(shop.bob);
      await Promise.all([shop.decide(body['application_id'], 'accept'), shop.put('some', { ...shop.body, rate_ppm: 11 * PERCENT })]);
      expect(await shop.rates(shop.bob)).toEqual([110_000]);
    }
  });
});
