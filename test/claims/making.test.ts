// Making claims: what is gathered, what settles by itself, and what is refused.
import { afterAll, describe, expect, test } from 'vitest';
import { CLAIMS_PER_DAY } from '../../src/claims/claim.ts';
import { ago } from '../commission/world.ts';
import { openClaims, openMarket } from './stage.ts';

const HOUR = 1 / 24;

const service = await openClaims();
afterAll(() => service.close());

describe('a claim', () => {
  test('is kept in the promoter’s words, and left to an operator for three days where nothing strong speaks for it', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { status, body } = await market.claim('1', { evidence: 'We spoke in the group.\nShe bought at noon.' });
    expect([status, body]).toMatchObject([
      201,
      {
        promoter_id: market.bob,
        merchant_id: market.m,
        source_id: 'rest',
        order_id: '1',
        line_id: null,
        state: 'open',
        evidence: 'We spoke in the group.\nShe bought at noon.',
        decided_at: null,
        gathered: { lines: [{ line_id: '1', decision: 'unattributed', reason: 'no_evidence', winners: [] }], own: [], others: [] },
      },
    ]);
    expect(Date.parse(String(body['due_at'])) - Date.parse(String(body['made_at']))).toBe(72 * 3_600_000);
  });

  test('is settled by a click of the very buyer that the award has not seen yet', async () => {
    const market = await openMarket(service);
    const buyer = { openid: `o-${market.m}` };
    await market.order('1', { buyer });
    await service.world.click(market.code, { at: ago(3), buyer });
    const { body } = await market.claim('1');
    expect(body).toMatchObject({
      state: 'settled',
      decided_by: null,
      before: [{ evidence: null, promoter_id: null }],
      after: [{ evidence: 'click', promoter_id: market.bob, shares: [{ role: 'promoter', amount: 630 }] }],
      gathered: { own: [{ kind: 'click', link_code: market.code, won: true }] },
    });
    expect(await market.balance(market.bob)).toEqual([['CNY', 630, 0]]);
  });

  test('is settled by a token whose link has arrived after the order', async () => {
    const market = await openMarket(service);
    const code = `late-${market.m}`.slice(0, 20);
    await market.order('1', { click_token: service.world.token(code, { at: ago(2) }) });
    expect(await market.line('1')).toMatchObject({ decision: 'unattributed' });
    await service.world.link(market.m, market.bob, { code });
    expect((await market.claim('1')).body).toMatchObject({ state: 'settled', after: [{ evidence: 'click_token' }] });
  });

  test('that was settled locks nothing: better evidence still wins', async () => {
    const market = await openMarket(service);
    const buyer = { openid: `o-${market.m}` };
    await market.order('1', { buyer });
    await service.world.click(market.code, { at: ago(3), buyer });
    expect((await market.claim('1')).body.state).toBe('settled');
    await market.tell('1', { click_token: service.world.token(market.carolsCode, { at: ago(2) }) });
    expect(await market.line('1')).toMatchObject({ evidence: 'click_token', promoter_id: market.carol });
  });

  test('never settles against a standing winner, nor by what the policy does not count', async () => {
    const market = await openMarket(service);
    const buyer = { openid: `o-${market.m}` };
    await service.world.click(market.code, { at: ago(3), buyer });
    await market.order('won', { buyer, link_code: market.carolsCode });
    await market.order('old', { paid_at: ago(1) });
    await service.world.click(market.code, { at: ago(1 + HOUR), buyer: { openid: 'somebody else' } });
    const [won, old] = [await market.claim('won'), await market.claim('old')];
    expect(won.body).toMatchObject({ state: 'open', gathered: { own: [{ kind: 'click', won: false, reason: 'weaker_kind' }] } });
    expect(old.body).toMatchObject({ state: 'open', gathered: { own: [], clicks_near: [{ link_code: market.code, by_buyer: false }] } });
    expect(await market.line('won')).toMatchObject({ promoter_id: market.carol });
    expect(await market.line('old')).toMatchObject({ decision: 'unattributed' });
  });

  test('tells the operator who has the order and what the buyer touched, the promoter of its own only, and nobody who the buyer is', async () => {
    const market = await openMarket(service);
    const buyer = { phone: '13800138000' };
    await service.world.click(market.code, { at: ago(1 + HOUR), buyer });
    await service.world.click(market.carolsCode, { at: ago(1 + HOUR / 2), buyer });
    await market.order('1', { buyer });
    const { body: mine } = await market.claim('1');
    const { body: whole } = await service.get(`/v1/claims/${mine.claim_id}`);
    expect(whole['gathered']).toMatchObject({
      lines: [{ winners: [market.carol] }],
      others: [{ kind: 'click', promoter_id: market.carol, won: true }],
      clicks_near: [{ link_code: market.code, by_buyer: true }],
    });
    expect(mine['gathered']).toMatchObject({ lines: [{ winners: [] }], others: [{ kind: 'click', promoter_id: null, won: true }] });
    expect(JSON.stringify(mine)).not.toContain(market.carol);
    const { rows } = { rows: await service.world.db.selectFrom('order_identity').select('identity').execute() };
    for (const { identity } of rows) expect(JSON.stringify(whole)).not.toContain(identity);
    expect(JSON.stringify(whole)).not.toContain('13800138000');
  });

  test('is made once, however often it is sent under one key', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const send = () =>
      service.post(
        '/v1/claims',
        { merchant_id: market.m, order_id: '1', evidence: 'mine' },
        { key: market.keys.bob, headers: { 'idempotency-key': 'once' } },
      );
    const [first, again] = [await send(), await send()];
    expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([201, 201, 'true']);
    expect(again.body).toEqual(first.body);
  });

  test('changes nothing of an order that stands as it should', async () => {
    const market = await openMarket(service);
    await market.order('1', { link_code: market.carolsCode });
    const before = await service.world.standing(market.m, '1');
    await market.claim('1');
    expect(await service.world.standing(market.m, '1')).toEqual(before);
  });
});

describe('an order that is not here yet', () => {
  test('is waited for, by the merchant that is named', async () => {
    const market = await openMarket(service);
    const { status, body } = await market.claim('lost');
    expect([status, body]).toMatchObject([201, { state: 'waiting', source_id: null, gathered: null }]);
    expect(await service.decide(body.claim_id, 'approve')).toMatchObject({ status: 409, body: { code: 'claim_waiting' } });
    expect((await service.decide(body.claim_id, 'reject')).body.state).toBe('rejected');
  });

  test('and of which nobody says whose it will be is refused', async () => {
    const market = await openMarket(service);
    const send = (more: object) => service.post('/v1/claims', { order_id: 'lost', evidence: 'x', ...more }, { key: market.keys.bob });
    expect(await send({})).toMatchObject({ status: 422, body: { code: 'unknown_order', errors: [{ path: 'merchant_id' }] } });
    expect(await send({ merchant_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_merchant' } });
    expect(await send({ merchant_id: market.m, source_id: 'none' })).toMatchObject({ status: 422, body: { code: 'unknown_source' } });
  });

  test('is waited for until it is paid, too', async () => {
    const market = await openMarket(service);
    await market.order('1', { status: 'created', paid_at: null });
    expect((await market.claim('1')).body.state).toBe('waiting');
  });
});

describe('a claim is refused', () => {
  test('while another of the same promoter to the same order is undecided', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: first } = await market.claim('1');
    expect(await market.claim('1')).toMatchObject({ status: 409, body: { code: 'claim_exists' } });
    expect((await market.claim('1', {}, market.keys.carol)).status).toBe(201);
    await service.decide(first.claim_id, 'reject');
    expect((await market.claim('1')).status).toBe(201);
  });

  test('where the promoter has the order already', async () => {
    const market = await openMarket(service);
    await market.order('1', { link_code: market.code });
    expect(await market.claim('1')).toMatchObject({ status: 422, body: { code: 'already_credited' } });
  });

  test('past the cutoff of the merchant’s policy', async () => {
    const market = await openMarket(service);
    await market.order('1', { paid_at: ago(61) });
    await market.order('2', { paid_at: ago(59) });
    expect(await market.claim('1')).toMatchObject({ status: 422, body: { code: 'claim_too_late' } });
    expect((await market.claim('2')).status).toBe(201);
  });

  test('where nobody can earn the order, or it has no such line', async () => {
    const market = await openMarket(service);
    await market.order('void', { void: { reason: 'cancelled' } });
    await market.order('1');
    expect(await market.claim('void')).toMatchObject({
      status: 422,
      body: { code: 'order_not_claimable', detail: expect.stringContaining('cancelled') as string },
    });
    expect(await market.claim('1', { line_id: '9' })).toMatchObject({ status: 422, body: { code: 'unknown_line' } });
  });

  test('where several merchants have the order and none is named', async () => {
    const market = await openMarket(service);
    const id = `both-${market.m}`;
    await market.order(id);
    await (await openMarket(service)).order(id);
    const send = () => service.post('/v1/claims', { order_id: id, evidence: 'x' }, { key: market.keys.bob });
    expect(await send()).toMatchObject({ status: 409, body: { code: 'ambiguous_order' } });
  });

  test('after so many in one day, and tells when to come back', async () => {
    const market = await openMarket(service);
    for (let count = 0; count < CLAIMS_PER_DAY; count++) expect((await market.claim(`lost-${count}`)).status).toBe(201);
    const { status, body, headers } = await market.claim('lost-more');
    expect([status, body.code]).toEqual([429, 'claim_limit']);
    expect(Number(headers['retry-after'])).toBeGreaterThan(23 * 3600);
    expect((await market.claim('lost', {}, market.keys.carol)).status).toBe(201);
  });
});

test('a claim of what is not there counts, so that nobody learns by guessing which orders there are', async () => {
  const market = await openMarket(service);
  const guess = async (n: number) => (await market.claim(`guess-${n}`, { source_id: 'nowhere' })).status;
  for (let n = 0; n < 20; n++) expect(await guess(n)).toBe(422);
  expect(await guess(20)).toBe(429);
});
