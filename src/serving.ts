// Serving: what the roles of a process need is opened, and closed in reverse when it is to end. A
// module of its own, because the other commands do not wait for all that it imports.

import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';

import { buildApp, onEvidence } from './app.ts';
import { eraseAll } from './erasures/erasing.ts';
import { reconcileLog } from './erasures/erasure-log.ts';
import { allGuards } from './guards/catalogue.ts';
import { guardMetrics } from './guards/run.ts';
import { messageMetrics } from './outbound/messenger.ts';
import { payoutMetrics } from './payouts/payout-metrics.ts';
import { assertWritable, listenOn } from './platform/http/listening.ts';
import { ensureAdminKey } from './platform/keys/keys-store.ts';
import type { Config } from './platform/process/config.ts';
import { endInGoodOrder } from './platform/process/ending.ts';
import { buildRegistry, openMetricsPort } from './platform/process/metrics.ts';
import { whenOrphaned } from './platform/process/parent.ts';
import { StartFailure } from './platform/process/start-failure.ts';
import { openQueue } from './platform/queue/queue.ts';
import { openClickPath } from './promotion/clicks/click-path.ts';
import { openRuntime, type Runtime } from './runtime.ts';
import { ADAPTERS } from './sources/adapters.ts';
import { startWorker, type Worker } from './worker.ts';

const CLOSE_TIMEOUT_MS = 15_000;

/**
 * Opens what the roles need, and closes it in reverse when it is told to: nothing that was accepted
 * is dropped. Throws `StartFailure` where it cannot start.
 */
export async function serve(config: Config, log: Logger, roles: Roles): Promise<void> {
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of opened.toReversed()) await end();
  };
  // Of several processes each would make others; one that is both makes them for itself.
  const opening = openAll(config, log, roles, opened);
  // A signal that comes while something is being opened waits until there is something to close.
  endInGoodOrder({ close: () => opening.then(close, close), log, timeoutMs: CLOSE_TIMEOUT_MS });
  if (config.startedByNpm) whenOrphaned(() => process.kill(process.pid, 'SIGTERM'));
  try {
    await opening;
  } catch (error) {
    await close();
    if (error instanceof StartFailure) throw error;
    log.fatal({ err: error }, 'could not start');
    throw new StartFailure('The service could not start; its log says why.');
  }
}

type Roles = { api: boolean; worker: boolean };

async function openAll(config: Config, log: Logger, roles: Roles, opened: (() => Promise<void>)[]): Promise<void> {
  if (roles.api) await assertWritable(config.dataDir);
  const runtime = await openRuntime(config, log, { mayMakeSecrets: roles.api && roles.worker });
  opened.push(() => runtime.close());
  await open(runtime, roles, opened);
}

async function open(runtime: Runtime, roles: Roles, opened: (() => Promise<void>)[]): Promise<void> {
  const { config, log, db, connectionString } = runtime;
  const { made } = await ensureAdminKey(db, { adminKey: config.adminKey });
  if (made !== null) process.stdout.write(`\nThe first admin key, shown this once: ${made}\n\n`);

  await forgetAgain(runtime);
  const registry: Registry = buildRegistry();
  if (config.metricsPort !== null) {
    const metrics = await openMetricsPort(registry, { host: config.host, port: config.metricsPort });
    opened.push(() => metrics.close());
  }
  const queue = openQueue({ redisUrl: config.redisUrl, connectionString, log });
  opened.push(() => queue.close());
  const clickPath = roles.api
    ? openClickPath({ connectionString, db, dataDir: config.dataDir, registry, log, onEvidence, nudge: queue.nudge })
    : null;
  if (clickPath !== null) opened.push(() => clickPath.close());
  const guards = allGuards({ levelsMax: config.referralLevelsMax, spooled: clickPath?.spooled ?? (() => 0) });

  if (roles.worker) {
    const worker: Worker = startWorker({
      runtime,
      queue,
      adapters: ADAPTERS,
      guards,
      metrics: guardMetrics(registry),
      messageMetrics: messageMetrics(registry),
      payoutMetrics: payoutMetrics(registry),
    });
    opened.push(() => worker.close());
  }
  if (clickPath !== null) {
    const app = await buildApp({ runtime, queue, adapters: ADAPTERS, guards, registry, clickPath });
    opened.push(() => app.close());
    await listenOn(app, config);
    const { localUrl: url, publicUrl } = config;
    log.info({ public_url: publicUrl }, `fenyong serves: the console is at ${url}/console, the documentation at ${url}/documentation`);
  } else {
    log.info('the worker works');
  }
}

/**
 * A database that was restored does not know whom it had to forget meanwhile: it learns that before
 * anybody sees what is in it.
 */
async function forgetAgain({ config, db, log, identityKey }: Runtime): Promise<void> {
  const forgotten = await reconcileLog(db, config.dataDir);
  if (forgotten === 0) return;
  log.warn({ erasures: forgotten }, 'the database came from a backup: buyers who were erased since are erased again');
  await eraseAll({ db, adapters: ADAPTERS, identityKey, dataDir: config.dataDir });
}
