// The commands as an operator runs them: what they print, and how they end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { findActors, hashOfKey } from '../src/platform/keys-store.ts';
import { testDatabase, type TestDatabase } from './harness.ts';

const ENTRY = fileURLToPath(new URL('../src/start.mjs', import.meta.url));

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await database.owner.insertInto('merchant').values({ merchant_id: 'm1', made_at: new Date() }).execute();
});
afterAll(() => database.close());

async function run(...args: string[]): Promise<{ code: number; printed: string; complaint: string }> {
  const env = { ...process.env, DATABASE_URL: database.connectionString, LOG_LEVEL: 'silent' };
  const child = spawn(process.execPath, [ENTRY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
