// Letting finished deliveries be processed once more: one, or all that fit a filter. Nothing counts
// twice by it.
import { sql, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import type { DeliveryState } from '../delivery-store.ts';
import { MINUTE_MS } from '../../platform/durations.ts';

/** An id is made a little before its delivery is stored. */
const ID_SLACK_MS = 10 * MINUTE_MS;

/** A delivery keeps its last error until it is finished again. */
const DUE_AGAIN = {
  state: 'received',
  reason: null,
  waits_for: null,
  attempts: 0,
  next_attempt_at: sql<Date>`now()`,
  finished_at: null,
} as const;

/**
 * Makes a finished delivery due again; one that is due already is due now. Null when there is none.
 */
export async function replayDelivery(trx: Transaction<DB>, deliveryId: string): Promise<{ before: DeliveryState } | null> {
  const row = await trx.selectFrom('delivery').select('state').where('delivery_id', '=', deliveryId).forUpdate().executeTakeFirst();
  if (row === undefined) return null;
  await trx.updateTable('delivery').set(DUE_AGAIN).where('delivery_id', '=', deliveryId).execute();
  return { before: row.state as DeliveryState };
}

/** Makes those of these deliveries due again that have failed. */
export async function replayFailed(trx: Transaction<DB>, deliveryIds: readonly string[]): Promise<void> {
  if (deliveryIds.length === 0) return;
  await trx.updateTable('delivery').set(DUE_AGAIN).where('delivery_id', 'in', deliveryIds).where('state', '=', 'failed').execute();
}

interface ReplayFilter {
  state: Exclude<DeliveryState, 'received'>;
  sourceId: string | null;
  /** Why it was parked, or words of the error with which it failed. */
  reason: string | null;
  /** Received at or after. */
  from: Date | null;
  /** Received before. */
  to: Date | null;
}

/** Makes finished deliveries due again, the oldest first and at most `limit`; tells how many. */
export async function replayDeliveries(trx: Transaction<DB>, filter: ReplayFilter, limit: number): Promise<number> {
  const { state, sourceId, reason, from, to } = filter;
  let chosen = trx.selectFrom('delivery').select('delivery_id').where('state', '=', state).orderBy('delivery_id').limit(limit).forUpdate();
  if (sourceId !== null) chosen = chosen.where('source_id', '=', sourceId);
  if (reason !== null) {
    chosen = chosen.where((one) => one.or([one('reason', '=', reason), sql<boolean>`strpos(error, ${reason}) > 0 and state = 'failed'`]));
  }
  // Ids begin with their time, so only what lies about there is read.
  if (from !== null) chosen = chosen.where('received_at', '>=', from).where('delivery_id', '>=', leastId(from.getTime() - ID_SLACK_MS));
  if (to !== null) chosen = chosen.where('received_at', '<', to).where('delivery_id', '<', leastId(to.getTime() + ID_SLACK_MS));
  const { numUpdatedRows } = await trx
    .with('chosen', () => chosen)
    .updateTable('delivery')
    .set(DUE_AGAIN)
    .from('chosen')
    .whereRef('delivery.delivery_id', '=', 'chosen.delivery_id')
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}

const leastId = (time: number) => uuidv7(time, new Uint8Array(10));
