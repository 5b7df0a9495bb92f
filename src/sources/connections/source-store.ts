// Sources and their mappings in the database. Secrets leave this file only opened for whoever
// verifies, never for a reader.
import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { SealedColumn } from '../../platform/keys/reseal.ts';
import { open, seal, type MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { SourceSecrets } from '../signing.ts';

/** A source as it is shown. */
export interface SourceRow {
  source_id: string;
  kind: string;
  merchant_id: string | null;
  secrets_set: string[];
  options: Record<string, unknown>;
  made_at: Date;
  changed_at: Date;
}

/** A source as webhooks need it. */
export interface LiveSource {
  sourceId: string;
  kind: string;
  merchantId: string | null;
  options: Record<string, unknown>;
  secrets: SourceSecrets;
}

const SHOWN = ['source_id', 'kind', 'merchant_id', 'secrets_set', 'options', 'made_at', 'changed_at'] as const;

/** Where sealed secrets belong: those of one source do not open for another. */
const placeOf = (sourceId: string): string => `source|secrets|${sourceId}`;

export const SEALED_SECRETS: SealedColumn = { table: 'source', ids: ['source_id'], column: 'secrets', placeOf };

export async function findSource(db: Kysely<DB>, sourceId: string): Promise<SourceRow | null> {
  const row = await db.selectFrom('source').select(SHOWN).where('source_id', '=', sourceId).executeTakeFirst();
  return (row as SourceRow | undefined) ?? null;
}

/** Sources by id, one more than asked for. */
export async function listSources(
  db: Kysely<DB>,
  { merchantId, limit, after }: { merchantId: string | null; limit: number; after: string },
): Promise<SourceRow[]> {
  let query = db.selectFrom('source').select(SHOWN).where('source_id', '>', after);
  if (merchantId !== null) query = query.where('merchant_id', '=', merchantId);
  return (await query
    .orderBy('source_id')
    .limit(limit + 1)
    .execute()) as SourceRow[];
}

/** A source whose secrets are sealed. */
interface SealedSource extends Omit<LiveSource, 'secrets'> {
  sealed: Buffer | null;
}

/** The sources of these ids with their secrets sealed. */
export async function findSealedSources(db: Kysely<DB>, sourceIds: readonly string[]): Promise<Map<string, SealedSource>> {
  const rows = await db
    .selectFrom('source')
    .select(['source_id', 'kind', 'merchant_id', 'options', 'secrets'])
    .where('source_id', 'in', sourceIds)
    .execute();
  return new Map(
    rows.map((row) => {
      const options = row.options as Record<string, unknown>;
      return [row.source_id, { sourceId: row.source_id, kind: row.kind, merchantId: row.merchant_id, options, sealed: row.secrets }];
    }),
  );
}

/** The source with its secrets opened. */
export function unsealSource(keys: MasterKeys, { sealed, ...source }: SealedSource): LiveSource {
  return { ...source, secrets: openSecrets(keys, source.sourceId, sealed) };
}

/** The source with its secrets opened; null when there is none. */
export async function findLiveSource(db: Kysely<DB>, keys: MasterKeys, sourceId: string): Promise<LiveSource | null> {
  const sealed = (await findSealedSources(db, [sourceId])).get(sourceId);
  return sealed === undefined ? null : unsealSource(keys, sealed);
}

/** Sources as mapping needs them, without secrets. */
export async function findSources(db: Kysely<DB>, sourceIds: readonly string[]): Promise<Map<string, Omit<LiveSource, 'secrets'>>> {
  if (sourceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('source')
    .select(['source_id', 'kind', 'merchant_id', 'options'])
    .where('source_id', 'in', sourceIds)
    .execute();
  return new Map(
    rows.map((row) => [
      row.source_id,
      { sourceId: row.source_id, kind: row.kind, merchantId: row.merchant_id, options: row.options as Record<string, unknown> },
    ]),
  );
}

/** What is to be set of a source; secrets are complete. */
interface SourceSetUp {
  kind: string;
  merchantId: string | null;
  secrets: SourceSecrets;
  options: Record<string, unknown>;
}

/**
 * The source as it stands, locked until the transaction ends, with its secrets; null when there is
 * none.
 */
export async function lockSource(
  trx: Transaction<DB>,
  keys: MasterKeys,
  sourceId: string,
): Promise<{ row: SourceRow; secrets: SourceSecrets } | null> {
  const found = await trx
    .selectFrom('source')
    .select([...SHOWN, 'secrets'])
    .where('source_id', '=', sourceId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (found === undefined) return null;
  const { secrets, ...row } = found;
  return { row: row as SourceRow, secrets: openSecrets(keys, sourceId, secrets) };
}

/**
 * Makes the source or states it anew. Throws `unknown_merchant`, and `conflict` when somebody else
 * has just made it.
 */
export async function saveSource(
  trx: Transaction<DB>,
  keys: MasterKeys,
  { sourceId, before, now }: { sourceId: string; before: SourceRow | null; now: Date },
  { kind, merchantId, secrets, options }: SourceSetUp,
): Promise<SourceRow> {
  await refuseUnknownMerchant(trx, merchantId);
  const stated = {
    kind,
    merchant_id: merchantId,
    secrets: seal(keys, JSON.stringify(secrets), placeOf(sourceId)),
    secrets_set: Object.keys(secrets).toSorted(),
    options: JSON.stringify(options),
    changed_at: now,
  };
  const saved =
    before === null
      ? await trx
          .insertInto('source')
          .values({ source_id: sourceId, made_at: now, ...stated })
          .onConflict((conflict) => conflict.doNothing())
          .returning(SHOWN)
          .executeTakeFirst()
      : await trx.updateTable('source').set(stated).where('source_id', '=', sourceId).returning(SHOWN).executeTakeFirst();
  if (saved === undefined) throw new DomainError('conflict', 'This source is being made by somebody else. Try again.');
  return saved as SourceRow;
}

/** The source without its secrets, locked until the transaction ends; null when there is none. */
export async function lockSourceRow(trx: Transaction<DB>, sourceId: string): Promise<SourceRow | null> {
  const row = await trx.selectFrom('source').select(SHOWN).where('source_id', '=', sourceId).forNoKeyUpdate().executeTakeFirst();
  return (row as SourceRow | undefined) ?? null;
}

export async function hasDeliveries(db: Kysely<DB>, sourceId: string): Promise<boolean> {
  const row = await db.selectFrom('delivery').select('delivery_id').where('source_id', '=', sourceId).limit(1).executeTakeFirst();
  return row !== undefined;
}

async function refuseUnknownMerchant(db: Kysely<DB>, merchantId: string | null): Promise<void> {
  if (merchantId === null) return;
  const { rows } = await sql`select from merchant where merchant_id = ${merchantId}`.execute(db);
  if (rows.length === 0) throw new DomainError('unknown_merchant', `There is no merchant ${merchantId}.`);
}

function openSecrets(keys: MasterKeys, sourceId: string, sealed: Buffer | null): SourceSecrets {
  return sealed === null ? {} : (JSON.parse(open(keys, sealed, placeOf(sourceId))) as SourceSecrets);
}
