// A folder with an embedded PostgreSQL for each test, and what can happen to it from outside.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { z } from 'zod';

import { startEmbedded, type Embedded } from '../../src/platform/embedded/embedded.ts';
import { isServing, readPostmaster } from '../../src/platform/embedded/embedded-postmaster.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { temporaryFolder } from '../leftovers.ts';

const log = buildLogger('silent');
const started = z.object({ connectionString: z.string(), startedHere: z.boolean() });

interface Folder {
  dataDir: string;
  /** Where the files of PostgreSQL are. */
  cluster: string;
  /** What is killed after the test. */
  processes: ChildProcess[];
}

/** Makes the folder anew for each test of the file that calls it, and ends what runs in it. */
export function useFolder(): Folder {
  const folder: Folder = { dataDir: '', cluster: '', processes: [] };
  let all: Awaited<ReturnType<typeof temporaryFolder>>;
  let spare: string;

  // PostgreSQL is started and stopped once, and its files are copied: that is much faster than
  // making them anew for each test.
  beforeAll(async () => {
    all = await temporaryFolder('embedded');
    await chmod(all.path, 0o755);
    spare = await mkdtemp(join(all.path, 'spare-'));
    await (await startEmbedded({ dataDir: spare, log })).stop();
  });
  afterAll(() => all.remove());

  beforeEach(async () => {
    folder.dataDir = await mkdtemp(join(all.path, 'data-'));
    folder.cluster = join(folder.dataDir, 'postgres');
    folder.processes = [];
    spawnSync('cp', ['-a', join(spare, 'postgres'), folder.cluster]);
  });
  afterEach(async () => {
    for (const child of folder.processes) child.kill('SIGKILL');
    if (await isRunning(folder)) await (await start(folder)).stop();
    expect(await isRunning(folder)).toBe(false);
    await rm(folder.dataDir, { recursive: true, force: true });
  });
  return folder;
}

export function start({ dataDir }: Folder): Promise<Embedded> {
  return startEmbedded({ dataDir, log });
}

/** Starts it in a process of its own, which can be killed. */
export async function startElsewhere({ dataDir, processes }: Folder) {
  const script = fileURLToPath(new URL('embedded-starter.ts', import.meta.url));
  const loader = process.features.typescript ? [] : ['--import', 'tsx'];
  const child = spawn(process.execPath, [...loader, script, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] });
  processes.push(child);
  for await (const line of createInterface(child.stdout)) {
    return {
      ...started.parse(JSON.parse(line)),
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

export async function query(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

export async function killServer({ cluster }: Folder): Promise<void> {
  const server = await readPostmaster(cluster);
  process.kill(server!.pid, 'SIGKILL');
  await vi.waitUntil(async () => !(await isServing(server!.pid, cluster)));
}

export async function comesBack(connectionString: string): Promise<void> {
  await vi.waitUntil(() => query(connectionString, 'select 1').catch(() => false), { timeout: 20_000 });
}

export async function isRunning({ cluster }: Folder): Promise<boolean> {
  const server = await readPostmaster(cluster);
  return server !== undefined && (await isServing(server.pid, cluster));
}
