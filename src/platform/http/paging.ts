// Lists by cursor: where the next page begins is a place in the order of the list, so rows that
// come meanwhile shift nothing.

import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { text, timeText } from './fields.ts';

const LIMIT_MAX = 200;
const LIMIT_DEFAULT = 50;
const CURSOR_CHARACTERS_MAX = 1024;
const PART_CHARACTERS_MAX = 512;

/** The query of every list; extend it with the list's own filters. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT).meta({ description: 'How many rows a page has.' }),
  cursor: z.string().max(CURSOR_CHARACTERS_MAX).optional().meta({ description: 'The `next_cursor` of the page before.' }),
});

interface Page<Row> {
  data: Row[];
  next_cursor: string | null;
}

/** The schema of a page of these rows. */
export function pageOf<Row extends z.ZodType>(row: Row) {
  return z.object({ data: z.array(row), next_cursor: z.string().nullable().meta({ description: 'Null on the last page.' }) });
}

/**
 * Makes a page of rows that were read with `limit + 1`: the one too many says that there is a next
 * page.
 */
export function toPage<Row, Shown>(
  rows: Row[],
  limit: number,
  show: (row: Row) => Shown,
  placeOf: (row: Row) => CursorPart[],
): Page<Shown> {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { data: rows.slice(0, limit).map(show), next_cursor: last === undefined ? null : encodeCursor(placeOf(last)) };
}

/**
 * The parts that a cursor may have, as texts that the database can compare: whoever makes a cursor
 * of his own is told that it is none, and meets no fault of ours. A number has 18 digits at most,
 * so that it is one of a bigint column.
 */
export const cursorNumber = z.string().regex(/^\d{1,18}$/);
export const cursorText = text(PART_CHARACTERS_MAX);
export const cursorTime = timeText;

type CursorPart = string | number | bigint | Date | null;

/**
 * An opaque cursor of these sort keys. Dates are cut to a millisecond: a list sorted by a time
 * needs a key after it that is unique.
 */
export function encodeCursor(parts: CursorPart[]): string {
  const texts = parts.map((part) => (part === null ? null : part instanceof Date ? part.toISOString() : String(part)));
  return Buffer.from(JSON.stringify(texts)).toString('base64url');
}

/**
 * The sort keys of a cursor, as the texts they were written as and of this shape. Throws
 * `invalid_cursor` for anything we did not make.
 */
export function decodeCursor<Parts>(cursor: string, shape: z.ZodType<Parts>): Parts {
  const result = shape.safeParse(readCursor(cursor));
  if (result.success) return result.data;
  throw new DomainError('invalid_cursor', 'The cursor is not one of this list.');
}

function readCursor(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
