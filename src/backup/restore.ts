// The restore of a backup into an empty database: the tables are made as the version of the backup
// had them, filled in one transaction, and brought up to date as any older database is.
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { sql, type Kysely } from 'kysely';
import { escapeIdentifier, type PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Logger } from 'pino';
import { openDatabase, WHOLE_BOOKS_MS } from '../platform/postgres/database.ts';
import { migrate, migrationNames, migrationNamesRun } from '../platform/postgres/migrate.ts';
import { APP_ROLE } from '../platform/postgres/role.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { StartFailure } from '../platform/process/start-failure.ts';
import { readManifest, refuseDamaged, tableFile, type Manifest } from './manifest.ts';
import { settleSecrets, type Secrets } from './secret-fingerprints.ts';

/** From this migration on a database makes its partitions of months by itself. */
const MONTHS = '0038-months';
/** Whichever of them has a row, somebody's data is there. */
const TELLING_TABLES = ['merchant', 'promoter', 'link', 'click', 'delivery', 'orders', 'transfer', 'audit_log', 'api_key'];

interface RestoreWish {
  dataDir: string;
  folder: string;
  /** The secrets that the environment gives. */
  given: Secrets;
  log: Logger;
}

/**
 * Looks whether the backup is whole, of a version that this one knows, and its secrets are here; a
 * backup that carries them has them kept. Throws a `StartFailure` otherwise, before any database is
 * touched.
 */
export async function checkBackup({ folder, dataDir, given }: RestoreWish): Promise<Manifest> {
  const manifest = await readManifest(folder);
  const known = await migrationNames();
  if (manifest.migrations.some((name, index) => name !== known[index])) {
    throw new StartFailure('The backup was made by a later version of the service, or by one between two releases: start that one.');
  }
  await refuseDamaged(folder, manifest);
  await settleSecrets(folder, manifest, dataDir, given);
  return manifest;
}

/**
 * Fills an empty database with the rows of a backup that was checked. A restore that was killed
 * has left no row, and is done again. Throws a `StartFailure` where data is there, or a process of
 * the service.
 */
export async function restore(
  connectionString: string,
  manifest: Manifest,
  { folder, log }: Pick<RestoreWish, 'folder' | 'log'>,
): Promise<void> {
  const last = manifest.migrations.at(-1)!;
  const limits = { silenceMs: WHOLE_BOOKS_MS, queryMs: WHOLE_BOOKS_MS };
  const database = openDatabase({ connectionString, poolSize: 2, applicationName: 'fenyong restore', log, asOwner: true, ...limits });
  try {
    await refuseOccupied(database.db, manifest);
    await migrate(connectionString, { upTo: last });
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await fill(client, manifest, { folder, log });
      await client.query('commit');
    } finally {
      client.release(true);
    }
    await sql`vacuum analyze`.execute(database.db);
  } finally {
    await database.close();
  }
}

async function refuseOccupied(db: Kysely<DB>, { migrations }: Manifest): Promise<void> {
  const ran = await migrationNamesRun(db);
  const { rows: serving } = await sql`
    select from pg_stat_activity where datname = current_database() and application_name = 'fenyong' limit 1`.execute(db);
  if (serving.length > 0) throw new StartFailure('A process of the service is at this database: end all of them first.');
  if (ran.size === 0) return;
  const sameVersion = ran.size === migrations.length && migrations.every((name) => ran.has(name));
  if (sameVersion && !(await holdsData(db))) return;
  throw new StartFailure('This database has tables of the service already. A backup is restored into an empty one, or an empty DATA_DIR.');
}

async function holdsData(db: Kysely<DB>): Promise<boolean> {
  for (const table of TELLING_TABLES) {
    const { rows } = await sql`select from ${sql.table(table)} limit 1`.execute(db);
    if (rows.length > 0) return true;
  }
  return false;
}

/**
 * Puts the rows in their places in one transaction. The triggers judged them when they were
 * written, and foreign keys are checked at the end over all rows at once, so that no order of the
 * tables matters.
 */
async function fill(client: PoolClient, manifest: Manifest, { folder, log }: Pick<RestoreWish, 'folder' | 'log'>): Promise<void> {
  const { rows: references } = await client.query<{ table: string; name: string; definition: string }>(`
    select conrelid::regclass::text as table, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition from pg_constraint
    where contype = 'f' and conparentid = 0 and connamespace = 'public'::regnamespace order by conname`);
  for (const { table, name } of references) await client.query(`alter table ${table} drop constraint ${name}`);
  const ofMonths = manifest.migrations.includes(MONTHS);
  if (!ofMonths) await layPartitions(client, manifest);
  const tables = manifest.tables.map(({ name }) => escapeIdentifier(name));
  for (const table of tables) await client.query(`alter table ${table} disable trigger user`);
  await client.query(`truncate ${tables.join(', ')}`);
  for (const { name, columns, rows } of manifest.tables) {
    const query = `copy ${escapeIdentifier(name)} (${columns.map(escapeIdentifier).join(', ')}) from stdin`;
    const stored = client.query(copyFrom(query));
    await pipeline(createReadStream(tableFile(folder, name)), createGunzip(), stored);
    if (stored.rowCount !== rows) throw new Error(`${name}: ${stored.rowCount} rows were restored instead of ${rows}`);
    log.info({ table: name, rows }, 'restored');
  }
  for (const table of tables) await client.query(`alter table ${table} enable trigger user`);
  for (const { table, name, definition } of references) {
    await client.query(`alter table ${table} add constraint ${name} ${definition}`);
  }
  if (ofMonths) await knowBodies(client);
  for (const { name, last } of manifest.sequences) await client.query('select setval($1::regclass, $2)', [escapeIdentifier(name), last]);
}

/**
 * A new database has its own partitions of months, in which every row finds its place: they need
 * not be those that the backup was read from, and what was not yet brought into months there is
 * so here. What waited to be put among the known bodies is put there at once.
 */
async function knowBodies(client: PoolClient): Promise<void> {
  await client.query(`
    insert into known_body (body_hash, source_id, merchant_id, delivery_id)
    select body_hash, source_id, merchant_id, delivery_id from delivery on conflict do nothing`);
  await client.query('update known_body_fill set filled_at = now() where filled_at is null');
}

/** The partitions that the database had, instead of those that a new one begins with. */
async function layPartitions(client: PoolClient, { partitions }: Manifest): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`
    select oid::regclass::text as name from pg_class where relispartition and relkind = 'r' and relnamespace = 'public'::regnamespace`);
  for (const { name } of rows) await client.query(`drop table ${name}`);
  const { rows: roles } = await client.query('select from pg_roles where rolname = $1', [APP_ROLE]);
  for (const { name, parent, bound } of partitions) {
    await client.query(`create table ${escapeIdentifier(name)} partition of ${escapeIdentifier(parent)} ${bound}`);
    // The service writes rows by way of the whole table, and changes none.
    if (roles.length > 0) await client.query(`revoke update, delete, truncate on ${escapeIdentifier(name)} from ${APP_ROLE}`);
  }
}
