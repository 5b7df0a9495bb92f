// What merchants, institutions and 抖客 are told of their orders in 精选联盟.
import { expect, test } from 'vitest';

import { doudian } from '../../../src/sources/doudian/adapter.ts';

const kept = (value: unknown, options: Record<string, unknown> = {}) => ({
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers: {},
  receivedAt: new Date('2026-06-01T00:00:00Z'),
  options: doudian.options.parse(options),
});

const ALLIANCE = {
  order_id: '4781320682406083640',
  product_id: '3485000000000000000',
  author_buyin_id: '6900000000000000000',
  shop_id: 123_456,
  pay_goods_amount: 9900,
  settled_goods_amount: 9000,
  estimated_commission: 3465,
  real_commission: 0,
  ads_estimated_commission: '990',
  ads_real_commission: '0',
  colonel_order_info: { colonel_buyin_id: 7001, estimated_commission: 495, real_commission: 0 },
  colonel_order_info_second: { colonel_buyin_id: 7002, estimated_commission: 89, real_commission: 0 },
  pid_info: { pid: 'dy_107_1_1', external_info: 'channel42', media_type_name: 'Live' },
  pick_source: 'v.abc',
  flow_point: 'PAY_SUCC',
  update_time: '2024-06-01 10:06:05',
  pay_success_time: '2024-06-01 10:06:00',
  confirm_time: '',
  settle_time: '',
  refund_time: '',
};
const allianceOf = (told: object, options: Record<string, unknown> = { orders: 'alliance' }, headers = {}) =>
  doudian.map({ ...kept({ ...ALLIANCE, ...told }, options), headers })[0]!;
const commission = (told: object, options: Record<string, unknown>) => allianceOf(told, options).report.lines![0]!.platform_commission;

test('an alliance order brings the commission of whose orders they are', () => {
  expect(commission({}, { orders: 'alliance' })).toBe(3465);
  expect(commission({}, { orders: 'alliance', role: 'ads' })).toBe(990);
  expect(commission({}, { orders: 'institution' })).toBe(495);
  expect(commission({}, { orders: 'institution', colonel_buyin_id: '7002' })).toBe(89);
  expect(commission({ colonel_order_info: { colonel_buyin_id: 7001, estimated_commission: null } }, { orders: 'institution' })).toBe(89);
  expect(commission({ colonel_order_info: null, colonel_order_info_second: '' }, { orders: 'institution' })).toBeNull();
  expect(commission({}, { orders: 'talent' })).toBe(990);
  expect(commission({ pid_info: { media_type_name: 'ProductDetail' } }, { orders: 'talent' })).toBe(3465);
});

test('an alliance order completes and settles its line, and never the order of which it is one', () => {
  const settled = { flow_point: 'SETTLE', real_commission: 3150, confirm_time: '2024-06-08 10:00:00', settle_time: '2024-06-16 10:00:00' };
  const { report } = allianceOf(settled);
  expect(report).toMatchObject({
    status: 'paid',
    lines: [
      {
        paid_amount: 9000,
        platform_commission: 3150,
        completed_at: '2024-06-08T10:00:00+08:00',
        settled_at: '2024-06-16T10:00:00+08:00',
      },
    ],
  });
  expect([report.completed_at, report.settled_at]).toEqual([undefined, undefined]);
  const untold = allianceOf({ flow_point: 'CONFIRM', confirm_time: undefined, update_time: '2024-06-08 10:00:04' }).report;
  expect(untold.lines).toMatchObject([{ completed_at: '2024-06-08T10:00:04+08:00', settled_at: null }]);
  expect(allianceOf({ flow_point: 'COMFIRM' }).unknownCode).toBeNull();
  expect(allianceOf({ flow_point: 'FROZEN' }).unknownCode).toBe('flow_point FROZEN');
});

test('what was given back before or after the settlement earns nothing', () => {
  const { report } = allianceOf({ flow_point: 'REFUND', refund_time: '2024-06-20 10:00:00', update_time: '2024-06-20 10:00:02' });
  expect(report).toMatchObject({ observed_at: '2024-06-20T10:00:02+08:00', lines: [{ paid_amount: 0, platform_commission: 0 }] });
  expect(allianceOf({ flow_point: 'REFUND', update_time: '' }).report.observed_at).toBeNull();
});

test('who shared a line is told by the finest word of its row, and our own code is a link', () => {
  const lineId = ALLIANCE.product_id;
  expect(allianceOf({}).names).toEqual([{ type: 'external_info', value: 'channel42', lineId }]);
  expect(allianceOf({ pid_info: null }).names).toEqual([{ type: 'pick_source', value: 'v.abc', lineId }]);
  expect(allianceOf({ pid_info: { pid: 'dy_1' }, pick_source: '' }).names).toEqual([{ type: 'pid', value: 'dy_1', lineId }]);
  const byAuthor = allianceOf({ pid_info: null, pick_source: '' });
  expect(byAuthor.names).toEqual([{ type: 'author_buyin_id', value: ALLIANCE.author_buyin_id, lineId }]);
  const ours = allianceOf({ pid_info: { pid: 'dy_1', external_info: 'fy-Ab3_-9' } });
  expect([ours.names, ours.report.lines![0]!.link_code]).toEqual([[], 'Ab3_-9']);
});

const sceneIn = (feed: string) => allianceOf({}, { orders: 'talent' }, { feed }).report.lines![0]!.scene;

test('an order that is listed as that of a buyer who compared prices says so', () => {
  expect([sceneIn('talent'), sceneIn('talent-compared')]).toEqual([null, 'price_compare']);
});

const settledPart = (phase_id: number, told: object) => ({
  order_id: '1',
  product_id: '2',
  shop_id: 123_456,
  colonel_buyin_id: '7001',
  settle_colonel_commission: 300,
  second_colonel_buyin_id: '7002',
  settle_second_colonel_commission: 50,
  phase_id,
  settle_time: `2024-0${5 + phase_id}-16 10:00:00`,
  update_time: `2024-0${5 + phase_id}-16 10:00:01`,
  ...told,
});

const settledInParts = (options: object) =>
  doudian.map(
    kept(
      { settlements: [settledPart(2, { settle_colonel_commission: 150 }), settledPart(1, {}), settledPart(1, { product_id: '3' })] },
      { orders: 'institution', ...options },
    ),
  )[0]!;

test('an order that is settled in parts has the sum of what was settled so far, since its first part', () => {
  const since = { completed_at: '2024-06-16T10:00:00+08:00', settled_at: '2024-06-16T10:00:00+08:00' };
  expect(settledInParts({})).toMatchObject({
    shop: '123456',
    report: {
      order_id: '1',
      observed_at: '2024-07-16T10:00:01+08:00',
      lines: [
        { line_id: '2', platform_commission: 450, ...since },
        { line_id: '3', platform_commission: 300, ...since },
      ],
    },
  });
  expect(settledInParts({ colonel_buyin_id: '7002' }).report.lines).toMatchObject([
    { platform_commission: 100 },
    { platform_commission: 50 },
  ]);
});
