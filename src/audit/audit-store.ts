// The rows that an audit reads beside those of the award, a range of orders at a time. Nothing here
// writes.

import { sql, type Kysely } from 'kysely';

import type { WrittenShare } from '../commission/award/standing-award.ts';
import type { MergedOrder } from '../core/merged.ts';
import type { AccountKind } from '../core/posting.ts';
import type { Role } from '../core/party.ts';
import { TAKEN_COLUMNS, type TakenDelivery } from '../inbox/delivery-store.ts';
import type { DB } from '../platform/postgres/tables.ts';

/** Orders by their keys: those above `after` up to `upTo`. */
export interface Range {
  after: bigint;
  upTo: bigint;
}

/** Which orders come next, at most `limit`; null when there are no more. */
export async function nextRange(db: Kysely<DB>, after: bigint, limit: number): Promise<Range | null> {
  const { rows } = await sql<{ last: bigint | null }>`
    select max(order_key) as last from (
      select order_key from orders where order_key > ${after} order by order_key limit ${limit}
    ) as batch`.execute(db);
  const last = rows[0]!.last;
  return last === null ? null : { after, upTo: last };
}

/** Whether there are so many orders. */
export async function hasOrders(db: Kysely<DB>, count: number): Promise<boolean> {
  const { rows } = await sql`select from orders order by order_key offset ${count - 1} limit 1`.execute(db);
  return rows.length > 0;
}

const within = (column: string, { after, upTo }: Range) => sql`${sql.ref(column)} > ${after} and ${sql.ref(column)} <= ${upTo}`;

/**
 * An order as it stands beside what it has merged to. `awarded_at` is null where it was never
 * awarded; `isDue` says that it waits for the award.
 */
interface StandingRow {
  order_key: bigint;
  merchant_id: string;
  source_id: string;
  order_id: string;
  status: string | null;
  is_void: boolean;
  currency: string | null;
  currency_conflict: boolean;
  attribution_at: Date | null;
  parent_order_id: string | null;
  parent_kind: string | null;
  awarded_at: Date | null;
  is_due: boolean;
  /** How its reports were read; see the table. */
  format: number;
}

export interface StandingOrder extends StandingRow {
  merged: MergedOrder;
}

/** In the order of their keys. */
export async function readStandingOrders(db: Kysely<DB>, range: Range): Promise<StandingRow[]> {
  const { rows } = await sql<StandingRow>`
    select orders.order_key, orders.merchant_id, source_id, order_id, status, is_void, orders.currency, currency_conflict,
      orders.attribution_at, parent_order_id, parent_kind, awarded_at, due_at is not null as is_due, format
    from orders left join award on award.order_key = orders.order_key and ${within('award.order_key', range)}
    left join award_due on award_due.order_key = orders.order_key
    where ${within('orders.order_key', range)} order by orders.order_key`.execute(db);
  return rows;
}

/** Which report of which delivery was merged into an order. */
export interface NotedReport {
  order_key: bigint;
  delivery_id: string;
  ordinal: number;
}

export async function readNoted(db: Kysely<DB>, range: Range): Promise<NotedReport[]> {
  const { rows } = await sql<NotedReport>`
    select order_key, delivery_id, ordinal from order_report where ${within('order_key', range)}`.execute(db);
  return rows;
}

export async function readNotedDeliveries(db: Kysely<DB>, range: Range): Promise<TakenDelivery[]> {
  const { rows } = await sql<TakenDelivery>`
    select ${TAKEN_COLUMNS} from delivery
    where delivery_id in (select delivery_id from order_report where ${within('order_key', range)})`.execute(db);
  return rows;
}

/** A transfer that an award has booked, with whose its two accounts are. */
export interface StandingTransfer {
  order_key: bigint;
  revision: number;
  position: number;
  kind: 'accrue' | 'reverse' | 'release';
  line_id: string;
  role: Role;
  level: number | null;
  promoter_id: string | null;
  campaign_id: string | null;
  currency: string;
  amount: bigint;
  booked_at: Date;
  from_kind: AccountKind;
  from_promoter_id: string | null;
  to_kind: AccountKind;
  to_promoter_id: string | null;
}

/** What the awards have booked, in the order of its places. Payouts are no order's. */
export async function readStandingTransfers(db: Kysely<DB>, range: Range): Promise<StandingTransfer[]> {
  const { rows } = await sql<StandingTransfer>`
    select order_key, revision, position, transfer.kind, line_id, role, level, transfer.promoter_id, campaign_id, transfer.currency, amount,
      booked_at,
      source.kind as from_kind, source.promoter_id as from_promoter_id, target.kind as to_kind, target.promoter_id as to_promoter_id
    from transfer
    left join account source on source.account_id = from_account_id
    left join account target on target.account_id = to_account_id
    where ${within('order_key', range)} and transfer.kind in ('accrue', 'reverse', 'release')
    order by order_key, revision, position`.execute(db);
  return rows;
}

/** What one revision of an order gave to whom, by line. */
export interface DecidedShares {
  order_key: bigint;
  revision: number;
  line_id: string;
  shares: WrittenShare[];
}

/** Of the revisions that do not stand; what stands is read with its order. */
export async function readOtherShares(db: Kysely<DB>, range: Range): Promise<DecidedShares[]> {
  const { rows } = await sql<DecidedShares>`
    select order_key, decision.revision, line_id, shares from decision left join award using (order_key)
    where ${within('order_key', range)} and decision.revision is distinct from award.revision order by order_key, revision`.execute(db);
  return rows;
}

/**
 * A page of processed deliveries by id, with those of which fewer reports were merged than they
 * hold; null when there are no more.
 */
interface DeliveryPage {
  last: string;
  count: bigint;
  lacking: { delivery_id: string; reports: number; noted: number }[];
}

export async function readDeliveryPage(db: Kysely<DB>, after: string, limit: number): Promise<DeliveryPage | null> {
  const { rows } = await sql<{ last: string | null; count: bigint; lacking: DeliveryPage['lacking'] | null }>`
    with page as materialized (
      select delivery_id, reports, state from delivery where delivery_id > ${after} order by delivery_id limit ${limit}
    ), counted as (
      select delivery_id, reports, (select count(*) from order_report where order_report.delivery_id = page.delivery_id) as noted
      from page where state = 'processed'
    )
    select (select delivery_id from page order by delivery_id desc limit 1) as last, (select count(*) from page) as count,
      (select json_agg(counted) from counted where noted <> reports) as lacking`.execute(db);
  const { last, count, lacking } = rows[0]!;
  return last === null ? null : { last, count, lacking: lacking ?? [] };
}
