import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

import { startEmbedded, type Embedded } from '../../src/platform/embedded.ts';
import { isServing, readPostmaster } from '../../src/platform/embedded-postmaster.ts';
import { buildLogger } from '../../src/platform/log.ts';

const log = buildLogger('silent');
const started = z.object({ connectionString: z.string(), startedHere: z.boolean() });

let spare: string;
let dataDir: string;
let cluster: string;
let processes: ChildProcess[];

/** A folder in which PostgreSQL was started and stopped once, to be copied: that is much faster than making it anew for each test. */
beforeAll(async () => {
  spare = await mkdtemp(join(tmpdir(), 'fenyong-embedded-'));
  await (await startEmbedded({ dataDir: spare, log })).stop();
});

afterAll(() => rm(spare, { recursive: true, force: true }));

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'fenyong-embedded-'));
  cluster = join(dataDir, 'postgres');
  spawnSync('cp', ['-a', join(spare, 'postgres'), cluster]);
  processes = [];
});

afterEach(async () => {
  for (const child of processes) child.kill('SIGKILL');
  if (await isRunning()) await (await start()).stop();
  expect(await isRunning()).toBe(false);
  await rm(dataDir, { recursive: true, force: true });
});

function start(): Promise<Embedded> {
  return startEmbedded({ dataDir, log });
}

/** Starts it in a process of its own, which can be killed. */
async function startElsewhere() {
  const script = fileURLToPath(new URL('embedded-starter.ts', import.meta.url));
  const loader = process.features.typescript ? [] : ['--import', 'tsx'];
  const child = spawn(process.execPath, [...loader, script, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] });
  processes.push(child);
  for await (const line of createInterface(child.stdout)) {
    return {
      ...started.parse(JSON.parse(line)),
      child,
      kill: () => end(child, () => child.kill('SIGKILL')),
      stop: () => end(child, () => child.stdin.end()),
    };
  }
  throw new Error('the starter ended without a word');
}

async function end(child: ChildProcess, how: () => void): Promise<void> {
  const ended = once(child, 'exit');
  how();
  await ended;
}

async function query(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function killServer(): Promise<void> {
  const server = await readPostmaster(cluster);
  process.kill(server!.pid, 'SIGKILL');
  await vi.waitUntil(async () => !(await isServing(server!.pid, cluster)));
}

async function comesBack(connectionString: string): Promise<void> {
  await vi.waitUntil(() => query(connectionString, 'select 1').catch(() => false), { timeout: 20_000 });
}

async function isRunning(): Promise<boolean> {
  const server = await readPostmaster(cluster);
  return server !== undefined && (await isServing(server.pid, cluster));
}

describe('an embedded PostgreSQL', () => {
  test('is durable, in UTF-8 and UTC, and answers on the loopback only, to its password only', async () => {
    await rm(cluster, { recursive: true });
    const { connectionString, startedHere, stop } = await start();
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
    expect((await stat(join(cluster, 'fenyong.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(cluster)).mode & 0o777).toBe(0o700);
    await stop();
  });

  test('is gone after the last stop, and comes back with its data, its password and its port', async () => {
    const first = await start();
    await query(first.connectionString, 'create table kept as select 42 as answer');
    await first.stop();
    expect(await isRunning()).toBe(false);
    expect(existsSync(join(cluster, 'postmaster.pid'))).toBe(false);

    const second = await start();
    expect(second).toMatchObject({ connectionString: first.connectionString, startedHere: true });
    expect(await query(second.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
  });

  test('takes another port when somebody else has taken its own', async () => {
    const first = await start();
    await first.stop();
    const intruder = createServer().listen(Number(new URL(first.connectionString).port), '127.0.0.1');
    await once(intruder, 'listening');
    const second = await start();
    intruder.close();
    expect(new URL(second.connectionString).port).not.toBe(new URL(first.connectionString).port);
    expect(await query(second.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    await second.stop();
  });

  test('that is killed under load comes back on its port by itself, with every row that was committed', async () => {
    const { connectionString, stop } = await start();
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
    await killServer();
    for (const outcome of await writing) expect(outcome.status).toBe('rejected');

    await comesBack(connectionString);
    const found = new Set((await query(connectionString, 'select number from acknowledged')).map(({ number }) => number));
    expect(known.filter((number) => !found.has(number))).toEqual([]);
    await stop();
    expect(await isRunning()).toBe(false);
  });
});

describe('several processes and one folder', () => {
  test('a server whose starter was killed is found and used again', async () => {
    const first = await startElsewhere();
    await query(first.connectionString, 'create table kept as select 42 as answer');
    await first.kill();
    expect(await isRunning()).toBe(true);

    const second = await start();
    expect(second).toMatchObject({ connectionString: first.connectionString, startedHere: false });
    expect(await query(second.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
    expect(await isRunning()).toBe(false);
  });

  test('a folder whose starter and server were both killed starts again, with what was committed', async () => {
    const first = await startElsewhere();
    await query(first.connectionString, 'create table kept as select 42 as answer');
    await first.kill();
    await killServer();
    expect(existsSync(join(cluster, 'postmaster.pid'))).toBe(true);

    const second = await start();
    expect(second).toMatchObject({ connectionString: first.connectionString, startedHere: true });
    expect(await query(second.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
  });

  test('a number in postmaster.pid that another process has been given since does not stand in the way', async () => {
    const first = await startElsewhere();
    await first.kill();
    await killServer();
    const file = join(cluster, 'postmaster.pid');
    const [, ...rest] = (await readFile(file, 'utf8')).split('\n');
    const { uid, gid } = await stat(cluster);
    const other = spawn('sleep', ['60'], { uid, gid });
    processes.push(other);
    await writeFile(file, [String(other.pid), ...rest].join('\n'));

    const second = await start();
    expect(second.startedHere).toBe(true);
    await second.stop();
  });

  test('of many starters at once on an empty folder one starts the server, and all use it', async () => {
    await rm(cluster, { recursive: true });
    const [here, there, elsewhere] = await Promise.all([start(), start(), startElsewhere()]);
    const all = [here, there, elsewhere];
    expect(all.filter(({ startedHere }) => startedHere)).toHaveLength(1);
    expect(new Set(all.map(({ connectionString }) => connectionString)).size).toBe(1);
    expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', 'postgres.log']);

    await here.stop();
    await elsewhere.stop();
    expect(await query(there.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    await there.stop();
    expect(await isRunning()).toBe(false);
  });

  test('of many starters at once after a crash one starts the server', async () => {
    const first = await startElsewhere();
    await first.kill();
    await killServer();
    const all = await Promise.all([start(), start(), start()]);
    expect(all.filter(({ startedHere }) => startedHere)).toHaveLength(1);
    for (const { stop } of all) await stop();
    expect(await isRunning()).toBe(false);
  });

  test('when the server dies, whoever uses it brings it back, and the others find it', async () => {
    const here = await start();
    const elsewhere = await startElsewhere();
    await killServer();
    await comesBack(here.connectionString);
    await here.stop();
    expect(await query(elsewhere.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    await elsewhere.stop();
    expect(await isRunning()).toBe(false);
  });

  test('what a killed start left half made is in nobody’s way', async () => {
    await rm(cluster, { recursive: true });
    await mkdir(join(dataDir, 'postgres.new-killed', 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres.new-killed', 'postgres', 'PG_VERSION'), '18');
    const { connectionString, stop } = await start();
    expect(await query(connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    await stop();
  });
});

describe.skipIf(process.getuid?.() !== 0)('as root', () => {
  test('the files belong to another account where it can reach them, and are taken over when it cannot any more', async () => {
    await chmod(dataDir, 0o755);
    const open = await start();
    await query(open.connectionString, 'create table kept as select 42 as answer');
    await open.stop();
    expect((await stat(cluster)).uid).not.toBe(0);

    await chmod(dataDir, 0o700);
    const closed = await start();
    expect(await query(closed.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await closed.stop();
  });
});

test('a server that cannot start says what it said, and where', async () => {
  const first = await start();
  await first.stop();
  await writeFile(join(cluster, 'PG_VERSION'), '9.6\n');
  await expect(start()).rejects.toThrow(/does not start.*incompatible with server/s);
});
