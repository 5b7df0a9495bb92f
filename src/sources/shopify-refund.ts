// Shopify's refunds, as they come alone (refunds/create) or inside their order: what each took back of which line.
import { z } from 'zod';

import { proportionOf } from '../core/money.ts';
import { decimal, minorUnits, moneySet, shopAmount, shopifyId, sum } from './shopify-money.ts';
import type { SourceReport } from './source.ts';

const time = z.string().nullish();

const taxLines = z.array(z.object({ price: decimal })).nullish();

const refundLine = z.object({
  line_item_id: shopifyId,
  subtotal: decimal,
  subtotal_set: moneySet.nullish(),
  total_tax: decimal.nullish(),
  total_tax_set: moneySet.nullish(),
});

const shippingLine = z.object({
  subtotal_amount_set: moneySet,
  shipping_line: z.object({ price: decimal.nullish(), tax_lines: taxLines }).nullish(),
});

const adjustment = z.object({
  kind: z.string().nullish(),
  amount: decimal.nullish(),
  amount_set: moneySet.nullish(),
  tax_amount: decimal.nullish(),
  tax_amount_set: moneySet.nullish(),
});

const transaction = z.object({
  kind: z.string(),
  status: z.string().nullish(),
  amount: decimal,
  currency: z.string().nullish(),
});

export const shopifyRefund = z.object({
  id: shopifyId,
  created_at: time,
  processed_at: time,
  refund_line_items: z.array(refundLine).nullish(),
  refund_shipping_lines: z.array(shippingLine).nullish(),
  order_adjustments: z.array(adjustment).nullish(),
  transactions: z.array(transaction).nullish(),
});

export type ShopifyRefund = z.output<typeof shopifyRefund>;

type CanonicalRefund = NonNullable<SourceReport['refunds']>[number];

/**
 * The currency of the shop, as a refund that comes without its order tells it. Only the plain amounts of a transaction may be in the
 * buyer's currency, so a transaction is asked last.
 */
export function currencyOf(refund: ShopifyRefund): string {
  const sets = [
    ...(refund.refund_line_items ?? []).map((line) => line.subtotal_set),
    ...(refund.order_adjustments ?? []).map((adjustment) => adjustment.amount_set),
    ...(refund.refund_shipping_lines ?? []).map((line) => line.subtotal_amount_set),
  ];
  const stated = sets.find((set) => set?.shop_money.currency_code)?.shop_money.currency_code;
  const currency = stated ?? refund.transactions?.find((transaction) => transaction.currency)?.currency;
  if (!currency) throw new Error(`the refund ${refund.id} names no currency`);
  return currency;
}

/**
 * What a refund took back: of each line its subtotal, which is without tax, and of the order what was paid back beyond lines, taxes and
 * freight. A pending refund counts, because Shopify announces it once, while it is pending; one that failed is told by a later order.
 */
export function refundsOf(refund: ShopifyRefund, currency: string): CanonicalRefund[] {
  const payments = (refund.transactions ?? []).filter((transaction) => transaction.kind === 'refund');
  const paid = payments.filter((payment) => payment.status !== 'failure' && payment.status !== 'error');
  const common = {
    status: payments.length > 0 && paid.length === 0 ? ('failed' as const) : ('succeeded' as const),
    refunded_at: refund.processed_at ?? refund.created_at,
  };
  const byLine = new Map<string, bigint>();
  for (const line of refund.refund_line_items ?? []) {
    const amount = shopAmount(line.subtotal, line.subtotal_set, currency);
    byLine.set(line.line_item_id, (byLine.get(line.line_item_id) ?? 0n) + amount);
  }
  const ofLines = [...byLine].map(([lineId, amount]) => ({
    refund_id: `${refund.id}-${lineId}`,
    line_id: lineId,
    amount: Number(amount),
    ...common,
  }));
  // Said even when it is nothing, so that a later word corrects an earlier one.
  if (payments.length === 0 && (refund.order_adjustments ?? []).length === 0) return ofLines;
  const beyond = beyondLines(refund, paid, currency);
  return [...ofLines, { refund_id: `${refund.id}-order`, amount: Number(beyond > 0n ? beyond : 0n), ...common }];
}

function beyondLines(refund: ShopifyRefund, paid: NonNullable<ShopifyRefund['transactions']>, currency: string): bigint {
  const inShopMoney = paid.every((payment) => (payment.currency ?? currency) === currency);
  // Paid back in the buyer's currency: what Shopify itself finds beyond the calculated refund, which it writes as a negative amount.
  if (paid.length === 0 || !inShopMoney) return -sum(adjustmentsOf(refund, 'refund_discrepancy', currency));
  const moved = sum(paid.map((payment) => minorUnits(payment.amount, currency)));
  const lines = (refund.refund_line_items ?? []).map(
    (line) => shopAmount(line.subtotal, line.subtotal_set, currency) + shopAmount(line.total_tax, line.total_tax_set, currency),
  );
  return moved - sum(lines) - shippingOf(refund, currency);
}

/** Freight and its tax. Earlier versions of the API write it as a negative adjustment, later ones as lines, some as both. */
function shippingOf(refund: ShopifyRefund, currency: string): bigint {
  const adjusted = -sum(adjustmentsOf(refund, 'shipping_refund', currency));
  if (adjusted > 0n) return adjusted;
  return sum(
    (refund.refund_shipping_lines ?? []).map((line) => {
      const subtotal = shopAmount(null, line.subtotal_amount_set, currency);
      const tax = sum((line.shipping_line?.tax_lines ?? []).map((taxLine) => minorUnits(taxLine.price, currency)));
      return subtotal + proportionOf(tax, subtotal, shopAmount(line.shipping_line?.price, null, currency));
    }),
  );
}

function adjustmentsOf(refund: ShopifyRefund, kind: string, currency: string): bigint[] {
  return (refund.order_adjustments ?? [])
    .filter((adjustment) => (adjustment.kind ?? 'refund_discrepancy') === kind)
    .map(
      (adjustment) =>
        shopAmount(adjustment.amount, adjustment.amount_set, currency) +
        shopAmount(adjustment.tax_amount, adjustment.tax_amount_set, currency),
    );
}
