// Which month of a merchant a moment lies in.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { rangesOfMonth, zoneStretches, type StatedZone } from '../../../src/payouts/invoices/merchant-months.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const at = (text: string) => new Date(text);
const stated = (version: number, timeZone: string, effectiveFrom: string | null, recordedAt: string): StatedZone => {
  return { version, timeZone, effectiveFrom: effectiveFrom === null ? null : at(effectiveFrom), recordedAt: at(recordedAt) };
};
const first = stated(1, 'Asia/Shanghai', null, '2026-01-05T00:00:00Z');

test('the first zone counts for all time before it, and without a statement the usual one does', () => {
  expect(zoneStretches([first])).toEqual([{ since: null, until: null, timeZone: 'Asia/Shanghai' }]);
  expect(zoneStretches([])).toEqual([{ since: null, until: null, timeZone: 'Asia/Shanghai' }]);
});

test('a zone counts from when it was both in force and known: what is stated late moves no earlier moment', () => {
  const later = stated(2, 'UTC', '2026-06-01T00:00:00Z', '2026-05-01T00:00:00Z');
  const backdated = stated(2, 'UTC', '2026-03-01T00:00:00Z', '2026-05-01T00:00:00Z');
  expect(zoneStretches([first, later])[1]).toEqual({ since: at('2026-06-01T00:00:00Z'), until: null, timeZone: 'UTC' });
  expect(zoneStretches([first, backdated])).toEqual([
    { since: null, until: at('2026-05-01T00:00:00Z'), timeZone: 'Asia/Shanghai' },
    { since: at('2026-05-01T00:00:00Z'), until: null, timeZone: 'UTC' },
  ]);
});

test('a statement for an earlier time than the one in force changes nothing, and neither does one of the same zone', () => {
  const versions = [
    first,
    stated(2, 'UTC', '2026-06-01T00:00:00Z', '2026-05-01T00:00:00Z'),
    stated(3, 'Europe/Berlin', '2026-05-15T00:00:00Z', '2026-07-01T00:00:00Z'),
    stated(4, 'UTC', '2026-08-01T00:00:00Z', '2026-07-02T00:00:00Z'),
  ];
  expect(zoneStretches(versions).map(({ since, timeZone }) => [since?.toISOString() ?? null, timeZone])).toEqual([
    [null, 'Asia/Shanghai'],
    ['2026-06-01T00:00:00.000Z', 'UTC'],
  ]);
});

const only = (timeZone: string) => [{ since: null, until: null, timeZone }];

test('a month begins at its first instant in the zone, in summer time too', async () => {
  expect(await rangesOfMonth(database.db, only('Asia/Shanghai'), '2026-06')).toEqual([
    { from: at('2026-05-31T16:00:00Z'), to: at('2026-06-30T16:00:00Z') },
  ]);
  expect(await rangesOfMonth(database.db, only('Europe/Berlin'), '2026-03')).toEqual([
    { from: at('2026-02-28T23:00:00Z'), to: at('2026-03-31T22:00:00Z') },
  ]);
});

test('around a change of the zone no moment is lost and none lies in two months', async () => {
  const change = at('2026-01-31T20:00:00Z');
  const east = [
    { since: null, until: change, timeZone: 'UTC' },
    { since: change, until: null, timeZone: 'Asia/Shanghai' },
  ];
  const west = [
    { since: null, until: change, timeZone: 'Asia/Shanghai' },
    { since: change, until: null, timeZone: 'UTC' },
  ];
  const texts = async (stretches: typeof east, month: string) =>
    (await rangesOfMonth(database.db, stretches, month)).map(({ from, to }) => `${from.toISOString()} ${to.toISOString()}`);
  expect(await texts(east, '2026-01')).toEqual(['2026-01-01T00:00:00.000Z 2026-01-31T20:00:00.000Z']);
  expect(await texts(east, '2026-02')).toEqual(['2026-01-31T20:00:00.000Z 2026-02-28T16:00:00.000Z']);
  // Four hours before the change it is February by the old zone, after it January again.
  expect(await texts(west, '2026-01')).toEqual([
    '2025-12-31T16:00:00.000Z 2026-01-31T16:00:00.000Z',
    '2026-01-31T20:00:00.000Z 2026-02-01T00:00:00.000Z',
  ]);
  expect(await texts(west, '2026-02')).toEqual([
    '2026-01-31T16:00:00.000Z 2026-01-31T20:00:00.000Z',
    '2026-02-01T00:00:00.000Z 2026-03-01T00:00:00.000Z',
  ]);
});
