// Commission orders of a talent (带货助手) at 微信小店.
import { expect, test } from 'vitest';

import { mapOne } from '../wechat.ts';

const BASE = {
  order_id: '3736514860993107456',
  spu_id: '10000000139',
  sku_id: '9611686348',
  special_id: '',
  order_status: 20,
  actual_payment: '9999',
  order_pay_time: 1_780_308_060,
  order_create_time: 1_780_308_000,
  order_update_time: 1_780_308_090,
  buyer_info: { open_id: 'o', union_id: 'u' },
};
const COMMISSION = { state: 20, ratio: '100000', expect_settlement: '9.99', actual_settle_time: 0, actual_settlement: '' };
const mapped = (base: object = {}, commission: object = {}, more: object = {}) =>
  mapOne({ base_info: { ...BASE, ...base }, commission_info: { ...COMMISSION, ...commission }, ...more }, { orders: 'talent' });
const lineOf = (base: object = {}, commission: object = {}) => mapped(base, commission).report.lines![0]!;

test('a talent’s order has the talent’s own part, and names the account that it came through', () => {
  expect(mapped({}, {}, { channel_info: { channel_type: 2, channel_id: 'c1' } })).toMatchObject({
    report: {
      order_id: '3736514860993107456',
      status: 'paid',
      paid_at: '2026-06-01T10:01:00.000Z',
      buyer: { openid: 'o', unionid: 'u' },
      lines: [{ line_id: '9611686348', product_id: '10000000139', paid_amount: 9999, platform_commission: 999, settled_at: null }],
    },
    shop: 'unnamed',
    names: [{ type: 'channel', value: 'c1', lineId: '9611686348' }],
    unknownCode: null,
  });
});

test.each([
  ['9999', 9999],
  [9999, 9999],
  ['99.99', 9999],
  ['99.9', 9990],
  ['0', 0],
])('a payment of %j is %i fen', (actual_payment, fen) => {
  expect(lineOf({ actual_payment }).paid_amount).toBe(fen);
});

test.each(['1.234', '1e3', '-5', 'x'])('a payment of %j is none', (actual_payment) => {
  expect(() => mapped({ actual_payment })).toThrow(Error);
});

test.each([
  ['10', 1000],
  ['9.9', 990],
  ['', null],
])('an expected settlement of %j yuan is %s fen', (expect_settlement, fen) => {
  expect(lineOf({}, { expect_settlement }).platform_commission).toBe(fen);
});

test('what was settled in fact replaces what was expected, at its own time', () => {
  const settled = { state: 100, actual_settlement: '9.49', actual_settle_time: 1_781_700_000 };
  expect(lineOf({ order_status: 100, order_update_time: 1_781_700_005 }, settled)).toMatchObject({
    platform_commission: 949,
    settled_at: '2026-06-17T12:40:00.000Z',
    completed_at: '2026-06-17T12:40:05.000Z',
  });
  expect(mapped({ order_status: 100 }, settled).report.status).toBe('paid');
});

test('the codes of one field under the name of the other are read as its', () => {
  expect(mapped({ order_status: 20 }, { state: 30 }).unknownCode).toBeNull();
  expect(lineOf({ order_status: 200 }, { state: 250 })).toMatchObject({ paid_amount: 0, platform_commission: 0 });
});

test.each([
  [{ order_status: 2 }, {}, 'talent_order_status 2'],
  [{}, { state: 1 }, 'talent_order_state 1'],
])('codes that nobody explains are told to be unknown: %j %j', (base, commission, unknownCode) => {
  expect(mapped(base, commission)).toMatchObject({
    report: { status: null, lines: [{ completed_at: null, settled_at: null }] },
    unknownCode,
  });
});

test.each([
  [{ order_status: 250 }, {}],
  [{}, { state: 200 }],
])('a commission that is gone leaves nothing: %j %j', (base, commission) => {
  expect(mapped(base, commission).report).toMatchObject({ status: null, lines: [{ paid_amount: 0, platform_commission: 0 }] });
});

test('commission orders of one sku that a special id tells apart are lines of their own', () => {
  expect(lineOf({ special_id: 'SP1' }).line_id).toBe('9611686348/SP1');
  for (const special_id of ['', '0', 0, null, undefined]) expect(lineOf({ special_id }).line_id).toBe('9611686348');
});
