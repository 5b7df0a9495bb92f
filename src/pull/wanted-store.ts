// What is to be fetched by its id: taken when it is due, and forgotten once it was fetched, unless it was named again meanwhile.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/tables.ts';

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
