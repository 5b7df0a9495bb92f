// What is told to the world of orders that reports were merged into.
import { viewOrder, type Order } from '../core/order.ts';
import { ORDER_STATUSES } from '../core/report.ts';
import type { MergedInto } from '../orders/merge-store.ts';
import type { Event, EventType } from '../outbound/event.ts';

/**
 * The events of orders that have changed. One of which nobody has told its status yet is known by
 * its evidence only, and is no event.
 */
export function orderEvents(touched: readonly MergedInto[], now: Date): Event[] {
  return touched.filter(({ changed }) => changed).flatMap((one) => eventsOf(one, now));
}

function eventsOf({ orderKey, merchantId, sourceId, orderId, before, merged }: MergedInto, now: Date): Event[] {
  const order = viewOrder(merged);
  if (!order.statusStated) return [];
  const former = before === null ? null : viewOrder(before);
  const data = { merchant_id: merchantId, source_id: sourceId, order_id: orderId, ...shown(order) };
  const types = typesOf(former?.statusStated === true ? former : null, order);
  return types.map((type) => ({ type, key: `${orderKey} ${JSON.stringify(merged)}`, merchantId, at: now, data }));
}

function typesOf(former: Order | null, order: Order): EventType[] {
  const reached = (status: Order['status']) => {
    const rank = ORDER_STATUSES.indexOf(status);
    return ORDER_STATUSES.indexOf(order.status) >= rank && (former === null || ORDER_STATUSES.indexOf(former.status) < rank);
  };
  return [
    former === null ? 'order.reported' : 'order.changed',
    ...(reached('paid') ? (['order.paid'] as const) : []),
    ...(reached('completed') ? (['order.completed'] as const) : []),
    ...(order.void !== null && (former === null || former.void === null) ? (['order.voided'] as const) : []),
  ];
}

/**
 * An order without its buyer, in the words of `GET /v1/orders`. Amounts are of all lines, and of
 * all refunds that went through.
 */
function shown(order: Order) {
  const refunds = order.refunds.filter(({ status }) => status === 'succeeded');
  return {
    status: order.status,
    void: order.void ?? false,
    currency: order.currency,
    created_at: toText(order.createdAt),
    paid_at: toText(order.paidAt),
    completed_at: toText(order.completedAt),
    attribution_at: toText(order.attributionAt),
    paid_amount: order.lines.reduce((sum, line) => sum + line.paidAmount, 0n),
    refunded_amount: refunds.reduce((sum, refund) => sum + refund.amount, 0n),
  };
}

const toText = (at: number | null) => (at === null ? null : new Date(at).toISOString());
