// The list: the best first, two places of ten to explore, and no ten of one merchant or one kind.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { intervalOf, listOf, type Candidate } from '../../src/selection/ranking.ts';
import { runs } from '../runs.ts';

const candidate = (index: number, more: Partial<Candidate> = {}): Candidate => ({
  merchantId: `m${index % 20}`,
  productId: `p${index}`,
  category: null,
  price: null,
  worth: 1000 - index,
  spread: 0.3,
  ...more,
});
const many = Array.from({ length: 40 }, (_, index) => candidate(index));
const idsOf = (list: readonly Candidate[]) => list.map(({ productId }) => productId);

const drawn = fc.uniqueArray(
  fc.record({
    merchantId: fc.constantFrom('m1', 'm2', 'm3', 'm4', 'm5'),
    productId: fc.integer({ min: 0, max: 200 }).map((id) => `p${id}`),
    category: fc.constantFrom('a', 'b', 'c', 'd', null),
    price: fc.constant(null),
    worth: fc.double({ min: 0, max: 100, noNaN: true }),
    spread: fc.double({ min: 0, max: 3, noNaN: true }),
  }),
  { maxLength: 60, selector: ({ merchantId, productId }) => `${merchantId} ${productId}` },
);

test('the best come first, and of each ten places the last two explore', () => {
  const list = listOf(many, { limit: 25, seed: 'bob 2026-06-01' });
  expect(idsOf(list).slice(0, 8)).toEqual(idsOf(many).slice(0, 8));
  expect(list.map(({ place }) => (place === 'explored' ? 'x' : '.')).join('')).toBe('........xx........xx.....');
  for (const limit of [1, 9]) {
    expect(listOf(many, { limit, seed: 'bob' }).map(({ place }) => place)).toEqual(Array.from({ length: limit }, () => 'ranked'));
  }
  expect(listOf(many.slice(0, 9), { limit: 10, seed: 'bob' }).every(({ place }) => place === 'ranked')).toBe(true);
});

test('one seed has one list, whatever the order of what is offered; others explore elsewhere', () => {
  fc.assert(
    fc.property(drawn, fc.nat({ max: 30 }), (candidates, limit) => {
      const list = listOf(candidates, { limit, seed: 'bob 2026-06-01' });
      expect(listOf(candidates.toReversed(), { limit, seed: 'bob 2026-06-01' })).toEqual(list);
      expect(new Set(list.map(({ merchantId, productId }) => `${merchantId} ${productId}`)).size).toBe(list.length);
      const ranked = list.filter(({ place }) => place === 'ranked');
      if (limit <= 8) expect(ranked.map(({ worth }) => worth)).toEqual(ranked.map(({ worth }) => worth).toSorted((a, b) => b - a));
    }),
    { numRuns: runs(100) },
  );
  const explored = Array.from({ length: 20 }, (_, day) => idsOf(listOf(many, { limit: 10, seed: `bob ${day}` }).slice(8)).join(' '));
  expect(new Set(explored).size).toBeGreaterThan(5);
});

test('exploring finds what is unsure more often than what is surely worse', () => {
  const sure = many.map((one) => ({
    ...one,
    worth: one.productId === 'p39' ? 900 : one.worth,
    spread: one.productId === 'p39' ? 1 : 0.0001,
  }));
  const days = Array.from({ length: 200 }, (_, day) => idsOf(listOf(sure, { limit: 10, seed: `bob ${day}` }).slice(8)));
  expect(days.filter((ids) => ids.includes('p39')).length).toBeGreaterThan(40);
});

test('ten places have at most three of a merchant and four of a category', () => {
  fc.assert(
    fc.property(drawn, fc.nat({ max: 40 }), (candidates, limit) => {
      const list = listOf(candidates, { limit, seed: 'bob' });
      const merchants = new Set(candidates.map(({ merchantId }) => merchantId));
      const categories = new Set(candidates.map(({ category }) => category));
      for (let from = 0; from < list.length; from += 10) {
        const ten = list.slice(from, from + 10);
        const most = (all: ReadonlySet<string | null>, of: (one: Candidate) => string | null) =>
          Math.max(...[...all].map((name) => (name === null || all.size === 1 ? 0 : ten.filter((one) => of(one) === name).length)));
        expect(most(merchants, ({ merchantId }) => merchantId)).toBeLessThanOrEqual(3);
        expect(most(categories, ({ category }) => category)).toBeLessThanOrEqual(4);
      }
    }),
    { numRuns: runs(200) },
  );
});

test('a merchant or a category that is all there is fills the list', () => {
  const alone = many.map((one) => ({ ...one, merchantId: 'm1', category: 'baby' }));
  expect(idsOf(listOf(alone, { limit: 10, seed: 'bob' })).slice(0, 8)).toEqual(idsOf(many).slice(0, 8));
});

test('four of five lie in the interval, and more spread is wider', () => {
  const { low, high } = intervalOf(500, 0.25);
  expect(low).toBeLessThan(500);
  expect(high).toBeGreaterThan(500);
  const wider = intervalOf(500, 0.5);
  expect(wider.high - wider.low).toBeGreaterThan(high - low);
  // A Gamma of shape 1 is an exponential law.
  expect(intervalOf(1, 1).low).toBeCloseTo(-Math.log(0.9), 6);
  expect(intervalOf(1, 1).high).toBeCloseTo(-Math.log(0.1), 6);
});
