// The sweep: finds what is due whatever happened to the queue, what time alone has made due, and
// what has outlived its use.
import type { Kysely } from 'kysely';
import { markMaturedDue } from '../commission/award/due-store.ts';
import { sweepLockChanges } from '../commission/award/lock-change-store.ts';
import { inTransaction, type Work } from '../platform/postgres/database.ts';
import { sweepIdempotencyKeys } from '../platform/http/idempotency.ts';
import { sweepStreamedRequests } from '../platform/http/streamed-request.ts';
import { sweepSessions } from '../platform/keys/session-store.ts';
import { sweepTickets } from '../platform/keys/stream-tickets.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { sweepSignInLinks } from '../sign-in/link-store.ts';
import { foldHabits } from './alarms/habits.ts';

const ROWS_PER_BATCH = 1000;
const BATCHES_MAX = 10;
/** Each is for a whole batch of awards. */
const LOOKS_PER_SWEEP = 10;

/**
 * One sweep, in short transactions and bounded: what is left over is found by the next. The orders
 * that it marks are for the worker to award, and reports that nobody was told of are found by the
 * worker itself, who looks as often.
 */
export async function sweep(db: Kysely<DB>): Promise<void> {
  await inBatches(db, ({ trx, now }) => markMaturedDue(trx, now, ROWS_PER_BATCH));
  await inTransaction(db, ({ trx, now }) => sweepLockChanges(trx, now, LOOKS_PER_SWEEP));
  await inBatches(db, ({ trx, now }) => sweepIdempotencyKeys(trx, now, ROWS_PER_BATCH));
  await inTransaction(db, ({ trx, now }) => sweepStreamedRequests(trx, now));
  await inBatches(db, ({ trx, now }) => sweepSessions(trx, now, ROWS_PER_BATCH));
  await inBatches(db, ({ trx, now }) => sweepTickets(trx, now, ROWS_PER_BATCH));
  await inBatches(db, ({ trx, now }) => sweepSignInLinks(trx, now, ROWS_PER_BATCH));
  await inTransaction(db, ({ trx, now }) => foldHabits(trx, now));
}

/** Batch after batch while they are full. */
async function inBatches(db: Kysely<DB>, batch: (work: Work) => Promise<number>): Promise<void> {
  for (let done = 0; done < BATCHES_MAX; done += 1) if ((await inTransaction(db, batch)) < ROWS_PER_BATCH) return;
}
