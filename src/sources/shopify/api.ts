// Asking Shopify by GraphQL: its orders by when they were updated, and single orders, each with all
// of its lines.
import { z } from 'zod';

import { askJson, AskingFailed, type Asking } from '../asking.ts';
import { fetchEach } from '../details.ts';
import type { FeedPage, FeedQuestion } from '../source.ts';
import { secretsNamed } from '../signing.ts';

const API = '/admin/api/2025-07/graphql.json';
const ORDERS_PER_PAGE = 20;
/**
 * Lines of an order and of a refund come by so many; an order of more than these pages is more than
 * anybody keeps.
 */
const LINES_PER_PAGE = 100;
const PAGES_MAX = 30;
/** Shopify gives back fifty points a second at least; a page costs some hundreds. */
const THROTTLED_REST_MS = 5000;

const MONEY = '{ shopMoney { amount currencyCode } }';
const LINES = `{ pageInfo { hasNextPage endCursor } nodes {
  id quantity currentQuantity isGiftCard requiresShipping product { id } originalUnitPriceSet ${MONEY}
  discountAllocations { allocatedAmountSet ${MONEY} } taxLines { rate priceSet ${MONEY} } } }`;
const REFUND_LINES = `{ pageInfo { hasNextPage endCursor } nodes {
  quantity lineItem { id } subtotalSet ${MONEY} totalTaxSet ${MONEY} } }`;
const ORDER = `{
  __typename id createdAt updatedAt processedAt cancelledAt cancelReason displayFinancialStatus displayFulfillmentStatus currencyCode
  taxesIncluded test email phone statusPageUrl discountCodes totalTipReceivedSet ${MONEY}
  customer { id } customAttributes { key value } fulfillments { createdAt status }
  lineItems(first: ${LINES_PER_PAGE}) ${LINES}
  refunds {
    id createdAt note duties { amountSet ${MONEY} }
    refundLineItems(first: ${LINES_PER_PAGE}) ${REFUND_LINES}
    refundShippingLines(first: 10) { nodes { subtotalAmountSet ${MONEY} taxAmountSet ${MONEY} } }
    transactions(first: 20) { nodes { kind status amountSet ${MONEY} } } } }`;

const QUERY = `query ($query: String!, $after: String) {
  orders(first: ${ORDERS_PER_PAGE}, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes ${ORDER} } }`;
const ORDER_BY_ID = `query ($id: ID!) { order(id: $id) ${ORDER} }`;
const MORE_LINES = `query ($id: ID!, $after: String) {
  order(id: $id) { list: lineItems(first: ${LINES_PER_PAGE}, after: $after) ${LINES} } }`;
const MORE_REFUND_LINES = `query ($id: ID!, $after: String) {
  refund(id: $id) { list: refundLineItems(first: ${LINES_PER_PAGE}, after: $after) ${REFUND_LINES} } }`;

const pageInfo = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullish() });
const list = z.looseObject({ pageInfo, nodes: z.array(z.unknown()) });
const answer = z.object({
  errors: z.array(z.object({ message: z.string(), extensions: z.object({ code: z.string().nullish() }).nullish() })).nullish(),
  data: z.record(z.string(), z.unknown()).nullish(),
});
const listed = z.object({ pageInfo, nodes: z.array(z.looseObject({ id: z.string() })) });
const more = z.looseObject({ list });
const longOrder = z.looseObject({
  id: z.string(),
  lineItems: list,
  refunds: z.array(z.looseObject({ id: z.string(), refundLineItems: list })),
});

/**
 * One page. The cursor stands at an order and its time of update, so that orders that move to the
 * end shift no others.
 */
export async function listOrders({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const query = `updated_at:>='${from.toISOString()}' AND updated_at:<='${until.toISOString()}'`;
  const orders = listed.safeParse((await ask(asking, QUERY, { query, after: cursor }))['orders']);
  if (!orders.success) throw new AskingFailed('temporary', 'shopify: the answer is no list of orders');
  const { pageInfo: page, nodes } = orders.data;
  return {
    ...(await fetchEach(nodes, keyOf, async (one) => [await bodyOf(one, asking)])),
    next: page.hasNextPage ? (page.endCursor ?? null) : null,
  };
}

const keyOf = ({ id }: { id: string }) => `order/${id.slice(id.lastIndexOf('/') + 1)}`;

/** The order of that id as `map` reads it, or that the shop has it no more. */
export async function askOrder(orderId: string, asking: Asking): Promise<Buffer> {
  const { order } = await ask(asking, ORDER_BY_ID, { id: `gid://shopify/Order/${orderId}` });
  if (order === null) return Buffer.from(JSON.stringify({ id: orderId, gone: true, asked_at: asking.now.toISOString() }));
  if (order === undefined) throw new AskingFailed('temporary', `shopify: the answer is no order ${orderId}`);
  return bodyOf(order, asking);
}

/**
 * An order with all of its lines and those of its refunds, of which one answer holds the first
 * only.
 */
async function bodyOf(order: unknown, asking: Asking): Promise<Buffer> {
  const long = longOrder.safeParse(order);
  if (!long.success) return Buffer.from(JSON.stringify(order));
  const { id, lineItems, refunds } = long.data;
  const whole = {
    ...long.data,
    lineItems: await wholeList(lineItems, (after) => ask(asking, MORE_LINES, { id, after }).then(({ order: of }) => of)),
    refunds: [] as typeof refunds,
  };
  for (const refund of refunds) {
    const askAfter = (after: string) => ask(asking, MORE_REFUND_LINES, { id: refund.id, after }).then(({ refund: of }) => of);
    whole.refunds.push({ ...refund, refundLineItems: await wholeList(refund.refundLineItems, askAfter) });
  }
  return Buffer.from(JSON.stringify(whole));
}

/**
 * Throws `AskingFailed` where the rest is not told: a list that is not whole would say that its
 * other lines are gone.
 */
async function wholeList(first: z.output<typeof list>, askAfter: (cursor: string) => Promise<unknown>): Promise<z.output<typeof list>> {
  const nodes = [...first.nodes];
  let page = first.pageInfo;
  for (let pages = 1; page.hasNextPage && pages < PAGES_MAX; pages++) {
    const next = more.safeParse(await askAfter(page.endCursor ?? ''));
    if (!next.success) throw new AskingFailed('temporary', 'shopify: the answer is no list of lines');
    nodes.push(...next.data.list.nodes);
    page = next.data.list.pageInfo;
  }
  return { pageInfo: { hasNextPage: page.hasNextPage }, nodes };
}

async function ask({ baseUrl, secrets, fetch }: Asking, query: string, variables: object): Promise<Record<string, unknown>> {
  const [token] = secretsNamed(secrets, 'access_token');
  if (token === undefined || baseUrl === '') {
    throw new AskingFailed('refused', 'shopify: options.shop or the secret access_token is not set');
  }
  const { value } = await askJson(fetch, `${baseUrl}${API}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-shopify-access-token': token },
    body: JSON.stringify({ query, variables }),
  });
  const { errors, data } = answer.parse(value);
  const [fault] = errors ?? [];
  if (fault?.extensions?.code === 'THROTTLED') {
    throw new AskingFailed('rate_limited', 'shopify: throttled', { retryAfterMs: THROTTLED_REST_MS });
  }
  if (fault?.extensions?.code === 'ACCESS_DENIED') throw new AskingFailed('refused', 'shopify: the token may not read orders');
  if (fault !== undefined || !data) throw new AskingFailed('temporary', `shopify: ${fault?.message ?? 'an answer without data'}`);
  return data;
}
