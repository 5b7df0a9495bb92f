// A real PostgreSQL in a folder of ours, for who has no DATABASE_URL: started, or found running and
// shared, and started again when it dies. Several processes may use one folder. The server outlives
// a killed process, and is stopped by the last one that leaves in good order.

import { once } from 'node:events';
import { mkdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client, DatabaseError } from 'pg';
import type { Logger } from 'pino';

import { chooseRunner, findBinaries, type Binaries } from './embedded-binaries.ts';
import { adoptFiles, initialise, isInitialised, ownerOf, readAccess, writeAccess } from './embedded-cluster.ts';
import { freePort, isServing, readPostmaster, startPostmaster, stopPostmaster, type Started } from './embedded-postmaster.ts';
import { StartFailure } from '../process/start-failure.ts';
import { MINUTE_MS } from '../durations.ts';

const POLL_MS = 15;
/** Recovery after a crash replays at most a few gigabytes of log. */
const RECOVERY_TIMEOUT_MS = 10 * MINUTE_MS;
/**
 * How long the children of a server that was killed may take to notice it; nothing can start before
 * that.
 */
const ORPHANS_TIMEOUT_MS = MINUTE_MS;
const FAILED_STARTS_MAX = 3;
const STOP_TIMEOUT_MS = MINUTE_MS;
const LINGERING_TIMEOUT_MS = 1000;
const REVIVAL_PAUSE_MS_MAX = 10_000;
/** Held shared by every process that uses the server: who gets it alone is the last one. */
const PRESENCE_LOCK = 4_660_225;

export interface Embedded {
  /**
   * Of the superuser `postgres`; valid as long as this process lives, also across a restart of the
   * server.
   */
  connectionString: string;
  startedHere: boolean;
  /**
   * Says that this process has closed its connections and goes. The last one to go shuts the server
   * down and waits until it is gone; the others leave it running, whoever had started it.
   */
  stop: () => Promise<void>;
}

interface Installation {
  cluster: string;
  binaries: Binaries;
  log: Logger;
}

/**
 * Our one idle connection to the server: it tells others that we are there, and us that the server
 * died.
 */
interface Presence {
  client: Client;
  /** Settles when the connection has ended, for whatever reason. */
  lost: Promise<void>;
  pid: number;
  port: number;
  startedHere: boolean;
}

/**
 * Gives a running PostgreSQL whose data are in `dataDir`, as soon as it answers: made there,
 * started, recovered, or found running, whichever it takes. Installs no signal handlers. Throws
 * with what to do when this machine cannot run it. `native` is the folder of other programs than
 * ours, which only tests of other versions give.
 */
export async function startEmbedded({ dataDir, log, native }: { dataDir: string; log: Logger; native?: string }): Promise<Embedded> {
  await mkdir(resolve(dataDir), { recursive: true, mode: 0o755 });
  const installation = { cluster: join(await realpath(resolve(dataDir)), 'postgres'), binaries: await findBinaries(native), log };
  const first = await arrive(installation);
  const { password } = await readAccess(installation.cluster);
  const watch = keepAlive(installation, first);
  return {
    connectionString: addressOf(first.port, password),
    startedHere: first.startedHere,
    stop: async () => leave(installation, await watch.end()),
  };
}

function addressOf(port: number, password: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

/** Comes to a server that answers. With `port`, only there: who uses it already knows no other. */
async function arrive(installation: Installation, port?: number): Promise<Presence> {
  const deadline = Date.now() + RECOVERY_TIMEOUT_MS;
  let startedHere = false;
  while (Date.now() < deadline) {
    const found = await readPostmaster(installation.cluster);
    if (found !== undefined && (await isServing(found.pid, installation.cluster))) {
      const connection = found.ready ? await greet(installation, found.port) : undefined;
      if (connection !== undefined) return { ...connection, pid: found.pid, port: found.port, startedHere };
      await sleep(POLL_MS);
    } else {
      startedHere = await start(installation, found?.pid, port);
    }
  }
  throw new StartFailure(`The PostgreSQL in ${installation.cluster} did not come up in ten minutes; its log is postgres.log beside it.`);
}

/**
 * Starts the server, and waits until it may be spoken to. False when another process was faster.
 */
async function start(installation: Installation, stalePid: number | undefined, fixedPort: number | undefined): Promise<boolean> {
  const { cluster, binaries, log } = installation;
  const runner = chooseRunner(binaries, join(cluster, '..'), await ownerOf(cluster));
  if (!(await isInitialised(cluster))) await initialise(cluster, binaries, runner);
  await adoptFiles(cluster, runner);
  const access = await readAccess(cluster);
  const began = Date.now();
  let port = fixedPort ?? access.port ?? (await freePort());
  for (let failures = 0; ;) {
    const server = await startPostmaster(cluster, binaries, runner, { port, stalePid });
    if (await becomesReady(cluster, server)) {
      if (port !== access.port) await writeAccess(cluster, { ...access, port }, runner);
      log.info({ port, runner: runner.name, milliseconds: Date.now() - began }, 'PostgreSQL started');
      return true;
    }
    const other = await readPostmaster(cluster);
    if (other !== undefined && (await isServing(other.pid, cluster))) return false;
    const complaint = await server.complaint();
    const orphans = complaint.includes('shared memory block');
    if (!orphans) failures += 1;
    if (failures === FAILED_STARTS_MAX || Date.now() - began > ORPHANS_TIMEOUT_MS) {
      throw new StartFailure(`The PostgreSQL in ${cluster} does not start (as ${runner.name}, port ${port}):\n${complaint}`);
    }
    await sleep(100);
    if (fixedPort === undefined && complaint.includes('could not bind')) port = await freePort();
  }
}

async function becomesReady(cluster: string, server: Started): Promise<boolean> {
  while (!server.hasEnded()) {
    const found = await readPostmaster(cluster);
    if (found?.pid === server.pid && found.ready) return true;
    await sleep(POLL_MS);
  }
  return false;
}

/**
 * Opens our presence. Undefined while the server does not accept connections. That it knows the
 * password of this folder, and we its answer to it, proves that it is the right one.
 */
async function greet({ cluster, log }: Installation, port: number): Promise<Pick<Presence, 'client' | 'lost'> | undefined> {
  const { password } = await readAccess(cluster);
  const client = new Client({
    connectionString: addressOf(port, password),
    application_name: 'fenyong presence',
    connectionTimeoutMillis: 5000,
    keepAlive: true,
  });
  const lost = new Promise<void>((done) => client.once('end', () => done()));
  client.on('error', (error) => log.debug({ err: error }, 'the connection that watches PostgreSQL broke'));
  try {
    await client.connect();
    await client.query('select pg_advisory_lock_shared($1)', [PRESENCE_LOCK]);
    return { client, lost };
  } catch (error) {
    await client.end();
    if (isRefusedForGood(error)) {
      throw new StartFailure(`The PostgreSQL in ${cluster} does not accept the password kept beside its data.`, { cause: error });
    }
    return undefined;
  }
}

function isRefusedForGood(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code ?? '').startsWith('28');
}

/**
 * Watches the presence, and brings the server back on its port when it dies. `end` gives the last
 * presence, if there is one.
 */
function keepAlive(installation: Installation, first: Presence): { end(): Promise<Presence | undefined> } {
  const ending = new AbortController();
  const ended = once(ending.signal, 'abort');
  let present: Presence | undefined = first;

  async function watch(): Promise<void> {
    while (present !== undefined) {
      await Promise.race([present.lost, ended]);
      if (ending.signal.aborted) return;
      installation.log.error({ port: first.port }, 'PostgreSQL is gone; starting it again');
      present = await revive(installation, first.port, ending.signal);
    }
  }

  const watching = watch();
  return {
    async end() {
      ending.abort();
      await watching;
      return present;
    },
  };
}

async function revive(installation: Installation, port: number, signal: AbortSignal): Promise<Presence | undefined> {
  for (let pauseMs = 100; !signal.aborted; pauseMs = Math.min(pauseMs * 2, REVIVAL_PAUSE_MS_MAX)) {
    try {
      const presence = await arrive(installation, port);
      if (presence.port !== port) {
        installation.log.error({ port: presence.port }, 'PostgreSQL is at another port now: restart this process');
      }
      return presence;
    } catch (error) {
      installation.log.error({ err: error }, 'PostgreSQL did not come back; trying again');
      await sleep(pauseMs, undefined, { signal }).catch(ignoreAbort);
    }
  }
  return undefined;
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}

async function leave({ cluster, binaries, log }: Installation, presence: Presence | undefined): Promise<void> {
  if (presence === undefined) return;
  const last = await isLast(presence.client).catch((error: unknown) => {
    log.warn({ err: error }, 'PostgreSQL was gone before it was stopped');
    return false;
  });
  await presence.client.end();
  if (!last) return log.info('PostgreSQL is left running for others');
  if (await stopPostmaster(cluster, presence.pid, binaries, STOP_TIMEOUT_MS)) log.info('PostgreSQL stopped');
  else log.warn('PostgreSQL is still shutting down');
}

/**
 * True when no other process is present. Connections that are closing get a moment, so that the
 * shutdown does not cut them.
 */
async function isLast(client: Client): Promise<boolean> {
  await client.query('select pg_advisory_unlock_shared($1)', [PRESENCE_LOCK]);
  const { rows } = await client.query<{ alone: boolean }>('select pg_try_advisory_lock($1) as alone', [PRESENCE_LOCK]);
  if (rows[0]?.alone !== true) return false;
  const deadline = Date.now() + LINGERING_TIMEOUT_MS;
  while (Date.now() < deadline && (await hasOthers(client))) await sleep(POLL_MS);
  return true;
}

async function hasOthers(client: Client): Promise<boolean> {
  const others = `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`;
  return ((await client.query(others)).rowCount ?? 0) > 0;
}
