// Which merchants and promoters have facts that were not there a moment ago: clicks, links, awards
// and bonuses. One statement tells a process so for all of its streams.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import type { KeyFilter, StatisticsQuery } from '../reading/query.ts';

/** Beyond so many it is not worth telling apart whom they are of. */
const FACTS_MAX = 20_000;

/** What had committed at a moment, as PostgreSQL writes it. */
export type Position = string;

/** Who has new facts, and the latest time that one of them counts at. */
export interface Parties {
  merchantId: string;
  /** Null for what nobody has won. */
  promoterId: string | null;
  at: Date;
}

/** What has committed since a position. Null for parties: too many to be told apart. */
interface NewFacts {
  position: Position;
  parties: readonly Parties[] | null;
}

/** How far the database has come. */
export async function readPosition(db: Kysely<DB>): Promise<Position> {
  const { rows } = await sql<{ position: Position }>`select pg_current_snapshot()::text as position`.execute(db);
  return rows[0]!.position;
}

/**
 * Of a number of a transaction: it had not committed at what `seen` says. Numbers of before a
 * restore may lie below the first of this cluster, which is 3.
 */
const isNew = (xid: string) => sql`
  ${sql.ref(xid)} >= (select first_xid from seen) and ${sql.ref(xid)} <= 9223372036854775807
  and not pg_visible_in_snapshot((greatest(${sql.ref(xid)} - (select xid_offset from seen), 3)::text)::xid8, (select snapshot from seen))`;

/**
 * The facts that are there now and were not at that position, or those of no transaction below
 * that watermark: exactly those, whatever order their transactions have committed in. An award is
 * of everybody who had a part in any decision of its order: who lost one has other figures, too.
 */
export async function readNewFacts(db: Kysely<DB>, since: Position | bigint): Promise<NewFacts> {
  const snapshot =
    typeof since === 'string'
      ? sql`${since}::pg_snapshot`
      : sql`format('%s:%1$s:', greatest(${since}::bigint - xid_offset, 3))::pg_snapshot`;
  const { rows } = await sql<{ position: Position; facts: bigint; merchant_id: string | null; promoter_id: string | null; at: Date }>`
    with seen as materialized (
      select xid_offset, snapshot, pg_snapshot_xmin(snapshot)::text::bigint + xid_offset as first_xid
      from ledger_fold, lateral (select ${snapshot} as snapshot) as earlier
    ), clicked as materialized (
      select link_code, clicked_at from click
      where click_id >= partition_key('click', now() - interval '1 day')::uuid and ${isNew('click.recorded_xid')}
      union all
      select click.link_code, clicked_at from late_click join click using (click_id) where ${isNew('late_click.recorded_xid')}
      limit ${FACTS_MAX}
    ), awarded as materialized (
      select order_key, merchant_id, greatest(attribution_at, awarded_at) as at from award where ${isNew('award.awarded_xid')}
      limit ${FACTS_MAX}
    ), parts as (
      select merchant_id, promoter_id, clicks.at
      from (select link_code, max(clicked_at) as at from clicked group by link_code) as clicks join link on link.code = clicks.link_code
      union all
      select merchant_id, promoter_id, made_at from link where ${isNew('link.made_xid')}
      union all
      select merchant_id, null, at from awarded
      union all
      select merchant_id, share ->> 'promoter_id', at from awarded join decision using (order_key), jsonb_array_elements(shares) as share
      union all
      select merchant_id, winner ->> 'promoter_id', at
      from awarded join decision using (order_key), jsonb_array_elements(coalesce(pinned -> 'winners', '[]')) as winner
      union all
      select merchant_id, promoter_id, booked_at from transfer where ${isNew('transfer.booked_xid')} and cause = 'bonus'
    )
    select pg_current_snapshot()::text as position, parties.*,
      greatest((select count(*) from clicked), (select count(*) from awarded)) as facts
    from seen left join (
      select merchant_id, promoter_id, max(at) as at from parts group by merchant_id, promoter_id limit ${FACTS_MAX}
    ) as parties on true`.execute(db);
  const { position, facts } = rows[0]!;
  if (Math.max(rows.length, Number(facts)) >= FACTS_MAX) return { position, parties: null };
  const found = rows.flatMap(({ merchant_id, promoter_id, at }) =>
    merchant_id === null ? [] : { merchantId: merchant_id, promoterId: promoter_id, at },
  );
  return { position, parties: found };
}

/** Those whose facts may change figures of a query. */
export function concerning({ filters, bounds }: StatisticsQuery, parties: readonly Parties[]): Parties[] {
  return parties.filter(
    ({ merchantId, promoterId }) =>
      isWanted(merchantId, filters.merchant, bounds.merchant) && isWanted(promoterId, filters.promoter, bounds.promoter),
  );
}

function isWanted(value: string | null, filter: KeyFilter | undefined, bound: string | undefined): boolean {
  if (bound !== undefined && bound !== value) return false;
  if (filter === undefined) return true;
  return (filter.wanted.length === 0 || filter.wanted.includes(value)) && !filter.unwanted.includes(value);
}
