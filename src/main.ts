// The program: one binary, several commands. The only place that names all adapters.
import { parseArgs } from 'node:util';
import type { Registry } from '@prometheus-io/client';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { openGround, type Ground } from './ground.ts';
import { allGuards } from './guards/catalogue.ts';
import { guardMetrics } from './guards/run.ts';
import { readConfig, type Config } from './platform/config.ts';
import { inTransaction } from './platform/database.ts';
import { ensureAdminKey, makeKey } from './platform/keys-store.ts';
import { buildLogger } from './platform/log.ts';
import { buildRegistry } from './platform/metrics.ts';
import { openQueue } from './platform/queue.ts';
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
    process.exitCode = await demo(rest);
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
  // Before anything is opened: a signal that comes early must find someone who closes what there is.
  const grace = closeWithGrace({ delay: CLOSE_TIMEOUT_MS, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'the process ends on an error that nobody caught');
    await close();
  });
  try {
    const ground = await openGround(config, log);
    opened.push(() => ground.close());
    await open(ground, roles, opened);
  } catch (error) {
    log.fatal({ err: error }, 'could not start');
    await close();
    grace.uninstall();
    process.exitCode = 1;
  }
}

async function open(ground: Ground, roles: { api: boolean; worker: boolean }, opened: (() => Promise<void>)[]): Promise<void> {
  const { config, log, db, connectionString } = ground;
  const { made } = await ensureAdminKey(db, { adminKey: config.adminKey });
  if (made !== null) process.stdout.write(`\nThe first admin key, shown this once: ${made}\n\n`);

  const registry: Registry = buildRegistry();
  const queue = openQueue({ redisUrl: config.redisUrl, connectionString, log });
  opened.push(() => queue.close());
  let spooled = 0;
  const guards = allGuards({ levelsMax: config.referralLevelsMax, spooled: () => spooled });

  if (roles.worker) {
    const worker: Worker = startWorker({ ground, queue, adapters: ADAPTERS, guards, metrics: guardMetrics(registry) });
    opened.push(() => worker.close());
  }
  if (roles.api) {
    const onSpoolDepth = (files: number) => {
      spooled = files;
    };
    const app = await buildApp({ ground, queue, adapters: ADAPTERS, guards, registry, onSpoolDepth });
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
