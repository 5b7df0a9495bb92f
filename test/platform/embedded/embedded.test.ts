// The PostgreSQL that comes with us: what it promises, and what it survives.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { Client } from 'pg';
import { describe, expect, test, vi } from 'vitest';

import { comesBack, isRunning, killServer, query, start, useFolder } from '../embedded-folder.ts';

const folder = useFolder();

describe('an embedded PostgreSQL', () => {
  test('is durable, in UTF-8 and UTC, and answers on the loopback only, to its password only', async () => {
    await rm(folder.cluster, { recursive: true });
    const { connectionString, startedHere, stop } = await start(folder);
    expect(startedHere).toBe(true);
    const [settings] = await query(
      connectionString,
      `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes, current_setting('timezone') as timezone,
        current_setting('synchronous_commit') as synchronous_commit, current_setting('server_encoding') as server_encoding,
        current_setting('listen_addresses') as listen_addresses, current_setting('unix_socket_directories') as unix_socket_directories,
        (select datcollate from pg_database where datname = current_database()) as locale`,
    );
    expect(settings).toEqual({
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      timezone: 'UTC',
      server_encoding: 'UTF8',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      locale: 'C',
    });
    const wrong = new URL(connectionString);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    expect((await stat(join(folder.cluster, 'fenyong.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder.cluster)).mode & 0o777).toBe(0o700);
    await stop();
  });

  test('is gone after the last stop, and comes back with its data, its password and its port', async () => {
    const first = await start(folder);
    await query(first.connectionString, 'create table kept as select 42 as answer');
    await first.stop();
    expect(await isRunning(folder)).toBe(false);
    expect(existsSync(join(folder.cluster, 'postmaster.pid'))).toBe(false);

    const second = await start(folder);
    expect(second).toMatchObject({ connectionString: first.connectionString, startedHere: true });
    expect(await query(second.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
  });

  test('takes another port when somebody else has taken its own', async () => {
    const first = await start(folder);
    await first.stop();
    const intruder = createServer().listen(Number(new URL(first.connectionString).port), '127.0.0.1');
    await once(intruder, 'listening');
    const second = await start(folder);
    intruder.close();
    expect(new URL(second.connectionString).port).not.toBe(new URL(first.connectionString).port);
    expect(await query(second.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    await second.stop();
  });

  test('that is killed under load comes back on its port by itself, with every row that was committed', async () => {
    const { connectionString, stop } = await start(folder);
    await query(connectionString, 'create table acknowledged (number int)');
    const known: number[] = [];
    const write = async (from: number): Promise<void> => {
      const client = new Client(connectionString);
      client.on('error', () => undefined);
      await client.connect();
      for (let number = from; ; number += 4) {
        await client.query('insert into acknowledged values ($1)', [number]);
        known.push(number);
      }
    };
    const writing = Promise.allSettled([0, 1, 2, 3].map((from) => write(from)));
    await vi.waitUntil(() => known.length > 200);
    await killServer(folder);
    for (const outcome of await writing) expect(outcome.status).toBe('rejected');

    await comesBack(connectionString);
    const found = new Set((await query(connectionString, 'select number from acknowledged')).map(({ number }) => number));
    expect(known.filter((number) => !found.has(number))).toEqual([]);
    await stop();
    expect(await isRunning(folder)).toBe(false);
  });
});

describe.skipIf(process.getuid?.() !== 0)('as root', () => {
  test('the files belong to another account where it can reach them, and are taken over when it cannot any more', async () => {
    await chmod(folder.dataDir, 0o755);
    const open = await start(folder);
    await query(open.connectionString, 'create table kept as select 42 as answer');
    await open.stop();
    expect((await stat(folder.cluster)).uid).not.toBe(0);

    await chmod(folder.dataDir, 0o700);
    const closed = await start(folder);
    expect(await query(closed.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await closed.stop();
  });
});

test('a server that cannot start says what it said, and where', async () => {
  const first = await start(folder);
  await first.stop();
  await writeFile(join(folder.cluster, 'PG_VERSION'), '9.6\n');
  await expect(start(folder)).rejects.toThrow(/does not start.*incompatible with server/s);
});
