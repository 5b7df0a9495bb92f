// The award and its queue: batches, workers at once, orders that cannot be awarded, and how many
// statements all that takes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from 'kysely';
import { awardDue } from '../../../src/commission/award/award.ts';
import { markMaturedDue, markNamedDue } from '../../../src/commission/award/due-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, inDays, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

type Shop = Awaited<ReturnType<typeof openShop>>;

async function openSimpleShop(terms: Record<string, unknown> = {}) {
  const shop = await openShop(world, terms);
  await shop.rule(SIMPLE_PLAN);
  return shop;
}

async function tellMany(shop: Shop, count: number, fields: (index: number) => Record<string, unknown>, prefix = '') {
  for (let index = 0; index < count; index++) await world.report({ fields: shop.fields(`${prefix}${index}`, fields(index)) });
}

async function dueOf(shop: Shop) {
  const { rows } = await sql<{ order_id: string; attempts: number; error: string | null; wait: number }>`
    select order_id, attempts, error, extract(epoch from due_at - now())::float as wait
    from award_due join orders using (order_key) where merchant_id = ${shop.m} order by order_id`.execute(world.owner);
  return rows;
}

describe('an order that cannot be awarded', () => {
  test('is put off with its error, longer each time, while the rest of its batch is awarded; and heals', async () => {
    const shop = await openSimpleShop();
    await tellMany(shop, 5, () => ({ link_code: shop.code }));
    const corrupt = (lines: unknown) =>
      world.owner
        .updateTable('orders')
        .set({ merged: sql`jsonb_set(merged, '{lines}', ${JSON.stringify(lines)}::jsonb)` })
        .where('merchant_id', '=', shop.m)
        .where('order_id', '=', '3')
        .execute();
    await corrupt('not a list');
    expect(await awardDue(world.deps, 100)).toBe(5);
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 4 * 999, 0]]);
    expect(await dueOf(shop)).toMatchObject([{ order_id: '3', attempts: 1, error: expect.stringContaining('TypeError') }]);
    await world.award();
    expect((await dueOf(shop))[0]!.attempts).toBe(1);
    await sql`update award_due set due_at = date_trunc('second', now())`.execute(world.owner);
    await world.award();
    const [again] = await dueOf(shop);
    expect(again!.attempts).toBe(2);
    expect(again!.wait).toBeGreaterThan(1);
    await shop.order('5', { link_code: shop.code });
    await corrupt([]);
    await shop.order('3', { link_code: shop.code });
    expect(await dueOf(shop)).toEqual([]);
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 6 * 999, 0]]);
  });

  test('alone in its batch is put off as well', async () => {
    const shop = await openSimpleShop();
    await tellMany(shop, 1, () => ({ link_code: shop.code }));
    await sql`update orders set merged = '{}' where merchant_id = ${shop.m}`.execute(world.owner);
    expect(await awardDue(world.deps, 100)).toBe(1);
    expect(await dueOf(shop)).toMatchObject([{ attempts: 1 }]);
    expect(await awardDue(world.deps, 100)).toBe(0);
    await sql`delete from award_due`.execute(world.owner);
  });

  test('that is matured does not keep back those behind it', async () => {
    const shop = await openSimpleShop({ hold_days: 0 });
    await tellMany(shop, 3, (index) => ({ link_code: shop.code, status: 'completed', completed_at: inDays(1 + index) }));
    await world.award();
    const marked = (days: number) => inTransaction(world.db, ({ trx }) => markMaturedDue(trx, new Date(inDays(days)), 1));
    expect([await marked(0.5), await marked(5), await marked(5), await marked(5), await marked(5)]).toEqual([0, 1, 1, 1, 0]);
    await sql`delete from award_due`.execute(world.owner);
  });
});

describe('workers at once', () => {
  test('never book anything twice, and leave nothing undone', async () => {
    const shop = await openSimpleShop();
    await tellMany(shop, 40, (index) => ({ link_code: shop.code, buyer: { openid: `o${index % 5}` } }));
    const workers = Array.from({ length: 4 }, () => world.newDeps());
    await Promise.all(
      workers.map(async (deps) => {
        while ((await awardDue(deps, 5)) > 0);
      }),
    );
    await world.award();
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 40 * 999, 0]]);
    expect(await dueOf(shop)).toEqual([]);
  });

  test('who read the rules at different times each go on with those they have read', async () => {
    const shop = await openSimpleShop();
    const deps = world.newDeps();
    for (let round = 0; round < 5; round++) {
      await tellMany(shop, 10, () => ({ link_code: shop.code }), `${round}-`);
      await shop.rule(SIMPLE_PLAN, { priority: round + 1 });
      await Promise.all([awardDue(deps, 5), awardDue(deps, 5)]);
    }
    await world.award(deps);
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 50 * 999, 0]]);
    expect(await dueOf(shop)).toEqual([]);
  });
});

describe('statements about promoters', () => {
  test('wake the unattributed orders that name them or their coupons, and no others', async () => {
    const shop = await openSimpleShop();
    const dave = `dave-${shop.m}`;
    const named = { platform: { promoter_id: dave }, coupon: { coupon_codes: ['daves'] }, other: { coupon_codes: ['welcome'] }, none: {} };
    for (const [orderId, fields] of Object.entries(named)) await shop.order(orderId, fields);
    await world.promoter(dave);
    await world.coupon(shop.m, 'DAVES', dave);
    await inTransaction(world.db, ({ trx, now }) => markNamedDue(trx, [dave], now));
    expect((await dueOf(shop)).map((row) => row.order_id)).toEqual(['coupon', 'platform']);
    await world.award();
    expect(await shop.balance(dave)).toEqual([['CNY', 2 * 999, 0]]);
  });
});

/** Every statement that the pool sends while the work runs. */
async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const counted = world.db.withPlugin({
    transformQuery: ({ node }) => {
      statements.push(node.kind);
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const { db } = world.deps;
  world.deps.db = counted;
  await work().finally(() => {
    world.deps.db = db;
  });
  return statements;
}

describe('the number of statements', () => {
  test('of a batch does not depend on how many orders are in it', async () => {
    const shop = await openShop(world);
    await shop.rule();
    await world.coupon(shop.m, 'BOB10', shop.bob);
    const fields = (name: string) => (index: number) => ({
      click_token: world.token(shop.code, { at: ago(2) }),
      coupon_codes: ['BOB10'],
      buyer: { openid: `${name}-${index}` },
      parent: { order_id: `of-${name}-${index}`, kind: 'split' },
    });
    const counts: number[][] = [];
    // The second round finds the accounts that the first has opened, and knows them from then on.
    for (const [name, count] of [
      ['new', 1],
      ['warm', 1],
      ['one', 1],
      ['fifty', 50],
    ] as const) {
      await tellMany(shop, count, fields(name), `${name}-`);
      const first = await statementsOf(() => awardDue(world.deps, 1000));
      await sql`
        insert into award_due (order_key, due_at) select order_key, date_trunc('second', now()) from orders
        where merchant_id = ${shop.m} and starts_with(order_id, ${`${name}-`})`.execute(world.owner);
      const again = await statementsOf(() => awardDue(world.deps, 1000));
      counts.push([first.length, again.length]);
    }
    expect(counts[3]).toEqual(counts[2]);
    expect(Math.max(...counts.flat())).toBeLessThan(32);
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 53 * 630, 0]]);
  });
});
