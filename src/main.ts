// The program: one binary, several commands. The only place that names all adapters.
import { parseArgs } from 'node:util';
import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import { buildApp, onEvidence } from './app.ts';
import { openGround, type Ground } from './ground.ts';
import { allGuards } from './guards/catalogue.ts';
import { guardMetrics } from './guards/run.ts';
import { givenDataDir, readConfig, type Config } from './platform/config.ts';
import { inTransaction } from './platform/database.ts';
import { ensureAdminKey, makeKey } from './platform/keys-store.ts';
import { endInGoodOrder } from './platform/ending.ts';
import { buildLogger } from './platform/log.ts';
import { buildRegistry } from './platform/metrics.ts';
import { whenOrphaned } from './platform/parent.ts';
import { openQueue } from './platform/queue.ts';
import { openClickPath } from './promotion/click-path.ts';
import { shopify } from './sources/shopify.ts';
import type { Adapter } from './sources/source.ts';
import { standardWebhooks } from './sources/standard-webhooks.ts';
import { startWorker, type Worker } from './worker.ts';

/** Every order system that speaks to us; a further one is one file and one line here. */
export const ADAPTERS: readonly Adapter[] = [standardWebhooks, shopify];

const CLOSE_TIMEOUT_MS = 15_000;

const USAGE = `fenyong <command>

  serve     the API and the worker in one process (npm start)
  api       the API alone
  worker    the worker alone
  migrate   bring the database up to date, and end
  keys      make an API key: keys --scope admin|storefront|promoter|auditor [--merchant ID] [--promoter ID] [--label TEXT]
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
};

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
  const queue = openQueue({ redisUrl: config.redisUrl, connectionString, log });
  opened.push(() => queue.close());
  const clickPath = roles.api
    ? openClickPath({ connectionString, db, dataDir: config.dataDir, registry, log, onEvidence, nudge: queue.nudge })
    : null;
  if (clickPath !== null) opened.push(() => clickPath.close());
  const guards = allGuards({ levelsMax: config.referralLevelsMax, spooled: clickPath?.spooled ?? (() => 0) });

  if (roles.worker) {
    const worker: Worker = startWorker({ ground, queue, adapters: ADAPTERS, guards, metrics: guardMetrics(registry) });
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
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args, options: { scope: text, merchant: text, promoter: text, label: text } });
  const scope = (['admin', 'storefront', 'promoter', 'auditor'] as const).find((one) => one === values.scope);
  if (scope === undefined) fail('keys needs --scope admin, storefront, promoter or auditor');
  const ground = await openGround(config, log);
  try {
    const wanted = { scope, label: values.label ?? '', merchantId: values.merchant ?? null, promoterId: values.promoter ?? null };
    const { key } = await inTransaction(ground.db, ({ trx, now }) => makeKey(trx, wanted, null, now));
    process.stdout.write(`${key}\n`);
  } finally {
    await ground.close();
  }
}
