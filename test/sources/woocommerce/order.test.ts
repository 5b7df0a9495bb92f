// Orders of WooCommerce are told as wholes: in whatever order they arrive, the latest says which
// lines and refunds there are.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { lift, merge } from '../../../src/core/merge.ts';
import { NOTHING_TOLD } from '../../../src/core/merged.ts';
import { viewOrder } from '../../../src/core/order.ts';
import { canonicalReport } from '../../../src/core/report.ts';
import { stableJson } from '../../../src/inbox/read.ts';
import { woocommerce } from '../../../src/sources/woocommerce/adapter.ts';
import { readAs } from '../../core/reading.ts';

const line = (id: number, total: string) => ({ id, product_id: id, quantity: 1, total, total_tax: '0.00' });

const order = (minute: number, told: object) => ({
  id: 727,
  status: 'on-hold',
  currency: 'USD',
  date_modified_gmt: `2026-06-01T10:${String(minute).padStart(2, '0')}:00`,
  ...told,
});

/** The order that these bodies make, in the order in which they arrive. */
function seen(bodies: readonly object[]) {
  const receivedAt = new Date('2026-06-02T00:00:00Z');
  const merged = bodies
    .flatMap((body) => woocommerce.map({ body: Buffer.from(JSON.stringify(body)), headers: {}, receivedAt, options: {} }))
    .map(({ report }) => {
      const parsed = canonicalReport.parse({ ...report, merchant_id: 'm1' });
      return lift(readAs(parsed, { receivedAt }), stableJson(parsed), 'all');
    });
  const { lines, refunds } = viewOrder(merged.reduce(merge, NOTHING_TOLD));
  return {
    lines: lines.filter((one) => one.quantity > 0).map((one) => [one.lineId, Number(one.paidAmount)]),
    refunds: refunds.map((one) => [one.refundId, Number(one.amount)]),
  };
}

test('a line that a later order does not list is gone, however late the earlier one arrives', () => {
  const bodies = [order(0, { line_items: [line(1, '100.00')] }), order(1, { line_items: [line(2, '30.00')] })];
  expect(seen(bodies)).toEqual({ lines: [['2', 3000]], refunds: [] });
  expect(seen(bodies.toReversed())).toEqual(seen(bodies));
});

const told = { id: 1, amount: '50.00', line_items: [{ id: 9, total: '-50.00', meta_data: [{ key: '_refunded_item_id', value: 1 }] }] };
const plain = { id: 1, reason: '', total: '-50.00' };

test('a refund that was asked for takes the place of the one that was pushed, whichever arrives first', () => {
  const line_items = [line(1, '100.00'), line(2, '100.00')];
  const bodies = [order(0, { line_items, refunds: [plain] }), order(0, { line_items, refunds: [told] })];
  for (const arrived of [bodies, bodies.toReversed()]) {
    expect(seen(arrived).refunds.filter(([, amount]) => amount !== 0)).toEqual([['1-1', 5000]]);
  }
});

test('a refund that the shop has taken back is gone', () => {
  const line_items = [line(1, '100.00')];
  const bodies = [order(0, { line_items, refunds: [told] }), order(1, { line_items, refunds: [] })];
  for (const arrived of [bodies, bodies.toReversed()]) expect(seen(arrived).refunds).toEqual([]);
});

test('in any order of any duplicates, the latest order counts', () => {
  const bodies = [
    order(0, { line_items: [line(1, '100.00')], refunds: [] }),
    order(1, { line_items: [line(1, '100.00'), line(2, '30.00')], refunds: [plain] }),
    order(1, { line_items: [line(1, '100.00'), line(2, '30.00')], refunds: [told] }),
    order(2, { line_items: [line(2, '35.00')], refunds: [told] }),
    order(3, { line_items: [line(2, '35.00'), line(3, '1.00')], refunds: [] }),
  ];
  const expected = {
    lines: [
      ['2', 3500],
      ['3', 100],
    ],
    refunds: [],
  };
  fc.assert(
    fc.property(fc.shuffledSubarray(bodies, { minLength: bodies.length }), fc.subarray(bodies), (all, again) => {
      expect(seen([...again, ...all, ...again])).toEqual(expected);
    }),
  );
});
