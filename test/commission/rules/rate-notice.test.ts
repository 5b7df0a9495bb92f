// How long promoters are told before they earn less.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { midnightFrom } from '../../../src/platform/calendar.ts';
import { listen, type Heard } from '../../outbound/listener.ts';
import { openService } from '../stage.ts';
import { ago, inDays, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

let world: World;
let service: Awaited<ReturnType<typeof openService>>;
let heard: () => Promise<Heard[]>;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
  const listener = await listen(world.owner);
  heard = () => listener.heard('rule');
});
afterAll(async () => {
  await service.close();
  await world.close();
});

const ZONE = 'Asia/Kathmandu';
const HOURS = 24;
const earliest = (now = Date.now()) => midnightFrom(new Date(now + HOURS * 3_600_000), ZONE).toISOString();
const plan = (rate_ppm: number, more: object = {}) => ({ ...SIMPLE_PLAN, rate_ppm, ...more });

/** A shop that pays 10 % and tells its promoters a day before. */
async function openTellingShop() {
  const shop = await openShop(world, { rate_notice_hours: HOURS, time_zone: ZONE });
  const ruleId = await shop.rule(plan(100_000));
  const publish = (scope: object, more: object) =>
    service.post('/v1/rules', { name: 'x', scope: { merchant_id: shop.m, ...scope }, ...more });
  const next = (more: object) => service.post(`/v1/rules/${ruleId}/versions`, more);
  return { ...shop, ruleId, publish, next };
}

/** Asks across no midnight: what was the earliest time before is so after. */
async function tooShort(ask: () => Promise<{ status: number; body: { code: string; errors: { path: string; message: string }[] } }>) {
  const [answer, time] = [await ask(), earliest()];
  expect(answer).toMatchObject({ status: 422, body: { code: 'notice_too_short' } });
  expect(answer.body.errors[0]!.message).toBe(`must be ${time} or later`);
  return answer.body;
}

describe('a lower rate', () => {
  test('takes effect at the first midnight of the merchant that leaves the notice, where no time is said', async () => {
    const shop = await openTellingShop();
    const { status, body } = await shop.next({ plan: plan(80_000) });
    expect([status, body.effective_from]).toEqual([201, earliest()]);
  });

  test('is refused sooner with that time, and taken at it or any instant from it on', async () => {
    const shop = await openTellingShop();
    const at = new Date(earliest());
    await tooShort(() => shop.next({ plan: plan(80_000), effective_from: new Date(at.getTime() - 1).toISOString() }));
    expect((await shop.next({ plan: plan(80_000), effective_from: at.toISOString() })).status).toBe(201);
    expect((await shop.next({ plan: plan(70_000), effective_from: new Date(at.getTime() + 12_345).toISOString() })).status).toBe(201);
  });

  test('is judged where the rule would apply: narrower, by a priority, for all merchants', async () => {
    const shop = await openTellingShop();
    const now = new Date().toISOString();
    await tooShort(() => shop.publish({ product_id: 'p1' }, { plan: plan(99_999), effective_from: now }));
    await tooShort(() => shop.publish({}, { plan: plan(50_000), priority: 1, effective_from: now }));
    await tooShort(() => service.post('/v1/rules', { name: 'x', scope: { tier: shop.m }, plan: plan(50_000), effective_from: now }));
    const wider = { name: 'wide', scope: { merchant_id: shop.m }, priority: -1, plan: plan(10_000), effective_from: now };
    expect((await service.post('/v1/rules', wider)).status).toBe(201);
  });

  test('is also a cap, another base, a fixed amount that is left out, a smaller part of the pool', async () => {
    const shop = await openTellingShop();
    const now = new Date().toISOString();
    for (const lower of [
      plan(150_000, { currency: 'CNY', cap_per_line: 99_999 }),
      plan(900_000, { base: 'platform_commission' }),
      {
        ...plan(150_000),
        split: [
          { to: 'platform', share_ppm: 400_000 },
          { to: 'promoter', share_ppm: 600_000 },
        ],
      },
    ]) {
      await tooShort(() => shop.next({ plan: lower, effective_from: now }));
    }
  });
});

describe('a raise', () => {
  test('goes at once, and so does the first rule of goods that nothing was paid for', async () => {
    const shop = await openTellingShop();
    const { status, body } = await shop.next({ plan: plan(120_000) });
    expect(status).toBe(201);
    expect(Math.abs(Date.parse(body.effective_from) - Date.now())).toBeLessThan(60_000);
    const other = await openShop(world, { rate_notice_hours: HOURS });
    expect((await service.post('/v1/rules', { name: 'first', scope: { merchant_id: other.m }, plan: plan(1) })).status).toBe(201);
  });

  test('that ends too soon lowers what was there before it', async () => {
    const shop = await openTellingShop();
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    await tooShort(() => shop.next({ plan: plan(120_000), effective_from: new Date().toISOString(), effective_to: soon }));
    const beside = { name: 'beside', scope: { merchant_id: shop.m }, priority: 1, plan: plan(120_000), effective_to: soon };
    expect((await service.post('/v1/rules', beside)).status).toBe(201);
  });

  test('that was told of is not taken back sooner than the notice', async () => {
    const shop = await openTellingShop();
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    expect((await shop.next({ plan: plan(200_000), effective_from: soon })).status).toBe(201);
    await tooShort(() => shop.next({ plan: plan(150_000), effective_from: soon }));
  });
});

describe('an end', () => {
  test('waits too, unless what is left pays as much', async () => {
    const shop = await openTellingShop();
    const end = `/v1/rules/${shop.ruleId}/end`;
    await tooShort(() => service.post(end, { at: new Date(Date.now() + 1000).toISOString() }));
    const { status, body } = await service.post(end, {});
    expect([status, body['versions']]).toMatchObject([200, [{ effective_to: earliest() }]]);

    const kept = await openTellingShop();
    await kept.publish({}, { plan: plan(100_000), priority: -1 });
    const now = await service.post(`/v1/rules/${kept.ruleId}/end`, {});
    expect(now.status).toBe(200);
    expect(Date.parse((now.body['versions'] as { effective_to: string }[])[0]!.effective_to)).toBeLessThan(Date.now() + 60_000);
  });
});

test('merchants without a notice wait for nobody’s', async () => {
  await openTellingShop();
  const shop = await openShop(world);
  const ruleId = await shop.rule(plan(100_000));
  expect((await service.post(`/v1/rules/${ruleId}/versions`, { plan: plan(1) })).status).toBe(201);
});

test('the content of an earlier version comes back as a next one, and waits where it pays less', async () => {
  const shop = await openTellingShop();
  expect((await shop.next({ name: 'raised', plan: plan(120_000) })).status).toBe(201);
  const reversion = `/v1/rules/${shop.ruleId}/reversion`;
  await heard();
  const { status, body } = await service.post(reversion, { to_version: 1 });
  expect(status).toBe(201);
  expect(body).toMatchObject({ version: 3, name: 'rule', plan: { rate_ppm: 100_000 }, effective_from: earliest(), effective_to: null });
  const [told] = await heard();
  expect(told).toMatchObject({
    type: 'rule.published',
    data: { rule_id: shop.ruleId, reverts_to: 1, effective_from: earliest(), before: { version: 2 }, after: { version: 3 } },
  });
  expect(await service.post(reversion, { to_version: 9 })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  expect((await service.post('/v1/rules/no-such-rule/reversion', { to_version: 1 })).status).toBe(404);
  await tooShort(() => service.post(reversion, { to_version: 1, effective_from: new Date().toISOString() }));
});

test('whoever ends a rule tells what was there', async () => {
  const shop = await openShop(world);
  const ruleId = await shop.rule(plan(100_000));
  await heard();
  const at = inDays(3);
  await service.post(`/v1/rules/${ruleId}/end`, { at });
  expect(await heard()).toMatchObject([
    { type: 'rule.ended', data: { rule_id: ruleId, effective_from: at, before: { version: 1 }, after: null } },
  ]);
});

test('no order is rated lower than the rules said that were there its notice before', async () => {
  const shop = await openTellingShop();
  const rates = [60_000, 150_000, 100_000, 20_000, 130_000, 90_000];
  const times = [null, 0.2, 0.6, 1.2, 1.9, 3];
  let tried = 0;
  for (const [step, rate] of rates.entries()) {
    // What promoters could read before this change, for every hour of the next days.
    const before = await ratesOf(shop.m);
    const from = times[(step * 5 + 2) % times.length]!;
    const scope = step % 2 === 0 ? {} : { product_id: 'p1' };
    const body = { name: `${step}`, scope: { merchant_id: shop.m, ...scope }, priority: step, plan: plan(rate) };
    const { status } = await service.post('/v1/rules', { ...body, ...(from !== null && { effective_from: inDays(from) }) });
    if (status === 201) tried += 1;
    const after = await ratesOf(shop.m);
    const limit = Date.now() + HOURS * 3_600_000;
    for (const [at, rated] of before) if (at < limit) expect(after.get(at), `step ${step}`).toBeGreaterThanOrEqual(rated);
  }
  expect(tried).toBeGreaterThan(2);
  expect(tried).toBeLessThan(rates.length);
});

const HOUR = 3_600_000;
const START = Math.ceil(Date.now() / HOUR) * HOUR;
async function ratesOf(m: string): Promise<Map<number, number>> {
  const rates = new Map<number, number>();
  for (let hour = 1; hour < 40; hour += 3) {
    const at = START + hour * HOUR;
    const { body } = await service.get(`/v1/rules/effective?merchant_id=${m}&product_id=p1&at=${new Date(at).toISOString()}`);
    const winner = body['winner'] as { rule_id: string; version: number } | null;
    if (winner === null) continue;
    const found = await sql<{ rate: number }>`
      select (plan->>'rate_ppm')::int as rate from rule_version where rule_id = ${winner.rule_id} and version = ${winner.version}`.execute(
      world.db,
    );
    rates.set(at, found.rows[0]!.rate);
  }
  return rates;
}

test('a rule that reaches back asks for the same notice', async () => {
  const shop = await openTellingShop();
  await tooShort(() => shop.publish({ product_id: 'p1' }, { plan: plan(1), effective_from: ago(3), retroactive: true }));
  expect((await shop.publish({ product_id: 'p1' }, { plan: plan(110_000), effective_from: ago(3), retroactive: true })).status).toBe(201);
});
