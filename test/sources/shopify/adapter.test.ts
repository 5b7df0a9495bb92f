// Shopify's words beyond its fixtures: what is never guessed, and what completes an order.
import { expect, test } from 'vitest';

import { shopify } from '../../../src/sources/shopify/adapter.ts';

const ORDER = {
  id: 1,
  currency: 'CNY',
  created_at: '2026-06-01T10:00:00Z',
  updated_at: '2026-06-01T10:00:00Z',
  processed_at: '2026-06-01T10:00:00Z',
  financial_status: 'paid',
  line_items: [{ id: 2, product_id: 3, quantity: 1, price: '10.00' }],
};

function map(body: object, options: Record<string, unknown> = {}) {
  return shopify.map({ body: Buffer.from(JSON.stringify(body)), headers: {}, receivedAt: new Date(), options });
}

const reportOf = (body: object, options?: Record<string, unknown>) => map(body, options)[0]!.report;

test('a financial status that we do not know is never guessed, and a shop can say what it means', () => {
  const odd = { ...ORDER, financial_status: 'paid_later' };
  expect(map(odd)[0]).toMatchObject({ unknownCode: 'financial_status paid_later', report: { status: null, void: null } });
  expect(map(odd, { statuses: { paid_later: 'paid' } })[0]).toMatchObject({ report: { status: 'paid' } });
  expect(map(odd, { statuses: { paid_later: 'paid' } })[0]!.unknownCode).toBeUndefined();
  expect(map({ ...ORDER, financial_status: 'constructor' })[0]!.unknownCode).toBe('financial_status constructor');
  expect(reportOf({ ...ORDER, financial_status: 'partially_paid' }).status).toBe('created');
});

const paidOf = (currency: string, line: object) =>
  reportOf({ ...ORDER, currency, line_items: [{ id: 2, quantity: 1, ...line }] }).lines![0]!;

test('amounts finer than the minor unit are rounded once, half up, at the line', () => {
  expect(paidOf('JPY', { price: '10.50' }).paid_amount).toBe(11);
  expect(paidOf('USD', { price: '10.005' }).paid_amount).toBe(1001);
  expect(paidOf('USD', { price: '0.3333', quantity: 3 }).paid_amount).toBe(100);
  expect(paidOf('USD', { price: 1e-7 }).paid_amount).toBe(0);
  expect(paidOf('USD', { price: '10.004', discount_allocations: [{ amount: '0.004' }] }).paid_amount).toBe(1000);
});

test('a line without a price fails the delivery: nothing is not free', () => {
  expect(() => map({ ...ORDER, line_items: [{ id: 2, quantity: 1 }] })).toThrow();
});

test('what was paid and wholly shipped is completed; what was shipped and not paid is not', () => {
  const shipped = { ...ORDER, fulfillment_status: 'fulfilled' };
  expect(reportOf(ORDER).status).toBe('paid');
  expect(reportOf(shipped).status).toBe('completed');
  expect(reportOf({ ...shipped, financial_status: 'pending' }).status).toBe('created');
  expect(reportOf({ ...ORDER, fulfillment_status: 'partial' }).status).toBe('paid');
});

test('a shop may have its orders completed by their payment', () => {
  expect(reportOf(ORDER, { completed_on: 'paid' })).toMatchObject({ status: 'completed', completed_at: ORDER.processed_at });
});

test('a voided payment voids the order, a refunded one does not', () => {
  expect(reportOf({ ...ORDER, financial_status: 'voided' }).void).toEqual({ reason: 'voided' });
  expect(reportOf({ ...ORDER, financial_status: 'refunded' })).toMatchObject({ void: false, status: 'paid' });
});

test('the header that names a topic decides nothing: the body does', () => {
  const body = Buffer.from(JSON.stringify(ORDER));
  const told = shopify.map({ body, headers: { 'x-shopify-topic': 'refunds/create' }, receivedAt: new Date(), options: {} });
  expect(told[0]!.report.order_id).toBe('1');
});

const at = '2026-06-02T10:00:00Z';
const money = (amount: string) => ({
  shop_money: { amount, currency_code: 'EUR' },
  presentment_money: { amount: '1.00', currency_code: 'USD' },
});
const taken = (quantity: number | undefined, subtotal: string, tax: string) => ({ line_item_id: 2, quantity, subtotal, total_tax: tax });
const refunded = (id: number, lines: object[], amount: string | null, more: object = {}) => ({
  id,
  created_at: at,
  refund_line_items: lines,
  transactions: amount === null ? [] : [{ kind: 'refund', status: 'success', amount, currency: 'EUR' }],
  ...more,
});
const editedLine = (line: object, refunds: object[] = []) =>
  reportOf({ ...ORDER, line_items: [{ id: 2, quantity: 3, price: '10.00', ...line }], refunds }).lines![0];

test('a line is as much as edits have left of it, and what was refunded is told by refunds alone', () => {
  expect(editedLine({ current_quantity: 3 })).toMatchObject({ quantity: 3, paid_amount: 3000 });
  expect(editedLine({ current_quantity: 1 })).toMatchObject({ quantity: 1, paid_amount: 1000 });
  expect(editedLine({ current_quantity: 0 })).toMatchObject({ quantity: 0, paid_amount: 0 });
  expect(editedLine({ current_quantity: 1, total_discount: '3.00' })).toMatchObject({ quantity: 1, paid_amount: 900 });
  expect(editedLine({ current_quantity: 1 }, [refunded(9, [taken(2, '20.00', '0.00')], '20.00')])).toMatchObject({
    quantity: 3,
    paid_amount: 3000,
  });
  expect(editedLine({ current_quantity: 1 }, [refunded(9, [taken(1, '10.00', '0.00')], '10.00')])).toMatchObject({
    quantity: 2,
    paid_amount: 2000,
  });
});

test("the money of an order is the shop's, whatever the buyer saw", () => {
  const line = {
    id: 2,
    quantity: 1,
    price: '99.00',
    price_set: money('10.00'),
    discount_allocations: [{ amount: '9.00', amount_set: money('1.00') }],
  };
  expect(reportOf({ ...ORDER, currency: 'EUR', presentment_currency: 'USD', line_items: [line] }).lines![0]!.paid_amount).toBe(900);
});

test('tips and gift cards are named as such, and so are tests; another line without a product is not', () => {
  const named = (line: object) =>
    reportOf({ ...ORDER, line_items: [{ id: 2, quantity: 1, price: '5.00', ...line }] }).lines![0]!.not_commissionable;
  expect(named({ product_id: null, tip_payment_gateway: 'shopify_payments' })).toBe('tip');
  expect(named({ product_id: null, tip_payment_gateway: null, tip_payment_method: null })).toBe('tip');
  expect(named({ product_id: 3, gift_card: true })).toBe('gift_card');
  expect([named({ product_id: null }), named({ product_id: 3, gift_card: false })]).toEqual([undefined, undefined]);
  expect(reportOf({ ...ORDER, test: true }).test).toBe(true);
});

test('a part that decides nothing never refuses its order', () => {
  const odd = {
    ...ORDER,
    note_attributes: [{ name: null }, {}, null, 'x', { name: 'fy_click', value: 'a'.repeat(3000) }, { name: 'fy_link', value: 'AbCd1234' }],
    discount_codes: [{}, { code: null }, { code: 'A'.repeat(200) }, { code: 'ALICE10' }, { code: 'ALICE10' }],
    customer: [],
    email: '',
    phone: 'a\u0000b'.replace('\u0000', '\t'),
    cancel_reason: 7,
    processed_at: '0000-00-00 00:00:00',
    fulfillments: {},
    order_status_url: false,
    line_items: [
      { ...ORDER.line_items[0], quantity: '2', product_id: 'p'.repeat(200), discount_allocations: null, tax_lines: [{}], properties: {} },
    ],
    refunds: null,
  };
  expect(map(odd)[0]).toMatchObject({
    shop: null,
    report: {
      click_token: null,
      link_code: 'AbCd1234',
      coupon_codes: ['ALICE10'],
      buyer: { customer_id: null, email: null, phone: null },
      paid_at: ORDER.created_at,
      lines: [{ line_id: '2', product_id: null, quantity: 2, paid_amount: 2000 }],
      refunds: [],
      whole: ['lines'],
    },
  });
});

test('only what lists its refunds says that it has no others', () => {
  expect(reportOf({ ...ORDER, refunds: [] }).whole).toEqual(['lines', 'refunds']);
  expect(reportOf(ORDER).whole).toEqual(['lines']);
});

test('what has lines and is no order tells nothing, whatever its topic says', () => {
  const lines = ORDER.line_items;
  const others = [
    { id: 5, order_id: 1, status: 'success', line_items: lines },
    { id: 5, currency: 'CNY', order_id: null, status: 'open', line_items: lines, financial_status: 'paid' },
    { id: 'abc', token: 'abc', line_items: lines },
    { id: 5, currency: 'CNY', abandoned_checkout_url: 'https://x', line_items: lines },
  ];
  for (const topic of [undefined, 'orders/paid', 'fulfillments/create', 'carts/update']) {
    const headers: Record<string, string> = topic === undefined ? {} : { 'x-shopify-topic': topic };
    for (const other of others) {
      const body = Buffer.from(JSON.stringify(other));
      expect(shopify.map({ body, headers, receivedAt: new Date(), options: {} }), JSON.stringify([topic, other])).toEqual([]);
    }
  }
  const bare = Buffer.from(JSON.stringify({ id: 5, currency: 'CNY', line_items: lines }));
  const ofTopic = (topic: string) =>
    shopify.map({ body: bare, headers: { 'x-shopify-topic': topic }, receivedAt: new Date(), options: {} });
  expect([ofTopic('draft_orders/create'), ofTopic('orders/create').length]).toEqual([[], 1]);
});

const wantedOf = (body: object, topic: string, options: object) =>
  shopify.wanted!({ body: Buffer.from(JSON.stringify(body)), headers: { 'x-shopify-topic': topic }, receivedAt: new Date(), options });

test('a deleted order is asked for where its shop can be asked, and nothing else is', () => {
  const options = { shop: 'demo.myshopify.com' };
  expect(wantedOf({ id: 820982911946154508n.toString() }, 'orders/delete', options)).toEqual([{ key: 'order/820982911946154508' }]);
  expect(wantedOf({ id: 1 }, 'products/delete', options)).toEqual([]);
  expect(wantedOf({ id: 1 }, 'orders/delete', {})).toEqual([]);
  expect(wantedOf(ORDER, 'orders/delete', options)).toEqual([]);
});
