// The ground of tests: a real database of one's own, a real Redis where there is one, a port that
// is free.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

import { Redis } from 'ioredis';
import type { Kysely } from 'kysely';
import { Client } from 'pg';
import { inject } from 'vitest';

import { openDatabase } from '../src/platform/postgres/database.ts';
import { freePort as portOfLoopback } from '../src/platform/embedded/embedded-postmaster.ts';
import { buildLogger } from '../src/platform/process/log.ts';
import type { DB } from '../src/platform/postgres/tables.ts';
import { mortalServer } from './leftovers.ts';

/** A port on which nobody listens at this moment. */
export function freePort(): Promise<number> {
  return portOfLoopback();
}

/** For what tests start themselves: only what must not happen is told. */
export const testLog = buildLogger('error');

export interface TestDatabase {
  /**
   * What a service would be given as DATABASE_URL. It is the owner's; `openDatabase` takes the
   * application's role by itself.
   */
  connectionString: string;
  ownerConnectionString: string;
  /** As the service sees it. */
  db: Kysely<DB>;
  /** As the superuser sees it, to look and to damage behind the service's back. */
  owner: Kysely<DB>;
  close: () => Promise<void>;
}

/**
 * An empty database for one test file, to be closed after its tests: migrated, unless the test is
 * about migrating.
 */
export async function testDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const template = new URL(inject('templateUrl'));
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(template, `create database ${name} template ${migrated ? template.pathname.slice(1) : 'template0'} strategy file_copy`);
  const url = new URL(template);
  url.pathname = name;
  return opened(url.href, url.href, () => asSuperuser(template, `drop database ${name} with (force)`));
}

/**
 * A database of some server, as the login of `connectionString` has it; `superuserUrl` is of the
 * same database.
 */
export function opened(connectionString: string, superuserUrl: string, drop: () => Promise<void>): TestDatabase {
  const options = { connectionString, poolSize: 10, applicationName: new URL(connectionString).pathname.slice(1), log: testLog };
  const app = openDatabase(options);
  const owner = openDatabase({ ...options, connectionString: superuserUrl, asOwner: true });
  return {
    connectionString,
    ownerConnectionString: superuserUrl,
    db: app.db,
    owner: owner.db,
    async close() {
      await Promise.all([app.close(), owner.close()]);
      await drop();
    },
  };
}

/** Never on the template itself: a database that somebody is connected to cannot be copied. */
async function asSuperuser(template: URL, statement: string): Promise<void> {
  const url = new URL(template);
  url.pathname = 'postgres';
  const client = new Client(url.href);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

type TestRedis = { url: string; close: () => Promise<void> } | { url: null; reason: string };

/**
 * The Redis at REDIS_URL, else a server of this test's own; `url` is null, with the reason, where
 * neither is to be had.
 */
export async function redisForTests(): Promise<TestRedis> {
  const given = process.env['REDIS_URL'];
  if (given !== undefined && given !== '') return { url: given, close: async () => undefined };
  if (spawnSync('redis-server', ['--version']).error !== undefined) {
    return { url: null, reason: 'no redis-server on the path, and no REDIS_URL' };
  }
  return startRedis(await freePort());
}

/** A Redis server on that port; `close` kills it, so that a test can do without it for a while. */
async function startRedis(port: number): Promise<{ url: string; close: () => Promise<void> }> {
  const url = `redis://127.0.0.1:${port}`;
  const server = mortalServer(['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);
  await answers(url);
  return { url, close: server.kill };
}

async function answers(url: string): Promise<void> {
  const redis = new Redis(url, { retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  await redis.ping();
  redis.disconnect();
}
