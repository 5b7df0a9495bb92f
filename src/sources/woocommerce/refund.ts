// Refunds of WooCommerce. An order lists only what each gave back in all, with tax and freight; the
// shop, asked for them, tells the lines, the freight and the taxes of each.
import { z } from 'zod';

import { atLeastNothing, exactOrNothing, lesser, minorUnit, readExact, shareOf, sizeOf, sum, type Exact } from '../shop-money.ts';
import { entriesOf, gmtOf, id, idOrNone, reasonOf } from '../shop-words.ts';
import type { SourceReport } from '../source.ts';

/**
 * A line of an order: `total` as the shop has it, without tax; `paid` in minor units, less its part
 * of what fees took off.
 */
export interface SoldLine {
  lineId: string;
  productId: string | null;
  variationId: string | null;
  quantity: number | null;
  total: Exact;
  paid: bigint;
}

/** What refunds are taken from; `gross` is what the buyer paid for the lines with their taxes. */
interface Sold {
  currency: string;
  lines: readonly SoldLine[];
  gross: Exact;
}

type CanonicalRefund = NonNullable<SourceReport['refunds']>[number];

const part = z.looseObject({ total: exactOrNothing, total_tax: exactOrNothing });

type Part = z.output<typeof part>;

const refundId = z.looseObject({ id });

/** Whether a refund tells what it was for; the entries of an order's own list do not. */
export const isRefundTold = (refund: Record<string, unknown>): boolean => Array.isArray(refund['line_items']);

/** What the lines have left in all for refunds that name none of them. */
interface Rest {
  left: bigint;
}

/** The refunds of an order without tax and freight. */
export function refundsOf(refunds: readonly Record<string, unknown>[], sold: Sold): CanonicalRefund[] {
  const rest = { left: sum(sold.lines.map((line) => line.paid)) };
  return refunds.flatMap((refund) => (isRefundTold(refund) ? toldRefund(refund, sold, rest) : [grossRefund(refund, sold, rest)]));
}

/**
 * Where the shop cannot be asked: the part of the money that the lines without tax are of the lines
 * with it.
 */
function grossRefund(refund: Record<string, unknown>, sold: Sold, rest: Rest): CanonicalRefund {
  const gross = sizeOf(readExact(refund['total']) ?? 0n);
  return { ...commonOf(refund), refund_id: refundId.parse(refund).id, amount: Number(netOf(gross, sold, rest)) };
}

/** The net minor units of a gross amount that names no line, at most what the lines have left. */
function netOf(gross: Exact, { lines, gross: whole }: Sold, rest: Rest): bigint {
  const paid = sum(lines.map((line) => line.paid));
  const net = lesser(shareOf(paid, gross, whole), atLeastNothing(rest.left));
  rest.left -= net;
  return net;
}

/**
 * The money of a refund is its `amount`: where that is less than its items, they were given back in
 * part.
 */
function toldRefund(refund: Record<string, unknown>, sold: Sold, rest: Rest): CanonicalRefund[] {
  const { id: ofRefund } = refundId.parse(refund);
  const items = partsOf(refund['line_items']).flatMap((item) => {
    const line = lineOf(item, sold.lines);
    return line === null ? [] : [{ item, line }];
  });
  const parts = [...items.map(({ item }) => item), ...partsOf(refund['shipping_lines']), ...partsOf(refund['fee_lines'])];
  const ofParts = sum(parts.map((one) => -one.total - one.total_tax));
  const money = readExact(refund['amount']);
  const all = money === null ? ofParts : sizeOf(money);
  // Each part is rounded by itself: as many units as there are parts are no money.
  const tolerance = minorUnit(sold.currency) * BigInt(parts.length);
  const isShort = ofParts - all > tolerance;
  const ofLines = sold.lines.flatMap((line) => {
    const mine = items.filter((one) => one.line === line);
    if (mine.length === 0) return [];
    const back = atLeastNothing(sum(mine.map(({ item }) => -item.total)));
    const amount = shareOf(line.paid, isShort ? (back * all) / ofParts : back, line.total);
    rest.left -= amount;
    return [{ ...commonOf(refund), refund_id: `${ofRefund}-${line.lineId}`, line_id: line.lineId, amount: Number(amount) }];
  });
  const beyond = all - ofParts > tolerance ? all - ofParts : 0n;
  // Said even when it is nothing, so that it takes the place of what the order alone said.
  return [...ofLines, { ...commonOf(refund), refund_id: ofRefund, amount: Number(netOf(beyond, sold, rest)) }];
}

function commonOf(refund: Record<string, unknown>) {
  return { status: 'succeeded' as const, refunded_at: gmtOf(refund['date_created_gmt']), reason: reasonOf(refund['reason']) };
}

const partsOf = (value: unknown): Part[] => entriesOf(value).map((one) => part.parse(one));

/**
 * The line that an item of a refund gives back: the item names it, or is the only one of its
 * product.
 */
function lineOf(item: Part, lines: readonly SoldLine[]): SoldLine | null {
  const named = entriesOf(item['meta_data']).find((one) => one['key'] === '_refunded_item_id');
  const lineId = idOrNone(named?.['value']);
  if (lineId !== null) return lines.find((line) => line.lineId === lineId) ?? null;
  const [productId, variationId] = [idOrNone(item['product_id']), idOrNone(item['variation_id'])];
  const alike = lines.filter((line) => productId !== null && line.productId === productId && line.variationId === variationId);
  return alike.length === 1 ? alike[0]! : null;
}
