// An order of WooCommerce (REST API v3 and webhooks), which always comes as a whole, and what
// became of it.
import { z } from 'zod';

import { allocate } from '../../core/money.ts';
import { atLeastNothing, exact, exactOrNothing, lesser, sum, toMinor, type Exact } from '../shop-money.ts';
import { codeOf, codesOf, entriesOf, fieldOf, gmtOf, id, identityText, isList, idOrNone, listOf, tokenOf, unitsOf } from '../shop-words.ts';
import type { MappedReport, SourceReport } from '../source.ts';
import { isRefundTold, refundsOf, type SoldLine } from './refund.ts';

/** What a status of a shop does to an order. */
type Standing = 'created' | 'paid' | 'completed' | 'refunded' | 'void';

type Standings = Readonly<Record<string, Standing>>;

const STANDINGS = new Map<string, Standing>(
  Object.entries({
    'auto-draft': 'created',
    'checkout-draft': 'created',
    pending: 'created',
    'on-hold': 'created',
    processing: 'paid',
    completed: 'completed',
    refunded: 'refunded',
    cancelled: 'void',
    failed: 'void',
    trash: 'void',
  }),
);

/** A shop's own statuses carry this prefix in its database, and none in what it sends. */
export const bareStatus = (status: string): string => status.replace(/^wc-/, '');

/** What a delivery with a status that nobody knows waits for. */
export const statusCode = (status: string): string => `status ${status}`;

const line = z.looseObject({ id, total: exact, total_tax: exactOrNothing });
const fee = z.looseObject({ total: exactOrNothing, total_tax: exactOrNothing });

export const wooOrder = z.looseObject({
  id,
  status: z.string(),
  currency: z.string().trim().toUpperCase(),
  line_items: listOf(line),
  fee_lines: z
    .unknown()
    .optional()
    .transform((value) => entriesOf(value).map((one) => fee.parse(one))),
});

type WooOrder = z.output<typeof wooOrder>;

/** Of other things that have lines: subscriptions, carts, quotes, refunds. */
const NOT_OF_ORDERS = ['billing_period', 'billing_interval', 'next_payment_date_gmt', 'trial_end_date_gmt', 'refunded_payment'];

/**
 * Whether a body is an order by its shape. What other plugins push may look like one: there
 * `resource`, which is not signed, may say that it is something else, but of a body with all marks
 * of an order it may not.
 */
export function isOrder(value: Record<string, unknown>, resource: string | null): boolean {
  const looksLikeOne =
    isList(value['line_items']) &&
    typeof value['status'] === 'string' &&
    typeof value['currency'] === 'string' &&
    NOT_OF_ORDERS.every((name) => !(name in value)) &&
    [undefined, null, '', 'shop_order'].includes(value['type'] as string);
  const isCertain = 'order_key' in value && 'refunds' in value && 'date_paid_gmt' in value;
  return looksLikeOne && (isCertain || resource === null || resource === 'order');
}

/** The report of an order; `own` are the statuses that this shop has made or means otherwise. */
export function mapOrder(order: WooOrder, own: Standings): MappedReport {
  const status = bareStatus(order.status);
  const standing = Object.hasOwn(own, status) ? own[status] : STANDINGS.get(status);
  const lines = linesOf(order);
  const refunds = entriesOf(order['refunds']);
  const report: SourceReport = {
    order_id: order.id,
    currency: order.currency,
    whole: isList(order['refunds']) ? ['lines', 'refunds'] : ['lines'],
    observed_at: observedAt(order, refunds),
    created_at: gmtOf(order['date_created_gmt']),
    ...(standing === undefined ? {} : standingOf(order, standing, refunds.length > 0)),
    buyer: {
      customer_id: idOrNone(order['customer_id']),
      email: identityText(fieldOf(order['billing'], 'email')),
      phone: identityText(fieldOf(order['billing'], 'phone')),
    },
    click_token: tokenOf(metaOf(order, 'fy_click')),
    link_code: codeOf(metaOf(order, 'fy_link')),
    coupon_codes: codesOf(order['coupon_lines']),
    lines: lines.map(({ lineId, productId, quantity, paid }) => ({
      line_id: lineId,
      product_id: productId,
      quantity,
      paid_amount: Number(paid),
    })),
    refunds: refundsOf(refunds, { currency: order.currency, lines, gross: grossOf(order) }),
  };
  return { report, shop: null, names: [], unknownCode: standing === undefined ? statusCode(order.status) : null };
}

/**
 * A shop tells time in whole seconds. What was asked for with all of its refunds knows more than
 * what was pushed of the same second, so it is the later word of the two.
 */
function observedAt(order: WooOrder, refunds: Record<string, unknown>[]): string | null {
  const at = gmtOf(order['date_modified_gmt']) ?? gmtOf(order['date_created_gmt']);
  if (at === null || refunds.length === 0 || !refunds.every(isRefundTold)) return at;
  return new Date(Date.parse(at) + 1).toISOString();
}

/**
 * The lines as they were paid, without tax. What takes from the order as a whole is spread over
 * them: a negative fee, and a negative line of a plugin that writes its discounts so, which itself
 * is no line.
 */
function linesOf({ currency, line_items: items, fee_lines: fees }: WooOrder): SoldLine[] {
  const sold = items.filter((item) => item.total >= 0n);
  const amounts = sold.map((item) => toMinor(item.total, currency));
  const negative = sum([...items, ...fees].map(({ total }) => (total < 0n ? -total : 0n)));
  const discount = lesser(toMinor(negative, currency), sum(amounts));
  const parts = allocate(discount, amounts);
  return sold.map((item, index) => ({
    lineId: item.id,
    productId: idOrNone(item['product_id']),
    variationId: idOrNone(item['variation_id']),
    quantity: quantityOf(item),
    total: item.total,
    paid: amounts[index]! - parts[index]!,
  }));
}

/** Only a line that costs nothing is there no more when its quantity is 0. */
function quantityOf(item: WooOrder['line_items'][number]): number | null {
  const quantity = unitsOf(item['quantity']);
  return quantity === 0 && item.total > 0n ? 1 : quantity;
}

/** What the buyer paid for the lines with their taxes, after discounts. */
function grossOf({ line_items: items, fee_lines: fees }: WooOrder): Exact {
  const discounts = fees.filter((one) => one.total < 0n);
  return atLeastNothing(sum([...items, ...discounts].map((one) => one.total + one.total_tax)));
}

/**
 * A refunded order keeps how far it had come; where no refund of it is listed, nothing of it is
 * left.
 */
function standingOf(order: WooOrder, standing: Standing, hasRefunds: boolean) {
  const completedAt = gmtOf(order['date_completed_gmt']);
  const isCompleted = standing === 'completed' || (standing === 'refunded' && completedAt !== null);
  const isPaid = isCompleted || standing === 'paid' || standing === 'refunded';
  const isVoid = standing === 'void' || (standing === 'refunded' && !hasRefunds);
  return {
    status: isCompleted ? ('completed' as const) : isPaid ? ('paid' as const) : ('created' as const),
    void: isVoid ? { reason: bareStatus(order.status) } : (false as const),
    paid_at: isPaid ? gmtOf(order['date_paid_gmt']) : null,
    completed_at: isCompleted ? completedAt : null,
  };
}

/**
 * A word of ours in the order's meta data, with or without the underscore that hides it from the
 * shop's pages.
 */
function metaOf({ meta_data: data }: WooOrder, name: string): unknown {
  const entry = entriesOf(data).find((one) => one['key'] === name || one['key'] === `_${name}`);
  return entry?.['value'] ?? fieldOf(data, name) ?? fieldOf(data, `_${name}`);
}
