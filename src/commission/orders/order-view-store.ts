// Orders as they are shown: what is known of them, and what their standing award says of every
// line.
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { MergedOrder } from '../../core/merged.ts';
import type { AccountKind, TransferKind } from '../../core/posting.ts';
import type { Role } from '../../core/party.ts';
import { firstDeliveryOf } from '../../orders/order-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readHolds } from '../award/award-store.ts';
import type { AwardHeader, LineHold } from '../award/standing-award.ts';
import { readShownDecisions, type ShownDecision } from '../award/decision-store.ts';

export interface ShownOrder {
  order_key: bigint;
  merchant_id: string;
  source_id: string;
  order_id: string;
  merged: MergedOrder;
  status: string;
  currency: string | null;
  made_at: Date;
  changed_at: Date;
  /** Null until the order was awarded for the first time. */
  award: AwardHeader['state'] | null;
  award_currency: string | null;
  revision: number | null;
  releases_at: Date | null;
  released_at: Date | null;
  lines: ShownDecision[];
  holds: LineHold[];
}

interface OrderFilter {
  merchantId: string | null;
  promoterId: string | null;
  decision: string | null;
  /**
   * By the attribution time, or where there is none yet by when the order became known; at or
   * after, and before.
   */
  from: Date | null;
  to: Date | null;
}

const SHOWN = sql`orders.order_key, orders.merchant_id, orders.source_id, orders.order_id, merged, orders.status, orders.currency,
  orders.made_at, orders.changed_at, award.state as award, award.currency as award_currency, award.revision, award.releases_at, award.released_at
  from orders left join award using (order_key)`;

type Bare = Omit<ShownOrder, 'lines' | 'holds'>;

async function withLines(db: Kysely<DB>, rows: readonly Bare[]): Promise<ShownOrder[]> {
  const lines = await readShownDecisions(
    db,
    rows.flatMap((row) => (row.revision === null ? [] : [[row.order_key, row.revision] as const])),
  );
  const holds = await readHolds(
    db,
    rows.map((row) => row.order_key),
  );
  return rows.map((row) => ({ ...row, lines: lines.get(row.order_key) ?? [], holds: holds.get(row.order_key) ?? [] }));
}

/** The orders of this id: more than one only where several merchants have it. */
export async function findShown(db: Kysely<DB>, sourceId: string, orderId: string, merchantId: string | null): Promise<ShownOrder[]> {
  const { rows } = await sql<Bare>`
    select ${SHOWN} where orders.source_id = ${sourceId} and orders.order_id = ${orderId}
      ${merchantId === null ? sql`` : sql`and orders.merchant_id = ${merchantId}`} limit 2`.execute(db);
  return withLines(db, rows);
}

/** A page of orders, the newest first. */
export async function listShown(db: Kysely<DB>, filter: OrderFilter, before: bigint | null, limit: number): Promise<ShownOrder[]> {
  const conditions: RawBuilder<unknown>[] = [sql`true`];
  if (before !== null) conditions.push(sql`orders.order_key < ${before}`);
  if (filter.merchantId !== null) conditions.push(sql`orders.merchant_id = ${filter.merchantId}`);
  if (filter.from !== null) conditions.push(sql`coalesce(orders.attribution_at, orders.made_at) >= ${filter.from}`);
  if (filter.to !== null) conditions.push(sql`coalesce(orders.attribution_at, orders.made_at) < ${filter.to}`);
  if (filter.decision !== null) conditions.push(sql`${filter.decision} = any(award.decisions)`);
  if (filter.promoterId !== null) conditions.push(isPartOf(filter.promoterId));
  const { rows } = await sql<Bare>`
    select ${SHOWN} where ${sql.join(conditions, sql` and `)} order by orders.order_key desc limit ${limit}`.execute(db);
  return withLines(db, rows);
}

/** Orders that a promoter won or was ever booked anything for. */
function isPartOf(promoterId: string): RawBuilder<unknown> {
  return sql`orders.order_key in (
    select order_key from decision where promoter_id = ${promoterId} union select order_key from transfer where promoter_id = ${promoterId})`;
}

/** Whether a promoter won the order or was ever booked anything for it. */
export async function hasPart(db: Kysely<DB>, orderKey: bigint, promoterId: string): Promise<boolean> {
  const { rows } = await sql`select from orders where order_key = ${orderKey} and ${isPartOf(promoterId)}`.execute(db);
  return rows.length > 0;
}

/** How deliveries come, and what becomes of them. */
export const DELIVERY_ORIGINS = ['rest', 'push', 'pull', 'upload'] as const;
export const DELIVERY_STATES = ['received', 'processed', 'parked', 'failed'] as const;

export interface OrderDelivery {
  delivery_id: string;
  source_id: string;
  origin: (typeof DELIVERY_ORIGINS)[number];
  state: (typeof DELIVERY_STATES)[number];
  received_at: Date;
}

export interface OrderTransfer {
  transfer_id: bigint;
  revision: number;
  kind: TransferKind;
  line_id: string;
  role: Role;
  level: number | null;
  promoter_id: string | null;
  from: AccountKind;
  to: AccountKind;
  amount: bigint;
  currency: string;
  booked_at: Date;
  /** The re-rating that booked it; null where an award did of itself. */
  re_rating_id: string | null;
}

/**
 * What told of the order, in the order of arrival: the latest of them, where there are more than
 * can be shown.
 */
export async function readDeliveries(db: Kysely<DB>, orderKey: bigint, most: number): Promise<OrderDelivery[]> {
  const first = await firstDeliveryOf(db, orderKey);
  const { rows } = await sql<OrderDelivery>`
    select * from (
      select distinct delivery_id, source_id, origin, state, received_at from order_report join delivery using (delivery_id)
      where order_key = ${orderKey} and order_report.delivery_id >= ${first}::uuid and delivery.delivery_id >= ${first}::uuid
      order by received_at desc, delivery_id desc limit ${most}
    ) as latest order by received_at, delivery_id`.execute(db);
  return rows;
}

interface OrderTransferFilter {
  lineIds: readonly string[];
  /** Only what was booked for this promoter. */
  promoterId: string | null;
  most: number;
}

/**
 * What was booked for these lines of the order, first to last: the latest of it, where there is
 * more than can be shown.
 */
export async function readOrderTransfers(
  db: Kysely<DB>,
  orderKey: bigint,
  { lineIds, promoterId, most }: OrderTransferFilter,
): Promise<OrderTransfer[]> {
  const { rows } = await sql<OrderTransfer>`
    select transfer_id, revision, latest.kind, line_id, role, level, latest.promoter_id, payer.kind as from, payee.kind as to,
      amount, latest.currency, booked_at, cause_id as re_rating_id
    from (
      select * from transfer where order_key = ${orderKey} and line_id = any(${lineIds}::text[])
        ${promoterId === null ? sql`` : sql`and promoter_id = ${promoterId}`}
      order by revision desc, position desc limit ${most}
    ) as latest
    join account payer on payer.account_id = from_account_id join account payee on payee.account_id = to_account_id
    order by revision, position`.execute(db);
  return rows;
}
