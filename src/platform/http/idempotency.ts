// Retries: a request under an Idempotency-Key has its effect once, and its answer is repeated byte
// for byte for 30 days.

import { createHash, type Hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../keys/actor.ts';
import { inTransaction } from '../postgres/database.ts';
import { stringifyJson } from './json.ts';
import { problemOfRefusal, PROBLEM_TYPE } from './problem.ts';
import type { DB } from '../postgres/tables.ts';

export const IDEMPOTENCY_DAYS = 30;
const KEY_CHARACTERS = /^[\x21-\x7e]{1,255}$/;
const LOCK_NOT_AVAILABLE = '55P03';
/**
 * Refusals of the work itself. What is refused before it (400, 401, 403, 429) leaves the key free,
 * and so does a fault of ours.
 */
const STORED_REFUSALS = new Set([404, 409, 422]);

/** What a request is answered with. */
interface Answer {
  status: number;
  /** Null for an answer without a body. */
  body: unknown;
  /** What is kept for retries instead of the body, where that holds a secret. */
  stored?: unknown;
}

type Work = (transaction: { trx: Transaction<DB>; now: Date }) => Promise<Answer>;

/** What is needed of a request: that of any route fits. */
export interface AskedRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  rawBody: Buffer | null;
  actor: Actor;
}

/** What is needed of a reply: that of any route fits. */
export interface GivenReply {
  raw: { statusCode: number };
  header(name: string, value: string): unknown;
  send(payload: unknown): unknown;
  then(fulfilled: () => void, rejected: (error: Error) => void): void;
}

/** An answer as it goes out, and as it is kept. */
export interface Rendered {
  status: number;
  text: string | null;
}

interface Caller {
  keyId: string;
  key: string;
  fingerprint: Buffer;
}

/**
 * Does the work in a transaction of its own and answers with what it returns, after the commit.
 * With an `Idempotency-Key` it is done once: a retry is answered as the first was, with
 * `Idempotent-Replayed: true`. Throws `invalid_idempotency_key`, `idempotency_key_reused` for
 * another request under the same key, and `idempotency_in_progress` while the first is still
 * running.
 */
export async function answerOnce(request: AskedRequest, reply: GivenReply, db: Kysely<DB>, work: Work): Promise<void> {
  const key = readKey(request.headers['idempotency-key']);
  if (key === null) {
    await send(reply, render(await inTransaction(db, work)));
    return;
  }
  const caller = { keyId: request.actor.keyId, key, fingerprint: fingerprintOf(request) };
  const { rendered, replayed } = await inTransaction(db, async ({ trx, now }) => {
    const earlier = await takeKey(trx, caller, now);
    if (earlier !== null) return { rendered: earlier, replayed: true };
    const { given, kept } = await attempt(trx, now, work);
    await finish(trx, caller, kept, now);
    return { rendered: given, replayed: false };
  });
  if (replayed) reply.header('idempotent-replayed', 'true');
  await send(reply, rendered);
}

/**
 * Deletes answers older than 30 days, at most so many, and tells how many there were. Until then
 * they count as absent.
 */
export async function sweepIdempotencyKeys(trx: Transaction<DB>, now: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from idempotency_key where ctid = any(array(
      select ctid from idempotency_key where made_at <= ${expiry(now)} order by made_at limit ${limit} for update skip locked))`.execute(
    trx,
  );
  return Number(numAffectedRows ?? 0n);
}

/**
 * The key of the header; null without one. The standard's quotes may be there or not: `"a"` and `a`
 * are one key.
 */
export function readKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const text = String(header);
  const key = text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  if (KEY_CHARACTERS.test(key)) return key;
  throw new DomainError('invalid_idempotency_key', 'An Idempotency-Key has 1 to 255 visible ASCII characters.');
}

function fingerprintOf(request: AskedRequest): Buffer {
  const sum = sumOfAddress(request);
  return (request.rawBody === null ? sum : sum.update(request.rawBody)).digest();
}

/**
 * The sum of method and path, to which the bytes of the body are to be added: the SHA-256 that
 * tells requests apart.
 */
export function sumOfAddress({ method, url }: AskedRequest): Hash {
  return createHash('sha256').update(`${method}\0${url}\0`);
}

/**
 * Makes the key's row, or waits for whoever is making it. Null when the work is ours to do, else
 * the answer that was given before.
 */
async function takeKey(trx: Transaction<DB>, { keyId, key, fingerprint }: Caller, now: Date): Promise<Rendered | null> {
  const { rows } = await sql<{ usual: string }>`
    select current_setting('lock_timeout') as usual, set_config('lock_timeout', '1s', true)`.execute(trx);
  const taken = await sql`
    insert into idempotency_key as mine (key_id, key, fingerprint, made_at) values (${keyId}, ${key}, ${fingerprint}, ${now})
    on conflict (key_id, key) do update
      set fingerprint = excluded.fingerprint, made_at = excluded.made_at, status = null, body = null, finished_at = null
      where mine.made_at <= ${expiry(now)}
    returning true`
    .execute(trx)
    .catch(asInProgress);
  await sql`select set_config('lock_timeout', ${rows[0]!.usual}, true)`.execute(trx);
  if (taken.rows.length > 0) return null;
  const row = await trx
    .selectFrom('idempotency_key')
    .select(['fingerprint', 'status', 'body'])
    .where('key_id', '=', keyId)
    .where('key', '=', key)
    .executeTakeFirstOrThrow();
  if (!row.fingerprint.equals(fingerprint)) throw keyReused();
  if (row.status === null) throw inProgress();
  return { status: row.status, text: row.body };
}

/** Does the work. A refusal undoes what the work did, and is an answer like any other. */
async function attempt(trx: Transaction<DB>, now: Date, work: Work): Promise<{ given: Rendered; kept: Rendered }> {
  await sql`savepoint work`.execute(trx);
  try {
    const answer = await work({ trx, now });
    const given = render(answer);
    return { given, kept: answer.stored === undefined ? given : render({ status: answer.status, body: answer.stored }) };
  } catch (error) {
    if (!(error instanceof DomainError) || !STORED_REFUSALS.has(error.status)) throw error;
    await sql`rollback to savepoint work`.execute(trx);
    const given = render({ status: error.status, body: problemOfRefusal(error) });
    return { given, kept: given };
  }
}

async function finish(trx: Transaction<DB>, { keyId, key }: Caller, { status, text }: Rendered, now: Date): Promise<void> {
  await trx
    .updateTable('idempotency_key')
    .set({ status, body: text, finished_at: now })
    .where('key_id', '=', keyId)
    .where('key', '=', key)
    .execute();
}

export function render({ status, body }: Answer): Rendered {
  return { status, text: body === null ? null : stringifyJson(body) };
}

export async function send(reply: GivenReply, { status, text }: Rendered): Promise<void> {
  reply.raw.statusCode = status;
  if (text !== null) reply.header('content-type', status >= 400 ? PROBLEM_TYPE : 'application/json; charset=utf-8');
  reply.send(text);
  await reply;
}

function asInProgress(error: unknown): never {
  if (error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE) throw inProgress();
  throw error;
}

export function keyReused(): DomainError {
  return new DomainError('idempotency_key_reused', 'This Idempotency-Key was used for another request. Nothing was done.');
}

export function inProgress(): DomainError {
  return new DomainError('idempotency_in_progress', 'The first request under this Idempotency-Key is still running. Try again.');
}

export function expiry(now: Date): Date {
  return new Date(now.getTime() - IDEMPOTENCY_DAYS * 24 * 60 * 60 * 1000);
}
