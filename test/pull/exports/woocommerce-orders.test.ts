import { expect, test } from 'vitest';

import { csvOf, readFile } from './reading.ts';

const PLUGIN =
  `order_id,order_number,order_date,paid_date,status,shipping_total,shipping_tax_total,fee_total,fee_tax_total,tax_total,cart_discount,
order_discount,discount_total,order_total,order_subtotal,order_currency,payment_method,transaction_id,customer_id,customer_user,customer_email,
billing_first_name,billing_email,billing_phone,customer_note,shipping_items,fee_items,tax_items,coupon_items,refund_items,order_notes,meta:_fy_link,
line_item_1,line_item_2`
    .replaceAll('\n', '')
    .split(',');

const EXPORTED = {
  order_id: '2044',
  order_date: '2026-11-05 21:06:21',
  paid_date: '2026-11-05 21:07:00',
  status: 'processing',
  shipping_total: '3.00',
  shipping_tax_total: '0.60',
  fee_total: '0.00',
  tax_total: '6.60',
  order_total: '39.60',
  order_subtotal: '40.00',
  order_currency: 'EUR',
  customer_id: '0',
  billing_email: 'ada@example.com',
  coupon_items: 'code:SPRING|amount:10.00',
  'meta:_fy_link': 'abcd',
  line_item_1: 'name:A & B|product_id:31529|sku:=SKU|quantity:2|total:20.00|sub_total:26.67',
  line_item_2: 'name:C|product_id:0|sku:|quantity:1|total:10.00|sub_total:13.33',
};

const readPlugin = (row: Record<string, string>) => readFile(csvOf(PLUGIN, row), { kind: 'woocommerce' });

test("an orders export tells of lines without their ids: they stand in for the shop's own, and are without tax and freight", async () => {
  const { export: known, reports, ignored } = await readPlugin(EXPORTED);
  expect(known).toBe('woocommerce_orders');
  expect(reports).toMatchObject([
    {
      order_id: '2044',
      status: 'paid',
      currency: 'EUR',
      paid_at: '2026-11-05T13:07:00.000Z',
      buyer: { email: 'ada@example.com' },
      link_code: 'abcd',
      coupon_codes: ['SPRING'],
      lines: [
        { line_id: '*:1', product_id: '31529', quantity: 2, paid_amount: 2000 },
        { line_id: '*:2', quantity: 1, paid_amount: 1000 },
      ],
    },
  ]);
  expect(ignored).toContain('order_subtotal');
});

test('what went back is told with freight and tax: of it the share of the goods', async () => {
  const half = await readPlugin({ ...EXPORTED, refund_items: 'amount:9.80|reason:|date:2026-11-06;amount:10.00|reason:x|date:2026-11-07' });
  expect(half.reports[0]).toMatchObject({ refunds: [{ refund_id: '*', amount: 1500 }] });
  const whole = await readPlugin({ ...EXPORTED, status: 'refunded', refund_items: 'amount:39.60|reason:|date:2026-11-06' });
  expect(whole.reports[0]).toMatchObject({ status: 'paid', refunds: [{ amount: 3000 }] });
  expect(whole.reports[0]).not.toHaveProperty('void');
});

test('an export of sums only is the sum without freight, tax and fees; a fee below zero is a discount', async () => {
  const bare = Object.fromEntries(Object.entries(EXPORTED).filter(([name]) => !name.startsWith('line_item')));
  expect((await readPlugin(bare)).reports[0]).toMatchObject({ lines: [{ line_id: '*', paid_amount: 3000 }] });
  const discounted = await readPlugin({ ...bare, fee_total: '-5.00', order_total: '34.60' });
  expect(discounted.reports[0]).toMatchObject({ lines: [{ paid_amount: 2500 }] });
});

test('a row for each line has the ids of the shop, and so has its refund its line', async () => {
  const columns = [...PLUGIN.slice(0, 16), 'item_id', 'item_product_id', 'item_quantity', 'item_total', 'item_refunded'];
  const rows = [
    { ...EXPORTED, item_id: '71', item_product_id: '9', item_quantity: '2', item_total: '20.00', item_refunded: '5.00' },
    { ...EXPORTED, item_id: '72', item_product_id: '8', item_quantity: '1', item_total: '10.00', item_refunded: '0' },
  ];
  const { reports, bad } = await readFile(csvOf(columns, ...rows), { kind: 'woocommerce' });
  expect(bad).toEqual([]);
  expect(reports).toMatchObject([
    { lines: [{ line_id: '71', product_id: '9', quantity: 2, paid_amount: 2000 }], refunds: [{ line_id: '71', amount: 500 }] },
    { lines: [{ line_id: '72', product_id: '8', quantity: 1, paid_amount: 1000 }], refunds: [] },
  ]);
});
