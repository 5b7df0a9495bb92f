// The commands as an operator runs them: what they print, and how they end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { findActors, hashOfKey } from '../src/platform/keys/keys-store.ts';
import { testDatabase, type TestDatabase } from './harness.ts';

const ENTRY = fileURLToPath(new URL('../src/start.mjs', import.meta.url));

// Every command is a process of its own, several of which a busy machine starts slowly.
vi.setConfig({ testTimeout: 120_000 });

let database: TestDatabase;
/** Where the commands are run. */
let folder: string;

beforeAll(async () => {
  database = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'fenyong-main-'));
  await database.owner.insertInto('merchant').values({ merchant_id: 'm1', made_at: new Date() }).execute();
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

const run = (...args: string[]) => runWith({ DATABASE_URL: database.connectionString, LOG_LEVEL: 'silent' }, ...args);

async function runWith(own: Record<string, string>, ...args: string[]): Promise<{ code: number; printed: string; complaint: string }> {
  const env = { PATH: process.env['PATH'], DATA_DIR: folder, ...own };
  const child = spawn(process.execPath, [ENTRY, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [printed, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(code), printed, complaint };
}

const countKeys = async () => (await database.db.selectFrom('api_key').select('key_id').execute()).length;

test('keys makes a key for a merchant who is there, and prints nothing else', async () => {
  const { code, printed, complaint } = await run('keys', '--scope', 'storefront', '--merchant', 'm1');
  expect([code, complaint]).toEqual([0, '']);
  const hash = hashOfKey(printed.trim());
  expect((await findActors(database.db, [hash])).get(hash)).toMatchObject({ scope: 'storefront', merchantId: 'm1' });
});

test.each([
  ['--scope storefront --merchant nobody', 'There is no merchant nobody.'],
  ['--scope promoter', '--promoter: A promoter key has a promoter_id, and no other key has one'],
])('keys %s ends with 1 and a sentence, and makes no key', async (args, sentence) => {
  const before = await countKeys();
  expect(await run('keys', ...args.split(' '))).toEqual({ code: 1, printed: '', complaint: `${sentence}\n` });
  expect(await countKeys()).toBe(before);
});

test('what .env sets is set, but for what is set already; and it can be left unread', async () => {
  const file = join(folder, '.env');
  await writeFile(file, `DATABASE_URL=${database.connectionString}\nLOG_LEVEL=silent\nPORT=no-port\n`);
  const before = await countKeys();
  expect(await runWith({ PORT: '3000' }, 'keys', '--scope', 'auditor')).toMatchObject({ code: 0, complaint: '' });
  expect(await countKeys()).toBe(before + 1);
  expect((await runWith({}, 'migrate')).complaint).toContain('PORT must be a whole number');
  const unread = { DATABASE_URL: database.connectionString, LOG_LEVEL: 'silent' };
  expect(await runWith(unread, 'migrate', '--no-env-file')).toEqual({ code: 0, printed: '', complaint: '' });
  await rm(file);
});

test('a taken port ends the start with a sentence and no stack, and no key is lost by it', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, printed, complaint } = await runWith(
    { DATABASE_URL: database.connectionString, LOG_LEVEL: 'fatal', PORT: String(port) },
    'serve',
  );
  other.close();
  expect({ code, complaint }).toEqual({
    code: 1,
    complaint: `Port ${port} of 127.0.0.1 is taken by another program: end that one, or set PORT to another.\n`,
  });
  expect(printed).not.toMatch(/\bat /);
  expect((await readdir(join(folder, 'keys'))).toSorted()).toEqual(['IDENTITY_KEY', 'SECRETS_KEY', 'TOKEN_SECRET']);
});

test('api and worker make no secrets on a database that others may use, and say which are missing', async () => {
  const own = {
    DATABASE_URL: database.connectionString,
    LOG_LEVEL: 'fatal',
    DATA_DIR: join(folder, 'another'),
    SECRETS_KEY: 'a-secret-that-is-set',
  };
  await database.owner.deleteFrom('kept_secret').execute();
  for (const command of ['api', 'worker']) {
    const { code, complaint } = await runWith(own, command);
    expect(code).toBe(1);
    expect(complaint).toMatch(/^TOKEN_SECRET, IDENTITY_KEY are neither set nor in .*another\/keys\. Set each to a value/);
  }
});

test('secrets of an earlier version are moved out of the database by a command', async () => {
  const dataDir = join(folder, 'moved');
  const value = 'what-an-earlier-version-made';
  await database.owner.insertInto('setting').values({ name: 'IDENTITY_KEY', value }).execute();
  const moving = { DATABASE_URL: database.connectionString, LOG_LEVEL: 'fatal', DATA_DIR: dataDir };
  const { code, printed } = await runWith(moving, 'move-keys');
  expect([code, printed.split('\n')[0]]).toEqual([0, `IDENTITY_KEY: now in ${join(dataDir, 'keys')}, and no longer in the database.`]);
  expect(printed).not.toContain(value);
  expect(await database.owner.selectFrom('setting').selectAll().execute()).toEqual([]);
  expect(await runWith(moving, 'move-keys')).toMatchObject({ code: 0, printed: 'No secret lies in the database.\n' });
});

test('balances that were damaged are added up again by a command', async () => {
  const { owner } = database;
  await owner.insertInto('account').values({ kind: 'commission', merchant_id: 'm1', currency: 'CNY', promoter_id: null }).execute();
  const { account_id } = await owner.selectFrom('account').select('account_id').executeTakeFirstOrThrow();
  await owner.insertInto('account_balance').values({ account_id, balance: '4711' }).execute();
  expect(await run('rebuild-balances')).toEqual({
    code: 0,
    printed: 'All balances are the sums of their transfers again.\n',
    complaint: '',
  });
  expect(await owner.selectFrom('account_balance').selectAll().execute()).toEqual([]);
});

test('statistics that were damaged are counted again by the worker, when a command has said so', async () => {
  const { owner } = database;
  await owner
    .insertInto('merchant_rollup')
    .values({ grain_minutes: 15, at: new Date(), merchant_id: 'm1', currency: 'CNY', basis: 'order' })
    .execute();
  expect(await run('rebuild-statistics')).toMatchObject({ code: 0, complaint: '' });
  expect(await owner.selectFrom('merchant_rollup').selectAll().execute()).toEqual([]);
  const fold = await owner.selectFrom('statistics_fold').select('history_done_at').executeTakeFirstOrThrow();
  expect(fold.history_done_at).toBeNull();
});
