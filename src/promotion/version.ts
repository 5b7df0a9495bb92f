// Effective-dated versions: every PUT makes a full version that counts from a time on, and nothing
// that was set is changed. In force at t is the version with the greatest (effective_from,
// version) not after t.

import { isDeepStrictEqual } from 'node:util';

import { sql, type Kysely, type RawBuilder } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';

type VersionTable = 'merchant_version' | 'product_version' | 'promoter_version' | 'coupon_version';

/**
 * What every version has. `effective_from` is null for the first version, which counts for all
 * earlier time.
 */
export interface Version {
  version: number;
  effective_from: Date | null;
  recorded_at: Date;
}

/** Where a new version goes in the history of its thing. */
interface Place<Row> {
  version: number;
  effectiveFrom: Date | '-infinity';
  /** The version in force at that time; null when this is the first version. */
  before: Row | null;
}

const NOW = sql<Date>`clock_timestamp()`;

/** The version of one thing that is in force at `at`, now when absent. */
export async function findInForce<Row extends Version>(
  db: Kysely<DB>,
  table: VersionTable,
  thing: RawBuilder<boolean>,
  at: Date | RawBuilder<Date> = NOW,
): Promise<Row | null> {
  const { rows } = await sql<Row>`
    select * from ${sql.table(table)} where ${thing} and effective_from <= ${at}
    order by effective_from desc, version desc limit 1`.execute(db);
  return rows[0] === undefined ? null : readVersion(rows[0]);
}

/** Where a page of a list begins, and how long it is. */
export interface Stretch {
  limit: number;
  after: string;
}

/**
 * Things as they are now, by the last column of their key, one more than asked for. `table` is that
 * of the things; the columns before the last are fixed by `within`.
 */
export async function listInForce<Row extends Version>(
  db: Kysely<DB>,
  table: 'merchant' | 'product' | 'promoter',
  { id, within = {} }: { id: string; within?: Readonly<Record<string, string>> },
  { limit, after }: Stretch,
): Promise<Row[]> {
  const fixed = Object.entries(within).map(([column, value]) => sql`${sql.ref(column)} = ${value}`);
  const key = [...Object.keys(within), id].map((column) => sql.ref(column));
  const isIts = key.map((column) => sql`stated.${column} = page.${column}`);
  const { rows } = await sql<Row>`
    select version.* from (
      select ${sql.join(key)} from ${sql.table(table)} where ${sql.join([...fixed, sql`${sql.ref(id)} > ${after}`], sql` and `)}
      order by ${sql.ref(id)} limit ${limit + 1}
    ) as page, lateral (
      select * from ${sql.table(`${table}_version`)} as stated
      where ${sql.join(isIts, sql` and `)} and effective_from <= clock_timestamp()
      order by stated.effective_from desc, stated.version desc limit 1
    ) as version order by version.${sql.ref(id)}`.execute(db);
  return rows.map(readVersion);
}

/**
 * A version as the database answers it, which gives the time of the first version as minus
 * infinity, and the number of the transaction beside it, which is for the statistics.
 */
function readVersion<Row extends Version>({ recorded_xid: _recordedXid, ...row }: Row & { recorded_xid?: bigint | null }): Row {
  const effectiveFrom = row.effective_from instanceof Date ? row.effective_from : null;
  return { ...row, effective_from: effectiveFrom } as unknown as Row;
}

/**
 * Where a version goes that is to count from `asked` on, or from now. The thing's own row must be
 * locked. A version for now never counts from before the one in force, whatever the clocks of two
 * writers say: it would be shadowed by what it replaces.
 */
export async function placeVersion<Row extends Version>(
  db: Kysely<DB>,
  table: VersionTable,
  thing: RawBuilder<boolean>,
  asked: Date | null,
  now: Date,
): Promise<Place<Row>> {
  const { rows } = await sql<{ last: number | null }>`select max(version) as last from ${sql.table(table)} where ${thing}`.execute(db);
  const last = rows[0]?.last ?? null;
  if (last === null) return { version: 1, effectiveFrom: '-infinity', before: null };
  const before = await findInForce<Row>(db, table, thing, asked ?? NOW);
  const since = before?.effective_from ?? null;
  const effectiveFrom = asked ?? (since !== null && since > now ? since : now);
  return { version: last + 1, effectiveFrom, before };
}

/** Whether two versions differ in nothing but their place in the history. */
export function saysTheSame<Row extends Version>(before: Row, after: Row): boolean {
  const place = { version: 0, effective_from: null, recorded_at: null };
  return isDeepStrictEqual({ ...before, ...place }, { ...after, ...place });
}

/** How a place is answered. */
export function effectiveFromOf({ effectiveFrom }: Pick<Place<unknown>, 'effectiveFrom'>): Date | null {
  return effectiveFrom === '-infinity' ? null : effectiveFrom;
}
