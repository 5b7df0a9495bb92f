// Which merchants' lines programs count, and how far the orders from before a program were looked
// at for it.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

/** A program as far as it makes lines count; `merchantId` null counts those of all. */
interface Reach {
  kind: 'tier' | 'bonus';
  programId: string;
  merchantId: string | null;
}

/** Lets the lines of a new program's merchant be kept from now on. */
export async function addReach(trx: Transaction<DB>, { kind, programId, merchantId }: Reach, now: Date): Promise<void> {
  await trx.insertInto('program_reach').values({ kind, program_id: programId, merchant_id: merchantId, made_at: now }).execute();
}

/** Whether the orders from before the program were all put down to be counted. */
export async function isReachDone(db: Kysely<DB>, { kind, programId }: Omit<Reach, 'merchantId'>): Promise<boolean> {
  const row = await db
    .selectFrom('program_reach')
    .select('done_at')
    .where('kind', '=', kind)
    .where('program_id', '=', programId)
    .executeTakeFirst();
  return row !== undefined && row.done_at !== null;
}

interface UndoneReach extends Reach {
  readTo: bigint;
  madeAt: Date;
}

/**
 * A program whose merchant's earlier orders may be read now, locked, unless somebody else has it.
 * An award that was under way when the program came may know nothing of it: so whoever first sees
 * the program notes which transactions there are, and earlier orders are read once those have
 * ended.
 */
export async function takeUndoneReach(trx: Transaction<DB>): Promise<UndoneReach | null> {
  await sql`
    update program_reach set seen_at_xid = pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    where (kind, program_id) in (
      select kind, program_id from program_reach
      where done_at is null and (seen_at_xid is null or seen_at_xid > pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
      for update skip locked
    )`.execute(trx);
  const { rows } = await sql<{ kind: Reach['kind']; program_id: string; merchant_id: string | null; read_to: bigint; made_at: Date }>`
    select kind, program_id, merchant_id, read_to, made_at from program_reach
    where done_at is null and seen_at_xid <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    order by kind, program_id limit 1 for update skip locked`.execute(trx);
  const [row] = rows;
  if (row === undefined) return null;
  return { kind: row.kind, programId: row.program_id, merchantId: row.merchant_id, readTo: row.read_to, madeAt: row.made_at };
}

/**
 * Puts down the next awarded orders of the program's merchant, by their keys, as due since there is
 * the program; answers up to which key, null where there are no more.
 */
export async function readOn(trx: Transaction<DB>, { merchantId, readTo, madeAt }: UndoneReach, limit: number): Promise<bigint | null> {
  const { rows } = await sql<{ order_key: bigint }>`
    select order_key from award where order_key > ${readTo} ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    order by order_key limit ${limit}`.execute(trx);
  await sql`
    insert into won_line_due (order_key, due_at)
    select order_key, ${madeAt}::timestamptz from unnest(${rows.map((row) => String(row.order_key))}::bigint[]) as order_key order by order_key
    on conflict (order_key) do update set due_at = won_line_due.due_at`.execute(trx);
  return rows.at(-1)?.order_key ?? null;
}

export async function moveReach(trx: Transaction<DB>, { kind, programId }: Reach, readTo: bigint): Promise<void> {
  await sql`update program_reach set read_to = ${readTo} where kind = ${kind} and program_id = ${programId}`.execute(trx);
}

export async function endReach(trx: Transaction<DB>, { kind, programId }: Reach, now: Date): Promise<void> {
  await sql`update program_reach set done_at = ${now} where kind = ${kind} and program_id = ${programId}`.execute(trx);
}
