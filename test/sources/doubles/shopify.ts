// A Shopify shop's GraphQL: orders by when they were updated, from a cursor, and single ones,
// behind a token.
import type { Double, Failure } from '../subject.ts';
import { other, serve, type Answered, type Asked, type Told } from './server.ts';

interface Order {
  id: string;
  updatedAt: string;
  lines: object[];
}

const FAILURES: Record<Failure, Answered> = {
  rate_limited: { status: 200, body: { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }] } },
  refused: { status: 401, body: { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' } },
  temporary: { status: 502, body: 'Bad Gateway' },
  token_ended: { status: 401, body: { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' } },
};

/** How many lines an order of the double has. */
interface Size {
  lines?: number;
}

export function shopifyDouble(token: string, size: Size = {}): Promise<Double> {
  return serve<Order>({
    answer: (asked, rows) => answer(asked, rows, token),
    fail: (kind) => FAILURES[kind],
    row: (orderId, at) => orderOf(orderId, at, size.lines ?? 1),
  });
}

interface Question {
  query: string;
  variables: { query?: string; after?: string | null; id?: string };
}

const LINES_MAX = 100;

function answer({ method, url, headers, body }: Asked, rows: readonly Order[], token: string): Told {
  if (method !== 'POST' || !/^\/admin\/api\/\d{4}-\d{2}\/graphql\.json$/.test(url.pathname)) return other({ errors: 'Not Found' }, 404);
  const question = JSON.parse(body.toString()) as Question;
  const isPage = question.variables.query !== undefined;
  if (headers['x-shopify-access-token'] !== token) return { answered: FAILURES.refused, isPage };
  if (isPage) return { answered: list(question, rows), isPage };
  const { id, after } = question.variables;
  const order = rows.find((row) => row.id === id) ?? null;
  if (after === undefined || order === null) return other({ data: { order: order === null ? null : asAnswered(order) } });
  return other({ data: { order: { list: linesFrom(order, Number(after)) } } });
}

function list({ query, variables }: Question, rows: readonly Order[]): Answered {
  const first = Number(/orders\(first: (\d+)/.exec(query)?.[1]);
  const range = /^updated_at:>='([^']+)' AND updated_at:<='([^']+)'$/.exec(variables.query ?? '');
  if (!(first >= 1 && first <= 250) || range === null) {
    return { status: 200, body: { errors: [{ message: 'Argument has an invalid value' }] } };
  }
  const [, from = '', until = ''] = range;
  const placeOf = ({ updatedAt, id }: Order): string => `${updatedAt}|${id}`;
  const after = variables.after == null ? '' : Buffer.from(variables.after, 'base64').toString();
  const found = rows
    .filter((row) => row.updatedAt >= from && row.updatedAt <= until && placeOf(row) > after)
    .toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const nodes = found.slice(0, first);
  const last = nodes.at(-1);
  const endCursor = last === undefined ? null : Buffer.from(placeOf(last)).toString('base64');
  return {
    status: 200,
    body: { data: { orders: { pageInfo: { hasNextPage: found.length > first, endCursor }, nodes: nodes.map(asAnswered) } } },
  };
}

/** An answer holds the first lines of an order only. */
const asAnswered = (order: Order): object => ({ ...order, lineItems: linesFrom(order, 0) });

function linesFrom({ lines }: Order, from: number): object {
  const until = from + LINES_MAX;
  return { pageInfo: { hasNextPage: lines.length > until, endCursor: String(until) }, nodes: lines.slice(from, until) };
}

const money = (amount: string) => ({ shopMoney: { amount, currencyCode: 'CNY' } });

function orderOf(orderId: string, at: Date, lines: number) {
  return {
    __typename: 'Order',
    id: `gid://shopify/Order/${orderId}`,
    createdAt: '2026-06-01T10:00:00Z',
    updatedAt: at.toISOString(),
    processedAt: '2026-06-01T10:00:00Z',
    displayFinancialStatus: 'PAID',
    displayFulfillmentStatus: 'UNFULFILLED',
    currencyCode: 'CNY',
    taxesIncluded: false,
    test: false,
    totalTipReceivedSet: money('0.0'),
    statusPageUrl: 'https://demo.myshopify.com/548380009/orders/abc/authenticate?key=def',
    lines: Array.from({ length: lines }, (_, index) => ({
      id: `gid://shopify/LineItem/${index + 1}`,
      quantity: 1,
      currentQuantity: 1,
      isGiftCard: false,
      requiresShipping: true,
      product: { id: 'gid://shopify/Product/9' },
      originalUnitPriceSet: money('99.99'),
      discountAllocations: [],
      taxLines: [],
    })),
    refunds: [],
  };
}
