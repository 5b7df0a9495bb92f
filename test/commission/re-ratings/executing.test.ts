// A re-rating from question to books: the differences alone, each once, and what comes after.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { executeBatch, type BatchOutcome } from '../../../src/commission/re-ratings/executing.ts';
import { takeReRating } from '../../../src/commission/re-ratings/re-rating-store.ts';
import { markDue } from '../../../src/commission/award/due-store.ts';
import { bookCaused } from '../../../src/ledger/booking-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';
import { bookedBy, EIGHT_PERCENT, openDesk, outcomesOf, republish } from './stage.ts';

let world: World;
let desk: Awaited<ReturnType<typeof openDesk>>;
beforeAll(async () => {
  world = await openWorld();
  desk = await openDesk(world);
});
afterAll(() => world.close());

/** A shop in which bob has sold for 99.99 at ten percent, each of these orders. */
async function openRuledShop(orderIds = ['o1'], more: Record<string, unknown> = {}) {
  const shop = await openShop(world);
  const ruleId = await shop.rule();
  for (const orderId of orderIds) await shop.order(orderId, { link_code: shop.code, ...more });
  return { ...shop, ruleId, keyOf: (orderId: string) => keyOf(shop.m, orderId) };
}

async function keyOf(merchantId: string, orderId: string): Promise<bigint> {
  const row = await world.db
    .selectFrom('orders')
    .select('order_key')
    .where('merchant_id', '=', merchantId)
    .where('order_id', '=', orderId)
    .executeTakeFirstOrThrow();
  return row.order_key;
}

/** How many transfers and revisions the shop has: awarded again, it has no more. */
async function revisionsOf(merchantId: string) {
  const { rows } = await sql`
    select (select count(*) from transfer where merchant_id = ${merchantId}) as transfers,
      (select sum(revision) from award where merchant_id = ${merchantId}) as revisions`.execute(world.db);
  return rows[0];
}

async function expectConverged(merchantId: string) {
  const before = await revisionsOf(merchantId);
  await inTransaction(world.db, async ({ trx, now }) => {
    const rows = await trx.selectFrom('orders').select('order_key').where('merchant_id', '=', merchantId).execute();
    await markDue(
      trx,
      rows.map((row) => row.order_key),
      now,
    );
  });
  await world.award();
  expect(await revisionsOf(merchantId)).toEqual(before);
}

test('ten percent become eight: −60, −126, −14, each naming the run, and executed again nothing', async () => {
  const { m, ruleId, agency, bob, alice } = await openRuledShop();
  await republish(world, ruleId, EIGHT_PERCENT);
  const preview = await desk.previewed({ ruleIds: [ruleId], merchantId: m });
  expect(preview).toMatchObject({ state: 'ready' });
  expect(preview.result).toMatchObject({
    orders: 1,
    changed_orders: 1,
    before: '999',
    after: '799',
    lowered: { orders: 1, promoters: 3, amount: '200' },
    debts: [],
  });
  await desk.approve(preview);
  await desk.work();
  const { reRatingId } = preview;
  expect((await desk.find(reRatingId)).state).toBe('executed');
  expect(new Set(await bookedBy(world, reRatingId))).toEqual(
    new Set([
      [agency, -60, 'pending > commission'],
      [bob, -126, 'pending > commission'],
      [alice, -14, 'pending > commission'],
    ]),
  );
  const { rows } =
    await sql`select cause, cause_id, revision from transfer where order_key = ${await keyOf(m, 'o1')} and revision > 1`.execute(world.db);
  expect(rows).toEqual(Array.from({ length: 3 }, () => ({ cause: 're_rating', cause_id: reRatingId, revision: 2 })));
  const again = await desk.reRate({ ruleIds: [ruleId], merchantId: m });
  expect(again).toMatchObject({ state: 'executed', result: { changed_orders: 0, before: '799', after: '799' } });
  expect(await bookedBy(world, again.reRatingId)).toEqual([]);
});

test('every later award keeps the rule that was chosen: replay, refund, void and back', async () => {
  const { m, ruleId, bob, line, tell, balance } = await openRuledShop();
  await republish(world, ruleId, EIGHT_PERCENT);
  await desk.reRate({ merchantId: m });
  expect(await line('o1')).toMatchObject({ rule_id: ruleId, rule_version: 2, pool: 799n });
  await expectConverged(m);
  expect((await world.standing(m, 'o1')).head).toMatchObject({ revision: 2 });
  await tell('o1', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] });
  // Base 6999 at eight percent: pool 559, of which bob has 391 less alice's 39.
  expect(await line('o1')).toMatchObject({ rule_version: 2, pool: 559n });
  expect(await balance(bob)).toEqual([['CNY', 352, 0]]);
  await tell('o1', { void: { reason: 'cancelled' } });
  await tell('o1', { void: false });
  expect(await line('o1')).toMatchObject({ rule_version: 2, pool: 559n });
  await expectConverged(m);
});

test('the explanation names the run, and shows both reckonings, of what is left', async () => {
  const { m, ruleId, tell } = await openRuledShop();
  await republish(world, ruleId, EIGHT_PERCENT);
  const { reRatingId } = await desk.reRate({ merchantId: m });
  const explained = await world.explained(m, 'o1');
  expect(explained.lines[0]!.arithmetic).toContainEqual(expect.objectContaining({ step: 'pool', rate_ppm: 80_000, pool: 799 }));
  expect(explained.lines[0]!.re_rating).toMatchObject({ re_rating_id: reRatingId, former: { rule_id: ruleId, version: 1, pool: 999 } });
  expect(explained.lines[0]!.re_rating!.former.arithmetic).toContainEqual(
    expect.objectContaining({ step: 'pool', rate_ppm: 100_000, pool: 999 }),
  );
  expect(explained.transfers.filter((one) => one.re_rating_id === reRatingId)).toHaveLength(3);
  await tell('o1', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] });
  expect((await world.explained(m, 'o1')).lines[0]!.re_rating).toMatchObject({ re_rating_id: reRatingId, former: { pool: 699 } });
});

test('money that is held comes from pending, money that was released from available, and a raise goes the same ways', async () => {
  const shop = await openRuledShop([]);
  const lines = [
    { line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 9999, completed_at: ago(9) },
    { line_id: '2', product_id: 'p1', quantity: 1, paid_amount: 5000 },
  ];
  await shop.order('o1', { link_code: shop.code, paid_at: ago(10), lines });
  expect(await shop.balance(shop.bob)).toEqual([['CNY', 315, 630]]);
  await republish(world, shop.ruleId, EIGHT_PERCENT);
  const lowered = await desk.reRate({ merchantId: shop.m });
  const ofBob = (all: Awaited<ReturnType<typeof bookedBy>>) => all.filter(([promoter]) => promoter === shop.bob);
  expect(ofBob(await bookedBy(world, lowered.reRatingId))).toEqual([
    [shop.bob, -126, 'available > commission'],
    [shop.bob, -63, 'pending > commission'],
  ]);
  expect(await shop.balance(shop.bob)).toEqual([['CNY', 252, 504]]);
  await republish(world, shop.ruleId, { ...EIGHT_PERCENT, rate_ppm: 100_000 });
  const raised = await desk.reRate({ merchantId: shop.m, lowers: false });
  expect(ofBob(await bookedBy(world, raised.reRatingId))).toEqual([
    [shop.bob, 126, 'commission > pending'],
    [shop.bob, 126, 'pending > available'],
    [shop.bob, 63, 'commission > pending'],
  ]);
  expect(await shop.balance(shop.bob)).toEqual([['CNY', 315, 630]]);
  await expectConverged(shop.m);
});

test('who was paid owes afterwards just what the preview has said', async () => {
  const { m, bob, alice, agency, ruleId, balance } = await openRuledShop(['o1'], {
    status: 'completed',
    paid_at: ago(10),
    completed_at: ago(9),
  });
  const pay = { cause: 'payout', position: 0, kind: 'reserve', from: 'available', to: 'paying', merchantId: m, currency: 'CNY' } as const;
  await inTransaction(world.db, ({ trx, now }) =>
    bookCaused(trx, [{ ...pay, causeId: `p-${bob}`, promoterId: bob, amount: 630n }], null, now),
  );
  await republish(world, ruleId, EIGHT_PERCENT);
  const preview = await desk.previewed({ merchantId: m });
  expect(preview.result.debts).toEqual([{ promoter_id: bob, merchant_id: m, available: '0', difference: '-126', after: '-126' }]);
  expect(preview.result).toMatchObject({ debts_count: 1, debts_amount: '126' });
  await desk.approve(preview);
  await desk.work();
  expect(await balance(bob)).toEqual([['CNY', 0, -126]]);
  expect([await balance(alice), await balance(agency)]).toEqual([[['CNY', 0, 55]], [['CNY', 0, 240]]]);
});

test('an order that is refunded between the preview and the execution is left out, and listed', async () => {
  const { m, ruleId, tell, line } = await openRuledShop(['o1', 'o2']);
  await republish(world, ruleId, EIGHT_PERCENT);
  const preview = await desk.previewed({ merchantId: m });
  await tell('o1', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] });
  await desk.approve(preview);
  await desk.work();
  expect(await outcomesOf(world, preview.reRatingId)).toEqual({ o1: 'changed_meanwhile', o2: 'booked' });
  expect([(await line('o1')).pool, (await line('o2')).pool]).toEqual([699n, 799n]);
});

test('an order that waits for its award is waited for, and left out once that has moved it', async () => {
  const { m, ruleId } = await openRuledShop(['o1', 'o2']);
  await republish(world, ruleId, EIGHT_PERCENT);
  const preview = await desk.previewed({ merchantId: m });
  await desk.approve(preview);
  await world.report({ fields: { merchant_id: m, order_id: 'o1', refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] } });
  await desk.work();
  expect(await desk.find(preview.reRatingId)).toMatchObject({ state: 'approved' });
  expect(await outcomesOf(world, preview.reRatingId)).toEqual({ o1: 'waiting', o2: 'booked' });
  await world.award();
  await sql`update re_rating set leased_until = null where re_rating_id = ${preview.reRatingId}`.execute(world.db);
  await desk.work();
  expect(await desk.find(preview.reRatingId)).toMatchObject({ state: 'executed' });
  expect(await outcomesOf(world, preview.reRatingId)).toEqual({ o1: 'changed_meanwhile', o2: 'booked' });
});

test('what a worker that was killed has booked stays, and another one books the rest', async () => {
  const ids = Array.from({ length: 7 }, (_, n) => `o${n}`);
  const { m, ruleId } = await openRuledShop(ids);
  await republish(world, ruleId, EIGHT_PERCENT);
  const preview = await desk.previewed({ merchantId: m });
  await desk.approve(preview);
  const killed = (await inTransaction(world.db, ({ trx, now }) => takeReRating(trx, now)))!;
  expect(await executeBatch(world.deps, killed, 0n, 3)).toMatchObject({ booked: 3, waiting: 0 });
  expect(await desk.work()).toBe(false);
  await sql`update re_rating set leased_until = now() - interval '1 second' where re_rating_id = ${preview.reRatingId}`.execute(world.db);
  await desk.work(world.newDeps());
  expect((await desk.find(preview.reRatingId)).state).toBe('executed');
  expect(Object.values(await outcomesOf(world, preview.reRatingId))).toEqual(ids.map(() => 'booked'));
  expect(await bookedBy(world, preview.reRatingId)).toHaveLength(3 * ids.length);
});

test('two executors at once book every order once', async () => {
  const ids = Array.from({ length: 12 }, (_, n) => `o${n}`);
  const { m, ruleId } = await openRuledShop(ids);
  await republish(world, ruleId, EIGHT_PERCENT);
  const preview = await desk.previewed({ merchantId: m });
  await desk.approve(preview);
  const taken = (await inTransaction(world.db, ({ trx, now }) => takeReRating(trx, now)))!;
  const all = async () => {
    const deps = world.newDeps();
    let booked = 0;
    for (let after: bigint | null = 0n; after !== null;) {
      const outcome: BatchOutcome = (await executeBatch(deps, taken, after, 2))!;
      booked += outcome.booked;
      after = outcome.last;
    }
    return booked;
  };
  const counts = await Promise.all([all(), all()]);
  expect(counts[0] + counts[1]).toBe(ids.length);
  expect(await bookedBy(world, preview.reRatingId)).toHaveLength(3 * ids.length);
  await sql`update re_rating set leased_until = null where re_rating_id = ${preview.reRatingId}`.execute(world.db);
  await desk.work();
  expect((await desk.find(preview.reRatingId)).state).toBe('executed');
});

test('the database refuses to book a run for an order at a second revision', async () => {
  const { m, ruleId, keyOf: key } = await openRuledShop();
  await republish(world, ruleId, EIGHT_PERCENT);
  const { reRatingId } = await desk.reRate({ merchantId: m });
  const again = sql`
    insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, level, from_account_id,
      to_account_id, amount, booked_at, cause, cause_id)
    select order_key, revision + 1, position, kind, merchant_id, currency, promoter_id, line_id, role, level, from_account_id, to_account_id,
      amount, booked_at, cause, cause_id
    from transfer where cause_id = ${reRatingId} and order_key = ${await key('o1')}`.execute(world.owner);
  await expect(again).rejects.toThrow(/transfer_re_rated_once/);
  const undone = sql`update re_rating_order set state = 'waiting' where re_rating_id = ${reRatingId}`.execute(world.owner);
  await expect(undone).rejects.toThrow(/stays as it is/);
});

test('a rule that would win now pays the line, though another one had; and lines of other rules stay', async () => {
  const { m, ruleId, line, order, code } = await openRuledShop();
  const heavier = await world.rule({ scope: { merchant_id: m, product_id: 'p1' }, plan: SIMPLE_PLAN });
  await world.product(m, 'p2');
  await order('o2', { link_code: code, lines: [{ line_id: '1', product_id: 'p2', quantity: 1, paid_amount: 9999 }] });
  await desk.reRate({ ruleIds: [heavier] });
  expect(await line('o1')).toMatchObject({ rule_id: heavier });
  expect(await line('o2')).toMatchObject({ rule_id: ruleId, rule_version: 1 });
});

test('a line for which there is no rule any more keeps its own, and is counted', async () => {
  const { m, ruleId, line } = await openRuledShop();
  await republish(world, ruleId, EIGHT_PERCENT, { to: ago(20) });
  const done = await desk.reRate({ merchantId: m });
  expect(done.result).toMatchObject({ changed_orders: 0, lines_without_rule: 1 });
  expect(await line('o1')).toMatchObject({ rule_id: ruleId, rule_version: 1, pool: 999n });
});

test('winners stay pinned: who has come to stand above them since has nothing of it', async () => {
  const { m, bob, ruleId } = await openRuledShop();
  const later = `later-${bob}`;
  await world.promoter(later);
  await world.promoter(bob, { inviter_id: later, from: ago(30) });
  await republish(world, ruleId, EIGHT_PERCENT);
  const { reRatingId } = await desk.reRate({ merchantId: m });
  expect((await bookedBy(world, reRatingId)).map(([promoter]) => promoter)).not.toContain(later);
});

test('what is of another time or currency, or waits for its award, is in no re-rating', async () => {
  const { m, ruleId, order, fields } = await openRuledShop();
  await order('early', { paid_at: ago(90) });
  await order('dollars', { currency: 'USD' });
  await world.report({ fields: fields('waits', {}) });
  await republish(world, ruleId, EIGHT_PERCENT);
  const { result } = await desk.previewed({ merchantId: m });
  expect(result.orders).toBe(1);
  expect(Object.fromEntries(result.excluded.map(({ reason, orders }) => [reason, orders]))).toEqual({ due: 1, other_currency: 1 });
  await world.award();
});

test('a rate lock holds: what was in force at the click counts where it pays the winner more', async () => {
  const shop = await openShop(world, { rate_lock: 'click' });
  const ruleId = await shop.rule(SIMPLE_PLAN);
  await shop.order('o1', { click_token: world.token(shop.code, { at: ago(3) }), paid_at: ago(1) });
  await republish(world, ruleId, { ...SIMPLE_PLAN, rate_ppm: 80_000 }, { from: ago(2) });
  expect((await desk.reRate({ merchantId: shop.m })).result).toMatchObject({ changed_orders: 0, after: '999' });
  await republish(world, ruleId, { ...SIMPLE_PLAN, rate_ppm: 120_000 }, { from: ago(2) });
  expect((await desk.reRate({ merchantId: shop.m, lowers: false })).result).toMatchObject({ changed_orders: 1, after: '1199' });
});
