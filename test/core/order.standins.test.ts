// What a report without ids of lines and refunds tells counts until those are told.
import { expect, test } from 'vitest';
import { lift, merge } from '../../src/core/merge.ts';
import { NOTHING_TOLD } from '../../src/core/merged.ts';
import type { MergedOrder } from '../../src/core/merged.ts';
import { viewOrder } from '../../src/core/order.ts';
import { canonicalReport } from '../../src/core/report.ts';
import { readAs } from './reading.ts';

const AT = '2026-06-01T10:00:00Z';

function told(fields: object): MergedOrder {
  const parsed = canonicalReport.parse({ merchant_id: 'm1', order_id: '1', observed_at: AT, ...fields });
  return lift(readAs(parsed, { receivedAt: new Date(AT), identities: [] }), 'c0ffee', 'all');
}

const orderOf = (...states: MergedOrder[]) => viewOrder(states.reduce(merge, NOTHING_TOLD));

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => rest.toSpliced(0, 0, item)));
}

const line = (lineId: string, paidAmount: number) => told({ lines: [{ line_id: lineId, paid_amount: paidAmount }] });
const refund = (refundId: string, amount: number, lineId?: string) =>
  told({ refunds: [{ refund_id: refundId, amount, ...(lineId === undefined ? {} : { line_id: lineId }) }] });
const paid = (...states: MergedOrder[]) =>
  orderOf(...states).lines.reduce((sum, one) => sum + (one.quantity > 0 ? one.paidAmount : 0n), 0n);
const back = (...states: MergedOrder[]) => orderOf(...states).refunds.reduce((sum, one) => sum + one.amount, 0n);

test('what stands in for lines counts only for as long as no line with an id of its own is told, in any order', () => {
  expect(paid(line('*:1', 100), line('*:2', 50))).toBe(150n);
  for (const states of permutations([line('*:1', 100), line('*:2', 50), line('7', 140)])) expect(paid(...states)).toBe(140n);
  for (const states of permutations([line('*', 150), line('*:1', 100), line('*:2', 40)])) expect(paid(...states)).toBe(140n);
});

test('what stands in for a refund counts only for as long as none of its line, or of the whole order, is told', () => {
  expect(back(refund('*:a', 30), refund('*:b', 20))).toBe(50n);
  for (const states of permutations([refund('*:a', 30), refund('*:b', 20), refund('r1', 50)])) expect(back(...states)).toBe(50n);
  expect(back(refund('*:1', 30, '1'), refund('r2', 20, '2'))).toBe(50n);
  expect(back(refund('*:1', 30, '1'), refund('r1', 25, '1'))).toBe(25n);
  expect(back(refund('*', 50), refund('*:1', 30, '1'))).toBe(30n);
});
