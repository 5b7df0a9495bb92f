import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { stringifyJson } from '../../../src/platform/http/json.ts';
import {
  GROUPS,
  MEASURES,
  type StatisticsAnswer,
  type StatisticsQuery,
  type StatisticsRow,
} from '../../../src/statistics/reading/query.ts';
import { showStatistics } from '../../../src/statistics/reading/statistics-answers.ts';
import { rowsFrame, snapshotFrame } from '../../../src/statistics/stream/frames.ts';
import { runs } from '../../runs.ts';

const at = fc.date({ min: new Date('2026-01-01T00:00:00Z'), max: new Date('2027-01-01T00:00:00Z'), noInvalidDate: true });
const figure = fc.option(fc.bigInt(-(2n ** 70n), 2n ** 70n));

const question: fc.Arbitrary<StatisticsQuery> = fc.record({
  groupBy: fc.subarray([...GROUPS], { maxLength: 1 }),
  bucket: fc.constant('hour'),
  from: at,
  to: at,
  timeZone: fc.constantFrom('Asia/Shanghai', 'Asia/Kathmandu', 'America/St_Johns', 'UTC'),
  compare: fc.constant(null),
  align: fc.constant('date'),
  basis: fc.constantFrom('order', 'booking'),
  sort: fc.constant({ by: 'commission', descending: true }),
  measures: fc.subarray([...MEASURES], { minLength: 1 }),
  filters: fc.record({ promoter: fc.constant({ wanted: ['"b,o\\b"', null], unwanted: ['推客'] }) }),
  bounds: fc.constantFrom({}, { merchant: 'm"1' }),
  currency: fc.option(fc.constant('CNY')),
  limit: fc.integer({ min: 1, max: 200 }),
  after: fc.constant(null),
});

function answerTo(query: StatisticsQuery): fc.Arbitrary<StatisticsAnswer> {
  const key = query.groupBy[0] === 'level' ? fc.constantFrom('0', '1', '10') : fc.string({ unit: 'grapheme' });
  const figures = fc.record(Object.fromEntries(query.measures.map((measure) => [measure, figure])));
  const row: fc.Arbitrary<StatisticsRow> = fc.record({
    bucket: fc.option(at),
    keys: fc.array(fc.option(key), { minLength: query.groupBy.length, maxLength: query.groupBy.length }),
    currency: fc.constantFrom('CNY', 'JPY'),
    figures,
    compared: fc.constant(null),
  });
  return fc.record({
    query: fc.constant(query),
    watermark: fc.bigInt(0n, 2n ** 62n),
    rows: fc.array(row, { maxLength: 5 }),
    totals: fc.array(fc.record({ currency: fc.constant('CNY'), figures, compared: fc.constant(null) }), { maxLength: 2 }),
    next: fc.constant(null),
  });
}

test('events hold to the byte what GET /v1/statistics would answer', () => {
  fc.assert(
    fc.property(question.chain(answerTo), (answer) => {
      const { data } = showStatistics(answer);
      const [id, watermark] = [`id: ${answer.watermark}`, String(answer.watermark)];
      expect(snapshotFrame(answer).toString()).toBe(`event: snapshot\n${id}\ndata: ${stringifyJson(showStatistics(answer))}\n\n`);
      expect(rowsFrame(answer, answer.rows).toString()).toBe(`event: rows\n${id}\ndata: ${stringifyJson({ watermark, data })}\n\n`);
    }),
    { numRuns: runs(200) },
  );
});
