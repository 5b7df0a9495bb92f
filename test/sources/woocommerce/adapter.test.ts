// WooCommerce's words beyond its fixtures: what takes from lines, what is never guessed, and what
// is asked for.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { woocommerce } from '../../../src/sources/woocommerce/adapter.ts';

const LINE = { id: 315, product_id: 93, variation_id: 0, quantity: 1, total: '100.00', total_tax: '20.00' };
const OTHER = { ...LINE, id: 316, product_id: 94 };
const ORDER = {
  id: 727,
  status: 'processing',
  currency: 'USD',
  date_created_gmt: '2026-06-01T10:00:00',
  date_modified_gmt: '2026-06-01T10:00:00',
  date_paid_gmt: '2026-06-01T10:00:00',
  customer_id: 0,
  line_items: [LINE],
  refunds: [] as object[],
};

const kept = (body: object, options: object = {}, headers: Record<string, string> = {}) => ({
  body: Buffer.from(JSON.stringify(body)),
  headers,
  receivedAt: new Date(),
  options,
});
const map = (...parts: Parameters<typeof kept>) => woocommerce.map(kept(...parts));
const reportOf = (body: object, options: object = {}) => map({ ...ORDER, ...body }, options)[0]!.report;
const linesOf = (body: object) => reportOf(body).lines!.map((line) => line.paid_amount);
const refundsOf = (body: object) => Object.fromEntries(reportOf(body).refunds!.map((one) => [one.refund_id, one.amount]));

const told = (id: number, amount: string, parts: object = {}) => ({
  id,
  date_created_gmt: '2026-06-02T10:00:00',
  amount,
  reason: '',
  line_items: [],
  shipping_lines: [],
  fee_lines: [],
  ...parts,
});
const back = (of: number | null, total: string, tax: string, more: object = {}) => ({
  id: 900,
  quantity: -1,
  total,
  total_tax: tax,
  meta_data: of === null ? [] : [{ id: 1, key: '_refunded_item_id', value: String(of) }],
  ...more,
});

const paidOf = (currency: string, total: string | number) => linesOf({ currency, line_items: [{ ...LINE, total }] });

test('amounts finer than the minor unit are rounded once, half up, at the line', () => {
  expect([paidOf('JPY', '909.09'), paidOf('JPY', '909.50'), paidOf('JPY', '1000.00')]).toEqual([[909], [910], [1000]]);
  expect([paidOf('USD', '10.005'), paidOf('USD', '10.0049999'), paidOf('USD', 10.5), paidOf('USD', '10')]).toEqual([
    [1001],
    [1000],
    [1050],
    [1000],
  ]);
  expect(paidOf('KWD', '1.2345')).toEqual([1235]);
});

test('an amount that is none, and a line without one, refuse the order with a sentence', () => {
  for (const total of ['abc', null, undefined, {}, '1,000.00']) {
    expect(() => map({ ...ORDER, line_items: [{ ...LINE, total }] }), JSON.stringify(total)).toThrow();
  }
});

test('a refund that only its order tells takes the part that lines without tax are of lines with it', () => {
  const order = { line_items: [LINE, OTHER], refunds: [{ id: 1, reason: '', total: '-120.00' }] };
  expect(refundsOf(order)).toEqual({ 1: 10_000 });
  expect(refundsOf({ ...order, refunds: [...order.refunds, { id: 2, total: '-132.00' }] })).toEqual({ 1: 10_000, 2: 10_000 });
  expect(refundsOf({ refunds: [{ id: 1, total: '-33.33' }], line_items: [{ ...LINE, total_tax: '0.00' }] })).toEqual({ 1: 3333 });
});

test('a refund that the shop tells takes from its lines, without tax, freight and fees', () => {
  const line_items = [LINE, OTHER];
  const freight = [{ id: 901, total: '-10.00', total_tax: '-2.00' }];
  const of = (...refunds: object[]) => refundsOf({ line_items, refunds });
  expect(of(told(1, '120.00', { line_items: [back(315, '-100.00', '-20.00')] }))).toEqual({ '1-315': 10_000, 1: 0 });
  expect(of(told(1, '132.00', { line_items: [back(316, '-100.00', '-20.00')], shipping_lines: freight }))).toEqual({
    '1-316': 10_000,
    1: 0,
  });
  expect(of(told(1, '12.00', { shipping_lines: freight }))).toEqual({ 1: 0 });
  expect(of(told(1, '15.00', { fee_lines: freight }))).toEqual({ 1: 250 });
  expect(of(told(1, '12.00'))).toEqual({ 1: 1000 });
});

test('the money of a refund is its amount: where its items say more, they were given back in part', () => {
  expect(refundsOf({ refunds: [told(1, '60.00', { line_items: [back(315, '-100.00', '-20.00')] })] })).toEqual({ '1-315': 5000, 1: 0 });
});

test('the item of a refund is of the line that it names, else of the only one of its product', () => {
  const line_items = [LINE, OTHER, { ...OTHER, id: 317 }];
  const of = (item: object) => refundsOf({ line_items, refunds: [told(1, '120.00', { line_items: [item] })] });
  expect(of(back(null, '-100.00', '-20.00', { product_id: 93, variation_id: 0 }))).toEqual({ '1-315': 10_000, 1: 0 });
  expect(of(back(null, '-100.00', '-20.00', { product_id: 94, variation_id: 0 }))).toEqual({ 1: 10_000 });
  expect(of(back(4711, '-100.00', '-20.00', { product_id: 93 }))).toEqual({ 1: 10_000 });
});

test('a tax that the shop rounds by itself is no money that was given back beyond', () => {
  const line_items = [{ ...LINE, total: '8.33', total_tax: '1.67' }];
  expect(refundsOf({ line_items, refunds: [told(1, '10.01', { line_items: [back(315, '-8.33', '-1.67')] })] })).toEqual({
    '1-315': 833,
    1: 0,
  });
});

const observedAt = (refunds: object[], date_modified_gmt: string) => Date.parse(reportOf({ refunds, date_modified_gmt }).observed_at!);

test('what was asked for with its refunds is the later word of one second, and a new one is later than both', () => {
  const plain = observedAt([{ id: 1, total: '-1.00' }], '2026-06-02T10:00:00');
  const asked = observedAt([told(1, '1.00')], '2026-06-02T10:00:00');
  expect([asked > plain, asked < observedAt([{ id: 1, total: '-1.00' }], '2026-06-02T10:00:01')]).toEqual([true, true]);
});

const feeOf = (total: string) => ({ id: 1, name: 'Discount', total });

test('negative fees and negative lines are discounts of all lines, to the last unit', () => {
  expect(linesOf({ fee_lines: [feeOf('-40.00')] })).toEqual([6000]);
  expect(linesOf({ line_items: [LINE, { ...OTHER, total: '50.00' }], fee_lines: [feeOf('-40.00'), feeOf('3.00')] })).toEqual([7333, 3667]);
  expect(linesOf({ line_items: [LINE, { ...OTHER, product_id: 0, total: '-40.00' }] })).toEqual([6000]);
  expect(linesOf({ fee_lines: [feeOf('-400.00')] })).toEqual([0]);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 1_000_000 }), { minLength: 1, maxLength: 20 }), fc.nat({ max: 5_000_000 }), (cents, off) => {
      const line_items = cents.map((one, index) => ({ ...LINE, id: index + 1, total: (one / 100).toFixed(2) }));
      const total = cents.reduce((all, one) => all + one, 0);
      const paid = linesOf({ line_items, fee_lines: [feeOf(`-${(off / 100).toFixed(2)}`)] });
      expect(paid.reduce<number>((all, one) => all + one!, 0)).toBe(total - Math.min(off, total));
    }),
  );
});

test('a refund of a line that a fee made cheaper takes what was paid for it', () => {
  const refunds = [
    told(1, '60.00', { line_items: [back(315, '-100.00', '0.00')], fee_lines: [{ id: 2, total: '40.00', total_tax: '0.00' }] }),
  ];
  const line_items = [{ ...LINE, total_tax: '0.00' }];
  expect(refundsOf({ line_items, refunds, fee_lines: [{ id: 1, total: '-40.00', total_tax: '0.00' }] })).toEqual({ '1-315': 6000, 1: 0 });
});

const oddReport = (part: object) => map({ ...ORDER, ...part })[0]!.report;

test('a part that decides nothing never refuses its order', () => {
  for (const meta_data of [[{}], [[]], {}, null, 'x', [null], [{ key: null, value: 1 }], { 0: { key: 'fy_link', value: [] } }]) {
    expect(oddReport({ meta_data })).toMatchObject({ click_token: null, link_code: null, lines: [{ paid_amount: 10_000 }] });
  }
  expect(oddReport({ meta_data: { 3: { key: '_fy_click', value: 't' } } }).click_token).toBe('t');
  expect(oddReport({ meta_data: { fy_link: 'AbCd1234' } }).link_code).toBe('AbCd1234');
  for (const billing of [[], null, '', { email: [], phone: {} }, { email: 'a'.repeat(600) }]) {
    expect(oddReport({ billing }).buyer).toEqual({ customer_id: null, email: null, phone: null });
  }
  for (const customer_id of ['', 0, '0', null, [], false]) expect(oddReport({ customer_id }).buyer!['customer_id']).toBeNull();
  for (const time of ['0000-00-00', '0000-00-00T00:00:00', '-0001-11-30T00:00:00', '', null, 'soon', 0, '1970-01-01T00:00:00']) {
    expect(oddReport({ date_created_gmt: time, date_paid_gmt: time, date_completed_gmt: time })).toMatchObject({
      created_at: null,
      paid_at: null,
    });
  }
  expect(oddReport({ coupon_lines: [{ id: 1 }, { code: '' }, { code: 'alice10' }, null] }).coupon_codes).toEqual(['alice10']);
  expect(oddReport({ fee_lines: [{}, [], { total: '' }, null] }).lines).toMatchObject([{ paid_amount: 10_000 }]);
  expect(oddReport({ line_items: { 1: LINE, 3: OTHER } }).lines).toHaveLength(2);
});

const quantityOf = (quantity: unknown, total = '15.20') => reportOf({ line_items: [{ ...LINE, quantity, total }] }).lines![0];

test('a part of a unit is a line with its exact amount, and counts as one', () => {
  expect(quantityOf(1.52)).toMatchObject({ quantity: 1, paid_amount: 1520 });
  expect(quantityOf('0.25')).toMatchObject({ quantity: 1 });
  expect(quantityOf(2.9)).toMatchObject({ quantity: 2 });
  expect(quantityOf(0)).toMatchObject({ quantity: 1, paid_amount: 1520 });
  expect(quantityOf(0, '0.00')).toMatchObject({ quantity: 0 });
  expect(quantityOf(9e15)).toMatchObject({ quantity: 2_147_483_647 });
  expect(quantityOf(null)).toMatchObject({ quantity: null });
});

test('a shop may say what its own statuses do, and what ours do to it', () => {
  const statuses = { 'wc-shipped': 'completed', lost: 'void', 'on-hold': 'paid' };
  const options = woocommerce.options.parse({ statuses });
  const of = (status: string) => map({ ...ORDER, status }, options)[0]!;
  expect(of('shipped')).toMatchObject({ unknownCode: null, report: { status: 'completed' } });
  expect(of('wc-shipped')).toMatchObject({ unknownCode: null, report: { status: 'completed' } });
  expect(of('lost').report).toMatchObject({ status: 'created', void: { reason: 'lost' } });
  expect(of('on-hold').report.status).toBe('paid');
  for (const status of ['delivered', 'constructor', '__proto__', '']) {
    expect(of(status)).toMatchObject({ unknownCode: `status ${status}` });
    expect(of(status).report.status).toBeUndefined();
  }
  expect(woocommerce.options.safeParse({ statuses: { shipped: 'gone' } }).success).toBe(false);
  expect(woocommerce.explains!(options)).toEqual(expect.arrayContaining(['status shipped', 'status wc-shipped', 'status lost']));
});

test('what has lines and is no order tells nothing, whatever its topic says', () => {
  const subscription = { ...ORDER, status: 'active', billing_period: 'month', billing_interval: '1', order_key: 'wc_order_1' };
  for (const resource of [undefined, 'order', 'subscription']) {
    const headers: Record<string, string> =
      resource === undefined ? {} : { 'x-wc-webhook-topic': `${resource}.updated`, 'x-wc-webhook-resource': resource };
    for (const other of [subscription, { id: 1, name: 'Beanie' }, { id: 1, line_items: [LINE] }, { ...ORDER, type: 'shop_order_refund' }]) {
      expect(map(other, {}, headers), JSON.stringify([resource, other])).toEqual([]);
    }
  }
  expect(map(ORDER, {}, { 'x-wc-webhook-topic': 'quote.created' })).toEqual([]);
  const whole = { ...ORDER, order_key: 'wc_order_1' };
  expect(map(whole, {}, { 'x-wc-webhook-topic': 'product.updated' })).toHaveLength(1);
});

test('refunds without their lines and deleted orders are asked for where the shop can be asked', () => {
  const options = { url: 'https://shop.example.com' };
  const wanted = (body: object, stated: object = options, headers = {}) => woocommerce.wanted!(kept(body, stated, headers));
  const plain = { ...ORDER, refunds: [{ id: 1, total: '-1.00' }] };
  expect(wanted(plain)).toEqual([{ key: 'order/727' }]);
  expect(wanted({ id: 727 })).toEqual([{ key: 'order/727' }]);
  expect([wanted(plain, {}), wanted({ id: 727 }, {}), wanted(ORDER), wanted({ ...ORDER, refunds: [told(1, '1.00')] })]).toEqual([
    [],
    [],
    [],
    [],
  ]);
  expect(wanted({ id: 93 }, options, { 'x-wc-webhook-topic': 'product.deleted' })).toEqual([]);
});

test('an address that is none is refused, and so is one that says more than where the shop is', () => {
  for (const url of [
    'not a url',
    '',
    'https://',
    'http://shop.example.com',
    'https://u:p@shop.example.com',
    'https://s.example.com/?a=1',
    'https://s.example.com/#a',
    7,
  ]) {
    expect(woocommerce.options.safeParse({ url }).success, String(url)).toBe(false);
  }
  expect(woocommerce.options.safeParse({ url: 'https://shop.example.com/wp' }).success).toBe(true);
});

test('a secret that is blank or guessed in a few tries is refused', () => {
  for (const secret of ['', ' ', '\t\n', 'abc', '    a    ', ['hush', ' ']]) {
    expect(woocommerce.secrets.safeParse({ secret }).success, JSON.stringify(secret)).toBe(false);
  }
  expect(woocommerce.secrets.safeParse({ secret: 'hush', consumer_key: ' ', consumer_secret: 'cs_1' }).success).toBe(false);
  expect(woocommerce.secrets.safeParse({ secret: 'hush' }).success).toBe(true);
});
