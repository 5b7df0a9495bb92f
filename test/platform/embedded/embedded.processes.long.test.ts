// The PostgreSQL that comes with us, among several processes, some of which are killed.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { comesBack, isRunning, killServer, query, start, startElsewhere, useFolder } from '../embedded-folder.ts';

const folder = useFolder();

describe('several processes and one folder', () => {
  test('a server whose starter was killed is found and used again', async () => {
    const first = await startElsewhere(folder);
    await query(first.connectionString, 'create table kept as select 42 as answer');
    await first.kill();
    expect(await isRunning(folder)).toBe(true);

    const second = await start(folder);
    expect(second).toMatchObject({ connectionString: first.connectionString, startedHere: false });
    expect(await query(second.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
    expect(await isRunning(folder)).toBe(false);
  });

  test('a folder whose starter and server were both killed starts again, with what was committed', async () => {
    const first = await startElsewhere(folder);
    await query(first.connectionString, 'create table kept as select 42 as answer');
    await first.kill();
    await killServer(folder);
    expect(existsSync(join(folder.cluster, 'postmaster.pid'))).toBe(true);

    const second = await start(folder);
    expect(second).toMatchObject({ connectionString: first.connectionString, startedHere: true });
    expect(await query(second.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await second.stop();
  });

  test('a number in postmaster.pid that another process has been given since does not stand in the way', async () => {
    const first = await startElsewhere(folder);
    await first.kill();
    await killServer(folder);
    const file = join(folder.cluster, 'postmaster.pid');
    const [, ...rest] = (await readFile(file, 'utf8')).split('\n');
    const { uid, gid } = await stat(folder.cluster);
    const other = spawn('sleep', ['60'], { uid, gid });
    folder.processes.push(other);
    await writeFile(file, [String(other.pid), ...rest].join('\n'));

    const second = await start(folder);
    expect(second.startedHere).toBe(true);
    await second.stop();
  });

  test('of many starters at once on an empty folder one starts the server, and all use it', async () => {
    await rm(folder.cluster, { recursive: true });
    const [here, there, elsewhere] = await Promise.all([start(folder), start(folder), startElsewhere(folder)]);
    const all = [here, there, elsewhere];
    expect(all.filter(({ startedHere }) => startedHere)).toHaveLength(1);
    expect(new Set(all.map(({ connectionString }) => connectionString)).size).toBe(1);
    expect((await readdir(folder.dataDir)).toSorted()).toEqual(['postgres', 'postgres.log']);

    await here.stop();
    await elsewhere.stop();
    expect(await query(there.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    await there.stop();
    expect(await isRunning(folder)).toBe(false);
  });

  test('of many starters at once after a crash one starts the server', async () => {
    const first = await startElsewhere(folder);
    await first.kill();
    await killServer(folder);
    const all = await Promise.all([start(folder), start(folder), start(folder)]);
    expect(all.filter(({ startedHere }) => startedHere)).toHaveLength(1);
    for (const { stop } of all) await stop();
    expect(await isRunning(folder)).toBe(false);
  });

  test('when the server dies, whoever uses it brings it back, and the others find it', async () => {
    const here = await start(folder);
    const elsewhere = await startElsewhere(folder);
    await killServer(folder);
    await comesBack(here.connectionString);
    await here.stop();
    // Had it not come back when we left, it would have had to start the server once more.
    await comesBack(elsewhere.connectionString);
    await elsewhere.stop();
    expect(await isRunning(folder)).toBe(false);
  });

  test('what a killed start left half made is in nobody’s way', async () => {
    await rm(folder.cluster, { recursive: true });
    await mkdir(join(folder.dataDir, 'postgres.new-killed', 'postgres'), { recursive: true });
    await writeFile(join(folder.dataDir, 'postgres.new-killed', 'postgres', 'PG_VERSION'), '18');
    const { connectionString, stop } = await start(folder);
    expect(await query(connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    await stop();
  });
});
