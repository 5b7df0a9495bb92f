// The parts of a shop's order at 抖店, and their after-sales, as the platform tells them.
import { expect, test } from 'vitest';

import { doudian } from '../../../src/sources/doudian/adapter.ts';

const kept = (value: unknown, options: Record<string, unknown> = {}) => ({
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers: {},
  receivedAt: new Date('2026-06-01T00:00:00Z'),
  options: doudian.options.parse(options),
});

const PARTS = [
  { order_id: '11', pay_amount: 10_000, post_amount: 1000, main_status: 5, order_status: 5, finish_time: 1_780_912_800 },
  { order_id: '12', pay_amount: 5000, post_amount: 0, main_status: 5, order_status: 5, finish_time: 1_780_999_200 },
];
const SHOP_ORDER = {
  order_id: '11',
  order_status: 5,
  main_status: 5,
  shop_id: 123_456,
  create_time: 1_780_308_000,
  pay_time: 1_780_308_060,
  finish_time: 1_780_999_200,
  update_time: 1_781_000_000,
  doudian_open_id: '1@#buyer==',
};
/** An order with two parts, of which the first says this, too. */
const shopOrder = (first: object, order: object = {}) => ({
  ...SHOP_ORDER,
  ...order,
  sku_order_list: [{ ...PARTS[0], ...first }, PARTS[1]],
});
const orderOf = (first: object, order: object = {}) => doudian.map(kept(shopOrder(first, order)))[0]!;
const info = (after_sale_status: number, after_sale_type: number, refund_status: number) => ({
  after_sale_info: { after_sale_status, after_sale_type, refund_status },
});

test('each part of an order is completed by itself, and the order once all of them are', () => {
  const all = orderOf({}).report;
  expect(all).toMatchObject({ status: 'completed', whole: ['lines'], buyer: { openid: '1@#buyer==' } });
  expect(all.lines!.map((line) => line.completed_at)).toEqual(['2026-06-08T10:00:00.000Z', '2026-06-09T10:00:00.000Z']);
  expect([all.completed_at, all.settled_at]).toEqual([undefined, undefined]);
  const one = orderOf({ main_status: 3, order_status: 3, finish_time: 0 }).report;
  expect(one).toMatchObject({ status: 'paid', lines: [{ completed_at: null }, { completed_at: '2026-06-09T10:00:00.000Z' }] });
});

test.each([4, 21, 22, 39])('a part in %i is gone, whatever becomes of the others', (main_status) => {
  const { report } = orderOf({ main_status, order_status: main_status === 4 ? 4 : 5, ...info(12, 1, 3) });
  expect(report).toMatchObject({
    status: 'completed',
    void: false,
    lines: [{ quantity: 0, paid_amount: 9000 }, { quantity: 1 }],
    refunds: [],
  });
});

test.each([
  ['applied for', info(6, 0, 1), 'open'],
  ['on its way back', info(7, 0, 1), 'open'],
  ['refused once', info(27, 0, 1), 'open'],
  ['to be exchanged', info(13, 3, 0), 'open'],
  ['cancelled by the buyer', info(28, 1, 1), 'failed'],
  ['exchanged', info(14, 3, 0), 'failed'],
  ['sent again, which returns no money', info(12, 7, 0), 'failed'],
  ['refused by the bank', info(12, 1, 4), 'failed'],
  ['refunded for an amount that nobody has told', info(12, 1, 3), 'open'],
  ['agreed to, while the money is on its way', info(12, 1, 1), 'open'],
  ['in a state that nobody knows', info(99, 1, 1), 'open'],
])('a part whose after-sale is %s says so, without an amount', (_what, told, status) => {
  const { report, unknownCode } = orderOf(told);
  expect(report.refunds).toEqual([{ refund_id: '11-aftersale', line_id: '11', amount: 0, status, refunded_at: null }]);
  expect(unknownCode).toBe(told.after_sale_info.after_sale_status === 99 ? 'after_sale_status 99' : null);
});

test('a part without an after-sale says nothing of one', () => {
  for (const told of [info(0, 0, 0), {}, { after_sale_info: null }]) expect(orderOf(told).report.refunds).toEqual([]);
});

const listed = (told: object, parts: object[] = []) => ({
  aftersale_info: {
    aftersale_id: '7001',
    aftersale_type: 1,
    aftersale_status: 12,
    refund_status: 3,
    refund_amount: 3200,
    refund_post_amount: 200,
    related_id: '11',
    update_time: 1_781_000_500,
    ...told,
  },
  order_info: { related_order_info: parts },
});
const refundsIn = (after_sales: object[]) => orderOf(info(12, 1, 3), { after_sales }).report.refunds;
const spoken = { refund_id: '11-aftersale', line_id: '11', amount: 0, status: 'failed', refunded_at: null };
const back = { refund_id: '7001', line_id: '11', amount: 3000, status: 'succeeded', refunded_at: '2026-06-09T10:21:40.000Z' };

test('with its after-sales an order says for how much, without the freight, later than it said itself that there is one', () => {
  expect(refundsIn([listed({})])).toEqual([spoken, back]);
  expect(orderOf(info(12, 1, 3), { after_sales: [listed({})] }).report.observed_at).toBe('2026-06-09T10:21:40.001Z');
  expect(orderOf(info(12, 1, 3)).report.observed_at).toBe('2026-06-09T10:13:20.000Z');
  expect(refundsIn([listed({ refund_status: 1 })])).toMatchObject([spoken, { ...back, status: 'open', refunded_at: null }]);
  expect(refundsIn([listed({ aftersale_status: 28, refund_status: 1 })])).toMatchObject([spoken, { status: 'failed' }]);
  expect(refundsIn([listed({ aftersale_status: 12, aftersale_type: 3, refund_status: 0 })])).toMatchObject([spoken, { status: 'failed' }]);
});

test('an after-sale of several parts is divided among them by what each gives back, to the fen', () => {
  const parts = [
    { sku_order_id: '11', aftersale_pay_amount: 1001 },
    { sku_order_id: '12', aftersale_pay_amount: 2000 },
  ];
  const refunds = refundsIn([listed({ refund_amount: 3000, refund_post_amount: 0 }, parts)])!;
  expect(
    refunds.filter(({ status }) => status === 'succeeded').map(({ refund_id, line_id, amount }) => [refund_id, line_id, amount]),
  ).toEqual([
    ['7001', '11', 1001],
    ['7001-12', '12', 1999],
  ]);
});

const wants = (value: unknown) => doudian.wanted!(kept(value));

test('what an order says of after-sales is asked for with their amounts, and one under way is asked for again', () => {
  expect(wants(shopOrder({}))).toEqual([]);
  expect(wants(shopOrder(info(12, 1, 3)))).toEqual([{ key: 'refunds/11' }]);
  expect(wants(shopOrder(info(6, 1, 1)))).toEqual([{ key: 'refunds/11' }]);
  expect(wants(shopOrder(info(12, 1, 3), { after_sales: [listed({})] }))).toEqual([]);
  expect(wants(shopOrder(info(6, 1, 1), { after_sales: [listed({ aftersale_status: 6, refund_status: 1 })] }))).toEqual([
    { key: 'refunds/11', afterMs: 21_600_000 },
  ]);
});

const phases = (pay_success: boolean) => [
  { total_phase: 2, current_phase: 1, phase_pay_time: 1_780_308_000, pay_success: true },
  { total_phase: 2, current_phase: 2, phase_pay_time: pay_success ? 1_780_400_000 : 0, pay_success },
];

test('of a presale the deposit says when it was bought, and what is partly paid is not paid', () => {
  const partly = orderOf({ main_status: 103 }, { order_status: 1, main_status: 103, order_phase_list: phases(false) }).report;
  expect(partly).toMatchObject({ status: 'created', paid_at: null, deposit_paid_at: '2026-06-01T10:00:00.000Z' });
  const paid = orderOf({ main_status: 105 }, { order_status: 105, main_status: 105, order_phase_list: phases(true) }).report;
  expect(paid).toMatchObject({ status: 'paid', paid_at: '2026-06-01T10:01:00.000Z', deposit_paid_at: '2026-06-01T10:00:00.000Z' });
});

test('samples earn nothing', () => {
  expect(orderOf({ trade_type: 10 }).report.lines).toMatchObject([{ not_commissionable: 'sample' }, { not_commissionable: null }]);
  expect(orderOf({}, { biz: 33 }).report.sample).toBe(true);
});

test('an order that may have more parts than 抖店 shows does not say that it lists them all', () => {
  const parts = Array.from({ length: 40 }, (_, index) => ({ ...PARTS[0], order_id: String(index) }));
  expect(doudian.map(kept({ ...SHOP_ORDER, sku_order_list: parts }))[0]!.report.whole).toBeNull();
  expect(doudian.map(kept({ ...SHOP_ORDER, sku_order_list: parts.slice(1) }))[0]!.report.whole).toEqual(['lines']);
});
