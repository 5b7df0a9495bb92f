// A rate that changed at a midnight, worked with figures: what counts is the instant, and a
// rehearsal of the change says before it what the books say after it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, openWorld, WORKED_PLAN, type World } from '../world.ts';
import { bookedOf, rehearse, side, sumsOf } from './stage.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const EIGHT_PERCENT = { ...WORKED_PLAN, rate_ppm: 80_000 };
const MIDNIGHT = '2026-06-15T00:00:00+08:00';
const JUNE = { from: '2026-06-01T00:00:00+08:00', to: '2026-07-01T00:00:00+08:00' };

/** Orders of 99.99 by bob: in the last instant before the change, in its first one, and apart. */
const ORDERS = {
  last: { paid_at: '2026-06-14T23:59:59.999+08:00' },
  first: { paid_at: MIDNIGHT },
  // Its deposit fixes who earns, and at which rate.
  deposit: { deposit_paid_at: '2026-06-14T12:00:00+08:00', paid_at: '2026-06-16T12:00:00+08:00' },
  may: { paid_at: '2026-05-31T23:59:59.999+08:00' },
};

type Shop = Awaited<ReturnType<typeof openShop>>;

async function sell(shop: Shop) {
  for (const [orderId, times] of Object.entries(ORDERS)) await shop.order(orderId, { link_code: shop.code, ...times });
}

const netsOf = async (shop: Shop, orderId: string) => {
  const { agency, bob, alice } = shop;
  const booked = await shop.transfers(orderId);
  return [agency, bob, alice].map((id) =>
    booked.filter(({ promoterId }) => promoterId === id).reduce((sum, { amount }) => sum + amount, 0),
  );
};

/** The books hold May too, which no rate of June has moved. */
function withMay(ofJune: Record<string, number>, { agency, bob, alice }: Shop) {
  const may = { [agency]: 300, [bob]: 630, [alice]: 69 };
  return Object.fromEntries(Object.entries(may).map(([id, amount]) => [id, amount + ofJune[id]!]));
}

test('an order of the last instant before a change has the old rate, one of its first instant the new one', async () => {
  const shop = await openShop(world);
  await shop.rule(WORKED_PLAN, { to: MIDNIGHT });
  await shop.rule(EIGHT_PERCENT, { from: MIDNIGHT });
  await sell(shop);
  expect(await netsOf(shop, 'last')).toEqual([300, 630, 69]);
  expect(await netsOf(shop, 'first')).toEqual([240, 504, 55]);
  expect(await netsOf(shop, 'deposit')).toEqual([300, 630, 69]);
});

test('the rehearsal of the change over June says what the books say, before and after it', async () => {
  const [unchanged, changed] = [await openShop(world), await openShop(world)];
  const ruleId = await unchanged.rule(WORKED_PLAN);
  await changed.rule(WORKED_PLAN, { to: MIDNIGHT });
  await changed.rule(EIGHT_PERCENT, { from: MIDNIGHT });
  await sell(unchanged);
  await sell(changed);

  const change = { rule_id: ruleId, plan: EIGHT_PERCENT, effective_from: MIDNIGHT, retroactive: true };
  const rehearsed = await rehearse(world, [change], { merchantId: unchanged.m, ...JUNE });
  expect(rehearsed.result).toMatchObject({ orders: 3, changed_orders: 1, before: '2997', after: '2797' });
  const sums = sumsOf(rehearsed, 'promoter');
  expect(sums).toEqual({ [unchanged.agency]: [900, 840], [unchanged.bob]: [1890, 1764], [unchanged.alice]: [207, 193] });

  expect(await bookedOf(world, unchanged.m)).toEqual(withMay(side(sums, 0), unchanged));
  const named = { [changed.agency]: 840, [changed.bob]: 1764, [changed.alice]: 193 };
  expect(await bookedOf(world, changed.m)).toEqual(withMay(named, changed));
});
