// Endpoints in the database. Their secrets leave this file only for whoever signs, and once for
// whoever made them.
import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../core/errors.ts';
import type { SealedColumn } from '../platform/keys/reseal.ts';
import { open, seal, type MasterKeys } from '../platform/keys/secrets.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { makeSecret } from './signature.ts';

/** For so long a secret that was replaced goes on signing beside the new one. */
export const FORMER_SECRET_HOURS = 24;
const FORMER_SECRETS_MAX = 4;

/** An endpoint as it is shown. */
export interface EndpointRow {
  endpoint_id: string;
  url: string;
  events: string[];
  merchant_id: string | null;
  description: string;
  active: boolean;
  /** `gone`: it has answered 410. Null where the operator has stopped it, or nobody. */
  disabled_reason: string | null;
  /** Until when messages are signed by a replaced secret, too. */
  former_secret_until: Date | null;
  made_at: Date;
  changed_at: Date;
}

/** What is set of an endpoint. */
export type EndpointSetUp = Pick<EndpointRow, 'url' | 'events' | 'merchant_id' | 'description' | 'active'>;

const SHOWN = [
  'endpoint_id',
  'url',
  'events',
  'merchant_id',
  'description',
  'active',
  'disabled_reason',
  'former_secret_until',
  'made_at',
  'changed_at',
] as const;

/** The secrets of an endpoint as they are sealed. Times are epoch milliseconds. */
interface Secrets {
  secret: string;
  former: { secret: string; until: number }[];
}

/** Where sealed secrets belong: those of one endpoint do not open for another. */
const placeOf = (endpointId: string) => `webhook_endpoint|secrets|${endpointId}`;

/** Where the secrets of endpoints lie, for the rotation of the master key. */
export const SEALED_ENDPOINT_SECRETS: SealedColumn = { table: 'webhook_endpoint', ids: ['endpoint_id'], column: 'secrets', placeOf };

const sealed = (keys: MasterKeys, endpointId: string, secrets: Secrets) => seal(keys, JSON.stringify(secrets), placeOf(endpointId));

const opened = (keys: MasterKeys, endpointId: string, bytes: Buffer) => JSON.parse(open(keys, bytes, placeOf(endpointId))) as Secrets;

/** The secrets that sign at that time, the newest first. */
export function signingSecrets(keys: MasterKeys, endpointId: string, bytes: Buffer, at: Date): string[] {
  const { secret, former } = opened(keys, endpointId, bytes);
  return [secret, ...former.filter(({ until }) => until > at.getTime()).map((one) => one.secret)];
}

export async function findEndpoint(db: Kysely<DB>, endpointId: string): Promise<EndpointRow | null> {
  const row = await db.selectFrom('webhook_endpoint').select(SHOWN).where('endpoint_id', '=', endpointId).executeTakeFirst();
  return row ?? null;
}

/** Endpoints by id, one more than asked for. */
export async function listEndpoints(db: Kysely<DB>, { limit, after }: { limit: number; after: string }): Promise<EndpointRow[]> {
  return db
    .selectFrom('webhook_endpoint')
    .select(SHOWN)
    .where('endpoint_id', '>', after)
    .orderBy('endpoint_id')
    .limit(limit + 1)
    .execute();
}

/** The endpoint, locked until the transaction ends; null when there is none. */
export async function lockEndpoint(trx: Transaction<DB>, endpointId: string): Promise<EndpointRow | null> {
  const row = await trx
    .selectFrom('webhook_endpoint')
    .select(SHOWN)
    .where('endpoint_id', '=', endpointId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row ?? null;
}

/**
 * Makes an endpoint with a secret of its own. Throws `unknown_merchant`, and `conflict` when
 * somebody else has just made it.
 */
export async function makeEndpoint(
  trx: Transaction<DB>,
  keys: MasterKeys,
  { endpointId, now, ...stated }: EndpointSetUp & { endpointId: string; now: Date },
): Promise<{ row: EndpointRow; secret: string }> {
  await refuseUnknownMerchant(trx, stated.merchant_id);
  const secret = makeSecret();
  const secrets = sealed(keys, endpointId, { secret, former: [] });
  const row = await trx
    .insertInto('webhook_endpoint')
    .values({ endpoint_id: endpointId, ...stated, secrets, made_at: now, changed_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .returning(SHOWN)
    .executeTakeFirst();
  if (row === undefined) throw new DomainError('conflict', 'This endpoint is being made by somebody else. Try again.');
  return { row, secret };
}

/** Sets an endpoint anew; what stopped it before is forgotten. Throws `unknown_merchant`. */
export async function changeEndpoint(
  trx: Transaction<DB>,
  { endpointId, now, ...stated }: EndpointSetUp & { endpointId: string; now: Date },
): Promise<EndpointRow> {
  await refuseUnknownMerchant(trx, stated.merchant_id);
  return trx
    .updateTable('webhook_endpoint')
    .set({ ...stated, disabled_reason: null, changed_at: now })
    .where('endpoint_id', '=', endpointId)
    .returning(SHOWN)
    .executeTakeFirstOrThrow();
}

/** Gives an endpoint that was locked a new secret; the one before signs on for a day. */
export async function rotateSecret(
  trx: Transaction<DB>,
  keys: MasterKeys,
  endpointId: string,
  now: Date,
): Promise<{ row: EndpointRow; secret: string }> {
  const found = await trx.selectFrom('webhook_endpoint').select('secrets').where('endpoint_id', '=', endpointId).executeTakeFirstOrThrow();
  const before = opened(keys, endpointId, found.secrets);
  const until = now.getTime() + FORMER_SECRET_HOURS * 3_600_000;
  const former = [{ secret: before.secret, until }, ...before.former.filter((one) => one.until > now.getTime())];
  const secret = makeSecret();
  const row = await trx
    .updateTable('webhook_endpoint')
    .set({
      secrets: sealed(keys, endpointId, { secret, former: former.slice(0, FORMER_SECRETS_MAX) }),
      former_secret_until: new Date(until),
      changed_at: now,
    })
    .where('endpoint_id', '=', endpointId)
    .returning(SHOWN)
    .executeTakeFirstOrThrow();
  return { row, secret };
}

/** Removes an endpoint with all its messages. */
export async function removeEndpoint(trx: Transaction<DB>, endpointId: string): Promise<void> {
  await trx.deleteFrom('webhook_endpoint').where('endpoint_id', '=', endpointId).execute();
}

/**
 * Stops an endpoint that has said that it is gone, unless it was sent to another address since.
 * Null when there was nothing to stop.
 */
export async function stopGoneEndpoint(
  trx: Transaction<DB>,
  { endpointId, url, now }: { endpointId: string; url: string; now: Date },
): Promise<{ before: EndpointRow; after: EndpointRow } | null> {
  const before = await lockEndpoint(trx, endpointId);
  if (before === null || !before.active || before.url !== url) return null;
  const after = await trx
    .updateTable('webhook_endpoint')
    .set({ active: false, disabled_reason: 'gone', changed_at: now })
    .where('endpoint_id', '=', endpointId)
    .returning(SHOWN)
    .executeTakeFirstOrThrow();
  return { before, after };
}

async function refuseUnknownMerchant(db: Kysely<DB>, merchantId: string | null): Promise<void> {
  if (merchantId === null) return;
  const { rows } = await sql`select from merchant where merchant_id = ${merchantId}`.execute(db);
  if (rows.length === 0) throw new DomainError('unknown_merchant', `There is no merchant ${merchantId}.`);
}
