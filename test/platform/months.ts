// Books that have grown for a while: the partitions of months that are past, made after the fact.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';

/**
 * Gives the partitioned tables of a fresh database a partition for each of so many past months, in
 * the place of the one that would hold all of the past. As the owner.
 */
export async function openPastMonths(owner: Kysely<DB>, months: number): Promise<void> {
  const begin = sql`(date_trunc('month', now() at time zone 'UTC') at time zone 'UTC')`;
  const { rows: past } = await sql<{ suffix: string; lower_at: Date | null; upper_at: Date }>`
    select case when n = ${months} then 'until_' else '' end || to_char(first, 'YYYYMM') as suffix,
      case when n < ${months} then first at time zone 'UTC' end as lower_at,
      case when n = ${months} then first else first + interval '1 month' end at time zone 'UTC' as upper_at
    from generate_series(1, ${months}::int) as n, lateral (select ${begin} at time zone 'UTC' - n * interval '1 month' as first) as month`.execute(
    owner,
  );
  for (const table of ['order_report', 'delivery', 'touch', 'click']) await dropPast(owner, table);
  for (const table of ['click', 'touch', 'delivery']) {
    for (const { suffix, lower_at: lower, upper_at: upper } of past) {
      await sql`select make_partitions_between(${table}, ${suffix}, partition_key(${table}, ${lower}), partition_key(${table}, ${upper}))`.execute(
        owner,
      );
    }
    const last = past.at(-1)!.upper_at;
    const oldest = past.at(-1)!.suffix.replace('until_', '');
    await sql`select make_partitions_between(${table}, ${oldest}, partition_key(${table}, ${last}),
      partition_key(${table}, month_after(${last})))`.execute(owner);
  }
}

async function dropPast(owner: Kysely<DB>, table: string): Promise<void> {
  const { rows } = await sql<{ partition: string }>`
    select partition from partition_ranges(${table}) where lower_key is null and not is_default`.execute(owner);
  for (const { partition } of rows) {
    await sql`alter table ${sql.table(table)} detach partition ${sql.table(partition)}`.execute(owner);
    await sql`drop table ${sql.table(partition)}`.execute(owner);
  }
}
