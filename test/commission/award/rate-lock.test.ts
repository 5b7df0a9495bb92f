// A merchant that locks rates at the click: the better rule for the winner counts, of the one in
// force at its click and the one at the attribution time.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allGuards } from '../../../src/guards/catalogue.ts';
import { askGuard } from '../../../src/guards/check.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../world.ts';

let world: World;
const rulesInForce = allGuards({ levelsMax: 2, spooled: () => 0 }).find(({ name }) => name === 'rules_in_force')!;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  expect((await askGuard(world.db, rulesInForce)).violations).toBe(0);
  await world.close();
});

const rate = (percent: number, more: object = {}) => ({ ...SIMPLE_PLAN, rate_ppm: percent * 10_000, ...more });

/** A shop whose rate was one until two days ago and is another since; its orders are a day old. */
async function openChangedShop(before: object, after: object, terms: Record<string, unknown> = { rate_lock: 'click' }) {
  const shop = await openShop(world, terms);
  const old = await shop.rule(rate(10, before), { to: ago(2) });
  const now = await shop.rule(rate(10, after), { from: ago(2) });
  const clickedAt = ago(3);
  return { ...shop, old, now, clickedAt, clicked: { click_token: world.token(shop.code, { at: clickedAt }) } };
}
const pinOf = async (m: string, orderId: string) => {
  const { pinned } = await world.db
    .selectFrom('decision')
    .innerJoin('orders', 'orders.order_key', 'decision.order_key')
    .innerJoin('award', (join) =>
      join.onRef('award.order_key', '=', 'decision.order_key').onRef('award.revision', '=', 'decision.revision'),
    )
    .select('pinned')
    .where('orders.merchant_id', '=', m)
    .where('order_id', '=', orderId)
    .executeTakeFirstOrThrow();
  return pinned as { rule_at?: string };
};

test('a rate that fell after the click is that of the click, and the pin and the explanation say so', async () => {
  const shop = await openChangedShop({}, { rate_ppm: 80_000 });
  await shop.order('1', shop.clicked);
  expect(await shop.line('1')).toMatchObject({ rule_id: shop.old, pool: 999n });
  expect((await pinOf(shop.m, '1')).rule_at).toBe(shop.clickedAt);
  expect((await world.explained(shop.m, '1')).lines[0]).toMatchObject({
    rule_at: shop.clickedAt,
    rules: [
      { rule_id: shop.old, outcome: 'won' },
      { rule_id: shop.now, outcome: 'lost', reason: 'rate_lock' },
    ],
  });
});

test('a rate that rose since, or stayed, is that of the order', async () => {
  for (const after of [{ rate_ppm: 120_000 }, {}]) {
    const shop = await openChangedShop({}, after);
    await shop.order('1', shop.clicked);
    expect(await shop.line('1')).toMatchObject({ rule_id: shop.now });
    expect((await pinOf(shop.m, '1')).rule_at).toBeUndefined();
  }
});

test('what counts is what the winner gets, not what the rate is', async () => {
  const shop = await openShop(world, { rate_lock: 'click' });
  await shop.rule({ ...WORKED_PLAN, rate_ppm: 120_000 }, { to: ago(2) });
  const now = await shop.rule(rate(10), { from: ago(2) });
  await shop.order('1', { click_token: world.token(shop.code, { at: ago(3) }) });
  expect(await shop.line('1')).toMatchObject({ rule_id: now, pool: 999n });
});

test('a merchant that locks nothing, and a winner whom nobody clicked, have the rule of the order', async () => {
  const open = await openChangedShop({}, { rate_ppm: 80_000 }, {});
  await open.order('1', open.clicked);
  expect(await open.line('1')).toMatchObject({ rule_id: open.now, pool: 799n });
  const shop = await openChangedShop({}, { rate_ppm: 80_000 });
  await shop.order('1', { promoter_id: shop.bob });
  expect(await shop.line('1')).toMatchObject({ rule_id: shop.now, pool: 799n });
});

test('the lock of a buyer has the click of the order that locked it', async () => {
  const shop = await openChangedShop({}, { rate_ppm: 80_000 });
  const buyer = { openid: 'o1' };
  await shop.order('1', { ...shop.clicked, buyer, paid_at: ago(2.5) });
  await shop.order('2', { buyer });
  expect(await shop.line('2')).toMatchObject({ evidence: 'lock', rule_id: shop.old, pool: 999n });
  expect((await pinOf(shop.m, '2')).rule_at).toBe(shop.clickedAt);
});

test('a rule that has ended since is kept by the click', async () => {
  const shop = await openShop(world, { rate_lock: 'click' });
  const old = await shop.rule(rate(10), { to: ago(2) });
  await shop.order('1', { click_token: world.token(shop.code, { at: ago(3) }) });
  expect(await shop.line('1')).toMatchObject({ decision: 'attributed', rule_id: old, pool: 999n });
});

test('it is chosen once: refunds and new evidence of the same promoter leave it, another winner has its own', async () => {
  const shop = await openChangedShop({}, { rate_ppm: 80_000, currency: 'CNY', fixed_per_unit: 150 });
  await shop.order('1', shop.clicked);
  expect(await shop.line('1')).toMatchObject({ rule_id: shop.old, pool: 999n });
  await shop.tell('1', { refunds: [{ refund_id: 'r', line_id: '1', amount: 9000 }] });
  expect(await shop.line('1')).toMatchObject({ rule_id: shop.old, pool: 99n });
  const later = ago(2.4);
  await shop.tell('1', { click_token: world.token(shop.code, { at: later }) });
  expect(await shop.line('1')).toMatchObject({ rule_id: shop.old });
  expect((await pinOf(shop.m, '1')).rule_at).toBe(shop.clickedAt);
  // Another order stays as it is here, for the law to look at.
  await shop.order('2', shop.clicked);
  await shop.tell('2', { click_token: world.token(shop.code, { at: later }) });
  const alice = await world.link(shop.m, shop.alice);
  await shop.tell('1', { click_token: world.token(alice, { at: ago(1.5) }) });
  expect(await shop.line('1')).toMatchObject({ promoter_id: shop.alice, rule_id: shop.now, pool: 229n });
  expect((await pinOf(shop.m, '1')).rule_at).toBeUndefined();
});
