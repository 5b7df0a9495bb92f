// What came before statistics were kept: counted once, however often the pass is ended, and beside
// all that goes on.

import type { Kysely } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { accountCache, bookCaused, type CausedTransfer } from '../../../src/ledger/booking-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import type { DB } from '../../../src/platform/postgres/tables.ts';
import { foldingStatistics } from '../../../src/statistics/fold/folding.ts';
import { countHistory, rebuildStatistics } from '../../../src/statistics/fold/history.ts';
import { ago, openSimpleShop, openWorld, type World } from '../../commission/world.ts';
import { expectExact, foldAll, settle } from '../recount.ts';
import { forgetNumbers } from './before.ts';

const SMALL = { orders: 2, bonuses: 1, clicks: 3, links: 1 };

let world: World;
let db: Kysely<DB>;
let shop: Awaited<ReturnType<typeof openSimpleShop>>;

const bonus = (position: number): CausedTransfer => ({
  cause: 'bonus',
  causeId: `spring/${shop.bob}/${position % 2}`,
  position,
  kind: 'accrue',
  merchantId: shop.m,
  promoterId: shop.bob,
  currency: 'CNY',
  from: 'commission',
  to: 'pending',
  amount: 500n,
});

beforeAll(async () => {
  world = await openWorld();
  ({ db } = world);
  shop = await openSimpleShop(world);
  for (let n = 0; n < 7; n++) {
    await world.click(shop.code, { at: ago(n + 1), bot: n === 3 });
    await world.link(shop.m, shop.alice);
    await shop.order(`old ${n}`, { link_code: shop.code });
  }
  await shop.tell('old 1', { refunds: [{ refund_id: 'r', amount: 9999 }] });
  await shop.tell('old 2', { status: 'completed', completed_at: ago(9) });
  await inTransaction(db, ({ trx, now }) => bookCaused(trx, [bonus(0), bonus(1), bonus(2)], accountCache(), now));
});

beforeEach(() => forgetNumbers(world.owner));

afterAll(() => world.close());

/** Whether anybody is told figures. */
async function isHistoryCounted(of: Kysely<DB>): Promise<boolean> {
  const { history_done_at: doneAt } = await of.selectFrom('statistics_fold').select('history_done_at').executeTakeFirstOrThrow();
  return doneAt !== null;
}

const toTheEnd = async () => {
  while ((await countHistory(db, SMALL)) !== 'done');
};

test('a database that was empty then has nothing to count', async () => {
  const empty = await openWorld();
  expect(await isHistoryCounted(empty.db)).toBe(true);
  await empty.close();
});

test('is counted some at a time, and nobody is told figures until it is', async () => {
  expect(await isHistoryCounted(db)).toBe(false);
  expect(await countHistory(db, SMALL)).toBe('counted');
  expect(await isHistoryCounted(db)).toBe(false);
  await toTheEnd();
  expect(await isHistoryCounted(db)).toBe(true);
  expect(await foldAll(db)).toBe(0);
  await expectExact(db);
});

describe('what comes meanwhile', () => {
  test('is folded, and counted by the pass neither again nor instead', async () => {
    await countHistory(db, SMALL);
    // One that the pass has counted, one that it has not come to, and one of its own.
    await shop.tell('old 0', { refunds: [{ refund_id: 'r', amount: 100 }] });
    await shop.tell('old 6', { refunds: [{ refund_id: 'r', amount: 100 }] });
    await shop.order('new', { link_code: shop.code });
    await world.click(shop.code, { at: ago(1) });
    await inTransaction(db, ({ trx, now }) => bookCaused(trx, [bonus(10 + Math.floor(Math.random() * 1e6))], accountCache(), now));
    await foldAll(db);
    await toTheEnd();
    await foldAll(db);
    await expectExact(db);
  });
});

test('a worker counts it to the end, and then asks for it no more', async () => {
  const work = foldingStatistics(db, new AbortController().signal);
  await expect.poll(async () => (await work(), isHistoryCounted(db)), { timeout: 30_000 }).toBe(true);
  await foldAll(db);
  await expectExact(db);
});

test('everything can be counted again from the first fact on', async () => {
  const work = foldingStatistics(db, new AbortController().signal);
  await expect.poll(async () => (await work(), isHistoryCounted(db)), { timeout: 30_000 }).toBe(true);
  await shop.order('later', { link_code: shop.code });
  await world.click(shop.code, { at: ago(1) });
  await foldAll(db);
  await world.owner.updateTable('merchant_rollup').set({ clicks: 1000n }).execute();
  await world.owner.deleteFrom('counted').where('basis', '=', 'order').execute();
  await rebuildStatistics(world.owner);
  expect(await isHistoryCounted(db)).toBe(false);
  // By a worker that had been at the end.
  await settle(db);
  await expect.poll(async () => (await work(), isHistoryCounted(db)), { timeout: 30_000 }).toBe(true);
  await expectExact(db);
});
