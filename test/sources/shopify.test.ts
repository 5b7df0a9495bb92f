// Shopify's words beyond its fixtures: what is never guessed, and what completes an order.
import { expect, test } from 'vitest';

import { shopify } from '../../src/sources/shopify.ts';

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

test('a financial status that we do not know fails the delivery and is never guessed', () => {
  expect(() => map({ ...ORDER, financial_status: 'paid_later' })).toThrow('paid_later');
});

test('money that says more decimals than its currency has fails the delivery', () => {
  const odd = { ...ORDER, currency: 'JPY', line_items: [{ id: 2, quantity: 1, price: '10.50' }] };
  expect(() => map(odd)).toThrow('no amount in JPY');
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

test('a refund that comes alone says in which currency it is, or fails', () => {
  const refund = { id: 9, order_id: 1, created_at: '2026-06-02T10:00:00Z', refund_line_items: [] };
  expect(() => map(refund)).toThrow('names no currency');
  const paid = { ...refund, transactions: [{ kind: 'refund', status: 'success', amount: '3.00', currency: 'CNY' }] };
  expect(reportOf(paid)).toEqual({
    order_id: '1',
    observed_at: refund.created_at,
    refunds: [{ refund_id: '9-order', amount: 300, status: 'succeeded', refunded_at: refund.created_at }],
  });
});

test('freight that was paid back takes nothing from any line', () => {
  const refund = {
    id: 9,
    order_id: 1,
    created_at: '2026-06-02T10:00:00Z',
    refund_line_items: [],
    order_adjustments: [
      { kind: 'refund_discrepancy', amount: '135.00' },
      { kind: 'shipping_refund', amount: '-135.00', tax_amount: '0.00' },
    ],
    transactions: [{ kind: 'refund', status: 'pending', amount: '135.00', currency: 'TRY' }],
  };
  expect(reportOf(refund).refunds).toMatchObject([{ refund_id: '9-order', amount: 0 }]);
});

test('the header that names a topic decides nothing: the body does', () => {
  const body = Buffer.from(JSON.stringify(ORDER));
  const told = shopify.map({ body, headers: { 'x-shopify-topic': 'refunds/create' }, receivedAt: new Date(), options: {} });
  expect(told[0]!.report.order_id).toBe('1');
});
