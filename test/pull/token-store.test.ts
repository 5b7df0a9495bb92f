// Access tokens of a source, which a platform may end before their time while several questions are
// under way.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { keptTokens } from '../../src/pull/token-store.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';

const SOURCE = 's1';
const keys = masterKeys(['a secrets key of thirty-two characters']);
let database: TestDatabase;
let given: number;

beforeAll(async () => {
  database = await testDatabase();
  await sql`
    insert into source (source_id, kind, secrets_set, options, made_at, changed_at)
    values (${SOURCE}, 'doudian', '{}', '{}', now(), now())`.execute(database.owner);
});
afterAll(() => database.close());
beforeEach(async () => {
  await sql`delete from pull_token`.execute(database.owner);
  given = 0;
});

/** The next token of the platform, which is good for an hour. */
const obtain = async () => {
  given += 1;
  return { value: `token-${given}`, expiresAt: new Date(Date.now() + 3_600_000) };
};
const askings = () => keptTokens(database.db, keys, SOURCE);
const eightOf = (ask: () => Promise<string>) => Promise.all(Array.from({ length: 8 }, ask));

test('questions that are asked at once have one token between them, and so has the next asking', async () => {
  const asking = askings();
  expect(new Set(await eightOf(() => asking.token('access', obtain)))).toEqual(new Set(['token-1']));
  expect(await askings().token('access', obtain)).toBe('token-1');
});

test('questions that are told at once that their token has ended have one new token between them', async () => {
  const asking = askings();
  const ended = await asking.token('access', obtain);
  expect(new Set(await eightOf(() => asking.token('access', obtain, ended)))).toEqual(new Set(['token-2']));
  expect(await asking.token('access', obtain, ended)).toBe('token-2');
  expect(given).toBe(2);
});

test('a token that somebody else has obtained meanwhile is used, and not ended by another', async () => {
  const [one, other] = [askings(), askings()];
  const ended = await one.token('access', obtain);
  await other.token('access', obtain);
  await other.token('access', obtain, ended);
  expect(await one.token('access', obtain, ended)).toBe('token-2');
  expect(given).toBe(2);
});

test('a token that has expired is obtained anew with what was kept of it', async () => {
  await askings().token('access', obtain);
  await sql`update pull_token set expires_at = now()`.execute(database.owner);
  const kept: (string | null)[] = [];
  const again = (previous: string | null) => {
    kept.push(previous);
    return obtain();
  };
  expect(await askings().token('access', again)).toBe('token-2');
  expect(kept).toEqual(['token-1']);
});

test('a token that cannot be obtained is told to all who wait for it, and the next asking tries again', async () => {
  const asking = askings();
  let tries = 0;
  const fail = () => {
    tries += 1;
    return Promise.reject(new Error('the connection broke'));
  };
  const ends = await Promise.allSettled([asking.token('access', fail), asking.token('access', fail)]);
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(tries).toBe(1);
  expect(await askings().token('access', obtain)).toBe('token-1');
});
