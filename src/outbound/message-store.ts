// Messages in the database: which are due, taking them under a lease, how they ended, and showing
// them.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import type { EventType } from './event.ts';
import type { AttemptOutcome, NextAttempt } from './retry-schedule.ts';

/** Longer than an attempt can take. Whoever has not said how it went by then has died of it. */
const LEASE = sql`interval '60 seconds'`;
const ERROR_LENGTH_MAX = 500;
const KEPT = sql`interval '30 days'`;

export const MESSAGE_STATES = ['pending', 'delivered', 'failed'] as const;

type MessageState = (typeof MESSAGE_STATES)[number];

/** A message that is to be sent now, by us alone. */
export interface TakenMessage {
  message_id: string;
  event_id: string;
  endpoint_id: string;
  body: string;
  /** Which attempt this is, from 1. */
  attempts: number;
  lease: string;
  url: string;
  secrets: Buffer;
}

/** Endpoints that something is due for, the one that waits longest first. */
export async function endpointsDue(db: Kysely<DB>, limit: number): Promise<string[]> {
  const { rows } = await sql<{ endpoint_id: string }>`
    select endpoint_id from webhook_endpoint endpoint cross join lateral (
      select next_attempt_at from webhook_message message
      where message.endpoint_id = endpoint.endpoint_id and state = 'pending' and next_attempt_at <= now()
      order by next_attempt_at limit 1
    ) as due
    where active order by due.next_attempt_at limit ${limit}`.execute(db);
  return rows.map((row) => row.endpoint_id);
}

/**
 * Takes due messages of an active endpoint, the longest due first. They come back by themselves
 * when the lease ends without a word. How often a message was tried does not matter here: a limit
 * in this query would let the last ones lie for ever.
 */
export async function takeMessages(db: Kysely<DB>, endpointId: string, limit: number): Promise<TakenMessage[]> {
  const { rows } = await sql<TakenMessage>`
    update webhook_message message
    set lease = uuidv7(), attempts = attempts + 1, last_attempt_at = now(), next_attempt_at = now() + ${LEASE}
    from webhook_endpoint endpoint
    where endpoint.endpoint_id = message.endpoint_id and endpoint.active and message_id = any(array(
      select message_id from webhook_message
      where endpoint_id = ${endpointId} and state = 'pending' and next_attempt_at <= now()
      order by next_attempt_at limit ${limit} for update skip locked))
    returning message_id, event_id, message.endpoint_id, body, attempts, lease, url, secrets`.execute(db);
  return rows;
}

/**
 * Writes down how an attempt went; nothing where somebody else has taken the message since, or it
 * was removed.
 */
export async function settleMessage(
  db: Kysely<DB>,
  { message_id: messageId, lease }: TakenMessage,
  { outcome, verdict }: { outcome: AttemptOutcome; verdict: NextAttempt },
): Promise<void> {
  const error = outcome.status === null ? outcome.error.slice(0, ERROR_LENGTH_MAX) : null;
  const waitMs = verdict.state === 'pending' ? verdict.waitMs : 0;
  await sql`
    update webhook_message set state = ${verdict.state}, lease = null, last_status = ${outcome.status}, last_error = ${error},
      next_attempt_at = now() + ${waitMs} * interval '1 millisecond',
      finished_at = case when ${verdict.state} <> 'pending' then now() end
    where message_id = ${messageId}::uuid and lease = ${lease}::uuid`.execute(db);
}

/**
 * Lets a message be sent once more, from the beginning of the schedule; null when there is none.
 */
export async function redeliverMessage(trx: Transaction<DB>, messageId: string): Promise<{ before: MessageState } | null> {
  const row = await trx.selectFrom('webhook_message').select('state').where('message_id', '=', messageId).forUpdate().executeTakeFirst();
  if (row === undefined) return null;
  await trx
    .updateTable('webhook_message')
    .set({ state: 'pending', attempts: 0, lease: null, next_attempt_at: sql<Date>`now()`, finished_at: null })
    .where('message_id', '=', messageId)
    .execute();
  return { before: row.state as MessageState };
}

/** Forgets messages that ended 30 days ago, at most so many, and tells how many there were. */
export async function forgetMessages(db: Kysely<DB>, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from webhook_message where message_id = any(array(
      select message_id from webhook_message where state <> 'pending' and finished_at < now() - ${KEPT}
      order by finished_at limit ${limit} for update skip locked))`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** A message as it is shown. */
interface MessageRow {
  message_id: string;
  endpoint_id: string;
  event_id: string;
  type: EventType;
  state: MessageState;
  attempts: number;
  next_attempt_at: Date | null;
  last_attempt_at: Date | null;
  last_status: number | null;
  last_error: string | null;
  made_at: Date;
  finished_at: Date | null;
}

const SHOWN = sql`message_id, endpoint_id, event_id, type, state, attempts, last_attempt_at, last_status, last_error, made_at, finished_at,
  case when state = 'pending' then next_attempt_at end as next_attempt_at`;

/**
 * Messages of an endpoint from the latest, one more than asked for. `before` is the id to go on
 * below.
 */
export async function listMessages(
  db: Kysely<DB>,
  { endpointId, state }: { endpointId: string; state: MessageState | null },
  { limit, before }: { limit: number; before: string | null },
): Promise<MessageRow[]> {
  const { rows } = await sql<MessageRow>`
    select ${SHOWN} from webhook_message
    where endpoint_id = ${endpointId} and ${state === null ? sql`true` : sql`state = ${state}`}
      and ${before === null ? sql`true` : sql`message_id < ${before}::uuid`}
    order by message_id desc limit ${limit + 1}`.execute(db);
  return rows;
}

/** One message with what is sent; null when there is none. */
export async function findMessage(db: Kysely<DB>, messageId: string): Promise<(MessageRow & { body: string }) | null> {
  const { rows } = await sql<MessageRow & { body: string }>`
    select ${SHOWN}, body from webhook_message where message_id = ${messageId}::uuid`.execute(db);
  return rows[0] ?? null;
}

/**
 * How many messages wait, and since when the oldest of them does (seconds; 0 without any). Those of
 * stopped endpoints do not count.
 */
export async function measureMessages(db: Kysely<DB>): Promise<{ pending: number; oldestSeconds: number }> {
  const { rows } = await sql<{ pending: bigint; oldest_seconds: number }>`
    select count(*) as pending, coalesce(extract(epoch from now() - min(message.made_at)), 0)::float8 as oldest_seconds
    from webhook_message message join webhook_endpoint using (endpoint_id) where state = 'pending' and active`.execute(db);
  const { pending, oldest_seconds: oldestSeconds } = rows[0]!;
  return { pending: Number(pending), oldestSeconds };
}
