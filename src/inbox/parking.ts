// What waits for a word to be explained, and what lets it go on. Nobody locks anybody out: who
// parks at the very moment in which another explains is found by the sweep.
import { sql, type Transaction } from 'kysely';

import { FIRST_DELIVERY, NAME_COLUMNS, orderName, unnestOrders, type OrderId } from '../orders/order-store.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';

/** That an order's reports name somebody whom nobody has explained yet. */
interface Waiting {
  waitsFor: string;
  orderKey: bigint;
}

export async function noteWaiting(trx: Transaction<DB>, waiting: readonly Waiting[]): Promise<void> {
  if (waiting.length === 0) return;
  await sql`
    insert into order_waiting (waits_for, order_key)
    select distinct waits_for, order_key
    from ${unnestOf(waiting, { waits_for: ['text', (one) => one.waitsFor], order_key: ['bigint', (one) => one.orderKey] }, 'told')}
    on conflict do nothing`.execute(trx);
}

/**
 * Makes due again what has waited for one of these (`merchant:<id>`, `promoter:<id>`,
 * `mapping:<source>/<type>/<value>`): parked deliveries, and those of orders that name a promoter
 * nobody knew. To be called in the transaction that has made or set it, after that. Tells how
 * many deliveries go on.
 */
export async function unpark(trx: Transaction<DB>, waitedFor: readonly string[]): Promise<number> {
  if (waitedFor.length === 0) return 0;
  const { numAffectedRows } = await sql`
    with waiting as (
      delete from order_waiting where waits_for = any(${waitedFor}::text[]) returning order_key
    ), due as (
      select delivery_id from delivery where state = 'parked' and waits_for = any(${waitedFor}::text[])
      union
      select delivery_id from waiting join orders using (order_key) join order_report using (order_key)
      where order_report.delivery_id >= ${FIRST_DELIVERY}
    )
    update delivery set state = 'received', reason = null, waits_for = null, attempts = 0, next_attempt_at = now(), finished_at = null
    from due where delivery.delivery_id = due.delivery_id and state in ('parked', 'processed')`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}

/**
 * Makes due again what waits for something that is there by now, at most `limit` of each kind: the
 * merchant or the mapping may have been made while the report that needed it was being parked.
 */
export async function unparkExplained(trx: Transaction<DB>, limit: number): Promise<number> {
  const owned = await unparkOwned(trx, limit);
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
  const explained = await unpark(
    trx,
    rows.map((row) => row.waits_for),
  );
  return owned + explained;
}

const OWNER = 'owner:';

/**
 * What a report waits for that names no shop: that another report of its source says whose the
 * order is.
 */
export function ownerWait({ sourceId, orderId }: { sourceId: string; orderId: string }): string {
  return OWNER + [sourceId, orderId].map(encodeURIComponent).join('/');
}

/** Lets go on what waited for the owner of an order that is there by now. */
async function unparkOwned(trx: Transaction<DB>, limit: number): Promise<number> {
  const { rows: waiting } = await sql<{ waits_for: string }>`
    select distinct waits_for from delivery where state = 'parked' and waits_for like ${`${OWNER}%`} limit ${limit}`.execute(trx);
  if (waiting.length === 0) return 0;
  const asked = waiting.map(({ waits_for: text }) => text.slice(OWNER.length).split('/').map(decodeURIComponent));
  const { rows } = await sql<{ source_id: string; order_id: string }>`
    select distinct source_id, order_id
    from ${unnestOf(asked, { source_id: ['text', ([sourceId]) => sourceId!], order_id: ['text', ([, orderId]) => orderId!] }, 'told')}
    join orders using (source_id, order_id)`.execute(trx);
  return unpark(
    trx,
    rows.map((row) => ownerWait({ sourceId: row.source_id, orderId: row.order_id })),
  );
}

/** What a report waits for with which its order would be too large. */
export function roomOf({ merchantId, sourceId, orderId }: OrderId): string {
  return `order:${[merchantId, sourceId, orderId].map(encodeURIComponent).join('/')}`;
}

/**
 * Lets reports that were too much for these orders be tried again: a whole report has told what is
 * still there. They say what they wait for until they are in, so that the order is not taken for
 * complete meanwhile. Reports wait only for orders that are known to be too large and for those
 * that had no room just now (`refused`).
 */
export async function letRoomIn(trx: Transaction<DB>, whole: readonly OrderId[], refused: readonly OrderId[]): Promise<void> {
  const without = new Set(refused.map(orderName));
  const orders = [...(await tooLargeAmong(trx, whole)), ...whole.filter((order) => without.has(orderName(order)))];
  if (orders.length === 0) return;
  await sql`
    update delivery set state = 'received', reason = null, attempts = 0, next_attempt_at = now(), finished_at = null
    where state = 'parked' and waits_for = any(${orders.map(roomOf)}::text[])`.execute(trx);
}

/**
 * Notes of orders whether a report of theirs waits for room, and gives the keys of those of which
 * that has changed. It can have changed only where one of these reports found none (`refused`), or
 * where one waited before: of the others nobody asks, as reports that wait lie in any month.
 */
export async function noteTooLarge(trx: Transaction<DB>, merged: readonly OrderId[], refused: readonly OrderId[]): Promise<bigint[]> {
  const orders = [...(await tooLargeAmong(trx, merged)), ...refused];
  if (orders.length === 0) return [];
  const { rows } = await sql<{ order_key: bigint }>`
    update orders set is_too_large = told.waits
    from (
      select merchant_id, source_id, order_id, exists (
        select from delivery where waits_for = room and state in ('parked', 'received')
      ) as waits
      from ${unnestOf(orders, { ...NAME_COLUMNS, room: ['text', roomOf] }, 'asked')}
    ) as told
    where orders.merchant_id = told.merchant_id and orders.source_id = told.source_id and orders.order_id = told.order_id
      and is_too_large <> waits
    returning orders.order_key`.execute(trx);
  return rows.map((row) => row.order_key);
}

async function tooLargeAmong(trx: Transaction<DB>, orders: readonly OrderId[]): Promise<OrderId[]> {
  if (orders.length === 0) return [];
  const { rows } = await sql<OrderId>`
    select merchant_id as "merchantId", source_id as "sourceId", order_id as "orderId"
    from ${unnestOrders(orders)} join orders using (merchant_id, order_id, source_id) where is_too_large`.execute(trx);
  return rows;
}
