import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { decideTiers } from '../../../src/commission/tiers/deciding.ts';
import { stateTierProgram, type StatedTierProgram } from '../../../src/commission/tiers/stating-tier-program.ts';
import { readTierPeriods } from '../../../src/commission/tiers/tier-store.ts';
import { askGuard } from '../../../src/guards/check.ts';
import { LAWS_OF_PROGRAMS } from '../../../src/guards/laws/laws-of-programs.ts';
import { dayOf, monthAfter, spanOfMonths } from '../../../src/platform/calendar.ts';
import type { Actor } from '../../../src/platform/keys/actor.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { count, operatorOf } from '../bonuses/bonus-shop.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

const ZONE = 'Asia/Shanghai';
const THIS_MONTH = dayOf(new Date(), ZONE).slice(0, 7);
const NEXT = spanOfMonths(monthAfter(THIS_MONTH), ZONE);

let world: World;
let actor: Actor;

beforeAll(async () => {
  world = await openWorld();
  actor = await operatorOf(world);
});

afterAll(async () => {
  for (const law of LAWS_OF_PROGRAMS) expect([law.name, (await askGuard(world.db, law)).sample]).toEqual([law.name, []]);
  await world.close();
});

const state = (programId: string, merchantId: string | null, more: Partial<StatedTierProgram> = {}) => {
  const tiers = [
    { tier: 'silver', atLeast: 1000n },
    { tier: 'gold', atLeast: 10_000n },
  ];
  const basis = { programId, merchantId, measure: 'paid_amount' as const, currency: 'CNY', tiers, timeZone: null };
  return inTransaction(world.db, ({ trx, now }) => stateTierProgram(trx, { ...basis, ...more }, { actor, now }));
};

/** A shop whose rules pay 10 %, and 20 % to gold. */
async function openTierShop() {
  const shop = await openShop(world, { hold_days: 0 });
  await shop.rule(SIMPLE_PLAN);
  await shop.rule({ ...SIMPLE_PLAN, rate_ppm: 200_000 }, { scope: { merchant_id: shop.m, tier: 'gold' } });
  const orderAt = (orderId: string, at: string, amount: number, more: object = {}) => {
    const lines = [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: amount }];
    return shop.order(orderId, { paid_at: at, link_code: shop.code, lines, ...more });
  };
  return {
    ...shop,
    completed: (orderId: string, amount: number) => orderAt(orderId, ago(0), amount, { status: 'completed', completed_at: ago(0) }),
    paidAt: (orderId: string, at: Date) => orderAt(orderId, at.toISOString(), 1000),
    pool: async (orderId: string) => Number((await shop.line(orderId)).pool),
    /** How many months its program has decided. */
    decided: async () =>
      (await world.db.selectFrom('tier_period').select('month').where('program_id', '=', `t-${shop.m}`).execute()).length,
  };
}

const decide = async (now = new Date(NEXT.from.getTime() + 1000)) => {
  await count(world);
  return decideTiers(world.db, now);
};

const afterStart = new Date(NEXT.from.getTime() + 60_000);

/** The tier that a promoter has at a merchant by programs alone, the latest period first. */
const set = async (merchantId: string, promoterId: string, since: Date) =>
  (await readTierPeriods(world.db, { merchantIds: [merchantId], promoterIds: [promoterId], since: since.getTime() })).map(({ tiers }) =>
    tiers.get(promoterId),
  );

describe('at the end of a month', () => {
  test('a promoter’s own kept figure sets its tier of the next, from the first instant of that on', async () => {
    const shop = await openTierShop();
    await state(`t-${shop.m}`, shop.m);
    await shop.completed('large', 12_000);
    await shop.completed('refunded', 5000);
    await shop.tell('refunded', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 4000, refunded_at: ago(0) }] });
    await decide(new Date(NEXT.from.getTime() - 1));
    expect(await shop.decided()).toBe(0);
    await decide();
    await decide();
    expect(await shop.decided()).toBe(1);
    await shop.paidAt('before', new Date(NEXT.from.getTime() - 1));
    await shop.paidAt('from', NEXT.from);
    expect([await shop.pool('before'), await shop.pool('from')]).toEqual([100, 200]);
    const row = await world.db.selectFrom('promoter_tier').selectAll().where('promoter_id', '=', shop.bob).executeTakeFirstOrThrow();
    expect([row.tier, row.figure, row.effective_from]).toEqual(['gold', 13_000n, NEXT.from]);
  });

  test('what comes late changes no tier that was set, in neither month', async () => {
    const shop = await openTierShop();
    await state(`t-${shop.m}`, shop.m);
    await shop.completed('in time', 12_000);
    await decide();
    await shop.tell('in time', { refunds: [{ refund_id: 'r1', line_id: '1', amount: 12_000, refunded_at: ago(0) }] });
    await decide();
    await shop.paidAt('gold still', afterStart);
    expect(await shop.pool('gold still')).toBe(200);
    await decide(new Date(NEXT.until.getTime() + 1000));
    await shop.paidAt('no more', new Date(NEXT.until.getTime() + 60_000));
    expect(await shop.pool('no more')).toBe(100);
  });

  test('lines that were decided before the tiers were written stay as they are', async () => {
    const shop = await openTierShop();
    await state(`t-${shop.m}`, shop.m);
    await shop.completed('large', 12_000);
    await count(world);
    await shop.paidAt('pinned', afterStart);
    await decide();
    await shop.tell('pinned', { status: 'completed', completed_at: afterStart.toISOString() });
    await shop.paidAt('later', afterStart);
    expect([await shop.pool('pinned'), await shop.pool('later')]).toEqual([100, 200]);
  });

  test('a line that found no rule finds one of its tier', async () => {
    const shop = await openShop(world, { hold_days: 0 });
    await shop.rule(SIMPLE_PLAN, { scope: { merchant_id: shop.m, tier: 'starter' } });
    await state(`t-${shop.m}`, shop.m, { tiers: [{ tier: 'starter', atLeast: 0n }] });
    await shop.order('early', { paid_at: afterStart.toISOString(), link_code: shop.code });
    expect((await shop.line('early')).decision).toBe('no_rule');
    await decide();
    await world.award();
    expect((await shop.line('early')).decision).toBe('attributed');
  });

  test('months that were missed are decided one after the other', async () => {
    const shop = await openTierShop();
    await state(`t-${shop.m}`, shop.m);
    await shop.completed('large', 12_000);
    await count(world);
    await decideTiers(world.db, new Date(NEXT.until.getTime() + 1000));
    expect(await set(shop.m, shop.bob, new Date(0))).toEqual([undefined, 'gold']);
  });
});

test('a rule’s tier is matched with the merchant’s program, else the one of all, else the tier that was stated', async () => {
  const shop = await openTierShop();
  const other = await openTierShop();
  await world.promoter(shop.bob, { tier: 'gold', inviter_id: shop.alice, agency_id: shop.agency });
  await shop.paidAt('stated', new Date());
  expect(await shop.pool('stated')).toBe(200);
  await state('of all', null, { tiers: [{ tier: 'silver', atLeast: 1n }] });
  await shop.completed('sold', 12_000);
  await other.completed('sold', 12_000);
  await decide();
  await shop.paidAt('silver of all', afterStart);
  expect(await shop.pool('silver of all')).toBe(100);
  await state(`t-${other.m}`, other.m);
  await decide();
  await other.paidAt('gold of its own', afterStart);
  expect(await other.pool('gold of its own')).toBe(200);
  const again = state('second of all', null);
  await expect(again).rejects.toMatchObject({ code: 'program_conflict' });
});

test('a merchant has one program, which stays its own', async () => {
  const shop = await openTierShop();
  expect((await state(`t-${shop.m}`, shop.m)).made).toBe(true);
  expect((await state(`t-${shop.m}`, shop.m)).program.version).toBe(1);
  expect((await state(`t-${shop.m}`, shop.m, { tiers: [{ tier: 'gold', atLeast: 5n }] })).program.version).toBe(2);
  await expect(state(`u-${shop.m}`, shop.m)).rejects.toMatchObject({ code: 'program_conflict' });
  await expect(state(`t-${shop.m}`, null)).rejects.toMatchObject({ code: 'conflict' });
  await expect(state('of nobody', 'nobody')).rejects.toMatchObject({ code: 'unknown_merchant' });
});

test('a month waits for what was due before its end', async () => {
  const shop = await openTierShop();
  await state(`t-${shop.m}`, shop.m);
  await shop.completed('large', 12_000);
  await decideTiers(world.db, afterStart);
  expect(await shop.decided()).toBe(0);
  await decide();
  expect(await shop.decided()).toBe(1);
});
