// A WooCommerce shop: its list of orders by modification, a hundred a page, single orders and their
// refunds, behind a key, with times that have no zone.
import type { Double, Failure } from '../subject.ts';
import { serve, type Answered, type Asked } from './server.ts';

interface Order {
  id: number | string;
  date_modified_gmt: string;
}

const FAILURES: Record<Failure, Answered> = {
  rate_limited: { status: 429, body: { code: 'too_many_requests' }, headers: { 'retry-after': '1' } },
  refused: { status: 401, body: { code: 'woocommerce_rest_cannot_view' } },
  temporary: { status: 503, body: '<html>Briefly unavailable for scheduled maintenance.</html>' },
  token_ended: { status: 401, body: { code: 'woocommerce_rest_cannot_view' } },
};

/**
 * `keys` is `consumer_key:consumer_secret`; `tell` writes an order as the shop does, `refunds`
 * those of an order.
 */
export function wooDouble(
  keys: string,
  tell: (orderId: string, at: Date) => object,
  refunds: (orderId: string) => object[] = () => [],
): Promise<Double> {
  return serve<Order>({
    answer: (asked, rows) => {
      if (asked.url.pathname === ORDERS) return { answered: list(asked, rows, keys), isPage: true };
      return { answered: one(asked, rows, { keys, refunds }), isPage: false };
    },
    fail: (kind) => FAILURES[kind],
    row: (orderId, at) => tell(orderId, at) as Order,
  });
}

const ORDERS = '/wp-json/wc/v3/orders';
const NO_ORDER = { code: 'woocommerce_rest_shop_order_invalid_id', message: 'Invalid ID.', data: { status: 404 } };
const NO_ROUTE = { code: 'rest_no_route', message: 'No route was found matching the URL and request method.', data: { status: 404 } };

const isKeyed = (headers: Asked['headers'], keys: string): boolean =>
  headers.authorization === `Basic ${Buffer.from(keys).toString('base64')}`;

/** One order, or a page of its refunds; of both the shop knows none that is deleted. */
function one(
  { method, url, headers }: Asked,
  rows: readonly Order[],
  { keys, refunds }: { keys: string; refunds: (orderId: string) => object[] },
): Answered {
  const [, orderId, ofRefunds] = /^\/wp-json\/wc\/v3\/orders\/(\d+)(\/refunds)?$/.exec(url.pathname) ?? [];
  if (method !== 'GET' || orderId === undefined) return { status: 404, body: NO_ROUTE };
  if (!isKeyed(headers, keys)) return FAILURES.refused;
  const found = rows.find((row) => String(row.id) === orderId);
  if (found === undefined) return { status: 404, body: NO_ORDER };
  if (ofRefunds === undefined) return { status: 200, body: found };
  const [perPage, page] = [Number(url.searchParams.get('per_page') ?? 10), Number(url.searchParams.get('page') ?? 1)];
  if (!(perPage >= 1 && perPage <= 100)) return { status: 400, body: { code: 'rest_invalid_param' } };
  return { status: 200, body: refunds(orderId).slice((page - 1) * perPage, page * perPage) };
}

function list({ method, url, headers }: Asked, rows: readonly Order[], keys: string): Answered {
  const query = Object.fromEntries(url.searchParams);
  if (method !== 'GET') return { status: 404, body: NO_ROUTE };
  if (!isKeyed(headers, keys)) return FAILURES.refused;
  const perPage = Number(query['per_page'] ?? 10);
  const isSound =
    perPage >= 1 && perPage <= 100 && query['dates_are_gmt'] === 'true' && query['orderby'] === 'modified' && query['order'] === 'asc';
  if (!isSound) return { status: 400, body: { code: 'rest_invalid_param' } };
  const { modified_after: after = '', modified_before: before = '9' } = query;
  const found = rows
    .filter((row) => row.date_modified_gmt > after && row.date_modified_gmt < before)
    .toSorted((a, b) =>
      a.date_modified_gmt === b.date_modified_gmt ? Number(a.id) - Number(b.id) : a.date_modified_gmt < b.date_modified_gmt ? -1 : 1,
    );
  const page = Number(query['page'] ?? 1);
  const total = { 'x-wp-total': String(found.length), 'x-wp-totalpages': String(Math.ceil(found.length / perPage)) };
  return { status: 200, body: found.slice((page - 1) * perPage, page * perPage), headers: total };
}
