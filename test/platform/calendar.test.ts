// Days and months of time zones, on the days on which their clocks do something.

import { describe, expect, test } from 'vitest';

import { clockOf, dayInMonth, dayOf, isTimeZone, midnightFrom, monthAfter, spanOfMonths, startOfDay } from '../../src/platform/calendar.ts';

test('a zone is one of the IANA database', () => {
  for (const name of ['UTC', 'Asia/Shanghai', 'America/New_York', 'Etc/GMT+12']) expect(isTimeZone(name)).toBe(true);
  for (const name of ['', 'utc', '+08:00', 'Mars/Base', 'Asia/Shanghai\0']) expect(isTimeZone(name)).toBe(false);
});

describe('a day begins', () => {
  test.each([
    ['UTC', '2026-06-01', '2026-06-01T00:00:00.000Z'],
    ['Asia/Shanghai', '2026-07-01', '2026-06-30T16:00:00.000Z'],
    ['Asia/Kathmandu', '2026-07-01', '2026-06-30T18:15:00.000Z'],
    ['America/New_York', '2026-03-08', '2026-03-08T05:00:00.000Z'],
    ['America/New_York', '2026-03-09', '2026-03-09T04:00:00.000Z'],
    ['Pacific/Kiritimati', '2026-01-01', '2025-12-31T10:00:00.000Z'],
    ['Etc/GMT+12', '2026-01-01', '2026-01-01T12:00:00.000Z'],
  ])('in %s on %s at %s', (zone, day, instant) => {
    expect(startOfDay(day, zone).toISOString()).toBe(instant);
  });

  test('at the skip where the clocks skip midnight', () => {
    // Beirut goes from 00:00 to 01:00 on the last Sunday of March.
    const start = startOfDay('2026-03-29', 'Asia/Beirut');
    expect(start.toISOString()).toBe('2026-03-28T22:00:00.000Z');
    expect(clockOf('Asia/Beirut')(start)).toBe('2026-03-29 01:00:00');
  });

  test('with the next one where the zone skips the whole day', () => {
    // Samoa had no 30 December 2011.
    expect(startOfDay('2011-12-30', 'Pacific/Apia')).toEqual(startOfDay('2011-12-31', 'Pacific/Apia'));
  });

  test('where the one before it ends, all year long', () => {
    for (const zone of ['Europe/London', 'America/Havana', 'Australia/Lord_Howe', 'Africa/Casablanca']) {
      for (let month = '2026-01'; month < '2027-01'; month = monthAfter(month)) {
        const { from, until } = spanOfMonths(month, zone);
        expect(dayOf(from, zone)).toBe(`${month}-01`);
        expect(dayOf(new Date(until.getTime() - 1), zone).slice(0, 7)).toBe(month);
        expect(until).toEqual(spanOfMonths(monthAfter(month), zone).from);
      }
    }
  });
});

test('a quarter is three months', () => {
  const { from, until } = spanOfMonths('2026-10', 'Asia/Shanghai', 3);
  expect([from.toISOString(), until.toISOString()]).toEqual(['2026-09-30T16:00:00.000Z', '2026-12-31T16:00:00.000Z']);
});

test('months go on over the year, and days that a month lacks are its last', () => {
  expect([monthAfter('2026-12'), monthAfter('2026-01', -1), monthAfter('2026-11', 14)]).toEqual(['2027-01', '2025-12', '2028-01']);
  expect(dayInMonth('2026-02', 31)).toBe('2026-02-28');
  expect(dayInMonth('2028-02', 30)).toBe('2028-02-29');
  expect(dayInMonth('2026-04', 31)).toBe('2026-04-30');
  expect(dayInMonth('2026-05', 31)).toBe('2026-05-31');
  expect(dayInMonth('2026-05', 1)).toBe('2026-05-01');
});

const from = (at: string, zone: string) => midnightFrom(new Date(at), zone).toISOString();

describe('the first midnight from a time on', () => {
  test('is that time itself where a day begins then, and else the next beginning of a day', () => {
    expect(from('2026-06-14T16:00:00.000Z', 'Asia/Shanghai')).toBe('2026-06-14T16:00:00.000Z');
    expect(from('2026-06-14T16:00:00.001Z', 'Asia/Shanghai')).toBe('2026-06-15T16:00:00.000Z');
    expect(from('2026-06-14T15:59:59.999Z', 'Asia/Shanghai')).toBe('2026-06-14T16:00:00.000Z');
  });

  test('lies at quarters and halves of hours in some zones', () => {
    expect(from('2026-06-14T20:00:00Z', 'Asia/Kathmandu')).toBe('2026-06-15T18:15:00.000Z');
    expect(from('2026-06-14T20:00:00Z', 'Australia/Lord_Howe')).toBe('2026-06-15T13:30:00.000Z');
    expect(from('2026-12-14T20:00:00Z', 'Australia/Lord_Howe')).toBe('2026-12-15T13:00:00.000Z');
  });

  test('is 23 or 25 hours after the one before where the clocks change, and the skip where they skip it', () => {
    expect(from('2026-03-28T23:00:00.001Z', 'Europe/Berlin')).toBe('2026-03-29T22:00:00.000Z');
    expect(from('2026-10-24T22:00:00.001Z', 'Europe/Berlin')).toBe('2026-10-25T23:00:00.000Z');
    // Beirut went from 23:59:59 of the 25th to 01:00 of the 26th; Havana has its midnight twice.
    expect(from('2028-03-25T12:00:00Z', 'Asia/Beirut')).toBe('2028-03-25T22:00:00.000Z');
    expect(from('2026-10-31T12:00:00Z', 'America/Havana')).toBe('2026-11-01T04:00:00.000Z');
  });
});
