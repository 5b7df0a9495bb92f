// What is to be fetched by its id: taken when it is due, and forgotten once it was fetched, unless it was named again meanwhile. What
// cannot be fetched is put off, ever longer and each by itself; nothing is ever given up.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/tables.ts';
import { isOfAll } from '../sources/details.ts';
import type { Unfetched } from '../sources/source.ts';
import { messageOf, pauseMs } from './pauses.ts';

export interface DueWanted {
  key: string;
  askedAt: Date;
  attempts: number;
}

export async function dueWanted(db: Kysely<DB>, sourceId: string, limit: number): Promise<DueWanted[]> {
  const rows = await db
    .selectFrom('pull_wanted')
    .select(['key', 'asked_at', 'attempts'])
    .where('source_id', '=', sourceId)
    .where('due_at', '<=', sql<Date>`now()`)
    .orderBy('due_at')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ key: row.key, askedAt: row.asked_at, attempts: row.attempts }));
}

/** Forgets what was fetched. */
export async function forgetWanted(trx: Transaction<DB>, sourceId: string, { key, askedAt }: DueWanted): Promise<void> {
  await sql`
    delete from pull_wanted where source_id = ${sourceId} and key = ${key}
      and date_trunc('milliseconds', asked_at) <= ${askedAt}`.execute(trx);
}

/** Fetches it again later. */
export async function postponeWanted(
  db: Kysely<DB>,
  sourceId: string,
  key: string,
  { afterMs, error }: { afterMs: number; error: string | null },
): Promise<void> {
  await sql`
    update pull_wanted set attempts = attempts + 1, error = ${error}, due_at = now() + ${afterMs} * interval '1 millisecond'
    where source_id = ${sourceId} and key = ${key}`.execute(db);
}

/** Keeps what the rows of a page were not told in detail, each to be fetched by itself; what failed just now later than what was not asked. */
export async function keepUnfetched(trx: Transaction<DB>, sourceId: string, unfetched: readonly Unfetched[]): Promise<void> {
  if (unfetched.length === 0) return;
  const keys = [...new Set(unfetched.map(({ key }) => key))].toSorted();
  const standing = await trx
    .selectFrom('pull_wanted')
    .select(['key', 'attempts'])
    .where('source_id', '=', sourceId)
    .where('key', 'in', keys)
    .execute();
  const before = new Map(standing.map((row) => [row.key, row.attempts]));
  const errors = new Map(unfetched.map(({ key, error }) => [key, error]));
  const rows = keys.map((key) => {
    const error = errors.get(key) ?? null;
    // What is of all of them says nothing of this one.
    const attempts = (before.get(key) ?? 0) + (error === null || isOfAll(error) ? 0 : 1);
    return { key, attempts, error: error === null ? null : messageOf(error), afterMs: error === null ? 0 : pauseMs(error, attempts) };
  });
  await sql`
    insert into pull_wanted (source_id, key, asked_at, due_at, attempts, error)
    select ${sourceId}, key, now(), now() + after_ms * interval '1 millisecond', attempts, error
    from unnest(${rows.map((one) => one.key)}::text[], ${rows.map((one) => one.attempts)}::int[],
      ${rows.map((one) => one.error)}::text[], ${rows.map((one) => one.afterMs)}::bigint[]) as told (key, attempts, error, after_ms)
    on conflict (source_id, key) do update
      set due_at = excluded.due_at, attempts = excluded.attempts, error = excluded.error where excluded.error is not null`.execute(trx);
}
