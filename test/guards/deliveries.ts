// Deliveries that tests put down past the door: with their bodies among the known ones, as the
// door's own statement writes them.

import type { Insertable, Transaction } from 'kysely';

import type { DB, Delivery } from '../../src/platform/postgres/tables.ts';

export async function insertDelivery(trx: Transaction<DB>, row: Insertable<Delivery>): Promise<void> {
  const { body_hash, source_id, merchant_id = null, delivery_id } = row;
  await trx.insertInto('known_body').values({ body_hash, source_id, merchant_id, delivery_id }).execute();
  await trx.insertInto('delivery').values(row).execute();
}
