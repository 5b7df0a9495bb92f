// Claims over HTTP: who may make, decide and see them, the list, and what is no claim.
import { afterAll, describe, expect, test } from 'vitest';
import { openClaims, openMarket } from './stage.ts';

const service = await openClaims();
afterAll(() => service.close());

describe('keys', () => {
  test('a promoter claims for itself only, an operator for anybody by name, nobody else at all', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const wish = { merchant_id: market.m, order_id: '1', evidence: 'mine' };
    const send = (more: object, key?: string) => service.post('/v1/claims', { ...wish, ...more }, key === undefined ? {} : { key });
    expect((await send({ promoter_id: market.carol }, market.keys.bob)).status).toBe(403);
    expect(await send({})).toMatchObject({ status: 400, body: { errors: [{ path: 'promoter_id' }] } });
    expect(await send({ promoter_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_promoter' } });
    for (const scope of ['storefront', 'auditor'] as const) {
      expect((await send({ promoter_id: market.bob }, await service.keyOf(scope))).status).toBe(403);
    }
    expect((await send({}, 'no key')).status).toBe(401);
    const { status, body } = await send({ promoter_id: market.bob });
    expect([status, body]).toMatchObject([201, { promoter_id: market.bob }]);
    const logged = await service.world.db.selectFrom('audit_log').select('action').where('subject_id', '=', body.claim_id).execute();
    expect(logged).toEqual([{ action: 'claim_made' }]);
  });

  test('only an operator decides', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: claim } = await market.claim('1');
    const others = [market.keys.bob, await service.keyOf('storefront', { merchantId: market.m }), await service.keyOf('auditor')];
    for (const key of others) {
      const answer = await service.post(`/v1/claims/${claim.claim_id}/decision`, { decision: 'approve', reason: 'mine' }, { key });
      expect(answer.status).toBe(403);
    }
    expect((await service.get(`/v1/claims/${claim.claim_id}`)).body.state).toBe('open');
  });

  test('a claim is seen by its promoter, its merchant, operators and auditors', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: claim } = await market.claim('1');
    const statusFor = async (key: string) => (await service.get(`/v1/claims/${claim.claim_id}`, key)).status;
    expect(await statusFor(market.keys.bob)).toBe(200);
    expect(await statusFor(market.keys.carol)).toBe(404);
    expect(await statusFor(await service.keyOf('storefront', { merchantId: market.m }))).toBe(200);
    expect(await statusFor(await service.keyOf('storefront', { merchantId: 'another' }))).toBe(404);
    expect(await statusFor(await service.keyOf('auditor'))).toBe(200);
    expect((await service.get(`/v1/claims/${crypto.randomUUID()}`)).status).toBe(404);
  });
});

describe('the list', () => {
  test('has the newest first, is filtered, and goes on by its cursor', async () => {
    const market = await openMarket(service);
    await market.order('1');
    await market.order('2');
    await market.claim('1');
    const { body: rejected } = await market.claim('2');
    await market.claim('1', {}, market.keys.carol);
    await service.decide(rejected.claim_id, 'reject');
    const listed = async (query: string, key?: string) =>
      (await service.get(`/v1/claims?merchant_id=${market.m}${query}`, key)).body.data.map((claim) => [
        claim['promoter_id'],
        claim['order_id'],
      ]);
    const [first, second, third] = [
      [market.carol, '1'],
      [market.bob, '2'],
      [market.bob, '1'],
    ];
    expect(await listed('')).toEqual([first, second, third]);
    expect(await listed('&state=rejected')).toEqual([second]);
    expect(await listed(`&promoter_id=${market.carol}`)).toEqual([first]);
    expect(await listed('', market.keys.bob)).toEqual([second, third]);
    const page = await service.get(`/v1/claims?merchant_id=${market.m}&limit=2`);
    expect(await listed(`&limit=2&cursor=${page.body.next_cursor}`)).toEqual([third]);
  });

  test('of a key is of its own promoter or merchant', async () => {
    const market = await openMarket(service);
    await market.claim('lost');
    const storefront = await service.keyOf('storefront', { merchantId: market.m });
    expect((await service.get('/v1/claims', storefront)).body.data).toHaveLength(1);
    expect((await service.get('/v1/claims?merchant_id=another', storefront)).status).toBe(403);
    expect((await service.get(`/v1/claims?promoter_id=${market.bob}`, market.keys.carol)).status).toBe(403);
    expect((await service.get('/v1/claims', market.keys.carol)).body.data).toEqual([]);
    expect((await service.get('/v1/claims?state=lost')).status).toBe(400);
    expect((await service.get('/v1/claims?cursor=bm9uZQ')).status).toBe(400);
  });
});

test('what is no claim and no decision is 400', async () => {
  const market = await openMarket(service);
  await market.order('1');
  for (const more of [
    { evidence: '' },
    { evidence: ' \n' },
    { evidence: 'a\u0000b' },
    { evidence: 'x'.repeat(4001) },
    { order_id: '' },
    { state: 'approved' },
  ]) {
    expect((await market.claim('1', more)).status, JSON.stringify(more).slice(0, 40)).toBe(400);
  }
  const { body: claim } = await market.claim('1');
  for (const body of [{}, { decision: 'approve' }, { decision: 'maybe', reason: 'x' }, { decision: 'approve', reason: '' }]) {
    expect((await service.post(`/v1/claims/${claim.claim_id}/decision`, body)).status).toBe(400);
  }
});
