// The months of a merchant: which moment lies in which, by the time zone that was known to be in
// force at that moment. So every moment lies in exactly one month, and no later statement of a zone
// moves what an earlier invoice has listed.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';

/** A time in which the days of a merchant began by one zone; null is without an end. */
export interface ZoneStretch {
  since: Date | null;
  until: Date | null;
  timeZone: string;
}

/** What is stated where nobody has said anything: the default of a statement. */
const USUAL_ZONE = 'Asia/Shanghai';

/** A version of a merchant, as far as its zone is asked for. */
export interface StatedZone {
  version: number;
  /** Null: for all earlier time. */
  effectiveFrom: Date | null;
  recordedAt: Date;
  timeZone: string;
}

/**
 * The stretches of a merchant's zones, one after the other, without a gap. A version counts from
 * when it was in force and also known; the first one for all time before it, too.
 */
export function zoneStretches(stated: readonly StatedZone[]): ZoneStretch[] {
  const known = stated
    .map((one) => ({
      ...one,
      from: one.effectiveFrom?.getTime() ?? -Infinity,
      since: Math.max(one.recordedAt.getTime(), one.effectiveFrom?.getTime() ?? 0),
    }))
    .toSorted((a, b) => a.since - b.since || a.from - b.from || a.version - b.version);
  const stretches: ZoneStretch[] = [];
  let standing: (typeof known)[number] | null = null;
  for (const one of known) {
    if (standing !== null && (one.from < standing.from || (one.from === standing.from && one.version < standing.version))) continue;
    standing = one;
    const last = stretches.at(-1);
    if (last?.timeZone === one.timeZone) continue;
    if (last !== undefined) last.until = new Date(one.since);
    stretches.push({ since: last === undefined ? null : new Date(one.since), until: null, timeZone: one.timeZone });
  }
  return stretches.length === 0 ? [{ since: null, until: null, timeZone: USUAL_ZONE }] : stretches;
}

/** The zones of a merchant over all time. */
export async function readZones(db: Kysely<DB>, merchantId: string): Promise<ZoneStretch[]> {
  const { rows } = await sql<{ version: number; effective_from: Date | null; recorded_at: Date; time_zone: string }>`
    select version, nullif(effective_from, '-infinity') as effective_from, recorded_at, time_zone from merchant_version
    where merchant_id = ${merchantId} order by version`.execute(db);
  return zoneStretches(
    rows.map(({ version, effective_from: effectiveFrom, recorded_at: recordedAt, time_zone: timeZone }) => {
      return { version, effectiveFrom, recordedAt, timeZone };
    }),
  );
}

/** The stretches as rows `stretch (since, until, time_zone)` of a query. */
export function stretchRows(stretches: readonly ZoneStretch[]) {
  return sql`(
    select coalesce(since, '-infinity') as since, coalesce(until, 'infinity') as until, time_zone
    from ${unnestOf(
      stretches,
      {
        since: ['timestamptz', (stretch) => stretch.since],
        until: ['timestamptz', (stretch) => stretch.until],
        time_zone: ['text', (stretch) => stretch.timeZone],
      },
      'stated',
    )}
  ) as stretch`;
}

/**
 * The times that are of one month (`2026-06`): one, or several around a change of the zone. Each
 * begins with its first instant and ends before its second.
 */
export async function rangesOfMonth(db: Kysely<DB>, stretches: readonly ZoneStretch[], month: string): Promise<{ from: Date; to: Date }[]> {
  const first = `${month}-01`;
  const { rows } = await sql<{ from: Date; to: Date }>`
    select * from (
      select greatest(since, ${first}::timestamp at time zone time_zone) as "from",
        least(until, (${first}::timestamp + interval '1 month') at time zone time_zone) as "to"
      from ${stretchRows(stretches)}
    ) as range where "from" < "to" order by "from"`.execute(db);
  return rows;
}
