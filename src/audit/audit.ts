// The audit: every order, award, transfer and balance computed again from what was delivered and what stands pinned, and compared. It writes
// nothing, and holds one batch of orders at a time.

import type { KeyObject } from 'node:crypto';

import type { Kysely, Transaction } from 'kysely';

import type { Bench } from '../commission/award-case.ts';
import { readDueOrders, type DueOrder } from '../commission/award-store.ts';
import { gatherCases, type Case } from '../commission/gathering.ts';
import { currentRules, emptyShelf, type RuleShelf } from '../commission/rule-shelf.ts';
import { verifyChain, type Verified } from '../ledger/hash-chain-store.ts';
import type { DB } from '../platform/tables.ts';
import type { Adapter } from '../sources/source.ts';
import { auditBalances } from './balances.ts';
import type { Difference } from './difference.ts';
import { rebook, slotsOf } from './rebooking.ts';
import { rejudge } from './rejudging.ts';
import { retell, subjectOf } from './retelling.ts';
import {
  groupedBy,
  nextRange,
  readDecidedShares,
  readDeliveryPage,
  readStanding,
  readTransfers,
  type DecidedShares,
  type Range,
  type StandingOrder,
  type StandingTransfer,
} from './store.ts';

const ORDERS_PER_BATCH = 1000;
const DELIVERIES_PER_PAGE = 20_000;
/** So that one batch is computed while the database reads another. */
const LANES = 2;
const FIRST_UUID = '00000000-0000-0000-0000-000000000000';

export interface AuditDeps {
  db: Kysely<DB>;
  adapters: readonly Adapter[];
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
  levelsMax: number;
}

export interface AuditOptions {
  /** Is told every difference as it is found. */
  onDifference: (difference: Difference) => void;
  /** Is told how many orders are done. */
  onProgress?: (orders: number) => void;
  ordersPerBatch?: number;
}

/** What was looked at. `waiting` orders are due for the award at this moment, so that only their merged state and books are compared. */
export interface Audited {
  orders: number;
  waiting: number;
  reports: number;
  transfers: number;
  deliveries: number;
  accounts: number;
  chain: Verified;
  differences: number;
}

/** Computes everything again and compares. Each batch of orders is read in a snapshot of its own, so that the service may run meanwhile. */
export async function audit(deps: AuditDeps, options: AuditOptions): Promise<Audited> {
  const counts = { orders: 0, waiting: 0, reports: 0, transfers: 0, deliveries: 0, accounts: 0, differences: 0 };
  const tell = (difference: Difference): void => {
    counts.differences += 1;
    options.onDifference(difference);
  };
  await auditOrders(deps, options, (batch) => {
    for (const count of ['orders', 'waiting', 'reports', 'transfers'] as const) counts[count] += batch[count];
    for (const difference of batch.differences) tell(difference);
    options.onProgress?.(counts.orders);
  });
  counts.deliveries = await auditDeliveries(deps.db, tell);
  counts.accounts = (await auditBalances(deps.db, tell)).accounts;
  const chain = await verifyChain(deps.db);
  if (chain.broken !== null) {
    const { linkNo, day, reason } = chain.broken;
    tell({ subject: `link ${linkNo} of ${day}`, field: 'chain', expected: 'what was chained', found: reason });
  }
  return { ...counts, chain };
}

interface AuditedBatch {
  orders: number;
  waiting: number;
  reports: number;
  transfers: number;
  differences: Difference[];
}

async function auditOrders(deps: AuditDeps, options: AuditOptions, onBatch: (batch: AuditedBatch) => void): Promise<void> {
  const shelf = emptyShelf();
  let after: bigint | null = 0n;
  // Which range comes next is asked by one lane after the other.
  let asking: Promise<Range | null> = Promise.resolve(null);
  const next = (): Promise<Range | null> => {
    asking = asking.then(async () => {
      if (after === null) return null;
      const range = await nextRange(deps.db, after, options.ordersPerBatch ?? ORDERS_PER_BATCH);
      after = range?.upTo ?? null;
      return range;
    });
    return asking;
  };
  const lane = async (): Promise<void> => {
    for (let range = await next(); range !== null; range = await next()) {
      const batch = range;
      onBatch(
        await deps.db
          .transaction()
          .setIsolationLevel('repeatable read')
          .setAccessMode('read only')
          .execute((trx) => auditBatch(trx, batch, shelf, deps)),
      );
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function auditBatch(trx: Transaction<DB>, range: Range, shelf: RuleShelf, deps: AuditDeps): Promise<AuditedBatch> {
  const orders = await readStanding(trx, range);
  const { merged, reports, differences } = await retell(trx, range, orders, deps);
  const transfers = await readTransfers(trx, range);
  const books = {
    transfers: groupedBy(transfers, (transfer) => transfer.order_key),
    decided: groupedBy(await readDecidedShares(trx, range), (one) => one.order_key),
  };
  const rules = await currentRules(trx, shelf);
  const due = (
    await readDueOrders(
      trx,
      orders.map((order) => order.order_key),
    )
  ).map((one) => ({ ...one, merged: merged.get(one.orderKey)! }));
  const { cases, facts } = await gatherCases(trx, due, rules, deps);
  const bench = { facts, rules, identityKey: deps.identityKey };
  for (const [index, order] of orders.entries()) {
    const own = { transfers: books.transfers.get(order.order_key) ?? [], decided: books.decided.get(order.order_key) ?? [] };
    differences.push(...auditOrder(order, cases[index]!, own, bench));
  }
  const waiting = orders.filter((order) => order.is_due).length;
  return { orders: orders.length, waiting, reports, transfers: transfers.length, differences };
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
  return { revision: award?.head.revision ?? 0, releasedAt: award?.head.releasedAt ?? null };
}

/** Every report of a processed delivery was merged into an order. */
async function auditDeliveries(db: Kysely<DB>, tell: (difference: Difference) => void): Promise<number> {
  let count = 0n;
  for (let after = FIRST_UUID; ;) {
    const page = await readDeliveryPage(db, after, DELIVERIES_PER_PAGE);
    if (page === null) return Number(count);
    count += page.count;
    for (const { delivery_id, reports, noted } of page.lacking) {
      tell({ subject: `delivery ${delivery_id}`, field: 'reports', expected: String(reports), found: String(noted) });
    }
    after = page.last;
  }
}
