// The secrets that every process stands on: those of the operator, those that were made before, and
// what each of them is for.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { openRuntime, type Runtime } from '../src/runtime.ts';
import { readConfig } from '../src/platform/process/config.ts';
import { buildLogger } from '../src/platform/process/log.ts';
import { open, seal } from '../src/platform/keys/secrets.ts';
import { mintClickToken, readClickToken } from '../src/promotion/clicks/token.ts';
import { testDatabase, type TestDatabase } from './harness.ts';

const OLD = 'the-old-secret-of-tokens';
const NEW = 'the-new-secret-of-tokens';
const click = { clickId: '01900000-0000-7000-8000-000000000000', linkCode: 'abcdefghij', clickedAt: 1, bot: false };

let database: TestDatabase;
let dataDir: string;
let logged: string;

beforeAll(async () => {
  database = await testDatabase();
});
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'fenyong-runtime-'));
  logged = '';
});
afterEach(async () => {
  await rm(dataDir, { recursive: true });
  for (const table of ['setting', 'kept_secret'] as const) await database.owner.deleteFrom(table).execute();
});
afterAll(() => database.close());

/**
 * What stands when the service is started with these variables; nothing of it needs the database
 * any more.
 */
async function groundWith(env: Record<string, string>, mayMakeSecrets = true): Promise<Runtime> {
  const config = readConfig({ DATABASE_URL: database.connectionString, DATA_DIR: dataDir, ...env });
  const log = buildLogger('warn', { write: (line) => (logged += line) });
  const runtime = await openRuntime(config, log, { mayMakeSecrets });
  await runtime.close();
  return runtime;
}

/** As a version before this one has left them. */
async function keptInDatabase(secrets: Record<string, string>): Promise<void> {
  await database.owner
    .insertInto('setting')
    .values(Object.entries(secrets).map(([name, value]) => ({ name, value })))
    .execute();
}

test('tokens are signed with the newest secret, and those of older ones are believed for as long as they stand behind it', async () => {
  const token = mintClickToken((await groundWith({ TOKEN_SECRET: OLD })).tokenKeys[0], click);
  const rotated = await groundWith({ TOKEN_SECRET: `${NEW},${OLD}` });
  const alone = await groundWith({ TOKEN_SECRET: NEW });
  expect(readClickToken(rotated.tokenKeys, token)).toEqual(click);
  expect(readClickToken(alone.tokenKeys, token)).toBeNull();
  expect(readClickToken(alone.tokenKeys, mintClickToken(rotated.tokenKeys[0], click))).toEqual(click);
});

test('what was signed and sealed with secrets that were made still counts once the operator gives some', async () => {
  const made = await groundWith({});
  const token = mintClickToken(made.tokenKeys[0], click);
  const sealed = seal(made.masterKeys, 'told once', 'source|s1');
  const given = await groundWith({ TOKEN_SECRET: NEW, SECRETS_KEY: 'the-secret-that-seals' });
  expect(readClickToken(given.tokenKeys, token)).toEqual(click);
  expect(open(given.masterKeys, sealed, 'source|s1')).toBe('told once');
  expect(readClickToken(made.tokenKeys, mintClickToken(given.tokenKeys[0], click))).toBeNull();
});

test('an installation whose secrets lie in the database goes on with them, in every process, and is warned', async () => {
  await keptInDatabase({ TOKEN_SECRET: OLD, SECRETS_KEY: 'sealed-by-an-old-version', IDENTITY_KEY: 'hashed-by-an-old-version' });
  const runtime = await groundWith({}, false);
  expect(runtime.identityKey.export().toString()).toBe('hashed-by-an-old-version');
  expect(readClickToken(runtime.tokenKeys, mintClickToken(runtime.tokenKeys[0], click))).toEqual(click);
  expect(logged).toContain('TOKEN_SECRET, SECRETS_KEY, IDENTITY_KEY lie in the database');
  expect(logged).toContain('move-keys');
  expect(logged).not.toContain(OLD);
});

test('one process of many makes no secret, and says which are missing', async () => {
  const missing = groundWith({ SECRETS_KEY: 'the-secret-that-seals' }, false);
  await expect(missing).rejects.toThrow(`TOKEN_SECRET, IDENTITY_KEY are neither set nor in ${join(dataDir, 'keys')}.`);
  expect(await database.owner.selectFrom('setting').selectAll().execute()).toEqual([]);
});
