// Ending a reconciliation: what was missing or different is looked at again once it is merged, and
// counts as recovered when it agrees.
import type { Kysely, Transaction } from 'kysely';

import { readDelivery } from '../../inbox/read.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Adapter } from '../../sources/source.ts';
import { findSources } from '../../sources/connections/source-store.ts';
import { compareReports } from '../entering.ts';
import { endReconciliation, findState, isMerged, mergedFindings, noteRecovered } from './reconciliation-store.ts';

const ORDERS_PER_COMMIT = 500;

type Place = readonly [shop: string, orderId: string];

/**
 * Looks again at what a reconciliation found and has not seen recovered, and ends it when nothing
 * is left to be processed. It stops after the first part of orders behind which it does not go on;
 * the next look begins anew.
 */
export async function settleReconciliation(
  db: Kysely<DB>,
  adapters: readonly Adapter[],
  reconciliationId: string,
  goesOn: () => boolean,
): Promise<void> {
  const byKind = new Map(adapters.map((adapter) => [adapter.kind, adapter]));
  // Asked before looking: what is merged while we look is seen by the next look only.
  const isLastLook = (await findState(db, reconciliationId)) === 'settling' && (await isMerged(db, reconciliationId));
  let after: Place | null = ['', ''];
  while (after !== null) {
    const from: Place = after;
    after = await inTransaction(db, ({ trx }) => settlePart(trx, byKind, reconciliationId, from));
    if (after !== null && !goesOn()) return;
  }
  if (isLastLook) await endReconciliation(db, reconciliationId);
}

/**
 * Looks at the next orders after this place. Answers the place of the last of them, or null when
 * there are no more.
 */
async function settlePart(
  trx: Transaction<DB>,
  adapters: ReadonlyMap<string, Adapter>,
  reconciliationId: string,
  after: Place,
): Promise<Place | null> {
  const merged = await mergedFindings(trx, reconciliationId, { after, limit: ORDERS_PER_COMMIT });
  const sources = await findSources(trx, [...new Set(merged.map((one) => one.source_id))]);
  const reports = merged.map((one) =>
    readDelivery(one, sources.get(one.source_id), adapters).find((report) => report.content.order_id === one.order_id),
  );
  const judged = await compareReports(
    trx,
    reports.flatMap((report) => report ?? []),
  );
  const agreeing = new Set(judged.flatMap(({ report, found }) => (found === 'known' ? [report] : [])));
  const recovered = merged.filter((_, index) => reports[index] !== undefined && agreeing.has(reports[index]));
  await noteRecovered(
    trx,
    reconciliationId,
    recovered.map((one) => ({ shop: one.shop, orderId: one.order_id })),
  );
  const last = merged.at(-1);
  return merged.length < ORDERS_PER_COMMIT || last === undefined ? null : [last.shop, last.order_id];
}
