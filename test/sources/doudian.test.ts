// What 抖店 pushes and signs beyond the story of an order, and the alliance's rows.
import { expect, test } from 'vitest';

import { doudianSign } from '../../src/sources/doudian-api.ts';
import { doudian } from '../../src/sources/doudian.ts';

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

test('the message of a refund is a refund at once', () => {
  const data = '{"p_id":4781320682406083640,"s_id":4781320682406083641,"aftersale_id":7005,"refund_amount":1200,"success_time":1661503600}';
  expect(doudian.map(kept([{ tag: '206', msg_id: 'M', data }]))).toEqual([
    {
      report: {
        order_id: '4781320682406083640',
        observed_at: '2022-08-26T08:46:40.000Z',
        refunds: [
          { refund_id: '7005', line_id: '4781320682406083641', amount: 1200, status: 'succeeded', refunded_at: '2022-08-26T08:46:40.000Z' },
        ],
      },
      shop: null,
      names: [],
    },
  ]);
});

const ALLIANCE = {
  order_id: '4781320682406083640',
  product_id: '3485000000000000000',
  author_buyin_id: '6900000000000000000',
  shop_id: 123_456,
  pay_goods_amount: 9900,
  settled_goods_amount: 9000,
  estimated_commission: 3465,
  real_commission: 3150,
  colonel_order_info: { estimated_commission: 495, real_commission: 450 },
  pid_info: { pid: 'dy_107_1_1', external_info: 'channel42' },
  pick_source: 'v.abc',
  flow_point: 'PAY_SUCC',
  query_order_type: 0,
  pay_success_time: '2024-06-01 10:06:00',
  confirm_time: '',
  settle_time: '',
  refund_time: '',
};
const allianceOf = (told: object, options?: Record<string, unknown>) => doudian.map(kept({ ...ALLIANCE, ...told }, options))[0]!;

test('an alliance order brings the commission of the institution’s role, estimated until it is settled', () => {
  expect(allianceOf({}).report.lines).toMatchObject([{ paid_amount: 9900, platform_commission: 3465 }]);
  expect(allianceOf({}, { role: 'colonel' }).report.lines).toMatchObject([{ platform_commission: 495 }]);
  const settled = allianceOf({ flow_point: 'SETTLE', confirm_time: '2024-06-08 10:00:00', settle_time: '2024-06-16 10:00:00' });
  expect(settled.report).toMatchObject({ status: 'completed', settled_at: '2024-06-16T10:00:00+08:00' });
  expect(settled.report.lines).toMatchObject([{ paid_amount: 9000, platform_commission: 3150 }]);
});

test('what was given back before or after the settlement earns nothing', () => {
  const { report } = allianceOf({ flow_point: 'REFUND', refund_time: '2024-06-20 10:00:00' });
  expect(report).toMatchObject({ observed_at: '2024-06-20T10:00:00+08:00', lines: [{ paid_amount: 0, platform_commission: 0 }] });
});

test('who shared is told by the finest word of the row, and our own code is a link', () => {
  expect(allianceOf({}).names).toEqual([{ type: 'external_info', value: 'channel42' }]);
  expect(allianceOf({ pid_info: null }).names).toEqual([{ type: 'pick_source', value: 'v.abc' }]);
  const ours = allianceOf({ pid_info: { pid: 'dy_1', external_info: 'fy-Ab3_-9' } });
  expect([ours.names, ours.report.link_code]).toEqual([[], 'Ab3_-9']);
});

test('an order of a buyer who compared prices says so', () => {
  expect(allianceOf({ query_order_type: 1 }).report.scene).toBe('price_compare');
});
