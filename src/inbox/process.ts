// Deliveries become orders: a batch is read, resolved, merged and finished in one transaction, by a
// constant number of queries.
import type { KeyObject } from 'node:crypto';

import type { Kysely, Transaction } from 'kysely';

import { markDue } from '../commission/award/due-store.ts';
import { lift } from '../core/merge.ts';
import type { OrderBounds } from '../core/order-bounds.ts';
import type { MergedOrder } from '../core/merged.ts';
import { readReport } from '../core/report.ts';
import { mergeIntoOrders, relativesOf, type OrderReport } from '../orders/merge-store.ts';
import { orderName } from '../orders/order-store.ts';
import { announce } from '../outbound/announce.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import { inSlices } from '../platform/slices.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { insertTouches } from '../promotion/clicks/click-store.ts';
import { identitiesOf } from '../promotion/buyers/identity.ts';
import { firstTouches } from '../promotion/clicks/touches.ts';
import type { Adapter } from '../sources/source.ts';
import { findSources } from '../sources/connections/source-store.ts';
import { processApart, settleFailed, type FailedDelivery } from './failing.ts';
import { orderEvents } from './order-events.ts';
import { letRoomIn, noteTooLarge, noteWaiting, roomOf } from './parking.ts';
import { readDelivery, type Origin, type DeliveredReport } from './read.ts';
import { redactJustRead, type JustRead } from './redacting.ts';
import { resolveReports, type Resolution } from './resolve.ts';
import {
  takeDueDeliveries,
  finishDeliveries,
  readTaken,
  type TakenIds,
  type TakenDelivery,
  type DeliveryOutcome,
} from './delivery-store.ts';
import { settleTimes, type TimedReport } from './times.ts';
import { noteWanted, wantedBy, type WantedByDelivery } from './wanted-details.ts';
import { messageOf } from '../platform/error-text.ts';

const DELIVERIES_PER_BATCH = 500;
const BYTES_PER_BATCH_MAX = 32 * 1024 * 1024;

export interface ProcessDeps {
  db: Kysely<DB>;
  adapters: readonly Adapter[];
  identityKey: KeyObject;
  bounds: OrderBounds;
  /** Told, after the commit, of every delivery that failed. */
  onFailed?: (failed: FailedDelivery) => void;
}

/**
 * Processes one batch of due deliveries and answers how many were taken; 0 says that nothing is
 * due. A delivery that fails does not hold up the others: it is tried again later, by itself, and
 * given up in the end. Throws when the database is away.
 */
export async function processDeliveries(deps: ProcessDeps, limit = DELIVERIES_PER_BATCH): Promise<number> {
  const onFailed = deps.onFailed ?? (() => undefined);
  const process = async (deliveryIds: readonly string[]) => {
    (await inTransaction(deps.db, ({ trx, now }) => processBatch(trx, deliveryIds, now, deps))).forEach(onFailed);
  };
  let taken: TakenIds = { fresh: [], failing: [] };
  try {
    const failed = await inTransaction(deps.db, async ({ trx, now }) => {
      taken = await takeDueDeliveries(trx, { limit, bytesMax: BYTES_PER_BATCH_MAX });
      return processBatch(trx, taken.fresh, now, deps);
    });
    failed.forEach(onFailed);
  } catch (error) {
    if (taken.fresh.length === 0) throw error;
    await settleFailed(deps.db, taken.fresh, error, { process, onFailed });
  }
  for (const deliveryId of taken.failing) await processApart(deps.db, [deliveryId], { process, onFailed });
  return taken.fresh.length + taken.failing.length;
}

/** Answers with those that failed for good. */
async function processBatch(trx: Transaction<DB>, deliveryIds: readonly string[], now: Date, deps: ProcessDeps): Promise<FailedDelivery[]> {
  if (deliveryIds.length === 0) return [];
  const deliveries = await readTaken(trx, deliveryIds);
  const read = await readAll(trx, deliveries, deps.adapters);
  const reports = read.flatMap((one) => one.reports);
  const resolutions = await resolveReports(trx, reports);
  await settleTimes(trx, timedReports(reports, resolutions));
  const effects = (await inSlices(reports, (report, index) => effectOf(report, resolutions[index]!, deps.identityKey))).filter(
    (effect) => effect !== null,
  );

  const { touched, refused } = await mergeIntoOrders(
    trx,
    effects.map((effect) => effect.orderReport),
    now,
    deps.bounds,
  );
  const outside = new Set(refused);
  const merged = effects.filter((effect) => !outside.has(effect.orderReport));
  const keys = new Map(touched.map((order) => [orderName(order), order.orderKey]));
  await noteWaiting(
    trx,
    merged.flatMap(({ orderReport, waitsFor }) => waitsFor.map((one) => ({ waitsFor: one, orderKey: keys.get(orderName(orderReport))! }))),
  );
  await insertTouches(
    trx,
    effects.flatMap((effect) => effect.touches),
  );
  await noteWanted(
    trx,
    read.flatMap((one) => one.wanted),
  );
  await announce(trx, () => orderEvents(touched, now), now);
  const byReport = new Map(reports.map((report, index) => [report, resolutions[index]!]));
  for (const { orderReport, report } of effects) {
    if (outside.has(orderReport)) byReport.set(report, { status: 'parked', reason: 'order_too_large', waitsFor: roomOf(orderReport) });
  }
  const outcomes = read.map((one) => outcomeOf(one, byReport));
  await finishDeliveries(trx, outcomes, now);
  await redactJustRead(trx, justRead(read, { effects: merged, keys, outcomes, resolutions: byReport }), {
    adapters: new Map(deps.adapters.map((adapter) => [adapter.kind, adapter])),
    identityKey: deps.identityKey,
  });
  await letRoomIn(
    trx,
    merged.filter(({ isWhole }) => isWhole).map(({ orderReport }) => orderReport),
    refused,
  );
  const resized = await noteTooLarge(trx, touched, refused);
  await markDue(trx, [...(await relativesOf(trx, touched)), ...resized], now);
  const failed = new Set(outcomes.filter(({ state }) => state === 'failed').map(({ deliveryId }) => deliveryId));
  return deliveries
    .filter(({ delivery_id: deliveryId }) => failed.has(deliveryId))
    .map((one) => ({ deliveryId: one.delivery_id, sourceId: one.source_id, attempts: 1, givenUp: true }));
}

function timedReports(reports: readonly DeliveredReport[], resolutions: readonly Resolution[]): TimedReport[] {
  return reports.flatMap((report, index) => {
    const resolution = resolutions[index]!;
    if (resolution.status !== 'resolved') return [];
    return [{ report, order: { merchantId: resolution.merchantId, sourceId: report.sourceId, orderId: report.content.order_id } }];
  });
}

/** A delivery with what it says, or with why it cannot be read. */
interface ReadDelivery {
  delivery: TakenDelivery;
  origin: Origin | undefined;
  reports: DeliveredReport[];
  wanted: WantedByDelivery[];
  error: string | null;
}

async function readAll(trx: Transaction<DB>, deliveries: readonly TakenDelivery[], adapters: readonly Adapter[]): Promise<ReadDelivery[]> {
  const sources = await findSources(trx, [...new Set(deliveries.map((delivery) => delivery.source_id))]);
  const byKind = new Map(adapters.map((adapter) => [adapter.kind, adapter]));
  return inSlices(deliveries, (delivery) => {
    const source = sources.get(delivery.source_id);
    let wanted: WantedByDelivery[] = [];
    try {
      // First, because what it names is fetched even where the rest of it cannot be read.
      wanted = wantedBy(byKind.get(source?.kind ?? ''), delivery, source?.options);
      return { delivery, origin: source, reports: readDelivery(delivery, source, byKind), wanted, error: null };
    } catch (error) {
      // Reading is pure: it fails in the same way until the code or the source is another, and then
      // the delivery is replayed.
      return { delivery, origin: source, reports: [], wanted, error: messageOf(error) };
    }
  });
}

/** What a report does, once it is known whom it means. */
interface Effect {
  report: DeliveredReport;
  orderReport: OrderReport;
  /** It tells all lines or refunds of its order. */
  isWhole: boolean;
  touches: ReturnType<typeof firstTouches>;
  waitsFor: string[];
}

/** What a resolved report does; null where it waits or fails. */
export function effectOf(report: DeliveredReport, resolution: Resolution, identityKey: KeyObject): Effect | null {
  if (resolution.status !== 'resolved') return null;
  const { delivery, ordinal, content, sourceId } = report;
  const { merchantId, waitsFor } = resolution;
  const buyer = content.buyer ?? {};
  const identities = identitiesOf(identityKey, merchantId, buyer);
  const { whole } = content;
  return {
    report,
    isWhole: report.says === 'all' && (whole === true || (Array.isArray(whole) && whole.some((list) => list !== 'evidence'))),
    orderReport: {
      merchantId,
      sourceId,
      orderId: content.order_id,
      merged: liftReport(report, resolution, identities),
      deliveryId: delivery.delivery_id,
      ordinal,
    },
    touches: firstTouches(identityKey, merchantId, buyer),
    waitsFor,
  };
}

/** The report as the core reads it; what it names in its source's words is what those mean. */
function liftReport(
  { delivery, content, contentHash, says }: DeliveredReport,
  { merchantId, named }: Extract<Resolution, { status: 'resolved' }>,
  identities: readonly string[],
): MergedOrder {
  const { received_at: receivedAt, clock_skew_seconds: skew, untimed_at: untimedAt } = delivery;
  const observedMax = new Date(receivedAt.getTime() + (skew ?? 0) * 1000);
  const reading = { receivedAt, observedMax, untimedAt: content.whole == null ? untimedAt : null, identities, named };
  return lift(readReport({ ...content, merchant_id: merchantId }, reading), contentHash, says);
}

/** Deliveries with the orders that they were merged into, for what is redacted in both. */
function justRead(
  read: readonly ReadDelivery[],
  {
    effects,
    keys,
    outcomes,
    resolutions,
  }: {
    effects: readonly Effect[];
    keys: ReadonlyMap<string, bigint>;
    outcomes: readonly DeliveryOutcome[];
    resolutions: ReadonlyMap<DeliveredReport, Resolution>;
  },
): JustRead[] {
  const byDelivery = groupedBy(effects, ({ report }) => report.delivery);
  return read.map(({ delivery, origin, reports }, index) => {
    const merchantOf = (ordinal: number): string | null => {
      const resolution = resolutions.get(reports[ordinal]!);
      return resolution?.status === 'resolved' ? resolution.merchantId : null;
    };
    return {
      delivery,
      origin,
      error: outcomes[index]!.error,
      merchantOf,
      orderKeys: (byDelivery.get(delivery) ?? []).map(({ orderReport }) => keys.get(orderName(orderReport))!),
      merchantId: delivery.merchant_id ?? origin?.merchantId ?? null,
    };
  });
}

/**
 * A delivery is processed when all its reports are; one that fails or waits does not keep the
 * others from their orders.
 */
function outcomeOf({ delivery, reports, error }: ReadDelivery, resolutions: ReadonlyMap<DeliveredReport, Resolution>): DeliveryOutcome {
  const nothing = { deliveryId: delivery.delivery_id, reports: reports.length, reason: null, waitsFor: null, error: null };
  if (error !== null) return { ...nothing, state: 'failed', reports: null, error };
  const all = reports.map((report) => resolutions.get(report)!);
  const failed = all.find((resolution) => resolution.status === 'failed');
  if (failed !== undefined) return { ...nothing, state: 'failed', error: failed.error };
  const parked = all.find((resolution) => resolution.status === 'parked');
  if (parked !== undefined) return { ...nothing, state: 'parked', reason: parked.reason, waitsFor: parked.waitsFor };
  // What is known of it has had its effect; what the code means is told by a replay, once a later
  // version knows it.
  const unknown = reports.find((report) => report.unknownCode !== null);
  if (unknown !== undefined) return { ...nothing, state: 'parked', reason: 'unknown_code', waitsFor: `code:${unknown.unknownCode}` };
  return { ...nothing, state: 'processed' };
}
