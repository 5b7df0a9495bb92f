// Drafts of offers: the same terms as a PUT, approved by another person before they count.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeKey } from '../../../../src/platform/keys/keys-store.ts';
import { inTransaction } from '../../../../src/platform/postgres/database.ts';
import { openOfferShop, PERCENT, type Service } from '../../offers/offer-shop.ts';
import { openService } from '../../stage.ts';
import { openWorld, type World } from '../../world.ts';

let world: World;
let service: Service;
let reviewed: Service;
let [ann, ben] = ['', ''];
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
  reviewed = await openService(world, { reviewRequired: true });
  [ann, ben] = [await keyOf('ann'), await keyOf('ben')];
});
afterAll(async () => {
  await service.close();
  await reviewed.close();
  await world.close();
});

async function keyOf(person: string): Promise<string> {
  const wish = { scope: 'admin', role: 'operator', person, merchantId: null, promoterId: null, label: person } as const;
  return (await inTransaction(world.db, ({ trx, now }) => makeKey(trx, wish, null, now))).key;
}

interface Draft {
  draft_id: string;
  content_hash: string;
  warnings: { code: string }[];
  errors: { code: string; path: string }[];
  subject_id: string | null;
  code: string;
}
type Answer = { status: number; body: Draft & Record<string, unknown> };
const draft = async (offer: object, more: object = {}) =>
  (await reviewed.post('/v1/rule-drafts', { offer, ...more }, { key: ann })) as unknown as Answer;
async function publish({ body }: Answer): Promise<Answer> {
  const seen = { content_hash: body.content_hash, acknowledged: body.warnings.map(({ code }) => code) };
  const approved = await reviewed.post(`/v1/rule-drafts/${body.draft_id}/approval`, seen, { key: ben });
  expect(approved.status, JSON.stringify(approved.body)).toBe(200);
  return (await reviewed.post(`/v1/rule-drafts/${body.draft_id}/publication`, undefined, { key: ann })) as unknown as Answer;
}

test('where two persons are asked for, an offer is put by a draft alone, and by it the same rules are published', async () => {
  const shop = await openOfferShop(world, reviewed);
  const terms = { kind: 'open', product_ids: ['p1'], rate_ppm: 5 * PERCENT };
  expect(await shop.put('all', terms)).toMatchObject({ status: 403, body: { code: 'review_required' } });
  const made = await draft({ merchant_id: shop.m, offer_id: 'all', ...terms });
  expect(made).toMatchObject({ status: 201, body: { kind: 'offer', subject_id: `${shop.m}/all`, base_version: null, errors: [] } });
  expect(await shop.rates(shop.bob)).toEqual([null]);
  expect(await publish(made)).toMatchObject({ status: 201, body: { offer_id: 'all', version: 1, rules: 1 } });
  expect(await shop.rates(shop.bob)).toEqual([50_000]);
});

test('a draft says what would be in its way and whom it lowers, and is stale once the offer has changed', async () => {
  const shop = await openOfferShop(world, service);
  const terms = {
    merchant_id: shop.m,
    offer_id: 'bobs',
    kind: 'directed',
    product_ids: ['p1'],
    rate_ppm: 4 * PERCENT,
    promoters: [shop.bob],
  };
  expect((await draft(terms)).body.errors).toMatchObject([{ code: 'offer_conflict', path: 'product_ids' }]);
  await shop.offer('all', { kind: 'open', product_ids: ['p1'], rate_ppm: 5 * PERCENT });
  const lower = await draft(terms);
  expect(lower.body).toMatchObject({ errors: [], warnings: [{ code: 'lowers_rate' }] });
  const [first, second] = [await draft({ ...terms, rate_ppm: 6 * PERCENT }), await draft({ ...terms, rate_ppm: 7 * PERCENT })];
  expect((await publish(first)).status).toBe(201);
  const seen = { content_hash: second.body.content_hash, acknowledged: [] };
  const stale = await reviewed.post(`/v1/rule-drafts/${second.body.draft_id}/approval`, seen, { key: ben });
  expect(stale).toMatchObject({ status: 409, body: { code: 'draft_stale' } });
  expect(await draft({ ...terms, offer_id: 'wrong', promoters: [] })).toMatchObject({
    status: 400,
    body: { code: 'malformed_request', errors: [{ path: 'offer.promoters' }] },
  });
});

test('an emergency by two persons ends an offer without notice', async () => {
  const shop = await openOfferShop(world, service, { rate_notice_hours: 24 });
  const terms = { kind: 'open', product_ids: ['p1'], rate_ppm: 5 * PERCENT };
  await shop.offer('all', terms);
  const stop = await draft({ merchant_id: shop.m, offer_id: 'all', ...terms, paused: true }, { emergency: { reason: 'recalled' } });
  expect((await publish(stop)).status).toBe(201);
  expect(await shop.rates(shop.bob)).toEqual([null]);
  expect((await shop.put('all', terms)).status).toBe(200);
});

test('an accepted promoter needs no draft: the terms it is let in by were approved', async () => {
  const shop = await openOfferShop(world, service);
  await shop.offer('all', { kind: 'open', product_ids: ['p1'], rate_ppm: 5 * PERCENT });
  await shop.offer('some', { kind: 'directed', product_ids: ['p1'], rate_ppm: 9 * PERCENT, applications: 'review' });
  const { body } = await reviewed.post('/v1/offers/some/applications', { promoter_id: shop.bob, merchant_id: shop.m });
  const accepted = await reviewed.post(`/v1/offer-applications/${body['application_id'] as string}/decision`, { decision: 'accept' });
  expect(accepted.status).toBe(200);
  expect(await shop.rates(shop.bob)).toEqual([90_000]);
});
