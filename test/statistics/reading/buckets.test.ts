// Buckets by the clocks of zones, on the days on which those do something, and the times compared.

import { describe, expect, test } from 'vitest';

import { dayOf, startOfDay } from '../../../src/platform/calendar.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/platform/durations.ts';
import { addLocalDays, bucketsOf, comparedSpan, localMidnight, localTimes } from '../../../src/statistics/reading/buckets.ts';
import type { BucketSize } from '../../../src/statistics/reading/query.ts';

const ZONES = ['UTC', 'Asia/Shanghai', 'Asia/Kathmandu', 'Europe/London', 'America/New_York', 'America/Havana', 'Australia/Lord_Howe'];

function starts(bucket: BucketSize, timeZone: string, from: string, to: string): string[] {
  return bucketsOf({ bucket, timeZone, from: new Date(from), to: new Date(to) }).map(localTimes(timeZone));
}

describe('days', () => {
  test.each([...ZONES, 'Asia/Beirut', 'Pacific/Chatham', 'Africa/Casablanca'])(
    'begin at the local midnights of %s, all year long',
    (timeZone) => {
      const [from, to] = [startOfDay('2026-01-01', timeZone), startOfDay('2027-01-01', timeZone)];
      const days = bucketsOf({ bucket: 'day', timeZone, from, to });
      const dates = Array.from({ length: 365 }, (_, day) => new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10));
      expect(days.map((day) => day.toISOString())).toEqual(dates.map((date) => startOfDay(date, timeZone).toISOString()));
    },
  );

  test('are 23 and 25 hours long where the clocks are put on and back', () => {
    const [spring, autumn] = ['2026-03-08', '2026-11-01'].map((day) => {
      const from = startOfDay(day, 'America/New_York');
      const [first, second] = bucketsOf({ bucket: 'day', timeZone: 'America/New_York', from, to: new Date(from.getTime() + 2 * DAY_MS) });
      return (second!.getTime() - first!.getTime()) / HOUR_MS;
    });
    expect([spring, autumn]).toEqual([23, 25]);
  });

  test('that a zone skips have no bucket', () => {
    expect(starts('day', 'Pacific/Apia', '2011-12-29T10:00:00Z', '2012-01-01T09:00:00Z')).toEqual([
      '2011-12-29T00:00:00-10:00',
      '2011-12-31T00:00:00+14:00',
      '2012-01-01T00:00:00+14:00',
    ]);
  });

  test('of a time that begins and ends within one begin before it', () => {
    expect(starts('day', 'Asia/Kathmandu', '2026-06-01T12:00:00Z', '2026-06-02T18:16:00Z')).toEqual([
      '2026-06-01T00:00:00+05:45',
      '2026-06-02T00:00:00+05:45',
      '2026-06-03T00:00:00+05:45',
    ]);
  });
});

test('weeks begin on Monday, months on their first', () => {
  expect(starts('week', 'Asia/Shanghai', '2026-05-31T10:00:00Z', '2026-06-08T00:00:00Z')).toEqual([
    '2026-05-25T00:00:00+08:00',
    '2026-06-01T00:00:00+08:00',
    '2026-06-08T00:00:00+08:00',
  ]);
  expect(starts('month', 'America/New_York', '2026-02-14T00:00:00Z', '2026-04-01T04:00:00Z')).toEqual([
    '2026-02-01T00:00:00-05:00',
    '2026-03-01T00:00:00-05:00',
  ]);
  expect(starts('none', 'UTC', '2026-02-14T00:00:00Z', '2026-04-01T04:00:00Z')).toEqual([]);
});

describe('hours', () => {
  test('that the clocks show twice are two', () => {
    expect(starts('hour', 'America/New_York', '2026-11-01T05:00:00Z', '2026-11-01T08:00:00Z')).toEqual([
      '2026-11-01T01:00:00-04:00',
      '2026-11-01T01:00:00-05:00',
      '2026-11-01T02:00:00-05:00',
    ]);
  });

  test('that they skip are none, and one of which they show half is short', () => {
    expect(starts('hour', 'America/New_York', '2026-03-08T06:00:00Z', '2026-03-08T08:00:00Z')).toEqual([
      '2026-03-08T01:00:00-05:00',
      '2026-03-08T03:00:00-04:00',
    ]);
    // Lord Howe puts its clocks back by half an hour.
    expect(starts('hour', 'Australia/Lord_Howe', '2026-04-04T14:00:00Z', '2026-04-04T16:30:00Z')).toEqual([
      '2026-04-05T01:00:00+11:00',
      '2026-04-05T01:30:00+10:30',
      '2026-04-05T02:00:00+10:30',
    ]);
  });

  test('begin with those of the clocks where they are 45 minutes away from those of UTC', () => {
    expect(starts('hour', 'Asia/Kathmandu', '2026-06-01T00:00:00Z', '2026-06-01T02:00:00Z')).toEqual([
      '2026-06-01T05:00:00+05:45',
      '2026-06-01T06:00:00+05:45',
      '2026-06-01T07:00:00+05:45',
    ]);
  });

  test('quarters and minutes go on through all of it', () => {
    for (const [bucket, length] of [
      ['15m', 15 * MINUTE_MS],
      ['minute', MINUTE_MS],
    ] as const) {
      const [from, to] = [new Date('2026-11-01T04:00:00Z'), new Date('2026-11-01T09:00:00Z')];
      const found = bucketsOf({ bucket, timeZone: 'America/New_York', from, to });
      expect(found.map((at) => at.getTime() - from.getTime())).toEqual(found.map((_, place) => place * length));
      expect(found).toHaveLength((to.getTime() - from.getTime()) / length);
    }
  });
});

test('a moment of every day has the midnight of its day', () => {
  for (const timeZone of ZONES) {
    for (let at = Date.UTC(2026, 0); at < Date.UTC(2027, 0); at += 19 * HOUR_MS) {
      expect(localMidnight(new Date(at), timeZone)).toEqual(startOfDay(dayOf(new Date(at), timeZone), timeZone));
    }
  }
});

test('so many days later it is as late by the clocks', () => {
  const at = new Date('2026-03-01T14:30:15.250Z');
  expect(addLocalDays(at, 10, 'America/New_York').toISOString()).toBe('2026-03-11T13:30:15.250Z');
  expect(addLocalDays(at, -10, 'America/New_York').toISOString()).toBe('2026-02-19T14:30:15.250Z');
});

const compared = (compare: 'previous' | 'year', align: 'date' | 'weekday', from: string, to: string, timeZone = 'Asia/Shanghai') => {
  const span = comparedSpan({ compare, align, timeZone, from: new Date(from), to: new Date(to) });
  return [span.from, span.to].map(localTimes(timeZone));
};

describe('the time that is compared with', () => {
  test('of whole months are as many months before', () => {
    expect(compared('previous', 'date', '2026-03-01T00:00:00+08:00', '2026-04-01T00:00:00+08:00')).toEqual([
      '2026-02-01T00:00:00+08:00',
      '2026-03-01T00:00:00+08:00',
    ]);
    expect(compared('previous', 'date', '2026-01-01T00:00:00+08:00', '2026-04-01T00:00:00+08:00')[0]).toBe('2025-10-01T00:00:00+08:00');
  });

  test('of days are as many days before, at the same time of day', () => {
    expect(compared('previous', 'date', '2026-06-02T00:00:00+08:00', '2026-06-09T00:00:00+08:00')).toEqual([
      '2026-05-26T00:00:00+08:00',
      '2026-06-02T00:00:00+08:00',
    ]);
    // The last day has not ended: it is compared with as much of another.
    expect(compared('previous', 'date', '2026-06-02T00:00:00+08:00', '2026-06-08T15:00:00+08:00')).toEqual([
      '2026-05-26T00:00:00+08:00',
      '2026-06-01T15:00:00+08:00',
    ]);
    expect(compared('previous', 'date', '2026-03-08T00:00:00-05:00', '2026-03-09T00:00:00-04:00', 'America/New_York')[0]).toBe(
      '2026-03-07T00:00:00-05:00',
    );
  });

  test('of less than a day is as long', () => {
    expect(compared('previous', 'date', '2026-06-02T10:00:00+08:00', '2026-06-02T16:00:00+08:00')).toEqual([
      '2026-06-02T04:00:00+08:00',
      '2026-06-02T10:00:00+08:00',
    ]);
  });

  test('of a year before has the same dates, of the last of February the 28th', () => {
    expect(compared('year', 'date', '2024-02-29T00:00:00+08:00', '2024-03-02T00:00:00+08:00')).toEqual([
      '2023-02-28T00:00:00+08:00',
      '2023-03-02T00:00:00+08:00',
    ]);
  });

  test('by weekday begins on the same one, whole weeks before', () => {
    expect(compared('year', 'weekday', '2026-06-01T00:00:00+08:00', '2026-06-08T00:00:00+08:00')).toEqual([
      '2025-06-02T00:00:00+08:00',
      '2025-06-09T00:00:00+08:00',
    ]);
    expect(compared('previous', 'weekday', '2026-06-01T00:00:00+08:00', '2026-07-01T00:00:00+08:00')).toEqual([
      '2026-04-27T00:00:00+08:00',
      '2026-05-27T00:00:00+08:00',
    ]);
    expect(compared('previous', 'weekday', '2026-06-07T10:00:00+08:00', '2026-06-07T16:00:00+08:00')[0]).toBe('2026-05-31T10:00:00+08:00');
  });
});
