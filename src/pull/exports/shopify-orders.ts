// Shopify's orders_export: several rows an order, of which the first has its sums and the others a
// line each, without its id.
import { z } from 'zod';

import { WHOLE_ORDER } from '../../core/order.ts';
import type { SourceReport } from '../../sources/source.ts';
import type { Export, ReadOrder } from './export.ts';
import { RowFault, type Fields, type Surroundings } from './row-fields.ts';
import { least, most, partOfSum } from './shop-sums.ts';

/**
 * The export has one column for each field; beside these it has some sixty of addresses, payments
 * and single taxes.
 */
const COLUMNS = {
  order_id: ['id'],
  name: ['name'],
  email: ['email'],
  phone: ['phone'],
  financial_status: ['financial status'],
  paid_at: ['paid at'],
  fulfillment_status: ['fulfillment status'],
  fulfilled_at: ['fulfilled at', 'fulfillment date'],
  currency: ['currency'],
  subtotal: ['subtotal'],
  shipping: ['shipping'],
  taxes: ['taxes'],
  total: ['total'],
  coupon_codes: ['discount code'],
  created_at: ['created at'],
  quantity: ['lineitem quantity'],
  notes: ['note attributes'],
  cancelled_at: ['cancelled at'],
  refunded: ['refunded amount'],
} as const;

const FINANCIAL_STATUS: Readonly<Record<string, 'created' | 'paid' | 'void'>> = {
  pending: 'created',
  authorized: 'created',
  partially_paid: 'created',
  expired: 'created',
  voided: 'void',
  paid: 'paid',
  partially_refunded: 'paid',
  refunded: 'paid',
};

const options = z
  .object({ completed_on: z.enum(['fulfilled', 'paid']).default('fulfilled').catch('fulfilled') })
  .catch({ completed_on: 'fulfilled' });

export const shopifyOrders: Export = {
  name: 'shopify_orders',
  title: "Shopify's export of orders",
  kind: 'shopify',
  form: 'ours',
  signature: ['name', 'financial_status', 'subtotal', 'total', 'quantity'],
  columns: COLUMNS,
  zone: null,
  goesOn: (row, first) => row.text('financial_status') === '' && row.text('total') === '' && row.text('name') === first.text('name'),
  read,
};

/**
 * The lines have no ids here, so their sum is told as the whole order's, which counts only where
 * nobody told the lines: what a push told is never counted a second time.
 */
function read([first, ...rest]: readonly [Fields, ...Fields[]], { options: stated }: Surroundings): ReadOrder {
  if (first.text('financial_status') === '' && first.text('total') === '') {
    throw new RowFault('name: this row goes on with an order whose first row is not before it');
  }
  const currency = first.currency('currency');
  const status = statusOf(first);
  const { completed_on: completedOn } = options.parse(stated ?? {});
  const isPaid = status === 'paid';
  const isCompleted = isPaid && (completedOn === 'paid' || first.text('fulfillment_status').toLowerCase() === 'fulfilled');
  const paidAt = first.time('paid_at') ?? first.time('created_at');
  const cancelledAt = first.time('cancelled_at');
  const paid = goodsOf(first, currency);
  const units = [first, ...rest].map((row) => row.count('quantity') ?? 0).reduce((sum, count) => sum + count, 0);
  const report: SourceReport = {
    order_id: first.neededId('order_id'),
    status: isCompleted ? 'completed' : isPaid ? 'paid' : 'created',
    // A file never says that an order is void no more: it may be older than what is known.
    void: cancelledAt !== null ? { reason: 'cancelled' } : status === 'void' ? { reason: 'voided' } : null,
    currency,
    created_at: first.time('created_at'),
    paid_at: isPaid ? paidAt : null,
    completed_at: isCompleted ? (completedOn === 'paid' ? paidAt : first.time('fulfilled_at')) : null,
    buyer: { email: first.text('email') || null, phone: first.text('phone') || null },
    click_token: noteOf(first, 'fy_click'),
    link_code: noteOf(first, 'fy_link'),
    coupon_codes: first
      .text('coupon_codes')
      .split(/\s*,\s*/)
      .filter(Boolean),
    lines: [{ line_id: WHOLE_ORDER, quantity: Math.max(1, units), paid_amount: Number(paid) }],
    refunds: refundsOf(first, currency, paid),
  };
  return { report };
}

function statusOf(first: Fields): 'created' | 'paid' | 'void' {
  const word = first.text('financial_status').toLowerCase().replaceAll(' ', '_');
  const status = word === '' ? 'created' : FINANCIAL_STATUS[word];
  if (status === undefined) throw new RowFault(`financial_status: ${JSON.stringify(word)} is no word of Shopify's that is known`);
  return status;
}

/**
 * `Subtotal` is after discounts and before freight; where prices include tax, so does it, and its
 * share of the tax goes.
 */
function goodsOf(first: Fields, currency: string): bigint {
  const [subtotal, shipping, taxes, total] = ['subtotal', 'shipping', 'taxes', 'total'].map((field) => first.amount(field, currency)) as [
    bigint | null,
    ...(bigint | null)[],
  ];
  if (subtotal === null) throw new RowFault('subtotal: is missing');
  const isIncluded = taxes !== null && taxes! > 0n && total !== null && total! < subtotal + (shipping ?? 0n) + taxes!;
  const tax = isIncluded ? partOfSum(taxes!, subtotal, subtotal + (shipping ?? 0n)) : 0n;
  return most(subtotal - tax, 0n);
}

/** What went back is told with freight and tax: of it the share of the goods. */
function refundsOf(first: Fields, currency: string, paid: bigint): SourceReport['refunds'] {
  const back = first.amount('refunded', currency) ?? 0n;
  if (back <= 0n) return [];
  const total = first.amount('total', currency) ?? 0n;
  const amount = total > 0n ? least(partOfSum(back, paid, total), paid) : least(back, paid);
  return [{ refund_id: WHOLE_ORDER, amount: Number(amount), status: 'succeeded' }];
}

/** A note attribute of ours: the export writes each as a line `name: value`. */
function noteOf(first: Fields, name: string): string | null {
  const line = first
    .text('notes')
    .split(/\r?\n/)
    .find((one) => one.startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim() || null;
}
