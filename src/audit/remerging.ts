// Orders told again from the raw bytes of their deliveries: through the adapters, the canonical
// report and the merge, as the inbox does it.

import type { KeyObject } from 'node:crypto';

import type { Transaction } from 'kysely';

import { merge } from '../core/merge.ts';
import { NOTHING_TOLD, type MergedOrder } from '../core/merged.ts';
import { effectOf } from '../inbox/process.ts';
import { readDelivery, type DeliveredReport } from '../inbox/read.ts';
import { resolveReports, type Resolution } from '../inbox/resolve.ts';
import { columnsOf } from '../orders/merge-store.ts';
import { orderName } from '../orders/order-store.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Adapter } from '../sources/source.ts';
import { findSources } from '../sources/connections/source-store.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import { differingFields, type Difference } from './difference.ts';
import { everyResolution } from './earlier-words.ts';
import { readNoted, readNotedDeliveries, type NotedReport, type Range, type StandingOrder } from './audit-store.ts';
import { messageOf } from '../platform/error-text.ts';

/** The format in which the reports of an order are read today. */
const ORDER_FORMAT = 2;

interface RemergingDeps {
  adapters: readonly Adapter[];
  identityKey: KeyObject;
}

interface Remerged {
  /**
   * The state of each order as its deliveries tell it; the standing one where that is told as well.
   */
  merged: Map<bigint, MergedOrder>;
  reports: number;
  differences: Difference[];
}

/** Tells the orders of a range again, and where they stand otherwise. */
export async function remerge(
  trx: Transaction<DB>,
  range: Range,
  orders: readonly StandingOrder[],
  deps: RemergingDeps,
): Promise<Remerged> {
  const noted = await readNoted(trx, range);
  const differences: Difference[] = [];
  const reports = await readReports(trx, range, noted, deps, differences);
  const told = groupedBy(reports, ({ orderKey }) => orderKey);
  const resolutions = new Map<DeliveredReport, Resolution>();
  const all = reports.map(({ report }) => report);
  for (const [index, resolution] of (await resolveReports(trx, all)).entries()) resolutions.set(all[index]!, resolution);

  const merged = new Map<bigint, MergedOrder>();
  for (const order of orders) {
    const own = (told.get(order.order_key) ?? []).map(({ report }) => report);
    const standing = merge(order.merged, NOTHING_TOLD);
    if (order.format !== ORDER_FORMAT) {
      // Its reports were read by rules that are not ours any more: it is taken as it stands.
      merged.set(order.order_key, standing);
      continue;
    }
    const expected = joinOf(own.map((report) => effectOn(order, report, resolutions.get(report)!, deps.identityKey)));
    const same = JSON.stringify(expected) === JSON.stringify(standing) || (await wasTold(trx, order, standing, own, deps.identityKey));
    merged.set(order.order_key, same ? standing : expected);
    if (!same) differences.push(...differingFields(subjectOf(order), 'merged.', expected, standing));
    differences.push(...differingFields(subjectOf(order), '', columnsTold(merged.get(order.order_key)!), columnsStanding(order)));
  }
  return { merged, reports: noted.length, differences };
}

/** What differences call an order. */
export function subjectOf(order: Pick<StandingOrder, 'merchant_id' | 'source_id' | 'order_id'>): string {
  return `${order.merchant_id}/${order.source_id}/${order.order_id}`;
}

interface OwnReport {
  orderKey: bigint;
  report: DeliveredReport;
}

/**
 * The reports that are noted as the orders', read off the bytes; one that cannot be read is a
 * difference.
 */
async function readReports(
  trx: Transaction<DB>,
  range: Range,
  noted: readonly NotedReport[],
  { adapters }: RemergingDeps,
  differences: Difference[],
): Promise<OwnReport[]> {
  const deliveries = await readNotedDeliveries(trx, range);
  const sources = await findSources(trx, [...new Set(deliveries.map((delivery) => delivery.source_id))]);
  const byKind = new Map(adapters.map((adapter) => [adapter.kind, adapter]));
  const read = new Map<string, DeliveredReport[]>();
  for (const delivery of deliveries) {
    try {
      read.set(delivery.delivery_id, readDelivery(delivery, sources.get(delivery.source_id), byKind));
    } catch (error) {
      const found = messageOf(error);
      differences.push({ subject: `delivery ${delivery.delivery_id}`, field: 'body', expected: 'what was merged from it', found });
    }
  }
  return noted.flatMap(({ order_key: orderKey, delivery_id, ordinal }) => {
    const report = read.get(delivery_id)?.[ordinal];
    return report === undefined ? [] : [{ orderKey, report }];
  });
}

/** What a report says of this order; null where it is resolved to none or to another one. */
function effectOn(order: StandingOrder, report: DeliveredReport, resolution: Resolution, identityKey: KeyObject): MergedOrder | null {
  const effect = effectOf(report, resolution, identityKey);
  const name = orderName({ merchantId: order.merchant_id, sourceId: order.source_id, orderId: order.order_id });
  return effect !== null && orderName(effect.orderReport) === name ? effect.orderReport.merged : null;
}

function joinOf(told: readonly (MergedOrder | null)[]): MergedOrder {
  return told.reduce<MergedOrder>((merged, one) => (one === null ? merged : merge(merged, one)), NOTHING_TOLD);
}

/**
 * Whether the order says all that its deliveries say, and nothing besides, in the words as they
 * were understood at some time: a delivery is merged by what is known then, and once more when its
 * words are explained.
 */
async function wasTold(
  trx: Transaction<DB>,
  order: StandingOrder,
  standing: MergedOrder,
  own: readonly DeliveredReport[],
  identityKey: KeyObject,
): Promise<boolean> {
  if (own.length === 0) return false;
  const ways = (await everyResolution(trx, own)).map((resolutions, index) =>
    resolutions.flatMap((resolution) => effectOn(order, own[index]!, resolution, identityKey) ?? []),
  );
  return ways.every((effects) => effects.some((effect) => holds(standing, effect))) && holds(joinOf(ways.flat()), standing);
}

/** Whether merging the part into the whole changes nothing. */
function holds(whole: MergedOrder, part: MergedOrder): boolean {
  return JSON.stringify(merge(whole, part)) === JSON.stringify(whole);
}

function columnsTold(merged: MergedOrder) {
  const { status, isVoid, currency, currencyConflict, attributionAt, parent } = columnsOf(merged);
  return {
    status,
    is_void: isVoid,
    currency,
    currency_conflict: currencyConflict,
    attribution_at: attributionAt === null ? null : new Date(attributionAt),
    parent_order_id: parent?.orderId ?? null,
    parent_kind: parent?.kind ?? null,
  };
}

function columnsStanding(order: StandingOrder): ReturnType<typeof columnsTold> {
  const { is_void, currency, currency_conflict, attribution_at, parent_order_id } = order;
  return {
    status: order.status as ReturnType<typeof columnsTold>['status'],
    is_void,
    currency,
    currency_conflict,
    attribution_at,
    parent_order_id,
    parent_kind: order.parent_kind as ReturnType<typeof columnsTold>['parent_kind'],
  };
}
