// Two persons: what one made another one approves. Keys of one person are one.

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../core/errors.ts';
import type { Actor } from '../platform/keys/actor.ts';
import type { DB } from '../platform/postgres/tables.ts';

/** What waits for a second person: who made it, and when. */
interface MadeByOne {
  person: string;
  at: Date;
}

/**
 * Refuses the person who made it, with `second_person_required`, unless nobody else could have
 * approved it at any time since: keys of other persons that may, and were live then, count even if
 * they were revoked meanwhile. True where it is approved alone, which the audit log has to say.
 */
export async function requireSecondPerson(trx: Transaction<DB>, made: MadeByOne, actor: Actor): Promise<{ alone: boolean }> {
  if (actor.person !== made.person) return { alone: false };
  const { rows } = await sql`
    select from api_key
    where scope = 'admin' and (role is null or role = 'finance') and coalesce(person, 'key:' || key_id) <> ${actor.person}
      and (revoked_at is null or revoked_at > ${made.at}) limit 1`.execute(trx);
  if (rows.length > 0) throw new DomainError('second_person_required', 'You made this yourself: another person has to approve it.');
  return { alone: true };
}
