// What endpoints are told of offers: who, what, from when on, before and after.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from '../../outbound/listener.ts';
import { openService } from '../stage.ts';
import { ago, openWorld, type World } from '../world.ts';
import { openOfferShop, PERCENT, type Service } from './offer-shop.ts';

let world: World;
let service: Service;
let listener: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
  listener = await listen(world.owner);
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
  const told = (await listener.heard('offer')).map(({ type, data }) => ({ type, ...data }));
  const at = expect.stringMatching(/^\d{4}-/);
  const some = { merchant_id: shop.m, offer_id: 'some', person: expect.any(String) };
  const decided = { promoter_id: shop.bob, effective_from: at, before: 'waiting', after: 'accepted', reason: 'sold well' };
  const published = [
    { type: 'offer.published', offer_id: 'all', before: null, after: { rate_ppm: 50_000, kind: 'open' } },
    { type: 'offer.published', ...some, effective_from: at, before: null, after: { rate_ppm: 80_000, version: 1 } },
  ];
  expect(told).toMatchObject([
    { type: 'offer.application_decided', ...some, ...decided },
    { type: 'offer.application_made', ...some, promoter_id: shop.bob, note: 'please' },
    { type: 'offer.changed', ...some, effective_from: at, before: { rate_ppm: 80_000 }, after: { rate_ppm: 90_000 } },
    { type: 'offer.ended', ...some, effective_from: at, before: { state: 'running' }, after: { state: 'ended' } },
    ...published,
  ]);
});
