// The rows behind a cell: the orders, clicks, links or bookings that it counts, the newest first.

import { sql, type RawBuilder, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { groupedBy } from '../../platform/grouped-by.ts';
import { unnestOf, type Columns } from '../../platform/postgres/unnest.ts';
import { linkFacts } from '../counting/link-facts.ts';
import { countedKeys, keyConditions, linkFactKeys, lookUpsOf, type Keys } from './keys.ts';
import type { CountedMeasure, Group, StatisticsQuery } from './query.ts';
import { rowsOfNow, type Snapshot } from './snapshot-store.ts';

type Sql = RawBuilder<unknown>;

/** Which cell: its time, its keys as filters, and which of its figures. */
export interface CellAsked {
  from: Date;
  to: Date;
  filters: StatisticsQuery['filters'];
  currency: string | null;
  basis: StatisticsQuery['basis'];
  measure: CountedMeasure;
}

/** A place in the order of the rows: a time, and a name that is unique at it. */
export interface CellPlace {
  at: string;
  name: string;
}

export interface CellRow {
  kind: 'order' | 'booking' | 'click' | 'link';
  /** To the microsecond, as the database writes it. */
  place: CellPlace;
  at: Date;
  merchantId: string;
  currency: string;
  /** What it adds to the cell. */
  value: bigint;
  /** Null where it is of no order, or of many promoters. */
  sourceId: string | null;
  orderId: string | null;
  lineId: string | null;
  promoterId: string | null;
  linkCode: string | null;
  clickId: string | null;
  /** Those that were booked in one go for one promoter of one line. */
  transferIds: string[];
}

/** Rows after a place, so many at most. */
export async function listCellRows(
  trx: Transaction<DB>,
  snapshot: Snapshot,
  asked: CellAsked,
  page: { after: CellPlace | null; limit: number },
): Promise<CellRow[]> {
  const { after, limit } = page;
  const place = after === null ? sql`true` : sql`(at, name) < (${after.at}::timestamptz, ${after.name})`;
  const { rows } = await sql<RawRow>`
    select fact.*, at::text as at_text from (${factsOf(snapshot, asked)}) as fact where value <> 0 and ${place}
    order by at desc, name desc limit ${limit}`.execute(trx);
  return kindOf(asked) === 'booking' ? withTransfers(trx, asked, rows) : rows.map((row) => cellRowOf(row, []));
}

interface RawRow {
  kind: CellRow['kind'];
  name: string;
  at: Date;
  at_text: string;
  merchant_id: string;
  currency: string;
  value: bigint;
  order_key: bigint | null;
  source_id: string | null;
  order_id: string | null;
  line_id: string | null;
  promoter_id: string | null;
  link_code: string | null;
  click_id: string | null;
}

function cellRowOf(row: RawRow, transferIds: string[]): CellRow {
  return {
    kind: row.kind,
    place: { at: row.at_text, name: row.name },
    at: row.at,
    merchantId: row.merchant_id,
    currency: row.currency,
    value: row.value,
    sourceId: row.source_id,
    orderId: row.order_id,
    lineId: row.line_id,
    promoterId: row.promoter_id,
    linkCode: row.link_code,
    clickId: row.click_id,
    transferIds,
  };
}

function kindOf({ measure, basis }: CellAsked): CellRow['kind'] {
  if (measure === 'clicks' || measure === 'bot_clicks') return 'click';
  if (measure === 'links_made') return 'link';
  return basis === 'booking' && measure.startsWith('commission_') ? 'booking' : 'order';
}

function factsOf(snapshot: Snapshot, asked: CellAsked): Sql {
  const kind = kindOf(asked);
  if (kind === 'click') return clickRows(asked);
  if (kind === 'link') return linkRows(asked);
  return kind === 'order' ? orderRows(snapshot, asked) : bookingRows(snapshot, asked);
}

function clickRows(asked: CellAsked): Sql {
  const { from, to, measure } = asked;
  const clicks = sql`(select * from click where clicked_at >= ${from} and clicked_at < ${to} and bot = ${measure === 'bot_clicks'})`;
  return sql`select 'click' as kind, click_id::text as name, ${visit(asked, { clicks, links: sql`(select * from link where false)` })}`;
}

function linkRows(asked: CellAsked): Sql {
  const { from, to } = asked;
  const links = sql`(select * from link where made_at >= ${from} and made_at < ${to})`;
  return sql`select 'link' as kind, link_code as name, ${visit(asked, { clicks: sql`(select * from click where false)`, links })}`;
}

function visit(asked: CellAsked, facts: Parameters<typeof linkFacts>[0]): Sql {
  return sql`at, merchant_id, currency, 1::bigint as value, null::bigint as order_key, null::text as source_id, null::text as order_id,
      null::text as line_id, promoter_id, link_code, click_id::text as click_id
    from ${linkFacts(facts, lookUpsOf(Object.keys(asked.filters) as Group[]))} as fact where ${conditions(asked, linkFactKeys)}`;
}

/** An order has one row, whatever of it counts. */
function orderRows(snapshot: Snapshot, asked: CellAsked): Sql {
  const { measure } = asked;
  const values: Partial<Record<CountedMeasure, Sql>> = {
    orders: sql`bool_or(wins_order)::int::bigint`,
    orders_unattributed: sql`bool_or(unattributed)::int::bigint`,
  };
  const value = values[measure] ?? sql`sum(${sql.ref(measure)})::bigint`;
  return sql`select 'order' as kind, concat(lpad(order_key::text, 19, '0'), ' ', counted.currency) as name, counted.at, counted.merchant_id,
      counted.currency, value, order_key, orders.source_id, orders.order_id, null::text as line_id, null::text as promoter_id,
      null::text as link_code, null::text as click_id
    from (
      select order_key, at, max(merchant_id) as merchant_id, currency, ${value} as value from (${rowsOfNow(snapshot, within(asked))}) as fact
      where basis = 'order' and ${conditions(asked, countedKeys)} group by order_key, at, currency
    ) as counted join orders using (order_key)`;
}

/** What was booked in one go for one promoter of one line, or of a bonus. */
function bookingRows(snapshot: Snapshot, asked: CellAsked): Sql {
  const name = sql`concat_ws(' ', lpad(coalesce(order_key, 0)::text, 19, '0'), counted.merchant_id, line_id, promoter_id, counted.currency)`;
  return sql`select 'booking' as kind, ${name} as name, counted.at, counted.merchant_id, counted.currency, value, order_key,
      orders.source_id, orders.order_id, line_id, promoter_id, null::text as link_code, null::text as click_id
    from (
      select order_key, line_id, promoter_id, at, merchant_id, currency, sum(${sql.ref(asked.measure)})::bigint as value
      from (${rowsOfNow(snapshot, within(asked))}) as fact where basis = 'booking' and ${conditions(asked, countedKeys)}
      group by order_key, line_id, promoter_id, at, merchant_id, currency
    ) as counted left join orders using (order_key)`;
}

const within = ({ from, to }: CellAsked): Sql => sql`at >= ${from} and at < ${to}`;

/** Nothing is booked when a commission is confirmed. */
const KIND_OF_MEASURE: Partial<Record<CountedMeasure, string>> = {
  commission_estimated: 'accrue',
  commission_reversed: 'reverse',
  commission_released: 'release',
};

/** With the transfers that the bookings were. */
async function withTransfers(trx: Transaction<DB>, { measure }: CellAsked, rows: RawRow[]): Promise<CellRow[]> {
  const kind = KIND_OF_MEASURE[measure];
  if (kind === undefined || rows.length === 0) return [];
  // Counted rows are of a millisecond.
  const isOfTime = sql`date_trunc('milliseconds', booked_at) = booking.at`;
  const { rows: found } = await sql<{ place: number; transfer_id: bigint }>`
    with booking as materialized (select * from ${unnestOf(rows, BOOKING_COLUMNS, 'booking')})
    select place, transfer_id from booking join transfer using (order_key, line_id, promoter_id, currency)
    where transfer.kind = ${kind} and ${isOfTime}
    union all
    select place, transfer_id from booking join transfer using (merchant_id, promoter_id, currency)
    where booking.order_key is null and transfer.order_key is null and cause = 'bonus' and transfer.kind = ${kind}
      and ${isOfTime}
    order by 1, 2`.execute(trx);
  const ids = groupedBy(found, ({ place }) => place);
  return rows.map((row, place) => cellRowOf(row, ids.get(place)?.map((one) => String(one.transfer_id)) ?? []));
}

const BOOKING_COLUMNS: Columns<RawRow> = {
  place: ['int', (_, place) => place],
  order_key: ['bigint', (row) => row.order_key],
  line_id: ['text', (row) => row.line_id],
  merchant_id: ['text', (row) => row.merchant_id],
  promoter_id: ['text', (row) => row.promoter_id],
  currency: ['text', (row) => row.currency],
  at: ['timestamptz', (row) => row.at_text],
};

function conditions({ filters, currency }: CellAsked, keys: Keys): Sql {
  const ofCurrency = currency === null ? sql`true` : sql`${keys.currency} = ${currency}`;
  return sql`${ofCurrency} and ${keyConditions(filters, keys)}`;
}
