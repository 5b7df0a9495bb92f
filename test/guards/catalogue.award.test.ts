// The laws over books that the award itself has written, whatever it was told and in whatever
// order.

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { foldBalances } from '../../src/ledger/balances.ts';
import { foldStatistics } from '../../src/statistics/fold/fold.ts';
import type { PlanInput } from '../commission/set-up.ts';
import { runs } from '../runs.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../commission/world.ts';

let world: World;
// The world is stated by plain inserts, which no operator is on record for.
const laws = allGuards({ levelsMax: 2, spooled: () => 0 }).filter(({ kind, name }) => kind === 'law' && name !== 'changes_audited');

beforeAll(async () => {
  world = await openWorld();
});

afterAll(() => world.close());

const PLATFORM_PLAN: PlanInput = {
  base: 'platform_commission',
  rate_ppm: 120_000,
  split: [
    { to: 'promoter', share_ppm: 600_000 },
    { to: 'platform', share_ppm: 300_000 },
  ],
};
const PLANS = [
  WORKED_PLAN,
  SIMPLE_PLAN,
  PLATFORM_PLAN,
  { ...WORKED_PLAN, currency: 'CNY', cap_per_order: 777, fixed_per_unit: 13 },
] as const;

const orderId = fc.constantFrom('1', '2', '3');
const lineId = fc.constantFrom('1', '2', '10');
const amount = fc.integer({ min: 0, max: 20_000 });
const line = fc.record({
  line_id: lineId,
  paid_amount: amount,
  quantity: fc.constantFrom(0, 1, 1, 1, 3),
  platform_commission: fc.option(fc.integer({ min: 0, max: 500 })),
});
const refund = fc.record({
  refund_id: fc.constantFrom('r1', 'r2', 'r3'),
  line_id: fc.option(lineId),
  amount,
  status: fc.constantFrom('open', 'succeeded', 'failed'),
});

/** What a report says beside who earns: any part of an order, true or not. */
const told = fc.record({
  status: fc.constantFrom('created', 'paid', 'paid', 'completed'),
  currency: fc.constantFrom('CNY', 'CNY', 'CNY', null, 'USD'),
  void: fc.constantFrom(null, null, null, false, { reason: 'cancelled' }),
  lines: fc.uniqueArray(line, { selector: (one) => one.line_id, maxLength: 3 }),
  refunds: fc.uniqueArray(refund, { selector: (one) => one.refund_id, maxLength: 2 }),
  settled_at: fc.constantFrom(null, ago(0)),
  completed_at: fc.constantFrom(null, ago(3), ago(9), ago(9)),
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('tell' as const), orderId, told, named: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fold' as const) }) },
);

async function expectLawful(after: unknown): Promise<void> {
  for (const law of laws) {
    const found = await askGuard(world.db, law);
    expect({ law: law.name, ...found }, JSON.stringify(after)).toEqual({ law: law.name, violations: 0, sample: [] });
  }
}

test('every law holds after every award', async () => {
  const model = fc.constantFrom('last_click', 'linear', 'position_based');
  await fc.assert(
    fc.asyncProperty(model, fc.constantFrom(...PLANS), fc.array(step, { minLength: 3, maxLength: 8 }), async (by, plan, steps) => {
      const shop = await openShop(world, { model: by });
      await shop.rule(plan);
      const alices = await world.link(shop.m, shop.alice);
      const tokens = [await world.click(shop.code, { at: ago(12) }), await world.click(alices, { at: ago(11) })];
      for (const one of steps) {
        if (one.do === 'fold') {
          await foldBalances(world.db);
          await foldStatistics(world.db);
        } else {
          await shop.tell(one.orderId, {
            ...one.told,
            paid_at: one.told.status === 'created' ? null : ago(10),
            click_token: tokens[one.named],
          });
        }
      }
      await foldStatistics(world.db);
      await expectLawful(steps);
    }),
    { numRuns: runs(8) },
  );
});
