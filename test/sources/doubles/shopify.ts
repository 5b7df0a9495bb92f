// A Shopify shop's GraphQL: orders by when they were updated, from a cursor, behind a token.
import type { Double, Failure } from '../subject.ts';
import { serve, type Answered, type Asked } from './server.ts';

interface Order {
  id: string;
  updatedAt: string;
}

const FAILURES: Record<Failure, Answered> = {
  rate_limited: { status: 200, body: { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }] } },
  refused: { status: 401, body: { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' } },
  temporary: { status: 502, body: 'Bad Gateway' },
  token_ended: { status: 401, body: { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' } },
};

export function shopifyDouble(token: string): Promise<Double> {
  return serve<Order>({
    answer: (asked, rows) => ({ answered: list(asked, rows, token), isPage: true }),
    fail: (kind) => FAILURES[kind],
    row: (orderId, at) => orderOf(orderId, at),
  });
}

function list({ method, url, headers, body }: Asked, rows: readonly Order[], token: string): Answered {
  if (method !== 'POST' || !/^\/admin\/api\/\d{4}-\d{2}\/graphql\.json$/.test(url.pathname))
    return { status: 404, body: { errors: 'Not Found' } };
  if (headers['x-shopify-access-token'] !== token) return FAILURES.refused;
  const { query, variables } = JSON.parse(body.toString()) as { query: string; variables: { query: string; after: string | null } };
  const first = Number(/orders\(first: (\d+)/.exec(query)?.[1]);
  const range = /^updated_at:>='([^']+)' AND updated_at:<='([^']+)'$/.exec(variables.query);
  if (!(first >= 1 && first <= 250) || range === null)
    return { status: 200, body: { errors: [{ message: 'Argument has an invalid value' }] } };
  const [, from = '', until = ''] = range;
  const placeOf = ({ updatedAt, id }: Order): string => `${updatedAt}|${id}`;
  const after = variables.after === null ? '' : Buffer.from(variables.after, 'base64').toString();
  const found = rows
    .filter((row) => row.updatedAt >= from && row.updatedAt <= until && placeOf(row) > after)
    .toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const nodes = found.slice(0, first);
  const last = nodes.at(-1);
  const endCursor = last === undefined ? null : Buffer.from(placeOf(last)).toString('base64');
  return { status: 200, body: { data: { orders: { pageInfo: { hasNextPage: found.length > first, endCursor }, nodes } } } };
}

const money = (amount: string) => ({ shopMoney: { amount, currencyCode: 'CNY' } });

function orderOf(orderId: string, at: Date) {
  return {
    __typename: 'Order',
    id: `gid://shopify/Order/${orderId}`,
    createdAt: '2026-06-01T10:00:00Z',
    updatedAt: at.toISOString(),
    processedAt: '2026-06-01T10:00:00Z',
    displayFinancialStatus: 'PAID',
    displayFulfillmentStatus: 'UNFULFILLED',
    currencyCode: 'CNY',
    statusPageUrl: 'https://demo.myshopify.com/548380009/orders/abc/authenticate?key=def',
    lineItems: {
      pageInfo: { hasNextPage: false },
      nodes: [
        {
          id: 'gid://shopify/LineItem/1',
          quantity: 1,
          product: { id: 'gid://shopify/Product/9' },
          originalUnitPriceSet: money('99.99'),
          discountAllocations: [],
          taxLines: [],
        },
      ],
    },
    refunds: [],
  };
}
