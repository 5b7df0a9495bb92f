import { expect, test } from 'vitest';

import { csvOf, readFile } from './reading.ts';

/**
 * What the shop makes of many orders, what the browser makes of one page, and what versions of
 * before made.
 */
const SERVER = [
  'Date',
  'Order #',
  'N. Revenue (formatted)',
  'Status',
  'Customer',
  'Customer type',
  'Product(s)',
  'Items sold',
  'Coupon(s)',
  'Net Sales',
  'Attribution',
];
const BROWSER = [
  'Date',
  'Order #',
  'Status',
  'Customer',
  'Customer type',
  'Product(s)',
  'Items sold',
  'Coupon(s)',
  'Net sales',
  'Attribution',
];
const BEFORE = [
  'Date',
  'Order #',
  'N. Revenue (formatted)',
  'N. Revenue',
  'Status',
  'Customer type',
  'Product(s)',
  'Items sold',
  'Coupon(s)',
];

const ORDER = {
  Date: '2026-11-05 21:06:21',
  'Order #': '1042',
  'N. Revenue (formatted)': '¥100.00',
  'N. Revenue': '100',
  Status: 'completed',
  'Customer type': 'new',
  'Items sold': '3',
  'Coupon(s)': 'spring, bob10',
  'Net Sales': '100',
  'Net sales': '100',
};

test.each([
  ['of many orders', SERVER],
  ['of one page', BROWSER],
  ['of a version of before', BEFORE],
])('the analytics export %s is taken as it is, in the currency and by the clock of the merchant', async (_, columns) => {
  const { export: known, reports, bad } = await readFile(csvOf(columns, ORDER), { kind: 'woocommerce' });
  expect({ known, bad }).toEqual({ known: 'woocommerce_analytics_orders', bad: [] });
  expect(reports).toMatchObject([
    {
      order_id: '1042',
      status: 'completed',
      currency: 'CNY',
      created_at: '2026-11-05T13:06:21.000Z',
      paid_at: '2026-11-05T13:06:21.000Z',
      coupon_codes: ['spring', 'bob10'],
      lines: [{ line_id: '*', quantity: 3, paid_amount: 10000 }],
    },
  ]);
});

test('a row below zero is a refund of its order, and two of them are two', async () => {
  const refund = (date: string, net: string) => ({ ...ORDER, Date: date, 'Net Sales': net, 'Items sold': '-1' });
  const rows = [refund('2026-11-07 10:00:00', '-30'), refund('2026-11-06 10:00:00', '-20.50'), ORDER];
  const { reports, bad } = await readFile(csvOf(SERVER, ...rows), { kind: 'woocommerce' });
  expect(bad).toEqual([]);
  expect(reports.slice(0, 2)).toMatchObject([
    { order_id: '1042', refunds: [{ refund_id: '*:2026-11-07 10:00:00', amount: 3000 }] },
    { order_id: '1042', refunds: [{ refund_id: '*:2026-11-06 10:00:00', amount: 2050 }] },
  ]);
});

test.each([
  ['Processing', { status: 'paid' }],
  ['wc-on-hold', { status: 'created' }],
  ['Pending payment', { status: 'created' }],
  ['cancelled', { status: 'created', void: { reason: 'cancelled' } }],
  ['refunded', { status: 'paid', void: { reason: 'refunded' } }],
  ['shipped', { status: 'completed' }],
])('the status %s is known, by its slug, by its name, or by the options of the source', async (word, expected) => {
  const options = { statuses: { shipped: 'completed' } };
  const { reports } = await readFile(csvOf(SERVER, { ...ORDER, Status: word }), { kind: 'woocommerce', options });
  expect(reports[0]).toMatchObject(expected);
});

test('a status that nobody knows is a bad row and no guess', async () => {
  const { bad } = await readFile(csvOf(SERVER, { ...ORDER, Status: 'teleported' }), { kind: 'woocommerce' });
  expect(bad).toMatchObject([{ line: 2, fault: expect.stringContaining('"teleported"') as string }]);
});
