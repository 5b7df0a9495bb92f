// Offers over HTTP: a PUT publishes and ends the rules that pay it, and nothing else.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { midnightFrom } from '../../../src/platform/calendar.ts';
import { openService } from '../stage.ts';
import { ago, inDays, openShop, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../world.ts';
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

const open = (percent: number, more: object = {}) => ({ kind: 'open', product_ids: ['p1'], rate_ppm: percent * PERCENT, ...more });
const directed = (percent: number, more: object) => ({ ...open(percent), kind: 'directed', ...more });
const rulesOf = async (m: string) => {
  const { rows } = await sql<{ rule_id: string; versions: string; effective_to: Date | null; recorded_at: Date }>`
    select rule_id, count(*) as versions from offer_rule join rule_version using (rule_id) where merchant_id = ${m}
    group by rule_id order by min(made_at), rule_id`.execute(world.owner);
  return rows.map(({ rule_id: ruleId, versions }) => ({ ruleId, versions: Number(versions) }));
};

const earliest = () => midnightFrom(new Date(Date.now() + 24 * 3_600_000), 'Asia/Shanghai').toISOString();

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);

describe('an offer', () => {
  test('pays by rules that name it, and an order by them is explained by them', async () => {
    const shop = await openOfferShop(world, service);
    const made = await shop.put('spring', open(10));
    expect(made).toMatchObject({ status: 201, body: { version: 1, state: 'running', rate_ppm: 100_000, rules: 1, accepted: [] } });
    const [rule] = await rulesOf(shop.m);
    expect(rule!.ruleId).toMatch(/^offer:spring:/);
    const { body } = await service.get(`/v1/rules/${rule!.ruleId}`);
    expect(body['versions']).toMatchObject([
      { offer_id: 'spring', scope: { merchant_id: shop.m, product_id: 'p1' }, name: 'offer spring' },
    ]);
    await shop.order('1', { paid_at: ago(0), link_code: shop.code });
    expect(await shop.line('1')).toMatchObject({ rule_id: rule!.ruleId, pool: 999n });
    expect(service.nudged).toContain('awards');
  });

  test('that says the same is no change, and one that differs publishes the difference only', async () => {
    const shop = await openOfferShop(world, service);
    await shop.offer('all', open(5));
    const body = directed(10, { promoters: [shop.bob, shop.alice] });
    await shop.offer('some', body);
    expect(await shop.put('some', { ...body, promoters: [shop.alice, shop.bob, shop.bob] })).toMatchObject({
      status: 200,
      body: { version: 1 },
    });
    await shop.offer('some', { ...body, promoters: [shop.bob, shop.carol] });
    expect((await rulesOf(shop.m)).map(({ versions }) => versions).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2]);
    expect(await shop.rates(shop.bob, shop.carol, shop.alice)).toEqual([100_000, 100_000, 50_000]);
    await shop.offer('some', { ...body, note: 'says nothing of what is paid' });
    expect(await shop.rates(shop.bob, shop.carol, shop.alice)).toEqual([100_000, 50_000, 100_000]);
    await shop.offer('some', { ...body, rate_ppm: 20 * PERCENT });
    expect(await shop.rates(shop.bob, shop.carol, shop.alice)).toEqual([200_000, 50_000, 200_000]);
  });

  test('of a promoter goes before the agency’s, that before the open one, and an exclusive one leaves others out', async () => {
    const shop = await openOfferShop(world, service);
    await shop.offer('baby', { kind: 'open', category: 'baby', rate_ppm: PERCENT });
    await shop.offer('all', open(2));
    expect(await shop.rates(shop.bob, shop.alice, shop.carol)).toEqual([20_000, 20_000, 20_000]);
    await shop.offer('agencies', directed(3, { agencies: [shop.agency] }));
    expect(await shop.rates(shop.bob, shop.carol)).toEqual([30_000, 20_000]);
    await shop.offer('bobs', directed(4, { promoters: [shop.bob] }));
    expect(await shop.rates(shop.bob, shop.carol)).toEqual([40_000, 20_000]);
    for (const [id, kind] of [
      ['bobs', directed(4, { promoters: [shop.bob] })],
      ['agencies', directed(3, { agencies: [shop.agency] })],
      ['all', open(2)],
    ] as const) {
      await shop.offer(id, { ...kind, paused: true });
    }
    await shop.offer('only carol', { ...open(9), kind: 'exclusive', promoters: [shop.carol] });
    expect(await shop.rates(shop.carol, shop.bob)).toEqual([90_000, 0]);
    await shop.order('1', { paid_at: ago(0), link_code: shop.code });
    expect(await shop.line('1')).toMatchObject({ pool: 0n, shares: [] });
  });

  test('is paused and goes on as the same rules, and ends', async () => {
    const shop = await openOfferShop(world, service);
    await shop.offer('spring', open(10));
    expect(await shop.offer('spring', open(10, { paused: true }))).toMatchObject({ state: 'paused', rules: 0 });
    expect(await shop.rates(shop.bob)).toEqual([null]);
    expect(await shop.offer('spring', open(10))).toMatchObject({ state: 'running', rules: 1, version: 3 });
    expect(await shop.rates(shop.bob)).toEqual([100_000]);
    expect(await shop.offer('spring', open(10, { ends_at: ago(1) }))).toMatchObject({ state: 'ended', rules: 0 });
    expect(await shop.rates(shop.bob)).toEqual([null]);
    expect(await rulesOf(shop.m)).toMatchObject([{ versions: 4 }]);
  });

  test('pays in [starts_at, ends_at) to the instant', async () => {
    const shop = await openOfferShop(world, service);
    const [from, to] = [inDays(2), inDays(4)];
    expect(await shop.offer('soon', open(10, { starts_at: from, ends_at: to }))).toMatchObject({
      state: 'scheduled',
      effective_from: from,
    });
    const rateAt = async (at: number) => {
      const query = `merchant_id=${shop.m}&product_id=p1&promoter_id=${shop.bob}&at=${encodeURIComponent(new Date(at).toISOString())}`;
      return (await service.get(`/v1/rules/effective?${query}`)).body['winner'] !== null;
    };
    const found = [];
    for (const at of [Date.parse(from) - 1, Date.parse(from), Date.parse(to) - 1, Date.parse(to)]) found.push(await rateAt(at));
    expect(found).toEqual([false, true, true, false]);
    expect(await shop.put('soon', open(10, { starts_at: from, ends_at: to }))).toMatchObject({ status: 200, body: { version: 1 } });
  });

  test('is refused with what is wrong of it', async () => {
    const shop = await openOfferShop(world, service);
    const wrong: [object, number, string, string][] = [
      [{ ...open(10), plan: SIMPLE_PLAN }, 400, 'malformed_request', 'rate_ppm'],
      [{ ...open(10), category: 'baby' }, 400, 'malformed_request', 'product_ids'],
      [open(10, { promoters: [shop.bob] }), 400, 'malformed_request', 'promoters'],
      [directed(10, {}), 400, 'malformed_request', 'promoters'],
      [{ kind: 'directed', category: 'baby', rate_ppm: 1, promoters: [shop.bob] }, 400, 'malformed_request', 'category'],
      [open(10, { starts_at: inDays(2), ends_at: inDays(1) }), 400, 'malformed_request', 'ends_at'],
      [open(10, { product_ids: ['p1', 'nothing'] }), 422, 'unknown_product', 'product_ids'],
      [directed(10, { promoters: ['nobody'] }), 422, 'unknown_promoter', 'promoters'],
      [directed(10, { agencies: ['nobody'] }), 422, 'unknown_agency', 'agencies'],
      [open(10, { ends_at: ago(1) }), 422, 'unprocessable', 'ends_at'],
      [{ ...open(10), rate_ppm: undefined, plan: { ...SIMPLE_PLAN, fixed_per_unit: 5 } }, 422, 'invalid_plan', 'plan.currency'],
    ];
    for (const [body, status, code, path] of wrong) {
      const answer = await shop.put('wrong', body);
      expect([answer.status, answer.body.code, answer.body.errors[0]?.path], JSON.stringify(body)).toEqual([status, code, path]);
    }
    await shop.offer('mine', open(10));
    expect(await shop.put('mine', { ...open(10), kind: 'exclusive', promoters: [shop.bob] })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    expect(await shop.put('unknown', open(10), await service.keyOf('merchant', { merchantId: 'm1' }))).toMatchObject({ status: 403 });
  });

  test('of its merchant is put by that merchant’s key, read by it, and listed', async () => {
    const shop = await openOfferShop(world, service);
    const key = await service.keyOf('merchant', { merchantId: shop.m });
    expect((await shop.put('a', open(10), key)).status).toBe(201);
    await shop.offer('b', { kind: 'open', category: 'toys', rate_ppm: 1 });
    const listed = await service.get(`/v1/merchants/${shop.m}/offers?limit=1`, key);
    expect(listed.body).toMatchObject({ data: [{ offer_id: 'a', products: 1, named: 0 }], next_cursor: expect.any(String) });
    const next = await service.get(`/v1/merchants/${shop.m}/offers?limit=1&cursor=${listed.body.next_cursor}`, key);
    expect(next.body).toMatchObject({ data: [{ offer_id: 'b', products: null, category: 'toys' }], next_cursor: null });
    expect((await service.get(`/v1/merchants/${shop.m}/offers/a`, key)).body).toMatchObject({
      product_ids: ['p1'],
      plan: { rate_ppm: 100_000 },
    });
    expect((await service.get(`/v1/merchants/${shop.m}/offers/none`, key)).status).toBe(404);
    const { rows } = await sql<{ action: string }>`
      select action from audit_log where subject_id = ${`${shop.m}/a`} or subject_id like 'offer:a:%' order by audit_id`.execute(
      world.owner,
    );
    expect(rows.map(({ action }) => action)).toEqual(expect.arrayContaining(['offer_stated', 'rule_published']));
  });
});

describe('what is in the way', () => {
  test('is named: another offer, a rule of no offer, a missing open one', async () => {
    const shop = await openOfferShop(world, service);
    const refused = async (offerId: string, body: object, word: string) => {
      const answer = await shop.put(offerId, body);
      expect([answer.status, answer.body.code, answer.body['detail']]).toEqual([422, 'offer_conflict', expect.stringContaining(word)]);
    };
    await refused('bobs', directed(5, { promoters: [shop.bob] }), 'open offer');
    const ruleId = await shop.rule(SIMPLE_PLAN, { scope: { merchant_id: shop.m, product_id: 'p1' }, priority: 3 });
    await refused('all', open(5), ruleId);
    await service.post(`/v1/rules/${ruleId}/end`, {});
    await shop.offer('all', open(5));
    await refused('again', open(6), 'all');
    await shop.offer('bobs', directed(5, { promoters: [shop.bob] }));
    await refused('bobs too', directed(6, { promoters: [shop.bob] }), 'bobs');
    await refused('carols', { ...open(9), kind: 'exclusive', promoters: [shop.carol] }, 'all');
    await refused('all', open(5, { paused: true }), 'bobs');
    await refused('all', open(5, { ends_at: inDays(3) }), 'bobs');
    await shop.offer('bobs', directed(5, { promoters: [shop.bob], ends_at: inDays(2) }));
    await shop.offer('all', open(5, { ends_at: inDays(3) }));
  });

  test('is an offer to a rule of no offer in its place, and nothing but its PUT changes its rules', async () => {
    const shop = await openOfferShop(world, service);
    await shop.offer('all', open(5));
    const [own] = await rulesOf(shop.m);
    const scope = { merchant_id: shop.m, product_id: 'p1' };
    const plain = { name: 'plain', scope, priority: 5, plan: SIMPLE_PLAN };
    expect(await service.post('/v1/rules', plain)).toMatchObject({
      status: 422,
      body: { code: 'offer_conflict', errors: [{ path: 'scope' }] },
    });
    expect((await service.post('/v1/rules', { ...plain, scope: { ...scope, tier: 'gold' } })).status).toBe(201);
    for (const [path, body] of [
      ['versions', { name: 'taken over' }],
      ['end', {}],
      ['reversion', { to_version: 1 }],
    ] as const) {
      const answer = await service.post(`/v1/rules/${own!.ruleId}/${path}`, body);
      expect(answer, path).toMatchObject({ status: 422, body: { code: 'offer_conflict' } });
    }
    const elsewhere = await openOfferShop(world, service);
    await elsewhere.offer('carols', { ...open(9), kind: 'exclusive', promoters: [elsewhere.carol] });
    const around = { name: 'around', scope: { merchant_id: elsewhere.m, product_id: 'p1', tier: 'gold' }, plan: SIMPLE_PLAN };
    expect(await service.post('/v1/rules', around)).toMatchObject({ status: 422, body: { code: 'offer_conflict' } });
  });

  test('is none between merchants who use the same ids', async () => {
    const [one, other] = [await openOfferShop(world, service), await openOfferShop(world, service)];
    await one.offer('spring', open(5));
    await other.offer('spring', open(7));
    expect([await one.rates(one.bob), await other.rates(other.bob)]).toEqual([[50_000], [70_000]]);
  });
});

describe('the rate notice', () => {
  test('holds for offers: a raise counts at once, and a lowering, an end, a pause and a narrowing wait', async () => {
    const shop = await openOfferShop(world, service, { rate_notice_hours: 24 });
    await shop.offer('all', open(5));
    await shop.offer('some', directed(10, { promoters: [shop.bob, shop.carol] }));
    expect(await shop.rates(shop.bob)).toEqual([100_000]);
    for (const changed of [
      directed(8, { promoters: [shop.bob, shop.carol] }),
      directed(10, { promoters: [shop.bob] }),
      directed(10, { promoters: [shop.bob, shop.carol], paused: true }),
      directed(10, { promoters: [shop.bob, shop.carol], ends_at: ago(1) }),
    ]) {
      expect(await shop.offer('some', changed)).toMatchObject({ effective_from: earliest() });
      expect(await shop.rates(shop.bob, shop.carol)).toEqual([100_000, 100_000]);
      await shop.offer('some', directed(10, { promoters: [shop.bob, shop.carol] }));
    }
    await shop.offer('some', directed(12, { promoters: [shop.bob, shop.carol] }));
    expect(await shop.rates(shop.bob)).toEqual([120_000]);
  });

  test('names the earliest time to who asks for it sooner', async () => {
    const shop = await openOfferShop(world, service, { rate_notice_hours: 24 });
    await shop.offer('all', open(5));
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const sooner = await shop.put('all', open(4, { starts_at: soon }));
    expect(sooner).toMatchObject({
      status: 422,
      body: { code: 'notice_too_short', errors: [{ path: 'starts_at', message: expect.stringContaining(earliest()) }] },
    });
    const ending = await shop.put('all', open(5, { ends_at: soon }));
    expect(ending).toMatchObject({ status: 422, body: { code: 'notice_too_short', errors: [{ path: 'ends_at' }] } });
    expect(await shop.offer('all', open(4, { starts_at: inDays(5) }))).toMatchObject({ version: 2 });
  });
});

describe('at the same time', () => {
  test('two PUTs in one place: one is there, and the other is told of it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const shop = await openOfferShop(world, service);
      const answers = await Promise.all(['a', 'b', 'c'].map((id) => shop.put(id, open(5))));
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 422, 422]);
      expect(await rulesOf(shop.m)).toHaveLength(1);
    }
  });

  test('a PUT and a publication of a rule in its place: one of them is there', async () => {
    for (let round = 0; round < 5; round += 1) {
      const shop = await openOfferShop(world, service);
      const plain = { name: 'plain', scope: { merchant_id: shop.m, product_id: 'p1' }, plan: SIMPLE_PLAN };
      const [put, published] = await Promise.all([shop.put('a', open(5)), service.post('/v1/rules', plain)]);
      expect([put.status, published.status].toSorted((a, b) => a - b)).toEqual([201, 422]);
    }
  });

  test('the same PUT many times is one version', async () => {
    const shop = await openOfferShop(world, service);
    const answers = await Promise.all(Array.from({ length: 6 }, () => shop.put('a', open(5))));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 200, 201]);
    expect(await rulesOf(shop.m)).toMatchObject([{ versions: 1 }]);
  });
});

test('an offer has ten thousand rules at most, and that many are published and changed in one go', { timeout: 120_000 }, async () => {
  const { m } = await openShop(world, { rate_notice_hours: 24 });
  await sql`
    with made as (insert into promoter (promoter_id, made_at) select ${`${m}-`} || n, now() from generate_series(1, 100) as n returning promoter_id)
    insert into promoter_version (promoter_id, version, name, kind, status, coupon_codes, effective_from, recorded_at)
    select promoter_id, 1, promoter_id, 'person', 'active', '[]', '-infinity', now() from made`.execute(world.owner);
  await sql`
    with made as (
      insert into product (merchant_id, product_id, made_at) select ${m}, 'w' || n, now() from generate_series(1, 101) as n returning product_id
    )
    insert into product_version (merchant_id, product_id, version, title, commissionable, effective_from, recorded_at)
    select ${m}, product_id, 1, product_id, true, '-infinity', now() from made`.execute(world.owner);
  const put = (offerId: string, body: object) => service.call('PUT', `/v1/merchants/${m}/offers/${offerId}`, body);
  const wide = (percent: number, products: number) => ({
    ...open(percent),
    kind: 'directed',
    product_ids: names('w', products),
    promoters: names(`${m}-`, 100),
  });
  expect((await put('all', open(1, { product_ids: names('w', 101) }))).status).toBe(201);
  expect(await put('wide', wide(5, 101))).toMatchObject({ status: 422, body: { code: 'offer_too_wide' } });
  expect(await put('wide', wide(5, 100))).toMatchObject({ status: 201, body: { rules: 10_000 } });
  expect(await put('wide', wide(6, 100))).toMatchObject({ status: 200, body: { rules: 10_000, version: 2 } });
});

test('a plan of its own is split as any other, no deeper than chains may be paid', async () => {
  const shop = await openOfferShop(world, service);
  const deep = { ...WORKED_PLAN, split: [{ to: 'promoter', share_ppm: 1_000_000, pays: [{ to: 'upline', level: 2, share_ppm: 1000 }] }] };
  expect(await shop.put('a', { kind: 'open', product_ids: ['p1'], plan: deep })).toMatchObject({
    status: 422,
    body: { code: 'referral_levels_exceeded' },
  });
  await shop.offer('a', { kind: 'open', product_ids: ['p1'], plan: WORKED_PLAN });
  await shop.order('1', { paid_at: ago(0), link_code: shop.code });
  expect((await shop.line('1')).shares).toMatchObject([{ amount: 300 }, { amount: 630 }, { amount: 69 }]);
});
