// Faults of PostgreSQL: crashed, stopped, with no connection left, with no room on its disk.

import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';
import { aWhile, someMoment, type Fault } from './fault.ts';

const CONNECTIONS_MAX = 200;
const LOG_FILES_MAX = 40;
const BALLAST_CHUNK = Buffer.alloc(1024 * 1024);

/** It comes back within a second; often the network to it takes longer. */
async function away({ wires, postgres }: Stage, random: Random, takeDown: () => Promise<void>): Promise<void> {
  await takeDown();
  const both = [wires.apiToPostgres, wires.workersToPostgres];
  if (random.chance(0.5)) {
    for (const wire of both) wire.goDown();
    await aWhile(random);
    for (const wire of both) wire.mend();
  }
  await postgres.untilBack();
}

export const POSTGRES_FAULTS: Fault[] = [
  {
    name: 'postgres-kill',
    async inject(stage, random) {
      await someMoment(random);
      await away(stage, random, () => stage.postgres.kill());
    },
  },
  {
    name: 'postgres-immediate-stop',
    async inject(stage, random) {
      await someMoment(random);
      await away(stage, random, () => stage.postgres.stopImmediately());
    },
  },
  {
    name: 'connections-exhausted',
    async inject({ databaseUrl }, random) {
      await someMoment(random);
      const grabbed = await grabConnections(databaseUrl);
      await aWhile(random, 3000);
      await Promise.all(grabbed.map((client) => client.end()));
    },
  },
  {
    name: 'tables-locked',
    async inject({ databaseUrl }, random) {
      await someMoment(random);
      const client = await connected(databaseUrl);
      await client.query('begin');
      await client.query(`lock table ${random.pick(['delivery', 'orders', 'award_due', 'transfer'])} in access exclusive mode`);
      await aWhile(random, 4000);
      await client.end();
    },
  },
  {
    name: 'disk-full',
    needs: 'tmpfs',
    async inject({ postgres, databaseUrl }, random) {
      await someMoment(random);
      const ballast = join(postgres.dataDir, 'ballast');
      await fill(ballast);
      if (random.chance(0.5)) await forceNewLog(databaseUrl);
      await aWhile(random);
      await rm(ballast);
      await postgres.untilBack();
    },
  },
];

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, application_name: 'verify', connectionTimeoutMillis: 2000 });
  // Whoever has the connection learns of its end by his next query.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Ends the connections of the service and takes every one there is, so that it gets none. */
async function grabConnections(databaseUrl: string): Promise<Client[]> {
  const grabbed = [await connected(databaseUrl)];
  const others = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name <> 'verify'`;
  while (grabbed.length < CONNECTIONS_MAX) {
    await grabbed[0]!.query(others);
    const more = await Promise.allSettled(Array.from({ length: 10 }, () => connected(databaseUrl)));
    grabbed.push(...more.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
    if (more.every(({ status }) => status === 'rejected')) break;
  }
  await grabbed[0]!.query(others);
  return grabbed;
}

/** Writes until there is no room any more. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let size = BALLAST_CHUNK.length; size >= 4096; size >>= 1) {
      while (await hasRoom(() => file.appendFile(BALLAST_CHUNK.subarray(0, size)))) await sleep(0);
    }
  } finally {
    await file.close();
  }
}

async function hasRoom(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    return false;
  }
}

/**
 * Uses up the files of the log that are there, until the server needs a new one, finds no room, and
 * ends itself.
 */
async function forceNewLog(databaseUrl: string): Promise<void> {
  const client = await connected(databaseUrl);
  for (let files = 0; files < LOG_FILES_MAX; files += 1) {
    const turned = await client.query(`select pg_logical_emit_message(true, 'verify', 'full'), pg_switch_wal()`).then(
      () => true,
      () => false,
    );
    if (!turned) break;
  }
  await client.end();
}
