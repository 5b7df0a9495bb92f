// An order as Shopify's GraphQL tells it, read as the one that a webhook pushes.
import { z } from 'zod';

import { readExact, sum } from '../shop-money.ts';

const money = z.object({ shopMoney: z.object({ amount: z.string(), currencyCode: z.string() }) });
const gid = z.string().transform((text) => text.slice(text.lastIndexOf('/') + 1));
const text = z.string().nullish();
/** A list that does not come whole cannot be read as what there is. */
const whole = z.object({ hasNextPage: z.literal(false, { error: 'there are more of these than one answer holds' }) });

const node = z.object({
  id: gid,
  createdAt: text,
  updatedAt: text,
  processedAt: text,
  cancelledAt: text,
  cancelReason: text,
  displayFinancialStatus: text,
  displayFulfillmentStatus: text,
  currencyCode: z.string(),
  taxesIncluded: z.boolean().nullish(),
  test: z.boolean().nullish(),
  totalTipReceivedSet: money.nullish(),
  email: text,
  phone: text,
  statusPageUrl: text,
  discountCodes: z.array(z.string()).nullish(),
  customer: z.object({ id: gid }).nullish(),
  customAttributes: z.array(z.object({ key: z.string(), value: text })).nullish(),
  fulfillments: z.array(z.object({ createdAt: text, status: text })).nullish(),
  lineItems: z.object({
    pageInfo: whole,
    nodes: z.array(
      z.object({
        id: gid,
        quantity: z.int(),
        currentQuantity: z.int().nullish(),
        isGiftCard: z.boolean().nullish(),
        requiresShipping: z.boolean().nullish(),
        product: z.object({ id: gid }).nullish(),
        originalUnitPriceSet: money,
        discountAllocations: z.array(z.object({ allocatedAmountSet: money })),
        taxLines: z.array(z.object({ rate: z.number().nullish(), priceSet: money })),
      }),
    ),
  }),
  refunds: z.array(
    z.object({
      id: gid,
      createdAt: text,
      note: text,
      duties: z.array(z.object({ amountSet: money })).nullish(),
      refundLineItems: z.object({
        pageInfo: whole,
        nodes: z.array(z.object({ quantity: z.int().nullish(), lineItem: z.object({ id: gid }), subtotalSet: money, totalTaxSet: money })),
      }),
      refundShippingLines: z.object({ nodes: z.array(z.object({ subtotalAmountSet: money, taxAmountSet: money })) }),
      transactions: z.object({ nodes: z.array(z.object({ kind: z.string(), status: z.string(), amountSet: money })) }),
    }),
  ),
});

type Money = z.output<typeof money>;

const set = ({ shopMoney }: Money) => ({ shop_money: { amount: shopMoney.amount, currency_code: shopMoney.currencyCode } });
const lower = (word: string | null | undefined): string | null => word?.toLowerCase() ?? null;

/**
 * The order as a webhook would push it. Ids are those at the end of the global ones, so both ways
 * tell of the same lines and refunds.
 */
export function asPushed(value: unknown): Record<string, unknown> {
  const order = node.parse(value);
  const tips = tipsOf(order);
  return {
    id: order.id,
    currency: order.currencyCode,
    created_at: order.createdAt,
    updated_at: order.updatedAt,
    processed_at: order.processedAt,
    cancelled_at: order.cancelledAt,
    cancel_reason: lower(order.cancelReason),
    financial_status: lower(order.displayFinancialStatus),
    fulfillment_status: lower(order.displayFulfillmentStatus),
    fulfillments: order.fulfillments?.map((one) => ({ created_at: one.createdAt, status: lower(one.status) })),
    taxes_included: order.taxesIncluded,
    test: order.test,
    email: order.email,
    phone: order.phone,
    customer: order.customer,
    note_attributes: order.customAttributes?.map(({ key, value: said }) => ({ name: key, value: said })),
    discount_codes: order.discountCodes?.map((code) => ({ code })),
    order_status_url: order.statusPageUrl,
    line_items: order.lineItems.nodes.map((line) => ({
      id: line.id,
      product_id: line.product?.id ?? null,
      quantity: line.quantity,
      current_quantity: line.currentQuantity,
      gift_card: line.isGiftCard,
      ...(tips.has(line) ? { tip_payment_gateway: null } : {}),
      price: line.originalUnitPriceSet.shopMoney.amount,
      price_set: set(line.originalUnitPriceSet),
      discount_allocations: line.discountAllocations.map((one) => ({ amount_set: set(one.allocatedAmountSet) })),
      tax_lines: line.taxLines.map((one) => ({ rate: one.rate, price_set: set(one.priceSet) })),
    })),
    refunds: order.refunds.map(refundAsPushed),
  };
}

type Line = z.output<typeof node>['lineItems']['nodes'][number];

/**
 * The lines that are tips, which only a webhook names: without a product and nothing to ship, and
 * together as much as the order's tips.
 */
function tipsOf({ lineItems, totalTipReceivedSet: received }: z.output<typeof node>): Set<Line> {
  const tip = readExact(received?.shopMoney.amount) ?? 0n;
  const candidates = lineItems.nodes.filter((line) => line.product == null && line.requiresShipping === false && tip > 0n);
  const priceOf = (line: Line): bigint => (readExact(line.originalUnitPriceSet.shopMoney.amount) ?? 0n) * BigInt(line.quantity);
  if (sum(candidates.map(priceOf)) === tip) return new Set(candidates);
  return new Set(candidates.filter((line) => priceOf(line) === tip).slice(0, 1));
}

function refundAsPushed(refund: z.output<typeof node>['refunds'][number]) {
  return {
    id: refund.id,
    created_at: refund.createdAt,
    note: refund.note,
    duties: (refund.duties ?? []).map((one) => ({ amount_set: set(one.amountSet) })),
    refund_line_items: refund.refundLineItems.nodes.map((line) => ({
      line_item_id: line.lineItem.id,
      quantity: line.quantity,
      subtotal: line.subtotalSet.shopMoney.amount,
      subtotal_set: set(line.subtotalSet),
      total_tax_set: set(line.totalTaxSet),
    })),
    refund_shipping_lines: refund.refundShippingLines.nodes.map((one) => ({
      subtotal_amount_set: set(one.subtotalAmountSet),
      shipping_line: { price: one.subtotalAmountSet.shopMoney.amount, tax_lines: [{ price: one.taxAmountSet.shopMoney.amount }] },
    })),
    transactions: refund.transactions.nodes.map(({ kind, status, amountSet: { shopMoney } }) => ({
      kind: kind.toLowerCase(),
      status: status.toLowerCase(),
      amount: shopMoney.amount,
      currency: shopMoney.currencyCode,
    })),
  };
}
