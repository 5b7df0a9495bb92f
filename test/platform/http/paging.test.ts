import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { decodeCursor, encodeCursor, pageQuery, toPage } from '../../../src/platform/http/paging.ts';

const place = z.tuple([z.iso.datetime(), z.string()]);

describe('cursors', () => {
  test('what a cursor was made of comes back, in characters of an address', () => {
    const cursor = encodeCursor([new Date('2026-06-01T00:00:00Z'), 'ö/?&']);
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(decodeCursor(cursor, place)).toEqual(['2026-06-01T00:00:00.000Z', 'ö/?&']);
    expect(decodeCursor(encodeCursor([7n, null]), z.tuple([z.string(), z.null()]))).toEqual(['7', null]);
  });

  test('anything that is not a cursor of this list is invalid_cursor', () => {
    const others = ['', '!', 'abc', encodeCursor([]), encodeCursor(['x', 'y']), Buffer.from('{"a":1}').toString('base64url')];
    for (const other of others) {
      expect(() => decodeCursor(other, place)).toThrow(expect.objectContaining({ code: 'invalid_cursor', status: 400 }));
    }
  });
});

const show = (row: number): string => `row ${row}`;
const placeOf = (row: number): number[] => [row];

describe('pages', () => {
  test('a page that was read full has a next one, which begins after its last row', () => {
    const page = toPage([1, 2, 3], 2, show, placeOf);
    expect(page.data).toEqual(['row 1', 'row 2']);
    expect(decodeCursor(page.next_cursor!, z.tuple([z.string()]))).toEqual(['2']);
  });

  test('the last page has none, even when it is exactly full', () => {
    expect(toPage([1, 2], 2, show, placeOf)).toEqual({ data: ['row 1', 'row 2'], next_cursor: null });
    expect(toPage([], 2, show, placeOf)).toEqual({ data: [], next_cursor: null });
  });

  test('a limit is a whole number from 1 to 200, and 50 when nobody says', () => {
    expect(pageQuery.parse({})).toEqual({ limit: 50 });
    expect(pageQuery.parse({ limit: '200' }).limit).toBe(200);
    for (const limit of ['0', '201', '-1', '1.5', 'ten', '']) expect(pageQuery.safeParse({ limit }).success).toBe(false);
  });
});
