// Retries of requests whose bodies are files, which are not in memory as a whole: done once, and
// answered as they were the first time.

import type { Hash } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import { inTransaction } from '../postgres/database.ts';
import {
  sumOfAddress,
  expiry,
  inProgress,
  readKey,
  keyReused,
  render,
  send,
  type AskedRequest,
  type GivenReply,
  type Rendered,
} from './idempotency.ts';
import type { DB } from '../postgres/tables.ts';

/** Without a sign of life for so long, a request has ended with its process. */
const SILENCE_MS_MAX = 60_000;
const SIGN_INTERVAL_MS = 10_000;

/**
 * A request that a caller wants done once. `address` is the fingerprint of its method and path
 * alone.
 */
interface Caller {
  keyId: string;
  key: string;
  address: Buffer;
}

type Work = (stream: AsyncIterable<Buffer>) => Promise<{ status: number; body: unknown }>;

/** What was kept of a request that is done: its whole fingerprint, and its answer. */
interface Done extends Rendered {
  fingerprint: Buffer;
}

/**
 * Does the work with the stream of the body, and answers with the status and the body that it
 * returns. With an `Idempotency-Key` it is done once. The fingerprint is the one of every request
 * (method, path, bytes of the body), but it is known only at the end of the stream. So the key is
 * taken before the work with the address alone, the bytes are summed up as the work reads them, and
 * the answer is kept with the sum. A retry that comes meanwhile throws `idempotency_in_progress`;
 * one that comes after is read to its end and summed up without doing anything: if it is the same
 * it is answered as the first was, with `Idempotent-Replayed: true`, else it throws
 * `idempotency_key_reused`.
 *
 * The work commits as it goes, so it must be harmless to do again: a request that was cut off,
 * refused or failed leaves its key free, at once, or after a minute where its process has died. It
 * must read the stream to its end.
 */
export async function answerStreamOnce(
  request: AskedRequest & { body: unknown },
  reply: GivenReply,
  db: Kysely<DB>,
  work: Work,
): Promise<void> {
  const stream = (request.body ?? []) as AsyncIterable<Buffer>;
  const key = readKey(request.headers['idempotency-key']);
  if (key === null) {
    await send(reply, render(await work(stream)));
    return;
  }
  const sum = sumOfAddress(request);
  const caller: Caller = { keyId: request.actor.keyId, key, address: sum.copy().digest() };
  const taken = await inTransaction(db, ({ trx, now }) => takeKey(trx, caller, now));
  if ('fingerprint' in taken) {
    for await (const bytes of stream) sum.update(bytes);
    if (!taken.fingerprint.equals(sum.digest())) throw keyReused();
    reply.header('idempotent-replayed', 'true');
    await send(reply, taken);
    return;
  }
  await send(reply, await workOnce(db, { caller, stream, sum, work, aliveAt: taken.aliveAt }));
}

interface TakenKey {
  caller: Caller;
  stream: AsyncIterable<Buffer>;
  sum: Hash;
  work: Work;
  /**
   * Our last sign of life, which tells our row from that of somebody who has taken the key over.
   */
  aliveAt: Date;
}

async function workOnce(db: Kysely<DB>, { caller, stream, sum, work, aliveAt: takenAt }: TakenKey): Promise<Rendered> {
  let aliveAt = takenAt;
  let signedAt = Date.now();
  async function* summed(): AsyncGenerator<Buffer> {
    for await (const bytes of stream) {
      sum.update(bytes);
      yield bytes;
      if (Date.now() - signedAt < SIGN_INTERVAL_MS) continue;
      signedAt = Date.now();
      aliveAt = await inTransaction(db, ({ trx, now }) => signOfLife(trx, caller, aliveAt, now));
    }
  }
  try {
    const answer = render(await work(summed()));
    await inTransaction(db, ({ trx, now }) => keep(trx, caller, { aliveAt, now, done: { ...answer, fingerprint: sum.digest() } }));
    return answer;
  } catch (error) {
    await release(db, caller, aliveAt);
    throw error;
  }
}

/**
 * Takes the key, or finds what was kept under it. Throws `idempotency_in_progress` and
 * `idempotency_key_reused`.
 */
async function takeKey(trx: Transaction<DB>, { keyId, key, address }: Caller, now: Date): Promise<{ aliveAt: Date } | Done> {
  const { rows } = await sql<{ alive_at: Date }>`
    insert into streamed_request as mine (key_id, key, address, alive_at) values (${keyId}, ${key}, ${address}, ${now})
    on conflict (key_id, key) do update set address = excluded.address, alive_at = excluded.alive_at
      where mine.alive_at <= ${silentSince(now)}
    returning alive_at`.execute(trx);
  if (rows.length === 0) {
    const other = await trx.selectFrom('streamed_request').select('address').where('key_id', '=', keyId).where('key', '=', key).execute();
    throw other.every((row) => row.address.equals(address)) ? inProgress() : keyReused();
  }
  // The key is ours, or it was finished by somebody whose row is gone by now: then his answer is
  // there to be seen.
  const done = await trx
    .selectFrom('idempotency_key')
    .select(['fingerprint', 'status', 'body as text'])
    .where('key_id', '=', keyId)
    .where('key', '=', key)
    .where('made_at', '>', expiry(now))
    .executeTakeFirst();
  if (done === undefined) return { aliveAt: rows[0]!.alive_at };
  await trx.deleteFrom('streamed_request').where('key_id', '=', keyId).where('key', '=', key).execute();
  if (done.status === null) throw inProgress();
  return { ...done, status: done.status };
}

/**
 * Says that the request goes on. Throws `idempotency_in_progress` where a retry has taken the key
 * over: it does the rest.
 */
async function signOfLife(trx: Transaction<DB>, { keyId, key }: Caller, aliveAt: Date, now: Date): Promise<Date> {
  const { rows } = await sql<{ alive_at: Date }>`
    update streamed_request set alive_at = ${now} where key_id = ${keyId} and key = ${key} and alive_at = ${aliveAt} returning alive_at`.execute(
    trx,
  );
  if (rows[0] === undefined) throw inProgress();
  return rows[0].alive_at;
}

/**
 * Keeps the answer in the place of the taken key. Where a retry has taken the key over, the answer
 * is its to keep.
 */
async function keep(trx: Transaction<DB>, caller: Caller, { aliveAt, now, done }: { aliveAt: Date; now: Date; done: Done }): Promise<void> {
  if (!(await release(trx, caller, aliveAt))) return;
  const { keyId, key } = caller;
  const { fingerprint, status, text } = done;
  await sql`
    insert into idempotency_key as mine (key_id, key, fingerprint, status, body, made_at, finished_at)
    values (${keyId}, ${key}, ${fingerprint}, ${status}, ${text}, ${now}, ${now})
    on conflict (key_id, key) do update set fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body,
      made_at = excluded.made_at, finished_at = excluded.finished_at
      where mine.made_at <= ${expiry(now)}`.execute(trx);
}

/** Sets the key free, and tells whether it was ours still. */
async function release(db: Kysely<DB>, { keyId, key }: Caller, aliveAt: Date): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('streamed_request')
    .where('key_id', '=', keyId)
    .where('key', '=', key)
    .where('alive_at', '=', aliveAt)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Deletes the taken keys of requests that have died. Until then they count as absent. */
export async function sweepStreamedRequests(trx: Transaction<DB>, now: Date): Promise<void> {
  await trx.deleteFrom('streamed_request').where('alive_at', '<=', silentSince(now)).execute();
}

function silentSince(now: Date): Date {
  return new Date(now.getTime() - SILENCE_MS_MAX);
}
