import { expect, test } from 'vitest';

import { csvOf, readFile } from './reading.ts';

/** The columns of an orders_export of today. */
const COLUMNS =
  `Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,
Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,
Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,
Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,Shipping Address1,
Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,
Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,
Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,
Billing Province Name,Shipping Province Name,Payment ID,Payment Terms Name,Next Payment Due At,Payment References`
    .replaceAll('\n', '')
    .split(',');

const FIRST = {
  Name: '#1001',
  Email: 'ada@example.com',
  'Financial Status': 'paid',
  'Paid at': '2026-11-05 21:06:21 +0400',
  'Fulfillment Status': 'unfulfilled',
  Currency: 'USD',
  Subtotal: '47.00',
  Shipping: '6.00',
  Taxes: '3.29',
  Total: '56.29',
  'Discount Code': 'FALL5',
  'Created at': '2026-11-05 21:05:00 +0400',
  'Lineitem quantity': '2',
  'Lineitem name': 'Print',
  'Lineitem price': '16.00',
  'Note Attributes': 'gift: yes\nfy_click: t0ken\nfy_link: abcd',
  'Refunded Amount': '0.00',
  Id: '5550000000001',
};
const SECOND = {
  Name: '#1001',
  Email: 'ada@example.com',
  'Created at': '2026-11-05 21:05:00 +0400',
  'Lineitem quantity': '1',
  'Lineitem name': 'Bag',
};

const read = (...rows: Record<string, string>[]) => readFile(csvOf(COLUMNS, ...rows), { kind: 'shopify' });

test('an export of 79 columns is taken as it is: the rows of an order are one order, by its id and not by its name', async () => {
  expect(COLUMNS).toHaveLength(79);
  const { export: known, reports, bad, ignored } = await read(FIRST, SECOND, { ...FIRST, Name: '#1002', Id: '5550000000002' });
  expect({ known, bad }).toEqual({ known: 'shopify_orders', bad: [] });
  expect(reports).toMatchObject([
    {
      order_id: '5550000000001',
      status: 'paid',
      currency: 'USD',
      created_at: '2026-11-05T17:05:00.000Z',
      paid_at: '2026-11-05T17:06:21.000Z',
      buyer: { email: 'ada@example.com' },
      click_token: 't0ken',
      link_code: 'abcd',
      coupon_codes: ['FALL5'],
      lines: [{ line_id: '*', quantity: 3, paid_amount: 4700 }],
    },
    { order_id: '5550000000002', lines: [{ quantity: 2 }] },
  ]);
  expect(reports[0]!.observed_at).toBeUndefined();
  expect(ignored).toContain('Billing Name');
  expect(ignored).not.toContain('Id');
});

test('goods are counted without freight and tax, also where prices include it, and so are refunds', async () => {
  const included = { ...FIRST, Subtotal: '120.00', Shipping: '0.00', Taxes: '20.00', Total: '120.00', 'Refunded Amount': '60.00' };
  expect((await read(included)).reports[0]).toMatchObject({ lines: [{ paid_amount: 10000 }], refunds: [{ refund_id: '*', amount: 5000 }] });
  const whole = { ...FIRST, 'Financial Status': 'refunded', 'Refunded Amount': '56.29' };
  expect((await read(whole)).reports[0]).toMatchObject({ status: 'paid', lines: [{ paid_amount: 4700 }], refunds: [{ amount: 4700 }] });
});

test.each([
  [{ 'Financial Status': 'pending', 'Paid at': '' }, { status: 'created' }],
  [
    { 'Fulfillment Status': 'fulfilled', 'Fulfilled at': '2026-11-07 10:00:00 +0400' },
    { status: 'completed', completed_at: '2026-11-07T06:00:00.000Z' },
  ],
  [{ 'Cancelled at': '2026-11-06 10:00:00 +0400' }, { void: { reason: 'cancelled' } }],
  [{ 'Financial Status': 'voided' }, { status: 'created', void: { reason: 'voided' } }],
])('how far an order has come is read as its pushes are: %o', async (cells, expected) => {
  const { reports } = await read({ ...FIRST, ...cells });
  expect(reports[0]).toMatchObject(expected);
});

test('a file never says that an order is void no more, because it may be older than what is known', async () => {
  expect((await read(FIRST)).reports[0]).not.toHaveProperty('void');
});

test.each([
  [{ Id: '5.55E+12' }, 'its last digits are lost'],
  [{ Id: '' }, 'is missing'],
  [{ 'Financial Status': 'future' }, 'no word of Shopify'],
  [{ Subtotal: 'free' }, 'is no amount in USD'],
  [{ Subtotal: '' }, 'subtotal: is missing'],
  [{ 'Created at': '05/11/2026' }, 'no time that is certain'],
])('a row that cannot be read is refused by its line and reason, and the others are taken: %o', async (cells, reason) => {
  const { reports, bad } = await read(FIRST, SECOND, { ...FIRST, Name: '#9', Id: '5550000000009', ...cells });
  expect(reports).toHaveLength(1);
  expect(bad).toEqual([{ line: expect.any(Number) as number, fault: expect.stringContaining(reason) as string }]);
});

test('a row of lines whose order is not before it is refused, and is no order', async () => {
  const { reports, bad } = await read({ ...SECOND, Name: '#7' }, FIRST);
  expect(reports).toHaveLength(1);
  expect(bad).toMatchObject([{ fault: expect.stringContaining('goes on with an order') as string }]);
});

test('without the column of its ids the export is refused as a whole, and a mapping says which column has them', async () => {
  const columns = COLUMNS.filter((name) => name !== 'Id');
  await expect(readFile(csvOf(columns, FIRST), { kind: 'shopify' })).rejects.toThrow('without the column "id"');
  const read = await readFile(csvOf(['Name', 'Total'], { Name: '#1', Total: '5.00' }), {
    kind: 'rest',
    mapping: [
      ['Name', 'order_id'],
      ['Total', 'paid_amount'],
    ],
  });
  expect(read.reports).toMatchObject([{ order_id: '#1', lines: [{ paid_amount: 500 }] }]);
});

test('a mapped column adds to what the export says', async () => {
  const { reports } = await readFile(csvOf(COLUMNS, { ...FIRST, Tags: 'bob' }), { kind: 'shopify', mapping: [['Tags', 'promoter_id']] });
  expect(reports[0]).toMatchObject({ order_id: '5550000000001', promoter_id: 'bob', lines: [{ paid_amount: 4700 }] });
});

test('an order of more rows than anybody keeps is one bad row, and none of them is held', async () => {
  const rows = Array.from({ length: 2500 }, () => SECOND);
  const { reports, bad } = await readFile(
    csvOf(['Name', 'Financial Status', 'Subtotal', 'Total', 'Lineitem quantity', 'Id'], FIRST, ...rows),
    {
      kind: 'shopify',
    },
  );
  expect(reports).toEqual([]);
  expect(bad).toEqual([{ line: 2, fault: 'the order has more than 2000 rows' }]);
});
