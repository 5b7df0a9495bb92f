// What opens behind a figure, and how far links have come.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { COUNTED_MEASURES } from '../../../src/statistics/reading/query.ts';
import type { Answered } from '../../platform/callers.ts';
import type { Market } from './market.ts';
import { openStatistics, sumOf, WHOLE, type Body, type Row } from './served.ts';

type Served = Awaited<ReturnType<typeof openStatistics>>;

let market: Market;
let ask: Served['ask'];
let statistics: Served['statistics'];
let close: Served['close'] | undefined;

beforeAll(async () => {
  ({ market, ask, statistics, close } = await openStatistics());
}, 120_000);
afterAll(() => close?.());

const filterOf = (value: string | number | null | undefined) => (value === null || value === undefined ? '' : String(value));

async function opened(query: Record<string, string | number>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null = null; ;) {
    const { status, body }: Answered<Body> = await ask('/v1/statistics/rows', { ...query, limit: 7, ...(cursor !== null && { cursor }) });
    expect(status).toBe(200);
    rows.push(...body.data);
    cursor = body.next_cursor;
    if (cursor === null) return rows;
  }
}

describe('a cell opens', () => {
  test.each(['order', 'booking'])(
    'into what it counts, whose values are its sum, by %s',
    async (basis) => {
      for (const [group, key] of [
        ['promoter', 'promoter_id'],
        ['category', 'category'],
        ['link', 'link_code'],
      ] as const) {
        const { body } = await statistics({ group_by: group, bucket: 'week', basis, currency: 'CNY' });
        for (const [at, row] of body.data.entries()) {
          // One of three cells opens for each figure, and over all of them each does.
          const measures = COUNTED_MEASURES.filter((measure, place) => (place + at) % 3 === 0 && row[measure] !== null);
          for (const measure of measures) {
            const cell = {
              ...WHOLE,
              basis,
              currency: 'CNY',
              group_by: group,
              bucket: 'week',
              bucket_at: String(row['bucket']),
              [key]: filterOf(row[key]),
              measure,
            };
            const rows = await opened(cell);
            expect([cell, sumOf(rows, 'value')]).toEqual([cell, row[measure]]);
            const names = rows.map(({ order_id: order, click_id: click, link_code: link, line_id: line, transfer_ids: ids, at: when }) =>
              JSON.stringify([order, click, link, line, ids, when]),
            );
            expect(new Set(names).size).toBe(names.length);
          }
        }
      }
    },
    120_000,
  );

  test('into bookings with the transfers that they are', async () => {
    const rows = await opened({ ...WHOLE, basis: 'booking', measure: 'commission_estimated', promoter_id: 'bob' });
    expect(rows.length).toBeGreaterThan(1);
    const ids = rows.flatMap((row) => row['transfer_ids'] as unknown as string[]);
    const booked = await market.db
      .selectFrom('transfer')
      .select(['amount', 'kind', 'promoter_id'])
      .where('transfer_id', 'in', ids.map(BigInt))
      .execute();
    expect(new Set(booked.map(({ kind, promoter_id: promoter }) => `${kind} ${promoter}`))).toEqual(new Set(['accrue bob']));
    expect(booked.reduce((sum, { amount }) => sum + Number(amount), 0)).toBe(sumOf(rows, 'value'));
  });

  test('at a bucket of its time only, and with a figure that adds up', async () => {
    const missed = await ask('/v1/statistics/rows', { ...WHOLE, measure: 'clicks', bucket_at: '2026-06-01T00:00:01+08:00' });
    expect([missed.status, missed.body.code]).toEqual([422, 'unprocessable']);
    for (const measure of ['buyers', 'conversion_ppm']) {
      expect((await ask('/v1/statistics/rows', { ...WHOLE, measure })).status).toBe(400);
    }
    const strange = await ask('/v1/statistics/rows', { ...WHOLE, measure: 'clicks', cursor: 'mine' });
    expect([strange.status, strange.body.code]).toEqual([400, 'invalid_cursor']);
  });
});

describe('the funnel', () => {
  test('has no more links at a step than at the one before, and says what share left', async () => {
    const { body } = await ask('/v1/funnel', { ...WHOLE, from: '2019-12-31T00:00:00Z' });
    expect(body.data.map((row) => row['step'])).toEqual(['made', 'clicked', 'ordered', 'confirmed', 'released']);
    const links = body.data.map((row) => Number(row['links']));
    expect(links[0]).toBeGreaterThan(3);
    for (const [place, row] of body.data.entries()) {
      const before = links[place - 1];
      expect(row['left_ppm']).toBe(before === undefined ? null : Math.floor(((before - links[place]!) * 1_000_000) / before));
    }
  });

  test('counts what the statistics count of those links', async () => {
    const { body } = await ask('/v1/funnel', { from: '2019-12-31T00:00:00Z', to: WHOLE.to, link_code: 'bobs' });
    const { body: all } = await statistics({ link_code: 'bobs', bucket: 'none' });
    expect(body.data.slice(0, 3).map((row) => row['facts'])).toEqual([1, sumOf(all.data, 'clicks'), sumOf(all.data, 'orders')]);
  });

  test('of links of another time is empty', async () => {
    const { body } = await ask('/v1/funnel', { from: '2020-03-01T00:00:00Z', to: '2020-03-02T00:00:00Z' });
    expect(body.data.map((row) => [row['links'], row['left_ppm'], row['facts']])).toEqual(Array.from({ length: 5 }, () => [0, null, 0]));
  });

  test('tells a promoter of its own links', async () => {
    const mine = (await ask('/v1/funnel', { from: '2019-12-31T00:00:00Z', to: WHOLE.to }, { key: 'bob' })).body;
    const asAdmin = (await ask('/v1/funnel', { from: '2019-12-31T00:00:00Z', to: WHOLE.to, promoter_id: 'bob' })).body;
    expect(mine.data).toEqual(asAdmin.data);
    expect(mine.query['promoter_id']).toBe('bob');
  });
});
