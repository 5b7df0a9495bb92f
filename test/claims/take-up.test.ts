// Claims that waited for their orders are taken up when these have come and stand awarded.
import { afterAll, expect, test } from 'vitest';
import { openClaims, openMarket } from './stage.ts';

const service = await openClaims();
afterAll(() => service.close());

const stateOf = async (claimId: string) => (await service.get(`/v1/claims/${claimId}`)).body;

test('an order that comes without evidence leaves its claim to an operator, who can approve it then', async () => {
  const market = await openMarket(service);
  const { body: claim } = await market.claim('lost');
  expect(await service.takeUp()).toBe(0);
  await market.order('lost');
  expect(await service.takeUp()).toBe(1);
  expect(await stateOf(claim.claim_id)).toMatchObject({
    state: 'open',
    source_id: 'rest',
    gathered: { lines: [{ decision: 'unattributed' }] },
  });
  expect(service.told.filter(([id]) => id === claim.claim_id).map(([, state]) => state)).toEqual(['waiting', 'open']);
  expect((await service.decide(claim.claim_id, 'approve')).body.after).toMatchObject([{ evidence: 'claim', promoter_id: market.bob }]);
});

test('an order that comes with evidence of the claimant settles its claim', async () => {
  const market = await openMarket(service);
  const { body: claim } = await market.claim('lost');
  await market.order('lost', { link_code: market.code });
  await service.takeUp();
  expect(await stateOf(claim.claim_id)).toMatchObject({ state: 'settled', before: null, after: [{ evidence: 'link_code' }] });
});

test('an order that is not paid, or not awarded yet, is waited for on', async () => {
  const market = await openMarket(service);
  const { body: claim } = await market.claim('lost');
  await market.order('lost', { status: 'created', paid_at: null });
  expect(await service.takeUp()).toBe(0);
  await service.world.report({ fields: market.fields('lost', {}) });
  expect(await service.takeUp()).toBe(0);
  await service.world.award();
  expect(await service.takeUp()).toBe(1);
  expect((await stateOf(claim.claim_id)).state).toBe('open');
});

test('only an order of the named source and merchant is the one that was waited for', async () => {
  const market = await openMarket(service);
  const source = `shop-${market.m}`;
  await service.world.source(source, 'shopify');
  const { body: claim } = await market.claim('lost', { source_id: source });
  await market.order('lost');
  await (await openMarket(service)).order('lost');
  expect(await service.takeUp()).toBe(0);
  await market.order('lost', {}, { sourceId: source });
  expect(await service.takeUp()).toBe(1);
  expect(await stateOf(claim.claim_id)).toMatchObject({ state: 'open', source_id: source });
});

test('two who take up at once do it once', async () => {
  const market = await openMarket(service);
  await market.claim('lost');
  await market.order('lost');
  const told = service.told.length;
  await Promise.all([service.takeUp(), service.takeUp()]);
  expect(service.told).toHaveLength(told + 1);
});
