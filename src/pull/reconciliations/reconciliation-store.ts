// Reconciliations in the database: what was asked, what was found of each order, and whether it
// agrees by now.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { ErrorCode } from '../../core/errors.ts';
import { TAKEN_COLUMNS, type TakenDelivery } from '../../inbox/delivery-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { Comparison } from './finding.ts';
import type { RecognisedFile } from '../uploads/upload-store.ts';
import type { Amounts } from '../exports/export.ts';

interface ReconciliationRow {
  reconciliation_id: string;
  source_id: string;
  merchant_id: string | null;
  origin: 'pull' | 'upload';
  range_from: Date | null;
  range_to: Date | null;
  state: 'reading' | 'settling' | 'done' | 'failed';
  bad_rows: bigint;
  bad: { line: number; message: string }[];
  row_count: bigint;
  dry_run: boolean;
  file: RecognisedFile | null;
  error: string | null;
  error_code: ErrorCode | null;
  made_at: Date;
  finished_at: Date | null;
}

interface Counts {
  checked: bigint;
  missing: bigint;
  different: bigint;
  recovered: bigint;
}

/** Makes a reconciliation, which begins by reading. */
export async function makeReconciliation(
  trx: Transaction<DB>,
  row: Pick<ReconciliationRow, 'reconciliation_id' | 'source_id' | 'merchant_id' | 'origin' | 'range_from' | 'range_to'> & {
    /** Of an upload. */
    amounts?: Amounts;
    column_mapping?: string;
    dry_run?: boolean;
    confirm_all_new?: boolean;
  },
  now: Date,
): Promise<void> {
  await trx
    .insertInto('reconciliation')
    .values({ ...row, state: 'reading', made_at: now })
    .execute();
}

export async function findReconciliation(db: Kysely<DB>, reconciliationId: string): Promise<(ReconciliationRow & Counts) | null> {
  const { rows } = await sql<ReconciliationRow & Counts>`
    select reconciliation_id, source_id, merchant_id, origin, range_from, range_to, state, bad_rows, bad, row_count, dry_run, file,
      error, error_code, made_at, finished_at, recovered,
      coalesce((would ->> 'checked')::bigint, checked) as checked, coalesce((would ->> 'missing')::bigint, missing) as missing,
      coalesce((would ->> 'different')::bigint, different) as different
    from reconciliation, lateral (
      select count(*) as checked, count(*) filter (where found = 'missing') as missing,
        count(*) filter (where found = 'different') as different, count(*) filter (where recovered) as recovered
      from reconciled_order where reconciled_order.reconciliation_id = reconciliation.reconciliation_id
    ) as counts where reconciliation_id = ${reconciliationId}::uuid`.execute(db);
  return rows[0] ?? null;
}

export async function findState(db: Kysely<DB>, reconciliationId: string): Promise<string | null> {
  const row = await db.selectFrom('reconciliation').select('state').where('reconciliation_id', '=', reconciliationId).executeTakeFirst();
  return row?.state ?? null;
}

/** Reconciliations of a source that are still to be read from it, the oldest first. */
export async function readingOf(db: Kysely<DB>, sourceId: string): Promise<{ reconciliationId: string; from: Date; to: Date }[]> {
  const { rows } = await sql<{ reconciliation_id: string; range_from: Date; range_to: Date }>`
    select reconciliation_id, range_from, range_to from reconciliation
    where source_id = ${sourceId} and state = 'reading' and origin = 'pull' order by made_at`.execute(db);
  return rows.map((row) => ({ reconciliationId: row.reconciliation_id, from: row.range_from, to: row.range_to }));
}

/** Reconciliations of which all was read and not all is merged. */
export async function settlingReconciliations(db: Kysely<DB>): Promise<string[]> {
  const rows = await db.selectFrom('reconciliation').select('reconciliation_id').where('state', '=', 'settling').execute();
  return rows.map((row) => row.reconciliation_id);
}

/** Everything was read: what is left is to merge it; of a dry run nothing is left. */
export async function noteRead(
  trx: Kysely<DB>,
  reconciliationId: string,
  { rows = 0, badRows, bad, would = null }: { rows?: number; badRows: number; bad: ReconciliationRow['bad']; would?: object | null },
): Promise<void> {
  const isDone = would !== null;
  await sql`
    update reconciliation set state = ${isDone ? 'done' : 'settling'}, read_at = now(), error = null, bad_rows = ${badRows},
      bad = ${JSON.stringify(bad)}::jsonb, row_count = ${rows}, would = ${isDone ? JSON.stringify(would) : null}::jsonb,
      finished_at = case when ${isDone} then now() end
    where reconciliation_id = ${reconciliationId}::uuid and state = 'reading'`.execute(trx);
}

/**
 * Notes why it cannot be read: for good, or for now. With a code it was refused before anything of
 * it had entered.
 */
export async function noteTrouble(
  db: Kysely<DB>,
  reconciliationId: string,
  error: string,
  { forGood, code = null }: { forGood: boolean; code?: ErrorCode | null },
): Promise<void> {
  await sql`
    update reconciliation set error = ${error}, error_code = ${code}, state = case when ${forGood} then 'failed' else state end,
      finished_at = case when ${forGood} then now() end
    where reconciliation_id = ${reconciliationId}::uuid and state = 'reading'`.execute(db);
}

interface Finding {
  shop: string;
  orderId: string;
  found: Comparison;
  deliveryId: string;
}

/**
 * Keeps what was found first of each order; only what was known first may turn out to be different
 * by a later row.
 */
export async function noteFindings(trx: Transaction<DB>, reconciliationId: string, findings: readonly Finding[]): Promise<void> {
  const firsts = new Map<string, Finding>();
  for (const finding of findings) {
    const name = `${finding.shop}\0${finding.orderId}`;
    if ((firsts.get(name)?.found ?? 'known') === 'known') firsts.set(name, finding);
  }
  const told = [...firsts.values()].toSorted((a, b) => (`${a.shop}\0${a.orderId}` < `${b.shop}\0${b.orderId}` ? -1 : 1));
  await sql`
    insert into reconciled_order as mine (reconciliation_id, shop, order_id, found, delivery_id)
    select ${reconciliationId}::uuid, shop, order_id, found, delivery_id from ${unnestOf(
      told,
      {
        shop: ['text', (one) => one.shop],
        order_id: ['text', (one) => one.orderId],
        found: ['text', (one) => one.found],
        delivery_id: ['uuid', (one) => one.deliveryId],
      },
      'told',
    )}
    on conflict (reconciliation_id, shop, order_id) do update set found = excluded.found, delivery_id = excluded.delivery_id
      where mine.found = 'known' and excluded.found = 'different'`.execute(trx);
}

/**
 * What was missing or different and has been merged since, by its place, after that of the last
 * one.
 */
export async function mergedFindings(
  db: Kysely<DB>,
  reconciliationId: string,
  { after, limit }: { after: readonly [shop: string, orderId: string]; limit: number },
): Promise<(TakenDelivery & { shop: string; order_id: string })[]> {
  const { rows } = await sql<TakenDelivery & { shop: string; order_id: string }>`
    select ${TAKEN_COLUMNS}, shop, order_id from reconciled_order join delivery using (delivery_id)
    where reconciliation_id = ${reconciliationId}::uuid and found <> 'known' and not recovered and delivery.state = 'processed'
      and (shop, order_id) > (${after[0]}, ${after[1]})
    order by shop, order_id limit ${limit}`.execute(db);
  return rows;
}

export async function noteRecovered(
  db: Kysely<DB>,
  reconciliationId: string,
  orders: readonly { shop: string; orderId: string }[],
): Promise<void> {
  if (orders.length === 0) return;
  await sql`
    update reconciled_order set recovered = true
    from ${unnestOf(orders, { shop: ['text', (one) => one.shop], order_id: ['text', (one) => one.orderId] }, 'told')}
    where reconciliation_id = ${reconciliationId}::uuid and reconciled_order.shop = told.shop
      and reconciled_order.order_id = told.order_id`.execute(db);
}

/** Whether nothing of what it found is still to be processed. (What is recovered was.) */
export async function isMerged(db: Kysely<DB>, reconciliationId: string): Promise<boolean> {
  const { rows } = await sql`
    select from reconciled_order join delivery using (delivery_id)
    where reconciliation_id = ${reconciliationId}::uuid and found <> 'known' and not recovered and delivery.state = 'received' limit 1`.execute(
    db,
  );
  return rows.length === 0;
}

export async function endReconciliation(db: Kysely<DB>, reconciliationId: string): Promise<void> {
  await sql`
    update reconciliation set state = 'done', finished_at = now()
    where reconciliation_id = ${reconciliationId}::uuid and state = 'settling'`.execute(db);
}
