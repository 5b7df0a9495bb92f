// A rule looked at before it is published, over HTTP, in a world in which its warnings are true.
import { afterAll, beforeAll, expect, test } from 'vitest';
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

interface Said {
  errors: { code: string; path: string; message: string }[];
  warnings: { code: string; path: string; message: string; rule_id?: string }[];
}

async function check(rule: object): Promise<Said> {
  const { status, body } = await service.post('/v1/rules/checks', rule);
  expect(status, JSON.stringify(body)).toBe(200);
  return body as unknown as Said;
}
const codes = ({ errors, warnings }: Said) => [errors.map(({ code }) => code), warnings.map(({ code }) => code)];
const CAPPED = { ...SIMPLE_PLAN, currency: 'CNY', cap_per_line: 100_000_000 };

test('of a plain rule there is nothing to say, and nothing is written', async () => {
  const { m } = await openShop(world);
  expect(await check({ name: 'ten', scope: { merchant_id: m }, plan: CAPPED })).toEqual({ errors: [], warnings: [] });
  expect((await service.get(`/v1/rules/effective?merchant_id=${m}`)).body['winner']).toBeNull();
});

test('whatever it would be refused for is told at once, with the code of each refusal', async () => {
  const shop = await openShop(world);
  await shop.rule(CAPPED);
  const bad = { rate_ppm: 1, cap_per_line: 5, split: [{ to: 'upline', share_ppm: 1 }] };
  const rule = { name: 'bad', scope: { merchant_id: shop.m }, plan: bad, effective_from: ago(2), effective_to: ago(3) };
  const said = await check(rule);
  expect(said.errors.map(({ code, path }) => `${code} ${path}`)).toEqual([
    'invalid_plan plan.currency',
    'invalid_plan plan.split.0.level',
    'retroactive_not_allowed effective_from',
    'unprocessable effective_to',
    'rule_conflict ',
  ]);
  expect(codes(await check({ name: 'again', scope: { merchant_id: shop.m }, plan: CAPPED }))[0]).toEqual(['rule_conflict']);
  expect(await service.post('/v1/rules/checks', { name: '' })).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
  expect(await service.post('/v1/rules/checks', { rule_id: 'no such', plan: CAPPED })).toMatchObject({ status: 404 });
});

test('what it names is looked up: who is not there, who is another’s, which products are left, what is settled', async () => {
  const shop = await openShop(world);
  await world.product(shop.m, 'p2', { category: 'toys', price: 100n });
  const of = (scope: object, plan: object = CAPPED) => check({ name: 'x', scope: { merchant_id: shop.m, ...scope }, plan });
  const impossible = async (scope: object) =>
    (await of(scope)).warnings.filter(({ code }) => code === 'unreachable').map(({ path }) => path);
  expect(await impossible({ promoter_id: 'nobody', product_id: 'none' })).toEqual(['scope.product_id', 'scope.promoter_id']);
  expect(await impossible({ promoter_id: shop.bob, agency_id: shop.alice, tier: 'gold' })).toEqual(['scope.agency_id', 'scope.tier']);
  expect(await impossible({ promoter_id: shop.bob, agency_id: shop.agency, product_id: 'p1' })).toEqual([]);

  const { warnings } = await of({ product_id: 'p1' });
  expect(warnings.find(({ code }) => code === 'products_without_rule')?.message).toContain(': p2.');
  expect(codes(await of({}, { ...CAPPED, base: 'platform_commission' }))[1]).toEqual(['never_released_base']);
  expect(codes(await of({}, { ...CAPPED, fixed_per_unit: 91 }))[1]).toEqual(['pays_above_base']);
  await world.source('union', 'taobao');
  expect(codes(await of({}, { ...CAPPED, base: 'platform_commission' }))[1]).toEqual([]);
});

test('the next version of a rule says whose rate it lowers, from what and to what', async () => {
  const shop = await openShop(world);
  const ruleId = await shop.rule(WORKED_PLAN);
  const said = await check({ rule_id: ruleId, plan: { ...WORKED_PLAN, rate_ppm: 80_000 }, effective_from: inDays(14) });
  expect(codes(said)).toEqual([[], ['no_cap_on_open_scope', 'lowers_rate']]);
  expect(said.warnings[1]).toMatchObject({ rule_id: ruleId, path: 'plan' });
  expect(said.warnings[1]!.message).toContain('63000 becomes 50400 of a line of 1000000 with one unit');
});
