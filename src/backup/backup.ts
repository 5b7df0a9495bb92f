// A backup: every row of the database as of one moment, while the service goes on, in a folder
// that is there whole or not at all. It needs no program of PostgreSQL's, and can be restored into
// any later version of it or of ours.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { sql, type Kysely } from 'kysely';
import { escapeIdentifier, type PoolClient } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Logger } from 'pino';
import { ifMissing } from '../platform/embedded/embedded-binaries.ts';
import { openDatabase, WHOLE_BOOKS_MS } from '../platform/postgres/database.ts';
import { migrationNamesRun } from '../platform/postgres/migrate.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { StartFailure } from '../platform/process/start-failure.ts';
import { syncFolder } from '../platform/sync-folder.ts';
import { manifestFile, tableFile, type Manifest } from './manifest.ts';
import { fingerprintsOf, keepKeys, type Secrets } from './secret-fingerprints.ts';

/** Text of rows packs well already at the least effort, and the disk is not waited for. */
const GZIP_LEVEL = 1;

interface BackupWish {
  connectionString: string;
  folder: string;
  /** Files that belong to the rows, if there: copied last, they know what the rows know. */
  beside: readonly string[];
  /** Those that the service has, given or kept. */
  secrets: Secrets;
  withKeys: boolean;
  log: Logger;
  now: Date;
}

/**
 * Writes the backup into the folder, which must be empty or not there, and answers what is in it.
 * It reads as of one moment and locks nobody out but changes of the tables themselves. Throws a
 * `StartFailure` where there is nothing to back up or the folder is taken.
 */
export async function backUp(wish: BackupWish): Promise<Manifest> {
  const folder = resolve(wish.folder);
  await refuseTaken(folder);
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.unfinished-`);
  try {
    const manifest = await writeAll(wish, work);
    await rmdir(folder).catch(ifMissing(undefined));
    await rename(work, folder);
    await syncFolder(dirname(folder));
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function refuseTaken(folder: string): Promise<void> {
  const names = await readdir(folder).catch(ifMissing<string[]>([]));
  if (names.length > 0) throw new StartFailure(`${folder} is not empty: a backup wants a folder of its own.`);
}

async function writeAll({ connectionString, beside, secrets, withKeys, log, now }: BackupWish, work: string): Promise<Manifest> {
  const limits = { silenceMs: WHOLE_BOOKS_MS, queryMs: WHOLE_BOOKS_MS };
  const database = openDatabase({ connectionString, poolSize: 2, applicationName: 'fenyong backup', log, asOwner: true, ...limits });
  try {
    const migrations = [...(await migrationNamesRun(database.db))].toSorted();
    if (migrations.length === 0) throw new StartFailure('The database has no tables of the service: there is nothing to back up.');
    const rows = await copyTables(database.db, await database.pool.connect(), { work, log });
    for (const path of beside) await copyFile(path, join(work, basename(path))).catch(ifMissing(undefined));
    if (withKeys) await keepKeys(work, secrets);
    const fingerprints = await fingerprintsOf(secrets);
    const manifest: Manifest = { format: 1, made_at: now.toISOString(), migrations, ...rows, secrets: fingerprints, with_keys: withKeys };
    await writeFile(manifestFile(work), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    await syncFolder(work);
    return manifest;
  } finally {
    await database.close();
  }
}

type Rows = Pick<Manifest, 'tables' | 'partitions' | 'sequences'>;

/**
 * All rows as of one snapshot. The tables are locked against changes of themselves first, as a
 * migration makes them; the sequences are read last, so that none stands below a row.
 */
async function copyTables(db: Kysely<DB>, client: PoolClient, { work, log }: { work: string; log: Logger }): Promise<Rows> {
  const names = (await readTables(db)).map(({ name }) => escapeIdentifier(name));
  try {
    await client.query('begin isolation level repeatable read, read only');
    await client.query(`lock table ${names.join(', ')} in access share mode`);
    const partitions = await readPartitions(client);
    const tables: Manifest['tables'] = [];
    for (const { name, columns } of await readTables(db)) {
      const copied = await copyRows(client, { name, columns, path: tableFile(work, name) });
      tables.push({ name, columns, ...copied });
      log.info({ table: name, rows: copied.rows }, 'backed up');
    }
    await client.query('commit');
    return { tables, partitions, sequences: await readSequences(db) };
  } finally {
    client.release(true);
  }
}

async function copyRows(client: PoolClient, { name, columns, path }: { name: string; columns: string[]; path: string }) {
  const query = `copy (select ${columns.map(escapeIdentifier).join(', ')} from ${escapeIdentifier(name)}) to stdout`;
  const rows = client.query(copyTo(query));
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(rows, createGzip({ level: GZIP_LEVEL }), hashing, createWriteStream(path, { flags: 'wx', flush: true }));
  return { rows: rows.rowCount, sha256: hash.digest('hex') };
}

/**
 * The tables of the service, partitioned ones as one, with the columns that are stored by
 * themselves. Which migrations have run stands apart, and the queue holds no work that the tables
 * do not.
 */
async function readTables(db: Kysely<DB>): Promise<{ name: string; columns: string[] }[]> {
  const { rows } = await sql<{ name: string; columns: string[] }>`
    select relname::text as name, array_agg(attname::text order by attnum) as columns
    from pg_class join pg_attribute on attrelid = pg_class.oid
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname not like 'kysely_%'
      and attnum > 0 and not attisdropped and attgenerated = ''
    group by relname order by relname`.execute(db);
  return rows;
}

async function readPartitions(client: PoolClient): Promise<Manifest['partitions']> {
  const { rows } = await client.query<Manifest['partitions'][number]>(`
    select part.relname::text as name, root.relname::text as parent, pg_get_expr(part.relpartbound, part.oid) as bound
    from pg_class part join pg_inherits on inhrelid = part.oid join pg_class root on root.oid = inhparent
    where part.relispartition and part.relkind = 'r' and part.relnamespace = 'public'::regnamespace order by part.relname`);
  return rows;
}

async function readSequences(db: Kysely<DB>): Promise<Manifest['sequences']> {
  const { rows } = await sql<Manifest['sequences'][number]>`
    select sequencename::text as name, last_value::text as last from pg_sequences
    where schemaname = 'public' and last_value is not null order by sequencename`.execute(db);
  return rows;
}
