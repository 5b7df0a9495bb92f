// What every process stands on: its database (its own PostgreSQL where none is given), migrated and durable, and the service's keys.
import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import { continueLedger } from './ledger/balances.ts';
import type { Config } from './platform/config.ts';
import { assertDurable, openDatabase } from './platform/database.ts';
import { startEmbedded } from './platform/embedded.ts';
import { migrate, migrateQueue } from './platform/migrate.ts';
import { publicFetch } from './platform/public-fetch.ts';
import { ensureSecret, findSecret, masterKeys, type MasterKeys } from './platform/secrets.ts';
import type { DB } from './platform/tables.ts';
import type { PullDeps } from './pull/asked-source.ts';
import type { Adapter } from './sources/source.ts';

export interface Ground {
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

/** What order systems are asked with: over the public internet only, or where the configuration says. */
export function pullDeps({ db, masterKeys, config }: Ground, adapters: readonly Adapter[], onDelivered: () => void): PullDeps {
  const baseUrls = config.pullBaseUrls;
  return { db, keys: masterKeys, adapters, baseUrls, fetch: publicFetch(Object.values(baseUrls)), onDelivered };
}

/** Opens the ground, migrating first. What was opened is closed again when a later step fails. */
export async function openGround(config: Config, log: Logger): Promise<Ground> {
  const own = config.databaseUrl === null ? await startEmbedded({ dataDir: config.dataDir, log }) : null;
  const connectionString = config.databaseUrl ?? own!.connectionString;
  const database = openDatabase({ connectionString, poolSize: config.databasePoolSize, applicationName: 'fenyong', log });
  const close = async () => {
    await database.close();
    await own?.stop();
  };
  try {
    await migrate(connectionString);
    if (config.redisUrl === null) await migrateQueue(connectionString);
    await assertDurable(database.db);
    if (await continueLedger(database.db)) log.warn('the books came from another cluster; its count of transactions goes on above theirs');
    return { config, log, db: database.db, connectionString, ...(await openKeys(config, database.db)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openKeys(config: Config, db: Kysely<DB>): Promise<Pick<Ground, 'tokenKeys' | 'identityKey' | 'masterKeys'>> {
  const [tokenSecret, ...older] = await secretsOf(db, 'TOKEN_SECRET', config.tokenSecret);
  const identityKey = config.identityKey ?? (await ensureSecret(db, 'IDENTITY_KEY'));
  return {
    tokenKeys: [keyOf(tokenSecret), ...older.map(keyOf)],
    identityKey: keyOf(identityKey),
    masterKeys: masterKeys(await secretsOf(db, 'SECRETS_KEY', config.secretsKey)),
  };
}

/** Those of the operator, and behind them the one that was made before he gave any: what it signed or sealed still counts. */
async function secretsOf(db: Kysely<DB>, name: string, [newest, ...older]: readonly string[]): Promise<[string, ...string[]]> {
  if (newest === undefined) return [await ensureSecret(db, name)];
  const made = await findSecret(db, name);
  return [newest, ...older, ...(made === null ? [] : [made])];
}

function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret));
}
