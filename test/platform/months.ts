// Books that have grown for a while: the partitions of months that are past, made after the fact.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';

/**
 * Gives the partitioned tables of a fresh database a partition for each of so many past months, in
 * the place of the one that would hold all of the past. As the owner.
 */
export async function openPastMonths(owner: Kysely<DB>, months: number): Promise<void> {
  for (const table of ['order_report', 'delivery', 'touch', 'click']) await dropPast(owner, table);
  for (const table of ['click', 'touch', 'delivery']) {
    await make(owner, table, `until_${nameOf(monthAgo(months))}`, null, monthAgo(months));
    for (let ago = months; ago > 0; ago--) await make(owner, table, nameOf(monthAgo(ago)), monthAgo(ago), monthAgo(ago - 1));
  }
}

/** When a month began, in UTC. */
export function monthAgo(months: number): Date {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months));
}

export const nameOf = (month: Date): string => month.toISOString().slice(0, 7).replace('-', '');

async function make(owner: Kysely<DB>, table: string, suffix: string, from: Date | null, until: Date): Promise<void> {
  await sql`select make_partitions_between(${table}, ${suffix}, partition_key(${table}, ${from}), partition_key(${table}, ${until}))`.execute(
    owner,
  );
}

async function dropPast(owner: Kysely<DB>, table: string): Promise<void> {
  const { rows } = await sql<{ partition: string }>`
    select partition from partition_ranges(${table}) where lower_key is null and not is_default`.execute(owner);
  for (const { partition } of rows) {
    await sql`alter table ${sql.table(table)} detach partition ${sql.table(partition)}`.execute(owner);
    await sql`drop table ${sql.table(partition)}`.execute(owner);
  }
}
