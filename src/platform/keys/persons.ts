// Two persons: what one made another one approves. Keys of one person are one.

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Actor, KeyRole } from './actor.ts';
import type { DB } from '../postgres/tables.ts';

/** What waits for a second person: who made it or changed it, and when it became what it is. */
interface MadeByOthers {
  persons: readonly string[];
  at: Date;
}

/**
 * Refuses those who made it, with `second_person_required`, unless nobody else could have approved
 * it at any time since: keys of other persons that may, being admins of that role or of none, and
 * were live then, count even if they were revoked meanwhile. True where it is approved alone, which
 * the audit log has to say.
 */
export async function requireSecondPerson(
  trx: Transaction<DB>,
  made: MadeByOthers,
  actor: Actor,
  role: KeyRole,
): Promise<{ alone: boolean }> {
  if (!made.persons.includes(actor.person)) return { alone: false };
  const { rows } = await sql`
    select from api_key
    where scope = 'admin' and (role is null or role = ${role}) and coalesce(person, 'key:' || key_id) <> ${actor.person}
      and (revoked_at is null or revoked_at > ${made.at}) limit 1`.execute(trx);
  if (rows.length > 0) throw new DomainError('second_person_required', 'You made this yourself: another person has to approve it.');
  return { alone: true };
}

/**
 * Whether the key of who approves was made after what is approved, or by a key of those who made
 * that: one person could hold both. Not so a key that nobody can present, whose person somebody
 * else vouches for. Nobody is refused for it; the audit log says so, and an alarm rings.
 */
export async function isRelatedKey(trx: Transaction<DB>, made: { keyIds: readonly string[]; at: Date }, actor: Actor): Promise<boolean> {
  const { rows } = await sql`
    select from api_key
    where key_id = ${actor.keyId} and sign_in is null and (made_at > ${made.at} or made_by = any(${made.keyIds}::uuid[]))`.execute(trx);
  return rows.length > 0;
}

/** What the audit log calls an approval: it says where one person could have made it all. */
export function approvedAs(action: string, { alone, related }: { alone: boolean; related: boolean }): string {
  if (alone) return `${action}_alone`;
  return related ? `${action}_by_related_key` : action;
}

/**
 * Refuses, with `review_required`, what is done without a draft that a second person has approved,
 * where that is asked for.
 */
export function refuseUnreviewed({ reviewRequired }: { reviewRequired: boolean }): void {
  if (!reviewRequired) return;
  throw new DomainError('review_required', 'Draft this with POST /v1/rule-drafts: another person approves it, and then it is published.');
}
