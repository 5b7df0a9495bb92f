// What is to be fetched by its id: taken when it is due, and forgotten once it was fetched, unless
// it was named again meanwhile. What cannot be fetched is put off, ever longer and each by itself;
// nothing is ever given up.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { UnfetchedDetail } from '../../sources/source.ts';
import { failureOf, keptMessageOf, pauseOfOneMs } from './pauses.ts';

export interface DueWanted {
  key: string;
  askedAt: Date;
  attempts: number;
}

/** What is due of a source, the longest due first: what never failed, or what has. */
export async function dueWanted(db: Kysely<DB>, sourceId: string, which: 'fresh' | 'failed', limit: number): Promise<DueWanted[]> {
  const rows = await db
    .selectFrom('pull_wanted')
    .select(['key', 'asked_at', 'attempts'])
    .where('source_id', '=', sourceId)
    .where('attempts', which === 'fresh' ? '=' : '>', 0)
    .where('due_at', '<=', sql<Date>`now()`)
    .orderBy('due_at')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ key: row.key, askedAt: row.asked_at, attempts: row.attempts }));
}

/** Whether it was not named again since. */
const isSame = (sourceId: string, { key, askedAt }: DueWanted) =>
  sql`source_id = ${sourceId} and key = ${key} and date_trunc('milliseconds', asked_at) <= ${askedAt}`;

/** Forgets what was fetched. */
export async function forgetWanted(trx: Transaction<DB>, sourceId: string, wanted: DueWanted): Promise<void> {
  await sql`delete from pull_wanted where ${isSame(sourceId, wanted)}`.execute(trx);
}

/** Forgets what a page has told in detail, where it was not named since the page was asked for. */
export async function forgetFetched(trx: Transaction<DB>, sourceId: string, keys: readonly string[], askedAt: Date): Promise<void> {
  if (keys.length === 0) return;
  await sql`
    delete from pull_wanted where source_id = ${sourceId} and key = any(${keys}) and asked_at < ${askedAt}
      and (attempts > 0 or due_at <= now())`.execute(trx);
}

/** Fetches again later what was told, but not all of it. */
export async function postponeWanted(trx: Transaction<DB>, sourceId: string, wanted: DueWanted, afterMs: number): Promise<void> {
  await sql`
    update pull_wanted set attempts = 0, error = null, due_at = now() + ${afterMs} * interval '1 millisecond'
    where ${isSame(sourceId, wanted)}`.execute(trx);
}

/**
 * Puts off what could not be fetched. That the platform was asked too often says nothing of this
 * one.
 */
export async function putOffWanted(trx: Transaction<DB>, sourceId: string, wanted: DueWanted, error: unknown): Promise<void> {
  const { attempts, message, afterMs } = pauseAfter(wanted.attempts, error);
  await sql`
    update pull_wanted set attempts = ${attempts}, error = ${message}, due_at = now() + ${afterMs} * interval '1 millisecond'
    where ${isSame(sourceId, wanted)}`.execute(trx);
}

function pauseAfter(before: number, error: unknown): { attempts: number; message: string | null; afterMs: number } {
  if (error === null) return { attempts: before, message: null, afterMs: 0 };
  const attempts = before + (isTooOften(error) ? 0 : 1);
  return { attempts, message: keptMessageOf(error), afterMs: pauseOfOneMs(error, attempts) };
}

const isTooOften = (error: unknown): boolean => failureOf(error) === 'rate_limited';

/**
 * Keeps what the rows of a page were not told in detail, each to be fetched by itself, unless a
 * push has named it since.
 */
export async function keepUnfetched(
  trx: Transaction<DB>,
  sourceId: string,
  unfetched: readonly UnfetchedDetail[],
  askedAt: Date,
): Promise<void> {
  if (unfetched.length === 0) return;
  const errors = new Map(unfetched.map(({ key, error }) => [key, error]));
  const keys = [...errors.keys()].toSorted();
  const { rows: standing } = await sql<{ key: string; attempts: number }>`
    select key, attempts from pull_wanted where source_id = ${sourceId} and key = any(${keys})
    order by key for update`.execute(trx);
  const before = new Map(standing.map((row) => [row.key, row.attempts]));
  const rows = keys.map((key) => ({ key, ...pauseAfter(before.get(key) ?? 0, errors.get(key)) }));
  await sql`
    insert into pull_wanted as mine (source_id, key, since, asked_at, due_at, attempts, error)
    select ${sourceId}, key, now(), ${askedAt}, now() + after_ms * interval '1 millisecond', attempts, error
    from ${unnestOf(
      rows,
      {
        key: ['text', (one) => one.key],
        attempts: ['int', (one) => one.attempts],
        error: ['text', (one) => one.message],
        after_ms: ['bigint', (one) => one.afterMs],
      },
      'told',
    )}
    on conflict (source_id, key) do update
      set due_at = excluded.due_at, attempts = excluded.attempts, error = excluded.error
      where excluded.error is not null and mine.asked_at <= excluded.asked_at`.execute(trx);
}
