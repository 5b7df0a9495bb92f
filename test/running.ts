// The whole service in the test's own process, on a database of its own: what main.ts opens,
// without its signals.

import { createSecretKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Logger } from 'pino';

import { buildApp, onEvidence } from '../src/app.ts';
import type { Runtime } from '../src/runtime.ts';
import { allGuards } from '../src/guards/catalogue.ts';
import { guardMetrics } from '../src/guards/run.ts';
import { messageMetrics } from '../src/outbound/messenger.ts';
import { payoutMetrics } from '../src/payouts/payout-metrics.ts';
import { ADAPTERS } from '../src/sources/adapters.ts';
import { readConfig } from '../src/platform/process/config.ts';
import type { App } from '../src/platform/http/app.ts';
import { ensureAdminKey } from '../src/platform/keys/keys-store.ts';
import { buildRegistry } from '../src/platform/process/metrics.ts';
import { migrateQueue } from '../src/platform/postgres/migrate.ts';
import { openQueue } from '../src/platform/queue/queue.ts';
import { masterKeys } from '../src/platform/keys/secrets.ts';
import { openClickPath } from '../src/promotion/clicks/click-path.ts';
import { startWorker } from '../src/worker.ts';
import { testDatabase, testLog, type TestDatabase } from './harness.ts';

export const ADMIN_KEY = 'fy_admin_of_the_tests';

export interface Service {
  app: App;
  database: TestDatabase;
  /** Where it listens. */
  url: string;
  /** Ends the work in the background, as if there were no worker. */
  stopWork: () => Promise<void>;
  close: () => Promise<void>;
}

interface Wanted {
  works: boolean;
  listens: boolean;
  /** What is set beside what the tests need. */
  env?: Record<string, string>;
  log?: Logger;
  /** Migrated, and closed with the service; a new one where none is given. */
  database?: TestDatabase;
  /** Where the queue lives; in PostgreSQL where it is null or absent. */
  redisUrl?: string | null;
  /** What earlier processes of this database have signed, sealed and hashed with. */
  secrets?: Pick<Runtime, 'tokenKeys' | 'identityKey' | 'masterKeys'>;
}

/** Opens the service; with `works` it has a worker, and with `listens` a port. */
export async function openService({
  works,
  listens,
  env = {},
  log = testLog,
  database: given,
  redisUrl = null,
  secrets,
}: Wanted): Promise<Service> {
  const database = given ?? (await testDatabase());
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-test-'));
  const { connectionString, db } = database;
  await migrateQueue(connectionString);
  const ground: Runtime = {
    config: readConfig({
      DATA_DIR: dataDir,
      DATABASE_URL: connectionString,
      SWEEP_INTERVAL_MS: '200',
      PUBLIC_URL: 'http://fy.example.com',
      ...env,
    }),
    log,
    db,
    connectionString,
    tokenKeys: secrets?.tokenKeys ?? [createSecretKey(Buffer.from('the tests sign clicks with this'))],
    identityKey: secrets?.identityKey ?? createSecretKey(Buffer.from('the tests hash buyers with this')),
    masterKeys: secrets?.masterKeys ?? masterKeys(['the tests seal secrets with this']),
    close: () => database.close(),
  };
  await ensureAdminKey(db, { adminKey: ADMIN_KEY });
  const registry = buildRegistry();
  const queue = openQueue({ redisUrl, connectionString, log });
  const clickPath = openClickPath({ connectionString, db, dataDir, registry, log, onEvidence, nudge: queue.nudge });
  const guards = allGuards({ levelsMax: ground.config.referralLevelsMax, spooled: clickPath.spooled });
  const app = await buildApp({ runtime: ground, queue, adapters: ADAPTERS, guards, registry, clickPath });
  const worker = works
    ? startWorker({
        runtime: ground,
        queue,
        adapters: ADAPTERS,
        guards,
        metrics: guardMetrics(registry),
        messageMetrics: messageMetrics(registry),
        payoutMetrics: payoutMetrics(registry),
      })
    : null;
  const url = listens ? await app.listen({ port: 0, host: '127.0.0.1' }) : '';
  await app.ready();
  return {
    app,
    database,
    url,
    stopWork: async () => worker?.close(),
    async close() {
      await app.close();
      await worker?.close();
      await clickPath.close();
      await queue.close();
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
