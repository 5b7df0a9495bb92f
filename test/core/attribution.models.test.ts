// How several clicks of the winning kind share a line, to the part per million.
import { expect, test } from 'vitest';
import { heaviest } from '../../src/core/attribution.ts';
import { clicksOf, creditsOf, DAY, evidence, judge, PAID, reasonsOf, SECOND, winnerOf } from './evidence.ts';

const models: [model: string, promoterIds: string[], credits: [string, number][]][] = [
  ['last_click', ['a', 'b', 'c'], [['c', 1_000_000]]],
  ['first_click', ['a', 'b', 'c'], [['a', 1_000_000]]],
  [
    'linear',
    ['a', 'b', 'c'],
    [
      ['a', 333_334],
      ['b', 333_333],
      ['c', 333_333],
    ],
  ],
  ['position_based', ['a'], [['a', 1_000_000]]],
  [
    'position_based',
    ['a', 'b'],
    [
      ['a', 500_000],
      ['b', 500_000],
    ],
  ],
  [
    'position_based',
    ['a', 'b', 'c'],
    [
      ['a', 400_000],
      ['b', 200_000],
      ['c', 400_000],
    ],
  ],
  [
    'position_based',
    ['a', 'b', 'c', 'd', 'e'],
    [
      ['a', 400_000],
      ['b', 66_667],
      ['c', 66_667],
      ['d', 66_666],
      ['e', 400_000],
    ],
  ],
  // One day and its double before the payment, with a half-life of a day: 1/2 and 1/4.
  [
    'time_decay',
    ['a', 'b'],
    [
      ['a', 333_333],
      ['b', 666_667],
    ],
  ],
  // 1/8, 1/4 and 1/2.
  [
    'time_decay',
    ['a', 'b', 'c'],
    [
      ['a', 142_857],
      ['b', 285_714],
      ['c', 571_429],
    ],
  ],
];
test.each(models)('%s of %j', (model, promoterIds, credits) => {
  expect(creditsOf(clicksOf(...promoterIds), { model, time_decay_half_life_days: 1 })).toEqual(credits);
});

test('who loses by the model is told by what', () => {
  const clicks = clicksOf('a', 'b');
  expect(reasonsOf(clicks, { model: 'last_click' })).toEqual(['later_click_won', 'won']);
  expect(reasonsOf(clicks, { model: 'first_click' })).toEqual(['won', 'earlier_click_won']);
  expect(reasonsOf(clicks, { model: 'linear' })).toEqual(['won', 'won']);
});

test('the age of a click counts from the payment, also when the deposit came first, and one after it has none', () => {
  const clicks = [evidence({ promoterId: 'a', at: PAID }), evidence({ promoterId: 'b', at: PAID + 60 * SECOND })];
  const policy = { model: 'time_decay', time_decay_half_life_days: 1 };
  expect(creditsOf(clicks, policy, { paidAt: PAID })).toEqual([
    ['a', 500_000],
    ['b', 500_000],
  ]);
  const [first, second] = clicksOf('a', 'b');
  const early = judge([first!, second!], policy, { paidAt: PAID });
  expect(judge([first!, second!], policy, { paidAt: PAID + 40 * DAY }).credits).toEqual(early.credits);
});

test('clicks that are many half-lives old still share by their ages', () => {
  const clicks = [30, 29].map((days) => evidence({ promoterId: `${days}`, at: PAID - days * DAY }));
  const policy = { model: 'time_decay', time_decay_half_life_days: 1, product_click_days: 365 };
  expect(creditsOf(clicks, policy, { paidAt: PAID + 300 * DAY })).toEqual([
    ['30', 333_333],
    ['29', 666_667],
  ]);
  expect(creditsOf([evidence({ promoterId: 'old', at: PAID - 300 * DAY }), clicks[0]!], policy)).toEqual([['30', 1_000_000]]);
});

test('a promoter with several winning clicks is one winner, in the place of the latest', () => {
  const verdict = judge(clicksOf('a', 'b', 'a', 'a'), { model: 'linear' });
  expect(verdict.credits.map(({ evidence: { promoterId, at }, weight }) => [promoterId, at, weight])).toEqual([
    ['b', PAID - 3 * DAY, 1n],
    ['a', PAID - DAY, 3n],
  ]);
  expect(verdict.judged.every(({ won }) => won)).toBe(true);
});

const leadOf = (...ids: string[]) => heaviest(judge(clicksOf(...ids), { model: 'linear' }).credits)?.evidence.promoterId;

test('of equally heavy winners the later click chooses the rule', () => {
  expect(leadOf('a', 'b')).toBe('b');
  expect(leadOf('a', 'b', 'b', 'a')).toBe('a');
  expect(leadOf('a', 'a', 'b')).toBe('a');
  expect(heaviest([])).toBeNull();
});

test('clicks of one moment stand by what names them, whatever order they are told in', () => {
  const clicks = ['x', 'y'].map((name) => evidence({ promoterId: name, reference: name }));
  expect(winnerOf(clicks)).toEqual(['y']);
  expect(winnerOf(clicks.toReversed())).toEqual(['y']);
});
