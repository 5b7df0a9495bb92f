// What endpoints are told of offers: who, what, from when on, before and after.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openService } from '../stage.ts';
import { ago, openWorld, type World } from '../world.ts';
import { openOfferShop, PERCENT, type Service } from './offer-shop.ts';

let world: World;
let service: Service;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
  const endpoint = { endpoint_id: 'hooks', url: 'https://hooks.example.com/', events: ['offer.*'], secret: Buffer.alloc(32), active: true };
  await world.owner
    .insertInto('webhook_endpoint')
    .values({ ...endpoint, made_at: new Date(), changed_at: new Date() })
    .execute();
});
afterAll(async () => {
  await service.close();
  await world.close();
});

test('an offer tells each of its changes once, and what was decided of who applies', async () => {
  const shop = await openOfferShop(world, service);
  await shop.offer('all', { kind: 'open', product_ids: ['p1'], rate_ppm: 5 * PERCENT });
  const terms = { kind: 'directed', product_ids: ['p1'], rate_ppm: 8 * PERCENT, applications: 'review' };
  await shop.offer('some', terms);
  await shop.offer('some', terms);
  await shop.offer('some', { ...terms, rate_ppm: 9 * PERCENT });
  const { body } = await service.post('/v1/offers/some/applications', { promoter_id: shop.bob, merchant_id: shop.m, note: 'please' });
  const id = body['application_id'] as string;
  await service.post(`/v1/offer-applications/${id}/decision`, { decision: 'accept', reason: 'sold well' });
  await shop.offer('some', { ...terms, rate_ppm: 9 * PERCENT, ends_at: ago(1) });
  const messages = await world.owner.selectFrom('webhook_message').select(['type', 'body']).orderBy('message_id').execute();
  const told = messages.map(({ type, body: text }) => ({ type, ...(JSON.parse(text) as { data: Record<string, unknown> }).data }));
  const at = expect.stringMatching(/^\d{4}-/);
  const some = { merchant_id: shop.m, offer_id: 'some', person: expect.any(String) };
  expect(told).toMatchObject([
    { type: 'offer.published', offer_id: 'all', before: null, after: { rate_ppm: 50_000, kind: 'open' } },
    { type: 'offer.published', ...some, effective_from: at, before: null, after: { rate_ppm: 80_000, version: 1 } },
    { type: 'offer.changed', ...some, effective_from: at, before: { rate_ppm: 80_000 }, after: { rate_ppm: 90_000 } },
    { type: 'offer.application_made', ...some, promoter_id: shop.bob, note: 'please' },
    { type: 'offer.application_decided', ...some, promoter_id: shop.bob, effective_from: at, before: 'waiting', after: 'accepted', reason: 'sold well' },
    { type: 'offer.ended', ...some, effective_from: at, before: { state: 'running' }, after: { state: 'ended' } },
  ]);
});
