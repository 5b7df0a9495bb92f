// The rows of re-ratings: asked for, previewed under a lease, approved, executed, cancelled.

import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { SECOND_MS } from '../../platform/durations.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { PreviewResult } from './preview-result.ts';

export const RE_RATING_STATES = ['running', 'ready', 'approved', 'executed', 'cancelled', 'failed'] as const;
type ReRatingState = (typeof RE_RATING_STATES)[number];

/** Longer than a worker is silent, unless it is gone. */
const LEASE_MS = 20 * SECOND_MS;
/** What has ended so many workers while it was previewed is not given to another. */
const ATTEMPTS_MAX = 5;

/** What was asked. */
export interface ReRatingQuery {
  /** Only lines that one of these pays, or would pay now; null: whichever rule. */
  ruleIds: string[] | null;
  merchantId: string | null;
  from: Date;
  to: Date;
  currency: string;
  reason: string;
  /** Promoters may get less by it. */
  lowers: boolean;
}

export interface ReRating extends ReRatingQuery {
  reRatingId: string;
  state: ReRatingState;
  madeAt: Date;
  madeBy: string;
  madePerson: string;
  run: number;
  startedAt: Date | null;
  ordersDone: bigint;
  ordersOf: bigint | null;
  bookRevision: bigint | null;
  previewedAt: Date | null;
  contentHash: Buffer | null;
  result: PreviewResult | null;
  approvedAt: Date | null;
  approvedBy: string | null;
  approvedAlone: boolean | null;
  relatedKey: boolean | null;
  executedAt: Date | null;
  cancelledAt: Date | null;
  cancelledBy: string | null;
  failedAt: Date | null;
  error: string | null;
}

interface ReRatingRow {
  re_rating_id: string;
  state: ReRatingState;
  rule_ids: string[] | null;
  merchant_id: string | null;
  period_from: Date;
  period_to: Date;
  currency: string;
  reason: string;
  lowers: boolean;
  made_at: Date;
  made_by: string;
  made_person: string;
  run: number;
  started_at: Date | null;
  orders_done: bigint;
  orders_of: bigint | null;
  book_revision: bigint | null;
  previewed_at: Date | null;
  content_hash: Buffer | null;
  result: PreviewResult | null;
  approved_at: Date | null;
  approved_by: string | null;
  approved_alone: boolean | null;
  related_key: boolean | null;
  executed_at: Date | null;
  cancelled_at: Date | null;
  cancelled_by: string | null;
  failed_at: Date | null;
  error: string | null;
}

const COLUMNS = sql`re_rating_id, state, rule_ids, merchant_id, period_from, period_to, currency, reason, lowers, made_at, made_by,
  made_person, run, started_at, orders_done, orders_of, book_revision, previewed_at, content_hash, result, approved_at, approved_by,
  approved_alone, related_key, executed_at, cancelled_at, cancelled_by, failed_at, error`;

const read = (row: ReRatingRow): ReRating => ({
  reRatingId: row.re_rating_id,
  state: row.state,
  ruleIds: row.rule_ids,
  merchantId: row.merchant_id,
  from: row.period_from,
  to: row.period_to,
  currency: row.currency,
  reason: row.reason,
  lowers: row.lowers,
  madeAt: row.made_at,
  madeBy: row.made_by,
  madePerson: row.made_person,
  run: row.run,
  startedAt: row.started_at,
  ordersDone: row.orders_done,
  ordersOf: row.orders_of,
  bookRevision: row.book_revision,
  previewedAt: row.previewed_at,
  contentHash: row.content_hash,
  result: row.result,
  approvedAt: row.approved_at,
  approvedBy: row.approved_by,
  approvedAlone: row.approved_alone,
  relatedKey: row.related_key,
  executedAt: row.executed_at,
  cancelledAt: row.cancelled_at,
  cancelledBy: row.cancelled_by,
  failedAt: row.failed_at,
  error: row.error,
});

/** Puts a re-rating down for the workers. */
export async function addReRating(
  trx: Transaction<DB>,
  reRatingId: string,
  query: ReRatingQuery,
  { actor, now }: { actor: Actor; now: Date },
): Promise<ReRating> {
  const { ruleIds, merchantId, from, to, currency, reason, lowers } = query;
  const { rows } = await sql<ReRatingRow>`
    insert into re_rating (re_rating_id, state, rule_ids, merchant_id, period_from, period_to, currency, reason, lowers, made_at, made_by,
      made_person)
    values (${reRatingId}, 'running', ${ruleIds}::text[], ${merchantId}, ${from}, ${to}, ${currency}, ${reason}, ${lowers}, ${now},
      ${actor.keyId}, ${actor.person})
    returning ${COLUMNS}`.execute(trx);
  return read(rows[0]!);
}

/** How many are previewed or wait for it. */
export async function countRunning(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from re_rating where state = 'running'`.execute(db);
  return rows[0]!.count;
}

/** Throws `not_found`. */
export async function findReRating(db: Kysely<DB>, reRatingId: string): Promise<ReRating> {
  const { rows } = await sql<ReRatingRow>`select ${COLUMNS} from re_rating where re_rating_id = ${reRatingId}`.execute(db);
  if (rows[0] === undefined) throw new DomainError('not_found', 'There is no re-rating of this id.');
  return read(rows[0]);
}

/** The re-rating, locked until the transaction ends: what becomes of it is decided once. */
export async function lockReRating(trx: Transaction<DB>, reRatingId: string): Promise<ReRating> {
  await sql`select from re_rating where re_rating_id = ${reRatingId} for update`.execute(trx);
  return findReRating(trx, reRatingId);
}

/** Re-ratings from the newest, one more than asked for. */
export async function listReRatings(
  db: Kysely<DB>,
  filter: { state: ReRatingState | null; merchantId: string | null },
  { limit, before }: { limit: number; before: string | null },
): Promise<ReRating[]> {
  const { rows } = await sql<ReRatingRow>`
    select ${COLUMNS} from re_rating where true
      ${filter.state === null ? sql`` : sql`and state = ${filter.state}`}
      ${filter.merchantId === null ? sql`` : sql`and merchant_id = ${filter.merchantId}`}
      ${before === null ? sql`` : sql`and re_rating_id < ${before}`}
    order by re_rating_id desc limit ${limit + 1}`.execute(db);
  return rows.map(read);
}

const leaseFrom = (now: Date): Date => new Date(now.getTime() + LEASE_MS);

/**
 * Takes the oldest re-rating that is to be previewed or executed and that nobody works at, under a
 * lease; null where there is none. A preview is begun anew, an execution goes on where it was. A
 * preview that has ended too many workers fails.
 */
export async function takeReRating(trx: Transaction<DB>, now: Date): Promise<ReRating | null> {
  const { rows } = await sql<{ re_rating_id: string; state: ReRatingState; attempts: number }>`
    select re_rating_id, state, attempts from re_rating
    where state in ('running', 'approved') and coalesce(leased_until <= ${now}, true)
    order by made_at, re_rating_id limit 1 for update skip locked`.execute(trx);
  const [found] = rows;
  if (found === undefined) return null;
  const { re_rating_id: reRatingId, state, attempts } = found;
  if (state === 'approved') return set(trx, reRatingId, sql`leased_until = ${leaseFrom(now)}`);
  if (attempts < ATTEMPTS_MAX) {
    const begun = sql`run = run + 1, attempts = attempts + 1, started_at = ${now}, orders_done = 0, orders_of = null`;
    return set(trx, reRatingId, sql`${begun}, leased_until = ${leaseFrom(now)}`);
  }
  const error = `It was begun ${ATTEMPTS_MAX} times, and no worker came to its end.`;
  await set(trx, reRatingId, sql`state = 'failed', failed_at = ${now}, leased_until = null, error = ${error}`);
  return null;
}

async function set(trx: Transaction<DB>, reRatingId: string, fields: RawBuilder<unknown>): Promise<ReRating> {
  const { rows } = await sql<ReRatingRow>`
    update re_rating set ${fields} where re_rating_id = ${reRatingId} returning ${COLUMNS}`.execute(trx);
  return read(rows[0]!);
}

/** Which work a worker has taken: one that was taken over or cancelled is another one. */
export type TakenWork = Pick<ReRating, 'reRatingId' | 'run' | 'state'>;

const isOwn = ({ reRatingId, run, state }: TakenWork) => sql`re_rating_id = ${reRatingId} and run = ${run} and state = ${state}`;

/** How far a preview has come. */
export interface Progress {
  done: number;
  of: number | null;
}

/**
 * Says that the work goes on; false where it does not any more: it was cancelled, taken over or
 * done.
 */
export async function renewLease(db: Kysely<DB>, taken: TakenWork, { done, of }: Progress): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update re_rating set leased_until = now() + ${LEASE_MS}::int * interval '1 millisecond', orders_done = ${done}, orders_of = ${of}
    where ${isOwn(taken)}`.execute(db);
  return numAffectedRows === 1n;
}

/** Whether it is still this worker's, which it stays until the transaction ends. */
export async function holdsLease(trx: Transaction<DB>, taken: TakenWork): Promise<boolean> {
  const { rows } = await sql`select from re_rating where ${isOwn(taken)} for share`.execute(trx);
  return rows.length > 0;
}

/** Gives work back that was ended by no fault of its own: another worker takes it at once. */
export async function releaseLease(db: Kysely<DB>, taken: TakenWork): Promise<void> {
  const uncounted = taken.state === 'running' ? sql`, attempts = attempts - 1` : sql``;
  await sql`update re_rating set leased_until = null ${uncounted} where ${isOwn(taken)}`.execute(db);
}

/** What a preview has come to. */
export interface Preview {
  bookRevision: bigint;
  contentHash: Buffer;
  result: PreviewResult;
  orders: number;
}

/** Keeps what a preview came to; false where it was cancelled or taken over meanwhile. */
export async function savePreview(trx: Transaction<DB>, taken: TakenWork, preview: Preview, now: Date): Promise<boolean> {
  const { bookRevision, contentHash, result, orders } = preview;
  const { numAffectedRows } = await sql`
    update re_rating set state = 'ready', previewed_at = ${now}, book_revision = ${bookRevision}, content_hash = ${contentHash},
      result = ${JSON.stringify(result)}::jsonb, orders_done = ${orders}, orders_of = ${orders}, leased_until = null
    where ${isOwn(taken)}`.execute(trx);
  return numAffectedRows === 1n;
}

/** Ends a preview that cannot come to anything, unless it was cancelled or taken over meanwhile. */
export async function failPreview(db: Kysely<DB>, taken: TakenWork, error: string): Promise<void> {
  await sql`
    update re_rating set state = 'failed', failed_at = now(), error = ${error}, leased_until = null where ${isOwn(taken)}`.execute(db);
}

/** Gives it to the workers. */
export async function saveApproval(
  trx: Transaction<DB>,
  reRatingId: string,
  { actor, now, alone, related }: { actor: Actor; now: Date; alone: boolean; related: boolean },
): Promise<ReRating> {
  return set(
    trx,
    reRatingId,
    sql`state = 'approved', approved_at = ${now}, approved_by = ${actor.keyId}, approved_person = ${actor.person},
      approved_alone = ${alone}, related_key = ${related}`,
  );
}

export async function saveCancellation(
  trx: Transaction<DB>,
  reRatingId: string,
  { actor, now }: { actor: Actor; now: Date },
): Promise<ReRating> {
  return set(trx, reRatingId, sql`state = 'cancelled', cancelled_at = ${now}, cancelled_by = ${actor.keyId}, leased_until = null`);
}

/**
 * Notes that nothing is left to be booked, once; null where something is, or where it was noted
 * before.
 */
export async function saveExecution(trx: Transaction<DB>, reRatingId: string, now: Date): Promise<ReRating | null> {
  const { rows } = await sql<ReRatingRow>`
    update re_rating set state = 'executed', executed_at = ${now}, leased_until = null
    where re_rating_id = ${reRatingId} and state = 'approved' and not exists (
      select from re_rating_order waiting where waiting.re_rating_id = re_rating.re_rating_id and waiting.state = 'waiting')
    returning ${COLUMNS}`.execute(trx);
  return rows[0] === undefined ? null : read(rows[0]);
}

/** The revision of the rule book, which nobody raises until the transaction ends. */
export async function holdBookRevision(trx: Transaction<DB>): Promise<bigint> {
  const { rows } = await sql<{ revision: bigint }>`select revision from rule_book for share`.execute(trx);
  return rows[0]!.revision;
}

/** The rules of which a version or an end was written down since then, at most so many. */
export async function rulesChangedSince(db: Kysely<DB>, since: Date, limit: number): Promise<string[]> {
  const { rows } = await sql<{ rule_id: string }>`
    select rule_id from rule_version where recorded_at >= ${since}
    union select rule_id from rule_end where recorded_at >= ${since} order by rule_id limit ${limit}`.execute(db);
  return rows.map((row) => row.rule_id);
}

/** Those cancelled or failed before that, of which orders are kept still; at most so many. */
export async function endedInVain(db: Kysely<DB>, before: Date, limit: number): Promise<string[]> {
  const { rows } = await sql<{ re_rating_id: string }>`
    select re_rating_id from re_rating
    where state in ('cancelled', 'failed') and coalesce(cancelled_at, failed_at) < ${before}
      and exists (select from re_rating_order where re_rating_order.re_rating_id = re_rating.re_rating_id)
    order by made_at limit ${limit}`.execute(db);
  return rows.map((row) => row.re_rating_id);
}
