// A WooCommerce shop that is asked for orders, over real sockets: refunds come with their lines,
// and what is gone is told apart from what failed.
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Asking, Fetch } from '../../../src/sources/asking.ts';
import { woocommerce } from '../../../src/sources/woocommerce/adapter.ts';
import { askingOf, readWindow } from '../asking.ts';
import { wooDouble } from '../doubles/woocommerce.ts';
import type { Double } from '../subject.ts';
import { subject } from '../subjects/woocommerce.ts';

const AT = new Date('2026-06-01T10:00:00Z');
const LISTED = { id: 1, reason: '', total: '-36.00' };
const freight = [{ id: 901, total: '-10.00', total_tax: '-2.00' }];
const item = { id: 900, quantity: -1, total: '-20.00', total_tax: '-4.00', meta_data: [{ key: '_refunded_item_id', value: '315' }] };
const TOLD = {
  id: 1,
  date_created_gmt: '2026-06-01T10:00:00',
  amount: '36.00',
  reason: '',
  line_items: [item],
  shipping_lines: freight,
  fee_lines: [],
};

let double: Double;
let asking: Asking;
let refunds: object[];

beforeEach(async () => {
  refunds = [TOLD];
  const line = { id: 315, product_id: 93, quantity: 1, total: '100.00', total_tax: '20.00' };
  const common = { status: 'processing', currency: 'CNY', date_modified_gmt: '2026-06-01T10:00:00', line_items: [line] };
  double = await wooDouble(
    'ck_1:cs_1',
    (orderId) => ({
      ...common,
      id: Number(orderId),
      ...(orderId === '9' ? { status: 'trash' } : {}),
      refunds: orderId === '1' ? [] : [LISTED],
    }),
    () => refunds,
  );
  asking = askingOf(subject, double);
});
afterEach(() => double.close());

function refundsIn(body: Buffer, headers: Record<string, string> = { feed: 'detail' }) {
  const [mapped] = woocommerce.map({ body, headers, receivedAt: AT, options: subject.options });
  return mapped!.report.refunds!.map(({ refund_id, line_id, amount }) => ({ refund_id, line_id, amount }));
}

const EXACT = [
  { refund_id: '1-315', line_id: '315', amount: 2000 },
  { refund_id: '1', line_id: undefined, amount: 0 },
];
/** 36.00 of 120.00 with tax are 30.00 of 100.00 without. */
const APPROXIMATE = [{ refund_id: '1', line_id: undefined, amount: 3000 }];

const detail = (key: string, fetched: Fetch = fetch) => woocommerce.detail!(key, { ...asking, fetch: fetched });
const list = async (fetched: Fetch) => {
  const rows = await readWindow(woocommerce.feeds![0]!, { ...asking, fetch: fetched }, new Date(AT.getTime() - 60_000), AT);
  return rows.map((row) => Buffer.from(JSON.stringify(row)));
};

test('a listed order and a fetched one come with what their refunds were for, and then want nothing more', async () => {
  double.put('2', AT);
  const [fetched] = await detail('order/2');
  for (const body of [...(await list(fetch)), fetched!]) {
    expect(refundsIn(body)).toEqual(EXACT);
    expect(woocommerce.wanted!({ body, headers: {}, receivedAt: AT, options: subject.options })).toEqual([]);
  }
});

test('an order without refunds is asked for nothing more', async () => {
  double.put('1', AT);
  const asked: string[] = [];
  await list((url, init) => {
    asked.push(String(url));
    return fetch(url, init);
  });
  expect(asked.filter((url) => url.includes('/refunds'))).toEqual([]);
});

test('one order whose refunds are refused keeps none of the list: it stands as it was listed, and is wanted by itself', async () => {
  for (const id of ['1', '2', '3']) double.put(id, AT);
  for (const status of [401, 403, 404, 500]) {
    const bodies = await list((url, init) =>
      String(url).includes('/orders/2/refunds') ? Promise.resolve(new Response('{}', { status })) : fetch(url, init),
    );
    expect(bodies).toHaveLength(3);
    expect(refundsIn(bodies[1]!)).toEqual(APPROXIMATE);
    expect(refundsIn(bodies[2]!)).toEqual(EXACT);
    expect(woocommerce.wanted!({ body: bodies[1]!, headers: {}, receivedAt: AT, options: subject.options })).toEqual([{ key: 'order/2' }]);
  }
});

const tooOften: Fetch = (url, init) =>
  String(url).includes('/refunds')
    ? Promise.resolve(new Response('{}', { status: 429, headers: { 'retry-after': '7' } }))
    : fetch(url, init);

test('a shop that is asked too often rests, whatever it was asked for', async () => {
  double.put('2', AT);
  const { unfetched } = await woocommerce.feeds![0]!.list(
    { from: new Date(0), until: new Date(AT.getTime() + 1000), cursor: null },
    { ...asking, fetch: tooOften },
  );
  expect(unfetched).toMatchObject([{ key: 'order/2', error: { kind: 'rate_limited', retryAfterMs: 7000 } }]);
  await expect(detail('order/2', tooOften)).rejects.toMatchObject({ kind: 'rate_limited' });
});

test('all refunds of an order are read, however many there are', async () => {
  double.put('2', AT);
  refunds = Array.from({ length: 250 }, (_, index) => ({ ...TOLD, id: index + 1, amount: '0.12', line_items: [], shipping_lines: [] }));
  const [body] = await detail('order/2');
  expect(refundsIn(body!)).toHaveLength(250);
});

test('an order that the shop has no more is void, and so is one that lies in its trash', async () => {
  const [gone] = await detail('order/4711');
  const [mapped] = woocommerce.map({ body: gone!, headers: { feed: 'detail' }, receivedAt: AT, options: subject.options });
  expect(mapped!.report).toEqual({ order_id: '4711', observed_at: asking.now.toISOString(), void: { reason: 'deleted' } });
  double.put('9', AT);
  const [trashed] = await detail('order/9');
  const [told] = woocommerce.map({ body: trashed!, headers: { feed: 'detail' }, receivedAt: AT, options: subject.options });
  expect(told!.report).toMatchObject({ order_id: '9', void: { reason: 'trash' } });
});

test('what is no answer of the shop about its order never makes it void', async () => {
  const noRoute = { code: 'rest_no_route', message: 'No route was found.' };
  for (const [status, body] of [
    [404, noRoute],
    [404, {}],
    [200, {}],
    [200, []],
    [500, { code: 'woocommerce_rest_shop_order_invalid_id' }],
  ] as const) {
    const answered = detail('order/2', () => Promise.resolve(Response.json(body, { status })));
    await expect(answered, JSON.stringify([status, body])).rejects.toMatchObject({ name: 'AskingFailed', kind: 'temporary' });
  }
  await expect(detail('order/2', () => Promise.resolve(new Response('<html>', { status: 404 })))).rejects.toMatchObject({
    kind: 'temporary',
  });
  await expect(detail('order/../users')).rejects.toThrow('nothing that a shop is asked for');
});

test('without its keys a shop is not asked', async () => {
  const { secret } = asking.secrets;
  asking = { ...asking, secrets: { secret: secret! } };
  await expect(detail('order/2')).rejects.toMatchObject({ kind: 'refused' });
});
