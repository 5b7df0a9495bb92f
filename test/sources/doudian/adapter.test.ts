// What 抖店 pushes and signs beyond the story of an order.
import { expect, test } from 'vitest';

import { doudianSign } from '../../../src/sources/doudian/call.ts';
import { doudian } from '../../../src/sources/doudian/adapter.ts';

const SECRETS = { app_key: '1234567890', app_secret: 'secret' };
const PUSHED = '[{"tag":"101","msg_id":"MSG-1","data":"{\\"p_id\\":4781320682406083640,\\"pay_time\\":1661500000}"}]';

const push = (text: string, sign: string) =>
  doudian.verify({
    method: 'POST',
    headers: { 'app-id': '1234567890', 'event-sign': sign },
    query: {},
    body: Buffer.from(text),
    secrets: SECRETS,
    now: new Date(),
  });
const kept = (value: unknown, options: Record<string, unknown> = {}) => ({
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers: {},
  receivedAt: new Date('2026-06-01T00:00:00Z'),
  options: doudian.options.parse(options),
});

test('a push is believed by the MD5 of key, body and secret', () => {
  expect(push(PUSHED, '973a1810130b02ffd3c85e7d2584b7d3')).toEqual({ ok: true, signedId: null, keep: { 'app-id': '1234567890' } });
  expect(push(PUSHED, '973a1810130b02ffd3c85e7d2584b7d4')).toEqual({ ok: false, reason: 'wrong_signature' });
});

test('the question whether we are there is answered and not kept', () => {
  const ping = '[{"tag":"0","msg_id":"0","data":"2026-06-01"}]';
  expect(push(ping, '84ec544c8832af0badef923b3cabc2b3')).toEqual({ ok: true, answer: doudian.answer });
});

test('calls are signed as the platform and others sign them', () => {
  const ours = {
    appKey: '1234567890',
    method: 'order.orderDetail',
    json: '{"shop_order_id":"4781320682406083640"}',
    timestamp: 1_687_140_000,
  };
  expect(doudianSign('secret', ours)).toBe('53ad10b8146462b630c27b841c0ed1434870c90f213553a3fea33f1f0cb0a45f');
  const theirs = { appKey: 'appkey123', method: 'order.searchList', json: '{"page":0,"size":100}', timestamp: 1_800_000_000 };
  expect(doudianSign('secret123', theirs)).toBe('8a5350b8fdacaa753c0885ab9859d382a31de4add09c6943c1d34298bd2165f1');
});

test('a push names an order, with all its digits, and tells nothing of it', () => {
  expect(doudian.wanted!(kept(PUSHED))).toEqual([{ key: 'order/4781320682406083640' }]);
  expect(doudian.map(kept(PUSHED))).toEqual([]);
});

test('the message of a refund is a refund at once, without its freight', () => {
  const told = {
    p_id: 1,
    s_id: 2,
    aftersale_id: 7005,
    refund_amount: 1200,
    refund_post_amount: 200,
    success_time: 1_661_503_600,
    shop_id: 123_456,
  };
  const at = '2022-08-26T08:46:40.000Z';
  expect(doudian.map(kept([{ tag: '206', msg_id: 'M', data: JSON.stringify(told) }]))).toEqual([
    {
      report: {
        order_id: '1',
        observed_at: at,
        refunds: [{ refund_id: '7005', line_id: '2', amount: 1000, status: 'succeeded', refunded_at: at }],
      },
      shop: '123456',
      names: [],
    },
  ]);
});

test.each(['100', '101', '103', '106', '109', '110', '200', '201', '204', '206', '207', '216', '225'])(
  'a push of the kind %s names an order that is fetched',
  (tag) => {
    const data = JSON.stringify({ p_id: 1, s_id: 2, aftersale_id: 3, refund_amount: 1, shop_id: 123_456 });
    expect(doudian.wanted!(kept([{ tag, msg_id: 'M', data }]))).toEqual([{ key: 'order/1' }]);
  },
);

const refundOfShop = (shop: number) => ({
  tag: '206',
  data: JSON.stringify({ p_id: shop, s_id: 2, aftersale_id: 3, refund_amount: 1, shop_id: shop }),
});

test('an application that many shops have authorised hears of all of them, and a source takes its own', () => {
  const both = [refundOfShop(123_456), refundOfShop(654_321)];
  expect(doudian.wanted!(kept(both, { shop_id: '123456' }))).toEqual([{ key: 'order/123456' }]);
  expect(doudian.map(kept(both, { shop_id: '123456' })).map(({ report }) => report.order_id)).toEqual(['123456']);
  expect(doudian.wanted!(kept(both)).length).toBe(2);
});
