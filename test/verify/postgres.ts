// The PostgreSQL under test: the product's own embedded one, which its own launcher brings back,
// and the ways in which we take it down.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { readPostmaster } from '../../src/platform/embedded/embedded-postmaster.ts';
import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { buildLogger } from '../../src/platform/process/log.ts';

const BACK_MS_MAX = 60_000;

export interface Postgres {
  port: number;
  dataDir: string;
  /** Makes an empty database and gives its address. */
  makeDatabase(name: string): Promise<string>;
  /** SIGKILL to the server and all its children, as a crash of the machine would end them. */
  kill(): Promise<void>;
  /** `pg_ctl stop -m immediate`: no checkpoint, recovery at the next start. */
  stopImmediately(): Promise<void>;
  /** Waits until the launcher has brought it back. */
  untilBack(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a server whose data lie in the folder; the launcher inside of this process keeps it alive.
 */
export async function openPostgres(dataDir: string): Promise<Postgres> {
  const embedded = await startEmbedded({ dataDir, log: buildLogger('silent') });
  const address = new URL(embedded.connectionString);
  const cluster = join(dataDir, 'postgres');

  async function ask(statement: string): Promise<void> {
    const client = new Client({ connectionString: address.href, connectionTimeoutMillis: 2000 });
    // The server may be on its way down; what `connect` and `query` throw tells of it.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(statement);
    } finally {
      await client.end();
    }
  }

  async function postmaster(): Promise<number> {
    const found = await readPostmaster(cluster);
    if (found === undefined) throw new Error('PostgreSQL is not running, so it cannot be taken down');
    return found.pid;
  }

  return {
    port: Number(address.port),
    dataDir,
    async makeDatabase(name) {
      await ask(`create database ${name}`);
      const url = new URL(address);
      url.pathname = name;
      return url.href;
    },
    async kill() {
      const pid = await postmaster();
      for (const one of [pid, ...childrenOf(pid)]) endNow(one, 'SIGKILL');
    },
    async stopImmediately() {
      endNow(await postmaster(), 'SIGQUIT');
    },
    async untilBack() {
      const deadline = Date.now() + BACK_MS_MAX;
      let last: unknown;
      while (Date.now() < deadline) {
        try {
          return await ask('select 1');
        } catch (error) {
          last = error;
        }
        await sleep(50);
      }
      throw new Error('PostgreSQL did not come back', { cause: last });
    },
    close: () => embedded.stop(),
  };
}

function childrenOf(pid: number): number[] {
  return spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number);
}

/** Sends a signal to a process that may have ended already. */
function endNow(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
