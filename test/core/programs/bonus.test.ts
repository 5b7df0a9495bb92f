import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { bonusOf, type BonusStep } from '../../../src/core/programs/bonus.ts';
import { highestReached, nextStepAt } from '../../../src/core/programs/steps.ts';
import { runs } from '../../runs.ts';

const WORKED: BonusStep[] = [
  { atLeast: 0n, ratePpm: 100_000 },
  { atLeast: 1_000_000n, ratePpm: 120_000 },
];

describe('the worked program, 10 % and from 1000000 on 12 %', () => {
  test.each([
    { sold: 1_100_000n, marginal: 112_000n, whole: 132_000n },
    { sold: 950_000n, marginal: 95_000n, whole: 95_000n },
    { sold: 1_000_000n, marginal: 100_000n, whole: 120_000n },
    { sold: 999_999n, marginal: 99_999n, whole: 99_999n },
    { sold: 0n, marginal: 0n, whole: 0n },
  ])('of $sold pays $marginal marginally and $whole on the whole', ({ sold, marginal, whole }) => {
    expect([bonusOf(WORKED, 'marginal', sold), bonusOf(WORKED, 'whole', sold)]).toEqual([marginal, whole]);
  });
});

test('amounts: marginal pays each step that is reached, whole the highest', () => {
  const steps: BonusStep[] = [
    { atLeast: 10n, amount: 5000n },
    { atLeast: 20n, amount: 8000n },
  ];
  const paid = (mode: 'marginal' | 'whole') => [9n, 10n, 19n, 20n, 500n].map((orders) => bonusOf(steps, mode, orders));
  expect(paid('marginal')).toEqual([0n, 5000n, 5000n, 13_000n, 13_000n]);
  expect(paid('whole')).toEqual([0n, 5000n, 5000n, 8000n, 8000n]);
});

test('rates and amounts stand beside each other, and steps in any order', () => {
  const steps: BonusStep[] = [
    { atLeast: 1000n, ratePpm: 20_000 },
    { atLeast: 500n, amount: 7n },
    { atLeast: 0n, ratePpm: 10_000 },
  ];
  expect(bonusOf(steps, 'marginal', 2000n)).toBe(10n + 20n + 7n);
  expect(bonusOf(steps, 'whole', 2000n)).toBe(40n);
  expect(bonusOf(steps, 'whole', 600n)).toBe(7n);
});

test('the parts of several steps are rounded down once', () => {
  const steps: BonusStep[] = [0n, 5n, 10n].map((atLeast) => ({ atLeast, ratePpm: 100_000 }));
  expect(bonusOf(steps, 'marginal', 15n)).toBe(1n);
});

test('below all steps nothing is reached, and at the top nothing is next', () => {
  expect(highestReached([{ atLeast: 5n }], 4n)).toBeNull();
  expect(highestReached(WORKED, 1_000_000n)).toBe(WORKED[1]);
  expect([nextStepAt(WORKED, 0n), nextStepAt(WORKED, 1_000_000n)]).toEqual([1_000_000n, null]);
});

test('with one rate for all steps both modes pay that rate on the whole', () => {
  const figures = fc.bigInt({ min: 0n, max: 10n ** 15n });
  fc.assert(
    fc.property(fc.uniqueArray(figures, { maxLength: 6 }), figures, fc.integer({ min: 0, max: 1_000_000 }), (thresholds, figure, rate) => {
      const steps = [0n, ...thresholds.filter((one) => one > 0n)].map((atLeast) => ({ atLeast, ratePpm: rate }));
      expect(bonusOf(steps, 'marginal', figure)).toBe(bonusOf(steps, 'whole', figure));
    }),
    { numRuns: runs(50) },
  );
});
