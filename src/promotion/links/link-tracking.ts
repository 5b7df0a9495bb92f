// The links that platforms make for links of ours: kept beside them, asked for again while they are
// missing, and before they expire.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../platform/durations.ts';
import { backoffMs } from '../../platform/waiting.ts';

const FIRST_RETRY_MS = 10_000;
const RETRY_MS_MAX = HOUR_MS;
/** With the waits in between this is about a day. */
const ATTEMPTS_MAX = 30;
/** Whoever has taken what is due has so long for it, before another process takes it. */
const LEASE_MS = 2 * MINUTE_MS;
const RENEW_BEFORE_MS = 5 * DAY_MS;

/** Which link a platform is asked for. */
export interface TrackedWish {
  code: string;
  merchantId: string;
  promoterId: string;
  productId: string;
  landingUrl: string;
}

/**
 * What the platform answered: its link and when that expires, or why there is none yet and how long
 * it wants not to be asked.
 */
export type TrackedAnswer =
  | { state: 'made'; url: string; expiresAt: Date | null }
  | { state: 'waiting'; error: string; retryAfterMs: number | null };

/**
 * Asks the platform of a source for its link; over the network, so never in a transaction. Throws
 * `unknown_source`, `cannot_promote`, and `platform_refused` with the platform's own words.
 */
export type AskForLink = (sourceId: string, wish: TrackedWish) => Promise<TrackedAnswer>;

export interface Tracking {
  code: string;
  source_id: string;
  state: 'made' | 'waiting' | 'failed';
  url: string | null;
  expires_at: Date | null;
  error: string | null;
}

/** What is asked for again. */
interface DueTracking extends TrackedWish {
  sourceId: string;
  attempts: number;
  /** When the link of ours expires. */
  linkExpiresAt: Date | null;
}

/**
 * Keeps what the platform answered. A link that it made before is followed on until it expires,
 * where it made none now.
 */
export async function keepAnswer(
  trx: Transaction<DB>,
  { code, sourceId, attempts, linkExpiresAt }: Pick<DueTracking, 'code' | 'sourceId' | 'attempts' | 'linkExpiresAt'>,
  answer: TrackedAnswer,
  now: Date,
): Promise<Tracking> {
  const next = nextAttempt(answer, { attempts, linkExpiresAt }, now);
  const given = answer.state === 'made' ? { url: answer.url, expiresAt: answer.expiresAt } : { url: null, expiresAt: null };
  const { rows } = await sql<Tracking>`
    insert into tracked_link as kept (code, source_id, state, url, expires_at, error, attempts, next_attempt_at)
    values (${code}, ${sourceId}, ${next.state}, ${given.url}, ${given.expiresAt}, ${next.error}, ${next.attempts}, ${next.at})
    on conflict (code) do update set
      state = excluded.state,
      url = coalesce(excluded.url, kept.url),
      expires_at = case when excluded.url is null then kept.expires_at else excluded.expires_at end,
      error = excluded.error,
      attempts = excluded.attempts,
      next_attempt_at = excluded.next_attempt_at
    returning code, source_id, state, url, expires_at, error`.execute(trx);
  return rows[0]!;
}

interface NextAttempt {
  state: Tracking['state'];
  error: string | null;
  attempts: number;
  at: Date | null;
}

function nextAttempt(
  answer: TrackedAnswer,
  { attempts, linkExpiresAt }: Pick<DueTracking, 'attempts' | 'linkExpiresAt'>,
  now: Date,
): NextAttempt {
  if (answer.state === 'made') {
    const { expiresAt } = answer;
    const outlives = expiresAt !== null && (linkExpiresAt === null || linkExpiresAt > expiresAt);
    return { state: 'made', error: null, attempts: 0, at: outlives ? renewalOf(expiresAt, now) : null };
  }
  const { error, retryAfterMs } = answer;
  const failed = attempts + 1;
  if (failed >= ATTEMPTS_MAX) return { state: 'failed', error, attempts: failed, at: null };
  const waitMs = Math.max(retryAfterMs ?? 0, backoffMs(failed, FIRST_RETRY_MS, RETRY_MS_MAX));
  return { state: 'waiting', error, attempts: failed, at: new Date(now.getTime() + waitMs) };
}

/** Some days before the end; where a link lives for days only, after nine tenths of its life. */
function renewalOf(expiresAt: Date, now: Date): Date {
  const lifeMs = expiresAt.getTime() - now.getTime();
  return new Date(expiresAt.getTime() - Math.min(RENEW_BEFORE_MS, lifeMs / 10));
}

/** What the platforms made for these links, by our code. */
export async function readTracking(db: Kysely<DB>, codes: readonly string[]): Promise<Map<string, Tracking>> {
  if (codes.length === 0) return new Map();
  const rows = await db
    .selectFrom('tracked_link')
    .select(['code', 'source_id', 'state', 'url', 'expires_at', 'error'])
    .where('code', 'in', codes)
    .execute();
  return new Map((rows as Tracking[]).map((row) => [row.code, row]));
}

/** Takes what is due, so that no other process asks for the same. */
export async function takeDueTracking(db: Kysely<DB>, limit: number): Promise<DueTracking[]> {
  const { rows } = await sql<DueTracking>`
    update tracked_link as taken set next_attempt_at = now() + ${LEASE_MS} * interval '1 millisecond'
    from link where link.code = taken.code and taken.code = any(array(
      select code from tracked_link where next_attempt_at <= now() order by next_attempt_at limit ${limit} for update skip locked))
    returning taken.code, taken.source_id as "sourceId", taken.attempts, link.expires_at as "linkExpiresAt",
      link.merchant_id as "merchantId", link.promoter_id as "promoterId", link.product_id as "productId",
      link.landing_url as "landingUrl"`.execute(db);
  return rows;
}
