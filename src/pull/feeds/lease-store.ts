// Who asks a source: one process at a time, by a lease that ends by itself when its holder is
// killed; and when a source rests.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

/**
 * A holder is believed to be alive for so long after it was last heard of: what a killed one was
 * asking waits for no longer.
 */
export const LEASE_MS = 15_000;

/** The right to ask a source, until somebody else has it. */
export interface Lease {
  sourceId: string;
  holder: string;
}

const heldUntil = sql<Date>`now() + ${LEASE_MS} * interval '1 millisecond'`;

/**
 * Sources that may be asked now and for which there is something to ask, the one first whose turn
 * was longest ago: a list is due, or something waits to be fetched or compared, or the source was
 * set anew. With `briskOnly` without those whose last turn took long.
 */
export async function dueSources(db: Kysely<DB>, limit: number, { briskOnly }: { briskOnly: boolean }): Promise<string[]> {
  const { rows } = await sql<{ source_id: string }>`
    select source_id from source left join pull using (source_id)
    where (held_until is null or held_until < now()) and (rests_until is null or rests_until <= now())
      and not (${briskOnly} and coalesce(slow, false))
      and (
        (options ? 'pull' and (due_at is null or due_at <= now()))
        or (
          exists (select from pull_wanted as wanted where wanted.source_id = source.source_id and wanted.due_at <= now())
          and not exists (
            select from pull_feed as fetching
            where fetching.source_id = source.source_id and fetching.feed = 'detail' and fetching.due_at > now())
        )
        or exists (
          select from reconciliation as told left join pull_feed as reading using (reconciliation_id)
          where told.source_id = source.source_id and told.state = 'reading' and told.origin = 'pull'
            and (reading.reached is null or reading.reached < told.range_to and coalesce(reading.due_at, now()) <= now()))
        or (
          stated_at < changed_at
          and (options ? 'pull' or exists (select from pull_wanted as wanted where wanted.source_id = source.source_id))
        )
      )
    order by turned_at nulls first, due_at nulls first limit ${limit}`.execute(db);
  return rows.map((row) => row.source_id);
}

/**
 * Takes the lease; false when somebody else has it, or the source rests. Where the source was
 * set anew, with other keys perhaps, all that failed before is due at once, and tokens that were
 * obtained with the old ones are used no more.
 */
export async function takeLease(trx: Transaction<DB>, { sourceId, holder }: Lease): Promise<boolean> {
  const { rows } = await sql`
    insert into pull (source_id, holder, held_until) values (${sourceId}, ${holder}, ${heldUntil})
    on conflict (source_id) do update set holder = excluded.holder, held_until = excluded.held_until
      where (pull.held_until is null or pull.held_until < now()) and (pull.rests_until is null or pull.rests_until <= now())
    returning true`.execute(trx);
  if (rows.length === 0) return false;
  const { rows: restated } = await sql`
    update pull set stated_at = changed_at, attempts = 0 from source
    where pull.source_id = ${sourceId} and source.source_id = pull.source_id and stated_at is distinct from changed_at
    returning true`.execute(trx);
  if (restated.length === 0) return true;
  await sql`update pull_feed set due_at = now() where source_id = ${sourceId} and due_at > now()`.execute(trx);
  await sql`update pull_wanted set due_at = now() where source_id = ${sourceId} and error is not null and due_at > now()`.execute(trx);
  await sql`update pull_token set expires_at = now() where source_id = ${sourceId} and expires_at > now()`.execute(trx);
  return true;
}

/**
 * Makes the lease last, and locks it until the transaction ends. Throws when it is lost: then
 * nothing may be written any more.
 */
export async function keepLease(db: Kysely<DB> | Transaction<DB>, { sourceId, holder }: Lease): Promise<void> {
  const { rows } = await sql`
    update pull set held_until = ${heldUntil} where source_id = ${sourceId} and holder = ${holder} returning true`.execute(db);
  if (rows.length === 0) throw new Error(`somebody else asks the source ${sourceId} now`);
}

/** Notes that the source has answered: its next rest is the first of another row of them. */
export async function noteAnswer(trx: Transaction<DB>, { sourceId }: Lease): Promise<void> {
  await sql`update pull set attempts = 0 where source_id = ${sourceId} and attempts > 0`.execute(trx);
}

/**
 * Gives the lease back after a turn; it is its turn again when one of its lists is due, or after
 * `everyMs` where it has none.
 */
export async function giveLeaseBack(
  db: Kysely<DB>,
  { sourceId, holder }: Lease,
  { everyMs, slow }: { everyMs: number | null; slow: boolean },
): Promise<void> {
  await sql`
    update pull set holder = null, held_until = null, rests_until = null, attempts = 0, error = null, answered_at = now(),
      turned_at = now(), slow = ${slow}, due_at = ${nextDue(sourceId, everyMs)}
    where source_id = ${sourceId} and holder = ${holder}`.execute(db);
}

/** Gives it back and lets the source rest as a whole: as long as it demands, or ever longer. */
export async function letRest(
  db: Kysely<DB>,
  { sourceId, holder }: Lease,
  { error, restMs, slow }: { error: string; restMs: (attempts: number) => number; slow: boolean },
): Promise<void> {
  const { rows } = await sql<{ attempts: number }>`
    update pull set attempts = attempts + 1, error = ${error} where source_id = ${sourceId} and holder = ${holder}
    returning attempts`.execute(db);
  if (rows[0] === undefined) return;
  await sql`
    update pull set holder = null, held_until = null, turned_at = now(), slow = ${slow},
      rests_until = now() + ${restMs(rows[0].attempts)} * interval '1 millisecond'
    where source_id = ${sourceId} and holder = ${holder}`.execute(db);
}

/** Gives the lease back as it is, because we are ending: whoever comes next goes on at once. */
export async function dropLease(db: Kysely<DB>, { sourceId, holder }: Lease): Promise<void> {
  await sql`update pull set holder = null, held_until = null where source_id = ${sourceId} and holder = ${holder}`.execute(db);
}

const nextDue = (sourceId: string, everyMs: number | null) => sql<Date>`coalesce(
  (select min(feed.due_at) from pull_feed as feed
    where feed.source_id = ${sourceId} and feed.reconciliation_id is null and feed.feed <> 'detail'),
  now() + ${everyMs}::bigint * interval '1 millisecond')`;
