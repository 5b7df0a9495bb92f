// Where the secrets of the service come from, where they are kept, and how they leave the database.

import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { findOwnSecrets, folderOf, moveOwnSecrets, SECRET_NAMES } from '../../../src/platform/keys/own-secrets.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';

const NOTHING = { TOKEN_SECRET: [], SECRETS_KEY: [], IDENTITY_KEY: [] };
const IN_DATABASE = {
  TOKEN_SECRET: 'tokens-of-an-old-version',
  SECRETS_KEY: 'seals-of-an-old-version',
  IDENTITY_KEY: 'hashes-of-an-old-version',
};

let database: TestDatabase;
let dataDir: string;

beforeAll(async () => {
  database = await testDatabase();
});
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'fenyong-secrets-'));
});
afterEach(async () => {
  await rm(dataDir, { recursive: true });
  for (const table of ['setting', 'kept_secret'] as const) await database.owner.deleteFrom(table).execute();
});
afterAll(() => database.close());

function find(given: Partial<Record<(typeof SECRET_NAMES)[number], string[]>> = {}, mayMake = true) {
  return findOwnSecrets({ db: database.db, dataDir, given: { ...NOTHING, ...given }, mayMake });
}

const move = () => moveOwnSecrets(database.owner, dataDir);
const stored = () => database.owner.selectFrom('setting').select('name').execute();

async function storeInDatabase(secrets: Record<string, string> = IN_DATABASE): Promise<void> {
  await database.owner
    .insertInto('setting')
    .values(Object.entries(secrets).map(([name, value]) => ({ name, value })))
    .execute();
}

test('secrets that nobody gave are made once for all processes of a folder, readable by their owner alone', async () => {
  const made = await Promise.all(Array.from({ length: 10 }, () => find()));
  const values = made.map(({ secrets }) => SECRET_NAMES.flatMap((name) => secrets[name]));
  expect(new Set(values.map(String)).size).toBe(1);
  expect(new Set(values[0]).size).toBe(3);
  for (const value of values[0]!) expect(value).toMatch(/^[\w-]{43}$/);
  expect((await find({}, false)).secrets).toEqual(made[0]!.secrets);
  expect((await stat(folderOf(dataDir))).mode & 0o777).toBe(0o700);
  for (const name of SECRET_NAMES) expect((await stat(join(folderOf(dataDir), name))).mode & 0o777, name).toBe(0o600);
  expect(await stored()).toEqual([]);
});

test('a secret that was made is not made anew where its folder is missing: nothing that is stored would open', async () => {
  const { secrets } = await find();
  await rm(folderOf(dataDir), { recursive: true });
  await expect(find()).rejects.toThrow('TOKEN_SECRET, SECRETS_KEY, IDENTITY_KEY of this database were made by the service');
  const [given] = secrets.IDENTITY_KEY;
  await expect(find({ IDENTITY_KEY: [given] })).rejects.toThrow('TOKEN_SECRET, SECRETS_KEY of this database');
});

test('a secret that is given needs no folder, and what is kept stands behind it', async () => {
  const { secrets } = await find();
  const given = ['a-secret-of-the-operator'];
  expect((await find({ TOKEN_SECRET: given }, false)).secrets.TOKEN_SECRET).toEqual([...given, ...secrets.TOKEN_SECRET]);
});

test('several secrets of one file are separated by commas, the newest first', async () => {
  await mkdir(folderOf(dataDir));
  await writeFile(join(folderOf(dataDir), 'SECRETS_KEY'), 'the-newest-of-secrets,the-older-of-secrets\n');
  expect((await find()).secrets.SECRETS_KEY).toEqual(['the-newest-of-secrets', 'the-older-of-secrets']);
});

test.each(['', 'short', 'one with spaces in it'])('a file that holds %j is no secret, and is not replaced', async (text) => {
  await mkdir(folderOf(dataDir));
  const file = join(folderOf(dataDir), 'IDENTITY_KEY');
  await writeFile(file, text);
  await expect(find()).rejects.toThrow(`${file} holds no secret of at least 16 printable ASCII characters`);
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('a folder that cannot be written is told in a sentence', async () => {
  await writeFile(folderOf(dataDir), 'a file stands in its way');
  await expect(find()).rejects.toThrow(new RegExp(`^${folderOf(dataDir)}(/TOKEN_SECRET)? cannot be (read|written) \\((ENOTDIR|EEXIST)\\)`));
  await rm(folderOf(dataDir));
  await chmod(dataDir, 0o755);
});

test('secrets of the database count until they are moved, and are the same afterwards', async () => {
  await storeInDatabase();
  const before = await find({}, false);
  expect(before.inDatabase).toEqual([...SECRET_NAMES]);
  expect(new Set(await move())).toEqual(new Set(SECRET_NAMES));
  expect(await stored()).toEqual([]);
  expect(await find({}, false)).toEqual({ secrets: before.secrets, inDatabase: [] });
  expect(await move()).toEqual([]);
});

test('a move that was killed half way is finished by the next one, and loses nothing wherever it was killed', async () => {
  await storeInDatabase();
  const { secrets } = await find({}, false);
  // Killed after the first file was made, and before its row was gone.
  await mkdir(folderOf(dataDir));
  await writeFile(join(folderOf(dataDir), 'IDENTITY_KEY'), `${IN_DATABASE.IDENTITY_KEY}\n`);
  await writeFile(join(folderOf(dataDir), '.TOKEN_SECRET-0000'), 'half of a f');
  expect((await find({}, false)).secrets).toEqual(secrets);
  await move();
  expect(await find({}, false)).toEqual({ secrets, inDatabase: [] });
});

test('a secret never replaces another one that its folder holds', async () => {
  await storeInDatabase();
  await mkdir(folderOf(dataDir));
  await writeFile(join(folderOf(dataDir), 'TOKEN_SECRET'), 'the-secret-of-another-database');
  await expect(move()).rejects.toThrow('TOKEN_SECRET holds another secret than the database');
  expect(await stored()).toContainEqual({ name: 'TOKEN_SECRET' });
});

test('an earlier version that is started again makes no other secret in the place of one that was moved', async () => {
  await storeInDatabase();
  await move();
  await expect(storeInDatabase()).rejects.toThrow('is kept outside of the database by a later version');
});
