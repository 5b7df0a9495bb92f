// Offsets of zones against their clocks.

import { expect, test } from 'vitest';

import { clockOf } from '../../src/platform/calendar.ts';
import { HOUR_MS } from '../../src/platform/durations.ts';
import { offsetSpans } from '../../src/platform/zone-offsets.ts';

const ZONES = ['UTC', 'Asia/Shanghai', 'Asia/Kathmandu', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Pacific/Apia'];

test.each(ZONES)('%s shows in every hour of years what its offset says', (timeZone) => {
  const clock = clockOf(timeZone);
  const [from, until] = [Date.UTC(2010, 11), Date.UTC(2012, 1)];
  const spans = offsetSpans(timeZone, from, until);
  expect([spans[0]!.from, spans.at(-1)!.until]).toEqual([from, until]);
  for (const [place, span] of spans.entries()) {
    expect(spans[place + 1]?.from ?? until).toBe(span.until);
    for (let at = span.from; at < span.until; at += HOUR_MS) {
      expect(clock(new Date(at))).toBe(new Date(at + span.offset).toISOString().slice(0, 19).replace('T', ' '));
    }
    const last = span.until - 1000;
    expect(clock(new Date(last))).toBe(new Date(last + span.offset).toISOString().slice(0, 19).replace('T', ' '));
  }
});

test('a moment has the one offset of its time', () => {
  const before = Date.parse('2026-03-08T06:59:59Z');
  expect(offsetSpans('America/New_York', before, before + 1)).toEqual([{ from: before, until: before + 1, offset: -5 * HOUR_MS }]);
  expect(offsetSpans('America/New_York', before + 1000, before + 1001)[0]!.offset).toBe(-4 * HOUR_MS);
});
