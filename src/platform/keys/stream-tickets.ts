// Stream tickets: what a browser opens a stream with in the place of a key. Its EventSource sends
// no header, and an address is written into the logs of every proxy: so a ticket opens nothing but
// streams, and not for long.

import { randomBytes } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from './actor.ts';
import { actorOf, hashOfKey } from './keys-store.ts';
import type { DB } from '../postgres/tables.ts';

const RANDOM_BYTES = 32;
const TICKET_MS = 10 * 60 * 1000;
/** Of one key at a time; it opens far fewer streams than that. */
const TICKETS_PER_KEY_MAX = 1000;

/** A ticket as it is shown this once, and until when it opens streams. */
interface Ticket {
  ticket: string;
  expires_at: Date;
}

/**
 * Makes a ticket of 256 random bits, of which only the hash is kept. Throws `too_many_requests`
 * where the key has a thousand that have not expired.
 */
export async function makeTicket(trx: Transaction<DB>, { keyId }: Actor, now: Date): Promise<Ticket> {
  const { rows } = await sql<{ held: bigint; first: Date | null }>`
    select count(*) as held, min(expires_at) as first from (
      select expires_at from stream_ticket where key_id = ${keyId} and expires_at > ${now} order by expires_at limit ${TICKETS_PER_KEY_MAX}
    ) as live`.execute(trx);
  const { held, first } = rows[0]!;
  if (first !== null && held >= BigInt(TICKETS_PER_KEY_MAX)) {
    const retryAfterSeconds = Math.ceil((first.getTime() - now.getTime()) / 1000);
    throw new DomainError('too_many_requests', `A key has at most ${TICKETS_PER_KEY_MAX} tickets that have not expired.`, {
      retryAfterSeconds,
    });
  }
  const ticket = `fy_ticket_${randomBytes(RANDOM_BYTES).toString('base64url')}`;
  const expiresAt = new Date(now.getTime() + TICKET_MS);
  await trx
    .insertInto('stream_ticket')
    .values({ hash: Buffer.from(hashOfKey(ticket), 'hex'), key_id: keyId, made_at: now, expires_at: expiresAt })
    .execute();
  return { ticket, expires_at: expiresAt };
}

/**
 * As whom the tickets of these hashes open, by the hash in hex; of one that has expired, or whose
 * key was revoked, there is nothing.
 */
export async function findTicketActors(db: Kysely<DB>, hashes: readonly string[]): Promise<Map<string, Actor>> {
  const rows = await db
    .selectFrom('stream_ticket')
    .innerJoin('api_key', 'api_key.key_id', 'stream_ticket.key_id')
    .select(['stream_ticket.hash', 'api_key.key_id', 'scope', 'role', 'person', 'merchant_id', 'promoter_id'])
    .where(
      'stream_ticket.hash',
      'in',
      hashes.map((hex) => Buffer.from(hex, 'hex')),
    )
    .where('expires_at', '>', sql<Date>`clock_timestamp()`)
    .where('revoked_at', 'is', null)
    .execute();
  return new Map(rows.map((row) => [row.hash.toString('hex'), actorOf(row)]));
}

/** Deletes tickets that have expired, at most so many, and tells how many there were. */
export async function sweepTickets(trx: Transaction<DB>, now: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from stream_ticket where hash = any(array(
      select hash from stream_ticket where expires_at <= ${now} order by expires_at limit ${limit}))`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}
