// Brings the schema up to date: the SQL files of migrations/ in the order of their numbers, each
// once, as the owner of the database.

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runMigrations as runQueueMigrations } from 'bullmq';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, Migrator, type Migration, type MigrationProvider } from 'kysely/migration';
import { Client, Pool } from 'pg';

import { letAskForMigrations, rightsIn, settlePrivileges, settleRole, roleStandingOf, withoutRole } from './role.ts';
import { StartFailure } from '../process/start-failure.ts';
import type { DB } from './tables.ts';

const FOLDER = fileURLToPath(new URL('../../../migrations/', import.meta.url));
const FILE_NAME = /^\d{4}-[\w-]+\.sql$/;
/**
 * A migration that waits behind somebody's long transaction makes all others wait behind itself.
 */
const LOCK_TIMEOUT = '60s';
/** The oldest PostgreSQL that knows all of our SQL. The tests run on it and on every later one. */
const VERSION_MIN = 15;
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Runs what has not run yet, all of it in one transaction, and gives the names. Several processes
 * may start at once: one migrates, the others wait. A database that is ahead of this code, as while
 * a fleet is updated, is left as it is. The role of the application is made and given its
 * privileges where the login may do that. With `upTo` it stops after the migration of that name, as
 * an earlier version would have. Throws a `StartFailure` with the cure where the server or its
 * rights do not do.
 */
export async function migrate(connectionString: string, { upTo = null }: { upTo?: string | null } = {}): Promise<string[]> {
  const pool = new Pool({ connectionString, max: 2, options: `-c lock_timeout=${LOCK_TIMEOUT}`, application_name: 'fenyong migrate' });
  const broken = new Promise<never>((_, reject) => {
    pool.on('error', reject);
    pool.on('connect', (client) => client.on('error', reject));
  });
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
  try {
    return await Promise.race([migrateWith(db, upTo), broken]);
  } finally {
    await db.destroy();
  }
}

async function migrateWith(db: Kysely<DB>, upTo: string | null): Promise<string[]> {
  refuseOldServer(await versionOf(db));
  const { takes, privileged, owns } = await roleStandingOf(db);
  const done = await isMigrated(db);
  // A login that owns nothing here has nothing to settle either: what it lacks its first connection
  // says.
  if (done && ((takes && privileged) || owns !== true)) return [];
  const hasRole = await settleRole(db);
  const fresh = done ? [] : await runMigrations(db, { hasRole, upTo });
  if (hasRole && !(await roleStandingOf(db)).privileged) await settlePrivileges(db, await allRights());
  return fresh;
}

/** Throws when a server of this version, as it calls it itself, is too old for us. */
export function refuseOldServer(version: string): void {
  if (Number.parseInt(version, 10) >= VERSION_MIN) return;
  throw new StartFailure(`PostgreSQL ${VERSION_MIN} or later is needed, and this one is ${version}.`);
}

async function versionOf(db: Kysely<DB>): Promise<string> {
  const { rows } = await sql<{ version: string }>`select current_setting('server_version') as version`.execute(db);
  return rows[0]!.version;
}

async function runMigrations(db: Kysely<DB>, { hasRole, upTo }: { hasRole: boolean; upTo: string | null }): Promise<string[]> {
  await refuseForeign(db);
  const migrator = new Migrator({ db, provider: sqlFiles(hasRole) });
  const { error, results = [] } = await (upTo === null ? migrator.migrateToLatest() : migrator.migrateTo(upTo));
  if (error === undefined) return results.map(({ migrationName }) => migrationName);
  await explainRights(db, error);
  const failed = results.find(({ status }) => status === 'Error');
  throw new Error(`The migration ${failed?.migrationName ?? 'of the database'} failed, and nothing was changed.`, { cause: error });
}

/**
 * A database that ran what this code does not have, and not all that it has, is of no release:
 * there is no way from it to here.
 */
async function refuseForeign(db: Kysely<DB>): Promise<void> {
  const [ran, ours] = [await migrationNamesRun(db), new Set(await migrationNames())];
  const foreign = [...ran].filter((name) => !ours.has(name));
  if (foreign.length === 0) return;
  throw new StartFailure(
    `This database ran ${foreign.join(', ')}, which this version does not have, and lacks others of its own: ` +
      'it was made by a version between two releases. Start the version that made it.',
  );
}

/** What a login that owns nothing may not do is told with the statement that lets it. */
async function explainRights(db: Kysely<DB>, error: unknown): Promise<void> {
  if (!(error instanceof Error && 'code' in error && error.code === INSUFFICIENT_PRIVILEGE)) return;
  const { rows } = await sql<{ login: string; schema: boolean }>`
    select quote_ident(session_user) as login, has_schema_privilege('public', 'create') as schema`.execute(db);
  const { login, schema } = rows[0]!;
  if (schema) return;
  throw new StartFailure(
    `${login} may not make tables here. Let an administrator run in this database: grant all on schema public to ${login}`,
    {
      cause: error,
    },
  );
}

/**
 * True when every migration of this code has run. A database that is ahead of us is migrated, too.
 */
export async function isMigrated(db: Kysely<DB>): Promise<boolean> {
  // While the first migration runs the table is there, but may not be read yet; where there is none
  // the privilege is null.
  const table = sql`to_regclass(${DEFAULT_MIGRATION_TABLE})`;
  const { rows: readable } = await sql<{ yes: boolean | null }>`select has_table_privilege(${table}, 'select') as yes`.execute(db);
  if (readable[0]?.yes !== true) return false;
  const done = await migrationNamesRun(db);
  return (await migrationNames()).every((name) => done.has(name));
}

/** The names of the migrations that this database has run. */
export async function migrationNamesRun(db: Kysely<DB>): Promise<Set<string>> {
  const { rows: there } = await sql<{ yes: boolean }>`select to_regclass(${DEFAULT_MIGRATION_TABLE}) is not null as yes`.execute(db);
  if (there[0]?.yes !== true) return new Set();
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(db);
  return new Set(rows.map(({ name }) => name));
}

/**
 * Makes or updates the tables of the queue, for where it lives in PostgreSQL. They are BullMQ's
 * own, in the schema `bullmq`.
 */
export async function migrateQueue(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, application_name: 'fenyong migrate' });
  await client.connect();
  try {
    const { rows } = await client.query<{ may: boolean; login: string; database: string }>(`
      select to_regnamespace('bullmq') is not null or has_database_privilege(current_database(), 'create') as may,
        quote_ident(session_user) as login, quote_ident(current_database()) as database`);
    const { may, login, database } = rows[0]!;
    if (!may) {
      const statement = `grant create on database ${database} to ${login}`;
      throw new StartFailure(`${login} may not make the schema of the queue. Set REDIS_URL, or let an administrator run: ${statement}`);
    }
    await runQueueMigrations(client);
  } finally {
    await client.end();
  }
}

let known: Promise<string[]> | undefined;

/** The names of the migrations of this code, which do not change while it runs. */
export async function migrationNames(): Promise<string[]> {
  known ??= readdir(FOLDER).then((files) =>
    files
      .filter((file) => FILE_NAME.test(file))
      .map((file) => basename(file, '.sql'))
      .toSorted(),
  );
  return known;
}

async function textOf(name: string): Promise<string> {
  return readFile(join(FOLDER, `${name}.sql`), 'utf8');
}

async function allRights(): Promise<string[]> {
  return (await Promise.all((await migrationNames()).map(textOf))).flatMap(rightsIn);
}

/**
 * All files run in one transaction, and this one locks some tables that whoever writes asks for
 * after those that the files behind it lock. So all of them are locked before it, at once or not at
 * all: nothing is held while something is waited for that somebody else will not give before.
 */
const LOCKED_BEFORE: Readonly<Record<string, string>> = {
  '0038-months': 'delivery, order_report, touch, click, award, product_version, promoter_version, link',
};

/** Whoever wants to write waits behind a lock that is waited for: so it is asked for by instants. */
async function lockTogether(db: Kysely<unknown>, tables: string): Promise<void> {
  await sql
    .raw(
      `set local lock_timeout = '300ms';
      do $$ begin
        loop
          begin
            lock table ${tables} in access exclusive mode;
            exit;
          exception when lock_not_available then
            perform pg_sleep(0.2);
          end;
        end loop;
      end $$;
      set local lock_timeout = '${LOCK_TIMEOUT}'`,
    )
    .execute(db);
}

async function runFile(db: Kysely<unknown>, { name, text, hasRole }: { name: string; text: string; hasRole: boolean }): Promise<void> {
  const locked = LOCKED_BEFORE[name];
  if (locked !== undefined) await lockTogether(db, locked);
  await sql.raw(hasRole ? text : withoutRole(text)).execute(db);
  // Said here, in the transaction that others wait for.
  if (hasRole) await letAskForMigrations(db);
}

function sqlFiles(hasRole: boolean): MigrationProvider {
  return {
    async getMigrations(): Promise<Record<string, Migration>> {
      const migrations = (await migrationNames()).map(async (name): Promise<[string, Migration]> => {
        const text = await textOf(name);
        return [name, { up: (db) => runFile(db, { name, text, hasRole }) }];
      });
      return Object.fromEntries(await Promise.all(migrations));
    },
  };
}
