// The audit: every order, award, transfer and balance computed again from what was delivered and
// what stands pinned, and compared. It writes nothing, and holds some batches of orders at a time.

import type { Kysely } from 'kysely';

import { verifyChain, type ChainCheck } from '../ledger/hash-chain-store.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { auditCampaigns } from './campaign-audit.ts';
import { auditBonuses } from './bonus-audit.ts';
import { auditBalances } from './balance-audit.ts';
import type { BatchAudit, BatchAuditor } from './batch.ts';
import type { Difference } from './difference.ts';
import { retryWhileAway } from '../platform/postgres/retry.ts';
import { auditPayouts } from './payout-audit.ts';
import { nextRange, readDeliveryPage, type Range } from './audit-store.ts';

const ORDERS_PER_BATCH = 1000;
const DELIVERIES_PER_PAGE = 20_000;
const FIRST_UUID = '00000000-0000-0000-0000-000000000000';

interface AuditOptions {
  /** Is told every difference as it is found. */
  onDifference: (difference: Difference) => void;
  /** Is told how many orders are done. */
  onProgress?: (orders: number) => void;
  ordersPerBatch?: number;
}

/**
 * What was looked at. `waiting` orders are due for the award at this moment, so that only their
 * merged state and books are compared.
 */
export interface AuditCounts {
  orders: number;
  waiting: number;
  reports: number;
  transfers: number;
  deliveries: number;
  accounts: number;
  payouts: number;
  bonuses: number;
  campaigns: number;
  chain: ChainCheck;
  differences: number;
}

/**
 * Computes everything again and compares. Each batch of orders is read in a snapshot of its own, so
 * that the service may run meanwhile; the auditors take one batch after the other, while the
 * deliveries, the balances and the chain are looked at beside them.
 */
export async function audit(db: Kysely<DB>, auditors: readonly BatchAuditor[], options: AuditOptions): Promise<AuditCounts> {
  const counts = {
    orders: 0,
    waiting: 0,
    reports: 0,
    transfers: 0,
    deliveries: 0,
    accounts: 0,
    payouts: 0,
    bonuses: 0,
    campaigns: 0,
    differences: 0,
  };
  const tell = (difference: Difference): void => {
    counts.differences += 1;
    options.onDifference(difference);
  };
  const beside = async (): Promise<ChainCheck> => {
    counts.deliveries = await auditDeliveries(db, tell);
    counts.accounts = (await auditBalances(db, tell)).accounts;
    counts.payouts = (await auditPayouts(db, tell)).payouts;
    counts.bonuses = (await auditBonuses(db, tell)).bonuses;
    counts.campaigns = (await auditCampaigns(db, tell)).campaigns;
    const chain = await retryWhileAway(() => verifyChain(db));
    if (chain.broken !== null) {
      const { linkNo, day, reason } = chain.broken;
      tell({ subject: `link ${linkNo} of ${day}`, field: 'chain', expected: 'what was chained', found: reason });
    }
    return chain;
  };
  const [chain] = await Promise.all([
    beside(),
    auditOrders(db, auditors, options, (batch) => {
      for (const count of ['orders', 'waiting', 'reports', 'transfers'] as const) counts[count] += batch[count];
      for (const difference of batch.differences) tell(difference);
      options.onProgress?.(counts.orders);
    }),
  ]);
  return { ...counts, chain };
}

async function auditOrders(
  db: Kysely<DB>,
  auditors: readonly BatchAuditor[],
  { ordersPerBatch = ORDERS_PER_BATCH }: AuditOptions,
  onBatch: (batch: BatchAudit) => void,
): Promise<void> {
  let after: bigint | null = 0n;
  // Which range comes next is asked by one auditor after the other.
  let asking: Promise<Range | null> = Promise.resolve(null);
  const next = (): Promise<Range | null> => {
    asking = asking.then(async () => {
      if (after === null) return null;
      const from = after;
      const range = await retryWhileAway(() => nextRange(db, from, ordersPerBatch));
      after = range?.upTo ?? null;
      return range;
    });
    return asking;
  };
  await Promise.all(
    auditors.map(async (auditor) => {
      for (let range = await next(); range !== null; range = await next()) onBatch(await auditor(range));
    }),
  );
}

/** Every report of a processed delivery was merged into an order. */
async function auditDeliveries(db: Kysely<DB>, tell: (difference: Difference) => void): Promise<number> {
  let count = 0n;
  for (let after = FIRST_UUID; ;) {
    const from = after;
    const page = await retryWhileAway(() => readDeliveryPage(db, from, DELIVERIES_PER_PAGE));
    if (page === null) return Number(count);
    count += page.count;
    for (const { delivery_id, reports, noted } of page.lacking) {
      tell({ subject: `delivery ${delivery_id}`, field: 'reports', expected: String(reports), found: String(noted) });
    }
    after = page.last;
  }
}
