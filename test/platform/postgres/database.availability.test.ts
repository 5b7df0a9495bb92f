// A database that is away, and one that must not be used.

import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { assertDurable, isOfQuery, isUnavailable } from '../../../src/platform/postgres/database.ts';
import { freePort, testDatabase, type TestDatabase } from '../../harness.ts';
import { errorOf, run } from '../answers.ts';
import { openingOn } from '../opened.ts';

let ground: TestDatabase;

beforeAll(async () => {
  ground = await testDatabase();
  await run(ground.owner, 'create table kept (number int primary key)');
});

afterAll(() => ground.close());

afterEach(() => {
  vi.restoreAllMocks();
});

const open = openingOn(() => ground);

const raised = (state: string) => errorOf(run(ground.db, `do $$ begin raise exception 'x' using errcode = '${state}'; end $$`));

describe('what counts as "the database is not there"', () => {
  test('a port where nobody listens, and an address that does not exist', async () => {
    const { db } = open({ connectionString: `postgres://nobody@127.0.0.1:${await freePort()}/none` });
    expect(isUnavailable(await errorOf(run(db, 'select 1')))).toBe(true);
    const { db: nowhere } = open({ connectionString: 'postgres://nobody@no-such-host.invalid/none' });
    expect(isUnavailable(await errorOf(run(nowhere, 'select 1')))).toBe(true);
  });

  test('a pool of which every connection is taken for two seconds', async () => {
    const { db } = open({ poolSize: 1 });
    const slow = sql`select pg_sleep(2.5)`.execute(db);
    expect(isUnavailable(await errorOf(run(db, 'select 1')))).toBe(true);
    await slow;
  });

  test('a connection that its waiter has given up by the time it is made is given back, and the pool can be closed', async () => {
    const { db, pool, close } = open({ poolSize: 1 });
    const held = await pool.connect();
    const waiting = errorOf(run(db, 'select 1'));
    await expect.poll(() => pool.waitingCount).toBe(1);
    // The next session begins when its waiter is gone.
    const ask = Object.getOwnPropertyDescriptor(Client.prototype, 'query')!.value as (...given: unknown[]) => unknown;
    vi.spyOn(Client.prototype, 'query').mockImplementation(function (this: Client, ...given: unknown[]): unknown {
      const begins = String(given[0]).startsWith('set statement_timeout');
      return begins ? waiting.then(() => ask.apply(this, given)) : ask.apply(this, given);
    });
    held.release(true);
    expect(await waiting).toMatchObject({ message: expect.stringContaining('timeout exceeded') });
    expect(await run(db, 'select 1 as one')).toEqual([{ one: 1 }]);
    await close();
  });

  test('a server that shuts down, a statement that was cancelled, a lock that was not got, a full disk', async () => {
    for (const state of ['57P01', '57P03', '57014', '55P03', '53100', '53300', '08006', '40001', '25006']) {
      const raised = run(ground.db, `do $$ begin raise exception 'x' using errcode = '${state}'; end $$`);
      expect(isUnavailable(await errorOf(raised)), state).toBe(true);
    }
  });

  test('not a mistake of ours or of a caller, and not one that only has such an error’s words', async () => {
    for (const text of ['select 1 / 0', 'selec', 'insert into kept values (1), (1)', 'drop table kept', 'select * from missing']) {
      expect(isUnavailable(await errorOf(run(ground.db, text))), text).toBe(false);
    }
    expect(isUnavailable(new Error('timeout'))).toBe(false);
    expect(isUnavailable('57P01')).toBe(false);
    expect(isUnavailable(undefined)).toBe(false);
  });

  test('of those, what only one statement suffered: it was cancelled, or others stood in its way', async () => {
    for (const state of ['57014', '55P03', '40001', '40P01']) expect(isOfQuery(await raised(state)), state).toBe(true);
    for (const state of ['57P01', '53100', '08006', '25006', '22012']) expect(isOfQuery(await raised(state)), state).toBe(false);
    expect(isOfQuery('57014')).toBe(false);
  });

  test('an error that was caused by one', () => {
    const cause = Object.assign(new Error('terminating connection'), { code: '57P01' });
    expect(isUnavailable(new Error('the batch was not stored', { cause }))).toBe(true);
  });
});

describe('before it starts, the service', () => {
  test('accepts a database that keeps what it commits', async () => {
    await expect(assertDurable(ground.db)).resolves.toBeUndefined();
  });

  test('refuses one that does not wait for its disk', async () => {
    const { db } = open({ poolSize: 1 });
    await run(db, 'set synchronous_commit = off');
    await expect(assertDurable(db)).rejects.toThrow('synchronous_commit must be on');
  });

  test('refuses one whose clock is more than two seconds before or behind ours', async () => {
    const real = Date.now;
    for (const difference of [5000, -5000]) {
      vi.spyOn(Date, 'now').mockImplementation(() => real() + difference);
      await expect(assertDurable(ground.db)).rejects.toThrow(/clocks .* differ by [45]\.\d seconds/);
    }
    vi.spyOn(Date, 'now').mockImplementation(() => real() + 1000);
    await expect(assertDurable(ground.db)).resolves.toBeUndefined();
  });
});
