// Uploads as they stand in the database: kept or not, and who is reading them.
import { sql, type Kysely } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import type { Mapping } from '../exports/recognise.ts';
import type { Amounts } from '../exports/export.ts';

/** All of the file of an upload is kept, in so many parts: it may be read now. */
export async function noteUploaded(db: Kysely<DB>, reconciliationId: string, parts: number): Promise<void> {
  await sql`
    update reconciliation set uploaded_at = now(), parts = ${parts}
    where reconciliation_id = ${reconciliationId}::uuid and state = 'reading'`.execute(db);
}

/**
 * Whoever reads a file says so again and again; silent for longer, he has been killed, and somebody
 * else reads it anew.
 */
const READING = sql`now() + interval '60 seconds'`;

export interface TakenUpload {
  reconciliationId: string;
  sourceId: string;
  merchantId: string | null;
  amounts: Amounts;
  mapping: Mapping;
  dryRun: boolean;
  confirmAllNew: boolean;
  parts: number;
  madeAt: Date;
}

interface TakenRow {
  reconciliation_id: string;
  source_id: string;
  merchant_id: string | null;
  amounts: Amounts;
  column_mapping: Mapping;
  dry_run: boolean;
  confirm_all_new: boolean;
  parts: number;
  made_at: Date;
}

/** Takes the oldest file that is kept and that nobody is reading, for this reader, or null. */
export async function takeKeptUpload(db: Kysely<DB>, reader: string): Promise<TakenUpload | null> {
  const { rows } = await sql<TakenRow>`
    update reconciliation set reader = ${reader}::uuid, read_until = ${READING} where reconciliation_id = any(array(
      select reconciliation_id from reconciliation
      where state = 'reading' and origin = 'upload' and uploaded_at is not null and (read_until is null or read_until < now())
      order by made_at limit 1 for update skip locked
    )) returning reconciliation_id, source_id, merchant_id, amounts, column_mapping, dry_run, confirm_all_new, parts, made_at`.execute(db);
  const [row] = rows;
  if (row === undefined) return null;
  return {
    reconciliationId: row.reconciliation_id,
    sourceId: row.source_id,
    merchantId: row.merchant_id,
    amounts: row.amounts,
    mapping: row.column_mapping,
    dryRun: row.dry_run,
    confirmAllNew: row.confirm_all_new,
    parts: row.parts,
    madeAt: row.made_at,
  };
}

/** What a file was recognised as, as it is answered. */
export interface RecognisedFile {
  form: 'csv' | 'xlsx';
  encoding: string | null;
  delimiter: string | null;
  export: string | null;
  ignored_columns: string[];
}

/** Notes what a file was recognised as, before its rows are read. */
export async function noteRecognised(db: Kysely<DB>, reconciliationId: string, file: RecognisedFile): Promise<void> {
  await sql`
    update reconciliation set file = ${JSON.stringify(file)}::jsonb
    where reconciliation_id = ${reconciliationId}::uuid and state = 'reading'`.execute(db);
}

/**
 * So many reports and orders may wait for the worker before a file goes on: what is told meanwhile
 * waits no longer than these take.
 */
const WAITING_MAX = 2000;

/**
 * Says that the file is being read still, and answers whether the worker has caught up with what
 * was read of it. Throws when somebody else reads it by now.
 */
export async function keepReading(db: Kysely<DB>, reconciliationId: string, reader: string): Promise<boolean> {
  const { rows } = await sql<{ waiting: bigint }>`
    update reconciliation set read_until = ${READING} where reconciliation_id = ${reconciliationId}::uuid and reader = ${reader}::uuid
    returning (
      select count(*) from (
        (select from delivery where state = 'received' and next_attempt_at <= now() and delivery_id >= (select first_id from due_delivery)
          limit ${WAITING_MAX})
        union all
        (select from award_due where due_at <= now() limit ${WAITING_MAX})
      ) as waiting
    ) as waiting`.execute(db);
  if (rows[0] === undefined) throw new Error('somebody else is reading this file by now');
  return rows[0].waiting < WAITING_MAX;
}

/** Leaves a file to the next who reads it. */
export async function freeUpload(db: Kysely<DB>, reconciliationId: string, reader: string): Promise<void> {
  await sql`
    update reconciliation set reader = null, read_until = null
    where reconciliation_id = ${reconciliationId}::uuid and reader = ${reader}::uuid`.execute(db);
}

/**
 * Ends uploads that began before and of which not all is kept: no file takes so long, so whoever
 * took it was killed.
 */
export async function endCutUploads(db: Kysely<DB>, begunBefore: Date): Promise<void> {
  await sql`
    update reconciliation set state = 'failed', error = 'The file was cut off.', finished_at = now()
    where state = 'reading' and origin = 'upload' and uploaded_at is null and made_at < ${begunBefore}`.execute(db);
}
