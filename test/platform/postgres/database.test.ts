// The pool: what values look like, what its connections may do, and what a transaction promises.

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { inTransaction, isUnavailable } from '../../../src/platform/postgres/database.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { errorOf, run } from '../answers.ts';
import { openingOn } from '../opened.ts';
import { openProxy } from '../proxy.ts';

let ground: TestDatabase;

beforeAll(async () => {
  ground = await testDatabase();
  await run(ground.owner, `create table kept (number int primary key, word text not null default '')`);
  await run(ground.owner, `revoke update, delete, truncate on kept from fenyong_app`);
  await run(ground.owner, `create table counter (name text primary key, value bigint not null)`);
});

afterAll(() => ground.close());

const open = openingOn(() => ground);

describe('values from the database', () => {
  test('whole numbers come as bigint, exact ones as text, moments as Date, days as text', async () => {
    const [row] = await run(
      ground.db,
      `select 9007199254740993 as int8, array[9007199254740993, null] as int8s, 0.30 as numeric, array[1.10] as numerics, 7 as int4,
        date '2026-02-28' as day, timestamptz '2026-01-01 08:00+08' as moment`,
    );
    expect(row).toEqual({
      int8: 9007199254740993n,
      int8s: [9007199254740993n, null],
      numeric: '0.30',
      numerics: ['1.10'],
      day: '2026-02-28',
      moment: new Date('2026-01-01T00:00:00Z'),
      int4: 7,
    });
  });
});

describe('a connection', () => {
  test('acts as a role that owns nothing: rows of an append-only table are added, and never changed', async () => {
    await run(ground.db, 'insert into kept (number) values (1)');
    for (const change of [`update kept set word = 'x'`, 'delete from kept', 'truncate kept', 'drop table kept', 'create table mine ()']) {
      expect(await errorOf(run(ground.db, change)), change).toMatchObject({ code: '42501' });
    }
    expect(await run(ground.db, 'select current_user as role, session_user as login')).toEqual([
      { role: 'fenyong_app', login: 'postgres' },
    ]);
  });

  test('has a limit for everything, and waits for its commits whatever the default of the database is', async () => {
    await run(ground.owner, `do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`);
    const names = [
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'synchronous_commit',
      'timezone',
      'application_name',
    ];
    const [settings] = await run(open().db, `select ${names.map((name) => `current_setting('${name}') as ${name}`).join(', ')}`);
    expect(settings).toEqual({
      statement_timeout: '30s',
      lock_timeout: '5s',
      idle_in_transaction_session_timeout: '30s',
      synchronous_commit: 'on',
      timezone: 'UTC',
      application_name: 'fenyong test',
    });
    await run(ground.owner, `do $$ begin execute format('alter database %I reset synchronous_commit', current_database()); end $$`);
  });

  test('of a login that may not take the role is refused, rather than used as it is', async () => {
    const url = new URL(ground.connectionString);
    url.username = `stranger_${url.pathname.slice(1)}`;
    await run(ground.owner, `create role ${url.username} login password '${url.password}'`);
    const { db, pool } = open({ connectionString: url.href });
    const error = await errorOf(run(db, 'select 1'));
    await run(ground.owner, `drop role ${url.username}`);
    expect(error).toMatchObject({ message: 'permission denied to set role "fenyong_app"' });
    expect(pool.totalCount).toBe(0);
  });

  test('that is cut while it is lent out fails its work, and the next work gets another one', async () => {
    const { db } = open();
    const cut = inTransaction(db, async ({ trx }) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      await sql`select pg_terminate_backend(${rows[0]!.pid})`.execute(ground.owner);
      await new Promise((done) => setTimeout(done, 100));
      await run(trx, 'select 1');
    });
    expect(isUnavailable(await errorOf(cut))).toBe(true);
    expect(await run(db, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('on which nothing arrives any more is given up, and not lent out again', async () => {
    const proxy = await openProxy(ground.connectionString);
    const { db } = open({ connectionString: proxy.url, poolSize: 1, silenceMs: 300 });
    await run(db, 'select 1');
    proxy.swallow();
    expect(isUnavailable(await errorOf(run(db, 'select 1')))).toBe(true);
    await proxy.mend();
    expect(await run(db, 'select 1 as one')).toEqual([{ one: 1 }]);
    await proxy.refuse();
  });
});

describe('a transaction', () => {
  test('has one time, that of the database', async () => {
    const [now, inside, again] = await inTransaction(ground.db, async ({ trx, now }) => {
      const { rows } = await sql<{ now: Date }>`select now()`.execute(trx);
      await sql`select pg_sleep(0.01)`.execute(trx);
      const { rows: later } = await sql<{ now: Date }>`select now()`.execute(trx);
      return [now, rows[0]?.now, later[0]?.now];
    });
    expect(inside).toEqual(now);
    expect(again).toEqual(now);
    expect(now).toBeInstanceOf(Date);
  });

  test('leaves nothing behind when its work fails', async () => {
    const failed = inTransaction(ground.db, async ({ trx }) => {
      await run(trx, 'insert into kept (number) values (100)');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await run(ground.db, 'select from kept where number = 100')).toEqual([]);
  });

  test('that is the victim of a deadlock is done again', async () => {
    await run(ground.db, `insert into counter values ('a', 0), ('b', 0)`);
    let attempts = 0;
    let locked = 0;
    const add = (first: string, second: string) =>
      inTransaction(ground.db, async ({ trx }) => {
        attempts += 1;
        await run(trx, `update counter set value = value + 1 where name = '${first}'`);
        locked += 1;
        await vi.waitUntil(() => locked >= 2, { timeout: 20_000 });
        await run(trx, `update counter set value = value + 1 where name = '${second}'`);
      });
    await Promise.all([add('a', 'b'), add('b', 'a')]);
    expect(attempts).toBeGreaterThan(2);
    expect(await run(ground.db, 'select value from counter')).toEqual([{ value: 2n }, { value: 2n }]);
  });

  test('that never gets through is given up after five attempts', async () => {
    let attempts = 0;
    const failing = inTransaction(ground.db, async ({ trx }) => {
      attempts += 1;
      await run(trx, `do $$ begin raise exception 'again' using errcode = 'serialization_failure'; end $$`);
    });
    const error = await errorOf(failing);
    expect(attempts).toBe(5);
    expect(isUnavailable(error)).toBe(true);
  });

  test('is not done again for any other error', async () => {
    let attempts = 0;
    const failing = inTransaction(ground.db, async ({ trx }) => {
      attempts += 1;
      await run(trx, 'select 1 / 0');
    });
    expect(await errorOf(failing)).toMatchObject({ code: '22012' });
    expect(attempts).toBe(1);
  });
});
