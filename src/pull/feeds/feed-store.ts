// How far each list of a source was read, and how asking it goes: checkpoints, the window that is
// being read, failures and rests.
import { sql, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import type { Failure } from './pauses.ts';

/** The name under which the fetching of single things stands beside the lists. */
const DETAIL = 'detail';

/** One reading of a list: the source's own, or that of one reconciliation. */
export interface FeedReading {
  sourceId: string;
  feed: string;
  reconciliationId: string | null;
}

export interface Window {
  from: Date;
  until: Date;
  cursor: string | null;
  /**
   * When its last page was stored, or when it began where it has none. The column is named after
   * the latter.
   */
  readAt: Date;
}

export interface Progress {
  /** All that changed before is stored. */
  reached: Date;
  window: Window | null;
}

type Row = {
  feed: string;
  reached: Date;
  window_from: Date | null;
  window_until: Date;
  cursor: string | null;
  window_begun_at: Date;
  is_due: boolean;
};

/**
 * How far the readings of these lists are, where they are to be asked now. Those that are new begin
 * at `start`; the source's own that are not among these are asked no more.
 */
export async function dueReadings(
  trx: Transaction<DB>,
  { sourceId, reconciliationId }: Omit<FeedReading, 'feed'>,
  feeds: readonly string[],
  start: Date,
): Promise<Map<string, Progress>> {
  await sql`
    insert into pull_feed (source_id, feed, reconciliation_id, reached, due_at)
    select ${sourceId}, feed, ${reconciliationId}::uuid, ${start}, now() from unnest(${feeds}::text[]) as feed
    on conflict on constraint pull_feed_key do nothing`.execute(trx);
  if (reconciliationId === null) {
    await sql`
      update pull_feed set due_at = case when feed = any(${feeds}) then now() end
      where source_id = ${sourceId} and reconciliation_id is null and feed <> ${DETAIL}
        and (due_at is null) = (feed = any(${feeds}))`.execute(trx);
  }
  const { rows } = await sql<Row>`
    select feed, reached, window_from, window_until, cursor, window_begun_at, coalesce(due_at, now()) <= now() as is_due from pull_feed
    where source_id = ${sourceId} and reconciliation_id is not distinct from ${reconciliationId}::uuid and feed = any(${feeds})`.execute(
    trx,
  );
  return new Map(
    rows.flatMap(({ feed, reached, window_from: from, window_until: until, cursor, window_begun_at: readAt, is_due }) =>
      is_due ? [[feed, { reached, window: from === null ? null : { from, until, cursor, readAt } }] as const] : [],
    ),
  );
}

/**
 * Whether single things may be fetched now: they rest together only after the keys of the source
 * were refused.
 */
export async function mayFetch(trx: Transaction<DB>, sourceId: string): Promise<boolean> {
  await sql`
    insert into pull_feed (source_id, feed, due_at) values (${sourceId}, ${DETAIL}, now())
    on conflict on constraint pull_feed_key do nothing`.execute(trx);
  const { rows } = await sql<{ is_due: boolean }>`
    select due_at <= now() as is_due from pull_feed where ${isOf(fetchingOf(sourceId))}`.execute(trx);
  return rows[0]!.is_due;
}

export const fetchingOf = (sourceId: string): FeedReading => ({ sourceId, feed: DETAIL, reconciliationId: null });

const ANSWERED = sql`attempts = 0, failure = null, error = null, failing_since = null`;

/**
 * Moves the checkpoint, which never goes back, and notes the window that is being read.
 * `againAfterMs` is null until the target is reached. With `isFailing` the answer ended no failure:
 * what it named could not be fetched.
 */
export async function saveProgress(
  trx: Transaction<DB>,
  reading: FeedReading,
  { reached, window }: Progress,
  { askedAt, againAfterMs, isFailing }: { askedAt: Date; againAfterMs: number | null; isFailing: boolean },
): Promise<void> {
  await sql`
    update pull_feed set reached = greatest(reached, ${reached}), window_from = ${window?.from ?? null},
      window_until = ${window?.until ?? null}, cursor = ${window?.cursor ?? null}, window_begun_at = ${window?.readAt ?? null},
      asked_at = ${askedAt}, read_at = now(), reached_at = case when ${reached} > reached then now() else reached_at end,
      due_at = now() + ${againAfterMs ?? 0}::bigint * interval '1 millisecond'
    where ${isOf(reading)}`.execute(trx);
  if (!isFailing) await sql`update pull_feed set ${ANSWERED} where ${isOf(reading)} and failure is not null`.execute(trx);
}

/** Lets a window be read from its first page again. */
export async function restartWindow(trx: Transaction<DB>, reading: FeedReading): Promise<void> {
  await sql`update pull_feed set cursor = null where ${isOf(reading)}`.execute(trx);
}

/** Notes that single things were fetched, or that the platform has told why not. */
export async function noteFetched(trx: Transaction<DB>, sourceId: string, askedAt: Date): Promise<void> {
  await sql`
    update pull_feed set asked_at = ${askedAt}, read_at = now(), due_at = now(), ${ANSWERED}
    where ${isOf(fetchingOf(sourceId))}`.execute(trx);
}

/** Notes why a reading failed, and lets it rest by itself, ever longer. */
export async function noteFailure(
  trx: Transaction<DB>,
  reading: FeedReading,
  { failure, error, restMs }: { failure: Failure; error: string; restMs: (attempts: number) => number },
): Promise<void> {
  const { rows } = await sql<{ attempts: number }>`
    update pull_feed set attempts = attempts + 1, asked_at = now(), failure = ${failure}, error = ${error},
      failing_since = coalesce(failing_since, now())
    where ${isOf(reading)} returning attempts`.execute(trx);
  if (rows[0] === undefined) throw new Error(`broken law: the reading of ${reading.feed} is known`);
  await sql`
    update pull_feed set due_at = now() + ${restMs(rows[0].attempts)} * interval '1 millisecond' where ${isOf(reading)}`.execute(trx);
}

/** Whether these lists were read up to the end of a reconciliation. */
export async function isWhollyRead(
  trx: Transaction<DB>,
  { reconciliationId, to }: { reconciliationId: string; to: Date },
  feeds: readonly string[],
): Promise<boolean> {
  const { rows } = await sql`
    select from pull_feed where reconciliation_id = ${reconciliationId}::uuid and feed = any(${feeds}) and reached < ${to}
    limit 1`.execute(trx);
  return rows.length === 0;
}

const isOf = ({ sourceId, feed, reconciliationId }: FeedReading) =>
  sql`source_id = ${sourceId} and feed = ${feed} and reconciliation_id is not distinct from ${reconciliationId}::uuid`;
