// The connection of a writer that commits in groups.

import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { isUnavailable } from '../../../src/platform/postgres/database.ts';
import {
  dedicatedConnection,
  type DedicatedConnection,
  type DedicatedConnectionOptions,
} from '../../../src/platform/postgres/dedicated-connection.ts';
import { buildLogger } from '../../../src/platform/process/log.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { errorOf } from '../answers.ts';
import { openProxy } from '../proxy.ts';

const log = buildLogger('silent');

let ground: TestDatabase;
let opened: DedicatedConnection[] = [];

beforeAll(async () => {
  ground = await testDatabase();
  await sql`create table kept (number int primary key)`.execute(ground.owner);
});

afterAll(() => ground.close());

afterEach(async () => {
  await Promise.all(opened.map(({ close }) => close()));
  opened = [];
});

function open(options: Partial<DedicatedConnectionOptions> = {}): DedicatedConnection {
  const connection = dedicatedConnection({ connectionString: ground.connectionString, applicationName: 'fenyong test', log, ...options });
  opened.push(connection);
  return connection;
}

function ask({ run }: DedicatedConnection, text: string): Promise<Record<string, unknown>[]> {
  return run(async (client) => (await client.query<Record<string, unknown>>(text)).rows);
}

describe('a dedicated connection', () => {
  test('acts as the application’s role, with its limits and its values', async () => {
    const answer = await ask(open(), `select current_user as role, current_setting('synchronous_commit') as waits, 1::bigint as number`);
    expect(answer).toEqual([{ role: 'fenyong_app', waits: 'on', number: 1n }]);
  });

  test('does one work after the other, in the order in which they were given, on one connection', async () => {
    const connection = open();
    const order: number[] = [];
    const pids = await Promise.all(
      [0.05, 0.02, 0].map((seconds, index) =>
        connection.run(async (client) => {
          const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid, pg_sleep($1)', [seconds]);
          order.push(index);
          return rows[0]?.pid;
        }),
      ),
    );
    expect(order).toEqual([0, 1, 2]);
    expect(new Set(pids).size).toBe(1);
  });

  test('goes on after a work that failed, of which a transaction leaves nothing', async () => {
    const connection = open();
    const failed = connection.run(async (client) => {
      await client.query('begin');
      await client.query('insert into kept values (1)');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await errorOf(ask(connection, 'select 1 / 0'))).toMatchObject({ code: '22012' });
    expect(await ask(connection, 'select count(*) from kept')).toEqual([{ count: 0n }]);
  });

  test('that is cut fails the work on its way, and the next one finds a new connection', async () => {
    const connection = open();
    const cut = connection.run(async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      await sql`select pg_terminate_backend(${rows[0]!.pid})`.execute(ground.owner);
      await client.query('select pg_sleep(1)');
    });
    expect(isUnavailable(await errorOf(cut))).toBe(true);
    expect(await ask(connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('that is cut while nobody uses it costs nobody anything', async () => {
    const connection = open();
    const [row] = await ask(connection, 'select pg_backend_pid() as pid');
    await sql`select pg_terminate_backend(${row!['pid']})`.execute(ground.owner);
    await new Promise((done) => setTimeout(done, 100));
    expect(await ask(connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('refuses while the database is away, without trying for each one who asks, and comes back with it', async () => {
    const proxy = await openProxy(ground.connectionString);
    const connection = open({ connectionString: proxy.url });
    await ask(connection, 'select 1');
    await proxy.refuse();
    const errors = await Promise.all(Array.from({ length: 50 }, () => errorOf(ask(connection, 'select 1'))));
    expect(errors.every((error) => isUnavailable(error))).toBe(true);
    expect(errors.filter((error) => String(error).includes('did not answer a moment ago')).length).toBeGreaterThan(40);

    await proxy.mend();
    await expect.poll(() => ask(connection, 'select 1 as one').catch(() => []), { timeout: 10_000 }).toEqual([{ one: 1 }]);
    await proxy.refuse();
  });

  test('on which nothing arrives any more is given up in time, and does not hold up the next one', async () => {
    const proxy = await openProxy(ground.connectionString);
    const connection = open({ connectionString: proxy.url, deadlineMs: 300 });
    await ask(connection, 'select 1');
    proxy.swallow();
    expect(isUnavailable(await errorOf(ask(connection, 'select 1')))).toBe(true);
    await proxy.mend();
    await expect.poll(() => ask(connection, 'select 1 as one').catch(() => []), { timeout: 10_000 }).toEqual([{ one: 1 }]);
    await proxy.refuse();
  });

  test('finishes what was given before it closes, and takes nothing after', async () => {
    const connection = open();
    const given = ask(connection, 'select 1 as one, pg_sleep(0.1)::text');
    const closing = connection.close();
    expect(await given).toMatchObject([{ one: 1 }]);
    await closing;
    expect(isUnavailable(await errorOf(ask(connection, 'select 1')))).toBe(true);
  });
});
