// The rules over HTTP: what is published, what is refused and where its fault is, and which rule
// applies.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openService } from '../stage.ts';
import { ago, inDays, openShop, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../world.ts';

let world: World;
let service: Awaited<ReturnType<typeof openService>>;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
});
afterAll(async () => {
  await service.close();
  await world.close();
});

let merchants = 0;
/** A rule of a merchant of its own, so that no two of these conflict. */
const ruleOf = (more: object = {}) => ({ name: 'ten', scope: { merchant_id: `merchant-${(merchants += 1)}` }, plan: WORKED_PLAN, ...more });
const publish = (body: object, as = {}) => service.post('/v1/rules', body, as);
const changesOf = (id: string) => world.db.selectFrom('audit_log').selectAll().where('subject_id', '=', id).orderBy('audit_id').execute();

describe('publishing', () => {
  test('makes version 1, complete with its defaults, audited, and wakes the award', async () => {
    const rule = ruleOf();
    const { status, body } = await publish(rule);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      version: 1,
      name: 'ten',
      scope: rule.scope,
      priority: 0,
      effective_to: null,
      plan: { base: 'paid_amount', cap_per_order: null },
    });
    expect(Math.abs(Date.parse(body.effective_from) - Date.now())).toBeLessThan(60_000);
    expect(service.nudged).toContain('awards');
    const { body: found } = await service.get(`/v1/rules/${body.rule_id}`);
    expect(found).toEqual({ rule_id: body.rule_id, versions: [body] });
    expect(await changesOf(body.rule_id)).toMatchObject([
      { action: 'rule_published', before: null, after: { ...body, retroactive: false } },
    ]);
  });

  test('the next version keeps what is left out, but for its times', async () => {
    const { body: first } = await publish(ruleOf({ priority: 3, effective_to: inDays(10) }));
    const { status, body } = await service.post(`/v1/rules/${first.rule_id}/versions`, { plan: SIMPLE_PLAN });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      version: 2,
      name: 'ten',
      scope: first['scope'],
      priority: 3,
      effective_to: null,
      plan: { split: [{ to: 'promoter' }] },
    });
    const third = await service.post(`/v1/rules/${first.rule_id}/versions`, { name: 'other' });
    expect(third.body).toMatchObject({ version: 3, name: 'other', plan: body['plan'] });
    expect((await service.get(`/v1/rules/${first.rule_id}`)).body['versions']).toHaveLength(3);
    expect((await service.post('/v1/rules/no-such-rule/versions', { plan: SIMPLE_PLAN })).status).toBe(404);
  });

  test('twice under one Idempotency-Key makes one rule', async () => {
    const [rule, headers] = [ruleOf(), { 'idempotency-key': 'one' }];
    const [first, again] = [await publish(rule, { headers }), await publish(rule, { headers })];
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotent-replayed']).toBe('true');
  });

  test('is for admins, and so is reading, but for auditors', async () => {
    const [storefront, auditor] = await Promise.all([service.keyOf('storefront'), service.keyOf('auditor')]);
    expect((await publish(ruleOf(), { key: storefront })).status).toBe(403);
    expect((await publish(ruleOf(), { key: auditor })).status).toBe(403);
    expect((await service.get('/v1/rules', auditor)).status).toBe(200);
    expect((await service.get('/v1/rules', storefront)).status).toBe(403);
  });

  test('lists all rules, page by page', async () => {
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await service.get(`/v1/rules?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.data.map((rule) => rule.rule_id));
      cursor = body.next_cursor;
    }
    const all = await world.db.selectFrom('rule').select('rule_id').orderBy('rule_id').execute();
    expect(seen).toEqual(all.map((row) => row.rule_id));
  });
});

const split = (node: object, ...more: object[]) => ({ plan: { rate_ppm: 100_000, split: [node, ...more] } });
const upline = (level: number) => ({ to: 'upline', level, share_ppm: 100_000 });
const nested = (depth: number): object => ({
  to: { account: `promoter:${depth}` },
  share_ppm: 1_000_000,
  pays: depth === 0 ? [] : [nested(depth - 1)],
});

describe('what may not be published is refused, with the path of the fault', () => {
  const faults: [what: string, more: object, code: string, path: string][] = [
    ['an unknown key in the plan', { plan: { ...SIMPLE_PLAN, rate: 1 } }, 'invalid_plan', 'plan.rate'],
    ['an unknown key in a node', split({ to: 'promoter', share_ppm: 1, payes: [] }), 'invalid_plan', 'plan.split.0.payes'],
    ['an unknown key in the scope', { scope: { merchant: 'm1' } }, 'invalid_plan', 'scope.merchant'],
    ['an unknown key beside them', { rate_ppm: 1 }, 'invalid_plan', 'rate_ppm'],
    ['a rate above the whole', { plan: { ...SIMPLE_PLAN, rate_ppm: 1_000_001 } }, 'invalid_plan', 'plan.rate_ppm'],
    ['a share below nothing', split({ to: 'promoter', share_ppm: -1 }), 'invalid_plan', 'plan.split.0.share_ppm'],
    [
      'children above the whole',
      split({ to: 'promoter', share_ppm: 900_000 }, { to: 'platform', share_ppm: 200_000 }),
      'invalid_plan',
      'plan.split',
    ],
    [
      'the same role twice on one path',
      split({ to: 'agency', share_ppm: 1, pays: [{ to: 'agency', share_ppm: 1 }] }),
      'invalid_plan',
      'plan.split.0.pays.0.to',
    ],
    ['an upline without a level', split({ to: 'upline', share_ppm: 1 }), 'invalid_plan', 'plan.split.0.level'],
    ['a cap in no currency', { plan: { ...SIMPLE_PLAN, cap_per_line: 5 } }, 'invalid_plan', 'plan.currency'],
    ['seventeen levels of nodes', split(nested(17)), 'invalid_plan', `plan.split.0${'.pays.0'.repeat(15)}.pays`],
    [
      'an upline beyond what may be paid',
      split({ to: 'promoter', share_ppm: 1, pays: [upline(1), upline(2)] }),
      'referral_levels_exceeded',
      'plan.split.0.pays.1.level',
    ],
    ['a time in the past', { effective_from: ago(1) }, 'retroactive_not_allowed', 'effective_from'],
    ['an end before its beginning', { effective_from: inDays(2), effective_to: inDays(1) }, 'unprocessable', 'effective_to'],
    ['a wrong type', { plan: { ...SIMPLE_PLAN, rate_ppm: '10 %' } }, 'malformed_request', 'plan.rate_ppm'],
    ['no plan', { plan: undefined }, 'malformed_request', 'plan'],
    ['a priority that is no number', { priority: 'high' }, 'malformed_request', 'priority'],
    ['a name without words', { name: '' }, 'malformed_request', 'name'],
    ['a time without an offset', { effective_from: '2026-06-01' }, 'malformed_request', 'effective_from'],
  ];
  test.each(faults)('%s', async (_, more, code, path) => {
    const { status, body, headers } = await publish(ruleOf(more));
    expect(headers['content-type']).toContain('application/problem+json');
    expect([status, body.code]).toEqual([code === 'malformed_request' ? 400 : 422, code]);
    expect(body.errors.map((fault) => fault.path)).toContain(path);
  });

  test('a body that is no object, and one that is nested without end', async () => {
    expect(await publish([])).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
    let deep: object = { to: 'promoter', share_ppm: 1 };
    for (let depth = 0; depth < 2000; depth++) deep = { to: 'promoter', share_ppm: 1, pays: [deep] };
    expect(await publish(ruleOf(split(deep)))).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
  });

  test('sixteen levels are fine', async () => {
    expect((await publish(ruleOf(split(nested(15))))).status).toBe(201);
  });
});

describe('the past', () => {
  test('is reached by a rule only when that is said, audited, and heals the orders that found none', async () => {
    const shop = await openShop(world);
    await shop.order('1', { link_code: shop.code });
    expect((await shop.line('1')).decision).toBe('no_rule');
    const rule = { name: 'late', scope: { merchant_id: shop.m }, plan: SIMPLE_PLAN, effective_from: ago(30) };
    expect((await publish(rule)).body.code).toBe('retroactive_not_allowed');
    const { status, body } = await publish({ ...rule, retroactive: true });
    expect(status).toBe(201);
    expect(await changesOf(body.rule_id)).toMatchObject([{ after: { retroactive: true } }]);
    await world.award();
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed', rule_id: body.rule_id });
  });
});

describe('conflicts', () => {
  test('two rules of one scope, one priority and overlapping times refuse each other, whoever is first', async () => {
    const rule = ruleOf();
    const answers = await Promise.all([publish(rule), publish(rule), publish(rule)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
    expect(answers.find(({ status }) => status === 409)!.body.code).toBe('rule_conflict');
    expect((await publish({ ...rule, priority: 1 })).status).toBe(201);
  });

  test('a version does not conflict with its own rule, and may take its place', async () => {
    const rule = ruleOf();
    const { body } = await publish(rule);
    const versions = `/v1/rules/${body.rule_id}/versions`;
    expect((await service.post(versions, { plan: SIMPLE_PLAN, effective_from: inDays(1) })).status).toBe(201);
    expect((await publish({ ...rule, effective_from: inDays(3) })).status).toBe(409);
    expect((await service.post(versions, { effective_from: inDays(2), effective_to: inDays(3) })).status).toBe(201);
    expect((await publish({ ...rule, effective_from: inDays(3) })).status).toBe(201);
  });
});

describe('ending', () => {
  test('ends all versions for good, now or later', async () => {
    const { body: rule } = await publish(ruleOf());
    const end = `/v1/rules/${rule.rule_id}/end`;
    expect((await service.post(end, { at: ago(1) })).body.code).toBe('retroactive_not_allowed');
    const at = inDays(1);
    const { status, body } = await service.post(end, { at });
    expect([status, body['versions']]).toMatchObject([200, [{ version: 1, effective_to: at }]]);
    expect(await service.post(end, {})).toMatchObject({ status: 422, body: { code: 'rule_ended' } });
    expect(await service.post(`/v1/rules/${rule.rule_id}/versions`, { effective_from: inDays(2) })).toMatchObject({
      status: 422,
      body: { code: 'rule_ended' },
    });
    expect((await changesOf(rule.rule_id)).map(({ action }) => action)).toEqual(['rule_published', 'rule_ended']);
    expect((await service.post('/v1/rules/no-such-rule/end', {})).status).toBe(404);
  });
});

describe('which rule applies', () => {
  test('the winner and every loser, each with its reason', async () => {
    const shop = await openShop(world);
    await world.promoter(shop.bob, { tier: 'gold', agency_id: shop.agency, from: ago(5) });
    const of = (scope: object, more = {}) => shop.rule(SIMPLE_PLAN, { scope: { merchant_id: shop.m, ...scope }, ...more });
    const ids = {
      plain: await of({}),
      high: await of({}, { priority: 5 }),
      tier: await of({ tier: 'gold' }),
      category: await of({ category: 'toys' }),
    };
    const question = `/v1/rules/effective?merchant_id=${shop.m}&product_id=p1&promoter_id=${shop.bob}`;
    const { status, body } = await service.get(question);
    const reasonOf = (id: string) => body.losers.find((loser) => loser.rule_id === id)?.reason;
    expect(status).toBe(200);
    expect(body['winner']).toMatchObject({ rule_id: ids.tier, weight: 5, reason: 'higher_weight' });
    expect([ids.high, ids.plain, ids.category].map(reasonOf)).toEqual(['lower_weight', 'lower_weight', 'scope_mismatch: category']);
    const before = await service.get(`${question}&at=${ago(6)}`);
    expect(before.body).toMatchObject({ winner: { rule_id: ids.high, reason: 'higher_priority' } });
    expect((await service.get(`${question}&category=toys`)).body).toMatchObject({ winner: { rule_id: ids.category } });
    expect((await service.get(`${question}&at=2019-01-01T00:00:00Z`)).body).toMatchObject({ winner: null });
  });

  test('asks for a merchant that is there', async () => {
    expect((await service.get('/v1/rules/effective?merchant_id=nobody')).status).toBe(404);
    expect((await service.get('/v1/rules/effective')).status).toBe(400);
  });
});
