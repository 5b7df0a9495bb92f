// The unions' rows: times and amounts, and what each of their codes means.
import { expect, test } from 'vitest';

import type { Adapter } from '../../src/sources/source.ts';
import { jd } from '../../src/sources/jd.ts';
import { pdd } from '../../src/sources/pdd.ts';
import { taobao } from '../../src/sources/taobao.ts';
import { chinaClock, chinaTime, codeInField, fieldOfCode, secondsTime, yuan } from '../../src/sources/union.ts';
import { subject as jdSubject } from './subjects/jd.ts';
import { subject as pddSubject } from './subjects/pdd.ts';
import { subject as taobaoSubject } from './subjects/taobao.ts';

test('times without a zone are those of China, and nothing is no time', () => {
  expect(chinaTime('2024-06-01 10:05:00')).toBe('2024-06-01T10:05:00+08:00');
  expect(chinaClock(new Date('2024-05-31T16:05:00Z'))).toBe('2024-06-01 00:05:00');
  expect([chinaTime(''), chinaTime(null), chinaTime('0000-00-00 00:00:00'), secondsTime(0)]).toEqual([null, null, null, null]);
});

test('yuan are read by their text, to the fen, and more digits are refused', () => {
  expect(['99.00', 1.98, 0.29, '0'].map((stated) => yuan.parse(stated))).toEqual([9900, 198, 29, 0]);
  for (const bad of ['1.234', '-1.00', 'free', 1.005]) expect(yuan.safeParse(bad).success).toBe(false);
});

test('a field holds our code, or somebody else’s words', () => {
  expect(codeInField(fieldOfCode('Ab3_-9'))).toBe('Ab3_-9');
  expect([codeInField('u_42'), codeInField('fy-'), codeInField(null)]).toEqual([null, null, null]);
});

const mapped = (adapter: Adapter, body: Buffer, told: object) => {
  const row = { ...(JSON.parse(body.toString()) as object), ...told };
  return adapter.map({ body: Buffer.from(JSON.stringify(row)), headers: {}, receivedAt: new Date(), options: {} })[0]!;
};
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

test('JD says when it pays, and our code or theirs says who shared', () => {
  expect(ofJd({ validCode: 17, payMonth: 20_240_620 }).report.settled_at).toBe('2024-06-20T00:00:00+08:00');
  expect(ofJd({}).names).toEqual([{ type: 'sub_union_id', value: 'u_42' }]);
  expect(ofJd({ subUnionId: '', positionId: 77 }).names).toEqual([{ type: 'position_id', value: '77' }]);
  expect(ofJd({ subUnionId: 'fy-abcd' })).toMatchObject({ names: [], report: { link_code: 'abcd' } });
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

test('goods on their way back to a PDD shop hold the order, and take it back when they are there', () => {
  expect(refunds(0)).toEqual([]);
  expect(refunds(1)).toMatchObject([{ status: 'open', amount: 9999 }]);
  expect(refunds(2)).toMatchObject([{ status: 'succeeded', amount: 9999 }]);
});

test('custom parameters name a promoter, our link, or whatever their maker wrote', () => {
  expect(ofPdd({}).names).toEqual([{ type: 'custom_parameters', value: '42' }]);
  expect(ofPdd({ custom_parameters: '{"uid":"fy-abcd"}' })).toMatchObject({ names: [], report: { link_code: 'abcd' } });
  expect(ofPdd({ custom_parameters: '{broken' }).names).toEqual([{ type: 'custom_parameters', value: '{broken' }]);
  expect(ofPdd({ custom_parameters: '' }).names).toEqual([{ type: 'pid', value: '123_456' }]);
});

test.each([
  [11, 'created'],
  [12, 'paid'],
  [14, 'completed'],
  [3, 'completed'],
])('taobao %i is %s', (tk_status, status) => {
  expect(ofTaobao({ tk_status }).report.status).toBe(status);
});

test('what taobao has settled is settled, for what was really paid', () => {
  const settled = { tk_status: 3, pay_price: '90.00', pub_share_fee: '4.00', tk_earning_time: '2026-06-09 12:00:00' };
  expect(ofTaobao(settled).report).toMatchObject({
    settled_at: '2026-06-09T12:00:00+08:00',
    lines: [{ paid_amount: 9000, platform_commission: 400 }],
  });
});

test('who shared at taobao is the channel, else the member, else the zone', () => {
  expect(ofTaobao({}).names).toEqual([{ type: 'relation_id', value: '2000000001' }]);
  expect(ofTaobao({ relation_id: '', special_id: '5' }).names).toEqual([{ type: 'special_id', value: '5' }]);
  expect(ofTaobao({ relation_id: null }).names).toEqual([{ type: 'adzone_id', value: '110000001' }]);
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
