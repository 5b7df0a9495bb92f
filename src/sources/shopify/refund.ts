// Shopify's refunds, as they come alone (refunds/create) or inside their order: what each took back
// of which line, without tax.
import { z } from 'zod';

import { atLeastNothing, lesser, minorUnit, shareOf, sizeOf, sum, toMinor, type Exact } from '../shop-money.ts';
import { entriesOf, fieldOf, id, idOrNone, reasonOf, timeOf, unitsOf } from '../shop-words.ts';
import { amountIn, type ShopifyLine } from './line.ts';
import type { SourceReport } from '../source.ts';

export const shopifyRefund = z.looseObject({ id });

type ShopifyRefund = z.output<typeof shopifyRefund>;

/**
 * A line of which `units` are sold: its price as the shop states it, without tax, with it, and what
 * was paid in minor units.
 */
export interface SoldLine {
  line: ShopifyLine;
  units: number;
  paid: bigint;
  price: Exact;
  net: Exact;
  gross: Exact;
}

/** What refunds are taken from. */
interface Sold {
  currency: string;
  /** Whether prices hold their tax. */
  taxesIncluded: boolean;
  lines: readonly SoldLine[];
}

type CanonicalRefund = NonNullable<SourceReport['refunds']>[number];
type Entry = Record<string, unknown>;

/** How many units all refunds took back, by line. */
export function refundedUnits(refunds: readonly ShopifyRefund[]): Map<string, number> {
  const units = new Map<string, number>();
  for (const entry of refunds.flatMap((refund) => entriesOf(refund['refund_line_items']))) {
    const lineId = idOrNone(entry['line_item_id']);
    if (lineId !== null) units.set(lineId, (units.get(lineId) ?? 0) + (unitsOf(entry['quantity']) ?? 0));
  }
  return units;
}

/**
 * The refunds of an order, or one alone. Of each line it is the share of the units, because what
 * Shopify states of it holds the tax in some shops and not in others; of the order, what was paid
 * back beyond lines, taxes, freight and duties. A pending refund counts, because Shopify announces
 * it once, while it is pending; one that failed is told by a later order.
 */
export function refundsOf(refunds: readonly ShopifyRefund[], sold: Sold): CanonicalRefund[] {
  const given = new Map<string, number>();
  const beyond = beyondOf(refunds, sold);
  return refunds.flatMap((refund, index) => {
    const common = {
      status: hasFailed(refund) ? ('failed' as const) : ('succeeded' as const),
      refunded_at: timeOf(refund['processed_at']) ?? timeOf(refund['created_at']),
      reason: reasonOf(refund['note']),
    };
    const ofLines = [...byLine(refund)].map(([lineId, entries]) => {
      const line = sold.lines.find((one) => one.line.id === lineId);
      const counted = hasFailed(refund) ? new Map<string, number>() : given;
      const amount = sum(entries.map((entry) => netOf(entry, line, counted, sold.currency)));
      return { refund_id: `${refund.id}-${lineId}`, line_id: lineId, amount: Number(amount), ...common };
    });
    const isOfLinesOnly = paymentsOf(refund).length === 0 && entriesOf(refund['order_adjustments']).length === 0;
    // Said even when it is nothing, so that a later word corrects an earlier one.
    const ofOrder = { refund_id: `${refund.id}-order`, amount: Number(toMinor(beyond[index]!, sold.currency)), ...common };
    return isOfLinesOnly ? ofLines : [...ofLines, ofOrder];
  });
}

/**
 * The entries of a refund by their lines; one without a line has only its money, which is then
 * beyond all lines.
 */
function byLine(refund: ShopifyRefund): Map<string, Entry[]> {
  const entries = new Map<string, Entry[]>();
  for (const entry of entriesOf(refund['refund_line_items'])) {
    const lineId = idOrNone(entry['line_item_id']);
    if (lineId !== null) entries.set(lineId, [...(entries.get(lineId) ?? []), entry]);
  }
  return entries;
}

/**
 * The net minor units that an entry takes from its line. `given` counts the units before it, so
 * that all units take exactly the whole.
 */
function netOf(entry: Entry, line: SoldLine | undefined, given: Map<string, number>, currency: string): bigint {
  const subtotal = amountIn(entry, 'subtotal');
  if (line === undefined) return toMinor(subtotal ?? 0n, currency);
  const units = unitsOf(entry['quantity']);
  if (units === null || !isShareOf(subtotal, line, units, currency)) {
    return toMinor(shareOf(subtotal ?? 0n, line.net, line.price), currency);
  }
  const before = given.get(line.line.id) ?? 0;
  const after = Math.min(before + units, line.units);
  given.set(line.line.id, after);
  const until = (count: number): bigint => shareOf(line.paid, BigInt(count), BigInt(line.units));
  return until(after) - until(before);
}

/** Whether what is stated of so many units is their share of the line, with its tax or without. */
function isShareOf(subtotal: Exact | null, line: SoldLine, units: number, currency: string): boolean {
  if (subtotal === null) return true;
  const share = (amount: Exact): Exact => shareOf(amount, BigInt(units), BigInt(line.units));
  const tolerance = minorUnit(currency) * BigInt(units + 1);
  return [share(line.price), share(line.net)].some((one) => sizeOf(one - subtotal) <= tolerance);
}

const paymentsOf = (refund: ShopifyRefund): Entry[] => entriesOf(refund['transactions']).filter((one) => one['kind'] === 'refund');

const paidOf = (refund: ShopifyRefund): Entry[] =>
  paymentsOf(refund).filter((payment) => payment['status'] !== 'failure' && payment['status'] !== 'error');

const hasFailed = (refund: ShopifyRefund): boolean => paymentsOf(refund).length > 0 && paidOf(refund).length === 0;

/**
 * What each refund paid back beyond its lines, taxes, freight and duties. Units may be taken back
 * by one refund, as edits do, and paid back by a later one, so only what all of them leave together
 * is beyond; the latest of them have it.
 */
function beyondOf(refunds: readonly ShopifyRefund[], sold: Sold): Exact[] {
  const each = refunds.map((refund) => (hasFailed(refund) ? 0n : beyondOne(refund, sold)));
  let left = atLeastNothing(sum(each));
  return each
    .toReversed()
    .map((one) => {
      const part = lesser(atLeastNothing(one), left);
      left -= part;
      return part;
    })
    .toReversed();
}

function beyondOne(refund: ShopifyRefund, sold: Sold): Exact {
  const paid = paidOf(refund);
  const inShopMoney = paid.every((one) => fieldOf(one, 'amount_set') !== undefined || (one['currency'] ?? sold.currency) === sold.currency);
  // Paid back in the buyer's currency: what Shopify itself finds beyond the calculated refund,
  // which it writes as a negative amount.
  if (!inShopMoney) return -sum(adjustmentsOf(refund, 'refund_discrepancy'));
  const moved = sum(paid.map((payment) => amountIn(payment, 'amount') ?? 0n));
  const lines = [...byLine(refund)].flatMap(([lineId, entries]) => {
    const line = sold.lines.find((one) => one.line.id === lineId);
    return entries.map((entry) => grossOf(entry, line));
  });
  return nearestToNothing(freightOf(refund, sold.taxesIncluded).map((freight) => moved - sum(lines) - freight - dutiesOf(refund)));
}

/** What an entry gave back with its tax, which its subtotal may hold. */
function grossOf(entry: Entry, line: SoldLine | undefined): Exact {
  const subtotal = amountIn(entry, 'subtotal') ?? 0n;
  const tax = amountIn(entry, 'total_tax') ?? 0n;
  const units = unitsOf(entry['quantity']);
  const holdsTax = line !== undefined && line.price === line.gross && line.net !== line.gross;
  if (!holdsTax) return subtotal + tax;
  if (units === null) return subtotal;
  const share = shareOf(line.gross, BigInt(units), BigInt(line.units));
  return nearestToNothing([subtotal - share, subtotal + tax - share]) + share;
}

/**
 * Freight and its tax. Earlier versions of the API write it as a negative adjustment, later ones as
 * lines, some as both; where prices hold their tax nobody says whether those of the lines do, so
 * that both are possible.
 */
function freightOf(refund: ShopifyRefund, taxesIncluded: boolean): Exact[] {
  const adjusted = -sum(adjustmentsOf(refund, 'shipping_refund'));
  if (adjusted > 0n) return [adjusted];
  const lines = entriesOf(refund['refund_shipping_lines']).map((one) => {
    const subtotal = amountIn(one, 'subtotal_amount') ?? 0n;
    const tax = sum(entriesOf(fieldOf(one['shipping_line'], 'tax_lines')).map((taxLine) => amountIn(taxLine, 'price') ?? 0n));
    const price = amountIn(one['shipping_line'], 'price') ?? 0n;
    return { subtotal, tax: shareOf(tax, subtotal, price) };
  });
  const without = sum(lines.map((one) => one.subtotal));
  const withTax = without + sum(lines.map((one) => one.tax));
  return taxesIncluded ? [withTax, without] : [withTax];
}

/** Duties and fees that were given back. */
function dutiesOf(refund: ShopifyRefund): Exact {
  const duties = sum(entriesOf(refund['duties']).map((one) => amountIn(one, 'amount') ?? 0n));
  return (amountIn(refund, 'total_duties') ?? duties) + (amountIn(refund, 'total_additional_fees') ?? 0n);
}

function adjustmentsOf(refund: ShopifyRefund, kind: string): Exact[] {
  return entriesOf(refund['order_adjustments'])
    .filter((adjustment) => (adjustment['kind'] ?? 'refund_discrepancy') === kind)
    .map((adjustment) => (amountIn(adjustment, 'amount') ?? 0n) + (amountIn(adjustment, 'tax_amount') ?? 0n));
}

const nearestToNothing = (amounts: readonly Exact[]): Exact =>
  amounts.reduce((nearest, one) => (sizeOf(one) < sizeOf(nearest) ? one : nearest));

/**
 * The currency of the shop, as a refund that comes without its order tells it; null where it does
 * not. Only the plain amounts of a transaction may be in the buyer's currency, so a transaction is
 * asked last.
 */
export function currencyOf(refund: ShopifyRefund): string | null {
  const lines = entriesOf(refund['refund_line_items']);
  const sets = [
    ...lines.flatMap((one) => [one['subtotal_set'], fieldOf(one['line_item'], 'price_set')]),
    ...entriesOf(refund['order_adjustments']).map((one) => one['amount_set']),
    ...entriesOf(refund['refund_shipping_lines']).map((one) => one['subtotal_amount_set']),
    refund['total_duties_set'],
  ];
  const codes = [
    ...sets.map((set) => fieldOf(fieldOf(set, 'shop_money'), 'currency_code')),
    ...paidOf(refund).map((one) => one['currency']),
  ];
  return codes.find((code): code is string => typeof code === 'string' && code !== '') ?? null;
}
