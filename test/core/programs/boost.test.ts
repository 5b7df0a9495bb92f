// What a campaign wants of a line: the worked combinations, and the order in which campaigns are
// asked.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { COMBINATIONS, compareWishes, mismatchOf, wantedBoost, type BoostTerms } from '../../../src/core/programs/boost.ts';
import { runs } from '../../runs.ts';

const LINE = { base: 10_000n, pool: 1000n, quantity: 2 };

describe('a boost beside a pool of 1000 on a base of 10000', () => {
  test.each<[string, BoostTerms, bigint]>([
    ['3 % more', { combine: 'add', ratePpm: 30_000 }, 300n],
    ['12 % at least', { combine: 'max', ratePpm: 120_000 }, 200n],
    ['10 % at least', { combine: 'max', ratePpm: 100_000 }, 0n],
    ['5 % at least', { combine: 'max', ratePpm: 50_000 }, 0n],
    ['250 more a unit', { combine: 'add', fixedPerUnit: 250n }, 500n],
    ['750 at least a unit', { combine: 'max', fixedPerUnit: 750n }, 500n],
    ['more than the base has left', { combine: 'add', ratePpm: 950_000 }, 9000n],
    ['all of the base', { combine: 'max', ratePpm: 1_000_000 }, 9000n],
  ])('%s', (_, terms, wanted) => {
    expect(wantedBoost(terms, LINE)).toBe(wanted);
  });

  test('nothing is wanted of a line of which nothing is left', () => {
    for (const combine of COMBINATIONS) {
      expect(wantedBoost({ combine, fixedPerUnit: 500n }, { base: 0n, pool: 0n, quantity: 3 })).toBe(0n);
    }
  });
});

test('it is never below 0 nor above what the base has beside the pool, and grows with the base', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 13n });
  const terms = fc.record({ combine: fc.constantFrom(...COMBINATIONS), ratePpm: fc.nat(1_000_000) });
  fc.assert(
    fc.property(terms, amount, amount, fc.nat(1_000_000), (stated, a, b, ppm) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      const wants = (base: bigint) => wantedBoost(stated, { base, pool: (base * BigInt(ppm)) / 1_000_000n, quantity: 1 });
      const pool = (more * BigInt(ppm)) / 1_000_000n;
      expect(wants(more) >= 0n && wants(more) <= more - pool).toBe(true);
      if (stated.combine === 'add' && stated.ratePpm + ppm <= 1_000_000) expect(wants(less) <= wants(more)).toBe(true);
    }),
    { numRuns: runs(200) },
  );
});

test('a campaign is for what its scope names, and what is not known matches none that asks for it', () => {
  const scope = { products: new Set(['p1']), promoters: new Set(['bob']), scenes: new Set(['live']) };
  const line = { productId: 'p1', promoterId: 'bob', scene: 'live' };
  expect(mismatchOf(scope, line)).toBeNull();
  expect(mismatchOf(scope, { ...line, productId: null })).toBe('product');
  expect(mismatchOf(scope, { ...line, promoterId: 'alice' })).toBe('promoter');
  expect(mismatchOf(scope, { ...line, scene: null })).toBe('scene');
  expect(mismatchOf({ products: null, promoters: null, scenes: null }, { productId: null, promoterId: 'x', scene: null })).toBeNull();
});

const wish = (campaignId: string, wanted: bigint, startsAt: number) => ({ campaignId, wanted, startsAt });

test('who wants most is asked first, then who began earlier, then the lower id', () => {
  const wishes = [wish('d', 5n, 1), wish('c', 9n, 2), wish('b', 9n, 1), wish('a', 9n, 1)];
  expect(wishes.toSorted(compareWishes).map(({ campaignId }) => campaignId)).toEqual(['a', 'b', 'c', 'd']);
});
