// Payout providers in the database. Their secrets leave this file only opened for whoever asks the
// provider, never for a reader.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { SealedColumn } from '../../platform/keys/reseal.ts';
import { open, seal, type MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';

type ProviderSecrets = Record<string, string | string[]>;

/** A provider as it is shown. */
export interface ProviderRow {
  provider_id: string;
  kind: string;
  secrets_set: string[];
  options: Record<string, unknown>;
  stopped_at: Date | null;
  made_at: Date;
  changed_at: Date;
}

const SHOWN = ['provider_id', 'kind', 'secrets_set', 'options', 'stopped_at', 'made_at', 'changed_at'] as const;

const placeOf = (providerId: string): string => `payout_provider|secrets|${providerId}`;

export const SEALED_PROVIDER_SECRETS: SealedColumn = { table: 'payout_provider', ids: ['provider_id'], column: 'secrets', placeOf };

/** Providers by id, one more than asked for. */
export async function listProviders(db: Kysely<DB>, { limit, after }: { limit: number; after: string }): Promise<ProviderRow[]> {
  const rows = await db
    .selectFrom('payout_provider')
    .select(SHOWN)
    .where('provider_id', '>', after)
    .orderBy('provider_id')
    .limit(limit + 1)
    .execute();
  return rows as ProviderRow[];
}

export async function findProvider(db: Kysely<DB>, providerId: string): Promise<ProviderRow | null> {
  const row = await db.selectFrom('payout_provider').select(SHOWN).where('provider_id', '=', providerId).executeTakeFirst();
  return (row as ProviderRow | undefined) ?? null;
}

/** All providers by their id; there are as many as were set up by hand. */
export async function allProviders(db: Kysely<DB>): Promise<Map<string, ProviderRow>> {
  const rows = (await db.selectFrom('payout_provider').select(SHOWN).execute()) as ProviderRow[];
  return new Map(rows.map((row) => [row.provider_id, row]));
}

/** The provider with its secrets opened; null when there is none. */
export async function openProvider(
  db: Kysely<DB>,
  keys: MasterKeys,
  providerId: string,
): Promise<{ row: ProviderRow; secrets: ProviderSecrets } | null> {
  const found = await db
    .selectFrom('payout_provider')
    .select([...SHOWN, 'secrets'])
    .where('provider_id', '=', providerId)
    .executeTakeFirst();
  return found === undefined ? null : opened(keys, found as ProviderRow & { secrets: Buffer | null });
}

/** The same, locked until the transaction ends. */
export async function lockProvider(
  trx: Transaction<DB>,
  keys: MasterKeys,
  providerId: string,
): Promise<{ row: ProviderRow; secrets: ProviderSecrets } | null> {
  const found = await trx
    .selectFrom('payout_provider')
    .select([...SHOWN, 'secrets'])
    .where('provider_id', '=', providerId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return found === undefined ? null : opened(keys, found as ProviderRow & { secrets: Buffer | null });
}

function opened(keys: MasterKeys, { secrets, ...row }: ProviderRow & { secrets: Buffer | null }) {
  const text = secrets === null ? '{}' : open(keys, secrets, placeOf(row.provider_id));
  return { row, secrets: JSON.parse(text) as ProviderSecrets };
}

interface NewProvider {
  providerId: string;
  kind: string;
  secrets: ProviderSecrets;
  options: Record<string, unknown>;
}

/** Makes the provider, or states it anew as a whole. */
export async function saveProvider(trx: Transaction<DB>, keys: MasterKeys, provider: NewProvider, now: Date): Promise<ProviderRow> {
  const { providerId, kind, secrets, options } = provider;
  const stated = {
    kind,
    secrets: seal(keys, JSON.stringify(secrets), placeOf(providerId)),
    secrets_set: Object.keys(secrets).toSorted(),
    options: JSON.stringify(options),
    changed_at: now,
  };
  const row = await trx
    .insertInto('payout_provider')
    .values({ provider_id: providerId, made_at: now, ...stated })
    .onConflict((conflict) => conflict.column('provider_id').doUpdateSet(stated))
    .returning(SHOWN)
    .executeTakeFirstOrThrow();
  return row as ProviderRow;
}

/** Whether any payout was ever drafted for the provider. */
export async function hasPayouts(db: Kysely<DB>, providerId: string): Promise<boolean> {
  const { rows } = await sql`select from payout where provider_id = ${providerId} limit 1`.execute(db);
  return rows.length > 0;
}

/**
 * Stops every provider: nothing is approved for it or sent by it until an operator has compared its
 * list with ours. How many were not stopped before.
 */
export async function stopProviders(db: Kysely<DB>, now: Date): Promise<number> {
  const { numAffectedRows } = await sql`update payout_provider set stopped_at = ${now} where stopped_at is null`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** Lets the provider go on. */
export async function resumeProvider(trx: Transaction<DB>, providerId: string): Promise<void> {
  await trx.updateTable('payout_provider').set({ stopped_at: null }).where('provider_id', '=', providerId).execute();
}
