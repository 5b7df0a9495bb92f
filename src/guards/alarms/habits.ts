// The habits of sources: how many reports each sends in each hour of the week, counted once for
// every hour that is over.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { firstIdAt } from '../guard.ts';

/** A new installation learns from what is there. */
const FIRST_LOOK_DAYS = 28;
/** So many hours at once: none of a week comes twice. */
const HOURS_PER_FOLD = 168;
/** A report that came in an hour is stored by then. */
const SETTLED_MINUTES = 5;
/**
 * From so many on an hour's counts are halved first, so that what is two months old counts little.
 */
const HOURS_REMEMBERED = 8;

/** The hour of the week of a moment, given in SQL: 0 begins on a Thursday at midnight in UTC. */
export function hourOfWeek(time: string): string {
  return `((extract(epoch from ${time})::bigint / 3600) % 168)::smallint`;
}

/**
 * Counts the hours that are over since the last fold, at most a week of them; answers whether there
 * were any.
 */
export async function foldHabits(trx: Transaction<DB>, now: Date): Promise<boolean> {
  const { rows } = await sql<{ up_to: Date; ended: Date }>`
    insert into habit_fold (up_to) values (date_trunc('hour', ${now}::timestamptz - ${FIRST_LOOK_DAYS} * interval '1 day'))
    on conflict (only_row) do update set up_to = habit_fold.up_to
    returning up_to, least(
      date_trunc('hour', ${now}::timestamptz - ${SETTLED_MINUTES} * interval '1 minute'),
      up_to + ${HOURS_PER_FOLD} * interval '1 hour') as ended`.execute(trx);
  const { up_to: from, ended } = rows[0]!;
  if (ended <= from) return false;
  await countHours(trx, from, ended);
  await sql`update habit_fold set up_to = ${ended}`.execute(trx);
  return true;
}

/**
 * An id may be made a little before its report is stored, so ids are read from a little earlier on.
 */
async function countHours(trx: Transaction<DB>, from: Date, ended: Date): Promise<void> {
  await sql`
    with heard as (
      select source_id, date_trunc('hour', received_at) as hour, count(*) as deliveries from delivery
      where delivery_id >= ${idBefore(from)} and received_at >= ${from} and received_at < ${ended} and origin in ('push', 'pull')
      group by 1, 2
    ), hour as (
      select source_id, hour, coalesce(deliveries, 0) as deliveries
      from source cross join generate_series(${from}::timestamptz, ${ended}::timestamptz - interval '1 hour', interval '1 hour') as hour
      left join heard using (source_id, hour) where made_at <= hour
    )
    insert into source_habit as habit (source_id, hour_of_week, hours, busy, deliveries)
    select source_id, ${sql.raw(hourOfWeek('hour'))}, 1, least(deliveries, 1), deliveries from hour order by source_id, hour
    on conflict (source_id, hour_of_week) do update set
      hours = ${remembered('hours')} + 1, busy = ${remembered('busy')} + excluded.busy,
      deliveries = ${remembered('deliveries')} + excluded.deliveries`.execute(trx);
}

const idBefore = (time: Date) => sql.raw(firstIdAt(`timestamptz '${time.toISOString()}' - interval '10 minutes'`));

const remembered = (column: string) =>
  sql.raw(`case when habit.hours >= ${HOURS_REMEMBERED} then habit.${column} / 2 else habit.${column} end`);
