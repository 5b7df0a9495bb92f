// The sweep: finds what is due whatever happened to the queue, what time alone has made due, and what has outlived its use.
import type { Kysely } from 'kysely';
import { markMaturedDue } from '../commission/due-store.ts';
import { inTransaction } from '../platform/database.ts';
import { sweepIdempotencyKeys } from '../platform/idempotency.ts';
import type { DB } from '../platform/tables.ts';

const MATURED_MAX = 1000;
const IDEMPOTENCY_KEYS_MAX = 1000;

/** One sweep, bounded: what is left over is found by the next. The orders that it marks are for the worker to award. */
export async function sweep(db: Kysely<DB>): Promise<void> {
  await inTransaction(db, ({ trx, now }) => markMaturedDue(trx, now, MATURED_MAX));
  await inTransaction(db, ({ trx, now }) => sweepIdempotencyKeys(trx, now, IDEMPOTENCY_KEYS_MAX));
}
