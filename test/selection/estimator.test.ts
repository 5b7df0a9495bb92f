// What is expected of a click: little evidence is drawn to what is known of others, much stands for
// itself.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { DELAY_HOURS, ripeness, type History, type KnownProduct, type Outcome } from '../../src/selection/history.ts';
import { makeMarket, PLAIN } from '../backtest/market.ts';
import { historyOf } from '../backtest/replay.ts';
import { runs } from '../runs.ts';
import { learn } from './learn.ts';

const product = (productId: string, more: Partial<KnownProduct> = {}): KnownProduct => ({
  merchantId: 'm1',
  productId,
  category: 'baby',
  price: 10_000,
  ...more,
});

/** So many clicks and orders; each order keeps what one unit costs. */
function outcome(productId: string, promoterId: string, clicks: number, orders: number, more: Partial<Outcome> = {}): Outcome {
  const amount = orders * 10_000;
  return {
    merchantId: 'm1',
    productId,
    promoterId,
    clicks,
    ripeClicks: clicks,
    settled: { orders, paid: amount, kept: amount },
    young: { orders: 0, paid: 0 },
    paidSquares: orders * 10_000 ** 2,
    ...more,
  };
}

/**
 * Forty products of four promoters that convert like any other: what one of them is compared with.
 */
const crowd: History = {
  products: Array.from({ length: 40 }, (_, index) => product(`usual-${index}`)),
  outcomes: Array.from({ length: 40 }, (_, index) => outcome(`usual-${index}`, `r${index % 4}`, 100, 2 + (index % 3))),
};

const beside = (some: readonly KnownProduct[], outcomes: readonly Outcome[]): History => ({
  products: [...crowd.products, ...some],
  outcomes: [...crowd.outcomes, ...outcomes],
});

const worth = (history: History, one: KnownProduct, promoterId = 'r0') => learn(history).keptPerClick(promoterId, one).mean;

const p = product('p');

describe('without evidence', () => {
  test('a product is expected to do what its category does', () => {
    const known = beside([p], []);
    const usual = worth(known, p);
    expect(usual).toBeGreaterThan(0.02 * 10_000);
    expect(usual).toBeLessThan(0.04 * 10_000);
    const other = product('q', { category: 'toys' });
    const good = beside(
      [p, other, product('toy', { category: 'toys' })],
      [outcome('toy', 'r1', 2000, 200), outcome('toy', 'r2', 2000, 200), outcome('toy', 'r3', 2000, 200)],
    );
    expect(worth(good, other)).toBeGreaterThan(1.1 * worth(good, p));
  });

  test('nothing at all is a number too: two orders of a hundred clicks', () => {
    expect(worth({ products: [p], outcomes: [] }, p)).toBeCloseTo(0.02 * 10_000, 6);
  });

  test('an unknown promoter is expected to do what promoters do', () => {
    const history = beside([p], []);
    const [unknown, usual] = [worth(history, p, 'nobody'), worth(history, p, 'r1')];
    expect(Math.abs(unknown / usual - 1)).toBeLessThan(0.3);
  });
});

/** What is expected of a product after so many clicks and orders of the promoter itself. */
const worthOf = (clicks: number, orders: number) => worth(beside([p], [outcome('p', 'r0', clicks, orders)]), p);

describe('with evidence', () => {
  test('each order of its own is worth more, each click without one less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 0, max: 200 }), (clicks, some) => {
        const orders = Math.min(some, clicks - 1);
        const base = worthOf(clicks, orders);
        expect(worthOf(clicks, orders + 1)).toBeGreaterThan(base);
        expect(worthOf(clicks + 100, orders)).toBeLessThan(base);
      }),
      { numRuns: runs(30) },
    );
  });

  test('each order of others too, and each of their clicks without one', () => {
    const history = historyOf(makeMarket({ ...PLAIN, products: 100, promoters: 20, clicks: 10_000 }, 7));
    const before = learn(history);
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.boolean(), (place, by, isOrder) => {
        const index = place % history.outcomes.length;
        const changed = history.outcomes[index]!;
        const { merchantId, productId, clicks, ripeClicks, settled, paidSquares } = changed;
        const usual = settled.orders === 0 ? 5000 : settled.paid / settled.orders;
        const more = isOrder
          ? {
              settled: { orders: settled.orders + 1, paid: settled.paid + usual, kept: settled.kept + usual },
              paidSquares: paidSquares + usual ** 2,
            }
          : { clicks: clicks + 200, ripeClicks: ripeClicks + 200 };
        const after = learn({ ...history, outcomes: history.outcomes.with(index, { ...changed, ...more }) });
        const one = history.products.find((own) => own.merchantId === merchantId && own.productId === productId)!;
        const promoterId = `r${by % 20}`;
        const [was, is] = [before, after].map((estimator) => estimator.conversion(promoterId, one).mean);
        if (isOrder && settled.orders < clicks) expect(is).toBeGreaterThan(was!);
        if (!isOrder) expect(is).toBeLessThan(was!);
      }),
      { numRuns: runs(30) },
    );
  });

  test('the more of it, the nearer to what was seen, and the surer', () => {
    const seen = 0.1;
    const far = [20, 200, 2000, 20_000].map((clicks) => {
      const { mean, spread } = learn(beside([p], [outcome('p', 'r0', clicks, clicks * seen)])).keptPerClick('r0', p);
      return { distance: Math.abs(mean / (seen * 10_000) - 1), spread };
    });
    for (const [index, one] of far.entries()) {
      const before = far[index - 1];
      if (before === undefined) continue;
      expect(one.distance).toBeLessThan(before.distance);
      expect(one.spread).toBeLessThan(before.spread);
    }
    expect(far.at(-1)!.distance).toBeLessThan(0.05);
  });

  test('what strong promoters sold says less of a product than what others did', () => {
    const strong = Array.from({ length: 10 }, (_, index) => outcome(`usual-${index}`, 'strong', 500, 50));
    const [one, other] = [product('of-strong'), product('of-others')];
    const history = beside(
      [one, other],
      [...strong, outcome('of-strong', 'strong', 300, 30), outcome('of-others', 'r1', 150, 15), outcome('of-others', 'r2', 150, 15)],
    );
    expect(worth(history, other)).toBeGreaterThan(1.3 * worth(history, one));
  });

  test('young orders are worth what will be left of them, and young clicks have had less of their chance', () => {
    const returned = crowd.outcomes.map((one) => ({ ...one, settled: { ...one.settled, kept: one.settled.paid / 2 } }));
    const settled = { orders: 50, paid: 500_000, kept: 250_000 };
    const none = { orders: 0, paid: 0 };
    const of = (more: Partial<Outcome>) =>
      worth({ ...beside([p], []), outcomes: [...returned, { ...outcome('p', 'r0', 1000, 50), ...more }] }, p);
    const old = of({ settled, young: none });
    const young = of({ settled: { orders: 0, paid: 0, kept: 0 }, young: { orders: 50, paid: 500_000 } });
    expect(Math.abs(young / old - 1)).toBeLessThan(0.1);
    expect(of({ settled, young: none, ripeClicks: 500 })).toBeGreaterThan(1.3 * old);
  });

  test('what goes back far more often than its category is below the floor, and only with enough orders', () => {
    const back = crowd.outcomes.map((one) => ({ ...one, settled: { ...one.settled, kept: one.settled.paid * 0.9 } }));
    const isBelow = (orders: number, kept: number) => {
      const own = outcome('p', 'r0', 1000, 0, { settled: { orders, paid: orders * 10_000, kept: kept * 10_000 } });
      return learn({ ...beside([p], []), outcomes: [...back, own] }).isBelowFloor(p);
    };
    expect(isBelow(200, 100)).toBe(true);
    expect(isBelow(2, 1)).toBe(false);
    expect(isBelow(200, 176)).toBe(false);
  });
});

test('the order of the history does not matter', () => {
  const numbers = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 90 }),
      fc.integer({ min: 0, max: 9 }),
    ),
    {
      minLength: 1,
      maxLength: 30,
    },
  );
  fc.assert(
    fc.property(numbers, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (drawn, order) => {
      const products = Array.from({ length: 6 }, (_, index) =>
        product(`p${index}`, { merchantId: 'm1', category: index < 3 ? 'baby' : null, price: index % 2 === 0 ? 5000 : null }),
      );
      const cells = new Map(
        drawn.map(([of, by, clicks, orders]) => [`${of} ${by}`, outcome(`p${of}`, `r${by}`, clicks, Math.min(orders, clicks))]),
      );
      const history = { products, outcomes: [...cells.values()] };
      const shuffle = <One>(all: readonly One[]) =>
        all
          .map((one) => ({ one, at: order.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ one }) => one);
      const again = learn({ products: shuffle(products), outcomes: shuffle(history.outcomes) });
      const once = learn(history);
      for (const one of products) expect(again.keptPerClick('r1', one)).toEqual(once.keptPerClick('r1', one));
    }),
    { numRuns: runs(50) },
  );
});

describe('clicks become ripe', () => {
  const none = DELAY_HOURS.map(() => 0);
  const counts = (...pairs: [place: number, orders: number][]) =>
    none.map((_, index) => pairs.find(([place]) => place === index)?.[1] ?? 0);

  test('as the orders of the merchant came, and with few of them as those of all', () => {
    const quick = counts([0, 1000]);
    const slow = counts([5, 1000], [8, 1000]);
    const all = quick.map((count, index) => count + slow[index]!);
    const [ofQuick, ofSlow, ofNew] = [quick, slow, none].map((own) => ripeness(own, all));
    expect(ofQuick!(1)).toBeGreaterThan(0.95);
    expect(ofSlow!(1)).toBeLessThan(0.05);
    expect(ofNew!(1)).toBeCloseTo(1 / 3, 1);
    for (const part of [ofQuick!, ofSlow!, ofNew!]) {
      const ages = Array.from({ length: 800 }, (_, hour) => part(hour));
      expect(ages[0]).toBe(0);
      expect(ages.at(-1)).toBeCloseTo(1, 12);
      expect(ages).toEqual(ages.toSorted((a, b) => a - b));
    }
  });

  test('at once where no order is known', () => {
    expect(ripeness(none, none)(0.5)).toBe(1);
  });
});
