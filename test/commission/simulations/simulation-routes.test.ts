// Rehearsals over HTTP.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { simulationRoutes } from '../../../src/commission/simulations/simulation-routes.ts';
import { simulateNext } from '../../../src/commission/simulations/simulation.ts';
import { callersOf, keyedApp } from '../../platform/callers.ts';
import { ago, inDays, openShop, openWorld, WORKED_PLAN, type World } from '../world.ts';
import { simulationDeps } from './stage.ts';

interface Body {
  [field: string]: unknown;
  simulation_id: string;
  state: string;
  code: string;
  errors: { path: string }[];
  data: { order_id: string }[];
  next_cursor: string | null;
  by_promoter: { promoter_id: string | null; before: number; after: number }[];
}

let world: World;
let service: Awaited<ReturnType<typeof callersOf<Body>>>;
const nudged: string[] = [];
const app = { close: async (): Promise<void> => undefined, inject: (_url: string, _key: string) => Promise.resolve('') };

beforeAll(async () => {
  world = await openWorld();
  const keyed = keyedApp(world.db);
  simulationRoutes(keyed, { db: world.db, levelsMax: 2, nudge: (kind) => nudged.push(kind) });
  service = await callersOf<Body>(keyed, world.db);
  app.close = () => keyed.close();
  app.inject = async (url, key) => (await keyed.inject({ url, headers: { authorization: `Bearer ${key}` } })).body;
});
afterAll(async () => {
  await app.close();
  await world.close();
});

const period = { from: ago(60), to: inDays(1) };
const finish = async () => {
  while (await simulateNext(simulationDeps(world), new AbortController().signal));
};

async function openSoldShop() {
  const shop = await openShop(world);
  const ruleId = await shop.rule();
  for (const orderId of ['o1', 'o2', '=o3']) await shop.order(orderId, { link_code: shop.code });
  return { ...shop, changes: [{ rule_id: ruleId, plan: { ...WORKED_PLAN, rate_ppm: 80_000 } }] };
}

test('a rehearsal is asked for, worked off, shown, listed page by page and as CSV', async () => {
  const { m, bob, changes } = await openSoldShop();
  const auditor = await service.keyOf('auditor');
  const asked = await service.post('/v1/rule-simulations', { changes, ...period, merchant_id: m }, { key: auditor });
  expect([asked.status, asked.body.state, nudged.at(-1)]).toEqual([202, 'running', 'simulations']);
  const url = `/v1/rule-simulations/${asked.body.simulation_id}`;
  expect((await service.get(`${url}/orders`)).body.code).toBe('simulation_unfinished');
  await finish();

  const { body } = await service.get(url, auditor);
  expect(body).toMatchObject({ state: 'done', orders: 3, changed_orders: 3, commission_before: 2997, commission_after: 2397 });
  expect(body).toMatchObject({ query: { currency: 'CNY', merchant_id: m }, progress: { orders: 3, of: 3 } });
  expect(body.by_promoter[0]).toEqual({ promoter_id: bob, before: 1890, after: 1512 });

  const first = await service.get(`${url}/orders?limit=2`);
  const second = await service.get(`${url}/orders?limit=2&cursor=${first.body.next_cursor}`);
  expect([...first.body.data, ...second.body.data].map((order) => order.order_id)).toEqual(['o1', 'o2', '=o3']);
  expect([first.body.data.length, second.body.next_cursor]).toEqual([2, null]);
  const csv = (await app.inject(`${url}/orders.csv`, auditor)).trimEnd().split('\r\n');
  expect(csv).toHaveLength(5);
  expect(csv[3]).toContain(`"'=o3"`);
  expect(csv[4]).toMatch(/^"total",,,,,"CNY","29.97","23.97","-6.00","6.00"$/);
});

test('one that has ended is not cancelled, one that waits is', async () => {
  const { m, changes } = await openSoldShop();
  const { body } = await service.post('/v1/rule-simulations', { changes, ...period, merchant_id: m });
  const url = `/v1/rule-simulations/${body.simulation_id}`;
  expect((await service.call('DELETE', url)).status).toBe(204);
  expect((await service.call('DELETE', url)).body.code).toBe('simulation_finished');
  expect((await service.get(url)).body.state).toBe('cancelled');
  expect((await service.call('DELETE', `/v1/rule-simulations/${crypto.randomUUID()}`)).body.code).toBe('not_found');
});

test('sums are of one currency: which, must be said where there are several or none', async () => {
  const shop = await openSoldShop();
  const { m, changes } = shop;
  const ask = (more: object) => service.post('/v1/rule-simulations', { changes, ...period, merchant_id: m, ...more });
  await shop.order('dollars', { currency: 'USD' });
  expect((await ask({})).body).toMatchObject({ code: 'currency_needed', errors: [{ path: 'currency' }] });
  expect((await ask({ from: ago(1000), to: ago(900) })).body.code).toBe('currency_needed');
  expect((await ask({ currency: 'CNY' })).status).toBe(202);
  await finish();
});

test('what cannot be rehearsed is refused before anybody waits for it', async () => {
  const { m, changes } = await openSoldShop();
  const codeOf = async (body: object) =>
    (await service.post('/v1/rule-simulations', { changes, ...period, currency: 'CNY', ...body })).body.code;
  expect(await codeOf({ merchant_id: 'nobody' })).toBe('unknown_merchant');
  expect(await codeOf({ from: period.to, to: period.from })).toBe('unprocessable');
  expect(await codeOf({ changes: [] })).toBe('malformed_request');
  expect(await codeOf({ changes: [{ campaign: { name: '618' } }] })).toBe('malformed_request');
  expect(await codeOf({ changes: [{ name: 'x', scope: { merchant: m }, plan: WORKED_PLAN }] })).toBe('invalid_plan');
  expect(await codeOf({ changes: [{ merchant_id: 'nobody', attribution: {} }] })).toBe('unknown_merchant');
});

test('no more wait than a day could work off', async () => {
  const { m, changes } = await openSoldShop();
  const ask = () => service.post('/v1/rule-simulations', { changes, ...period, merchant_id: m });
  const asked: string[] = [];
  for (let answer = await ask(); answer.status === 202; answer = await ask()) asked.push(answer.body.simulation_id);
  expect(asked).toHaveLength(20);
  for (const id of asked) await service.call('DELETE', `/v1/rule-simulations/${id}`);
});
