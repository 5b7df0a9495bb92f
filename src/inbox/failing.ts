// What becomes of deliveries that fail: they are parted from their neighbours, tried again ever
// later, and given up with their error.
import { sql, type Kysely, type Transaction } from 'kysely';

import { inTransaction, isUnavailable } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { ERROR_LENGTH_MAX } from './delivery-store.ts';
import { MINUTE_MS } from '../platform/durations.ts';
import { stackOf } from '../platform/error-text.ts';
import { backoffMs } from '../platform/waiting.ts';

const ATTEMPTS_MAX = 8;
/**
 * A delivery that takes too long may be a victim of a database that is slow: it is tried for some
 * hours.
 */
const SLOW_ATTEMPTS_MAX = 24;
const FIRST_WAIT_MS = 1000;
const BACK_OFF_MS_MAX = 10 * MINUTE_MS;
const PUT_OFF_MS_MAX = 10_000;

const QUERY_CANCELED = '57014';
/** Not locked in time, not serialisable, deadlocked. */
const CONTENTION = new Set(['55P03', '40001', '40P01']);

type Process = (deliveryIds: readonly string[]) => Promise<void>;

/** A delivery that failed by itself: it is tried again, or was given up. */
export interface FailedDelivery {
  deliveryId: string;
  sourceId: string;
  attempts: number;
  givenUp: boolean;
}

/** How deliveries are processed, and who is told, after the commit, of those that fail. */
interface Processing {
  process: Process;
  onFailed: (failed: FailedDelivery) => void;
}

/**
 * Settles deliveries that could not be processed together. A batch is processed again in halves
 * until the one that fails stands alone and is put off with its error. Those who stood in the way
 * of others are put off, each by another time, and nothing is given up for it. Throws when the
 * database is away: then nobody has failed.
 */
export async function settleFailed(db: Kysely<DB>, deliveryIds: readonly string[], error: unknown, processing: Processing): Promise<void> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (CONTENTION.has(code)) {
    await inTransaction(db, ({ trx }) => putOff(trx, deliveryIds, String(error)));
    return;
  }
  const isTooSlow = code === QUERY_CANCELED;
  if (isUnavailable(error) && !isTooSlow) throw error;
  if (deliveryIds.length === 1) {
    const message = stackOf(error);
    const attemptsMax = isTooSlow ? SLOW_ATTEMPTS_MAX : ATTEMPTS_MAX;
    const failed = await inTransaction(db, ({ trx }) => postpone(trx, deliveryIds[0]!, message, attemptsMax));
    if (failed !== null) processing.onFailed(failed);
    return;
  }
  const middle = Math.ceil(deliveryIds.length / 2);
  for (const half of [deliveryIds.slice(0, middle), deliveryIds.slice(middle)]) await processApart(db, half, processing);
}

/** Processes deliveries by themselves, and settles those that fail. */
export async function processApart(db: Kysely<DB>, deliveryIds: readonly string[], processing: Processing): Promise<void> {
  try {
    await processing.process(deliveryIds);
  } catch (error) {
    await settleFailed(db, deliveryIds, error, processing);
  }
}

/**
 * Puts off a delivery that failed by itself, twice as long each time, or gives it up; either way
 * with its error.
 */
async function postpone(trx: Transaction<DB>, deliveryId: string, error: string, attemptsMax: number): Promise<FailedDelivery | null> {
  const row = await trx
    .selectFrom('delivery')
    .select(['attempts', 'source_id'])
    .where('delivery_id', '=', deliveryId)
    .where('state', '=', 'received')
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return null;
  const attempts = row.attempts + 1;
  const givenUp = attempts >= attemptsMax;
  const wait = sql<Date>`now() + ${backoffMs(attempts, FIRST_WAIT_MS, BACK_OFF_MS_MAX)} * interval '1 millisecond'`;
  await trx
    .updateTable('delivery')
    .set({ attempts, error: error.slice(0, ERROR_LENGTH_MAX), next_attempt_at: wait })
    .$if(givenUp, (query) => query.set({ state: 'failed', finished_at: sql<Date>`now()` }))
    .where('delivery_id', '=', deliveryId)
    .execute();
  return { deliveryId, sourceId: row.source_id, attempts, givenUp };
}

/** Puts off deliveries, each by a random time, so that they do not meet again. */
async function putOff(trx: Transaction<DB>, deliveryIds: readonly string[], error: string): Promise<void> {
  await sql`
    update delivery set error = ${error.slice(0, ERROR_LENGTH_MAX)},
      next_attempt_at = now() + random() * ${PUT_OFF_MS_MAX} * interval '1 millisecond'
    where delivery_id = any(${deliveryIds}::uuid[]) and state = 'received'`.execute(trx);
}
