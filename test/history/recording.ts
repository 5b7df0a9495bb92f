// What is kept of an earlier version: the rows that it made, and what it said of them.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { sql, type Kysely, type Transaction } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { DB } from '../../src/platform/postgres/tables.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);

/**
 * The answers of its API. Amounts and decisions must be the same for ever; what else is answered
 * may grow.
 */
export interface Answers {
  orders: { source_id: string; order_id: string; merchant_id: string }[];
  balances: Record<string, object[]>;
  trialBalance: object[];
}

export interface Recording {
  /** Those that had run, in their order. */
  migrations: string[];
  answers: Answers;
  /**
   * What it answered, byte for byte, by the path and query that were asked for; the first
   * recordings have none.
   */
  texts?: Record<string, string>;
  /** Its secrets by their variables, where they lay outside the database. */
  keys?: Record<string, string>;
  /** All rows of each table that had any, as one JSON text. */
  tables: Record<string, string>;
}

/** Where the recording of this name lies. */
export function recordingOf(name: string): URL {
  return new URL(`${name}.json.gz`, import.meta.url);
}

export async function readRecording(name: string): Promise<Recording> {
  const bytes = await readFile(fileURLToPath(recordingOf(name)));
  return JSON.parse(gunzipSync(bytes).toString('utf8')) as Recording;
}

/**
 * The database as that version had it: made by the migrations that it had run, and filled with its
 * rows.
 */
export async function restoreRecording(owner: Kysely<DB>, { migrations, tables }: Recording): Promise<void> {
  const provider = {
    getMigrations: async () =>
      Object.fromEntries(
        await Promise.all(
          migrations.map(async (name) => {
            const text = await readFile(new URL(`${name}.sql`, MIGRATIONS), 'utf8');
            return [name, { up: async (db: Kysely<unknown>) => void (await sql.raw(text).execute(db)) }] as const;
          }),
        ),
      ),
  };
  const { error } = await new Migrator({ db: owner, provider }).migrateToLatest();
  if (error !== undefined) throw error;
  await owner.transaction().execute(async (trx) => {
    // As a restore of a dump does: what refers to each other comes in any order, and no trigger
    // judges it again.
    await sql`set local session_replication_role = replica`.execute(trx);
    for (const [table, rows] of Object.entries(tables)) {
      await sql`delete from ${sql.table(table)}`.execute(trx);
      await sql`
        insert into ${sql.table(table)} overriding system value
        select * from json_populate_recordset(null::${sql.table(table)}, ${rows}::json)`.execute(trx);
    }
    await continueCounts(trx);
  });
}

async function continueCounts(trx: Transaction<DB>): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select attrelid::regclass::text as table, attname::text as column from pg_attribute join pg_class on pg_class.oid = attrelid
    where attidentity <> '' and relnamespace = 'public'::regnamespace and relkind = 'r'`.execute(trx);
  for (const { table, column } of rows) {
    await sql`select setval(pg_get_serial_sequence(${table}, ${column}), coalesce(max(${sql.ref(column)}), 0) + 1, false)
      from ${sql.table(table)}`.execute(trx);
  }
}
