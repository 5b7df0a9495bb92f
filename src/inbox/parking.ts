// What waits for a word to be explained, and what lets it go on. Nobody locks anybody out: who parks at the very moment in which another
// explains is found by the sweep.
import { sql, type Transaction } from 'kysely';

import type { DB } from '../platform/tables.ts';

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

/**
 * Makes due again what waits for something that is there by now, at most `limit` of each kind: the merchant or the mapping may have been
 * made while the report that needed it was being parked.
 */
export async function unparkExplained(trx: Transaction<DB>, limit: number): Promise<number> {
  const { rows } = await sql<{ waits_for: string }>`
    with waiting as (
      (select distinct waits_for from delivery where state = 'parked' limit ${limit})
      union
      (select distinct waits_for from order_waiting limit ${limit})
    )
    select waits_for from waiting where waits_for in (
      select 'merchant:' || merchant_id from merchant where 'merchant:' || merchant_id = waits_for
      union all
      select 'promoter:' || promoter_id from promoter where 'promoter:' || promoter_id = waits_for
      union all
      select 'mapping:' || source_id || '/' || type || '/' || value from mapping_version
      where 'mapping:' || source_id || '/' || type || '/' || value = waits_for)`.execute(trx);
  return unpark(
    trx,
    rows.map((row) => row.waits_for),
  );
}
