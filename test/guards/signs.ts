// What a sign is that an alarm is raised by, and the reports that signs are made of.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { insertDelivery } from './deliveries.ts';
import { ago } from './world.ts';

export interface Sign {
  alarm: string;
  sign: string;
  do: (trx: Transaction<DB>) => Promise<unknown>;
  /** How many it counts. */
  violations?: number;
}

let delivered = 0;

/** One more report of a source; gives its id. */
export async function deliver(trx: Transaction<DB>, days: number, more: object = {}): Promise<string> {
  delivered += 1;
  const hash = Buffer.alloc(32);
  hash.writeUInt32BE(delivered);
  const at = ago(days);
  const deliveryId = uuidv7(at.getTime());
  const row = { delivery_id: deliveryId, source_id: 'shop1', origin: 'push', body: Buffer.from('x'), body_hash: hash, headers: '{}' };
  const state = { received_at: at, next_attempt_at: at, state: 'processed', reports: 0, finished_at: at };
  await insertDelivery(trx, { ...row, ...state, ...more });
  return deliveryId;
}

/** An order that was told of, each time so many days ago, by these; the first of them made it. */
export async function tellOrder(
  trx: Transaction<DB>,
  orderId: string,
  news: readonly { by: 'shop1' | 'rest'; days: number; origin?: 'push' | 'pull' }[],
  { sourceId = 'shop1', paid = true } = {},
): Promise<void> {
  const at = ago(Math.max(...news.map(({ days }) => days)));
  const { rows } = await sql<{ order_key: bigint }>`
    insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency_conflict, attribution_at, made_at, changed_at)
    values ('m1', ${sourceId}, ${orderId}, ${paid ? '{"status":"paid"}' : '{}'}, ${paid ? 'paid' : 'created'}, false, false,
      ${paid ? at : null}::timestamptz, ${at}, ${at}) returning order_key`.execute(trx);
  for (const { by, days, origin = 'push' } of news) {
    const of = by === 'rest' ? { source_id: 'rest', merchant_id: 'm1', origin: 'rest' } : { source_id: by, origin };
    const deliveryId = await deliver(trx, days, { ...of, reports: 1 });
    await trx.insertInto('order_report').values({ order_key: rows[0]!.order_key, delivery_id: deliveryId, ordinal: 0 }).execute();
  }
}
