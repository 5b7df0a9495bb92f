// What deliveries name only by an id is noted, so that it is fetched: a push that says that an
// order has changed, and not how.
import { sql, type Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import type { Adapter, WantedDetail } from '../sources/source.ts';
import type { TakenDelivery } from './delivery-store.ts';

/** Something to fetch from a source, with the delivery that names it. */
export interface WantedByDelivery extends WantedDetail {
  sourceId: string;
  deliveryId: string;
}

const KEY_LENGTH_MAX = 512;
const NO_CONTROL = /^[^\p{Cc}\p{Cs}]*$/u;

/**
 * What a delivery wants. Throws where its adapter cannot read it, or it names what cannot be a key:
 * that keeps it as failed.
 */
export function wantedBy(adapter: Adapter | undefined, delivery: TakenDelivery, options: unknown): WantedByDelivery[] {
  if (adapter?.wanted === undefined || delivery.origin === 'upload') return [];
  const { delivery_id: deliveryId, source_id: sourceId, body, headers, received_at: receivedAt } = delivery;
  return adapter.wanted({ body, headers, receivedAt, options }).map((wanted) => ({
    sourceId,
    deliveryId,
    ...wanted,
    key: checkKey(wanted.key),
  }));
}

function checkKey(key: string): string {
  if (key.length <= KEY_LENGTH_MAX && NO_CONTROL.test(key)) return key;
  throw new Error(`${JSON.stringify(key.slice(0, KEY_LENGTH_MAX))} is nothing that could be fetched`);
}

/**
 * Notes what is wanted. What waits already is fetched at the earlier of both times, however often
 * that failed before, and again if it is being fetched now.
 */
export async function noteWanted(trx: Transaction<DB>, wanted: readonly WantedByDelivery[]): Promise<void> {
  if (wanted.length === 0) return;
  await sql`
    insert into pull_wanted as mine (source_id, key, since, asked_at, due_at, delivery_id)
    select source_id, key, now(), now(), now() + min(after_ms) * interval '1 millisecond',
      (array_agg(delivery_id order by place desc))[1]
    from ${unnestOf(
      wanted,
      {
        source_id: ['text', (one) => one.sourceId],
        key: ['text', (one) => one.key],
        after_ms: ['bigint', (one) => one.afterMs ?? 0],
        delivery_id: ['uuid', (one) => one.deliveryId],
        place: ['int', (_, index) => index],
      },
      'told',
    )}
    group by source_id, key order by source_id, key
    on conflict (source_id, key) do update
      set asked_at = excluded.asked_at, delivery_id = excluded.delivery_id, due_at = least(mine.due_at, excluded.due_at),
      attempts = case when excluded.due_at < mine.due_at then 0 else mine.attempts end`.execute(trx);
}
