// An order of Shopify, as a webhook pushes it: always as a whole, with its refunds. Every amount is
// in the shop's currency.
import { z } from 'zod';

import { toMinor } from '../shop-money.ts';
import {
  codeOf,
  codesOf,
  entriesOf,
  fieldOf,
  id,
  identityText,
  isList,
  idOrNone,
  listOf,
  reasonOf,
  timeOf,
  tokenOf,
} from '../shop-words.ts';
import { netAndGross, shopifyLine, type ShopifyLine } from './line.ts';
import { refundedUnits, refundsOf, shopifyRefund, type SoldLine } from './refund.ts';
import type { MappedReport, SourceReport } from '../source.ts';

/** What a financial status does to an order. */
type Standing = 'created' | 'paid' | 'completed' | 'void';

type Standings = Readonly<Record<string, Standing>>;

/** While a payment is authorized or partial, the money is not there. */
const STANDINGS = new Map<string, Standing>(
  Object.entries({
    pending: 'created',
    authorized: 'created',
    partially_paid: 'created',
    expired: 'created',
    voided: 'void',
    paid: 'paid',
    partially_refunded: 'paid',
    refunded: 'paid',
  }),
);

/** What a delivery with a financial status that nobody knows waits for. */
export const statusCode = (status: string): string => `financial_status ${status}`;

export const shopifyOrder = z.looseObject({
  id,
  currency: z.string().trim().toUpperCase(),
  line_items: listOf(shopifyLine),
  refunds: z
    .unknown()
    .optional()
    .transform((value) => (isList(value) ? entriesOf(value).map((one) => shopifyRefund.parse(one)) : null)),
});

type ShopifyOrder = z.output<typeof shopifyOrder>;

/** Of other things that have lines: fulfillments, carts, checkouts, draft orders. */
const NOT_OF_ORDERS = [
  'order_id',
  'abandoned_checkout_url',
  'invoice_url',
  'invoice_sent_at',
  'completed_at',
  'tracking_number',
  'shipment_status',
];
const OF_ORDERS = ['financial_status', 'fulfillment_status', 'order_number', 'order_status_url'];

/**
 * Whether a body is an order by its shape. `resource`, which is not signed, decides only of what
 * has lines and a currency and no mark of either kind.
 */
export function isOrder(value: Record<string, unknown>, resource: string | null): boolean {
  const hasLines = isList(value['line_items']) && typeof value['currency'] === 'string';
  if (!hasLines || NOT_OF_ORDERS.some((name) => name in value)) return false;
  return OF_ORDERS.some((name) => name in value) || resource === null || resource === 'orders';
}

interface ShopifyReading {
  completed_on: 'fulfilled' | 'paid';
  /** What this shop means by its financial statuses, before what we know of them. */
  statuses?: Standings | undefined;
}

/** The report of an order. A status that nobody knows is never guessed. */
export function mapOrder(order: ShopifyOrder, reading: ShopifyReading): MappedReport {
  const lines = linesOf(order);
  const { unknownCode, ...standing } = standingOf(order, reading);
  const report: SourceReport = {
    order_id: order.id,
    ...standing,
    currency: order.currency,
    whole: order.refunds !== null ? ['lines', 'refunds'] : ['lines'],
    ...(typeof order['test'] === 'boolean' ? { test: order['test'] } : {}),
    observed_at: timeOf(order['updated_at']) ?? timeOf(order['created_at']),
    created_at: timeOf(order['created_at']),
    buyer: buyerOf(order),
    click_token: tokenOf(attribute(order, 'fy_click')),
    link_code: codeOf(attribute(order, 'fy_link')),
    coupon_codes: codesOf(order['discount_codes']),
    lines: lines.map(({ line, units, paid }) => ({
      line_id: line.id,
      product_id: line.productId,
      quantity: units,
      paid_amount: Number(paid),
      ...(line.isTip ? { not_commissionable: 'tip' } : line.isGiftCard ? { not_commissionable: 'gift_card' } : {}),
    })),
    refunds: refundsOf(order.refunds ?? [], { currency: order.currency, lines, taxesIncluded: order['taxes_included'] === true }),
  };
  return { report, shop: shopOf(order), names: [], ...(unknownCode === null ? {} : { unknownCode }) };
}

/**
 * The lines with what is left of them after edits. Units that were refunded stay, because their
 * refunds tell of them.
 */
function linesOf(order: ShopifyOrder): SoldLine[] {
  const refunded = refundedUnits(order.refunds ?? []);
  return order.line_items.map((line) => {
    const gone = line.unitsLeft === null ? 0 : line.units - line.unitsLeft;
    const removed = Math.max(gone - (refunded.get(line.id) ?? 0), 0);
    const units = Math.max(line.units - removed, 0);
    return soldLine(line, units, order['taxes_included'] === true, order.currency);
  });
}

/**
 * A line of which so many units are sold, in the minor units of what was paid for them without tax.
 */
export function soldLine(line: ShopifyLine, units: number, taxesIncluded: boolean, currency: string): SoldLine {
  const { net, gross } = netAndGross(line, taxesIncluded);
  const part = (amount: bigint): bigint => (line.units === 0 ? 0n : (amount * BigInt(units)) / BigInt(line.units));
  return { line, units, paid: toMinor(part(net), currency), price: part(line.price), net: part(net), gross: part(gross) };
}

function standingOf(order: ShopifyOrder, { completed_on: completedOn, statuses = {} }: ShopifyReading) {
  const financial = order['financial_status'];
  const name = typeof financial === 'string' ? financial : '';
  const standing = Object.hasOwn(statuses, name) ? statuses[name] : STANDINGS.get(name);
  const cancelled = Boolean(order['cancelled_at']);
  const isVoid = cancelled || standing === 'void';
  const voided = isVoid ? { reason: (cancelled ? reasonOf(order['cancel_reason']) : name) ?? 'cancelled' } : (false as const);
  if (standing === undefined) {
    const unknownCode = name === '' ? null : statusCode(name);
    const isKnown = cancelled || unknownCode === null;
    return { status: null, void: isKnown ? voided : null, paid_at: null, completed_at: null, unknownCode };
  }
  const paid = standing === 'paid' || standing === 'completed';
  const shipped = order['fulfillment_status'] === 'fulfilled';
  const completed = standing === 'completed' || (paid && (completedOn === 'paid' || shipped));
  const paidAt = timeOf(order['processed_at']) ?? timeOf(order['created_at']);
  return {
    status: completed ? ('completed' as const) : paid ? ('paid' as const) : ('created' as const),
    void: voided,
    paid_at: paid ? paidAt : null,
    completed_at: completed ? (completedOn === 'paid' ? paidAt : lastFulfilment(order)) : null,
    unknownCode: null,
  };
}

/** When the last part left; null lets the time of the report stand for it. */
function lastFulfilment(order: ShopifyOrder): string | null {
  const made = entriesOf(order['fulfillments']).filter((one) => one['status'] !== 'cancelled');
  const times = made.flatMap((one) => timeOf(one['created_at']) ?? []);
  return times.toSorted((a, b) => Date.parse(a) - Date.parse(b)).at(-1) ?? null;
}

function buyerOf(order: ShopifyOrder): SourceReport['buyer'] {
  const { customer } = order;
  return {
    customer_id: idOrNone(fieldOf(customer, 'id')),
    email: identityText(order['email']) ?? identityText(fieldOf(customer, 'email')),
    phone: identityText(order['phone']) ?? identityText(fieldOf(customer, 'phone')),
  };
}

/** A word of ours in the note attributes. */
function attribute(order: ShopifyOrder, name: string): unknown {
  return entriesOf(order['note_attributes']).find((one) => one['name'] === name)?.['value'];
}

/**
 * The number of the shop, the only word for it in what is signed: the first part of the path of the
 * order's status page.
 */
function shopOf(order: ShopifyOrder): string | null {
  const url = order['order_status_url'];
  return typeof url === 'string' ? (/^https:\/\/[^/]+\/(\d{1,20})\/orders\//.exec(url)?.[1] ?? null) : null;
}
