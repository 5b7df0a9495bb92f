// The queue of orders of which the kept lines may differ from what was awarded, written by the
// award itself where a program counts its merchant.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

/**
 * Marks awarded orders whose won lines a program counts; while there is no program it costs a look
 * at an empty table. A row that is there is written again, so that nobody takes it before this
 * award is committed.
 */
export async function markWonLinesDue(trx: Transaction<DB>, orderKeys: readonly bigint[], now: Date): Promise<void> {
  if (orderKeys.length === 0) return;
  await sql`
    insert into won_line_due (order_key, due_at)
    select order_key, ${now}::timestamptz from orders
    where order_key = any((case when exists (select from program_reach) then ${orderKeys.map(String)}::bigint[] else '{}' end)::bigint[])
      and exists (select from program_reach reach where reach.merchant_id is null or reach.merchant_id = orders.merchant_id)
    order by order_key
    on conflict (order_key) do update set due_at = least(won_line_due.due_at, excluded.due_at), attempts = 0, error = null`.execute(trx);
}

/** Takes up to `limit` orders off the queue, the longest due first, that nobody else has. */
export async function takeWonLinesDue(trx: Transaction<DB>, now: Date, limit: number): Promise<bigint[]> {
  const { rows } = await sql<{ order_key: bigint }>`
    delete from won_line_due where order_key = any(array(
      select order_key from won_line_due where due_at <= ${now} order by due_at limit ${limit} for update skip locked
    )) returning order_key`.execute(trx);
  return rows.map((row) => row.order_key);
}

/** Takes just this order off the queue, unless somebody else has it. */
export async function takeWonLinesOf(trx: Transaction<DB>, orderKey: bigint): Promise<bigint[]> {
  const { rows } = await sql<{ order_key: bigint }>`
    delete from won_line_due where order_key = (
      select order_key from won_line_due where order_key = ${orderKey} for update skip locked
    ) returning order_key`.execute(trx);
  return rows.map((row) => row.order_key);
}

/** Puts off an order that fails: twice as long each time, an hour at the most. */
export async function postponeWonLines(trx: Transaction<DB>, orderKey: bigint, now: Date, error: string): Promise<void> {
  await sql`
    update won_line_due set attempts = attempts + 1, error = ${error.slice(0, 2000)},
      due_at = ${now}::timestamptz + least(interval '1 hour', interval '1 second' * power(2, least(attempts, 12)))
    where order_key = ${orderKey}`.execute(trx);
}

/**
 * Whether nothing from before that time waits for its award or to be counted, so that the figures
 * of a period that ended then are complete. What fails is put off past it, and keeps nobody
 * waiting.
 */
export async function isCountedUpTo(db: Kysely<DB>, time: Date): Promise<boolean> {
  const { rows } = await sql<{ counted: boolean }>`
    select not exists (select from won_line_due where due_at < ${time}) and not exists (select from award_due where due_at < ${time})
      as counted`.execute(db);
  return rows[0]!.counted;
}
