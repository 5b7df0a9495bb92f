// Rows that were pulled or uploaded go through the one door, and a reconciliation notes what it
// found of each order before that.
import { hash } from 'node:crypto';

import { sql, type Transaction } from 'kysely';

import type { MergedOrder } from '../core/merged.ts';
import { readDelivery, type Origin, type DeliveredReport } from '../inbox/read.ts';
import { replayFailed } from '../inbox/deliveries/replays.ts';
import { inTrx, storeDeliveries, type TakenDelivery, type NewDelivery } from '../inbox/delivery-store.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import { uuidv7 } from '../platform/uuid.ts';
import type { Adapter } from '../sources/source.ts';
import { findingOf, type Comparison } from './reconciliations/finding.ts';
import { noteFindings } from './reconciliations/reconciliation-store.ts';

const SHOP_LENGTH_MAX = 256;

/** Rows of one source, as they came together. */
export interface Rows {
  origin: 'pull' | 'upload';
  source: Origin;
  /** Whose orders an upload of the source rest tells of; null for every other source. */
  merchantId: string | null;
  bodies: readonly Buffer[];
  /** Kept beside each body. */
  headers: Record<string, string>;
  /** When they were asked for, by the clock of the database. */
  fetchedAt: Date;
}

/**
 * Stores rows as deliveries. With a reconciliation, their orders are judged first, as they stand,
 * and what failed at its first coming is tried again. What cannot be read is stored all the same:
 * it fails where everybody looks for what fails.
 */
export async function enterRows(
  trx: Transaction<DB>,
  adapters: ReadonlyMap<string, Adapter>,
  rows: Rows,
  reconciliationId: string | null,
): Promise<void> {
  if (rows.bodies.length === 0) return;
  const deliveries = rows.bodies.map((body) => deliveryOf(rows, body));
  const read = deliveries.map((delivery) => reportsOf(delivery, rows, adapters));
  const found = reconciliationId === null ? [] : await compareReports(trx, read.flat());
  const ids = await storeLatest(trx, deliveries, read, rows.fetchedAt);
  if (reconciliationId === null) return;
  const idOf = new Map(deliveries.map((delivery, index) => [delivery.deliveryId, ids[index]!]));
  await noteFindings(
    trx,
    reconciliationId,
    found.map(({ report, found: what }) => ({
      shop: shopOf(report),
      orderId: report.content.order_id,
      found: what,
      deliveryId: idOf.get(report.delivery.delivery_id)!,
    })),
  );
  await replayFailed(
    trx,
    ids.filter((id, index) => id !== deliveries[index]!.deliveryId),
  );
}

/** What would be found of the orders of these rows; nothing is stored. */
export async function compareRows(
  trx: Transaction<DB>,
  adapters: ReadonlyMap<string, Adapter>,
  rows: Rows,
): Promise<{ shop: string; orderId: string; found: Comparison }[]> {
  const read = rows.bodies.flatMap((body) => reportsOf(deliveryOf(rows, body), rows, adapters));
  const judged = await compareReports(trx, read);
  return judged.map(({ report, found }) => ({ shop: shopOf(report), orderId: report.content.order_id, found }));
}

/** Judges reports by their orders as they stand. */
export async function compareReports(
  trx: Transaction<DB>,
  reports: readonly DeliveredReport[],
): Promise<{ report: DeliveredReport; found: Comparison }[]> {
  if (reports.length === 0) return [];
  const { rows } = await sql<{ place: number; merged: MergedOrder }>`
    select distinct on (place) place, merged
    from ${unnestOf(
      reports,
      {
        source_id: ['text', (one) => one.sourceId],
        order_id: ['text', (one) => one.content.order_id],
        merchant: ['text', (one) => one.origin.merchantId],
        place: ['int', (_, index) => index],
      },
      'told',
    )}
    join orders using (source_id, order_id) where told.merchant is null or told.merchant = orders.merchant_id
    order by place, orders.made_at`.execute(trx);
  const standing = new Map(rows.map(({ place, merged }) => [place, merged]));
  return reports.map((report, index) => ({ report, found: foundBy(report, standing.get(index)) }));
}

/**
 * A report that cannot be merged is different, and keeps no other row of its page from being
 * stored.
 */
function foundBy(report: DeliveredReport, standing: MergedOrder | undefined): Comparison {
  try {
    return findingOf(report, standing);
  } catch {
    return 'different';
  }
}

/**
 * What a source calls the merchant of a report, as far as a key may hold it; empty where it does
 * not say.
 */
const shopOf = ({ shop, content }: DeliveredReport): string =>
  (shop ?? content.merchant_id ?? '').replaceAll('\0', '').slice(0, SHOP_LENGTH_MAX);

function deliveryOf({ origin, source, merchantId, headers, fetchedAt }: Rows, body: Buffer): NewDelivery {
  return {
    deliveryId: uuidv7(fetchedAt.getTime()),
    sourceId: source.sourceId,
    merchantId,
    origin,
    body,
    bodyHash: hash('sha256', body, 'buffer'),
    signedId: null,
    headers: { ...headers, 'fetched-at': fetchedAt.toISOString() },
  };
}

function reportsOf(delivery: NewDelivery, { source, fetchedAt }: Rows, adapters: ReadonlyMap<string, Adapter>): DeliveredReport[] {
  const taken: TakenDelivery = {
    delivery_id: delivery.deliveryId,
    source_id: delivery.sourceId,
    merchant_id: delivery.merchantId,
    origin: delivery.origin,
    body: delivery.body,
    headers: delivery.headers,
    received_at: fetchedAt,
    clock_skew_seconds: null,
    untimed_at: null,
    content_hashes: null,
  };
  try {
    return readDelivery(taken, source, adapters);
  } catch {
    // The same reading fails when the delivery is processed, which keeps it with its error.
    return [];
  }
}

/** Of the ids of one moment none lies before this one. */
const FIRST = new Uint8Array(10);

/**
 * Stores each row once. Bytes that came before are the same row, unless they state no time of their
 * own and another word of their order came in between, before this fetch: then the order has gone
 * back to what it was, and that is said anew.
 */
async function storeLatest(
  trx: Transaction<DB>,
  deliveries: readonly NewDelivery[],
  read: readonly (readonly DeliveredReport[])[],
  fetchedAt: Date,
): Promise<string[]> {
  const ids = await storeDeliveries(inTrx(trx), deliveries);
  const doubles = deliveries.flatMap((delivery, index) => {
    const isDouble = ids[index] !== delivery.deliveryId;
    const isTimeless = read[index]!.some((report) => report.content.observed_at == null);
    return isDouble && isTimeless ? [{ delivery, index }] : [];
  });
  if (doubles.length === 0) return ids;
  const { rows } = await sql<{ delivery_id: string }>`
    select told.delivery_id from unnest(${doubles.map(({ index }) => ids[index]!)}::uuid[]) as told (delivery_id)
    join order_report as mine using (delivery_id) where exists (
      select from order_report as other join delivery on delivery.delivery_id = other.delivery_id
      where other.order_key = mine.order_key and other.delivery_id > mine.delivery_id and other.delivery_id < ${uuidv7(fetchedAt.getTime(), FIRST)}
        and delivery.origin in ('pull', 'upload'))`.execute(trx);
  const overtaken = new Set(rows.map((row) => row.delivery_id));
  const anew = doubles.filter(({ index }) => overtaken.has(ids[index]!));
  const again = anew.map(({ delivery }) => {
    const bodyHash = hash('sha256', Buffer.concat([Buffer.from(`${fetchedAt.toISOString()}\n`), delivery.body]), 'buffer');
    return { ...delivery, bodyHash };
  });
  const newIds = again.length === 0 ? [] : await storeDeliveries(inTrx(trx), again);
  for (const [place, { index }] of anew.entries()) ids[index] = newIds[place]!;
  return ids;
}
