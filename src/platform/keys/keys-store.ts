// API keys in the database: by hash, never by themselves.

import { hash, randomBytes } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { personOf, roleOf, scopeOf, type Actor, type KeyRole, type KeyScope } from './actor.ts';
import { recordChange } from './audit-log.ts';
import { inTransaction } from '../postgres/database.ts';
import type { DB } from '../postgres/tables.ts';
import { uuidv7 } from '../uuid.ts';

const RANDOM_BYTES = 32;
const ENDING_CHARACTERS = 4;

/** A key as it may be shown: all but what it opens the door with. */
export interface KeyRow {
  key_id: string;
  scope: string;
  role: string | null;
  person: string | null;
  merchant_id: string | null;
  promoter_id: string | null;
  /** How its sessions are made; null for a key that is presented. */
  sign_in: string | null;
  label: string;
  ending: string | null;
  made_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

interface NewKey {
  scope: KeyScope;
  role?: KeyRole | null;
  person?: string | null;
  merchantId: string | null;
  promoterId: string | null;
  label: string;
}

/** The columns of a key that may be shown. */
export const SHOWN = [
  'key_id',
  'scope',
  'role',
  'person',
  'merchant_id',
  'promoter_id',
  'sign_in',
  'label',
  'ending',
  'made_at',
  'last_used_at',
  'revoked_at',
] as const;

/** SHA-256 of a key in hex; it is kept in no other form. */
export function hashOfKey(key: string): string {
  return hash('sha256', key, 'hex');
}

/**
 * Makes a key of 256 random bits and records it. The key itself is in the answer and nowhere else.
 */
export async function makeKey(trx: Transaction<DB>, wanted: NewKey, actor: Actor | null, now: Date): Promise<{ key: string; row: KeyRow }> {
  const key = `fy_${wanted.scope}_${randomBytes(RANDOM_BYTES).toString('base64url')}`;
  const row = await insertKey(trx, { key, ending: key.slice(-ENDING_CHARACTERS), madeBy: actor?.keyId ?? null }, wanted, now);
  if (row === undefined) throw new Error('broken law: 256 random bits are new');
  await recordChange(trx, { actor, now, action: 'key_made', subjectKind: 'key', subjectId: row.key_id, before: null, after: row });
  return { key, row };
}

/**
 * The first admin key: records the one that the environment gives, or makes one when no admin key
 * was ever there. What was made is told once, for the operator to be shown. A key that was revoked
 * stays revoked.
 */
export async function ensureAdminKey(db: Kysely<DB>, { adminKey }: { adminKey: string | null }): Promise<{ made: string | null }> {
  return inTransaction(db, async ({ trx, now }) => {
    await sql`lock table api_key in share row exclusive mode`.execute(trx);
    const first: NewKey = { scope: 'admin', merchantId: null, promoterId: null, label: 'first admin key' };
    if (adminKey === null) {
      const known = await trx
        .selectFrom('api_key')
        .select('key_id')
        .where('scope', '=', 'admin')
        .where('role', 'is', null)
        .where('sign_in', 'is', null)
        .limit(1)
        .executeTakeFirst();
      return { made: known === undefined ? (await makeKey(trx, first, null, now)).key : null };
    }
    const row = await insertKey(
      trx,
      { key: adminKey, ending: null, madeBy: null },
      { ...first, label: 'ADMIN_KEY of the environment' },
      now,
    );
    if (row !== undefined) {
      await recordChange(trx, {
        actor: null,
        now,
        action: 'key_made',
        subjectKind: 'key',
        subjectId: row.key_id,
        before: null,
        after: row,
      });
    }
    return { made: null };
  });
}

async function insertKey(
  trx: Transaction<DB>,
  { key, ending, madeBy }: { key: string; ending: string | null; madeBy: string | null },
  wanted: NewKey,
  now: Date,
): Promise<KeyRow | undefined> {
  const { scope, role = null, person = null, merchantId, promoterId, label } = wanted;
  return trx
    .insertInto('api_key')
    .values({
      key_id: uuidv7(now.getTime()),
      hash: Buffer.from(hashOfKey(key), 'hex'),
      scope,
      role,
      person,
      made_by: madeBy,
      merchant_id: merchantId,
      promoter_id: promoterId,
      label,
      ending,
      made_at: now,
    })
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .returning(SHOWN)
    .executeTakeFirst();
}

/**
 * Who the keys of these hashes are, by the hash in hex; of a key that is none, or was revoked,
 * there is nothing.
 */
export async function findActors(db: Kysely<DB>, hashes: readonly string[]): Promise<Map<string, Actor>> {
  const rows = await db
    .selectFrom('api_key')
    .select(['hash', 'key_id', 'scope', 'role', 'person', 'merchant_id', 'promoter_id'])
    .where(
      'hash',
      'in',
      hashes.map((hex) => Buffer.from(hex, 'hex')),
    )
    .where('revoked_at', 'is', null)
    .execute();
  return new Map(rows.map((row) => [row.hash!.toString('hex'), actorOf(row)]));
}

/** Who a key is, of its row. */
export function actorOf(row: ActorRow): Actor {
  return {
    keyId: row.key_id,
    scope: scopeOf(row.scope),
    role: roleOf(row.role),
    person: personOf(row.key_id, row.person),
    merchantId: row.merchant_id,
    promoterId: row.promoter_id,
  };
}

/** What of a key's row says who it is. */
export type ActorRow = Pick<KeyRow, 'key_id' | 'scope' | 'role' | 'person' | 'merchant_id' | 'promoter_id'>;

/** Which of these keys are revoked, or were never there. */
export async function findRevoked(db: Kysely<DB>, keyIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ key_id: string }>`
    select key_id from api_key where key_id = any(${keyIds}::uuid[]) and revoked_at is null`.execute(db);
  const live = new Set(rows.map((row) => row.key_id));
  return new Set(keyIds.filter((keyId) => !live.has(keyId)));
}

/** Notes that a key is in use, unless somebody did within the minute. */
export async function touchKey(db: Kysely<DB>, keyId: string): Promise<void> {
  await sql`
    update api_key set last_used_at = now()
    where key_id = ${keyId} and (last_used_at is null or last_used_at < now() - interval '1 minute')`.execute(db);
}

/** Keys from the newest, one more than asked for, revoked ones too. */
export async function listKeys(db: Kysely<DB>, { limit, before }: { limit: number; before: string | null }): Promise<KeyRow[]> {
  let query = db.selectFrom('api_key').select(SHOWN).orderBy('key_id', 'desc');
  if (before !== null) query = query.where('key_id', '<', before);
  return query.limit(limit + 1).execute();
}

/**
 * Revokes a key; once revoked it stays so. Throws `not_found`, and `conflict` for the last admin
 * key without a role that can be presented: nobody could make another one.
 */
export async function revokeKey(trx: Transaction<DB>, keyId: string, actor: Actor, now: Date): Promise<void> {
  // Admin keys are locked in one order, so that of two last ones only one can be revoked.
  const admins = await trx
    .selectFrom('api_key')
    .select('key_id')
    .where('scope', '=', 'admin')
    .where('role', 'is', null)
    .where('sign_in', 'is', null)
    .where('revoked_at', 'is', null)
    .orderBy('key_id')
    .forUpdate()
    .execute();
  const before = await trx.selectFrom('api_key').select(SHOWN).where('key_id', '=', keyId).forUpdate().executeTakeFirst();
  if (before === undefined) throw new DomainError('not_found', 'There is no key of this id.');
  if (before.revoked_at !== null) return;
  if (admins.length === 1 && admins[0]!.key_id === keyId) {
    throw new DomainError('conflict', 'This is the last admin key. Make another one first.');
  }
  await trx.updateTable('api_key').set({ revoked_at: now }).where('key_id', '=', keyId).execute();
  const after = { ...before, revoked_at: now };
  await recordChange(trx, { actor, now, action: 'key_revoked', subjectKind: 'key', subjectId: keyId, before, after });
}
