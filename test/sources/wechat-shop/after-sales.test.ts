// After-sales at 微信小店: which of their states holds a line, which pays back, and which ends without
// money.
import { expect, test } from 'vitest';

import { mapAll, mapOne } from '../wechat.ts';

const UPDATED = 1_780_308_000;
const row = (told: object = {}) => ({
  after_sale_order: {
    after_sale_order_id: '2000000000001',
    order_id: '37',
    status: 'MERCHANT_REFUND_SUCCESS',
    type: 'REFUND',
    update_time: UPDATED,
    product_info: { product_id: 'p1', sku_id: '111', count: 1 },
    refund_info: { amount: 100, refund_reason: 1 },
    ...told,
  },
});
const HELD = '2026-06-08T10:00:00.000Z';

test.each([
  ['MERCHANT_REFUND_SUCCESS', 'succeeded', undefined],
  ['MERCHANT_RETURN_SUCCESS', 'succeeded', undefined],
  ['USER_CANCELD', 'failed', undefined],
  ['RETURN_CLOSED', 'failed', undefined],
  ['MERCHANT_FAIL', 'failed', undefined],
  ['MERCHANT_REFUND_RETRY_FAIL', 'failed', undefined],
  ['MERCHANT_EXCHANGE_SUCCESS', 'failed', undefined],
  ['MERCHANT_REJECT_EXCHANGE', 'failed', undefined],
  ['MERCHANT_REJECT_RESHIP', 'failed', undefined],
  ['MERCHANT_REJECT_REFUND', 'failed', HELD],
  ['MERCHANT_REJECT_RETURN', 'failed', HELD],
  ['MERCHANT_PROCESSING', 'open', undefined],
  ['USER_WAIT_RETURN', 'open', undefined],
  ['MERCHANT_WAIT_RECEIPT', 'open', undefined],
  ['MERCHANT_OVERDUE_REFUND', 'open', undefined],
  ['PLATFORM_REFUNDING', 'open', undefined],
  ['PLATFORM_REFUND_FAIL', 'open', undefined],
  ['USER_WAIT_CONFIRM', 'open', undefined],
  ['USER_WAIT_CONFIRM_UPDATE', 'open', undefined],
  ['USER_WAIT_HANDLE_MERCHANT_AFTER_SALE', 'open', undefined],
  ['USER_WAIT_RECEIPT', 'open', undefined],
  ['WAIT_PACKAGE_INTERCEPT', 'open', undefined],
  ['PLATFORM_PROCESSING', 'open', undefined],
])('an after-sale in %s is %s', (status, expected, heldUntil) => {
  const { report, unknownCode } = mapOne(row({ status }));
  expect(report.refunds).toMatchObject([{ refund_id: '2000000000001', line_id: '111', status: expected, amount: 100 }]);
  // What can only be followed by silence ends by itself: the plan of its hold is the line's, and no
  // refund stays open.
  expect(report.lines?.[0]?.hold_until).toBe(heldUntil);
  expect(unknownCode).toBeNull();
});

test('a state that nobody has told us of holds its line and takes nothing', () => {
  expect(mapOne(row({ status: 'SOMETHING_NEW' }))).toMatchObject({
    report: { refunds: [{ status: 'open' }] },
    unknownCode: 'after-sale SOMETHING_NEW',
  });
});

test.each(['EXCHANGE', 'RESHIP'])('an after-sale of the type %s sends goods: it holds while it lasts and never pays back', (type) => {
  expect(mapOne(row({ type, status: 'MERCHANT_WAIT_RECEIPT' })).report.refunds).toMatchObject([{ status: 'open', amount: 0 }]);
  for (const status of ['MERCHANT_EXCHANGE_SUCCESS', 'MERCHANT_RETURN_SUCCESS', 'MERCHANT_REFUND_SUCCESS']) {
    expect(mapOne(row({ type, status })).report.refunds).toMatchObject([{ status: 'failed', amount: 0, refunded_at: null }]);
  }
});

test('a refund that is refused without its sku holds the whole order as long', () => {
  const { report } = mapOne(row({ status: 'MERCHANT_REJECT_REFUND', product_info: {} }));
  expect(report).toMatchObject({ hold_until: HELD, refunds: [{ line_id: null, status: 'failed' }] });
  expect(report.lines).toBeUndefined();
});

test('money that came back came back when it was done, with the reason in the words of the shop', () => {
  const done = mapOne(row({ complete_time: UPDATED + 60, reason: 'NO_LONGER_WANT', reason_text: '不想要了' }));
  expect(done.report.refunds).toMatchObject([{ refunded_at: '2026-06-01T10:01:00.000Z', reason: '不想要了' }]);
  expect(mapOne(row()).report.refunds).toMatchObject([{ refunded_at: '2026-06-01T10:00:00.000Z', reason: null }]);
});

test('an amount is needed where money came back, and nowhere else', () => {
  expect(() => mapOne(row({ refund_info: {} }))).toThrow('how much');
  expect(() => mapOne(row({ refund_info: { amount: -1 } }))).toThrow(Error);
  expect(mapOne(row({ refund_info: null, status: 'MERCHANT_PROCESSING' })).report.refunds).toMatchObject([{ status: 'open' }]);
  expect(mapOne(row({ refund_info: null, type: 'EXCHANGE' })).report.refunds).toMatchObject([{ amount: 0 }]);
});

test.each(['merchant_upload_info', 'return_info', 'details', 'type', 'reason', 'reason_text', 'complete_time', 'complaint_id', 'openid'])(
  'a broken %s refuses no after-sale',
  (field) => {
    for (const broken of [null, '', 0, [], {}, 'x']) {
      expect(mapOne(row({ [field]: broken })).report.refunds).toMatchObject([{ amount: 100, status: 'succeeded' }]);
    }
  },
);

const gift = (orders: object[], told: object = {}) => ({
  after_sale_order: {
    after_sale_order_id: '6000000000000001',
    present_order_id: '4200000000000001',
    status: 'MERCHANT_REFUND_SUCCESS',
    update_time: UPDATED,
    refund_info: { amount: 100 },
    order_info_list: orders,
    ...told,
  },
});
const ofOrder = (orderId: string, amount: number, products: object[] = []) => ({
  order_id: orderId,
  refund_info: { amount },
  product_info_list: products,
});
const ofSku = (skuId: string, amount: number) => ({ product_id: 'p', sku_id: skuId, count: 1, refund_info: { amount } });

test('what came back of a gift lands on the orders that it came back of, and nothing on its sheet', () => {
  const mapped = mapAll(gift([ofOrder('3701', 51, [ofSku('1', 51)]), ofOrder('3702', 49, [ofSku('1', 20), ofSku('2', 29)])]));
  expect(mapped.map(({ report }) => report.order_id)).toEqual(['3701', '3702']);
  expect(mapped[0]!.report.refunds).toMatchObject([{ line_id: '1', amount: 51, status: 'succeeded' }]);
  expect(mapped[1]!.report.refunds).toMatchObject([
    { line_id: '1', amount: 20 },
    { line_id: '2', amount: 29 },
  ]);
  expect(new Set(mapped[1]!.report.refunds!.map((one) => one.refund_id)).size).toBe(2);
});

test('a gift whose skus do not say their parts is refunded by order, and one in progress holds its orders', () => {
  expect(mapAll(gift([ofOrder('3701', 51)]))[0]!.report.refunds).toMatchObject([{ line_id: null, amount: 51, status: 'succeeded' }]);
  const open = mapAll(gift([ofOrder('3701', 51, [ofSku('1', 51)])], { status: 'PLATFORM_REFUNDING' }));
  expect(open[0]!.report.refunds).toMatchObject([{ line_id: '1', status: 'open' }]);
  expect(mapAll(gift([ofOrder('3701', 1)], { status: 'NEW' }))[0]!.unknownCode).toBe('after-sale NEW');
  expect(mapAll(gift([]))).toEqual([]);
  expect(() => mapAll(gift([{ order_id: '3701' }]))).toThrow('how much');
});

test('the same sku twice in a gift is one refund', () => {
  expect(mapAll(gift([ofOrder('3701', 51, [ofSku('1', 50), ofSku('1', 1)])]))[0]!.report.refunds).toMatchObject([{ amount: 51 }]);
});
