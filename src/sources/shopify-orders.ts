// Shopify's orders as GraphQL lists them, by when they were updated, and how such an order reads as the one that a webhook pushes.
import { z } from 'zod';

import { askJson, AskingFailed, type Asking } from './asking.ts';
import { secretsNamed, type Page, type Question } from './source.ts';

const API = '/admin/api/2025-07/graphql.json';
const ORDERS_PER_PAGE = 20;
/** Shopify gives back fifty points a second at least; a page costs some hundreds. */
const THROTTLED_REST_MS = 5000;

const MONEY = '{ shopMoney { amount currencyCode } }';
const QUERY = `query ($query: String!, $after: String) {
  orders(first: ${ORDERS_PER_PAGE}, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes {
      __typename id createdAt updatedAt processedAt cancelledAt cancelReason displayFinancialStatus displayFulfillmentStatus currencyCode
      taxesIncluded email phone statusPageUrl discountCodes
      customer { id } customAttributes { key value } fulfillments { createdAt status }
      lineItems(first: 100) { pageInfo { hasNextPage } nodes {
        id quantity product { id } originalUnitPriceSet ${MONEY}
        discountAllocations { allocatedAmountSet ${MONEY} } taxLines { priceSet ${MONEY} } } }
      refunds {
        id createdAt
        refundLineItems(first: 100) { pageInfo { hasNextPage } nodes { lineItem { id } subtotalSet ${MONEY} totalTaxSet ${MONEY} } }
        refundShippingLines(first: 10) { nodes { subtotalAmountSet ${MONEY} taxAmountSet ${MONEY} } }
        transactions(first: 20) { nodes { kind status amountSet ${MONEY} } } } } } }`;

const answer = z.object({
  errors: z.array(z.object({ message: z.string(), extensions: z.object({ code: z.string().nullish() }).nullish() })).nullish(),
  data: z
    .object({
      orders: z.object({
        pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullish() }),
        nodes: z.array(z.looseObject({})),
      }),
    })
    .nullish(),
});

/** One page. The cursor stands at an order and its time of update, so that orders that move to the end shift no others. */
export async function listOrders({ from, until, cursor }: Question, { baseUrl, secrets, fetch }: Asking): Promise<Page> {
  const [token] = secretsNamed(secrets, 'access_token');
  if (token === undefined || baseUrl === '')
    throw new AskingFailed('refused', 'shopify: options.shop or the secret access_token is not set');
  const query = `updated_at:>='${from.toISOString()}' AND updated_at:<='${until.toISOString()}'`;
  const { value } = await askJson(fetch, `${baseUrl}${API}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-shopify-access-token': token },
    body: JSON.stringify({ query: QUERY, variables: { query, after: cursor } }),
  });
  const { errors, data } = answer.parse(value);
  const [fault] = errors ?? [];
  if (fault?.extensions?.code === 'THROTTLED') {
    throw new AskingFailed('rate_limited', 'shopify: throttled', { retryAfterMs: THROTTLED_REST_MS });
  }
  if (fault?.extensions?.code === 'ACCESS_DENIED') throw new AskingFailed('refused', 'shopify: the token may not read orders');
  if (fault !== undefined || !data) throw new AskingFailed('temporary', `shopify: ${fault?.message ?? 'an answer without data'}`);
  const { pageInfo, nodes } = data.orders;
  return {
    bodies: nodes.map((node) => Buffer.from(JSON.stringify(node))),
    next: pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null,
  };
}

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
        product: z.object({ id: gid }).nullish(),
        originalUnitPriceSet: money,
        discountAllocations: z.array(z.object({ allocatedAmountSet: money })),
        taxLines: z.array(z.object({ priceSet: money })),
      }),
    ),
  }),
  refunds: z.array(
    z.object({
      id: gid,
      createdAt: text,
      refundLineItems: z.object({
        pageInfo: whole,
        nodes: z.array(z.object({ lineItem: z.object({ id: gid }), subtotalSet: money, totalTaxSet: money })),
      }),
      refundShippingLines: z.object({ nodes: z.array(z.object({ subtotalAmountSet: money, taxAmountSet: money })) }),
      transactions: z.object({ nodes: z.array(z.object({ kind: z.string(), status: z.string(), amountSet: money })) }),
    }),
  ),
});

type Money = z.output<typeof money>;

const set = ({ shopMoney }: Money) => ({ shop_money: { amount: shopMoney.amount, currency_code: shopMoney.currencyCode } });
const lower = (word: string | null | undefined): string | null => word?.toLowerCase() ?? null;

/** The order as a webhook would push it. Ids are those at the end of the global ones, so both ways tell of the same lines and refunds. */
export function asPushed(value: unknown): Record<string, unknown> {
  const order = node.parse(value);
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
    email: order.email,
    phone: order.phone,
    customer: order.customer,
    note_attributes: order.customAttributes?.map(({ key, value: said }) => ({ name: key, value: said })),
    discount_codes: order.discountCodes?.map((code) => ({ code })),
    order_status_url: order.statusPageUrl,
    line_items: order.lineItems.nodes.map((line) => ({
      id: line.id,
      product_id: line.product?.id,
      quantity: line.quantity,
      price: line.originalUnitPriceSet.shopMoney.amount,
      price_set: set(line.originalUnitPriceSet),
      discount_allocations: line.discountAllocations.map((one) => ({ amount_set: set(one.allocatedAmountSet) })),
      tax_lines: line.taxLines.map((one) => ({ price_set: set(one.priceSet) })),
    })),
    refunds: order.refunds.map(refundAsPushed),
  };
}

function refundAsPushed(refund: z.output<typeof node>['refunds'][number]) {
  return {
    id: refund.id,
    created_at: refund.createdAt,
    refund_line_items: refund.refundLineItems.nodes.map((line) => ({
      line_item_id: line.lineItem.id,
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
