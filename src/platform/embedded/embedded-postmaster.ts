// The server process of the embedded PostgreSQL: finding it, starting it, stopping it. It outlives
// us when we are killed.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { ifMissing, launch, type Binaries, type Runner } from './embedded-binaries.ts';

const LOG_BYTES_MAX = 10 * 1024 * 1024;
const LOG_TAIL_BYTES = 2000;
const POLL_MS = 15;
const MEBIBYTE = 1024 * 1024;

/** What `postmaster.pid` says of the server of a cluster. */
interface Postmaster {
  pid: number;
  port: number;
  ready: boolean;
}

/**
 * Reads `postmaster.pid`; undefined when there is none, or when it is only half written. Its
 * process need not live any more.
 */
export async function readPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const content = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(ifMissing(''));
  const lines = content.split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!Number.isInteger(pid)) return undefined;
  return { pid, port: Number.parseInt(lines[3] ?? '', 10), ready: lines[7]?.trim() === 'ready' };
}

/**
 * True when that process is the server of this cluster, and not another one that was given its
 * number since.
 */
export async function isServing(pid: number, cluster: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform === 'win32') return true;
  return (await commandLine(pid)).includes(cluster);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Empty when the process has gone in the meantime, or may not be looked at. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
}

export interface Started {
  pid: number;
  hasEnded(): boolean;
  /** The end of what it has written to its log since this start. */
  complaint(): Promise<string>;
}

/**
 * Starts the server. `stalePid` is the number in a `postmaster.pid` whose server is gone, though
 * another process lives under that number: PostgreSQL is told not to mind it, but still refuses to
 * start beside children of the old server.
 */
export async function startPostmaster(
  cluster: string,
  binaries: Binaries,
  runner: Runner,
  { port, stalePid }: { port: number; stalePid: number | undefined },
): Promise<Started> {
  const logPath = join(dirname(cluster), 'postgres.log');
  const size = (await stat(logPath).catch(ifMissing(undefined)))?.size ?? 0;
  if (size > LOG_BYTES_MAX) await rename(logPath, `${logPath}.1`);
  const log = await open(logPath, 'a', 0o600);
  try {
    if (runner.owner !== undefined) await log.chown(runner.owner.uid, runner.owner.gid);
    const from = (await log.stat()).size;
    const args = ['-D', cluster, ...Object.entries(settings(port)).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const environment = stalePid === undefined ? {} : { PG_GRANDPARENT_PID: String(stalePid) };
    const child = launch(runner, binaries.postgres, args, ['ignore', log.fd, log.fd], environment);
    if (child.pid === undefined) throw (await once(child, 'error'))[0];
    child.unref();
    return { pid: child.pid, hasEnded: () => child.exitCode !== null || child.signalCode !== null, complaint: () => tail(logPath, from) };
  } finally {
    await log.close();
  }
}

/**
 * Fast shutdown: open transactions are rolled back, committed ones are kept. Waits until the server
 * is gone.
 */
export async function stopPostmaster(cluster: string, pid: number, binaries: Binaries, timeoutMs: number): Promise<boolean> {
  if (process.platform === 'win32') spawnSync(binaries.pgCtl, ['stop', '-D', cluster, '-m', 'fast', '-W']);
  else process.kill(pid, 'SIGINT');
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    // Its file, not its number: a server that ended may stay in the list of processes until its
    // parent looks.
    if ((await readPostmaster(cluster))?.pid !== pid) return true;
    await sleep(POLL_MS);
  }
  return false;
}

/** A port of the loopback that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/**
 * Given on the command line, where no file can weaken them: above all those that keep what was
 * committed.
 */
function settings(port: number): Record<string, string> {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const sharedMebibytes = Math.min(256, Math.max(32, Math.floor(memory / 8 / MEBIBYTE)));
  return {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '100',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    shared_buffers: `${sharedMebibytes}MB`,
    max_wal_size: '2GB',
    wal_compression: 'on',
    checkpoint_timeout: '15min',
    random_page_cost: '1.1',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // An error is answered to who caused it, and is logged there; a query in this log could
    // hold what belongs to a buyer.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
  };
}

async function tail(path: string, from: number): Promise<string> {
  const written = (await readFile(path)).subarray(from);
  return written.subarray(-LOG_TAIL_BYTES).toString('utf8').trim();
}
