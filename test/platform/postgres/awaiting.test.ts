// A database that is late, and one that refuses us: what the operator is told, and when.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { awaitDatabase } from '../../../src/platform/postgres/awaiting.ts';
import { buildLogger } from '../../../src/platform/process/log.ts';
import { StartFailure } from '../../../src/platform/process/start-failure.ts';
import { freePort, testDatabase, testLog, type TestDatabase } from '../../harness.ts';
import { errorOf } from '../answers.ts';
import { openProxy } from '../proxy.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

/** The address of the test's database, but for what is said. */
function address(change: Partial<Pick<URL, 'username' | 'password' | 'pathname' | 'port'>>): string {
  return Object.assign(new URL(database.connectionString), change).href;
}

async function sentenceOf(url: string): Promise<string> {
  const error = await errorOf(awaitDatabase(url, testLog, 200));
  expect(error).toBeInstanceOf(StartFailure);
  const { message } = error as StartFailure;
  expect(message).not.toContain(new URL(database.connectionString).password);
  return message;
}

test('a database that comes up late is waited for, and the log says so', async () => {
  const proxy = await openProxy(database.connectionString);
  await proxy.refuse();
  const lines: string[] = [];
  const there = awaitDatabase(proxy.url, buildLogger('warn', { write: (line) => lines.push(line) }), 30_000);
  await expect.poll(() => lines.length).toBe(1);
  await proxy.mend();
  await there;
  expect(lines.join('')).toContain('cannot be reached yet (ECONNREFUSED); trying again');
  await proxy.refuse();
});

test('a database that does not come is given up with its address and why', async () => {
  const port = await freePort();
  expect(await sentenceOf(address({ port: String(port) }))).toMatch(
    new RegExp(
      `^The database at 127.0.0.1:${port} could not be reached for \\d+ seconds \\(ECONNREFUSED\\): start it, or mend DATABASE_URL.$`,
    ),
  );
});

test('a database that refuses us is not asked again', async () => {
  expect(await sentenceOf(address({ username: 'some body', password: 'wrong' }))).toMatch(
    /^The database at 127.0.0.1:\d+ refuses the login some body: password authentication failed/,
  );
  expect(await sentenceOf(address({ pathname: '/no such' }))).toMatch(/^There is no database no such at 127.0.0.1:\d+: make it, or mend/);
});
