// How the times of reports are read: one that lies ahead of its receipt beyond what clocks may
// differ counts as the receipt, and a row of a list or a file without a time of its own as earlier
// than what was told in full before it. Both are kept with the delivery.
import { sql, type Transaction } from 'kysely';

import type { Policy } from '../core/policy.ts';
import { orderName, unnestOrders, type OrderId } from '../orders/order-store.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import type { DeliveredReport } from './read.ts';
import { keepTimes, type KeptTimes } from './delivery-store.ts';

/** A resolved report: of which order of which merchant it is. */
export interface TimedReport {
  report: DeliveredReport;
  order: OrderId;
}

/**
 * Decides how the times of these reports are read where that is not decided yet, and keeps it with
 * their deliveries, here and in the database.
 */
export async function settleTimes(trx: Transaction<DB>, reports: readonly TimedReport[]): Promise<void> {
  const unread = reports.filter(({ report: { delivery } }) => delivery.clock_skew_seconds === null && delivery.untimed_at === null);
  const ahead = unread.filter(({ report }) => aheadMs(report) > 0);
  const untimed = unread.filter(({ report }) => isUntimedRow(report));
  if (ahead.length + untimed.length === 0) return;
  const skews = await readSkews(trx, ahead);
  const stamps = await readStamps(
    trx,
    untimed.map(({ order }) => order),
  );
  const kept: KeptTimes[] = [];
  for (const [deliveryId, own] of groupedBy([...new Set([...ahead, ...untimed])], ({ report }) => report.delivery.delivery_id)) {
    const { delivery } = own[0]!.report;
    const skew = own.flatMap((report) => skews.get(report) ?? []);
    const before = own.flatMap(({ order }) => stamps.get(orderName(order)) ?? []);
    delivery.clock_skew_seconds = skew.length === 0 ? null : Math.max(...skew);
    // Just before the whole report, so that the row brings nothing back which that did not list.
    const untimedAt = Math.min(...before) - 1;
    delivery.untimed_at = untimedAt < delivery.received_at.getTime() ? new Date(untimedAt) : null;
    const isAhead = own.some(({ report }) => aheadMs(report) > (delivery.clock_skew_seconds ?? 0) * 1000);
    kept.push({ deliveryId, clockSkewSeconds: delivery.clock_skew_seconds, isAhead, untimedAt: delivery.untimed_at });
  }
  await keepTimes(trx, kept);
}

function aheadMs({ content, delivery }: DeliveredReport): number {
  return content.observed_at == null ? 0 : Date.parse(content.observed_at) - delivery.received_at.getTime();
}

/** A row of a list, a settlement or a file that says neither when it was so nor everything. */
function isUntimedRow({ content, delivery }: DeliveredReport): boolean {
  return content.observed_at == null && content.whole == null && (delivery.origin === 'pull' || delivery.origin === 'upload');
}

/** How far clocks may differ, by the merchant's policy as of the receipt. */
async function readSkews(trx: Transaction<DB>, reports: readonly TimedReport[]): Promise<Map<TimedReport, number>> {
  if (reports.length === 0) return new Map();
  const { rows } = await sql<{ place: number; policy: Policy }>`
    select distinct on (place) place, policy
    from ${unnestOf(
      reports,
      {
        merchant_id: ['text', ({ order }) => order.merchantId],
        received_at: ['timestamptz', ({ report }) => report.delivery.received_at],
        place: ['int', (_, index) => index],
      },
      'asked',
    )}
    join merchant_version using (merchant_id) where effective_from <= asked.received_at
    order by place, effective_from desc, version desc`.execute(trx);
  return new Map(rows.map((row) => [reports[row.place]!, row.policy.clock_skew_seconds]));
}

/** The latest whole report of each order, where there is one (epoch milliseconds). */
async function readStamps(trx: Transaction<DB>, orders: readonly OrderId[]): Promise<Map<string, number>> {
  if (orders.length === 0) return new Map();
  const { rows } = await sql<{ merchant_id: string; source_id: string; order_id: string; stamp: bigint | null }>`
    select merchant_id, source_id, order_id, greatest((merged #>> '{whole,lines}')::bigint, (merged #>> '{whole,refunds}')::bigint,
      (merged #>> '{whole,evidence,0}')::bigint) as stamp
    from ${unnestOrders(orders)} join orders using (merchant_id, order_id, source_id)`.execute(trx);
  return new Map(
    rows.flatMap(({ merchant_id: merchantId, source_id: sourceId, order_id: orderId, stamp }) =>
      stamp === null ? [] : [[orderName({ merchantId, sourceId, orderId }), Number(stamp)] as const],
    ),
  );
}
