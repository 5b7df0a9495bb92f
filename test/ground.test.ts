// The secrets that every process stands on: those of the operator, those that were made before, and what each of them is for.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openGround, type Ground } from '../src/ground.ts';
import { readConfig } from '../src/platform/config.ts';
import { open, seal } from '../src/platform/secrets.ts';
import { mintClickToken, readClickToken } from '../src/promotion/token.ts';
import { testDatabase, testLog, type TestDatabase } from './harness.ts';

const OLD = 'the-old-secret-of-tokens';
const NEW = 'the-new-secret-of-tokens';
const click = { clickId: '01900000-0000-7000-8000-000000000000', linkCode: 'abcdefghij', clickedAt: 1, bot: false };

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

/** What stands when the service is started with these variables; nothing of it needs the database any more. */
async function groundWith(env: Record<string, string>): Promise<Ground> {
  const ground = await openGround(readConfig({ DATABASE_URL: database.connectionString, ...env }), testLog);
  await ground.close();
  return ground;
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
