// What a rehearsal came to, as it is kept: amounts are digits, because a sum may be longer than a
// number of JSON holds.

import type { Kysely } from 'kysely';

import type { ExplainedStep } from '../../core/explanation.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readDecisions } from '../award/decision-store.ts';
import type { StandingDecision } from '../award/standing-award.ts';
import { readMerged, type Exclusion } from './recorded-store.ts';
import type { RehearsedLine } from './simulated-order.ts';
import { readSums, type Run } from './simulation-order-store.ts';
import type { MostChanged } from './simulator.ts';
import { SUM_KINDS, type SumKind } from './tally.ts';

/** Promoters, products and days that are told of each kind: those that differ most. */
export const TOLD_SUMS_MAX = 1000;

interface KeptSum {
  merchant_id: string;
  name: string;
  before: string;
  after: string;
}

interface KeptOrder {
  merchant_id: string;
  source_id: string;
  order_id: string;
  before: string;
  after: string;
  moved: string;
  lines: { line_id: string; before: RehearsedLine | null; after: RehearsedLine }[];
  lines_more: number;
}

/** Counts and sums over all orders that were looked at. */
export interface Totals {
  orders: number;
  lines: number;
  changed: number;
  before: bigint;
  after: bigint;
  excluded: ReadonlyMap<Exclusion, number>;
}

export interface SimulationResult {
  orders: number;
  lines: number;
  changed_orders: number;
  excluded: { reason: Exclusion; orders: number }[];
  before: string;
  after: string;
  sums: Record<SumKind, { told: KeptSum[]; more: number }>;
  most_changed: KeptOrder[];
}

/** Reads together what is told of a run that has come to its end. */
export async function resultOf(db: Kysely<DB>, run: Run, totals: Totals, most: readonly MostChanged[]): Promise<SimulationResult> {
  const read = await readSums(db, run, TOLD_SUMS_MAX);
  const sums = Object.fromEntries(
    SUM_KINDS.map((kind) => {
      const told = read[kind].sums.map(({ merchantId, name, before, after }) => ({
        merchant_id: merchantId,
        name,
        before: String(before),
        after: String(after),
      }));
      return [kind, { told, more: read[kind].more }];
    }),
  ) as SimulationResult['sums'];
  return {
    orders: totals.orders,
    lines: totals.lines,
    changed_orders: totals.changed,
    excluded: [...totals.excluded].map(([reason, orders]) => ({ reason, orders })),
    before: String(totals.before),
    after: String(totals.after),
    sums,
    most_changed: await tellMost(db, most),
  };
}

async function tellMost(db: Kysely<DB>, most: readonly MostChanged[]): Promise<KeptOrder[]> {
  const keys = most.map((one) => one.orderKey);
  const names = await db.transaction().execute((trx) => readMerged(trx, keys));
  const decisions = await readDecisions(
    db,
    most.map((one) => [one.orderKey, one.revision]),
  );
  return most.map(({ orderKey, before, after, moved, lines, more }) => {
    const { merchantId, sourceId, orderId } = names.get(orderKey)!;
    const recorded = new Map(decisions.get(orderKey)?.map((line) => [line.line_id, tellRecorded(line)]));
    return {
      merchant_id: merchantId,
      source_id: sourceId,
      order_id: orderId,
      before: String(before),
      after: String(after),
      moved: String(moved),
      lines: lines.map((line) => ({ line_id: line.lineId, before: recorded.get(line.lineId) ?? null, after: line.after })),
      lines_more: more,
    };
  });
}

function tellRecorded(line: StandingDecision): RehearsedLine {
  const { arithmetic } = JSON.parse(line.explanation) as { arithmetic: ExplainedStep[] };
  return {
    decision: line.decision,
    rule_id: line.rule_id,
    rule_version: line.rule_version,
    promoter_id: line.promoter_id,
    commission: String(line.shares.reduce((sum, { amount }) => sum + BigInt(amount), 0n)),
    arithmetic,
  };
}
