// WooCommerce's orders as the usual export plug-ins write them: a row an order with its lines in
// cells of their own, or a row for each line.
import { WHOLE_ORDER } from '../../core/order.ts';
import type { SourceReport } from '../../sources/source.ts';
import type { Export, ReadOrder } from './export.ts';
import { RowFault, type Fields, type Surroundings } from './row-fields.ts';
import { least, most, partOfSum } from './shop-sums.ts';
import { amountOf, damageOf } from '../tables/cells.ts';
import { stageOf, stateAt } from './woocommerce-words.ts';

const LINES_MAX = 100;
const lineColumns = Object.fromEntries(Array.from({ length: LINES_MAX }, (_, n) => [`line_${n + 1}`, [`line item ${n + 1}`]]));

export const woocommerceOrders: Export = {
  name: 'woocommerce_orders',
  title: "WooCommerce's export of orders",
  kind: 'woocommerce',
  form: 'ours',
  signature: ['order_id', 'status', 'order_total', 'shipping'],
  columns: {
    order_id: ['order id', 'order number'],
    date: ['order date', 'date'],
    paid_at: ['paid date', 'date paid'],
    completed_at: ['completed date', 'date completed'],
    status: ['status', 'order status'],
    currency: ['order currency', 'currency'],
    order_total: ['order total', 'order total amount'],
    shipping: ['shipping total', 'order shipping'],
    tax: ['tax total', 'order tax', 'order total tax amount'],
    fees: ['fee total', 'order fees'],
    customer_id: ['customer id', 'customer user'],
    email: ['billing email', 'customer email', 'email (billing)'],
    phone: ['billing phone', 'phone (billing)'],
    coupons: ['coupon items', 'coupons', 'coupon code'],
    refunds: ['refund items'],
    refunded: ['refunded total', 'order refund amount'],
    click_token: ['meta:fy click', 'meta: fy click', 'fy click'],
    link_code: ['meta:fy link', 'meta: fy link', 'fy link'],
    line_id: ['item id'],
    line_product: ['item product id', 'product id'],
    line_quantity: ['item quantity', 'quantity'],
    line_total: ['item total'],
    line_refunded: ['item refunded'],
    ...lineColumns,
  },
  zone: null,
  read: ([row], surroundings) => read(row, surroundings),
};

function read(row: Fields, { options }: Surroundings): ReadOrder {
  const currency = row.currency('currency');
  const word = row.text('status');
  const standing = stageOf(word, options);
  const lines = linesOf(row, currency);
  const paid = lines.reduce((sum, line) => sum + BigInt(line.paid_amount), 0n);
  const refunds = refundsOf(row, currency, paid);
  const isPaid = standing === 'paid' || standing === 'completed' || standing === 'refunded';
  const orderedAt = row.time('date');
  const report: SourceReport = {
    order_id: row.neededId('order_id'),
    currency,
    ...stateAt(standing, word, { isRefundTold: refunds.length > 0 }),
    created_at: orderedAt,
    paid_at: isPaid ? (row.time('paid_at') ?? orderedAt) : null,
    completed_at: standing === 'completed' ? row.time('completed_at') : null,
    buyer: { customer_id: row.id('customer_id') || null, email: row.text('email') || null, phone: row.text('phone') || null },
    click_token: row.text('click_token') || null,
    link_code: row.text('link_code') || null,
    coupon_codes: couponsOf(row.text('coupons')),
    lines,
    refunds,
  };
  return { report };
}

/**
 * Lines with the shop's own ids where the export has them; else as the whole order's, each by its
 * product.
 */
function linesOf(row: Fields, currency: string) {
  const lineId = row.id('line_id');
  if (lineId !== '') {
    const total = row.amount('line_total', currency);
    if (total === null) throw new RowFault('line_total: is missing');
    return [
      {
        line_id: lineId,
        product_id: row.id('line_product') || null,
        quantity: row.count('line_quantity') ?? 1,
        paid_amount: Number(most(total, 0n)),
      },
    ];
  }
  const cells = Array.from({ length: LINES_MAX }, (_, n) => row.text(`line_${n + 1}`)).filter((cell) => cell !== '');
  if (cells.length > 0) return cells.map((cell, index) => lineOf(cell, `${WHOLE_ORDER}:${index + 1}`, currency));
  const total = row.amount('order_total', currency);
  if (total === null) throw new RowFault('order_total: is missing');
  const [shipping, tax, fees] = ['shipping', 'tax', 'fees'].map((field) => row.amount(field, currency) ?? 0n) as [bigint, bigint, bigint];
  // A fee below zero is a discount on the goods; one above is none of them.
  return [{ line_id: WHOLE_ORDER, paid_amount: Number(most(total - shipping - tax - most(fees, 0n), 0n)) }];
}

/**
 * `name:…|product_id:31529|sku:|quantity:1|total:13.00|sub_total:13.00`; the total is after
 * discounts and without tax.
 */
function lineOf(cell: string, lineId: string, currency: string) {
  const part = (name: string) => new RegExp(`(?:^|\\|)${name}:([^|]*)`).exec(cell)?.[1]?.trim() ?? '';
  const total = amountOf(part('total'), currency);
  if ('fault' in total) throw new RowFault(`line_item: ${total.fault}`);
  const productId = part('product_id');
  const damage = damageOf(productId);
  if (damage !== null) throw new RowFault(`line_item: ${JSON.stringify(productId)} ${damage}`);
  const quantity = Number(part('quantity') || 1);
  return {
    line_id: lineId,
    product_id: productId === '' || productId === '0' ? null : productId,
    quantity: Number.isSafeInteger(quantity) ? Math.max(1, quantity) : 1,
    paid_amount: Number(most(total.value, 0n)),
  };
}

/**
 * What went back is told with freight and tax: of it the share of the goods. A row of one line
 * tells its own.
 */
function refundsOf(row: Fields, currency: string, paid: bigint) {
  const lineId = row.id('line_id');
  const ofLine = lineId === '' ? null : absolute(row.amount('line_refunded', currency));
  if (ofLine !== null && ofLine > 0n) {
    return [{ refund_id: `${WHOLE_ORDER}:${lineId}`, line_id: lineId, amount: Number(least(ofLine, paid)), status: 'succeeded' as const }];
  }
  if (lineId !== '') return [];
  const back = absolute(row.amount('refunded', currency)) ?? refundItems(row.text('refunds'), currency);
  if (back <= 0n) return [];
  const total = row.amount('order_total', currency) ?? 0n;
  const amount = total > 0n ? least(partOfSum(back, paid, total), paid) : least(back, paid);
  return [{ refund_id: WHOLE_ORDER, amount: Number(amount), status: 'succeeded' as const }];
}

/** `amount:40.00|reason:…|date:…`, several of them parted by `;`. */
function refundItems(cell: string, currency: string): bigint {
  let back = 0n;
  for (const [, text = ''] of cell.matchAll(/(?:^|[;|])\s*amount:([^|;]*)/g)) {
    const amount = amountOf(text.trim(), currency);
    if ('fault' in amount) throw new RowFault(`refund_items: ${amount.fault}`);
    back += absolute(amount.value)!;
  }
  return back;
}

const absolute = (amount: bigint | null): bigint | null => (amount === null || amount >= 0n ? amount : -amount);

/** `code:SPRING|amount:5.00`, several of them parted by `;`; or the codes alone. */
function couponsOf(cell: string): string[] {
  return cell
    .split(/\s*[;,]\s*/)
    .map((one) => /(?:^|\|)code:([^|]*)/.exec(one)?.[1] ?? (one.includes(':') ? '' : one))
    .map((code) => code.trim())
    .filter(Boolean);
}
