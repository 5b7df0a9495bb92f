// Rulings: an approved claim moves the money at once, is explained to both, and nothing that is
// told later moves it.
import { afterAll, describe, expect, test } from 'vitest';
import { ago, inDays, SIMPLE_PLAN } from '../commission/world.ts';
import { booksOf, openClaims, openMarket, type Market } from './stage.ts';

const service = await openClaims();
afterAll(() => service.close());

const { sums, violations } = booksOf(service);

const linesOf = async (market: Market, orderId: string) =>
  (await market.shown(orderId)).lines.map((line) => [line.line_id, line.evidence, line.promoter_id]);

describe('an approved claim', () => {
  test('takes the order from its winner: the loser’s entries are reversed, the claimant’s made, and the books sum to zero', async () => {
    const market = await openMarket(service);
    await market.order('1', { link_code: market.carolsCode });
    expect(await market.balance(market.carol)).toEqual([['CNY', 699, 0]]);
    const { body: claim } = await market.claim('1');
    expect(claim).toMatchObject({ state: 'open', before: null, gathered: { lines: [{ decision: 'attributed', evidence: 'link_code' }] } });
    const { status, body } = await service.decide(claim.claim_id, 'approve', 'the buyer says so');
    expect([status, body]).toMatchObject([
      200,
      {
        state: 'approved',
        reason: 'the buyer says so',
        before: [{ line_id: '1', evidence: 'link_code', promoter_id: market.carol }],
        after: [{ line_id: '1', evidence: 'claim', promoter_id: market.bob }],
      },
    ]);
    expect(await market.balance(market.carol)).toEqual([['CNY', 0, 0]]);
    expect(await market.balance(market.bob)).toEqual([['CNY', 630, 0]]);
    expect(await market.balance(market.alice)).toEqual([['CNY', 69, 0]]);
    expect(await market.transfers('1')).toContainEqual({
      kind: 'reverse',
      role: 'promoter',
      promoterId: market.carol,
      way: 'pending > commission',
      amount: -699,
    });
    expect(await sums()).toEqual([0]);
    expect(await violations()).toEqual([]);
  });

  test('is explained on the order, with its decider and reason, and the evidence that lost to it', async () => {
    const market = await openMarket(service);
    await market.order(`why-${market.m}`, { link_code: market.carolsCode });
    const { body: claim } = await market.claim(`why-${market.m}`);
    const { body: decided } = await service.decide(claim.claim_id, 'approve', 'the buyer says so');
    const evidence = async (key: string) => {
      const { body } = await service.get(`/v1/orders/rest/why-${market.m}/explanation`, key);
      return (body['lines'] as { evidence: object[] }[])[0]!.evidence;
    };
    const won = { kind: 'claim', won: true, reason: null };
    const ruled = { ...won, reference: claim.claim_id, promoter_id: market.bob };
    const lost = { kind: 'link_code', won: false, reason: 'weaker_kind' };
    const ruling = { line_id: null, decided_by: decided['decided_by'], reason: 'the buyer says so' };
    expect(await evidence(market.keys.admin)).toMatchObject([lost, { ...ruled, ruling }]);
    // Each of the two reads its own part, and that the other was another promoter.
    const bobs = await evidence(market.keys.bob);
    expect(bobs).toMatchObject([
      { ...lost, promoter_id: 'another promoter' },
      { ...ruled, ruling: { reason: 'the buyer says so' } },
    ]);
    const carols = await evidence(market.keys.carol);
    expect(carols).toMatchObject([lost, { ...won, promoter_id: 'another promoter' }]);
    for (const secret of [market.carolsCode, decided['decided_by'], market.carol]) expect(JSON.stringify(bobs)).not.toContain(secret);
    for (const secret of [claim.claim_id, 'the buyer says so', market.bob]) expect(JSON.stringify(carols)).not.toContain(secret);
  });

  test('is locked: stronger evidence, reports told again and further awards change nothing', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: claim } = await market.claim('1');
    await service.decide(claim.claim_id, 'approve');
    const after = await market.transfers('1');
    await market.tell('1', { click_token: service.world.token(market.carolsCode, { at: ago(1.1) }), coupon_codes: ['X'] });
    await market.order('1');
    await service.world.award(service.world.newDeps());
    expect(await linesOf(market, '1')).toEqual([['1', 'claim', market.bob]]);
    expect(await market.transfers('1')).toEqual(after);
  });

  test('goes with its money: a refund after it is the claimant’s', async () => {
    const market = await openMarket(service);
    await market.order('1', { link_code: market.carolsCode });
    const { body: claim } = await market.claim('1');
    await service.decide(claim.claim_id, 'approve');
    await market.tell('1', { refunds: [{ refund_id: 'r', line_id: '1', amount: 3000 }] });
    expect(await market.balance(market.bob)).toEqual([['CNY', 441, 0]]);
    expect(await market.balance(market.carol)).toEqual([['CNY', 0, 0]]);
  });

  test('moves even what was released: the loser owes it, the claimant has it available', async () => {
    const market = await openMarket(service);
    await market.order('1', { link_code: market.carolsCode, status: 'completed', paid_at: ago(20), completed_at: ago(15) });
    expect(await market.balance(market.carol)).toEqual([['CNY', 0, 699]]);
    const { body: claim } = await market.claim('1');
    await service.decide(claim.claim_id, 'approve');
    expect(await market.balance(market.carol)).toEqual([['CNY', 0, 0]]);
    expect(await market.balance(market.bob)).toEqual([['CNY', 0, 630]]);
    expect(await violations()).toEqual([]);
  });

  test('earns an order whose cutoff has passed while it was waited for', async () => {
    const market = await openMarket(service);
    const { body: claim } = await market.claim('late');
    await market.order('late', { paid_at: ago(70) });
    await service.takeUp();
    await market.tell('late', { link_code: market.carolsCode });
    expect(await market.line('late')).toMatchObject({ decision: 'unattributed' });
    await service.decide(claim.claim_id, 'approve');
    await service.world.award(service.world.newDeps());
    expect(await linesOf(market, 'late')).toEqual([['1', 'claim', market.bob]]);
    expect(await market.balance(market.bob)).toEqual([['CNY', 630, 0]]);
    expect(await violations()).toEqual([]);
  });

  test('of one line leaves the others to whoever has them, and a second one to the same line is refused', async () => {
    const market = await openMarket(service);
    const lines = ['1', '2'].map((line_id) => ({ line_id, product_id: 'p1', quantity: 1, paid_amount: 1000 }));
    await market.order('1', { link_code: market.carolsCode, lines });
    const { body: claim } = await market.claim('1', { line_id: '2' });
    expect((await service.decide(claim.claim_id, 'approve')).body.after).toMatchObject([{ line_id: '2', promoter_id: market.bob }]);
    expect(await linesOf(market, '1')).toEqual([
      ['1', 'link_code', market.carol],
      ['2', 'claim', market.bob],
    ]);
    const [same, whole] = [await market.claim('1', { line_id: '2' }, market.keys.carol), await market.claim('1')];
    expect(whole.body.state).toBe('open');
    for (const { body } of [same, whole]) {
      expect(await service.decide(body.claim_id, 'approve')).toMatchObject({ status: 409, body: { code: 'claimed_by_another' } });
    }
    expect(await linesOf(market, '1')).toHaveLength(2);
  });

  test('rests on the buyer’s click: the chain is that of its link, as it was at the click', async () => {
    const market = await openMarket(service);
    const buyer = { openid: `o-${market.m}` };
    const reshared = await service.world.link(market.m, market.bob, { shared_from: market.carolsCode });
    await service.world.click(reshared, { at: ago(40), buyer });
    await market.order('1', { buyer, paid_at: ago(1) });
    const { body: claim } = await market.claim('1');
    expect(claim).toMatchObject({ state: 'open', gathered: { own: [{ kind: 'click', link_code: reshared, reason: 'outside_window' }] } });
    await service.decide(claim.claim_id, 'approve');
    expect(await market.balance(market.carol)).toEqual([['CNY', 69, 0]]);
    expect(await violations()).toEqual([]);
  });

  test('of a whole order that was split goes over to its parts', async () => {
    const market = await openMarket(service);
    await market.order('whole', { link_code: market.carolsCode });
    const { body: claim } = await market.claim('whole');
    await service.decide(claim.claim_id, 'approve');
    await market.order('part', { parent: { order_id: 'whole', kind: 'split' } });
    expect(await linesOf(market, 'part')).toEqual([['1', 'claim', market.bob]]);
    const { body: rivals } = await market.claim('part', {}, market.keys.carol);
    expect((await service.decide(rivals.claim_id, 'approve')).status).toBe(409);
  });

  test('is paid by the rule of its own promoter', async () => {
    const market = await openMarket(service);
    await market.rule(SIMPLE_PLAN, { scope: { merchant_id: market.m, promoter_id: market.bob } });
    await market.order('1', { link_code: market.carolsCode });
    const { body: claim } = await market.claim('1');
    await service.decide(claim.claim_id, 'approve');
    expect(await market.balance(market.bob)).toEqual([['CNY', 999, 0]]);
  });
});

describe('a ruling', () => {
  test('against the claim changes nothing but the claim, and stands', async () => {
    const market = await openMarket(service);
    await market.order('1', { link_code: market.carolsCode });
    const before = await market.transfers('1');
    const { body: claim } = await market.claim('1');
    const { status, body } = await service.decide(claim.claim_id, 'reject', 'no trace of a click');
    expect([status, body]).toMatchObject([200, { state: 'rejected', reason: 'no trace of a click', before: null, after: null }]);
    await service.world.award();
    expect(await market.transfers('1')).toEqual(before);
    for (const decision of ['approve', 'reject'] as const) {
      expect(await service.decide(claim.claim_id, decision)).toMatchObject({ status: 409, body: { code: 'claim_decided' } });
    }
  });

  test('is written to the audit log, and told', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: claim } = await market.claim('1');
    await service.decide(claim.claim_id, 'approve', 'seen in the chat');
    const logged = await service.world.db.selectFrom('audit_log').selectAll().where('subject_id', '=', claim.claim_id).execute();
    expect(logged).toMatchObject([
      { action: 'claim_approved', before: { state: 'open' }, after: { state: 'approved', reason: 'seen in the chat' } },
    ]);
    expect(service.told.filter(([id]) => id === claim.claim_id).map(([, state]) => state)).toEqual(['open', 'approved']);
  });

  test('is given once, however often it is sent under one key', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: claim } = await market.claim('1');
    const send = () =>
      service.post(
        `/v1/claims/${claim.claim_id}/decision`,
        { decision: 'approve', reason: 'yes' },
        { headers: { 'idempotency-key': `decide-${claim.claim_id}` } },
      );
    const [first, again] = [await send(), await send()];
    expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([200, 200, 'true']);
    expect(again.body).toEqual(first.body);
    expect(await market.balance(market.bob)).toEqual([['CNY', 630, 0]]);
  });

  test('for a promoter who was suspended when the order was paid is refused', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: claim } = await market.claim('1');
    await service.world.promoter(market.bob, { status: 'suspended', from: ago(2) });
    expect(await service.decide(claim.claim_id, 'approve')).toMatchObject({ status: 422, body: { code: 'promoter_suspended' } });
    expect((await service.get(`/v1/claims/${claim.claim_id}`)).body.state).toBe('open');
  });

  test('for an order that nobody can earn any more is refused', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const { body: claim } = await market.claim('1');
    await market.tell('1', { void: { reason: 'cancelled' }, observed_at: inDays(0.1) });
    expect(await service.decide(claim.claim_id, 'approve')).toMatchObject({ status: 422, body: { code: 'order_not_claimable' } });
  });

  test('of two at once for one order, one is given', async () => {
    const market = await openMarket(service);
    await market.order('1');
    const [bobs, carols] = [(await market.claim('1')).body, (await market.claim('1', {}, market.keys.carol)).body];
    const answers = await Promise.all([bobs, carols].map((claim) => service.decide(claim.claim_id, 'approve')));
    expect(answers.map((answer) => answer.status)).toEqual(expect.arrayContaining([200, 409]));
    expect(await sums()).toEqual([0]);
  });
});

test('a decided claim cannot be changed, not even in the database', async () => {
  const market = await openMarket(service);
  await market.order('1');
  const { body: claim } = await market.claim('1');
  await service.decide(claim.claim_id, 'approve');
  const change = service.world.owner.updateTable('claim').set({ reason: 'another' }).where('claim_id', '=', claim.claim_id).execute();
  await expect(change).rejects.toThrow('never changed');
});
