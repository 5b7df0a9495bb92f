// A Shopify shop that is asked by GraphQL, over real sockets: orders come whole, and what is gone
// is told apart from what failed.
import { afterEach, expect, test } from 'vitest';

import { asPushed } from '../../../src/sources/shopify/node.ts';
import { shopify } from '../../../src/sources/shopify/adapter.ts';
import { askingOf, readWindow } from '../asking.ts';
import { shopifyDouble } from '../doubles/shopify.ts';
import type { Double } from '../subject.ts';
import { subject } from '../subjects/shopify.ts';

const AT = new Date('2026-06-01T10:00:00Z');
let double: Double;
afterEach(() => double.close());

const reportOf = (body: Buffer) =>
  shopify.map({ body, headers: { feed: 'detail' }, receivedAt: AT, options: shopify.options.parse(subject.options) })[0]!.report;

test('an order of more lines than one answer holds comes with all of them, listed or fetched', async () => {
  double = await shopifyDouble('shpat_1', { lines: 250 });
  double.put('1', AT);
  const asking = askingOf(subject, double);
  const listed = await readWindow(shopify.feeds![0]!, asking, new Date(AT.getTime() - 1000), AT);
  const [fetched] = await shopify.detail!('order/1', asking);
  for (const body of [Buffer.from(JSON.stringify(listed[0])), fetched!]) {
    const { lines, whole } = reportOf(body);
    expect([lines!.length, new Set(lines!.map((line) => line.line_id)).size, whole]).toEqual([250, 250, ['lines', 'refunds']]);
  }
});

test('lines that are not told keep their order from coming in without them', async () => {
  double = await shopifyDouble('shpat_1', { lines: 250 });
  double.put('1', AT);
  let asked = 0;
  const asking = {
    ...askingOf(subject, double),
    fetch: (url: string | URL, init?: RequestInit) => (asked++ === 1 ? Promise.resolve(Response.json({ data: {} })) : fetch(url, init)),
  };
  await expect(shopify.detail!('order/1', asking)).rejects.toMatchObject({ name: 'AskingFailed', kind: 'temporary' });
});

test('an order that the shop has no more is void, and what is no answer never makes it so', async () => {
  double = await shopifyDouble('shpat_1');
  const asking = askingOf(subject, double);
  const [gone] = await shopify.detail!('order/4711', asking);
  expect(reportOf(gone!)).toEqual({ order_id: '4711', observed_at: asking.now.toISOString(), void: { reason: 'deleted' } });
  const answers = [{ data: {} }, {}, { data: null }, { errors: [{ message: 'Internal error' }], data: { order: null } }];
  for (const answer of answers) {
    const answered = shopify.detail!('order/1', { ...asking, fetch: () => Promise.resolve(Response.json(answer)) });
    await expect(answered, JSON.stringify(answer)).rejects.toMatchObject({ name: 'AskingFailed', kind: 'temporary' });
  }
});

const money = (amount: string) => ({ shopMoney: { amount, currencyCode: 'USD' } });
const line = (id: number, amount: string, more: object = {}) => ({
  id: `gid://shopify/LineItem/${id}`,
  quantity: 1,
  currentQuantity: 1,
  isGiftCard: false,
  requiresShipping: true,
  product: { id: 'gid://shopify/Product/9' },
  originalUnitPriceSet: money(amount),
  discountAllocations: [],
  taxLines: [],
  ...more,
});

function reportListed(lines: object[], more: object = {}) {
  const order = { __typename: 'Order', id: 'gid://shopify/Order/1', currencyCode: 'USD', displayFinancialStatus: 'PAID', refunds: [] };
  const listed = { ...order, lineItems: { pageInfo: { hasNextPage: false }, nodes: lines }, ...more };
  expect(asPushed(listed)).toMatchObject({ id: '1' });
  return reportOf(Buffer.from(JSON.stringify(listed)));
}

test('a listed order says of its lines what a pushed one says: tips, gift cards, tests, edits', async () => {
  double = await shopifyDouble('shpat_1');
  const free = { product: null, requiresShipping: false };
  const kinds = (tips: string, ...lines: object[]) =>
    reportListed(lines, { totalTipReceivedSet: money(tips) }).lines!.map((one) => one.not_commissionable ?? null);
  expect(kinds('5.00', line(1, '20.00'), line(2, '5.00', free), line(3, '50.00', { isGiftCard: true }))).toEqual([
    null,
    'tip',
    'gift_card',
  ]);
  expect(kinds('5.00', line(1, '5.00', { product: null }), line(2, '5.00', free))).toEqual([null, 'tip']);
  expect(kinds('5.00', line(1, '8.00', free), line(2, '5.00', free))).toEqual([null, 'tip']);
  expect(kinds('0.00', line(1, '5.00', free))).toEqual([null]);
  expect(reportListed([line(1, '5.00')], { test: true }).test).toBe(true);
  expect(reportListed([line(1, '5.00', { quantity: 3, currentQuantity: 1 })]).lines).toMatchObject([{ quantity: 1, paid_amount: 500 }]);
});

test('a listed refund takes the share of its units, whether its subtotal holds the tax or not', async () => {
  double = await shopifyDouble('shpat_1');
  const refundOf = (subtotal: string, duties: object[] = []) => ({
    id: 'gid://shopify/Refund/7',
    createdAt: AT.toISOString(),
    note: null,
    duties,
    refundLineItems: {
      pageInfo: { hasNextPage: false },
      nodes: [{ quantity: 1, lineItem: { id: 'gid://shopify/LineItem/1' }, subtotalSet: money(subtotal), totalTaxSet: money('2.00') }],
    },
    refundShippingLines: { nodes: [] },
    transactions: { nodes: [{ kind: 'REFUND', status: 'SUCCESS', amountSet: money(duties.length === 0 ? '12.00' : '15.00') }] },
  });
  const sold = [line(1, '12.00', { quantity: 2, taxLines: [{ rate: 0.2, priceSet: money('4.00') }] })];
  for (const refund of [refundOf('12.00'), refundOf('10.00'), refundOf('12.00', [{ amountSet: money('3.00') }])]) {
    const { refunds } = reportListed(sold, { taxesIncluded: true, refunds: [refund] });
    expect(refunds!.map((one) => [one.refund_id, one.amount])).toEqual([
      ['7-1', 1000],
      ['7-order', 0],
    ]);
  }
});
