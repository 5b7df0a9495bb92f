// The spool against failing disks, torn lines, replays beside it, and kill -9.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { uuidv7 } from '../../../src/platform/uuid.ts';
import type { Click } from '../../../src/promotion/clicks/click-store.ts';
import { openSpool, replaySpool, spoolDepth, type Spool } from '../../../src/promotion/clicks/spool.ts';

const APPENDER = fileURLToPath(new URL('../spool-appender.ts', import.meta.url));

// Every batch waits for the disk, which others may keep busy.
vi.setConfig({ testTimeout: 120_000 });

let dir: string;
let spool: Spool;

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'fenyong-spool-')), 'spool');
  spool = openSpool({ dir });
});
afterEach(async () => {
  await spool.close();
  await rm(join(dir, '..'), { recursive: true, force: true });
});

function click(): Click {
  const clickId = uuidv7(Date.now());
  return {
    clickId,
    linkCode: 'abcdefghij',
    merchantId: 'm1',
    clickedAt: 1,
    identity: null,
    bot: false,
    touches: [{ identity: clickId, clickId, clickedAt: 1 }],
  };
}

/** Replays, and keeps what was written by its id. */
async function replayed(written = new Map<string, Click>(), folder = dir) {
  const write = async (clicks: Click[]): Promise<void> => {
    for (const each of clicks) written.set(each.clickId, each);
  };
  return { written, result: await replaySpool({ dir: folder, write }) };
}

test('what was appended is replayed once, as it was, and the spool is empty then', async () => {
  const clicks = Array.from({ length: 2500 }, click);
  await spool.append(clicks.slice(0, 2000));
  await spool.append(clicks.slice(2000));
  await spool.close();
  expect(await spoolDepth(dir)).toMatchObject({ waiting: 1, damaged: 0 });
  const { written, result } = await replayed();
  expect([...written.values()]).toEqual(clicks);
  expect(result).toEqual({ clicks: 2500, torn: 0, damaged: 0 });
  expect(await readdir(dir)).toEqual([]);
  expect((await replayed()).result.clicks).toBe(0);
});

test('a spool that never was has nothing to replay', async () => {
  expect((await replayed()).result).toEqual({ clicks: 0, torn: 0, damaged: 0 });
  expect(await spoolDepth(dir)).toEqual({ waiting: 0, damaged: 0, bytes: 0, oldestAt: null });
});

test('the age of the spool is that of its oldest click, however much is written after it, until that is replayed', async () => {
  const before = Date.now();
  await spool.append([click()]);
  const after = Date.now();
  await sleep(5);
  await spool.append([click()]);
  const later = openSpool({ dir });
  await later.append([click()]);
  await later.close();
  const { waiting, oldestAt } = await spoolDepth(dir);
  expect([waiting, oldestAt! >= before && oldestAt! <= after]).toEqual([2, true]);
  await replayed();
  expect((await spoolDepth(dir)).oldestAt).toBeNull();
});

test('a replay that fails in the middle loses nothing', async () => {
  const clicks = Array.from({ length: 2500 }, click);
  await spool.append(clicks);
  const written = new Map<string, Click>();
  let calls = 0;
  const failing = replaySpool({
    dir,
    write: async (batch) => {
      calls += 1;
      if (calls === 2) throw new Error('the database went away');
      for (const each of batch) written.set(each.clickId, each);
    },
  });
  await expect(failing).rejects.toThrow('the database went away');
  expect((await replayed(written)).written.size).toBe(2500);
  expect(await readdir(dir)).toEqual([]);
});

test('a last line that a crash has cut off is passed over and told', async () => {
  const clicks = [click(), click()];
  await spool.append(clicks);
  await spool.close();
  const [name] = await readdir(dir);
  const path = join(dir, name!);
  await truncate(path, (await readFile(path)).length - 10);
  const { written, result } = await replayed();
  expect([...written.keys()]).toEqual([clicks[0]!.clickId]);
  expect(result).toEqual({ clicks: 1, torn: 1, damaged: 0 });
  expect(await readdir(dir)).toEqual([]);
});

test('a file with a line in its middle that cannot be read is kept, and its other lines are replayed once', async () => {
  const clicks = [click(), click()];
  await spool.append([clicks[0]!]);
  const [name] = await readdir(dir);
  await appendFile(join(dir, name!), '{"clickId":\n');
  await spool.append([clicks[1]!]);
  const { written, result } = await replayed();
  expect([...written.values()]).toEqual(clicks);
  expect(result).toEqual({ clicks: 2, torn: 0, damaged: 1 });
  expect(await spoolDepth(dir)).toMatchObject({ waiting: 0, damaged: 1, oldestAt: null });
  expect((await replayed()).result).toEqual({ clicks: 0, torn: 0, damaged: 0 });
});

test('a spool that is full refuses', async () => {
  await spool.append([click()]);
  const full = openSpool({ dir, bytesMax: 1 });
  await expect(full.append([click()])).rejects.toMatchObject({ code: 'unavailable' });
});

test('what cannot be written is not acknowledged, and what comes after it is', async () => {
  await writeFile(dir, 'a file where the folder should be');
  await expect(spool.append([click()])).rejects.toThrow();
  await rm(dir);
  const later = click();
  await spool.append([later]);
  expect([...(await replayed()).written.values()]).toEqual([later]);
});

test('replays beside a writer lose nothing that was acknowledged', async () => {
  const written = new Map<string, Click>();
  const acknowledged: string[] = [];
  const writing = new AbortController();
  // Of its own folder: were this test given up as too slow, it would empty that of the next.
  const folder = dir;
  const replaying = (async () => {
    while (!writing.signal.aborted) {
      await Promise.all([replayed(written, folder), replayed(written, folder)]);
      const before = acknowledged.length;
      // No faster than the disk: a writer gives up whose file is taken again and again.
      await vi.waitUntil(() => acknowledged.length > before || writing.signal.aborted, { interval: 5, timeout: 60_000 });
    }
  })();
  for (let batch = 0; batch < 300; batch += 1) {
    const clicks = [click(), click()];
    await spool.append(clicks);
    acknowledged.push(...clicks.map((each) => each.clickId));
  }
  writing.abort();
  await replaying;
  await replayed(written);
  expect(acknowledged.filter((clickId) => !written.has(clickId))).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});

test('a process that is killed while it spools loses nothing that it has acknowledged', async () => {
  const acknowledged: string[] = [];
  for (const count of [50, 100, 200]) acknowledged.push(...(await appendUntilKilled(count)));
  const { written } = await replayed();
  expect(acknowledged.length).toBeGreaterThanOrEqual(350);
  expect(acknowledged.filter((clickId) => !written.has(clickId))).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});

/** The last line may itself have been cut off. */
const wholeLines = (text: string): string[] => text.split('\n').slice(0, -1);

/**
 * The ids that a process acknowledged before it was killed: so many, and what it has said until it
 * was gone.
 */
async function appendUntilKilled(count: number): Promise<string[]> {
  const loader = process.features.typescript ? [] : ['--import', 'tsx'];
  const child = spawn(process.execPath, [...loader, APPENDER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let said = '';
  for await (const bytes of child.stdout) {
    said += String(bytes);
    if (wholeLines(said).length >= count) child.kill('SIGKILL');
  }
  await closed;
  return wholeLines(said);
}
