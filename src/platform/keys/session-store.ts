// Sessions in the database: by hash, never by what opens them.

import { hash, randomBytes } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { DB } from '../postgres/tables.ts';
import { uuidv7 } from '../uuid.ts';
import type { Actor } from './actor.ts';
import { recordChange } from './audit-log.ts';
import { actorOf, hashOfKey, type ActorRow } from './keys-store.ts';

const RANDOM_BYTES = 32;
const IDLE_HOURS = 12;
const DAYS = 7;
const PROMOTER_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;
/** For so long sessions are still listed after their last possible day. */
const LISTED_DAYS = 30;

/** A session as it may be shown. */
interface SessionRow {
  session_id: string;
  key_id: string;
  made_at: Date;
  last_used_at: Date;
  expires_at: Date;
  ended_at: Date | null;
}

/** Who has signed in, and by which session. */
export interface Session {
  sessionId: string;
  actor: Actor;
}

/**
 * What unsafe requests of a session must show beside its cookie, which a foreign page can make a
 * browser send but not read.
 */
export function csrfOf(token: string): string {
  return hash('sha256', `csrf of ${token}`, 'base64url');
}

/**
 * Makes a session of a key. What the cookie holds, `token`, is 256 random bits, told here alone.
 * It ends after twelve hours without use, and in any case after 7 days, a promoter's after 30.
 */
export async function makeSession(trx: Transaction<DB>, actor: Actor, now: Date): Promise<{ token: string; row: SessionRow }> {
  const token = randomBytes(RANDOM_BYTES).toString('base64url');
  const days = actor.scope === 'promoter' ? PROMOTER_DAYS : DAYS;
  const row = {
    session_id: uuidv7(now.getTime()),
    key_id: actor.keyId,
    made_at: now,
    last_used_at: now,
    expires_at: new Date(now.getTime() + days * DAY_MS),
    ended_at: null,
  };
  await trx
    .insertInto('session')
    .values({ ...row, hash: Buffer.from(hashOfKey(token), 'hex') })
    .execute();
  const told = { actor, now, subjectKind: 'session', subjectId: row.session_id };
  await recordChange(trx, { ...told, action: 'session_made', before: null, after: row });
  return { token, row };
}

/** `least` passes over what is null. */
const ENDS_AT = sql<Date>`
  least(session.ended_at, api_key.revoked_at, session.expires_at, session.last_used_at + make_interval(hours => ${sql.lit(IDLE_HOURS)}))`;

/** The sessions that these hashes (in hex) open and that have not ended, by the hash. */
export async function findSessions(db: Kysely<DB>, hashes: readonly string[]): Promise<Map<string, Session>> {
  const { rows } = await sql<ActorRow & { hash: Buffer; session_id: string }>`
    select session.hash, session_id, key_id, scope, role, person, merchant_id, promoter_id
    from session join api_key using (key_id)
    where session.hash = any(${hashes.map((hex) => Buffer.from(hex, 'hex'))}::bytea[]) and ${ENDS_AT} > now()`.execute(db);
  return new Map(rows.map((row) => [row.hash.toString('hex'), { sessionId: row.session_id, actor: actorOf(row) }]));
}

/** Which of these sessions have ended, or were never there. */
export async function findEnded(db: Kysely<DB>, sessionIds: readonly string[]): Promise<Set<string>> {
  if (sessionIds.length === 0) return new Set();
  const { rows } = await sql<{ session_id: string }>`
    select session_id from session join api_key using (key_id)
    where session_id = any(${sessionIds}::uuid[]) and ${ENDS_AT} > now()`.execute(db);
  const live = new Set(rows.map((row) => row.session_id));
  return new Set(sessionIds.filter((sessionId) => !live.has(sessionId)));
}

/** Notes that a session is in use, unless somebody did within the minute. */
export async function touchSession(db: Kysely<DB>, sessionId: string): Promise<void> {
  await sql`
    update session set last_used_at = now()
    where session_id = ${sessionId} and last_used_at < now() - interval '1 minute'`.execute(db);
}

/** Who does with everybody's sessions what the others do with those of their own person's keys. */
const isOverAll = ({ scope, role }: Actor): boolean => scope === 'admin' && role === null;

const isOf = (person: string) => sql<boolean>`coalesce(api_key.person, 'key:' || api_key.key_id) = ${person}`;

const SHOWN = sql`
  session_id, session.key_id, session.made_at, session.last_used_at, session.expires_at,
  case when ${ENDS_AT} <= now() then ${ENDS_AT} end as ended_at`;

/** The sessions that somebody may see, from the newest, one more than asked for, ended ones too. */
export async function listSessions(
  db: Kysely<DB>,
  actor: Actor,
  { limit, before }: { limit: number; before: string | null },
): Promise<SessionRow[]> {
  const { rows } = await sql<SessionRow>`
    select ${SHOWN} from session join api_key using (key_id)
    where (${isOverAll(actor) || actor.scope === 'auditor'}::boolean or ${isOf(actor.person)}) and (${before}::uuid is null or session_id < ${before})
    order by session_id desc limit ${limit + 1}`.execute(db);
  return rows;
}

/** Ends a session, once. Throws `not_found` where there is none that this caller may end. */
export async function endSession(trx: Transaction<DB>, sessionId: string, actor: Actor, now: Date): Promise<void> {
  const { rows } = await sql<SessionRow>`
    select ${SHOWN} from session join api_key using (key_id)
    where session_id = ${sessionId} and (${isOverAll(actor)}::boolean or ${isOf(actor.person)}) for update of session`.execute(trx);
  const before = rows[0];
  if (before === undefined) throw new DomainError('not_found', 'There is no session of this id.');
  if (before.ended_at !== null) return;
  await sql`update session set ended_at = ${now} where session_id = ${sessionId}`.execute(trx);
  const told = { actor, now, subjectKind: 'session', subjectId: sessionId };
  await recordChange(trx, { ...told, action: 'session_ended', before, after: { ...before, ended_at: now } });
}

/** Deletes sessions that ended long ago, at most so many, and tells how many there were. */
export async function sweepSessions(trx: Transaction<DB>, now: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from session where session_id = any(array(
      select session_id from session where expires_at <= ${now}::timestamptz - make_interval(days => ${LISTED_DAYS})
      order by expires_at limit ${limit} for update skip locked))`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}
