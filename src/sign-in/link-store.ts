// Sign-in links: what an operator sends to a promoter's phone, which holds no key.

import { randomBytes } from 'node:crypto';

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../core/errors.ts';
import type { Actor } from '../platform/keys/actor.ts';
import { recordChange } from '../platform/keys/audit-log.ts';
import { hashOfKey } from '../platform/keys/keys-store.ts';
import type { DB } from '../platform/postgres/tables.ts';

const RANDOM_BYTES = 32;
const LINK_MS = 15 * 60 * 1000;
/** Of one promoter at a time, who needs one for each of his phones. */
const LINKS_PER_PROMOTER_MAX = 20;

const keptHash = (code: string): Buffer => Buffer.from(hashOfKey(code), 'hex');

/**
 * Makes a link of a promoter who is there. Its code is 256 random bits, told here alone; it signs
 * in once, within 15 minutes. Throws `too_many_requests` where the promoter has twenty that wait.
 */
export async function makeSignInLink(
  trx: Transaction<DB>,
  promoterId: string,
  actor: Actor,
  now: Date,
): Promise<{ code: string; expiresAt: Date }> {
  const { rows } = await sql<{ held: bigint; first: Date | null }>`
    select count(*) as held, min(expires_at) as first from sign_in_link where promoter_id = ${promoterId} and expires_at > ${now}`.execute(
    trx,
  );
  const { held, first } = rows[0]!;
  if (first !== null && held >= BigInt(LINKS_PER_PROMOTER_MAX)) {
    const retryAfterSeconds = Math.ceil((first.getTime() - now.getTime()) / 1000);
    throw new DomainError('too_many_requests', `A promoter has at most ${LINKS_PER_PROMOTER_MAX} sign-in links that wait.`, {
      retryAfterSeconds,
    });
  }
  const code = randomBytes(RANDOM_BYTES).toString('base64url');
  const expiresAt = new Date(now.getTime() + LINK_MS);
  await trx
    .insertInto('sign_in_link')
    .values({ hash: keptHash(code), promoter_id: promoterId, made_by: actor.keyId, made_at: now, expires_at: expiresAt })
    .execute();
  const told = { actor, now, subjectKind: 'promoter', subjectId: promoterId };
  await recordChange(trx, { ...told, action: 'sign_in_link_made', before: null, after: { expires_at: expiresAt } });
  return { code, expiresAt };
}

/** Uses a code up: whose it is, or null where it is none, was used, or has expired. */
export async function useCode(trx: Transaction<DB>, code: string, now: Date): Promise<string | null> {
  const { rows } = await sql<{ promoter_id: string; expires_at: Date }>`
    delete from sign_in_link where hash = ${keptHash(code)} returning promoter_id, expires_at`.execute(trx);
  const link = rows[0];
  return link !== undefined && link.expires_at > now ? link.promoter_id : null;
}

/** Deletes links that have expired, at most so many, and tells how many there were. */
export async function sweepSignInLinks(trx: Transaction<DB>, now: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from sign_in_link where hash = any(array(
      select hash from sign_in_link where expires_at <= ${now} order by expires_at limit ${limit}))`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}
