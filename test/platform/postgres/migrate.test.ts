// The way from an empty database to ours.

import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { isMigrated, migrate, migrateQueue, refuseOldServer } from '../../../src/platform/postgres/migrate.ts';
import { StartFailure } from '../../../src/platform/process/start-failure.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';

const folder = fileURLToPath(new URL('../../../migrations/', import.meta.url));
const names = (await readdir(folder)).map((file) => file.replace(/\.sql$/, '')).toSorted();

let ground: TestDatabase;

beforeEach(async () => {
  ground = await testDatabase({ migrated: false });
});

afterEach(() => ground.close());

async function tables(): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(ground.owner);
  return rows.map(({ name }) => name).filter((name) => !name.startsWith('kysely_'));
}

const tableOf = (migration: string): string | null => /^create table (\w+)/m.exec(migration)?.[1] ?? null;

test('an empty database gets every migration in its order, and the next time none', async () => {
  expect(await isMigrated(ground.db)).toBe(false);
  expect(await migrate(ground.connectionString)).toEqual(names);
  expect(await isMigrated(ground.db)).toBe(true);
  expect(await migrate(ground.connectionString)).toEqual([]);
});

test('of several that migrate at once one does it, and the others wait for it', async () => {
  const done = await Promise.all([1, 2, 3].map(() => migrate(ground.connectionString)));
  expect(done.flat()).toEqual(names);
  expect(await isMigrated(ground.db)).toBe(true);
});

test('when a late migration fails nothing is changed, and the failure is told', async () => {
  const made = await Promise.all(names.map(async (name) => tableOf(await readFile(`${folder}${name}.sql`, 'utf8'))));
  const at = made.findLastIndex((table) => table !== null);
  const table = made[at] ?? expect.fail('no migration makes a table');
  await sql`create table ${sql.table(table)} ()`.execute(ground.owner);
  await expect(migrate(ground.connectionString)).rejects.toThrow(`The migration ${names[at]} failed`);
  expect(await tables()).toEqual([table]);
  expect(await isMigrated(ground.db)).toBe(false);
});

test('a database that cannot be reached is an error', async () => {
  const url = new URL(ground.connectionString);
  url.pathname = 'missing';
  await expect(migrate(url.href)).rejects.toThrow('database "missing" does not exist');
});

test('a database that is ahead of this code is left as it is, and one that is behind is not migrated', async () => {
  await migrate(ground.connectionString);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-of-a-later-version', '')`.execute(ground.owner);
  expect(await migrate(ground.connectionString)).toEqual([]);
  expect(await isMigrated(ground.db)).toBe(true);

  await sql`delete from kysely_migration where name = ${names.at(-1)}`.execute(ground.owner);
  expect(await isMigrated(ground.db)).toBe(false);
});

test('the tables of the queue are made beside ours, however many start at once', async () => {
  await Promise.all([1, 2, 3].map(() => migrateQueue(ground.connectionString)));
  await migrateQueue(ground.connectionString);
  const { rows } = await sql`select from pg_tables where schemaname = 'bullmq' and tablename = 'job'`.execute(ground.owner);
  expect(rows).toHaveLength(1);
  expect(await tables()).toEqual([]);
});

test('a server that is too old is refused in a sentence, and no later one is', () => {
  expect(() => refuseOldServer('14.23 (Debian 14.23-1)')).toThrow(
    new StartFailure('PostgreSQL 15 or later is needed, and this one is 14.23 (Debian 14.23-1).'),
  );
  for (const version of ['15.0', '18.4', '19beta1']) expect(() => refuseOldServer(version)).not.toThrow();
});

test('a database of a version between two releases is told from one that is ahead, and is left as it is', async () => {
  await migrate(ground.connectionString);
  await sql`update kysely_migration set name = '0015-of-twenty-minutes' where name = '0015-uploads'`.execute(ground.owner);
  await expect(migrate(ground.connectionString)).rejects.toThrow(
    /^This database ran 0015-of-twenty-minutes, which this version does not have/,
  );
});
