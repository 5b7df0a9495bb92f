// Orders over HTTP: one, the list, the explanation, and who may see what of them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openService } from '../stage.ts';
import { ago, openShop, openWorld, type World } from '../world.ts';

let world: World;
let service: Awaited<ReturnType<typeof openService>>;
let shop: Awaited<ReturnType<typeof openShop>>;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
});
beforeEach(async () => {
  shop = await openShop(world);
  await shop.rule();
});
afterAll(async () => {
  await service.close();
  await world.close();
});

const pathOf = (orderId: string, more = '') => `/v1/orders/rest/${orderId}${more}`;

describe('one order', () => {
  test('is answered with its lines, shares and totals, in whole numbers', async () => {
    await shop.order('37051', { link_code: shop.code, created_at: ago(1.5), refunds: [{ refund_id: 'r', line_id: '1', amount: 3000 }] });
    const { status, body } = await service.get(pathOf('37051', `?merchant_id=${shop.m}`));
    expect([status, body]).toMatchObject([
      200,
      {
        source_id: 'rest',
        order_id: '37051',
        merchant_id: shop.m,
        status: 'paid',
        void: false,
        currency: 'CNY',
        award: 'estimated',
        lines: [
          {
            line_id: '1',
            product_id: 'p1',
            paid_amount: 9999,
            refunded_amount: 3000,
            decision: 'attributed',
            evidence: 'link_code',
            promoter_id: shop.bob,
            rule_version: 1,
            pool: 699,
            shares: [
              { role: 'agency', promoter_id: shop.agency, amount: 210 },
              { role: 'promoter', promoter_id: shop.bob, amount: 441 },
              { role: 'upline', level: 1, promoter_id: shop.alice, amount: 48 },
            ],
          },
        ],
        totals: [
          { promoter_id: shop.agency, amount: 210 },
          { promoter_id: shop.bob, amount: 441 },
          { promoter_id: shop.alice, amount: 48 },
        ],
      },
    ]);
    expect((body['lines'] as { shares: object[] }[])[0]!.shares[0]).not.toHaveProperty('level');
  });

  test('that no award has looked at yet is pending', async () => {
    await world.report({ fields: shop.fields('unseen', {}) });
    const { body } = await service.get(pathOf('unseen'));
    expect(body).toMatchObject({ award: 'none', lines: [{ decision: 'pending', pool: 0, shares: [] }], totals: [] });
    await world.award();
  });

  test('that is not there is 404, and one that several merchants have needs the merchant', async () => {
    const other = await openShop(world);
    const id = `both-${shop.m}`;
    for (const one of [shop, other]) await one.order(id);
    expect((await service.get(pathOf(`none-${shop.m}`))).status).toBe(404);
    expect(await service.get(pathOf(id))).toMatchObject({ status: 409, body: { code: 'ambiguous_order' } });
    expect((await service.get(pathOf(id, `?merchant_id=${other.m}`))).body).toMatchObject({ merchant_id: other.m });
    const key = await service.keyOf('storefront', { merchantId: shop.m });
    expect((await service.get(pathOf(id), key)).body).toMatchObject({ merchant_id: shop.m });
  });

  test('is not for the keys of other merchants or promoters', async () => {
    const id = `mine-${shop.m}`;
    await shop.order(id, { link_code: shop.code });
    const key = await service.keyOf('storefront', { merchantId: 'another' });
    expect((await service.get(pathOf(id), key)).status).toBe(404);
    expect((await service.get(pathOf(id, `?merchant_id=${shop.m}`), key)).status).toBe(403);
    const stranger = await service.keyOf('promoter', { promoterId: 'stranger' });
    expect((await service.get(pathOf(id), stranger)).status).toBe(404);
    expect((await service.get(pathOf(id), 'no key')).status).toBe(401);
    expect((await service.get(pathOf(id), await service.keyOf('auditor'))).status).toBe(200);
  });
});

describe('a promoter’s key', () => {
  test('sees the orders it has a part in, and of their money its own', async () => {
    const id = `part-${shop.m}`;
    await shop.order(id, { link_code: shop.code });
    const key = await service.keyOf('promoter', { promoterId: shop.alice });
    const { body } = await service.get(pathOf(id), key);
    expect(body).toMatchObject({
      lines: [{ promoter_id: 'another promoter', shares: [{ role: 'upline', amount: 69 }] }],
      totals: [{ promoter_id: shop.alice, amount: 69 }],
    });
    const explanation = await service.get(pathOf(id, '/explanation'), key);
    expect(explanation.body).toMatchObject({ transfers: [{ role: 'upline', amount: 69 }] });
    const steps = (explanation.body['lines'] as { arithmetic: { step: string; promoter_id?: string }[] }[])[0]!.arithmetic;
    expect(steps.map((step) => [step.step, step.promoter_id])).toEqual([
      ['base', undefined],
      ['pool', undefined],
      ['share', shop.alice],
    ]);
  });

  test('lists just these, also one whose winner it once was', async () => {
    const [mine, others, lost] = ['mine', 'others', 'lost'].map((name) => `${name}-${shop.m}`) as [string, string, string];
    const agencys = await world.link(shop.m, shop.agency);
    await shop.order(mine, { link_code: shop.code });
    await shop.order(others, { link_code: agencys });
    await shop.order(lost, { link_code: shop.code });
    await shop.tell(lost, { click_token: world.token(agencys, { at: ago(2) }) });
    const key = await service.keyOf('promoter', { promoterId: shop.bob });
    const { status, body } = await service.get('/v1/orders', key);
    expect([status, body.data.map((order) => order.order_id)]).toEqual([200, [lost, mine]]);
    expect(body.data[0]).toMatchObject({ lines: [{ promoter_id: 'another promoter', rule_id: null, shares: [] }] });
    expect((await service.get(`/v1/orders?promoter_id=${shop.alice}`, key)).status).toBe(403);
  });
});

describe('the list', () => {
  test('is filtered, and goes on by its cursor', async () => {
    const paid = [6, 4, 2].map(ago);
    for (const [index, paid_at] of paid.entries()) await shop.order(`${index}`, { paid_at, ...(index > 0 && { link_code: shop.code }) });
    await shop.order('3', { status: 'created', paid_at: null });
    const idsOf = async (query: string) =>
      (await service.get(`/v1/orders?merchant_id=${shop.m}${query}`)).body.data.map((order) => order.order_id);
    expect(await idsOf('')).toEqual(['3', '2', '1', '0']);
    expect(await idsOf('&decision=unattributed')).toEqual(['0']);
    expect(await idsOf('&decision=pending')).toEqual(['3']);
    expect(await idsOf(`&promoter_id=${shop.alice}`)).toEqual(['2', '1']);
    expect(await idsOf(`&from=${paid[1]}&to=${paid[2]}`)).toEqual(['1']);
    const first = await service.get(`/v1/orders?merchant_id=${shop.m}&limit=3`);
    expect(first.body.data).toHaveLength(3);
    expect(await idsOf(`&limit=3&cursor=${first.body.next_cursor}`)).toEqual(['0']);
    expect((await service.get(`/v1/orders?merchant_id=${shop.m}&limit=4`)).body.next_cursor).toBeNull();
  });

  test('refuses what is no filter, no cursor, and the merchants of others', async () => {
    expect((await service.get('/v1/orders?decision=lost')).status).toBe(400);
    expect((await service.get('/v1/orders?limit=201')).status).toBe(400);
    expect(await service.get('/v1/orders?cursor=bm9uZQ')).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    const key = await service.keyOf('storefront', { merchantId: shop.m });
    expect((await service.get('/v1/orders?merchant_id=another', key)).status).toBe(403);
    await shop.order('1');
    expect((await service.get('/v1/orders', key)).body.data.map((order) => order['merchant_id'])).toEqual([shop.m]);
  });
});

describe('the explanation', () => {
  test('tells of an attributed order all that led to its money', async () => {
    const id = `why-${shop.m}`;
    const [buyer, lost] = [{ openid: 'o1' }, await world.link(shop.m, shop.alice, { scene: 'live' })];
    await world.click(lost, { at: ago(5), buyer });
    await shop.order(id, { buyer, click_token: await world.click(shop.code, { at: ago(2), buyer }) });
    await shop.tell(id, { refunds: [{ refund_id: 'r', line_id: '1', amount: 3000 }] });
    const { status, body } = await service.get(pathOf(id, '/explanation'));
    expect([status, body]).toMatchObject([
      200,
      {
        order: { order_id: id, award: 'estimated' },
        deliveries: [{ source_id: 'rest', state: 'processed' }, { source_id: 'rest' }],
        lines: [
          {
            line_id: '1',
            decision: 'attributed',
            reason: null,
            evidence: [
              { kind: 'click_token', promoter_id: shop.bob, link_code: shop.code, won: true, reason: null },
              { kind: 'click', promoter_id: shop.alice, link_code: lost, won: false, reason: 'outside_window' },
            ],
            winners: [{ promoter_id: shop.bob, weight_ppm: 1_000_000, chain: [shop.alice], agency_id: shop.agency, absent: [] }],
            rules: [{ outcome: 'won', reason: 'only_match', name: 'rule' }],
            arithmetic: [
              { step: 'base', paid: 9999, refunded: 3000, base: 6999 },
              { step: 'pool', rate_ppm: 100_000, pool: 699 },
              { step: 'share', role: 'agency', payer: 'merchant', share_ppm: 1_000_000, gross: 699, net: 210, amount: 210 },
              { step: 'share', role: 'promoter', payer: 'agency', share_ppm: 700_000, gross: 489, net: 441, amount: 441 },
              { step: 'share', role: 'upline', level: 1, payer: 'promoter', share_ppm: 100_000, gross: 48, net: 48, amount: 48 },
            ],
          },
        ],
      },
    ]);
    const moved = (body['transfers'] as { kind: string; from: string; to: string; amount: number; revision: number }[]).map((one) => [
      one.revision,
      one.kind,
      one.from,
      one.to,
      one.amount,
    ]);
    expect(moved.slice(2, 4)).toEqual([
      [1, 'accrue', 'commission', 'pending', 69],
      [2, 'reverse', 'pending', 'commission', 90],
    ]);
    expect(moved).toHaveLength(6);
  });

  test('tells of an unattributed one why nobody earned it, and of a void one why it earns nothing', async () => {
    const [id, voided] = [`why-${shop.m}`, `void-${shop.m}`];
    await shop.order(id, { coupon_codes: ['NONE'] });
    await shop.order(voided, { link_code: shop.code, void: { reason: 'cancelled by the buyer' } });
    const [one, other] = [await service.get(pathOf(id, '/explanation')), await service.get(pathOf(voided, '/explanation'))];
    expect(one.body).toMatchObject({
      lines: [{ decision: 'unattributed', reason: 'no_evidence_counts', evidence: [{ reason: 'unknown_coupon' }], winners: [], rules: [] }],
      transfers: [],
    });
    expect(other.body).toMatchObject({
      lines: [{ decision: 'void', reason: 'cancelled by the buyer', evidence: [{ kind: 'link_code' }] }],
    });
  });
});
