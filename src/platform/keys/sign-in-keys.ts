// The keys of those who sign in without one: rows that nobody can present, so that sessions, audit,
// idempotency and limits are as for any key.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../postgres/tables.ts';
import { uuidv7 } from '../uuid.ts';
import type { Actor, KeyRole, KeyScope } from './actor.ts';
import { recordChange } from './audit-log.ts';
import { actorOf, SHOWN, type KeyRow } from './keys-store.ts';

/** How sessions are made without a key. */
export const SIGN_INS = ['link', 'oidc'] as const;

/** As whom somebody signs in: a promoter, or a person of a scope. */
type SignInGrant =
  | { signIn: 'link'; promoterId: string; label: string }
  | { signIn: 'oidc'; person: string; scope: KeyScope; role: KeyRole | null; merchantId: string | null; label: string };

/**
 * The key of who signs in: made the first time, the same one later. Where the person may something
 * else than before, the earlier key is revoked, which ends its sessions, and another one is made;
 * `revoked` is the id of that earlier key. A key that was revoked stays so, and the next sign-in
 * makes another one.
 */
export async function signInKey(trx: Transaction<DB>, grant: SignInGrant, now: Date): Promise<{ actor: Actor; revoked: string | null }> {
  const wanted = rowOf(grant);
  const subject = grant.signIn === 'oidc' ? grant.person : grant.promoterId;
  // Of two who sign in at once one makes the key.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`sign-in key of ${grant.signIn} ${subject}`}, 0))`.execute(trx);
  const earlier = await trx
    .selectFrom('api_key')
    .select(SHOWN)
    .where('sign_in', '=', grant.signIn)
    .where(({ fn }) => fn.coalesce('promoter_id', 'person'), '=', subject)
    .where('revoked_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  if (earlier !== undefined && isSameGrant(earlier, wanted)) return { actor: actorOf(earlier), revoked: null };
  if (earlier !== undefined) await revoke(trx, earlier, now);
  const row = await trx
    .insertInto('api_key')
    .values({ ...wanted, key_id: uuidv7(now.getTime()), made_at: now })
    .returning(SHOWN)
    .executeTakeFirstOrThrow();
  await recordChange(trx, { actor: null, now, action: 'key_made', subjectKind: 'key', subjectId: row.key_id, before: null, after: row });
  return { actor: actorOf(row), revoked: earlier?.key_id ?? null };
}

function rowOf(grant: SignInGrant) {
  const { signIn: sign_in, label } = grant;
  if (grant.signIn === 'link') {
    return { sign_in, label, scope: 'promoter', role: null, person: null, merchant_id: null, promoter_id: grant.promoterId };
  }
  const { scope, role, person, merchantId: merchant_id } = grant;
  return { sign_in, label, scope, role, person, merchant_id, promoter_id: null };
}

function isSameGrant(row: KeyRow, wanted: Pick<KeyRow, 'scope' | 'role' | 'merchant_id'>): boolean {
  return row.scope === wanted.scope && row.role === wanted.role && row.merchant_id === wanted.merchant_id;
}

async function revoke(trx: Transaction<DB>, before: KeyRow, now: Date): Promise<void> {
  await trx.updateTable('api_key').set({ revoked_at: now }).where('key_id', '=', before.key_id).execute();
  const after = { ...before, revoked_at: now };
  await recordChange(trx, { actor: null, now, action: 'key_revoked', subjectKind: 'key', subjectId: before.key_id, before, after });
}
