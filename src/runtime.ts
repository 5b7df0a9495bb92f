// What every process stands on: its database (its own PostgreSQL where none is given), migrated and
// durable, and the service's keys.
import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import { continueLedger } from './ledger/balances.ts';
import type { Config } from './platform/process/config.ts';
import { assertDurable, inTransaction, openDatabase } from './platform/postgres/database.ts';
import { startEmbedded } from './platform/embedded/embedded.ts';
import { migrate, migrateQueue } from './platform/postgres/migrate.ts';
import { stopProviders } from './payouts/providers/provider-store.ts';
import type { SendingDeps } from './payouts/bills/sending.ts';
import { accountCache } from './ledger/booking-store.ts';
import { publicFetch } from './platform/net/public-fetch.ts';
import { awaitDatabase } from './platform/postgres/awaiting.ts';
import { findOwnSecrets, type SecretName } from './platform/keys/own-secrets.ts';
import { cureOf, roleStandingOf } from './platform/postgres/role.ts';
import { masterKeys, type MasterKeys } from './platform/keys/secrets.ts';
import type { DB } from './platform/postgres/tables.ts';
import type { PullDeps } from './pull/asked-source.ts';
import type { Adapter } from './sources/source.ts';

export interface Runtime {
  config: Config;
  log: Logger;
  db: Kysely<DB>;
  connectionString: string;
  /** The first signs click tokens, all are believed. */
  tokenKeys: [KeyObject, ...KeyObject[]];
  identityKey: KeyObject;
  /** Seal the secrets of sources. */
  masterKeys: MasterKeys;
  close: () => Promise<void>;
}

/**
 * What order systems are asked with: over the public internet only, or where the configuration
 * says.
 */
export function pullDeps({ db, masterKeys, config }: Runtime, adapters: readonly Adapter[], onDelivered: () => void): PullDeps {
  const baseUrls = config.pullBaseUrls;
  return { db, keys: masterKeys, adapters, baseUrls, fetch: publicFetch(Object.values(baseUrls)), onDelivered };
}

/** What payouts are sent with, and what notices of providers are read with. */
export function sendingDeps({ db, masterKeys, identityKey, config, log }: Runtime): SendingDeps {
  const baseUrls = config.payoutBaseUrls;
  return {
    db,
    keys: masterKeys,
    numberKey: identityKey,
    accounts: accountCache(),
    fetch: publicFetch(Object.values(baseUrls)),
    baseUrls,
    noticesUrl: `${config.publicUrl}/payout-notices`,
    onError: (error) => log.error({ err: error }, 'a payout could not be looked at; it will be again'),
  };
}

/** The database alone, for what needs no secret. */
type BareRuntime = Pick<Runtime, 'config' | 'log' | 'db' | 'connectionString' | 'close'>;

/** The PostgreSQL that is given, once it answers, or one of our own: started, and nothing more. */
export async function reachServer(
  { databaseUrl, dataDir }: Config,
  log: Logger,
): Promise<{ connectionString: string; leave: () => Promise<void> }> {
  if (databaseUrl === null) {
    const { connectionString, stop } = await startEmbedded({ dataDir, log });
    return { connectionString, leave: stop };
  }
  await awaitDatabase(databaseUrl, log);
  return { connectionString: databaseUrl, leave: async () => undefined };
}

/** Opens the database, migrating first. What was opened is closed again when a later step fails. */
export async function openBareRuntime(config: Config, log: Logger): Promise<BareRuntime> {
  const { connectionString, leave } = await reachServer(config, log);
  const database = openDatabase({ connectionString, poolSize: config.databasePoolSize, applicationName: 'fenyong', log });
  const close = async () => {
    await database.close();
    await leave();
  };
  try {
    await migrate(connectionString);
    if (config.redisUrl === null) await migrateQueue(connectionString);
    await assertDurable(database.db);
    await warnOfOwner(database.db, log);
    if (await continueLedger(database.db)) {
      log.warn('the books came from another cluster; its count of transactions goes on above theirs');
      const stopped = await inTransaction(database.db, ({ trx, now }) => stopProviders(trx, now));
      log.warn({ providers: stopped }, 'payouts are stopped until an operator has compared what was paid since the backup');
    }
    return { config, log, db: database.db, connectionString, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The secrets that the environment gives, the newest first. */
export function givenSecrets({ tokenSecret, secretsKey, identityKey }: Config): Record<SecretName, readonly string[]> {
  return { TOKEN_SECRET: tokenSecret, SECRETS_KEY: secretsKey, IDENTITY_KEY: identityKey === null ? [] : [identityKey] };
}

/**
 * Opens the runtime: the database, and the secrets that the service lives by. With a database of
 * its own it makes those that nobody gave; beside others on a given one only where `mayMakeSecrets`
 * is said, and throws a `StartFailure` otherwise.
 */
export async function openRuntime(config: Config, log: Logger, { mayMakeSecrets }: { mayMakeSecrets: boolean }): Promise<Runtime> {
  const store = await openBareRuntime(config, log);
  try {
    const { secrets, inDatabase } = await findOwnSecrets({
      db: store.db,
      dataDir: config.dataDir,
      given: givenSecrets(config),
      mayMake: mayMakeSecrets || config.databaseUrl === null,
    });
    if (inDatabase.length > 0) {
      log.warn(`${inDatabase.join(', ')} lie in the database, where every dump shows them: run \`node src/start.mjs move-keys\``);
    }
    const [signing, ...older] = secrets.TOKEN_SECRET;
    return {
      ...store,
      tokenKeys: [keyOf(signing), ...older.map(keyOf)],
      identityKey: keyOf(secrets.IDENTITY_KEY[0]),
      masterKeys: masterKeys(secrets.SECRETS_KEY),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * It works, and its triggers refuse what its rights do not; but rights that nobody has can be
 * misused by nobody.
 */
async function warnOfOwner(db: Kysely<DB>, log: Logger): Promise<void> {
  const standing = await roleStandingOf(db);
  if (standing.takes && standing.privileged) return;
  log.warn(`the service acts as the owner of its tables; to give it fewer rights let an administrator run: ${cureOf(standing)}`);
}

function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret));
}
