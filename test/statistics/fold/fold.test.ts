// The fold: whatever runs beside it and commits late, wherever it is cut, what is kept is what the
// facts say.

import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { continueLedger, foldBalances } from '../../../src/ledger/balances.ts';
import { accountCache, bookCaused, type CausedTransfer } from '../../../src/ledger/booking-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import type { DB } from '../../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../../src/platform/uuid.ts';
import { DAY_MS, HOUR_MS } from '../../../src/platform/durations.ts';
import { insertClicks, type Click } from '../../../src/promotion/clicks/click-store.ts';
import { foldStatistics } from '../../../src/statistics/fold/fold.ts';
import { foldingStatistics } from '../../../src/statistics/fold/folding.ts';
import { asked } from '../../commission/asked.ts';
import { ago, openSimpleShop, openWorld, type World } from '../../commission/world.ts';
import { expectExact, foldAll, settle } from '../recount.ts';

type Shop = Awaited<ReturnType<typeof openSimpleShop>>;

let world: World;
let db: Kysely<DB>;
let shop: Shop;
beforeAll(async () => {
  world = await openWorld();
  ({ db } = world);
  shop = await openSimpleShop(world);
});
afterAll(() => world.close());

const aClick = (more: Partial<Click> = {}): Click => {
  const clicked = { linkCode: shop.code, merchantId: shop.m, clickedAt: Date.now(), identity: null, bot: false, touches: [] };
  return { clickId: uuidv7(Date.now()), ...clicked, ...more };
};
const click = (more: Partial<Click> = {}) => inTransaction(db, ({ trx }) => insertClicks(trx, [aClick(more)]));

/** What a promoter's roll-ups of days come to. */
async function sums(promoterId: string): Promise<Record<string, number>> {
  const { rows } = await sql<Record<string, string>>`
    select sum(clicks) as clicks, sum(bot_clicks) as bots, sum(links_made) as links, sum(orders) as orders,
      sum(commission_estimated) filter (where basis = 'order') as estimated,
      sum(commission_estimated) filter (where basis = 'booking') as booked
    from promoter_rollup where promoter_id = ${promoterId} and grain_minutes = 1440`.execute(db);
  return Object.fromEntries(Object.entries(rows[0]!).map(([name, sum]) => [name, Number(sum)]));
}

const SMALL = { orders: 2, bonuses: 1, clicks: 2, links: 1 };

test('clicks, links, orders and bookings come to what they are, once', async () => {
  const own = await openSimpleShop(world);
  await world.click(own.code, { at: ago(2) });
  await world.click(own.code, { at: ago(2), bot: true });
  await own.order('1', { link_code: own.code });
  await foldAll(db);
  const once = { clicks: 1, bots: 1, links: 1, orders: 1, estimated: 999, booked: 999 };
  expect(await sums(own.bob)).toEqual(once);
  expect(await foldAll(db)).toBe(0);
  expect(await sums(own.bob)).toEqual(once);
  await own.tell('1', { void: { reason: 'cancelled' } });
  await foldAll(db);
  expect(await sums(own.bob)).toEqual({ ...once, orders: 0, estimated: 0 });
  await expectExact(db);
});

test('an order that nobody won counts for its merchant, and for its winner once there is one', async () => {
  const own = await openSimpleShop(world);
  await own.order('1', { buyer: { openid: 'late' } });
  await foldAll(db);
  const orders = async () => {
    const { rows } = await sql<{ orders: bigint; orders_unattributed: bigint }>`
      select orders, orders_unattributed from merchant_rollup
      where merchant_id = ${own.m} and grain_minutes = 1440 and basis = 'order' and orders + orders_unattributed > 0`.execute(db);
    return rows;
  };
  expect(await orders()).toEqual([{ orders: 0n, orders_unattributed: 1n }]);
  await world.click(own.code, { at: ago(2), buyer: { openid: 'late' } });
  await world.award();
  await foldAll(db);
  expect(await orders()).toEqual([{ orders: 1n, orders_unattributed: 0n }]);
  await expectExact(db);
});

test('bonuses are counted when they are booked', async () => {
  await foldAll(db);
  const bonus: CausedTransfer = {
    cause: 'bonus',
    causeId: `spring/${shop.bob}/once`,
    position: 0,
    kind: 'accrue',
    merchantId: shop.m,
    promoterId: shop.bob,
    currency: 'CNY',
    from: 'commission',
    to: 'pending',
    amount: 500n,
  };
  const before = await sums(shop.bob);
  await inTransaction(db, ({ trx, now }) => bookCaused(trx, [bonus], accountCache(), now));
  expect(await foldAll(db)).toBe(1);
  expect((await sums(shop.bob))['booked']).toBe((before['booked'] ?? 0) + 500);
  await expectExact(db);
});

describe('a fold', () => {
  test('skips nothing that was written before it and is committed after it', async () => {
    await foldAll(db);
    const late = await db.startTransaction().execute();
    await insertClicks(late, [aClick()]);
    await click();
    await foldStatistics(db);
    await late.commit().execute();
    expect(await foldAll(db)).toBeGreaterThan(0);
    await expectExact(db);
  });

  test('takes as many of each kind as it may, never half of a transaction, and says that there are more', async () => {
    await foldAll(db);
    for (const orderId of ['a', 'b', 'c']) await world.report({ fields: shop.fields(orderId, { link_code: shop.code }) });
    await world.award();
    await inTransaction(db, ({ trx }) => insertClicks(trx, [aClick(), aClick(), aClick()]));
    await click();
    await click();
    await settle(db);
    // The three orders are of one transaction, and so are three of the clicks.
    expect(await foldStatistics(db, SMALL)).toMatchObject({ more: true });
    for (let more = true; more;) ({ more } = (await foldStatistics(db, SMALL))!);
    await expectExact(db);
  });

  test('leaves the work to whoever folds already', async () => {
    await click();
    const other = await db.startTransaction().execute();
    await sql`select from statistics_fold for update`.execute(other);
    expect(await foldStatistics(db)).toBeNull();
    await other.rollback().execute();
    expect(await foldAll(db)).toBeGreaterThan(0);
  });

  test('writes nothing where an award was written again and counts for the same', async () => {
    await shop.order('same', { link_code: shop.code });
    await foldAll(db);
    const rowsOf = () =>
      sql<{ xmin: string }>`select counted.xmin::text from counted join orders using (order_key) where order_id = 'same'`.execute(db);
    const before = (await rowsOf()).rows;
    await sql`update award set recheck_at = now() from orders where orders.order_key = award.order_key and order_id = 'same'`.execute(db);
    expect(await foldAll(db)).toBe(1);
    expect((await rowsOf()).rows).toEqual(before);
    await expectExact(db);
  });
});

describe('clicks', () => {
  test('that a spool brings back late are found, in whatever month they were made', async () => {
    await foldAll(db);
    for (const age of [HOUR_MS, 11 * HOUR_MS, 13 * HOUR_MS, 23 * HOUR_MS, 25 * HOUR_MS, 100 * DAY_MS]) {
      const at = Date.now() - age;
      await click({ clickId: uuidv7(at), clickedAt: at });
    }
    const noted = async () => (await sql`select from late_click`.execute(db)).rows.length;
    expect([await noted(), await foldAll(db)]).toEqual([4, 6]);
    await expectExact(db);
    // Streams look for them for a minute, and nobody counts them twice.
    await click({});
    expect([await foldAll(db), await noted()]).toEqual([1, 4]);
    await sql`update late_click set noted_at = now() - interval '1 minute'`.execute(db);
    await click({});
    expect([await foldAll(db), await noted()]).toEqual([1, 0]);
    await expectExact(db);
  });

  test('of no link count nowhere, and hold nothing up', async () => {
    await click({ linkCode: 'nowhere' });
    expect(await foldAll(db)).toBe(1);
    await expectExact(db);
  });

  test('are under the category and the agency that were in force then and known then', async () => {
    const own = await openSimpleShop(world);
    const product = await world.link(own.m, own.bob, { product_id: 'p1' });
    const other = `other-${own.m}`;
    await world.promoter(other, { kind: 'agency' });
    await world.click(product, { at: ago(3) });
    await world.product(own.m, 'p1', { category: 'toys', from: ago(2) });
    await world.promoter(own.bob, { agency_id: other, from: ago(2) });
    await world.click(product, { at: ago(3) });
    await world.click(product, { at: ago(1) });
    // Set up for the time of the first clicks, and not known when they were recorded.
    await world.product(own.m, 'p1', { category: 'garden', from: ago(4) });
    await foldAll(db);
    const { rows } = await sql`
      select category, agency_id, sum(clicks)::int as clicks from link_rollup where link_code = ${product} and grain_minutes = 1440
      group by 1, 2 having sum(clicks) > 0 order by category`.execute(db);
    expect(rows).toEqual([
      { category: 'baby', agency_id: own.agency, clicks: 2 },
      { category: 'toys', agency_id: other, clicks: 1 },
    ]);
  });
});

describe('the work of a worker', () => {
  test('asks one question while nothing comes', async () => {
    await foldAll(db);
    const work = foldingStatistics(db, new AbortController().signal);
    await work();
    await expect
      .poll(async () => [...(await asked(work)).keys()].filter((text) => !/ledger_fold/.test(text)), { timeout: 30_000 })
      .toEqual([]);
    await work();
    await click();
    await settle(db);
    await work();
    await expectExact(db);
  });

  test('looks again for what another process had begun and has not ended', async () => {
    await foldAll(db);
    const work = foldingStatistics(db, new AbortController().signal);
    await work();
    await click();
    await settle(db);
    const other = await db.startTransaction().execute();
    await sql`select from statistics_fold for update`.execute(other);
    await work();
    await other.rollback().execute();
    await work();
    await expectExact(db);
  });
});

describe('books that were restored into a cluster that has counted less far', () => {
  test('go on above all that was written, without a gap or a double', async () => {
    await continueLedger(db);
    await shop.order('folded', { link_code: shop.code });
    await click();
    await foldAll(db);
    await shop.order('unfolded', { link_code: shop.code });
    await click();
    await world.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update award set awarded_xid = awarded_xid + 1000000`.execute(trx);
      await sql`update click set recorded_xid = recorded_xid + 1000000`.execute(trx);
      await sql`update link set made_xid = made_xid + 1000000`.execute(trx);
      await sql`update transfer set booked_xid = booked_xid + 1000000`.execute(trx);
      // The statistics have come further than the balances.
      await sql`update statistics_fold set below_xid = below_xid + 1000000`.execute(trx);
    });
    await expect(foldStatistics(db)).rejects.toThrow('it was restored');
    expect(await continueLedger(db)).toBe(true);
    expect(await continueLedger(db)).toBe(false);
    await shop.order('after', { link_code: shop.code });
    await shop.tell('folded', { refunds: [{ refund_id: 'r', amount: 5000 }] });
    await click();
    expect(await foldAll(db)).toBeGreaterThanOrEqual(5);
    await expectExact(db);
    await foldBalances(db);
    const { rows } = await sql<{ rising: boolean }>`
      select (select max(recorded_xid) from click) > (select max(below_xid) from statistics_fold) - 1000
        and pg_get_expr(adbin, adrelid) like '%' || (select xid_offset from ledger_fold) || '%' as rising
      from pg_attrdef where adrelid = 'click'::regclass and pg_get_expr(adbin, adrelid) like '%current_xact%'`.execute(db);
    expect(rows).toEqual([{ rising: true }]);
  });
});
