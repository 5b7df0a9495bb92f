// Orders in the database: reading them and locking them.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { MergedOrder } from '../core/merged.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf, type Columns } from '../platform/postgres/unnest.ts';

/** An order as everybody names it. */
export interface OrderId {
  merchantId: string;
  sourceId: string;
  orderId: string;
}

/** An order with what its reports have merged to, and the order that it belongs to. */
export interface KnownOrder extends OrderId {
  orderKey: bigint;
  merged: MergedOrder;
  parentOrderId: string | null;
  parentKind: 'split' | 'gift' | null;
}

export interface OrderRow extends KnownOrder {
  /** No delivery of it has a lesser id; null where that was not kept when it was made. */
  firstDeliveryId: string | null;
  madeAt: Date;
  changedAt: Date;
}

/** One text for an order, whatever its ids hold: no id holds a zero byte. */
export const orderName = ({ merchantId, sourceId, orderId }: OrderId): string => `${merchantId}\0${sourceId}\0${orderId}`;

/**
 * Locks the orders that are there, in the order of their keys, so that two who merge never wait for
 * each other crosswise.
 */
export async function lockOrders(trx: Transaction<DB>, wanted: readonly OrderId[]): Promise<Map<string, OrderRow>> {
  const { rows } = await sql<StoredOrder>`
    select order_key, merchant_id, source_id, order_id, merged, parent_order_id, parent_kind, first_delivery_id, made_at, changed_at
    from ${unnestOrders(wanted)} join orders using (merchant_id, order_id, source_id)
    order by order_key for no key update of orders`.execute(trx);
  return new Map(rows.map(readOrder).map((order) => [orderName(order), order]));
}

/** An order's name as columns. */
export const NAME_COLUMNS: Columns<OrderId> = {
  merchant_id: ['text', (order) => order.merchantId],
  source_id: ['text', (order) => order.sourceId],
  order_id: ['text', (order) => order.orderId],
};

/** Order names as rows of `wanted`. */
export function unnestOrders(orders: readonly OrderId[]) {
  return unnestOf(orders, NAME_COLUMNS, 'wanted');
}

/**
 * From which id on the deliveries of an order lie, of the table `orders` as SQL: reports are asked
 * for from there on, so that no month is looked through that is older than the order.
 */
export const FIRST_DELIVERY = sql`coalesce(orders.first_delivery_id, '00000000-0000-0000-0000-000000000000')`;

/**
 * From which id on the deliveries of an order lie, read by itself, so that the planner of what asks
 * for them sees it.
 */
export async function firstDeliveryOf(db: Kysely<DB>, orderKey: bigint): Promise<string> {
  const { rows } = await sql<{ first: string }>`select ${FIRST_DELIVERY} as first from orders where order_key = ${orderKey}`.execute(db);
  return rows[0]?.first ?? '00000000-0000-0000-0000-000000000000';
}

/** The columns of a known order. */
export interface KnownOrderRow {
  order_key: bigint;
  merchant_id: string;
  source_id: string;
  order_id: string;
  merged: MergedOrder;
  parent_order_id: string | null;
  parent_kind: 'split' | 'gift' | null;
}

interface StoredOrder extends KnownOrderRow {
  first_delivery_id: string | null;
  made_at: Date;
  changed_at: Date;
}

export function readKnownOrder(row: KnownOrderRow): KnownOrder {
  return {
    orderKey: row.order_key,
    merchantId: row.merchant_id,
    sourceId: row.source_id,
    orderId: row.order_id,
    merged: row.merged,
    parentOrderId: row.parent_order_id,
    parentKind: row.parent_kind,
  };
}

function readOrder(row: StoredOrder): OrderRow {
  return { ...readKnownOrder(row), firstDeliveryId: row.first_delivery_id, madeAt: row.made_at, changedAt: row.changed_at };
}
