// What Shopify's refunds take: from lines the share of their units, from the order what is beyond
// lines, taxes, freight and duties.
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

function reportOf(body: object) {
  return shopify.map({ body: Buffer.from(JSON.stringify(body)), headers: {}, receivedAt: new Date(), options: {} })[0]!.report;
}

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

const amounts = (refunds: object[], more: object = {}) =>
  Object.fromEntries(
    reportOf({
      ...ORDER,
      currency: 'EUR',
      taxes_included: true,
      line_items: [{ id: 2, quantity: 3, price: '10.00', tax_lines: [{ price: '5.00', rate: 0.2 }] }],
      refunds,
      ...more,
    }).refunds!.map((one) => [one.refund_id, one.amount]),
  );

test('a refund takes the share of its units from its line, whether its subtotal holds the tax or not', () => {
  expect(amounts([refunded(9, [taken(1, '10.00', '1.67')], '10.00')])).toEqual({ '9-2': 833, '9-order': 0 });
  expect(amounts([refunded(9, [taken(1, '8.33', '1.67')], '10.00')])).toEqual({ '9-2': 833, '9-order': 0 });
  const all = [1, 2, 3].map((id) => refunded(id, [taken(1, '10.00', '1.67')], '10.00'));
  const each = amounts(all);
  expect([each['1-2'], each['2-2'], each['3-2']]).toEqual([833, 834, 833]);
});

test('a refund of an amount that is no share of its units takes that amount, without its tax', () => {
  expect(amounts([refunded(9, [taken(1, '6.00', '1.00')], '6.00')])['9-2']).toBe(500);
  expect(amounts([refunded(9, [taken(undefined, '6.00', '1.00')], '6.00')])['9-2']).toBe(500);
});

test('freight, duties and fees that were paid back take nothing, goodwill takes from the order', () => {
  const freight = [{ subtotal_amount_set: money('6.00'), shipping_line: { price: '6.00', tax_lines: [{ price: '1.00' }] } }];
  const duties = { duties: [{ duty_id: 1, amount_set: money('2.00') }] };
  expect(amounts([refunded(9, [], '6.00', { refund_shipping_lines: freight })])).toEqual({ '9-order': 0 });
  expect(amounts([refunded(9, [], '8.00', { refund_shipping_lines: freight, ...duties })])).toEqual({ '9-order': 0 });
  const untaxed = [{ subtotal_amount_set: money('6.00'), shipping_line: { price: '6.00', tax_lines: [] } }];
  expect(amounts([refunded(9, [], '11.50', { refund_shipping_lines: untaxed, ...duties })])).toEqual({ '9-order': 350 });
  const taxesExtra = { taxes_included: false };
  expect(amounts([refunded(9, [], '12.00', { refund_shipping_lines: freight, ...duties })], taxesExtra)).toEqual({ '9-order': 300 });
  expect(amounts([refunded(9, [taken(1, '10.00', '1.67')], '12.00')])).toEqual({ '9-2': 833, '9-order': 200 });
});

test('what an edit takes off and a later refund pays back is taken once', () => {
  const off = refunded(8, [taken(1, '10.00', '1.67')], null);
  expect(amounts([off, refunded(9, [], '10.00')])).toEqual({ '8-2': 833, '9-order': 0 });
  expect(amounts([off, refunded(9, [], '13.00')])).toEqual({ '8-2': 833, '9-order': 300 });
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

test('a refund that comes alone says in which currency it is, or fails', () => {
  const refund = { id: 9, order_id: 1, created_at: '2026-06-02T10:00:00Z', refund_line_items: [] };
  expect(() => reportOf(refund)).toThrow('names no currency');
  const paid = { ...refund, transactions: [{ kind: 'refund', status: 'success', amount: '3.00', currency: 'CNY' }] };
  expect(reportOf(paid)).toEqual({
    order_id: '1',
    observed_at: refund.created_at,
    refunds: [{ refund_id: '9-order', amount: 300, status: 'succeeded', refunded_at: refund.created_at, reason: null }],
  });
});
