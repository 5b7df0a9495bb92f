import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bonusProgramRoutes } from '../../../src/commission/bonuses/bonus-program-routes.ts';
import { dayOf } from '../../../src/platform/calendar.ts';
import { callersOf, keyedApp } from '../../platform/callers.ts';
import { ago, openWorld, type World } from '../world.ts';
import { count, JUNE, openBonusShop } from './bonus-shop.ts';

interface Body extends Record<string, unknown> {
  code: string;
  errors: { path: string }[];
  data: { program_id: string }[];
}

let world: World;
let service: Awaited<ReturnType<typeof callersOf<Body>>>;
let close: () => Promise<void>;

beforeAll(async () => {
  world = await openWorld();
  const app = keyedApp(world.db);
  bonusProgramRoutes(app, { db: world.db, reviewRequired: false });
  service = await callersOf<Body>(app, world.db);
  close = () => app.close();
});

afterAll(async () => {
  await close();
  await world.close();
});

const put = (programId: string, body: object) => service.call('PUT', `/v1/bonus-programs/${programId}`, body);

async function openProgram(more: object = {}) {
  const shop = await openBonusShop(world);
  const steps = [
    { at_least: 1_000_000, rate_ppm: 120_000 },
    { at_least: 0, rate_ppm: 100_000 },
  ];
  const body = { merchant_id: shop.m, currency: 'CNY', period: 'month', measure: 'paid_amount', mode: 'marginal', steps, ...more };
  return { ...shop, body, url: `/v1/bonus-programs/of-${shop.m}`, programId: `of-${shop.m}` };
}

describe('a program', () => {
  test('is made, stays as it is when it is stated again, and takes new terms', async () => {
    const { programId, body, url, m } = await openProgram();
    const made = await put(programId, body);
    expect(made).toMatchObject({ status: 201, body: { version: 1, time_zone: 'Asia/Shanghai', starts_at: null } });
    expect(made.body['steps']).toEqual(body.steps.toReversed());
    expect(await put(programId, body)).toMatchObject({ status: 200, body: { version: 1 } });
    expect(await put(programId, { ...body, mode: 'whole' })).toMatchObject({ status: 200, body: { version: 2, mode: 'whole' } });
    expect((await service.get(url)).body).toMatchObject({ program_id: programId, version: 2 });
    expect((await service.get(`/v1/bonus-programs?merchant_id=${m}`)).body.data.map((one) => one.program_id)).toEqual([programId]);
  });

  test('keeps its merchant, its currency and its period', async () => {
    const { programId, body } = await openProgram();
    await put(programId, body);
    for (const moved of [{ currency: 'USD' }, { period: 'once' }]) {
      expect(await put(programId, { ...body, ...moved })).toMatchObject({ status: 409, body: { code: 'conflict' } });
    }
    expect(await put('of-nobody', { ...body, merchant_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_merchant' } });
    expect((await service.get('/v1/bonus-programs/of-nobody')).status).toBe(404);
  });

  test('pays rates of amounts alone, and by each step once', async () => {
    const { programId, body } = await openProgram();
    expect(await put(programId, { ...body, measure: 'orders' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'steps.0.rate_ppm' }] },
    });
    const steps = [
      [],
      [{ at_least: 0 }],
      [{ at_least: 0, rate_ppm: 1, amount: 1 }],
      [
        { at_least: 5, amount: 1 },
        { at_least: 5, amount: 2 },
      ],
    ];
    for (const wrong of steps) expect((await put(programId, { ...body, steps: wrong })).status, JSON.stringify(wrong)).toBe(400);
    const backwards = { starts_at: '2026-06-02T00:00:00Z', ends_at: '2026-06-01T00:00:00Z' };
    expect(await put(programId, { ...body, ...backwards })).toMatchObject({ status: 422, body: { errors: [{ path: 'ends_at' }] } });
  });
});

test('the progress tells what counts, what may come, the next step and what is paid', async () => {
  const shop = await openProgram();
  await put(shop.programId, shop.body);
  await shop.completed('done', 900_000, ago(0));
  await shop.completed('in june', 1_100_000);
  await shop.order('paid', { paid_at: ago(0), link_code: shop.code });
  await count(world);
  const month = dayOf(new Date(), 'Asia/Shanghai').slice(0, 7);
  const progress = (query: string, key?: string) => service.get(`${shop.url}/progress?promoter_id=${query}`, key);
  expect((await progress(shop.bob)).body).toMatchObject({
    period: month,
    confirmed: 900_000,
    pending: 9999,
    next_at: 1_000_000,
    would_pay: 90_000,
    booked: { pending: 90_000, available: 0 },
  });
  expect((await progress(`${shop.bob}&period=${JUNE}`)).body).toMatchObject({
    confirmed: 1_100_000,
    next_at: null,
    would_pay: 112_000,
    booked: { pending: 0, available: 112_000 },
  });
  expect((await progress(shop.alice)).body).toMatchObject({ confirmed: 0, pending: 0, next_at: 1_000_000, would_pay: 0 });
  expect((await progress('nobody')).status).toBe(404);
  const [own, others] = [shop.bob, shop.alice].map((promoterId) => service.keyOf('promoter', { promoterId }));
  expect([(await progress(shop.bob, await own)).status, (await progress(shop.bob, await others)).status]).toEqual([200, 403]);
});

test('what pays once has no months', async () => {
  const shop = await openProgram({ period: 'once' });
  await put(shop.programId, shop.body);
  const progress = (query: string) => service.get(`${shop.url}/progress?promoter_id=${shop.bob}${query}`);
  expect((await progress('')).body).toMatchObject({ period: 'once', ends_at: null });
  expect(await progress(`&period=${JUNE}`)).toMatchObject({ status: 422, body: { errors: [{ path: 'period' }] } });
});
