// What a cell counts: which cell is meant, and its rows page by page.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { cursorText, cursorTime, decodeCursor, encodeCursor, pageQuery } from '../../platform/http/paging.ts';
import { time } from '../../platform/http/fields.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { bucketsOf } from './buckets.ts';
import { listCellRows, type CellAsked, type CellPlace, type CellRow } from './cell-row-store.ts';
import { boundFilters } from './plan.ts';
import { COUNTED_MEASURES } from './query.ts';
import { statisticsFields, understandQuery } from './query-fields.ts';
import { inSnapshot, readSnapshot } from './snapshot-store.ts';

/** The query of the statistics, and which of their figures is opened. */
export const cellFields = statisticsFields.extend({
  ...pageQuery.shape,
  measure: z
    .enum(COUNTED_MEASURES)
    .meta({ description: 'Which figure; what is a quotient or counts distinct buyers does not open.', example: 'clicks' }),
  bucket_at: time.optional().meta({ description: 'The `bucket` of the row; left out, the whole time.' }),
});

/** A cell, and a page of its rows. */
export interface CellQuery extends CellAsked {
  timeZone: string;
  limit: number;
  after: CellPlace | null;
}

const placeShape = z.tuple([z.string(), cursorTime, cursorTime, cursorText, z.string().max(1024)]);

/**
 * Which cell is meant. Throws as `understandQuery` does, and `unprocessable` for a bucket that the
 * time has not.
 */
export function understandCell(
  { measure, bucket_at: at, limit, cursor, ...fields }: z.output<typeof cellFields>,
  given: { actor: Actor; now: Date },
): CellQuery {
  const query = understandQuery({ ...fields, limit: undefined, cursor: undefined }, given);
  const { basis, currency, timeZone } = query;
  const place = cursor === undefined ? null : readPlace(cursor, measure);
  const { from, to } = place ?? { ...query, ...(at !== undefined && bucketAt(query, at)) };
  return { from, to, filters: boundFilters(query), currency, basis, measure, timeZone, limit, after: place && place.after };
}

/** The part of a bucket that lies in the time. */
function bucketAt(query: Parameters<typeof bucketsOf>[0], at: Date): { from: Date; to: Date } {
  const starts = bucketsOf(query);
  const place = starts.findIndex((start) => start.getTime() === at.getTime());
  if (place < 0) {
    const message = 'must be where a bucket of this time begins';
    throw new DomainError('unprocessable', `bucket_at ${message}.`, { errors: [{ path: 'bucket_at', message }] });
  }
  const [from, to] = [Math.max(at.getTime(), query.from.getTime()), starts[place + 1] ?? query.to];
  return { from: new Date(from), to };
}

/** Where the next page begins, of the same time. */
export function writeCellPlace({ measure, from, to }: CellQuery, { at, name }: CellPlace): string {
  return encodeCursor([measure, from, to, at, name]);
}

function readPlace(cursor: string, measure: string): { from: Date; to: Date; after: CellPlace } {
  const [of, from, to, at, name] = decodeCursor(cursor, placeShape);
  if (of !== measure || Number.isNaN(Date.parse(at))) throw new DomainError('invalid_cursor', 'The cursor is not one of this list.');
  return { from: new Date(from), to: new Date(to), after: { at, name } };
}

/** A page of the rows that a cell counts, and as of when. */
export async function readCellRows(db: Kysely<DB>, cell: CellQuery): Promise<{ rows: CellRow[]; watermark: bigint }> {
  return inSnapshot(db, async (trx) => {
    const snapshot = await readSnapshot(trx, cell.filters);
    const { after, limit } = cell;
    return { rows: await listCellRows(trx, snapshot, cell, { after, limit }), watermark: snapshot.watermark };
  });
}
