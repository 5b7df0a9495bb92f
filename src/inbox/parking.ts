// What waits for a word to be explained, and what lets it go on. Who parks and who explains at the same moment must not miss each other.
import { sql, type Transaction } from 'kysely';

import type { DB } from '../platform/tables.ts';

// Held shared by who parks, from before the last look until the commit; alone by who explains, from after the statement until the commit.
const PARKING = 'inbox:parking';

/** To be called before the look after which something is parked; whoever explains meanwhile waits for our commit. */
export async function beginParking(trx: Transaction<DB>): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(hashtextextended(${PARKING}, 0))`.execute(trx);
}

/** That an order's reports name somebody whom nobody has explained yet. */
export interface Waiting {
  waitsFor: string;
  orderKey: bigint;
}

export async function noteWaiting(trx: Transaction<DB>, waiting: readonly Waiting[]): Promise<void> {
  if (waiting.length === 0) return;
  await sql`
    insert into order_waiting (waits_for, order_key)
    select distinct * from unnest(${waiting.map((one) => one.waitsFor)}::text[], ${waiting.map((one) => String(one.orderKey))}::bigint[])
    on conflict do nothing`.execute(trx);
}

/**
 * Makes due again what has waited for one of these (`merchant:<id>`, `promoter:<id>`, `mapping:<source>/<type>/<value>`): parked
 * deliveries, and those of orders that name a promoter nobody knew. To be called in the transaction that has made or stated it, after
 * that. Tells how many deliveries go on.
 */
export async function unpark(trx: Transaction<DB>, waitedFor: readonly string[]): Promise<number> {
  if (waitedFor.length === 0) return 0;
  await sql`select pg_advisory_xact_lock(hashtextextended(${PARKING}, 0))`.execute(trx);
  const { numAffectedRows } = await sql`
    with waiting as (
      delete from order_waiting where waits_for = any(${waitedFor}::text[]) returning order_key
    ), due as (
      select delivery_id from delivery where state = 'parked' and waits_for = any(${waitedFor}::text[])
      union
      select delivery_id from waiting join order_report using (order_key)
    )
    update delivery set state = 'received', reason = null, waits_for = null, attempts = 0, next_attempt_at = now(), finished_at = null
    from due where delivery.delivery_id = due.delivery_id and state in ('parked', 'processed')`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}
