// One batch of orders computed again from what was delivered and what stands pinned, in a snapshot
// of its own, and compared.

import type { KeyObject } from 'node:crypto';

import type { Kysely, Transaction } from 'kysely';

import type { Bench } from '../commission/award/award-case.ts';
import { readDueOrders } from '../commission/award/award-store.ts';
import type { DueOrder } from '../commission/award/standing-award.ts';
import { gatherCases, type Case } from '../commission/facts/award-facts.ts';
import { currentRules, type RuleShelf } from '../commission/rules/rule-shelf.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Adapter } from '../sources/source.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import type { Difference } from './difference.ts';
import { patiently } from './patience.ts';
import { rebook, slotsOf } from './rebooking.ts';
import { rejudge } from './rejudging.ts';
import { retell, subjectOf } from './retelling.ts';
import {
  readOtherShares,
  readStandingOrders,
  readStandingTransfers,
  type DecidedShares,
  type Range,
  type StandingOrder,
  type StandingTransfer,
} from './audit-store.ts';

export interface LaneDeps {
  db: Kysely<DB>;
  adapters: readonly Adapter[];
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
  levelsMax: number;
}

/** What one batch came to. */
export interface AuditedBatch {
  orders: number;
  waiting: number;
  reports: number;
  transfers: number;
  differences: Difference[];
}

/** Who audits batches, one at a time. */
export type Lane = (range: Range) => Promise<AuditedBatch>;

/**
 * Audits the orders of a range by these connections. The rules are read once and again when they
 * have changed.
 */
export function laneOf(deps: LaneDeps, shelf: RuleShelf): Lane {
  const snapshot = deps.db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  return (range) => patiently(() => snapshot.execute((trx) => auditBatch(trx, range, shelf, deps)));
}

async function auditBatch(trx: Transaction<DB>, range: Range, shelf: RuleShelf, deps: LaneDeps): Promise<AuditedBatch> {
  const rows = await readStandingOrders(trx, range);
  const standing = await readDueOrders(
    trx,
    rows.map((row) => row.order_key),
  );
  const orders = rows.map((row, index) => ({ ...row, merged: standing[index]!.merged }));
  const { merged, reports, differences } = await retell(trx, range, orders, deps);
  const transfers = await readStandingTransfers(trx, range);
  const booked = groupedBy(transfers, (transfer) => transfer.order_key);
  const earlier = groupedBy(await readOtherShares(trx, range), (one) => one.order_key);
  const rules = await currentRules(trx, shelf);
  const due = standing.map((one) => ({ ...one, merged: merged.get(one.orderKey)! }));
  const { cases, facts } = await gatherCases(trx, due, rules, deps);
  const bench = { facts, rules, identityKey: deps.identityKey };
  for (const [index, order] of orders.entries()) {
    const decided = [...(earlier.get(order.order_key) ?? []), ...standingShares(due[index]!)];
    const own = { transfers: booked.get(order.order_key) ?? [], decided };
    differences.push(...auditOrder(order, cases[index]!, own, bench));
  }
  const waiting = orders.filter((order) => order.is_due).length;
  return { orders: orders.length, waiting, reports, transfers: transfers.length, differences };
}

function standingShares({ orderKey, award }: DueOrder): DecidedShares[] {
  if (award === null) return [];
  return award.lines.map(({ line_id, shares }) => ({ order_key: orderKey, revision: award.head.revision, line_id, shares }));
}

interface OwnBooks {
  transfers: StandingTransfer[];
  decided: DecidedShares[];
}

/** What cannot even be computed from what stands is a difference too. */
function auditOrder(order: StandingOrder, one: Case, books: OwnBooks, bench: Omit<Bench, 'now'>): Difference[] {
  const subject = subjectOf(order);
  try {
    const rebooked = rebook({ subject, ...headOf(one.due), ...books });
    if (order.is_due) return rebooked;
    if (order.awarded_at === null) return [...rebooked, { subject, field: 'award', expected: 'one', found: 'nothing' }];
    const rejudged = rejudge(subject, one, slotsOf(books.transfers), { ...bench, now: order.awarded_at });
    // A fault of the books is told once, as the transfer that differs.
    return [...rebooked, ...rejudged.filter(({ field }) => rebooked.length === 0 || !field.startsWith('booked.'))];
  } catch (error) {
    return [{ subject, field: 'award', expected: 'what can be decided', found: error instanceof Error ? error.message : String(error) }];
  }
}

function headOf({ award }: DueOrder) {
  const holds = [...(award?.holds.values() ?? [])];
  const released = new Map(holds.flatMap(({ lineId, releasedAt }) => (releasedAt === null ? [] : [[lineId, releasedAt]])));
  return { revision: award?.head.revision ?? 0, released };
}
