import { describe, expect, test } from 'vitest';

import type { StatisticsAnswer, StatisticsQuery, StatisticsRow } from '../../../src/statistics/reading/query.ts';
import { keptRows, type KeptRows } from '../../../src/statistics/stream/kept-rows.ts';

const QUERY: StatisticsQuery = {
  groupBy: ['promoter'],
  bucket: 'day',
  from: new Date('2026-06-01T00:00:00Z'),
  to: new Date('2026-06-03T00:00:00Z'),
  timeZone: 'UTC',
  compare: null,
  align: 'date',
  basis: 'order',
  sort: { by: 'commission', descending: true },
  measures: ['clicks', 'orders', 'commission_confirmed', 'conversion_ppm'],
  filters: {},
  bounds: {},
  currency: null,
  limit: 200,
  after: null,
};

const HOUR_MS = 3_600_000;

function rowOf(promoter: string | null, clicks: bigint, day = 1): StatisticsRow {
  const figures = { clicks, orders: 1n, commission_confirmed: 5n, conversion_ppm: clicks === 0n ? null : 1_000_000n / clicks };
  return { bucket: new Date(Date.UTC(2026, 5, day)), keys: [promoter], currency: 'CNY', figures, compared: null };
}

function answerOf(watermark: bigint, rows: StatisticsRow[], query = QUERY): StatisticsAnswer {
  return { query, watermark, rows, totals: [], next: null };
}

interface Taken {
  isExact?: boolean;
  at?: number;
  query?: StatisticsQuery;
}

function take(kept: KeptRows, watermark: bigint, rows: StatisticsRow[], { isExact = true, at = 0, query = QUERY }: Taken = {}): boolean {
  return kept.take(answerOf(watermark, rows, query), { isExact, at });
}

describe('what has changed', () => {
  test('is every row that came or has another figure, whole, and no other', () => {
    const kept = keptRows();
    expect(take(kept, 1n, [rowOf('alice', 1n), rowOf('bob', 2n)])).toBe(true);
    expect(take(kept, 2n, [rowOf('bob', 2n), rowOf('alice', 1n)])).toBe(false);
    expect(kept.since(1)).toEqual([]);
    expect(take(kept, 3n, [rowOf('bob', 3n), rowOf('alice', 1n), rowOf('bob', 2n, 2)])).toBe(true);
    expect(kept.since(2)).toEqual([rowOf('bob', 3n), rowOf('bob', 2n, 2)]);
    expect(kept.since(0)).toHaveLength(3);
    expect([kept.size(), kept.revision()]).toEqual([3, 3]);
  });

  test('who has none is nobody of that name', () => {
    const kept = keptRows();
    take(kept, 1n, [rowOf(null, 1n), rowOf('null', 1n), rowOf('', 1n)]);
    expect(kept.size()).toBe(3);
    take(kept, 2n, [rowOf(null, 1n), rowOf('null', 2n), rowOf('', 1n)]);
    expect(kept.since(1)).toEqual([rowOf('null', 2n)]);
  });

  test.each(['order', 'booking'] as const)('of a group that has nothing any more is that it has nothing, once, by %s', (basis) => {
    const kept = keptRows();
    const query = { ...QUERY, basis };
    take(kept, 1n, [rowOf('alice', 1n), rowOf('bob', 2n)], { query });
    expect(take(kept, 2n, [rowOf('alice', 1n)], { query })).toBe(true);
    const figures = { clicks: 0n, orders: 0n, commission_confirmed: basis === 'order' ? 0n : null, conversion_ppm: null };
    expect(kept.since(1)).toEqual([{ ...rowOf('bob', 0n), figures }]);
    expect(take(kept, 3n, [rowOf('alice', 1n)], { query })).toBe(false);
    expect(take(kept, 4n, [rowOf('alice', 1n), rowOf('bob', 2n)], { query })).toBe(true);
    expect(kept.since(3)).toEqual([rowOf('bob', 2n)]);
  });
});

describe('what a reader has seen who comes back', () => {
  test('is all of an evaluation below its watermark, or at it where nothing above was in it', () => {
    const kept = keptRows();
    take(kept, 10n, [rowOf('alice', 1n)]);
    take(kept, 10n, [rowOf('alice', 2n)], { isExact: false });
    take(kept, 12n, [rowOf('alice', 3n)], { isExact: false });
    take(kept, 12n, [rowOf('alice', 4n)]);
    take(kept, 15n, [rowOf('alice', 5n)]);
    const seen = [9n, 10n, 11n, 12n, 13n, 15n, 99n].map((watermark) => kept.revisionSeenAt(watermark, 0));
    expect(seen).toEqual([null, 1, 2, 4, 4, 5, 5]);
  });

  test('is not known of longer ago than an hour', () => {
    const kept = keptRows();
    take(kept, 10n, [rowOf('alice', 1n)], { at: 0 });
    take(kept, 20n, [rowOf('alice', 2n)], { at: HOUR_MS / 2 });
    expect(kept.revisionSeenAt(11n, HOUR_MS - 1)).toBe(1);
    expect(kept.revisionSeenAt(11n, HOUR_MS)).toBeNull();
    expect(kept.revisionSeenAt(20n, HOUR_MS)).toBe(2);
    take(kept, 30n, [rowOf('alice', 3n)], { at: 2 * HOUR_MS });
    expect([kept.revisionSeenAt(20n, 2 * HOUR_MS), kept.revisionSeenAt(30n, 2 * HOUR_MS)]).toEqual([null, 3]);
  });
});
