// The service as a process of its own: started on a free port, waited for, and ended in good order.

import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort } from '../platform/embedded/embedded-postmaster.ts';

const ENTRY = fileURLToPath(new URL('../start.mjs', import.meta.url));
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export interface Service {
  url: string;
  adminKey: string;
  /** Settles with the exit code when the process has ended, for whatever reason. */
  ended: Promise<number>;
}

interface Start {
  dataDir: string | null;
  /** Where the service asks its order systems, as `PULL_BASE_URLS` says it. */
  pullBaseUrls: string;
  signal: AbortSignal;
}

/**
 * Runs the service while `work` does: on the given data folder, else on a new one that is removed
 * afterwards, also when `work` throws. Throws when the service does not start, or does not end in
 * good order.
 */
export async function withService<Result>(
  { dataDir: given, pullBaseUrls, signal }: Start,
  work: (service: Service) => Promise<Result>,
): Promise<Result> {
  const dataDir = given ?? (await mkdtemp(join(tmpdir(), 'fenyong-demo-')));
  try {
    return await withChild({ dataDir, pullBaseUrls, signal }, work);
  } finally {
    if (given === null) await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

async function withChild<Result>(
  { dataDir, pullBaseUrls, signal }: Start & { dataDir: string },
  work: (service: Service) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const port = await freePort();
  const adminKey = `demo_${randomBytes(24).toString('base64url')}`;
  const child = spawn(process.execPath, [ENTRY, 'serve', '--no-env-file'], {
    env: environmentOf({ DATA_DIR: dataDir, PORT: String(port), ADMIN_KEY: adminKey, PULL_BASE_URLS: pullBaseUrls }),
    // Tables alone go to our output; what the service has to complain of goes to where errors go.
    stdio: ['ignore', 2, 2],
    // A Ctrl-C in the terminal reaches us alone: a service that is told to end twice does not end
    // in good order.
    detached: true,
    windowsHide: true,
  });
  const ended = endOf(child);
  let result: Result;
  try {
    const url = `http://127.0.0.1:${port}`;
    await becomesReady(url, ended, signal);
    result = await work({ url, adminKey, ended });
  } finally {
    await stop(child, ended);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`The service ended with the code ${code}.`);
  return result;
}

/**
 * All that the service is told. Nothing of our own environment: the demo is the same everywhere,
 * and touches no database but its own.
 */
function environmentOf(own: Record<'DATA_DIR' | 'PORT' | 'ADMIN_KEY' | 'PULL_BASE_URLS', string>): Record<string, string> {
  return {
    ...own,
    // What it warns of, such as the pushes of a forger, is part of the story.
    LOG_LEVEL: 'error',
    WITHHOLDING: 'cn_labor_service',
    SWEEP_INTERVAL_MS: '500',
    GUARD_INTERVAL_MS: '500',
    TMPDIR: tmpdir(),
    // As under npm: were we killed, the service would notice that its parent is gone, and end.
    npm_lifecycle_event: 'demo',
  };
}

async function endOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function becomesReady(url: string, ended: Promise<number>, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isReady(url, signal))) {
    if (Date.now() > deadline) throw new Error(`The service was not ready after ${START_TIMEOUT_MS / 1000} seconds.`);
    const code = await Promise.race([ended, sleep(POLL_MS, null, { signal })]);
    if (code !== null) throw new Error(`The service ended with the code ${code} before it was ready.`);
  }
}

/** Until it listens, every request fails. */
async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)]) })).ok;
  } catch {
    return false;
  }
}

async function stop(child: ChildProcess, ended: Promise<number>): Promise<void> {
  child.kill('SIGTERM');
  const patience = new AbortController();
  const late = sleep(STOP_TIMEOUT_MS, 'late' as const, { signal: patience.signal }).catch(() => 'ended' as const);
  if ((await Promise.race([ended, late])) === 'late') child.kill('SIGKILL');
  patience.abort();
  await ended;
}
