// What a rehearsal finds: the orders that would earn otherwise, and its sums. Rows of an earlier
// run are not read, and go when the next one begins.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { Comparison } from './simulated-order.ts';
import { SUM_KINDS, type Sum, type SumKind } from './tally.ts';

/** Which run of which rehearsal. */
export interface Run {
  simulationId: string;
  run: number;
}

/** An order that would earn otherwise, as it is written down. */
export interface ChangedOrder extends Comparison {
  orderKey: bigint;
}

/** Writes orders down that would earn otherwise; twice is once. */
export async function writeChangedOrders(db: Kysely<DB>, { simulationId, run }: Run, orders: readonly ChangedOrder[]): Promise<void> {
  const rows = unnestOf(
    orders,
    {
      order_key: ['bigint', (order) => order.orderKey],
      before: ['bigint', (order) => order.before],
      after: ['bigint', (order) => order.after],
      moved: ['bigint', (order) => order.moved],
    },
    'changed',
  );
  await sql`
    insert into rule_simulation_order (simulation_id, run, order_key, before, after, moved)
    select ${simulationId}::uuid, ${run}::int, order_key, before, after, moved from ${rows}
    on conflict do nothing`.execute(db);
}

/** Adds to the sums. To be done in the transaction that notes what they are of. */
export async function addSums(trx: Transaction<DB>, { simulationId, run }: Run, sums: readonly Sum[]): Promise<void> {
  if (sums.length === 0) return;
  const rows = unnestOf(
    sums,
    {
      kind: ['text', (sum) => sum.kind],
      merchant_id: ['text', (sum) => sum.merchantId],
      name: ['text', (sum) => sum.name],
      before: ['bigint', (sum) => sum.before],
      after: ['bigint', (sum) => sum.after],
    },
    'added',
  );
  await sql`
    insert into rule_simulation_sum as sum (simulation_id, run, kind, merchant_id, name, before, after)
    select ${simulationId}::uuid, ${run}::int, kind, merchant_id, name, before, after from ${rows}
    on conflict (simulation_id, run, kind, merchant_id, name)
    do update set before = sum.before + excluded.before, after = sum.after + excluded.after`.execute(trx);
}

/** The sums of one kind, as far as they are told, and how many there are beyond those. */
interface ToldSums {
  sums: Omit<Sum, 'kind'>[];
  more: number;
}

interface SumRow {
  kind: SumKind;
  merchant_id: string;
  name: string;
  before: bigint;
  after: bigint;
  more: number;
}

/** The sums of a run, of each kind those that differ most, at most `limit`; days in their order. */
export async function readSums(db: Kysely<DB>, { simulationId, run }: Run, limit: number): Promise<Record<SumKind, ToldSums>> {
  const { rows } = await sql<SumRow>`
    select kind, merchant_id, name, before, after, (greatest(total - ${limit}::int, 0))::int as more from (
      select *, row_number() over sizes as place, count(*) over (partition by kind) as total
      from rule_simulation_sum where simulation_id = ${simulationId} and run = ${run}
      window sizes as (partition by kind order by abs(after - before) desc, greatest(after, before) desc, merchant_id, name)
    ) as placed
    where place <= ${limit}
    order by kind, case when kind = 'day' then name end, place`.execute(db);
  const told = Object.fromEntries(SUM_KINDS.map((kind) => [kind, { sums: [], more: 0 }])) as unknown as Record<SumKind, ToldSums>;
  for (const { kind, merchant_id: merchantId, name, before, after, more } of rows) {
    told[kind].sums.push({ merchantId, name, before, after });
    told[kind].more = more;
  }
  return told;
}

/** An order that would earn otherwise, as it is listed. */
export interface ListedOrder {
  orderKey: bigint;
  merchantId: string;
  sourceId: string;
  orderId: string;
  attributionAt: Date | null;
  before: bigint;
  after: bigint;
  moved: bigint;
}

interface ListedRow {
  order_key: bigint;
  merchant_id: string;
  source_id: string;
  order_id: string;
  attribution_at: Date | null;
  before: bigint;
  after: bigint;
  moved: bigint;
}

/** A page of the orders that would earn otherwise, by their keys. */
export async function listChangedOrders(
  db: Kysely<DB>,
  { simulationId, run }: Run,
  { after, limit }: { after: bigint; limit: number },
): Promise<ListedOrder[]> {
  const { rows } = await sql<ListedRow>`
    select order_key, merchant_id, source_id, order_id, attribution_at, before, after, moved
    from rule_simulation_order join orders using (order_key)
    where simulation_id = ${simulationId} and run = ${run} and order_key > ${after}
    order by order_key limit ${limit}`.execute(db);
  return rows.map((row) => ({
    orderKey: row.order_key,
    merchantId: row.merchant_id,
    sourceId: row.source_id,
    orderId: row.order_id,
    attributionAt: row.attribution_at,
    before: row.before,
    after: row.after,
    moved: row.moved,
  }));
}

/**
 * Removes rows of a rehearsal, those of runs before this one or all, at most so many; tells whether
 * there may be more.
 */
export async function removeFound(db: Kysely<DB>, { simulationId, run }: Run, limit: number): Promise<boolean> {
  for (const table of ['rule_simulation_order', 'rule_simulation_sum'] as const) {
    const { numAffectedRows } = await sql`
      delete from ${sql.table(table)} where ctid = any(array(
        select ctid from ${sql.table(table)} where simulation_id = ${simulationId} and run < ${run} limit ${limit}))`.execute(db);
    if (Number(numAffectedRows ?? 0n) === limit) return true;
  }
  return false;
}
