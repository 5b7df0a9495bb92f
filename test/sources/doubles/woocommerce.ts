// A WooCommerce shop: its list of orders by modification, a hundred a page, behind a key, with times that have no zone.
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

/** `keys` is `consumer_key:consumer_secret`; `tell` writes an order as the shop does. */
export function wooDouble(keys: string, tell: (orderId: string, at: Date) => object): Promise<Double> {
  return serve<Order>({
    answer: (asked, rows) => ({ answered: list(asked, rows, keys), isPage: true }),
    fail: (kind) => FAILURES[kind],
    row: (orderId, at) => tell(orderId, at) as Order,
  });
}

function list({ method, url, headers }: Asked, rows: readonly Order[], keys: string): Answered {
  const query = Object.fromEntries(url.searchParams);
  if (method !== 'GET' || url.pathname !== '/wp-json/wc/v3/orders') return { status: 404, body: { code: 'rest_no_route' } };
  if (headers.authorization !== `Basic ${Buffer.from(keys).toString('base64')}`) return FAILURES.refused;
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
