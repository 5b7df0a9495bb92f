// Brings the schema up to date: the SQL files of migrations/ in the order of their numbers, each once, as the owner of the database.

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runMigrations } from 'bullmq';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, Migrator, type Migration, type MigrationProvider } from 'kysely/migration';
import { Client, Pool } from 'pg';

import type { DB } from './tables.ts';

const FOLDER = fileURLToPath(new URL('../../migrations/', import.meta.url));
const FILE_NAME = /^\d{4}-[\w-]+\.sql$/;
/** A migration that waits behind somebody's long transaction makes all others wait behind itself. */
const LOCK_TIMEOUT = '60s';

/**
 * Runs what has not run yet, all of it in one transaction, and gives the names. Several processes may start at once: one migrates, the
 * others wait. A database that is ahead of this code, as while a fleet is updated, is left as it is.
 */
export async function migrate(connectionString: string): Promise<string[]> {
  const pool = new Pool({ connectionString, max: 2, options: `-c lock_timeout=${LOCK_TIMEOUT}`, application_name: 'fenyong migrate' });
  const broken = new Promise<never>((_, reject) => {
    pool.on('error', reject);
    pool.on('connect', (client) => client.on('error', reject));
  });
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
  try {
    return await Promise.race([migrateWith(db), broken]);
  } finally {
    await db.destroy();
  }
}

async function migrateWith(db: Kysely<DB>): Promise<string[]> {
  if (await isMigrated(db)) return [];
  const migrator = new Migrator({ db, provider: sqlFiles });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results.find(({ status }) => status === 'Error');
    throw new Error(`The migration ${failed?.migrationName ?? 'of the database'} failed, and nothing was changed.`, { cause: error });
  }
  return results.map(({ migrationName }) => migrationName);
}

/** True when every migration of this code has run. A database that is ahead of us is migrated, too. */
export async function isMigrated(db: Kysely<DB>): Promise<boolean> {
  // While the first migration runs the table is there, but may not be read yet; where there is none the privilege is null.
  const table = sql`to_regclass(${DEFAULT_MIGRATION_TABLE})`;
  const { rows: readable } = await sql<{ yes: boolean | null }>`select has_table_privilege(${table}, 'select') as yes`.execute(db);
  if (readable[0]?.yes !== true) return false;
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(db);
  const done = new Set(rows.map(({ name }) => name));
  return (await names()).every((name) => done.has(name));
}

/** Makes or updates the tables of the queue, for where it lives in PostgreSQL. They are BullMQ's own, in the schema `bullmq`. */
export async function migrateQueue(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, application_name: 'fenyong migrate' });
  await client.connect();
  try {
    await runMigrations(client);
  } finally {
    await client.end();
  }
}

let known: Promise<string[]> | undefined;

/** The names of the migrations of this code, which do not change while it runs. */
async function names(): Promise<string[]> {
  known ??= readdir(FOLDER).then((files) => files.filter((file) => FILE_NAME.test(file)).map((file) => basename(file, '.sql')));
  return known;
}

async function runFile(db: Kysely<unknown>, text: string): Promise<void> {
  await sql.raw(text).execute(db);
  // The application asks for itself whether its database is migrated. Said here, in the transaction that others wait for.
  await sql`grant select on ${sql.table(DEFAULT_MIGRATION_TABLE)} to fenyong_app`.execute(db);
}

const sqlFiles: MigrationProvider = {
  async getMigrations(): Promise<Record<string, Migration>> {
    const migrations = (await names()).map(async (name): Promise<[string, Migration]> => {
      const text = await readFile(join(FOLDER, `${name}.sql`), 'utf8');
      return [name, { up: (db) => runFile(db, text) }];
    });
    return Object.fromEntries(await Promise.all(migrations));
  },
};
