// How far each list of a source was read: checkpoints, and the window that is being read.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/tables.ts';

/** One reading of a list: the source's own, or that of one reconciliation. */
export interface Reading {
  sourceId: string;
  feed: string;
  reconciliationId: string | null;
}

export interface Window {
  from: Date;
  until: Date;
  cursor: string | null;
  /** When its last page was stored, or when it began where it has none. The column is named after the latter. */
  readAt: Date;
}

export interface Progress {
  /** All that changed before is stored. */
  reached: Date;
  window: Window | null;
}

/** How far the reading is; it begins at `start` when it is new. */
export async function findProgress(db: Kysely<DB>, reading: Reading, start: Date): Promise<Progress> {
  await sql`
    insert into pull_feed (source_id, feed, reconciliation_id, reached)
    values (${reading.sourceId}, ${reading.feed}, ${reading.reconciliationId}::uuid, ${start})
    on conflict on constraint pull_feed_key do nothing`.execute(db);
  const { rows } = await sql<{
    reached: Date;
    window_from: Date | null;
    window_until: Date;
    cursor: string | null;
    window_begun_at: Date;
  }>`select reached, window_from, window_until, cursor, window_begun_at from pull_feed where ${isOf(reading)}`.execute(db);
  const { reached, window_from: from, window_until: until, cursor, window_begun_at: readAt } = rows[0]!;
  return { reached, window: from === null ? null : { from, until, cursor, readAt } };
}

/** Moves the checkpoint, which never goes back, and notes the window that is being read. */
export async function saveProgress(trx: Transaction<DB>, reading: Reading, { reached, window }: Progress): Promise<void> {
  await sql`
    update pull_feed set reached = greatest(reached, ${reached}), window_from = ${window?.from ?? null},
      window_until = ${window?.until ?? null}, cursor = ${window?.cursor ?? null}, window_begun_at = ${window?.readAt ?? null}
    where ${isOf(reading)}`.execute(trx);
}

const isOf = ({ sourceId, feed, reconciliationId }: Reading) =>
  sql`source_id = ${sourceId} and feed = ${feed} and reconciliation_id is not distinct from ${reconciliationId}::uuid`;
