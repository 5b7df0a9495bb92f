import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { keepWonLinesDue } from '../../../src/commission/won-lines/keeping.ts';
import { reckonDueBonuses } from '../../../src/commission/bonuses/reckoning.ts';
import { bonusOf } from '../../../src/core/programs/bonus.ts';
import { askGuard } from '../../../src/guards/check.ts';
import { LAWS_OF_PROGRAMS } from '../../../src/guards/laws/laws-of-programs.ts';
import { accountCache } from '../../../src/ledger/booking-store.ts';
import { runs } from '../../runs.ts';
import { openWorld, type World } from '../world.ts';
import { count, JUNE, openBonusShop, WORKED } from './bonus-shop.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(() => world.close());

type Happening =
  | { kind: 'paid'; order: number }
  | { kind: 'completed'; order: number }
  | { kind: 'void'; order: number }
  | { kind: 'refund'; order: number; part: number; refund: number }
  | { kind: 'keep' }
  | { kind: 'reckon' }
  | { kind: 'work' };

const orders = fc.nat(3);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('completed' as const), order: orders }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('paid' as const), order: orders }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('void' as const), order: orders }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('refund' as const), order: orders, part: fc.nat(100), refund: fc.nat(1) }),
  },
  { weight: 3, arbitrary: fc.constantFrom<Happening>({ kind: 'keep' }, { kind: 'reckon' }, { kind: 'work' }) },
);

const AMOUNTS = [900_000, 200_000, 999_999, 1];

/** What the final facts of the orders sell in June. */
function soldOf(told: readonly Happening[]): bigint {
  return AMOUNTS.reduce((sum, amount, order) => {
    const own = told.filter((one) => 'order' in one && one.order === order);
    if (!own.some(({ kind }) => kind === 'completed') || own.some(({ kind }) => kind === 'void')) return sum;
    const refunds = new Map(own.flatMap((one) => (one.kind === 'refund' ? [[one.refund, one.part]] : [])));
    const refunded = [...refunds.values()].reduce((all, part) => all + Math.floor((amount * part) / 100), 0);
    return sum + BigInt(Math.max(0, amount - refunded));
  }, 0n);
}

/** The same refund says the same amount, however often it is told. */
function onceTold(told: readonly Happening[]): Happening[] {
  const parts = new Map<string, number>();
  return told.map((one) => {
    if (one.kind !== 'refund') return one;
    const key = `${one.order}/${one.refund}`;
    parts.set(key, parts.get(key) ?? one.part);
    return { ...one, part: parts.get(key)! };
  });
}

test('whatever happens in whatever order, what is booked in the end is what the final facts pay', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 3, maxLength: 12 }).map(onceTold), async (told) => {
      const shop = await openBonusShop(world);
      await shop.bothModes();
      const tell = async (one: Happening) => {
        if (one.kind === 'keep') await keepWonLinesDue(world.db, 1);
        if (one.kind === 'reckon') await reckonDueBonuses({ db: world.db, accounts: accountCache() }, 1);
        if (one.kind === 'work') await Promise.all([count(world), count(world)]);
        if (one.kind === 'completed') await shop.completed(`o${one.order}`, AMOUNTS[one.order]!);
        if (one.kind === 'void') await shop.tell(`o${one.order}`, { void: { reason: 'cancelled' } });
        if (one.kind === 'refund') {
          await shop.refunded(`o${one.order}`, Math.floor((AMOUNTS[one.order]! * one.part) / 100), `r${one.refund}`);
        }
        if (one.kind === 'paid') {
          const lines = [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: AMOUNTS[one.order] }];
          await shop.order(`o${one.order}`, { paid_at: `${JUNE}-10T04:00:00Z`, link_code: shop.code, lines });
        }
      };
      for (const one of told) await tell(one);
      await count(world);
      const sold = soldOf(told);
      expect([await shop.booked(shop.programs.marginal), await shop.booked(shop.programs.whole)]).toEqual([
        [0, Number(bonusOf(WORKED, 'marginal', sold))],
        [0, Number(bonusOf(WORKED, 'whole', sold))],
      ]);
      for (const law of LAWS_OF_PROGRAMS) expect([law.name, (await askGuard(world.db, law)).sample]).toEqual([law.name, []]);
    }),
    { numRuns: runs(8) },
  );
});
