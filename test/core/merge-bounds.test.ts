// What is kept of evidence: no more than can count, and the same whatever order the reports came
// in.
import { describe, expect, test } from 'vitest';
import { lift, merge } from '../../src/core/merge.ts';
import { NOTHING_TOLD, type MergedOrder } from '../../src/core/merged.ts';
import type { Report } from '../../src/core/report.ts';
import { NO_EVIDENCE } from './reading.ts';

const fold = (states: readonly MergedOrder[]) => states.reduce(merge, NOTHING_TOLD);
const same = (a: MergedOrder, b: MergedOrder) => expect(JSON.stringify(a)).toBe(JSON.stringify(b));

describe('however much is told', () => {
  const told = (n: number, at: number): Report => ({
    ...plain,
    observedAt: at,
    identities: [`identity${n}`],
    evidence: { ...NO_EVIDENCE, couponCodes: Array.from({ length: 50 }, (_, index) => `c${n}-${index}`), promoterIds: [`p${n}`] },
  });
  const plain: Report = {
    merchantId: 'm1',
    orderId: '1',
    sourceId: null,
    status: null,
    void: null,
    currency: null,
    observedAt: 0,
    createdAt: null,
    depositPaidAt: null,
    paidAt: null,
    completedAt: null,
    settledAt: null,
    holdUntil: null,
    test: null,
    sample: null,
    whole: [],
    identities: [],
    evidence: NO_EVIDENCE,
    parent: null,
    lines: [],
    refunds: [],
    disputes: [],
  };

  test('the state of an order stays small, and the same in any order of arrival', () => {
    const states = Array.from({ length: 400 }, (_, n) => lift(told(n, 1000 + ((n * 37) % 400)), 'c', 'all'));
    const [forth, back] = [fold(states), fold(states.toReversed())];
    same(forth, back);
    expect(JSON.stringify(forth).length).toBeLessThan(150_000);
    expect(forth.couponCodes).toHaveLength(2500);
    expect(forth.identities).toHaveLength(200);
    expect(Math.max(...forth.couponCodes.map(([, at]) => at))).toBe(1049);
    same(fold([...states.slice(200), ...states.slice(0, 250)]), forth);
  });
});
