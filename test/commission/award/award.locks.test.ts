// The award and locks: an order that somebody earned locks its buyer for the orders after it.
import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { awardOrders } from '../../../src/commission/award/award.ts';
import { takeDueOrders } from '../../../src/commission/award/award-store.ts';
import { sweepLockChanges } from '../../../src/commission/award/lock-change-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, inDays, openShop, openSimpleShop, openWorld, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const buyer = { openid: 'o1' };

test('an order locks its buyer to its promoter, an order by the lock extends it, and it ends', async () => {
  const shop = await openSimpleShop(world, { order_lock_days: 10 });
  await shop.order('1', { buyer, link_code: shop.code, paid_at: ago(30) });
  for (const [orderId, days] of [
    ['2', 21],
    ['3', 12],
    ['4', 1.9],
  ] as const) {
    await shop.order(orderId, { buyer, paid_at: ago(days) });
  }
  const lines = await Promise.all(['2', '3', '4'].map((orderId) => shop.line(orderId)));
  expect(lines.map((line) => line.evidence)).toEqual(['lock', 'lock', null]);
  expect(lines[1]).toMatchObject({ promoter_id: shop.bob, pool: 999n });
  const [explained] = (await world.explained(shop.m, '4')).lines;
  expect(explained!.evidence.map(({ reference, reason }) => [reference, reason])).toEqual([
    ['1', 'outside_window'],
    ['2', 'outside_window'],
    ['3', 'outside_window'],
  ]);
});

test('the lock of an earlier order that is told later is found, and so is its end', async () => {
  const shop = await openSimpleShop(world);
  await shop.order('later', { buyer, paid_at: ago(1) });
  await shop.order('last', { buyer, paid_at: ago(0.5) });
  expect((await shop.line('later')).decision).toBe('unattributed');
  await shop.order('first', { buyer, paid_at: ago(2), link_code: shop.code });
  expect(await Promise.all(['later', 'last'].map(async (orderId) => (await shop.line(orderId)).evidence))).toEqual(['lock', 'lock']);
  await shop.tell('first', { void: { reason: 'cancelled' } });
  expect(await Promise.all(['later', 'last'].map(async (orderId) => (await shop.line(orderId)).decision))).toEqual([
    'unattributed',
    'unattributed',
  ]);
  expect(await shop.balance(shop.bob)).toEqual([['CNY', 0, 0]]);
});

test('a lock is evidence among the rest: where it is ranked first, one that appears later takes an order from its click', async () => {
  const shop = await openSimpleShop(world, { precedence: ['lock', 'link_code'] });
  const alices = await world.link(shop.m, shop.alice);
  await shop.order('2', { buyer, paid_at: ago(1), link_code: alices });
  expect(await shop.line('2')).toMatchObject({ evidence: 'link_code', promoter_id: shop.alice });
  await shop.order('1', { buyer, paid_at: ago(2), link_code: shop.code });
  expect(await shop.line('2')).toMatchObject({ evidence: 'lock', promoter_id: shop.bob });
});

test('an order whose time turns out to be earlier locks from then on', async () => {
  const shop = await openSimpleShop(world);
  await shop.order('locks', { buyer, paid_at: ago(1), link_code: shop.code });
  await shop.order('other', { buyer, paid_at: ago(2) });
  expect((await shop.line('other')).decision).toBe('unattributed');
  await shop.tell('locks', { deposit_paid_at: ago(3) });
  expect(await shop.line('other')).toMatchObject({ evidence: 'lock', promoter_id: shop.bob });
});

/**
 * An order that another worker merges and awards while the lock before it is being committed;
 * `award` awards the locking one.
 */
async function awardBetween(shop: Awaited<ReturnType<typeof openSimpleShop>>, award: () => Promise<unknown>): Promise<void> {
  await world.report({ fields: shop.fields('locks', { buyer, paid_at: ago(3), link_code: shop.code }) });
  const { commit, isCommitting } = await holdCommits(shop.m);
  const locking = award();
  while (!(await isCommitting())) await sleep(10);
  await world.report({ fields: shop.fields('between', { buyer, paid_at: ago(2) }) });
  await world.award(world.newDeps());
  expect((await shop.line('between')).decision).toBe('unattributed');
  await commit();
  await locking;
}

test('an order that was awarded by another worker while the lock before it was being committed gets that lock', async () => {
  const shop = await openSimpleShop(world);
  await awardBetween(shop, () => world.award());
  await world.award();
  expect(await shop.line('between')).toMatchObject({ evidence: 'lock', promoter_id: shop.bob });
});

test('and it gets it from the sweep where the first worker was killed before his second look', async () => {
  const shop = await openSimpleShop(world);
  const { db, deps } = world;
  await awardBetween(shop, () =>
    inTransaction(db, async ({ trx, now }) => awardOrders(trx, await takeDueOrders(trx, now, 1000), now, deps)),
  );
  await inTransaction(db, ({ trx, now }) => sweepLockChanges(trx, now, 1000));
  await world.award();
  expect((await shop.line('between')).decision).toBe('unattributed');
  await sql`update relocked set made_at = now() - interval '1 minute'`.execute(world.owner);
  await inTransaction(db, ({ trx, now }) => sweepLockChanges(trx, now, 1000));
  await world.award();
  expect(await shop.line('between')).toMatchObject({ evidence: 'lock', promoter_id: shop.bob });
});

/** The next first award of a merchant waits where it commits, until it is let go. */
async function holdCommits(merchantId: string) {
  const { owner } = world;
  await sql`
    create or replace function wait_to_commit() returns trigger language plpgsql as $$
    begin
      if new.lock_promoter_id is not null then perform pg_advisory_xact_lock_shared(4711); end if;
      return null;
    end $$;
    drop trigger if exists waits_to_commit on award;
    create constraint trigger waits_to_commit after insert on award deferrable initially deferred
      for each row when (new.merchant_id = ${sql.lit(merchantId)}) execute function wait_to_commit()`.execute(owner);
  const holder = await owner.startTransaction().execute();
  await sql`select pg_advisory_xact_lock(4711)`.execute(holder);
  return {
    isCommitting: async () => {
      const { rows } = await sql`select from pg_locks where locktype = 'advisory' and not granted`.execute(owner);
      return rows.length > 0;
    },
    commit: () => holder.commit().execute(),
  };
}

test('of orders of one moment the one that became known first locks the others, and none locks it', async () => {
  const shop = await openSimpleShop(world);
  const paid_at = ago(1);
  await shop.order('1', { buyer, paid_at });
  await shop.order('2', { buyer, paid_at, link_code: shop.code });
  expect((await shop.line('1')).decision).toBe('unattributed');
  await shop.order('3', { buyer, paid_at });
  expect((await shop.line('3')).evidence).toBe('lock');
});

test('no order locks itself, though its time turns out to be later than it seemed', async () => {
  const shop = await openSimpleShop(world);
  await shop.order('1', { buyer, paid_at: ago(3), link_code: shop.code });
  await shop.tell('1', { deposit_paid_at: ago(1) });
  expect((await world.explained(shop.m, '1')).lines[0]!.evidence.map(({ kind }) => kind)).toEqual(['link_code']);
});

test('what a lock does not change any more: a released order', async () => {
  const shop = await openSimpleShop(world, { precedence: ['lock', 'link_code'] });
  const alices = await world.link(shop.m, shop.alice);
  await shop.order('2', { buyer, paid_at: ago(1), link_code: alices, status: 'completed', completed_at: ago(0.5) });
  await world.awardAt(inDays(7));
  await shop.order('1', { buyer, paid_at: ago(2), link_code: shop.code });
  expect(await shop.line('2')).toMatchObject({ promoter_id: shop.alice });
  expect((await world.standing(shop.m, '2')).head!.revision).toBe(2);
});

test('the chain above a lock is as of the click that the lock goes back to', async () => {
  const shop = await openShop(world);
  await shop.rule();
  const carol = `carol-${shop.m}`;
  await world.promoter(carol);
  await shop.order('1', { buyer, paid_at: ago(5), click_token: world.token(shop.code, { at: ago(6) }) });
  await world.promoter(shop.bob, { inviter_id: carol, agency_id: shop.agency, from: ago(4) });
  await shop.order('2', { buyer, paid_at: ago(3) });
  await shop.order('3', { buyer, paid_at: ago(2) });
  await shop.order('4', { buyer: { openid: 'other' }, paid_at: ago(2), click_token: world.token(shop.code, { at: ago(3) }) });
  const uplineOf = async (orderId: string) => (await shop.line(orderId)).shares.find(({ role }) => role === 'upline')?.promoter_id;
  expect(await Promise.all(['1', '2', '3', '4'].map(uplineOf))).toEqual([shop.alice, shop.alice, shop.alice, carol]);
});

test('the parts of a split order lock the buyer whom only the whole names', async () => {
  const shop = await openSimpleShop(world);
  await shop.order('whole', { buyer, link_code: shop.code, paid_at: ago(3) });
  await shop.order('part', { parent: { order_id: 'whole', kind: 'split' }, paid_at: ago(3) });
  await shop.order('next', { buyer, paid_at: ago(1) });
  expect(await shop.line('next')).toMatchObject({ evidence: 'lock', promoter_id: shop.bob });
});
