// What a request is understood to ask, and what is refused.

import { describe, expect, test } from 'vitest';

import { DomainError } from '../../../src/core/errors.ts';
import type { Actor } from '../../../src/platform/keys/actor.ts';
import { MEASURES, type StatisticsQuery } from '../../../src/statistics/reading/query.ts';
import { statisticsFields, understandQuery, writePlace } from '../../../src/statistics/reading/query-fields.ts';
import { showFilter } from '../../../src/statistics/reading/statistics-answers.ts';

const NOW = new Date('2026-06-15T10:00:00.000Z');
const admin: Actor = { keyId: 'k', scope: 'admin', role: null, person: 'p', merchantId: null, promoterId: null };

function ask(fields: Record<string, string>, actor: Partial<Actor> = {}): StatisticsQuery {
  return understandQuery(statisticsFields.parse(fields), { actor: { ...admin, ...actor }, now: NOW });
}

function refusalOf(fields: Record<string, string>, actor: Partial<Actor> = {}): string {
  try {
    ask(fields, actor);
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    return statisticsFields.safeParse(fields).success ? String(error) : 'malformed_request';
  }
  return 'understood';
}

describe('what is left out', () => {
  test('is filled in: thirty local days until now, all figures but buyers', () => {
    expect(ask({})).toEqual({
      groupBy: [],
      bucket: 'day',
      from: new Date('2026-05-16T16:00:00.000Z'),
      // What was recorded in this millisecond counts.
      to: new Date('2026-06-15T10:00:00.001Z'),
      timeZone: 'Asia/Shanghai',
      compare: null,
      align: 'date',
      basis: 'order',
      sort: { by: 'commission', descending: true },
      measures: MEASURES.filter((measure) => measure !== 'buyers'),
      filters: {},
      bounds: {},
      currency: null,
      limit: 50,
      after: null,
    });
  });

  test('of the beginning is thirty days with that of the end', () => {
    expect(ask({ to: '2026-06-01T00:00:00+05:45', time_zone: 'Asia/Kathmandu' }).from).toEqual(new Date('2026-05-01T18:15:00Z'));
    expect(ask({ to: '2026-03-20T00:00:00-04:00', time_zone: 'America/New_York' }).from).toEqual(new Date('2026-02-18T05:00:00Z'));
  });

  test('of the groups of a page is fifty, or as many as have 20,000 rows', () => {
    expect(ask({ group_by: 'promoter' }).limit).toBe(50);
    expect(ask({ group_by: 'promoter', from: '2024-06-15T00:00:00Z' }).limit).toBe(Math.floor(20_000 / 731));
  });
});

const filterOf = (value: string) => ask({ category: value }).filters.category;

describe('a filter', () => {
  test('names values by comma, leaves out those after a minus, and is without one where it is empty', () => {
    expect(filterOf('shoes')).toEqual({ wanted: ['shoes'], unwanted: [] });
    expect(filterOf('shoes,,hats')).toEqual({ wanted: ['shoes', null, 'hats'], unwanted: [] });
    expect(filterOf(',shoes')).toEqual({ wanted: [null, 'shoes'], unwanted: [] });
    expect(filterOf('')).toEqual({ wanted: [null], unwanted: [] });
    expect(filterOf('-shoes,-')).toEqual({ wanted: [], unwanted: ['shoes', null] });
    expect(filterOf('a-b,--c')).toEqual({ wanted: ['a-b'], unwanted: ['-c'] });
  });

  test('makes a sign plain by the one before it, and is told as it can be asked again', () => {
    for (const [text, value] of [
      ['\\-5', '-5'],
      ['a\\,b', 'a,b'],
      ['a\\\\b', 'a\\b'],
      ['é漢', 'é漢'],
    ] as const) {
      expect(filterOf(text)).toEqual({ wanted: [value], unwanted: [] });
      expect(showFilter({ wanted: [value], unwanted: [] })).toBe(text);
      expect(filterOf(showFilter({ wanted: [null, value], unwanted: [value, null] }))).toEqual({
        wanted: [null, value],
        unwanted: [value, null],
      });
    }
  });

  test('is refused where it cannot be read', () => {
    for (const category of ['a\\', '\u0000', Array.from({ length: 201 }, (_, at) => at).join(',')]) {
      expect(refusalOf({ category })).toBe('malformed_request');
    }
    for (const level of ['one', '-1x', '1.5']) expect(refusalOf({ level })).toBe('malformed_request');
    expect(ask({ level: '1,' }).filters.level).toEqual({ wanted: ['1', null], unwanted: [] });
  });
});

describe('a key', () => {
  test('of one merchant or promoter is held to it', () => {
    expect(ask({}, { merchantId: 'm1' }).bounds).toEqual({ merchant: 'm1' });
    expect(ask({ promoter_id: 'bob' }, { promoterId: 'bob' }).bounds).toEqual({ promoter: 'bob' });
  });

  test('may name no other', () => {
    expect(refusalOf({ merchant_id: 'm2' }, { merchantId: 'm1' })).toBe('forbidden');
    expect(refusalOf({ merchant_id: 'm1,m2' }, { merchantId: 'm1' })).toBe('forbidden');
    expect(refusalOf({ promoter_id: '' }, { promoterId: 'bob' })).toBe('forbidden');
    expect(refusalOf({ merchant_id: '-m2' }, { merchantId: 'm1' })).toBe('understood');
  });
});

describe('what is refused', () => {
  test.each<[code: string, fields: Record<string, string>]>([
    ['malformed_request', { group_by: 'shop' }],
    ['malformed_request', { group_by: 'merchant,promoter,link' }],
    ['malformed_request', { group_by: 'merchant,merchant' }],
    ['malformed_request', { measures: 'clicks,clicks' }],
    ['malformed_request', { measures: 'money' }],
    ['malformed_request', { sort: 'money' }],
    ['malformed_request', { bucket: 'year' }],
    ['malformed_request', { time_zone: 'Mars/Base' }],
    ['malformed_request', { time_zone: '+08:00' }],
    ['malformed_request', { limit: '0' }],
    ['malformed_request', { limit: '201' }],
    ['malformed_request', { promoter: 'bob' }],
    ['malformed_request', { currency: 'XXQ' }],
    ['malformed_request', { from: '2026-06-01' }],
    ['unprocessable', { from: '2026-06-02T00:00:00Z', to: '2026-06-02T00:00:00Z' }],
    ['unprocessable', { from: '2026-06-16T00:00:00Z' }],
    ['invalid_cursor', { group_by: 'merchant', cursor: 'mine' }],
    ['range_too_long', { bucket: 'minute', from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:01Z' }],
    ['range_too_long', { bucket: '15m', from: '2026-06-01T00:00:00Z', to: '2026-06-08T00:00:01Z' }],
    ['range_too_long', { bucket: 'hour', from: '2026-03-01T00:00:00Z', to: '2026-06-01T00:00:01Z' }],
    ['range_too_long', { measures: 'buyers', from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:01Z' }],
    ['range_too_long', { sort: 'buyers', from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:01Z' }],
    ['too_many_rows', { group_by: 'link', limit: '200', from: '2026-03-01T00:00:00+08:00', to: '2026-06-10T00:00:00+08:00' }],
    ['too_many_rows', { from: '2000-01-01T00:00:00Z', to: '2060-01-01T00:00:00Z' }],
  ])('%s: %j', (code, fields) => {
    expect(refusalOf(fields)).toBe(code);
  });

  test('is not what fills the limits', () => {
    for (const fields of [
      { bucket: 'minute', from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z' },
      { bucket: '15m', from: '2026-06-01T00:00:00Z', to: '2026-06-08T00:00:00Z' },
      { bucket: 'hour', from: '2026-03-01T00:00:00Z', to: '2026-06-01T00:00:00Z' },
      // A day of 25 hours is a day.
      { bucket: 'minute', time_zone: 'America/New_York', from: '2026-11-01T00:00:00-04:00', to: '2026-11-02T00:00:00-05:00' },
      { measures: 'buyers', from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z' },
      { group_by: 'link', limit: '200', from: '2026-03-01T00:00:00+08:00', to: '2026-06-09T00:00:00+08:00' },
    ]) {
      expect([fields, refusalOf(fields)]).toEqual([fields, 'understood']);
    }
  });
});

test('a cursor keeps the time of the first page, and is of one list', () => {
  const first = ask({ group_by: 'link,promoter', sort: 'orders' });
  const place = { value: 12n, keys: ['漢'.repeat(32), null], currency: 'CNY' };
  const cursor = writePlace(first, place, 7n);
  const later = understandQuery(statisticsFields.parse({ group_by: 'link,promoter', sort: 'orders', cursor }), {
    actor: admin,
    now: new Date('2026-06-20T00:00:00Z'),
  });
  expect({ from: later.from, to: later.to, after: later.after }).toEqual({ from: first.from, to: first.to, after: place });
  expect(refusalOf({ group_by: 'link,promoter', sort: '-orders', cursor })).toBe('invalid_cursor');
  expect(refusalOf({ group_by: 'link', sort: 'orders', cursor })).toBe('invalid_cursor');
});
