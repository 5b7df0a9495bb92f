// WooCommerce's Analytics, Orders, Download: a row an order, and a row with a negative amount for
// each refund of it.
import { WHOLE_ORDER } from '../../core/order.ts';
import type { SourceReport } from '../../sources/source.ts';
import type { Export, ReadOrder } from './export.ts';
import type { Fields, Surroundings } from './row-fields.ts';
import { RowFault } from './row-fields.ts';
import { stageOf, stateAt } from './woocommerce-words.ts';

/**
 * What the browser makes of one page and what the shop makes of many differ in columns and in their
 * case.
 */
export const woocommerceAnalytics: Export = {
  name: 'woocommerce_analytics_orders',
  title: "WooCommerce's analytics export of orders",
  kind: 'woocommerce',
  form: 'ours',
  signature: ['order_id', 'status', 'items', 'net'],
  columns: {
    order_id: ['order #'],
    date: ['date'],
    status: ['status'],
    items: ['items sold'],
    coupon_codes: ['coupon(s)'],
    net: ['net sales', 'n. revenue'],
  },
  zone: null,
  read: ([row], { options }: Surroundings) => read(row, options),
};

/**
 * `Net sales` is after discounts, without freight and tax, of an order as of a refund. The export
 * names no currency and no lines.
 */
function read(row: Fields, options: unknown): ReadOrder {
  const currency = row.currency('currency');
  const orderId = row.neededId('order_id').replace(/^#/, '');
  const net = row.amount('net', currency);
  if (net === null) throw new RowFault('net: is missing');
  const date = row.time('date');
  if (net < 0n) {
    // Refunds have no ids here: the time tells one from another.
    const refund = {
      refund_id: `${WHOLE_ORDER}:${row.text('date')}`,
      amount: Number(-net),
      status: 'succeeded' as const,
      refunded_at: date,
    };
    return { report: { order_id: orderId, currency, refunds: [refund] } };
  }
  const word = row.text('status');
  const standing = stageOf(word, options);
  const isPaid = standing === 'paid' || standing === 'completed' || standing === 'refunded';
  const report: SourceReport = {
    order_id: orderId,
    currency,
    ...stateAt(standing, word, { isRefundTold: false }),
    created_at: date,
    paid_at: isPaid ? date : null,
    coupon_codes: row
      .text('coupon_codes')
      .split(/\s*,\s*/)
      .filter(Boolean),
    lines: [{ line_id: WHOLE_ORDER, quantity: Math.max(1, row.count('items') ?? 1), paid_amount: Number(net) }],
  };
  return { report };
}
