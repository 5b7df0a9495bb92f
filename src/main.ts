// The program: one binary, several commands.
import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import { buildApp, onEvidence } from './app.ts';
import { DomainError } from './core/errors.ts';
import { openGround, type Ground } from './ground.ts';
import { allGuards } from './guards/catalogue.ts';
import { guardMetrics } from './guards/run.ts';
import { SEALED_ENDPOINT_SECRETS } from './outbound/endpoint-store.ts';
import { messageMetrics } from './outbound/messenger.ts';
import { givenDataDir, readConfig, type Config } from './platform/config.ts';
import { inTransaction } from './platform/database.ts';
import { ensureAdminKey } from './platform/keys-store.ts';
import { grantKey, readKeyWish } from './platform/keys-wish.ts';
import { endInGoodOrder } from './platform/ending.ts';
import { buildLogger } from './platform/log.ts';
import { buildRegistry, openMetricsPort } from './platform/metrics.ts';
import { whenOrphaned } from './platform/parent.ts';
import { openQueue } from './platform/queue.ts';
import { reseal, type SealedColumn } from './platform/reseal.ts';
import { openClickPath } from './promotion/click-path.ts';
import { merchantExists } from './promotion/merchant-store.ts';
import { promoterExists } from './promotion/promoter-store.ts';
import { SEALED_TOKENS } from './pull/token-store.ts';
import { ADAPTERS } from './sources/adapters.ts';
import { SEALED_SECRETS } from './sources/store.ts';
import { startWorker, type Worker } from './worker.ts';

/** Everything that is sealed at rest: a further one is one line here. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [SEALED_SECRETS, SEALED_ENDPOINT_SECRETS, SEALED_TOKENS];

const CLOSE_TIMEOUT_MS = 15_000;

const USAGE = `fenyong <command>

  serve     the API and the worker in one process (npm start)
  api       the API alone
  worker    the worker alone
  migrate   bring the database up to date, and end
  keys      make an API key: keys --scope admin|storefront|promoter|auditor [--merchant ID] [--promoter ID] [--label TEXT]
  reseal    after a change of SECRETS_KEY to new,old: seal with the new one whatever the old one has sealed
  audit     compute every order, award and balance again and compare; ends with 1 where anything differs
  statement-check FILE
            check a promoter's statement by itself, without any database
  demo      a small lively marketplace on the embedded database; --keep leaves it running

Everything is set by environment variables; README.md lists them.
`;

/** Runs a command. Mistakes of the operator end it with 1 and a sentence, without a stack. */
export async function main(args: readonly string[]): Promise<void> {
  const [command = 'serve', ...rest] = args;
  if (command === 'help' || command === '--help') {
    process.stdout.write(USAGE);
    return;
  }
  if (command === 'demo') {
    const { demo } = await import('./demo/demo.ts');
    process.exitCode = await demo([...rest], givenDataDir(process.env));
    return;
  }
  if (command === 'statement-check') {
    const { statementCheckCommand } = await import('./audit/commands.ts');
    process.exitCode = await statementCheckCommand(rest[0], (text) => process.stdout.write(text));
    return;
  }
  const run = COMMANDS[command];
  if (run === undefined) fail(`There is no command ${command}.\n\n${USAGE}`);
  let config: Config;
  try {
    config = readConfig(process.env);
  } catch (error) {
    fail((error as Error).message);
  }
  await run(config, buildLogger(config.logLevel), rest);
}

const COMMANDS: Record<string, (config: Config, log: Logger, args: string[]) => Promise<void>> = {
  serve: (config, log) => serve(config, log, { api: true, worker: true }),
  api: (config, log) => serve(config, log, { api: true, worker: false }),
  worker: (config, log) => serve(config, log, { api: false, worker: true }),
  migrate: async (config, log) => {
    const ground = await openGround(config, log);
    await ground.close();
    log.info('the database is up to date');
  },
  keys: makeKeyCommand,
  audit: runAudit,
  reseal: async (config, log) => {
    const ground = await openGround(config, log);
    try {
      const done = await reseal(ground.db, ground.masterKeys, SEALED_COLUMNS);
      for (const { table, resealed, kept } of done) process.stdout.write(`${table}: ${resealed} sealed anew, ${kept} were already\n`);
    } finally {
      await ground.close();
    }
  },
};

/** Audits what stands, beside a running service or alone. */
async function runAudit(config: Config, log: Logger): Promise<void> {
  const { auditCommand } = await import('./audit/commands.ts');
  const ground = await openGround(config, log);
  try {
    const deps = { ...ground, adapters: ADAPTERS, levelsMax: config.referralLevelsMax };
    process.exitCode = await auditCommand(deps, (text) => process.stdout.write(text));
  } finally {
    await ground.close();
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Opens what the roles need, and closes it in reverse when it is told to: nothing that was accepted is dropped. */
async function serve(config: Config, log: Logger, roles: { api: boolean; worker: boolean }): Promise<void> {
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of opened.toReversed()) await end();
  };
  const opening = openGround(config, log).then((ground) => {
    opened.push(() => ground.close());
    return open(ground, roles, opened);
  });
  // A signal that comes while something is being opened waits until there is something to close.
  endInGoodOrder({ close: () => opening.then(close, close), log, timeoutMs: CLOSE_TIMEOUT_MS });
  if (config.startedByNpm) whenOrphaned(() => process.kill(process.pid, 'SIGTERM'));
  try {
    await opening;
  } catch (error) {
    log.fatal({ err: error }, 'could not start');
    await close();
    process.exit(1);
  }
}

async function open(ground: Ground, roles: { api: boolean; worker: boolean }, opened: (() => Promise<void>)[]): Promise<void> {
  const { config, log, db, connectionString } = ground;
  const { made } = await ensureAdminKey(db, { adminKey: config.adminKey });
  if (made !== null) process.stdout.write(`\nThe first admin key, shown this once: ${made}\n\n`);

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
      ground,
      queue,
      adapters: ADAPTERS,
      guards,
      metrics: guardMetrics(registry),
      messageMetrics: messageMetrics(registry),
    });
    opened.push(() => worker.close());
  }
  if (clickPath !== null) {
    const app = await buildApp({ ground, queue, adapters: ADAPTERS, guards, registry, clickPath });
    opened.push(() => app.close());
    await app.listen({ port: config.port, host: config.host });
    log.info({ url: `http://${config.host}:${config.port}`, public_url: config.publicUrl }, 'fenyong serves');
  } else {
    log.info('the worker works');
  }
}

/** Makes a key and prints it, once. */
async function makeKeyCommand(config: Config, log: Logger, args: string[]): Promise<void> {
  try {
    const wish = readKeyWish(args);
    const ground = await openGround(config, log);
    try {
      const { key } = await inTransaction(ground.db, ({ trx, now }) => grantKey(trx, { merchantExists, promoterExists }, wish, null, now));
      process.stdout.write(`${key}\n`);
    } finally {
      await ground.close();
    }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    fail(error.message);
  }
}
