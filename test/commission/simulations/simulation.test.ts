// A rehearsal from its question to its end, and over whatever ends its worker.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { forgetSimulations, simulateNext } from '../../../src/commission/simulations/simulation.ts';
import { cancelSimulation, findSimulation, renewLease, takeSimulation } from '../../../src/commission/simulations/simulation-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, inDays, openShop, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../world.ts';
import { askForSimulation, rehearse, simulationDeps, sumsOf } from './stage.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const EIGHT_PERCENT = { ...WORKED_PLAN, rate_ppm: 80_000 };
const take = (now = new Date()) => inTransaction(world.db, ({ trx }) => takeSimulation(trx, now, 1));
const runNext = () => simulateNext(simulationDeps(world), new AbortController().signal);

/** A shop in which bob has sold for 99.99 at ten percent. */
async function openRuledShop() {
  const shop = await openShop(world);
  const ruleId = await shop.rule();
  await shop.order('o1', { link_code: shop.code });
  return { ...shop, ruleId };
}

test('ten percent become eight: 300, 630, 69 become 240, 504, 55, with both reckonings', async () => {
  const { m, ruleId, agency, bob, alice } = await openRuledShop();
  const rehearsed = await rehearse(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  expect(sumsOf(rehearsed, 'promoter')).toEqual({ [agency]: [300, 240], [bob]: [630, 504], [alice]: [69, 55] });
  expect(sumsOf(rehearsed, 'role')).toEqual({ agency: [300, 240], promoter: [630, 504], upline: [69, 55] });
  expect(sumsOf(rehearsed, 'product')).toEqual({ p1: [999, 799] });
  expect(rehearsed.result).toMatchObject({ orders: 1, lines: 1, changed_orders: 1, before: '999', after: '799', excluded: [] });
  const [most] = rehearsed.result.most_changed;
  expect(most).toMatchObject({ merchant_id: m, order_id: 'o1', before: '999', after: '799', moved: '200', lines_more: 0 });
  expect(most!.lines[0]!.before).toMatchObject({ rule_id: ruleId, rule_version: 1, commission: '999', promoter_id: bob });
  expect(most!.lines[0]!.after).toMatchObject({ rule_id: ruleId, rule_version: 2, commission: '799', promoter_id: bob });
  expect(most!.lines[0]!.after.arithmetic).toContainEqual(expect.objectContaining({ step: 'pool', rate_ppm: 80_000, pool: 799 }));
});

test('it books nothing, and awards nothing anew', async () => {
  const { m, ruleId } = await openRuledShop();
  const held = async () => {
    const { rows } = await sql`
      select (select count(*) from transfer) as transfers, (select count(*) from decision) as decisions, (select count(*) from award_due) as due,
        (select sum(revision) from award) as revisions, (select count(*) from rule_version) as versions`.execute(world.db);
    return rows[0];
  };
  const before = await held();
  await rehearse(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  expect(await held()).toEqual(before);
});

test('a time inside the period counts to the millisecond, another one does not', async () => {
  const shop = await openShop(world);
  const ruleId = await shop.rule(SIMPLE_PLAN);
  const at = Date.parse(ago(3));
  for (const [orderId, paidAt] of [
    ['before', at - 1],
    ['at', at],
  ] as const) {
    await shop.order(orderId, { link_code: shop.code, paid_at: new Date(paidAt).toISOString() });
  }
  const rate = (from: string) => ({
    rule_id: ruleId,
    plan: { ...SIMPLE_PLAN, rate_ppm: 200_000 },
    effective_from: from,
    retroactive: true,
  });
  const inside = await rehearse(world, [rate(new Date(at).toISOString())], { merchantId: shop.m });
  expect([inside.result.before, inside.result.after]).toEqual(['1998', '2998']);
  const later = await rehearse(world, [rate(inDays(30))], { merchantId: shop.m });
  expect([later.result.before, later.result.after]).toEqual(['1998', '3998']);
  const ended = await rehearse(world, [{ end: ruleId, at: new Date(at).toISOString() }], { merchantId: shop.m });
  expect([ended.result.before, ended.result.after]).toEqual(['1998', '999']);
});

test('a line that is pinned to a rule which would not be chosen today keeps it, unless the changes choose otherwise', async () => {
  const { m, ruleId } = await openRuledShop();
  const heavier = await world.rule({ scope: { merchant_id: m, product_id: 'p1' }, plan: SIMPLE_PLAN });
  const ofPinned = await rehearse(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  expect(ofPinned.result).toMatchObject({ before: '999', after: '999', changed_orders: 0 });
  const ofHeavier = await rehearse(world, [{ rule_id: heavier, plan: { ...SIMPLE_PLAN, rate_ppm: 10_000 } }], { merchantId: m });
  expect(ofHeavier.result).toMatchObject({ before: '999', after: '99', changed_orders: 1 });
});

test('a rate lock keeps what was in force at the click where the change begins after it and pays less', async () => {
  const shop = await openShop(world, { rate_lock: 'click' });
  const ruleId = await shop.rule(SIMPLE_PLAN);
  await shop.order('o1', { click_token: world.token(shop.code, { at: ago(3) }), paid_at: ago(1) });
  const from = (rate_ppm: number) => [{ rule_id: ruleId, plan: { ...SIMPLE_PLAN, rate_ppm }, effective_from: ago(2), retroactive: true }];
  expect((await rehearse(world, from(80_000), { merchantId: shop.m })).result).toMatchObject({ before: '999', after: '999' });
  expect((await rehearse(world, from(120_000), { merchantId: shop.m })).result).toMatchObject({ before: '999', after: '1199' });
});

test('a rule of a tier is matched with the tier that a program has set, as the award does', async () => {
  const { m, bob } = await openRuledShop();
  const [program, since] = [`program of ${m}`, new Date(ago(10))];
  await sql`insert into tier_program values (${program}, ${m}, 'UTC', '2026-01', now())`.execute(world.owner);
  await sql`insert into tier_program_version values (${program}, 1, 'orders', null, '[]', now())`.execute(world.owner);
  await sql`insert into tier_period values (${program}, ${since}, '2026-01', 1, null, now())`.execute(world.owner);
  await sql`insert into promoter_tier values (${program}, ${since}, ${bob}, 1, 'gold')`.execute(world.owner);
  const ofTier = (tier: string) => [{ name: tier, scope: { merchant_id: m, tier }, plan: EIGHT_PERCENT }];
  expect((await rehearse(world, ofTier('gold'), { merchantId: m })).result).toMatchObject({ before: '999', after: '799' });
  expect((await rehearse(world, ofTier('silver'), { merchantId: m })).result).toMatchObject({ before: '999', after: '999' });
});

test('orders that wait, of another currency or of another time are in no sum, and are told', async () => {
  const shop = await openRuledShop();
  const { m, ruleId } = shop;
  await shop.order('dollars', { currency: 'USD' });
  await shop.order('earlier', { paid_at: ago(90) });
  await world.report({ fields: shop.fields('waits', {}) });
  const rehearsed = await rehearse(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  const told = Object.fromEntries(rehearsed.result.excluded.map(({ reason, orders }) => [reason, orders]));
  expect([rehearsed.result.orders, told]).toEqual([1, { due: 1, other_currency: 1 }]);
  await world.award();
});

test('who takes over from a worker that was killed begins anew, and finds the same once', async () => {
  const { m, ruleId } = await openRuledShop();
  const simulationId = await askForSimulation(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  const killed = (await take())!;
  await sql`
    insert into rule_simulation_order select ${simulationId}::uuid, ${killed.run}::int, order_key, 1, 2, 1 from orders limit 1`.execute(
    world.db,
  );
  await sql`insert into rule_simulation_sum values (${simulationId}, ${killed.run}, 'role', '', 'promoter', 1, 2)`.execute(world.db);
  expect(await take()).toBeNull();
  await sql`update rule_simulation set leased_until = now() - interval '1 second' where simulation_id = ${simulationId}`.execute(world.db);
  expect(await runNext()).toBe(true);
  const found = (await findSimulation(world.db, simulationId))!;
  expect([found.state, found.run, found.result?.after]).toEqual(['done', 2, '799']);
  const { rows } = await sql<{ run: number }>`
    select run from rule_simulation_order where simulation_id = ${simulationId}
    union select run from rule_simulation_sum where simulation_id = ${simulationId}`.execute(world.db);
  expect(rows).toEqual([{ run: 2 }]);
  // The killed one was only slow: nothing that it says counts any more.
  expect(await renewLease(world.db, killed, { done: 1, of: 1 })).toBe(false);
});

test('what has ended five workers is not given to a sixth', async () => {
  const { m, ruleId } = await openRuledShop();
  const simulationId = await askForSimulation(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  for (let begun = 1; begun <= 5; begun++) expect(await take(new Date(Date.now() + begun * 60_000))).toMatchObject({ run: begun });
  expect(await take(new Date(Date.now() + 3_600_000))).toBeNull();
  expect(await findSimulation(world.db, simulationId)).toMatchObject({ state: 'failed', result: null });
});

test('of three that are asked for one runs at a time where there is one slot, and the others wait', async () => {
  const { m, ruleId } = await openRuledShop();
  const ids: string[] = [];
  for (let asked = 0; asked < 3; asked++) {
    ids.push(await askForSimulation(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m }));
  }
  expect((await take())?.simulationId).toBe(ids[0]);
  expect(await take()).toBeNull();
  expect(await findSimulation(world.db, ids[1]!)).toMatchObject({ state: 'running', startedAt: null });
  await inTransaction(world.db, ({ trx, now }) => cancelSimulation(trx, ids[0]!, now));
  expect((await take())?.simulationId).toBe(ids[1]);
  for (const id of ids) await inTransaction(world.db, ({ trx, now }) => cancelSimulation(trx, id, now));
});

test('one that is cancelled while it runs stays cancelled, and is not begun again', async () => {
  const { m, ruleId } = await openRuledShop();
  const simulationId = await askForSimulation(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  const running: Promise<boolean>[] = [];
  // Its statement waits behind this lock until it has been cancelled.
  await world.owner.transaction().execute(async (trx) => {
    await sql`lock table rule_simulation_sum in access exclusive mode`.execute(trx);
    running.push(runNext());
    await expect.poll(async () => (await findSimulation(world.db, simulationId))!.startedAt).not.toBeNull();
    await inTransaction(world.db, ({ trx: other, now }) => cancelSimulation(other, simulationId, now));
  });
  expect([await running[0], await runNext()]).toEqual([true, false]);
  expect(await findSimulation(world.db, simulationId)).toMatchObject({ state: 'cancelled', result: null });
});

test('a signal that ends the process gives it back, and the next worker begins it anew', async () => {
  const { m, ruleId } = await openRuledShop();
  const simulationId = await askForSimulation(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  const ending = new AbortController();
  const running: Promise<boolean>[] = [];
  await world.owner.transaction().execute(async (trx) => {
    await sql`lock table rule_simulation_order in access exclusive mode`.execute(trx);
    running.push(simulateNext(simulationDeps(world), ending.signal));
    await expect.poll(async () => (await findSimulation(world.db, simulationId))!.startedAt).not.toBeNull();
    ending.abort();
  });
  expect([await running[0], await runNext()]).toEqual([true, true]);
  expect(await findSimulation(world.db, simulationId)).toMatchObject({ state: 'done', run: 2 });
});

test('threads find what is found without them', async () => {
  const shop = await openRuledShop();
  const { m, ruleId } = shop;
  await shop.order('o2', { link_code: shop.code, refunds: [{ refund_id: 'r', line_id: '1', amount: 3000 }] });
  await shop.order('nobody', { lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 50 }] });
  const changes = [{ rule_id: ruleId, plan: EIGHT_PERCENT }];
  const alone = await rehearse(world, changes, { merchantId: m });
  const inThreads = await rehearse(world, changes, { merchantId: m }, { ordersOfThreads: 0 });
  expect(inThreads.result).toEqual(alone.result);
  expect(alone.result).toMatchObject({ orders: 3, changed_orders: 2, before: String(999 + 699), after: String(799 + 559) });
});

test('what cannot be rehearsed any more fails with its reason', async () => {
  const { m } = await openRuledShop();
  const simulationId = await askForSimulation(world, [{ end: 'gone' }], { merchantId: m });
  await runNext();
  expect(await findSimulation(world.db, simulationId)).toMatchObject({ state: 'failed', error: 'There is no rule gone.' });
});

test('what was found is forgotten after thirty days', async () => {
  const { m, ruleId } = await openRuledShop();
  const { simulationId } = await rehearse(world, [{ rule_id: ruleId, plan: EIGHT_PERCENT }], { merchantId: m });
  await forgetSimulations(world.db, new Date(inDays(29)));
  expect(await findSimulation(world.db, simulationId)).not.toBeNull();
  for (let found: unknown = simulationId; found !== null; found = await findSimulation(world.db, simulationId)) {
    await forgetSimulations(world.db, new Date(inDays(31)));
  }
});
