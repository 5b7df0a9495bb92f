import { afterAll, beforeAll, expect, test } from 'vitest';

import { ruleRoutes } from '../../../src/commission/rules/rule-routes.ts';
import { decideTiers } from '../../../src/commission/tiers/deciding.ts';
import { tierProgramRoutes } from '../../../src/commission/tiers/tier-program-routes.ts';
import { dayOf, monthAfter, spanOfMonths } from '../../../src/platform/calendar.ts';
import { callersOf, keyedApp } from '../../platform/callers.ts';
import { count } from '../bonuses/bonus-shop.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

interface Body extends Record<string, unknown> {
  code: string;
  data: Record<string, unknown>[];
  winner: { name: string } | null;
}

let world: World;
let service: Awaited<ReturnType<typeof callersOf<Body>>>;
let close: () => Promise<void>;

beforeAll(async () => {
  world = await openWorld();
  const app = keyedApp(world.db);
  tierProgramRoutes(app, { db: world.db, reviewRequired: false });
  ruleRoutes(app, { db: world.db, levelsMax: 2, reviewRequired: false, nudge: () => undefined });
  service = await callersOf<Body>(app, world.db);
  close = () => app.close();
});

afterAll(async () => {
  await close();
  await world.close();
});

const put = (programId: string, body: object) => service.call('PUT', `/v1/tier-programs/${programId}`, body);
const GOLD = [{ tier: 'gold', at_least: 1000 }];
const NEXT = spanOfMonths(monthAfter(dayOf(new Date(), 'Asia/Shanghai').slice(0, 7)), 'Asia/Shanghai');

test('a program is made and changed, and tells when it decides', async () => {
  const { m } = await openShop(world);
  const body = { merchant_id: m, measure: 'paid_amount', tiers: GOLD };
  const made = await put(`of-${m}`, body);
  expect(made).toMatchObject({
    status: 201,
    body: { currency: 'CNY', period: 'month', takes_effect: 'next_period', decides_at: NEXT.from.toISOString(), version: 1 },
  });
  expect(await put(`of-${m}`, body)).toMatchObject({ status: 200, body: { version: 1 } });
  expect(await put(`of-${m}`, { ...body, measure: 'orders' })).toMatchObject({ status: 200, body: { version: 2, currency: null } });
  expect(await put(`another-of-${m}`, body)).toMatchObject({ status: 409, body: { code: 'program_conflict' } });
  expect((await service.get(`/v1/tier-programs?merchant_id=${m}`)).body.data).toHaveLength(1);
  expect((await service.get('/v1/tier-programs/nobodys')).status).toBe(404);
});

test('amounts of all merchants are counted in a currency, and months in one zone', async () => {
  expect(await put('of all', { measure: 'paid_amount', tiers: GOLD })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  const { m } = await openShop(world);
  const elsewhere = { merchant_id: m, measure: 'orders', tiers: GOLD, time_zone: 'Europe/Paris' };
  expect(await put(`of-${m}`, elsewhere)).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  for (const tiers of [[], [...GOLD, ...GOLD]]) expect((await put(`of-${m}`, { measure: 'orders', tiers })).status).toBe(400);
});

test('the tiers that were set are told with their figures, and rules in force by them', async () => {
  const shop = await openShop(world, { hold_days: 0 });
  await shop.rule(SIMPLE_PLAN, { name: 'for everybody' });
  await shop.rule(SIMPLE_PLAN, { name: 'for gold', scope: { merchant_id: shop.m, tier: 'gold' } });
  await put(`of-${shop.m}`, { merchant_id: shop.m, measure: 'paid_amount', tiers: GOLD });
  await shop.order('sold', { status: 'completed', paid_at: ago(0), completed_at: ago(0), link_code: shop.code });
  await count(world);
  await decideTiers(world.db, new Date(NEXT.from.getTime() + 1));
  expect((await service.get(`/v1/tier-programs/of-${shop.m}/tiers`)).body.data).toEqual([
    {
      promoter_id: shop.bob,
      tier: 'gold',
      figure: 9999,
      month: monthAfter(dayOf(NEXT.from, 'Asia/Shanghai').slice(0, 7), -1),
      effective_from: NEXT.from.toISOString(),
    },
  ]);
  const rule = async (at: number) => {
    const query = `merchant_id=${shop.m}&promoter_id=${shop.bob}&at=${new Date(at).toISOString()}`;
    return (await service.get(`/v1/rules/effective?${query}`)).body.winner?.name;
  };
  expect([await rule(NEXT.from.getTime() - 1), await rule(NEXT.from.getTime())]).toEqual(['for everybody', 'for gold']);
});
