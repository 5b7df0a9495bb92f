// Boosts beside a re-rating: what a campaign has granted stays, and is only cut to what the new
// pool leaves of the base; what is cut goes back to the budget.
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { markDue } from '../../../src/commission/award/due-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { expectLaws, openCampaignShop } from '../campaigns/campaign-shop.ts';
import { openWorld, SIMPLE_PLAN, type World } from '../world.ts';
import { openDesk, republish } from './stage.ts';

let world: World;
let desk: Awaited<ReturnType<typeof openDesk>>;
beforeAll(async () => {
  world = await openWorld();
  desk = await openDesk(world);
});
afterAll(() => world.close());

type Shop = Awaited<ReturnType<typeof openCampaignShop>>;

/** A shop that pays 1000 of a line of 10000, and tops it up to 1300 for a time. */
async function openToppedShop(): Promise<Shop> {
  const shop = await openCampaignShop(world);
  await shop.campaign({ boost: { rate_ppm: 130_000 }, combine: 'max' });
  await shop.sold('o1');
  expect([await shop.boost('o1'), await shop.spent()]).toEqual([
    [300, 300, 300],
    [300, 1, false],
  ]);
  return shop;
}

async function reRate({ m }: Shop, rate_ppm: number, lowers = true): Promise<void> {
  const { rows } = await sql<{ rule_id: string }>`
    select distinct rule_id from rule_version where scope->>'merchant_id' = ${m}`.execute(world.db);
  const ruleId = rows[0]!.rule_id;
  await republish(world, ruleId, { ...SIMPLE_PLAN, rate_ppm });
  await desk.approve(await desk.previewed({ ruleIds: [ruleId], merchantId: m, lowers }));
  await desk.work();
}

const poolOf = async ({ line }: Shop) => (await line('o1')).pool;

/** Awarded again nothing moves. */
async function expectConverged({ m, booked, boost }: Shop): Promise<void> {
  const before = [await booked(), await boost('o1')];
  await inTransaction(world.db, async ({ trx, now }) => {
    const rows = await trx.selectFrom('orders').select('order_key').where('merchant_id', '=', m).execute();
    const keys = rows.map((row) => row.order_key);
    await markDue(trx, keys, now);
  });
  await world.award();
  expect([await booked(), await boost('o1')]).toEqual(before);
}

test('a lower rate lets a boost stand as it was granted, and an award after it too', async () => {
  const shop = await openToppedShop();
  await reRate(shop, 80_000);
  expect([await poolOf(shop), await shop.boost('o1'), await shop.spent()]).toEqual([800n, [300, 300, 300], [300, 1, false]]);
  await expectConverged(shop);
  await shop.refunded('o1', 5000);
  expect([await poolOf(shop), await shop.boost('o1'), await shop.spent()]).toEqual([400n, [150, 300, 150], [150, 1, false]]);
  await expectLaws(world);
});

test('a higher rate cuts a boost to what it leaves of the base, and the budget has the rest again', async () => {
  const shop = await openToppedShop();
  await reRate(shop, 980_000);
  expect([await poolOf(shop), await shop.boost('o1'), await shop.spent()]).toEqual([9800n, [200, 300, 200], [200, 1, false]]);
  await expectConverged(shop);
  await expectLaws(world);
});

test('an order that got nothing of a campaign asks for nothing when it is re-rated', async () => {
  const shop = await openCampaignShop(world);
  await shop.sold('o1');
  await shop.campaign();
  await reRate(shop, 80_000);
  expect([await poolOf(shop), await shop.boost('o1'), await shop.spent()]).toEqual([800n, null, [0, 0, false]]);
  await expectConverged(shop);
});
