// The worker's part of re-ratings: whatever waits is taken under a lease, previewed or executed,
// and brought to its end. What ends a worker before leaves it to another one.

import type { Kysely } from 'kysely';
import type { Logger } from 'pino';

import { DomainError } from '../../core/errors.ts';
import { DAY_MS, SECOND_MS } from '../../platform/durations.ts';
import { messageOf } from '../../platform/error-text.ts';
import { inTransaction, isUnavailable } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { repeat } from '../../platform/queue/repeat.ts';
import type { AwardDeps } from '../award/award.ts';
import { execute } from './executing.ts';
import { preview } from './previewing.ts';
import { removeFound } from './re-rating-order-store.ts';
import {
  endedInVain,
  failPreview,
  releaseLease,
  renewLease,
  savePreview,
  takeReRating,
  type Progress,
  type ReRating,
} from './re-rating-store.ts';

const BEAT_MS = 2 * SECOND_MS;
/** So long what a cancelled or failed one has found is kept; what was booked is kept for good. */
const KEPT_DAYS = 30;
const REMOVED_AT_ONCE = 10_000;
const FORGOTTEN_AT_ONCE = 10;

interface ReRatingDeps extends AwardDeps {
  log: Logger;
}

/**
 * Takes a re-rating that waits, and previews it or executes it as far as that goes; false where
 * none waits.
 */
export async function reRateNext(deps: ReRatingDeps, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const { db, log } = deps;
  const taken = await inTransaction(db, ({ trx, now }) => takeReRating(trx, now));
  if (taken === null) return false;
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  signal.addEventListener('abort', stop);
  const progress: Progress = { done: Number(taken.ordersDone), of: taken.ordersOf === null ? null : Number(taken.ordersOf) };
  const beat = repeat({
    everyMs: BEAT_MS,
    work: async () => (await renewLease(db, taken, progress)) || stop(),
    onError: (error) => log.debug({ err: error }, 'a re-rating could not say that it goes on'),
  });
  try {
    if (taken.state === 'running') await previewToEnd(deps, taken, progress, ending.signal);
    else await executeToEnd(deps, taken, ending.signal);
    return true;
  } finally {
    signal.removeEventListener('abort', stop);
    await beat.close();
  }
}

async function previewToEnd(deps: ReRatingDeps, taken: ReRating, progress: Progress, signal: AbortSignal): Promise<void> {
  const { db, log } = deps;
  try {
    const found = await preview(deps, taken, progress, signal);
    if (found === null) await releaseLease(db, taken);
    else await inTransaction(db, ({ trx, now }) => savePreview(trx, taken, found, now));
  } catch (error) {
    if (isUnavailable(error)) throw error;
    if (!(error instanceof DomainError)) log.error({ err: error, re_rating_id: taken.reRatingId }, 'a preview of a re-rating failed');
    await failPreview(db, taken, messageOf(error).slice(0, 2000));
  }
}

/**
 * An execution never fails as a whole. Where it was stopped, another worker goes on at once; where
 * orders wait for awards that do not come, once its lease has run out, so that others have a turn.
 */
async function executeToEnd(deps: ReRatingDeps, taken: ReRating, signal: AbortSignal): Promise<void> {
  const isDone = await execute(deps, taken, signal);
  if (!isDone && signal.aborted) await releaseLease(deps.db, taken);
}

/** Removes what cancelled and failed ones found more than thirty days ago, a part at a time. */
export async function forgetReRatings(db: Kysely<DB>, now: Date): Promise<void> {
  const before = new Date(now.getTime() - KEPT_DAYS * DAY_MS);
  for (const reRatingId of await endedInVain(db, before, FORGOTTEN_AT_ONCE)) {
    if (await removeFound(db, reRatingId, REMOVED_AT_ONCE)) return;
  }
}
