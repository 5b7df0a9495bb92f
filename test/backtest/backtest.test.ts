// The selection earns more than what lists are sorted by elsewhere, and its numbers hold: a few
// seeds of what `npm run backtest` proves with many.
import { expect, test } from 'vitest';

import { makeMarket, PLAIN } from './market.ts';
import { prove } from './report.ts';
import { RIVALS } from './replay.ts';

const SMALL = { ...PLAIN, products: 200, promoters: 40, clicks: 20_000 };

test('a market can be made again, and another seed is another market', () => {
  const [one, again, other] = [1, 1, 2].map((seed) => makeMarket(SMALL, seed));
  expect(again!.clicks).toEqual(one!.clicks);
  expect(again!.orders).toEqual(one!.orders);
  expect(again!.replay('r1', 'p1', 500)).toEqual(one!.replay('r1', 'p1', 500));
  expect(other!.orders).not.toEqual(one!.orders);
  expect(one!.clicks.length / SMALL.clicks).toBeCloseTo(1, 1);
  expect(one!.orders.length / one!.clicks.length).toBeGreaterThan(0.01);
});

test('in held-out time it earns more than by rate, by sales and by raw earnings per click, and is calibrated', { timeout: 120_000 }, () => {
  const { earnings, ahead, calibration, coverage } = prove(SMALL, [301, 302, 303, 304, 305, 306]);
  for (const rival of RIVALS) expect(ahead[rival].mean, rival).toBeGreaterThan(0);
  expect(earnings.ours.mean).toBeGreaterThan(0.4);
  for (const { ratio, orders } of calibration) {
    expect(orders).toBeGreaterThan(100);
    expect(ratio).toBeGreaterThan(0.75);
    expect(ratio).toBeLessThan(1.33);
  }
  expect(coverage.mean).toBeGreaterThan(0.7);
  expect(coverage.mean).toBeLessThan(0.9);
});
