// Payees in the database: versions that are never changed, with name, tax id and account sealed.

import { createHmac, type KeyObject } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import type { SealedColumn } from '../../platform/keys/reseal.ts';
import { open, seal, type MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { PAYEE_KINDS } from '../../promotion/promoters/promoter-store.ts';

export type PayeeKind = (typeof PAYEE_KINDS)[number];

/** What is sealed of a payee. */
export interface PayeeSecrets {
  name: string | null;
  taxId: string | null;
  account: Record<string, string>;
}

/** What is stated of a payee, as a whole. */
export interface Payee extends PayeeSecrets {
  kind: PayeeKind;
  country: string;
  providerId: string;
}

/** A version of a payee as it may be shown: masked. */
export interface PayeeRow {
  promoter_id: string;
  version: number;
  kind: PayeeKind;
  country: string;
  provider_id: string;
  name_shown: string | null;
  tax_id_shown: string | null;
  account_shown: Record<string, string>;
  is_change: boolean;
  stated_at: Date;
  stated_by: string;
  stated_person: string;
  confirmed_at: Date | null;
}

const placeOf = (promoterId: string, version: string): string => `payee_version|sealed|${promoterId}|${version}`;

export const SEALED_PAYEES: SealedColumn = { table: 'payee_version', ids: ['promoter_id', 'version'], column: 'sealed', placeOf };

const SHOWN = sql`payee_version.promoter_id, version, kind, country, provider_id, name_shown, tax_id_shown, account_shown, is_change, stated_at,
  stated_by, stated_person, confirmed_at`;

/** The latest version of a promoter's payee; null where none was stated. */
export async function findPayee(db: Kysely<DB>, promoterId: string): Promise<PayeeRow | null> {
  const { rows } = await sql<PayeeRow>`
    select ${SHOWN} from payee_version left join payee_confirmation using (promoter_id, version)
    where payee_version.promoter_id = ${promoterId} order by version desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** Payees of one promoter change one after the other. */
export async function lockPayee(trx: Transaction<DB>, promoterId: string): Promise<void> {
  await sql`select from promoter where promoter_id = ${promoterId} for no key update`.execute(trx);
}

/** What is sealed of a version. */
export async function openPayee(db: Kysely<DB>, keys: MasterKeys, promoterId: string, version: number): Promise<PayeeSecrets> {
  const opened = await openPayees(db, keys, [{ promoterId, version }]);
  return opened.get(promoterId)!;
}

/** The same of many promoters at once, by promoter. Throws where a version is not there. */
export async function openPayees(
  db: Kysely<DB>,
  keys: MasterKeys,
  wanted: readonly { promoterId: string; version: number }[],
): Promise<Map<string, PayeeSecrets>> {
  const { rows } = await sql<{ promoter_id: string; version: number; sealed: Buffer }>`
    select promoter_id, version, sealed from payee_version
    join ${unnestOf(wanted, { promoter_id: ['text', (one) => one.promoterId], version: ['int', (one) => one.version] }, 'wanted')}
      using (promoter_id, version)`.execute(db);
  const found = new Map(
    rows.map(({ promoter_id: promoterId, version, sealed }) => {
      return [promoterId, JSON.parse(open(keys, sealed, placeOf(promoterId, String(version)))) as PayeeSecrets];
    }),
  );
  for (const { promoterId, version } of wanted) {
    if (!found.has(promoterId)) throw new Error(`broken law: payee ${version} of ${promoterId} is there`);
  }
  return found;
}

/**
 * A tax id without what a pen or a keyboard adds: wide characters are narrow, small letters great,
 * and blanks, hyphens, dots and strokes are nothing. By each of them one person would be two.
 */
export function plainTaxId(taxId: string): string {
  return taxId
    .normalize('NFKC')
    .replaceAll(/[\s\p{Pd}./]/gu, '')
    .toUpperCase();
}

/** Whose income it is, of all payees with one tax id: the keyed hash of it. */
function taxpayerOf(identityKey: KeyObject, taxId: string | null): Buffer | null {
  if (taxId === null) return null;
  return createHmac('sha256', identityKey)
    .update(`taxpayer\0${plainTaxId(taxId)}`)
    .digest();
}

interface StatingPayee {
  promoterId: string;
  version: number;
  payee: Payee;
  by: { keyId: string; person: string };
  now: Date;
}

/** Adds a version. */
export async function insertPayee(
  trx: Transaction<DB>,
  { keys, identityKey }: { keys: MasterKeys; identityKey: KeyObject },
  { promoterId, version, payee, by, now }: StatingPayee,
): Promise<void> {
  const { kind, country, providerId, name, taxId, account } = payee;
  const sealed = seal(keys, JSON.stringify({ name, taxId, account } satisfies PayeeSecrets), placeOf(promoterId, String(version)));
  await trx
    .insertInto('payee_version')
    .values({
      promoter_id: promoterId,
      version,
      kind,
      country,
      provider_id: providerId,
      sealed,
      name_shown: name === null ? null : firstOf(name),
      tax_id_shown: taxId === null ? null : lastOf(taxId),
      account_shown: JSON.stringify(Object.fromEntries(Object.entries(account).map(([field, value]) => [field, lastOf(value)]))),
      taxpayer: taxpayerOf(identityKey, taxId),
      is_change: version > 1,
      stated_at: now,
      stated_by: by.keyId,
      stated_person: by.person,
    })
    .execute();
}

const SHOWN_CHARACTERS = 4;

/** The last four characters, and none of a text that is no longer than that. */
function lastOf(text: string): string {
  const characters = Array.from(text);
  return characters.length <= SHOWN_CHARACTERS ? '****' : `****${characters.slice(-SHOWN_CHARACTERS).join('')}`;
}

function firstOf(name: string): string {
  return `${Array.from(name)[0] ?? ''}**`;
}

/** Writes down that a second person confirmed the version. */
export async function confirmPayee(
  trx: Transaction<DB>,
  { promoterId, version, keyId, now }: { promoterId: string; version: number; keyId: string; now: Date },
): Promise<void> {
  await sql`
    insert into payee_confirmation (promoter_id, version, confirmed_at, confirmed_by) values (${promoterId}, ${version}, ${now}, ${keyId})
    on conflict do nothing`.execute(trx);
}
