// The program: one binary, several commands. What only one of them needs is imported by it, so that
// the others start at once.
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { DomainError } from './core/errors.ts';
import { givenSecrets, openRuntime, openBareRuntime, reachServer, type Runtime } from './runtime.ts';
import { rebuildBalances } from './ledger/balances.ts';
import { rebuildStatistics } from './statistics/fold/history.ts';
import { SEALED_ENDPOINT_SECRETS } from './outbound/endpoint-store.ts';
import { givenDataDir, readConfig, type Config } from './platform/process/config.ts';
import { inTransaction, openDatabase, WHOLE_BOOKS_MS } from './platform/postgres/database.ts';
import { grantKey, readKeyWish } from './platform/keys/keys-wish.ts';
import { buildLogger, terminalOfLog } from './platform/process/log.ts';
import { folderOf, moveOwnSecrets } from './platform/keys/own-secrets.ts';
import { reseal, type SealedColumn } from './platform/keys/reseal.ts';
import { StartFailure } from './platform/process/start-failure.ts';
import { carryErasures, erasureLogOf } from './erasures/erasure-log.ts';
import { merchantExists } from './promotion/merchants/merchant-store.ts';
import { promoterExists } from './promotion/promoters/promoter-store.ts';
import { SEALED_TOKENS } from './pull/token-store.ts';
import { SEALED_BATCH_FILES } from './payouts/batches/batch-file-store.ts';
import { SEALED_PAYEES } from './payouts/payees/payee-store.ts';
import { SEALED_PROVIDER_SECRETS, stopProviders } from './payouts/providers/provider-store.ts';
import { SEALED_SECRETS } from './sources/connections/source-store.ts';

/** Everything that is sealed at rest: a further one is one line here. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  SEALED_SECRETS,
  SEALED_ENDPOINT_SECRETS,
  SEALED_TOKENS,
  SEALED_PAYEES,
  SEALED_PROVIDER_SECRETS,
  SEALED_BATCH_FILES,
];

const ENV_FILE = '.env';
const NO_ENV_FILE = '--no-env-file';

const USAGE = `fenyong <command>

  serve     the API and the worker in one process (npm start)
  api       the API alone
  worker    the worker alone
  migrate   bring the database up to date, and end
  keys      make an API key: keys --scope admin|storefront|merchant|promoter|auditor [--role operator|finance|risk] [--person NAME]
            [--merchant ID] [--promoter ID] [--label TEXT]
  reseal    after a change of SECRETS_KEY to new,old: seal with the new one whatever the old one has sealed
  move-keys move the secrets that earlier versions keep in the database into DATA_DIR/keys
  rebuild-balances
            add up all balances again from the transfers, for when the law balances_folded is broken
  rebuild-statistics
            let the worker count all statistics again, for when the law rollups or counted_orders is broken
  backup DIR [--with-keys]
            every row as of one moment into a new folder, while the service goes on; with the secrets only where that is said
  restore DIR
            a backup into an empty database, of the same version or a later one
  restored  say that the database comes from a backup: no payout is approved or sent until an operator has compared
  audit     compute every order, award and balance again and compare; ends with 1 where anything differs
  statement-check FILE
            check a promoter's statement by itself, without any database
  demo      a small lively marketplace on the embedded database; --keep leaves it running

Everything is set by environment variables; README.md lists them. A file .env in the working folder sets what is not set otherwise;
${NO_ENV_FILE} leaves it unread.
`;

/** Runs a command. Mistakes of the operator end it with 1 and a sentence, without a stack. */
export async function main(args: readonly string[]): Promise<void> {
  const [command = 'serve', ...rest] = args.filter((arg) => arg !== NO_ENV_FILE);
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
    if (!args.includes(NO_ENV_FILE) && existsSync(ENV_FILE)) process.loadEnvFile(ENV_FILE);
    config = readConfig(process.env);
  } catch (error) {
    fail((error as Error).message);
  }
  try {
    await run(config, buildLogger(config.logLevel, await terminalOfLog()), rest);
  } catch (error) {
    if (error instanceof StartFailure || error instanceof DomainError) fail(error.message);
    throw error;
  }
}

const COMMANDS: Record<string, (config: Config, log: Logger, args: string[]) => Promise<void>> = {
  backup: backupCommand,
  restore: restoreCommand,
  restored: restoredCommand,
  serve: (config, log) => serveAs(config, log, { api: true, worker: true }),
  api: (config, log) => serveAs(config, log, { api: true, worker: false }),
  worker: (config, log) => serveAs(config, log, { api: false, worker: true }),
  migrate: async (config, log) => {
    const store = await openBareRuntime(config, log);
    await store.close();
    log.info('the database is up to date');
  },
  keys: makeKeyCommand,
  audit: runAudit,
  reseal: runReseal,
  'move-keys': async (config, log) => {
    await asOwner(config, log, async (db) => {
      const moved = await moveOwnSecrets(db, config.dataDir);
      if (moved.length === 0) return print('No secret lies in the database.');
      print(`${moved.join(', ')}: now in ${folderOf(config.dataDir)}, and no longer in the database.`);
      print('Give every other machine of the service that folder, or the same values in its environment, and keep a copy apart from the');
      print('backups of the database. Backups from before hold the secrets still.');
    });
  },
  'rebuild-balances': async (config, log) => {
    await asOwner(config, log, rebuildBalances);
    print('All balances are the sums of their transfers again.');
  },
  'rebuild-statistics': async (config, log) => {
    await asOwner(config, log, rebuildStatistics);
    print('The worker counts all statistics again from the first fact on. Until it has, they are answered with 503.');
  },
};

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Does what the application may not, or what takes longer than its statements may. */
async function asOwner(config: Config, log: Logger, work: (db: Runtime['db']) => Promise<void>): Promise<void> {
  const { connectionString, close } = await openBareRuntime(config, log);
  const options = { connectionString, poolSize: 1, applicationName: 'fenyong operator', log, asOwner: true };
  const owner = openDatabase({ ...options, silenceMs: WHOLE_BOOKS_MS, queryMs: WHOLE_BOOKS_MS });
  try {
    await work(owner.db);
  } finally {
    await owner.close();
    await close();
  }
}

async function runReseal(config: Config, log: Logger): Promise<void> {
  const runtime = await openRuntime(config, log, { mayMakeSecrets: false });
  try {
    const done = await reseal(runtime.db, runtime.masterKeys, SEALED_COLUMNS);
    for (const { table, resealed, kept } of done) print(`${table}: ${resealed} sealed anew, ${kept} were already`);
  } finally {
    await runtime.close();
  }
}

/** Audits what stands, beside a running service or alone. */
async function runAudit(config: Config, log: Logger): Promise<void> {
  const { auditCommand } = await import('./audit/commands.ts');
  const { ADAPTERS } = await import('./sources/adapters.ts');
  const runtime = await openRuntime(config, log, { mayMakeSecrets: false });
  try {
    const deps = { ...runtime, adapters: ADAPTERS, levelsMax: config.referralLevelsMax };
    process.exitCode = await auditCommand(deps, (text) => process.stdout.write(text));
  } finally {
    await runtime.close();
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

async function serveAs(config: Config, log: Logger, roles: { api: boolean; worker: boolean }): Promise<void> {
  const { serve } = await import('./serving.ts');
  await serve(config, log, roles);
}

const WITH_KEYS = '--with-keys';

/** Backs up the database as it is: a version that is about to be upgraded is not upgraded by it. */
async function backupCommand(config: Config, log: Logger, args: string[]): Promise<void> {
  const { backUp } = await import('./backup/backup.ts');
  const { secretsAt } = await import('./backup/secret-fingerprints.ts');
  const withKeys = args.includes(WITH_KEYS);
  const folder = folderGiven(args.filter((arg) => arg !== WITH_KEYS));
  const server = await reachServer(config, log);
  try {
    const secrets = await secretsAt(config.dataDir, givenSecrets(config));
    const { connectionString } = server;
    const beside = [erasureLogOf(config.dataDir)];
    const manifest = await backUp({ connectionString, folder, beside, secrets, withKeys, log, now: new Date() });
    const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
    print(`${folder}: ${rows} rows of ${manifest.tables.length} tables as of ${manifest.made_at}.`);
    if (withKeys) return print('The secrets are in it: who has the folder reads everything.');
    print(`The secrets are not in it, and nothing of it can be used without them: keep a copy of ${folderOf(config.dataDir)} apart,`);
    print('or of TOKEN_SECRET, SECRETS_KEY and IDENTITY_KEY where they are set. A restore asks for the same ones.');
  } finally {
    await server.leave();
  }
}

async function restoreCommand(config: Config, log: Logger, args: string[]): Promise<void> {
  const { checkBackup, restore } = await import('./backup/restore.ts');
  const wish = { dataDir: config.dataDir, folder: folderGiven(args), given: givenSecrets(config), log };
  const manifest = await checkBackup(wish);
  const server = await reachServer(config, log);
  try {
    await restore(server.connectionString, manifest, wish);
    await carryErasures(wish.folder, config.dataDir);
    const runtime = await openBareRuntime(config, log);
    try {
      await inTransaction(runtime.db, ({ trx, now }) => stopProviders(trx, now));
    } finally {
      await runtime.close();
    }
  } finally {
    await server.leave();
  }
  print(`Restored as of ${manifest.made_at}. Payout providers are stopped until an operator has compared what each has paid since, see`);
  print('POST /v1/payout-providers/{provider_id}/resumption. Now run the audit: node src/start.mjs audit');
}

function folderGiven(args: readonly string[]): string {
  const [folder, ...more] = args;
  if (folder === undefined || folder.startsWith('-') || more.length > 0) throw new StartFailure('Name one folder for the backup.');
  return folder;
}

/** Stops what pays money out, until an operator has compared the lists of providers with ours. */
async function restoredCommand(config: Config, log: Logger): Promise<void> {
  const runtime = await openBareRuntime(config, log);
  try {
    const stopped = await inTransaction(runtime.db, ({ trx, now }) => stopProviders(trx, now));
    print(
      `${stopped} payout providers are stopped. Compare what each has paid with ours, then POST /v1/payout-providers/{provider_id}/resumption.`,
    );
  } finally {
    await runtime.close();
  }
}

/** Makes a key and prints it, once. */
async function makeKeyCommand(config: Config, log: Logger, args: string[]): Promise<void> {
  const wish = readKeyWish(args);
  const store = await openBareRuntime(config, log);
  try {
    const { key } = await inTransaction(store.db, ({ trx, now }) => grantKey(trx, { merchantExists, promoterExists }, wish, null, now));
    print(key);
  } finally {
    await store.close();
  }
}
