// Budgets: the worked figures, and that no limit is ever exceeded whatever is asked and given back.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { Budget, type BudgetLimits, type BudgetState } from '../../../src/core/programs/budget.ts';
import { runs } from '../../runs.ts';

const NOTHING: BudgetState = { spent: 0n, orders: 0, exhaustedTotal: null, days: new Map(), promoters: new Map() };
const LIMITS: BudgetLimits = { total: 10_000n, perDay: null, perPromoter: null, partialLast: true, reopens: false };
const DAY = '2026-06-10';
const of = (amount: bigint, promoterId = 'bob') => [{ promoterId, amount }];

describe('cap 10000, 300 a line, 50 lines', () => {
  test.each([
    [false, 9900n],
    [true, 10_000n],
  ])('partial_last %s: %d are granted', (partialLast, spent) => {
    const budget = new Budget({ ...LIMITS, partialLast }, NOTHING);
    for (let line = 0; line < 50; line += 1) budget.grant(DAY, of(300n));
    expect(budget.changes()).toMatchObject({ total: { spent, cap: 10_000n }, exhaustedTotal: 10_000n });
  });

  test.each([
    [false, [0n], 'exhausted'],
    [true, [300n], null],
  ])('what is given back is granted again where it reopens: %s', (reopens, granted, shortage) => {
    const budget = new Budget({ ...LIMITS, partialLast: false, reopens }, NOTHING);
    for (let line = 0; line < 50; line += 1) budget.grant(DAY, of(300n));
    budget.giveBack(DAY, of(300n));
    expect(budget.grant(DAY, of(300n))).toEqual({ granted, shortage });
  });
});

const sum = (amounts: Iterable<bigint>) => [...amounts].reduce((whole, amount) => whole + amount, 0n);

test('a grant that a day or a promoter does not allow leaves the budget open', () => {
  const budget = new Budget({ ...LIMITS, perDay: 500n, perPromoter: 400n }, NOTHING);
  expect(budget.grant(DAY, of(300n))).toEqual({ granted: [300n], shortage: null });
  expect(budget.grant(DAY, of(300n))).toEqual({ granted: [100n], shortage: 'promoter_spent' });
  expect(budget.grant(DAY, of(300n, 'alice'))).toEqual({ granted: [100n], shortage: 'day_spent' });
  expect(budget.grant(DAY, of(300n, 'carol'))).toEqual({ granted: [0n], shortage: 'day_spent' });
  expect(budget.grant('2026-06-11', of(300n, 'carol'))).toEqual({ granted: [300n], shortage: null });
  expect(budget.changes()).toMatchObject({ total: { spent: 800n }, exhaustedTotal: null });
});

test('a higher total grants again, and one that was lowered below what is spent grants nothing', () => {
  const state = { ...NOTHING, spent: 8000n, exhaustedTotal: 10_000n };
  expect(new Budget({ ...LIMITS, total: 10_001n }, state).grant(DAY, of(300n))).toEqual({ granted: [300n], shortage: null });
  expect(new Budget(LIMITS, state).grant(DAY, of(300n))).toEqual({ granted: [0n], shortage: 'exhausted' });
  const lowered = new Budget({ ...LIMITS, total: 5000n }, { ...state, exhaustedTotal: null });
  lowered.giveBack(DAY, []);
  expect(lowered.grant(DAY, of(300n)).granted).toEqual([0n]);
  expect(lowered.changes().total).toEqual({ spent: 8000n, cap: 8000n });
});

test('a rise takes what is left, exhausted or not, and exhausts nothing', () => {
  const budget = new Budget(LIMITS, { ...NOTHING, spent: 9900n });
  expect(budget.rise(DAY, of(300n))).toEqual([100n]);
  expect(budget.changes()).toMatchObject({ total: { spent: 10_000n }, exhaustedTotal: null });
});

test('whatever is asked, raised and given back: no limit is exceeded, and all sums agree', () => {
  const promoter = fc.constantFrom('bob', 'alice', 'carol');
  const parts = fc.uniqueArray(fc.record({ promoterId: promoter, amount: fc.bigInt(0n, 400n) }), {
    selector: (part) => part.promoterId,
    minLength: 1,
    maxLength: 3,
  });
  const step = fc.record({ what: fc.constantFrom('grant', 'grant', 'rise', 'back'), day: fc.constantFrom('1', '2'), parts });
  const limit = fc.option(fc.bigInt(0n, 1500n));
  const limits = fc.record({
    total: fc.bigInt(0n, 3000n),
    perDay: limit,
    perPromoter: limit,
    partialLast: fc.boolean(),
    reopens: fc.boolean(),
  });
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 40 }), (stated, steps) => {
      const budget = new Budget(stated, NOTHING);
      const held: { day: string; parts: { promoterId: string; amount: bigint }[] }[] = [];
      for (const one of steps) {
        if (one.what === 'back') {
          const back = held.pop();
          if (back !== undefined) budget.giveBack(back.day, back.parts);
          continue;
        }
        const amounts = one.what === 'rise' ? budget.rise(one.day, one.parts) : budget.grant(one.day, one.parts).granted;
        for (const [index, amount] of amounts.entries()) expect(amount >= 0n && amount <= one.parts[index]!.amount).toBe(true);
        if (one.what === 'grant' && !stated.partialLast) {
          const isAll = amounts.every((amount, index) => amount === one.parts[index]!.amount);
          expect(isAll || amounts.every((amount) => amount === 0n)).toBe(true);
        }
        held.push({ day: one.day, parts: one.parts.map(({ promoterId }, index) => ({ promoterId, amount: amounts[index]! })) });
      }
      const { total, days, promoters } = budget.changes();
      const expected = sum(held.flatMap((one) => one.parts.map(({ amount }) => amount)));
      expect([
        total.spent,
        sum([...days.values()].map(({ spent }) => spent)),
        sum([...promoters.values()].map(({ spent }) => spent)),
      ]).toEqual([expected, expected, expected]);
      expect(total.spent <= stated.total).toBe(true);
      for (const { spent } of days.values()) expect(stated.perDay === null || spent <= stated.perDay).toBe(true);
      for (const { spent } of promoters.values()) expect(stated.perPromoter === null || spent <= stated.perPromoter).toBe(true);
    }),
    { numRuns: runs(300) },
  );
});
