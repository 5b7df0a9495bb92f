// Who asks a source: one process at a time, by a hold that ends by itself when its holder is killed; and when a source rests.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/tables.ts';

/** A holder is believed to be alive for so long after it was last heard of: what a killed one was asking waits for no longer. */
export const HOLD_MS = 15_000;

/** The right to ask a source, until somebody else has it. */
export interface Hold {
  sourceId: string;
  holder: string;
}

const heldUntil = sql<Date>`now() + ${HOLD_MS} * interval '1 millisecond'`;

/** Sources that may be asked now and for which there is something to ask: it is their turn, or something waits to be fetched or compared. */
export async function dueSources(db: Kysely<DB>, limit: number): Promise<string[]> {
  const { rows } = await sql<{ source_id: string }>`
    select source_id from source left join pull using (source_id)
    where (held_until is null or held_until < now()) and (rests_until is null or rests_until <= now()) and (
      (options ? 'pull' and (due_at is null or due_at <= now()))
      or exists (select from pull_wanted as wanted where wanted.source_id = source.source_id and wanted.due_at <= now())
      or exists (select from reconciliation as told
        where told.source_id = source.source_id and told.state = 'reading' and told.origin = 'pull'))
    order by due_at nulls first limit ${limit}`.execute(db);
  return rows.map((row) => row.source_id);
}

/** Takes the hold; null when somebody else has it, or the source rests. `isTurn` says that it is to be read by itself. */
export async function takeHold(db: Kysely<DB>, { sourceId, holder }: Hold): Promise<{ isTurn: boolean } | null> {
  const { rows } = await sql<{ is_turn: boolean }>`
    insert into pull (source_id, holder, held_until) values (${sourceId}, ${holder}, ${heldUntil})
    on conflict (source_id) do update set holder = excluded.holder, held_until = excluded.held_until
      where (pull.held_until is null or pull.held_until < now()) and (pull.rests_until is null or pull.rests_until <= now())
    returning due_at is null or due_at <= now() as is_turn`.execute(db);
  return rows[0] === undefined ? null : { isTurn: rows[0].is_turn };
}

/** Makes the hold last, and locks it until the transaction ends. Throws when it is lost: then nothing may be written any more. */
export async function keepHold(db: Kysely<DB> | Transaction<DB>, { sourceId, holder }: Hold): Promise<void> {
  const { rows } = await sql`
    update pull set held_until = ${heldUntil} where source_id = ${sourceId} and holder = ${holder} returning true`.execute(db);
  if (rows.length === 0) throw new Error(`somebody else asks the source ${sourceId} now`);
}

/** Like `keepHold`, because the source has answered: what it fails to answer next is the first failure of another row of them. */
export async function noteAnswer(trx: Transaction<DB>, hold: Hold): Promise<void> {
  await keepHold(trx, hold);
  await sql`update pull set attempts = 0 where source_id = ${hold.sourceId} and attempts > 0`.execute(trx);
}

/** Gives the hold back after the source has answered all; `everyMs` says when it is its turn again, null that it was not its turn. */
export async function giveBack(db: Kysely<DB>, { sourceId, holder }: Hold, everyMs: number | null): Promise<void> {
  await sql`
    update pull set holder = null, held_until = null, rests_until = null, attempts = 0, error = null, answered_at = now(),
      due_at = case when ${everyMs}::bigint is null then due_at else now() + ${everyMs}::bigint * interval '1 millisecond' end
    where source_id = ${sourceId} and holder = ${holder}`.execute(db);
}

/** Lets the source rest after it gave no answer: as long as it demands, or ever longer. */
export async function letRest(
  db: Kysely<DB>,
  { sourceId, holder }: Hold,
  { error, restMs }: { error: string; restMs: (attempts: number) => number },
): Promise<void> {
  const { rows } = await sql<{ attempts: number }>`
    update pull set attempts = attempts + 1, error = ${error} where source_id = ${sourceId} and holder = ${holder}
    returning attempts`.execute(db);
  if (rows[0] === undefined) return;
  await sql`
    update pull set holder = null, held_until = null, rests_until = now() + ${restMs(rows[0].attempts)} * interval '1 millisecond'
    where source_id = ${sourceId} and holder = ${holder}`.execute(db);
}

/** Gives the hold back as it is, because we are ending: whoever comes next goes on at once. */
export async function dropHold(db: Kysely<DB>, { sourceId, holder }: Hold): Promise<void> {
  await sql`update pull set holder = null, held_until = null where source_id = ${sourceId} and holder = ${holder}`.execute(db);
}
