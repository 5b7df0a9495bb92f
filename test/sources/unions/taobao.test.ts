// What 淘宝客 says beyond the story of an order: its error codes, names of positions, and refunds that
// go on.
import { expect, test } from 'vitest';

import { lift, merge } from '../../../src/core/merge.ts';
import { viewOrder } from '../../../src/core/order.ts';
import { canonicalReport } from '../../../src/core/report.ts';
import type { Asking } from '../../../src/sources/asking.ts';
import { taobao } from '../../../src/sources/unions/taobao.ts';
import { subject } from '../subjects/taobao.ts';
import { readAs } from '../../core/reading.ts';

const NOW = new Date('2026-06-02T00:00:00Z');

/** An asking that is answered so, whatever it asks. */
const answeredBy = (answer: object): Asking => ({
  baseUrl: 'https://eco.taobao.com',
  secrets: subject.secrets,
  options: taobao.options.parse({}),
  fetch: () => Promise.resolve(Response.json(answer)),
  now: NOW,
  token: () => Promise.reject(new Error('TOP has no token')),
});
const list = (feed: 'orders' | 'refunds', answer: object) =>
  taobao.feeds!.find(({ name }) => name === feed)!.list({ from: NOW, until: NOW, cursor: null }, answeredBy(answer));

test.each([
  [{ code: 7, msg: 'App Call Limited', sub_code: 'accesscontrol.limited-by-api-access-count' }, 'rate_limited'],
  [{ code: 8, msg: 'App Call Exceeds Limited Frequency' }, 'rate_limited'],
  [{ code: 15, msg: 'Remote service error', sub_code: '9100' }, 'rate_limited'],
  [{ code: 15, msg: 'Remote service error', sub_code: 'isp.call-limited' }, 'rate_limited'],
  [{ code: 10, msg: 'Service Currently Unavailable' }, 'temporary'],
  [{ code: 15, msg: 'Remote service error', sub_code: 'isp.pubrpt-service-unavailable' }, 'temporary'],
  [{ code: 50, msg: 'Remote service error', sub_code: 'isv.invalid-parameter' }, 'refused'],
  [{ code: 11, msg: 'Insufficient ISV Permissions', sub_code: 'isv.permission-api-package-limit' }, 'refused'],
  [{ code: 25, msg: 'Invalid Signature' }, 'refused'],
  [{ code: 40, msg: 'Missing Required Arguments' }, 'refused'],
])('%o of TOP is %s', async (error_response, kind) => {
  await expect(list('orders', { error_response })).rejects.toMatchObject({ kind });
});

const mapped = (row: object) =>
  taobao.map({ body: Buffer.from(JSON.stringify(row)), headers: {}, receivedAt: NOW, options: taobao.options.parse({}) })[0]!;
const rowOf = (body: Buffer | null) => JSON.parse(body!.toString()) as Record<string, unknown>;
const paid = rowOf(subject.story('1').paid);

test('a position that is named as our code says which link it was, and nobody else’s name of one does', () => {
  expect(mapped({ ...paid, adzone_name: 'fy_Ab3_-9' })).toMatchObject({ names: [], report: { lines: [{ link_code: 'Ab3_-9' }] } });
  const theirs = { names: [{ type: 'relation_id' }], report: { lines: [{ link_code: null }] } };
  expect(mapped({ ...paid, adzone_name: '推广位名' })).toMatchObject(theirs);
});

const refund = rowOf(subject.story('1').partlyRefunded);
const back = (rows: object[]): number => {
  const reports = [paid, ...rows].map((row) => canonicalReport.parse({ ...mapped(row).report, merchant_id: 'm1' }));
  const merged = reports.map((report) => lift(readAs(report, { receivedAt: NOW }), JSON.stringify(report), 'all')).reduce(merge);
  return viewOrder(merged).refunds.reduce((total, one) => total + (one.status === 'succeeded' ? Number(one.amount) : 0), 0);
};

test('a refund that was made and then succeeded has succeeded, in whatever order it is told', () => {
  const made = { ...refund, refund_status: 4, tk_refund_suit_time: undefined, modified_time: '2026-06-01 21:00:05', refund_fee: '30.0000' };
  expect(back([made, refund])).toBe(3000);
  expect(back([refund, made])).toBe(3000);
});

test('one part of a purchase may be refunded several times', () => {
  expect(back([refund, { ...refund, refund_suit_id: '12346', refund_fee: '12.50' }])).toBe(4250);
});

test.each(['publisher_refund_order_dto', 'publisher_refund_order_d_t_o'])('refunds are listed under %s', async (name) => {
  const data = { result: { [name]: [refund] }, has_next: true, position_index: '1661386106_3nXt8TjdqT' };
  const { bodies, next } = await list('refunds', { tbk_order_refund_get_response: { data } });
  expect(bodies.map(rowOf)).toEqual([refund]);
  expect(next).toBe('[2,"1661386106_3nXt8TjdqT"]');
});

test('refunds that are not listed are no end of the refunds', async () => {
  const answer = { tbk_order_refund_get_response: { biz_error_code: 101, biz_error_desc: '开始时间不能为空' } };
  await expect(list('refunds', answer)).rejects.toMatchObject({
    kind: 'temporary',
    message: expect.stringContaining('开始时间') as unknown,
  });
});
