// The unions' rows: times and amounts, and what each of their codes means.
import { expect, test } from 'vitest';

import type { Adapter, MappedReport } from '../../../src/sources/source.ts';
import { jd } from '../../../src/sources/unions/jd.ts';
import { pdd } from '../../../src/sources/unions/pdd.ts';
import { taobao } from '../../../src/sources/unions/taobao.ts';
import { chinaClock, chinaTime, codeInField, fen, fieldOfCode, said, secondsTime, yuan } from '../../../src/sources/unions/union.ts';
import { subject as jdSubject } from '../subjects/jd.ts';
import { subject as pddSubject } from '../subjects/pdd.ts';
import { subject as taobaoSubject } from '../subjects/taobao.ts';

const isNothing = (read: (stated: unknown) => unknown, words: unknown[]) =>
  expect(words.filter((stated) => read(stated) !== null)).toEqual([]);

test('times without a zone are those of China', () => {
  expect(chinaTime('2024-06-01 10:05:00')).toBe('2024-06-01T10:05:00+08:00');
  expect(chinaTime('2024-06-01T10:05:00')).toBe('2024-06-01T10:05:00+08:00');
  expect(chinaClock(new Date('2024-05-31T16:05:00Z'))).toBe('2024-06-01 00:05:00');
  expect([secondsTime(1_780_308_000), secondsTime('1780308000')]).toEqual(['2026-06-01T10:00:00.000Z', '2026-06-01T10:00:00.000Z']);
});

test('nothing, in whatever words a platform says it, is no time, no id and no amount', () => {
  const nothing = ['', ' ', '--', '-', null, undefined];
  const noTimes = [
    ...nothing,
    0,
    '0',
    '0000-00-00 00:00:00',
    '1970-01-01 08:00:00',
    '2026-02-30 10:00:00',
    '2101-06-01 00:00:00',
    'soon',
    {},
  ];
  isNothing(chinaTime, noTimes);
  isNothing(secondsTime, [...nothing, 0, '0', -1, 1e12, 'soon', {}]);
  isNothing(said, [...nothing, 0, '0', 'null', {}, [], true]);
  for (const amount of [yuan, fen]) isNothing((stated) => amount.parse(stated), nothing);
});

test('an amount of 0 is one, and more digits than the minor unit has are rounded once, half up', () => {
  expect(['99.00', 1.98, 0.29, '0', 0, '1.', ' 2.5 '].map((stated) => yuan.parse(stated))).toEqual([9900, 198, 29, 0, 0, 100, 250]);
  expect(['1.234', '1.235', 1.005, '9.995', '0.004999', 1e-7].map((stated) => yuan.parse(stated))).toEqual([123, 124, 101, 1000, 0, 0]);
  expect([445, '445', '445.5', 444.4].map((stated) => fen.parse(stated))).toEqual([445, 445, 446, 444]);
});

test('less than nothing is nothing, and words are no amount', () => {
  expect(['-1.00', -0.01, '-0'].map((stated) => yuan.parse(stated))).toEqual([0, 0, 0]);
  for (const bad of ['free', '1,00', '1.2.3', {}, [], true, '1e3']) expect(yuan.safeParse(bad).success, JSON.stringify(bad)).toBe(false);
});

test('a field holds our code, or somebody else’s words', () => {
  expect(codeInField(fieldOfCode('Ab3_-9'))).toBe('Ab3_-9');
  expect([codeInField('u_42'), codeInField('fy-'), codeInField(null)]).toEqual([null, null, null]);
});

const mapped = (adapter: Adapter, body: Buffer, told: object) => {
  const row = { ...(JSON.parse(body.toString()) as object), ...told };
  return adapter.map({ body: Buffer.from(JSON.stringify(row)), headers: {}, receivedAt: new Date(), options: {} })[0]!;
};
const lineOf = ({ report }: MappedReport) => report.lines![0]!;
const ofJd = (told: object) => mapped(jd, jdSubject.story('1').paid, told);
const ofPdd = (told: object) => mapped(pdd, pddSubject.story('1').paid, told);
const ofTaobao = (told: object) => mapped(taobao, taobaoSubject.story('1').paid, told);

test.each([-1, 15])('JD %i is made and not paid', (validCode) => {
  expect(ofJd({ validCode }).report).toMatchObject({ status: 'created', paid_at: null });
});

test.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21, 22, 27])(
  'a row of JD with %i earns nothing, and the other rows of its order do',
  (validCode) => {
    const { report } = ofJd({ validCode });
    expect(report).toMatchObject({ status: null, void: null, lines: [{ paid_amount: 0, platform_commission: 0 }] });
  },
);

test('an order that JD splits is void, and its parts name it', () => {
  expect(ofJd({ validCode: 2 }).report).toMatchObject({ void: { reason: 'split into its parts' }, parent: null });
  expect(ofJd({ parentId: 1 }).report.parent).toEqual({ order_id: '1', kind: 'split' });
});

test('JD says when it pays, and our code or theirs says who shared, each for its line', () => {
  const lineId = '1234567890123';
  expect(lineOf(ofJd({ validCode: 17, payMonth: 20_240_620 })).settled_at).toBe('2024-06-20T00:00:00+08:00');
  expect(lineOf(ofJd({ validCode: 17, payMonth: '0' })).settled_at).toBeNull();
  expect(ofJd({}).names).toEqual([{ type: 'sub_union_id', value: 'u_42', lineId }]);
  expect(ofJd({ subUnionId: '', channelId: 9, positionId: 77 }).names).toEqual([{ type: 'channel_id', value: '9', lineId }]);
  expect(ofJd({ subUnionId: '', channelId: 0, positionId: 77 }).names).toEqual([{ type: 'position_id', value: '77', lineId }]);
  expect(ofJd({ subUnionId: 'fy-abcd' }).names).toEqual([]);
  expect(lineOf(ofJd({ subUnionId: 'fy-abcd' })).link_code).toBe('abcd');
});

test('a shop without a name has one that can be mapped', () => {
  expect([0, '0', '', null, undefined, 88001].map((popId) => ofJd({ popId }).shop)).toEqual([
    'self',
    'self',
    'unnamed',
    'unnamed',
    'unnamed',
    '88001',
  ]);
  expect([ofPdd({ mall_id: 0 }).shop, ofTaobao({ seller_nick: '--' }).shop]).toEqual(['unnamed', 'unnamed']);
});

test('a row without its own update time leaves that to the door', () => {
  const told = [ofJd({ modifyTime: '' }), ofPdd({ order_modify_at: null }), ofTaobao({ modified_time: '--' })];
  expect(told.map(({ report }) => report.observed_at ?? null)).toEqual([null, null, null]);
});

test.each([
  [-1, 'created', false],
  [0, 'paid', false],
  [1, 'paid', false],
  [2, 'completed', false],
  [3, 'completed', false],
  [5, 'completed', false],
  [4, null, { reason: 'order_status 4' }],
  [8, null, { reason: 'order_status 8' }],
  [10, null, { reason: 'order_status 10' }],
])('PDD %i is %s', (order_status, status, isVoid) => {
  expect(ofPdd({ order_status }).report).toMatchObject({ status, void: isVoid });
});

const refunds = (return_status: number) => ofPdd({ return_status }).report.refunds;

test('goods on their way back to a PDD shop hold the order, take it back when they are there, and hold it no longer when they are not', () => {
  expect(refunds(0)).toEqual([]);
  expect(ofPdd({ order_status: 2, return_status: 0 }).report.refunds).toMatchObject([{ status: 'failed' }]);
  expect(ofPdd({ order_status: 2, return_status: undefined }).report.refunds).toEqual([]);
  expect(refunds(1)).toMatchObject([{ status: 'open', amount: 9999 }]);
  expect(refunds(2)).toMatchObject([{ status: 'succeeded', amount: 9999 }]);
});

test('an after-sale of PDD in a state that nobody knows is told to be unknown, and holds the order', () => {
  expect(ofPdd({ return_status: 7 })).toMatchObject({ unknownCode: 'return_status 7', report: { refunds: [{ status: 'open' }] } });
});

test('custom parameters name a promoter, our link, or whatever their maker wrote', () => {
  expect(ofPdd({}).names).toEqual([{ type: 'custom_parameters', value: '42' }]);
  expect(ofPdd({ custom_parameters: '{"uid":"fy-abcd"}' })).toMatchObject({ names: [], report: { link_code: 'abcd' } });
  expect(ofPdd({ custom_parameters: '{broken' }).names).toEqual([{ type: 'custom_parameters', value: '{broken' }]);
  expect(ofPdd({ custom_parameters: '' }).names).toEqual([{ type: 'pid', value: '123_456' }]);
});

test.each([
  [11, 'created', null],
  [12, 'paid', null],
  [14, 'paid', '2026-06-01T18:30:00+08:00'],
  [3, 'paid', '2026-06-01T18:30:00+08:00'],
  [13, null, null],
])('a part of a purchase at taobao in %i leaves the purchase %s, and is completed at %s', (tk_status, status, completedAt) => {
  const told = ofTaobao({ tk_status });
  expect(told.report.status).toBe(status);
  expect(lineOf(told).completed_at).toBe(completedAt);
});

test('what taobao has settled is settled, for what was really paid, part by part', () => {
  const settled = { tk_status: 3, pay_price: '90.00', pub_share_fee: '4.00', tk_earning_time: '2026-06-09 12:00:00' };
  const { report } = ofTaobao(settled);
  expect(report).toMatchObject({
    lines: [{ paid_amount: 9000, platform_commission: 400, settled_at: '2026-06-09T12:00:00+08:00' }],
  });
  expect([report.completed_at, report.settled_at]).toEqual([undefined, undefined]);
});

test('what the buyer paid stands for a settlement amount that taobao does not say yet', () => {
  for (const pay_price of ['', '--', '0.00', null, undefined]) {
    expect(lineOf(ofTaobao({ tk_status: 14, pay_price })).paid_amount).toBe(9999);
  }
});

test('who shared a part at taobao is the channel, else the member, else the zone', () => {
  const lineId = '3456789012345678901';
  expect(ofTaobao({}).names).toEqual([{ type: 'relation_id', value: '2000000001', lineId }]);
  expect(ofTaobao({ relation_id: 0, special_id: '5' }).names).toEqual([{ type: 'special_id', value: '5', lineId }]);
  for (const nothing of [0, '0', '', '--', null, undefined]) {
    expect(ofTaobao({ relation_id: nothing, special_id: nothing }).names).toEqual([{ type: 'adzone_id', value: '110000001', lineId }]);
  }
  expect(ofTaobao({ adzone_id: 0, relation_id: 0 }).names).toEqual([]);
});

test('of a part that two parties have, the other one’s row is a line of its own that earns nothing', () => {
  const third = ofTaobao({ tk_order_role: 3, pub_share_pre_fee: '0.50', relation_id: 7 });
  const line = { line_id: '3456789012345678901-3', paid_amount: 0, platform_commission: 50, not_commissionable: 'tk_order_role 3' };
  expect(lineOf(third)).toMatchObject(line);
  expect(third.names).toEqual([{ type: 'relation_id', value: '7', lineId: '3456789012345678901-3' }]);
  for (const role of [2, '2', undefined]) {
    expect(lineOf(ofTaobao({ tk_order_role: role }))).toMatchObject({ line_id: '3456789012345678901' });
  }
  const refund = mapped(taobao, taobaoSubject.story('1').partlyRefunded!, { tk_order_role: '3' });
  expect(refund.report.refunds).toMatchObject([{ refund_id: '12345-3', line_id: '3456789012345678901-3' }]);
});

test('dashes of taobao are no deposit, no settlement and no purchase after comparing prices', () => {
  const told = ofTaobao({ tk_deposit_time: '--', tb_deposit_time: '--', tk_earning_time: '--', flow_source: '--', item_num: '--' });
  expect(told.report.deposit_paid_at).toBeNull();
  expect(lineOf(told)).toMatchObject({ settled_at: null, scene: null, quantity: 1 });
  expect(ofTaobao({ tb_deposit_time: '2026-05-24 20:00:00' }).report.deposit_paid_at).toBe('2026-05-24T20:00:00+08:00');
});

test('a refund of taobao without its amount takes back as much of the price as of the commission', () => {
  const told = { refund_fee: '--', tb_trade_finish_price: '90.00', pub_share_fee: '4.00', show_return_fee: '1.00' };
  expect(mapped(taobao, taobaoSubject.story('1').partlyRefunded!, told).report.refunds).toMatchObject([{ amount: 2250 }]);
});

test.each([
  [2, 'succeeded'],
  [4, 'open'],
  [11, 'open'],
  [12, 'succeeded'],
  [13, 'succeeded'],
  [3, 'failed'],
  [14, 'failed'],
  [15, 'failed'],
])('a refund of taobao in %i is %s', (refund_status, status) => {
  const row = mapped(taobao, taobaoSubject.story('1').partlyRefunded!, { refund_status });
  expect(row.report.refunds).toMatchObject([{ status, amount: 3000, line_id: '3456789012345678901' }]);
});

const minutes = (text: string) => taobao.feeds![0]!.windowMs(new Date(text)) / 60_000;

test('around the great sales taobao is asked for twenty minutes at once, else for three hours', () => {
  expect(['2026-06-18T00:00:00+08:00', '2026-11-11T12:00:00+08:00'].map(minutes)).toEqual([20, 20]);
  expect(['2026-06-21T00:00:00+08:00', '2026-02-01T12:00:00+08:00'].map(minutes)).toEqual([180, 180]);
});
