// The processes that a bench measures: the service as its user runs it, a bare twin, and what CPU
// time they take.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort } from '../../src/platform/embedded/embedded-postmaster.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_MS_MAX = 60_000;
const TICKS_PER_SECOND = 100;

export const ADMIN_KEY = 'fy_admin_of_the_benches';

export interface Running {
  url: string;
  pid: number;
  /** CPU seconds so far of the process, its database and whatever else it has started. */
  cpuSeconds: () => number;
  stop: () => Promise<void>;
}

/**
 * Starts the service on an embedded database of its own, or on that of `DATA_DIR`, which is removed
 * with it.
 */
export async function startService(role: 'serve' | 'api', env: Record<string, string> = {}): Promise<Running> {
  const dataDir = env['DATA_DIR'] ?? (await mkdtemp(join(tmpdir(), 'fenyong-bench-')));
  const port = await freePort();
  // All load comes from one address, and every click of it is to be kept.
  const rates = { RATE_REDIRECTS: '100000000' };
  const own = { PORT: String(port), DATA_DIR: dataDir, ADMIN_KEY, LOG_LEVEL: 'warn', DATABASE_URL: '', REDIS_URL: '', ...rates };
  const child = spawn(process.execPath, ['src/start.mjs', role, '--no-env-file'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...own, ...env },
  });
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(`${url}/readyz`, child);
  const postmaster = postmasterOf(dataDir);
  return {
    url,
    pid: child.pid!,
    cpuSeconds: () => cpuOf(child.pid!) + cpuOfFamily(postmaster),
    stop: async () => {
      await end(child);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Starts a bare Fastify of this folder; it says its port on stdout. */
export async function startBare(file: string): Promise<Running> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'test/bench', file)], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { url: `http://127.0.0.1:${String(line).trim()}`, pid: child.pid!, cpuSeconds: () => cpuOf(child.pid!), stop: () => end(child) };
}

async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS_MAX;
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok === true) return;
    await sleep(100);
  }
  throw new Error(`${url} does not answer`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** User and system time of a process, from /proc; 0 where there is no /proc. */
function cpuOf(pid: number): number {
  const fields = readStat(pid);
  return fields === null ? 0 : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds so far of the database that lives in the folder. */
export function cpuOfDatabase(dataDir: string): number {
  return cpuOfFamily(postmasterOf(dataDir));
}

function postmasterOf(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
}

function cpuOfFamily(parent: number): number {
  const children = readPids().filter((pid) => Number(readStat(pid)?.[1]) === parent);
  return [parent, ...children].reduce((sum, pid) => sum + cpuOf(pid), 0);
}

function readPids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** The fields of /proc/pid/stat after the name of the command; null for a process that is gone. */
function readStat(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
