// The rows of 京东联盟 as lines: their completion, goods in after-sale, and rows of other roles.
import { expect, test } from 'vitest';

import { jd } from '../../../src/sources/unions/jd.ts';
import { subject } from '../subjects/jd.ts';

const ofJd = (told: object, options: object = {}) => {
  const row = { ...(JSON.parse(subject.story('1').paid.toString()) as object), ...told };
  return jd.map({ body: Buffer.from(JSON.stringify(row)), headers: {}, receivedAt: new Date(), options })[0]!;
};
const lineOf = ({ report }: ReturnType<typeof ofJd>) => report.lines![0]!;

test('a finished row of JD completes its own line, and never the order of which it is one', () => {
  const finished = ofJd({ validCode: 17, finishTime: '2026-06-08 10:00:00', actualCosPrice: 99.99 });
  expect(finished.report).toMatchObject({ status: 'paid', lines: [{ completed_at: '2026-06-08T10:00:00+08:00' }] });
  expect([finished.report.completed_at, finished.report.settled_at]).toEqual([undefined, undefined]);
  const untimed = ofJd({ validCode: 17, finishTime: '', modifyTime: '2026-06-08 11:00:00' });
  expect(lineOf(untimed).completed_at).toBe('2026-06-08T11:00:00+08:00');
  expect(lineOf(ofJd({})).completed_at).toBeNull();
});

test('goods of JD in after-sale hold their line until the finished row says that none are', () => {
  const finished = { validCode: 17, finishTime: '2026-06-08 10:00:00', actualCosPrice: 99.99, skuNum: 2 };
  const held = { refund_id: '1234567890123-frozen', line_id: '1234567890123' };
  expect(ofJd({ ...finished, skuFrozenNum: 1 }).report.refunds).toEqual([{ ...held, amount: 4999, status: 'open' }]);
  expect(ofJd({ ...finished, skuFrozenNum: 0 }).report.refunds).toEqual([{ ...held, status: 'failed' }]);
  expect(ofJd({ skuFrozenNum: '1' }).report.refunds).toMatchObject([{ ...held, status: 'open' }]);
  expect(ofJd({ skuFrozenNum: 0 }).report.refunds).toEqual([]);
});

test('the row of another role at JD is a line of its own that repeats the goods and earns nothing', () => {
  const ofColonel = { id: '77', unionRole: 2, subUnionId: '', rid: 5001 };
  const beside = ofJd(ofColonel);
  expect(lineOf(beside)).toMatchObject({ line_id: '77', paid_amount: 0, not_commissionable: 'unionRole 2' });
  expect(beside.names).toEqual([{ type: 'rid', value: '5001', lineId: '77' }]);
  const own = ofJd(ofColonel, { union_role: 'colonel' });
  expect(lineOf(own)).toMatchObject({ paid_amount: 9999, not_commissionable: null });
});
