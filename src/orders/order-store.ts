// Orders in the database: reading them and locking them.
import { sql, type Transaction } from 'kysely';

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
    select order_key, merchant_id, source_id, order_id, merged, parent_order_id, parent_kind, made_at, changed_at
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
  return { ...readKnownOrder(row), madeAt: row.made_at, changedAt: row.changed_at };
}
