// One batch of orders computed again from what was delivered and what stands pinned, in a snapshot
// of its own, and compared.

import type { KeyObject } from 'node:crypto';

import type { Kysely, Transaction } from 'kysely';

import type { BatchContext } from '../commission/award/award-order.ts';
import { readDueOrders } from '../commission/award/award-store.ts';
import type { DueOrder } from '../commission/award/standing-award.ts';
import { gatherInputs, type AwardInput } from '../commission/facts/award-facts.ts';
import { currentRules, type RuleCache } from '../commission/rules/rule-cache.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Adapter } from '../sources/source.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import type { Difference } from './difference.ts';
import { retryWhileAway } from '../platform/postgres/retry.ts';
import { rebook, slotsOf } from './rebooking.ts';
import { redecide } from './redeciding.ts';
import { remerge, subjectOf } from './remerging.ts';
import {
  readOtherShares,
  readStandingOrders,
  readStandingTransfers,
  type DecidedShares,
  type Range,
  type StandingOrder,
  type StandingTransfer,
} from './audit-store.ts';
import { messageOf } from '../platform/error-text.ts';

export interface BatchAuditorDeps {
  db: Kysely<DB>;
  adapters: readonly Adapter[];
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
  levelsMax: number;
}

/** What one batch came to. */
export interface BatchAudit {
  orders: number;
  waiting: number;
  reports: number;
  transfers: number;
  differences: Difference[];
}

/** Who audits batches, one at a time. */
export type BatchAuditor = (range: Range) => Promise<BatchAudit>;

/**
 * Audits the orders of a range by these connections. The rules are read once and again when they
 * have changed.
 */
export function batchAuditor(deps: BatchAuditorDeps, ruleCache: RuleCache): BatchAuditor {
  const snapshot = deps.db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  return (range) => retryWhileAway(() => snapshot.execute((trx) => auditBatch(trx, range, ruleCache, deps)));
}

async function auditBatch(trx: Transaction<DB>, range: Range, ruleCache: RuleCache, deps: BatchAuditorDeps): Promise<BatchAudit> {
  const rows = await readStandingOrders(trx, range);
  const standing = await readDueOrders(
    trx,
    rows.map((row) => row.order_key),
  );
  const orders = rows.map((row, index) => ({ ...row, merged: standing[index]!.merged }));
  const { merged, reports, differences } = await remerge(trx, range, orders, deps);
  const transfers = await readStandingTransfers(trx, range);
  const booked = groupedBy(transfers, (transfer) => transfer.order_key);
  const earlier = groupedBy(await readOtherShares(trx, range), (one) => one.order_key);
  const rules = await currentRules(trx, ruleCache);
  const due = standing.map((one) => ({ ...one, merged: merged.get(one.orderKey)! }));
  const { inputs, facts } = await gatherInputs(trx, due, rules, deps);
  const context = { facts, rules, identityKey: deps.identityKey };
  for (const [index, order] of orders.entries()) {
    const decided = [...(earlier.get(order.order_key) ?? []), ...standingShares(due[index]!)];
    const own = { transfers: booked.get(order.order_key) ?? [], decided };
    differences.push(...auditOrder(order, inputs[index]!, own, context));
  }
  const waiting = orders.filter((order) => order.is_due).length;
  return { orders: orders.length, waiting, reports, transfers: transfers.length, differences };
}

function standingShares({ orderKey, award }: DueOrder): DecidedShares[] {
  if (award === null) return [];
  return award.lines.map(({ line_id, shares }) => ({ order_key: orderKey, revision: award.header.revision, line_id, shares }));
}

interface OwnBooks {
  transfers: StandingTransfer[];
  decided: DecidedShares[];
}

/** What cannot even be computed from what stands is a difference too. */
function auditOrder(order: StandingOrder, one: AwardInput, books: OwnBooks, context: Omit<BatchContext, 'now'>): Difference[] {
  const subject = subjectOf(order);
  try {
    const rebooked = rebook({ subject, ...releasesOf(one.due), ...books });
    if (order.is_due) return rebooked;
    if (order.awarded_at === null) return [...rebooked, { subject, field: 'award', expected: 'one', found: 'nothing' }];
    const rejudged = redecide(subject, one, slotsOf(books.transfers), { ...context, now: order.awarded_at });
    // A fault of the books is told once, as the transfer that differs.
    return [...rebooked, ...rejudged.filter(({ field }) => rebooked.length === 0 || !field.startsWith('booked.'))];
  } catch (error) {
    return [{ subject, field: 'award', expected: 'what can be decided', found: messageOf(error) }];
  }
}

function releasesOf({ award }: DueOrder) {
  const holds = [...(award?.holds.values() ?? [])];
  const released = new Map(holds.flatMap(({ lineId, releasedAt }) => (releasedAt === null ? [] : [[lineId, releasedAt]])));
  return { revision: award?.header.revision ?? 0, released };
}
