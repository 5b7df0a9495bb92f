// What a preview came to, as it is kept: amounts are digits, because a sum may be longer than a
// number of JSON holds.

import type { Kysely } from 'kysely';

import type { Role } from '../../core/party.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readMerged, type Exclusion } from '../simulations/recorded-store.ts';
import type { ReRatedOrder, ToldReRatedLine } from './re-rated-order.ts';
import { readExpectedDebts, readPromoterSums, readTotals } from './re-rating-order-store.ts';

/** Promoters and debts that are told, those that differ most first. */
export const TOLD_SUMS_MAX = 1000;
/** Orders that are told with both reckonings. */
export const TOLD_ORDERS_MAX = 20;
/** Lines that are told of each of them. */
export const TOLD_LINES_MAX = 20;

/** An order of those that change most. */
interface MostChanged extends Pick<ReRatedOrder, 'orderKey' | 'before' | 'after' | 'moved'> {
  lines: ToldReRatedLine[];
  /** Lines beyond those that are told. */
  more: number;
}

interface BothSides {
  before: string;
  after: string;
}

export interface PreviewResult extends BothSides {
  orders: number;
  lines: number;
  changed_orders: number;
  excluded: { reason: Exclusion; orders: number }[];
  /** Lines for which the rules of now have none, so that they keep theirs. */
  lines_without_rule: number;
  lowered: { orders: number; promoters: number; amount: string };
  by_promoter: (BothSides & { promoter_id: string | null })[];
  by_role: (BothSides & { role: Role })[];
  debts: { promoter_id: string; merchant_id: string; available: string; difference: string; after: string }[];
  debts_count: number;
  debts_amount: string;
  more: { by_promoter: number; debts: number };
  most_changed: (BothSides & {
    merchant_id: string;
    source_id: string;
    order_id: string;
    moved: string;
    lines: ToldReRatedLine[];
    lines_more: number;
  })[];
}

/** Counts and sums over all orders that were looked at. */
export interface PreviewTotals {
  orders: number;
  lines: number;
  before: bigint;
  after: bigint;
  withoutRule: number;
  excluded: Map<Exclusion, number>;
  byRole: Map<Role, { before: bigint; after: bigint }>;
  most: MostChanged[];
}

export const noTotals = (): PreviewTotals => ({
  orders: 0,
  lines: 0,
  before: 0n,
  after: 0n,
  withoutRule: 0,
  excluded: new Map(),
  byRole: new Map(),
  most: [],
});

/** Leaves those that change most, of equals the earlier order. */
export function mostOf(orders: MostChanged[]): void {
  orders.sort((a, b) => (a.moved === b.moved ? (a.orderKey < b.orderKey ? -1 : 1) : a.moved > b.moved ? -1 : 1));
  orders.splice(TOLD_ORDERS_MAX);
}

const texts = ({ before, after }: { before: bigint; after: bigint }): BothSides => ({ before: String(before), after: String(after) });

/** Reads together what is told of a preview that has come to its end. */
export async function resultOf(
  db: Kysely<DB>,
  { reRatingId, currency }: { reRatingId: string; currency: string },
  totals: PreviewTotals,
): Promise<PreviewResult> {
  const found = await readTotals(db, reRatingId);
  const promoters = await readPromoterSums(db, reRatingId, TOLD_SUMS_MAX);
  const debts = await readExpectedDebts(db, { reRatingId, currency }, TOLD_SUMS_MAX);
  return {
    orders: totals.orders,
    lines: totals.lines,
    changed_orders: found.orders,
    excluded: [...totals.excluded].map(([reason, orders]) => ({ reason, orders })),
    lines_without_rule: totals.withoutRule,
    ...texts(totals),
    lowered: { orders: found.lowered, promoters: found.loweredPromoters, amount: String(found.loweredAmount) },
    by_promoter: promoters.sums.map((sum) => ({ promoter_id: sum.promoterId, ...texts(sum) })),
    by_role: [...totals.byRole].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([role, sum]) => ({ role, ...texts(sum) })),
    debts: debts.debts.map(({ promoterId, merchantId, available, difference }) => ({
      promoter_id: promoterId,
      merchant_id: merchantId,
      available: String(available),
      difference: String(difference),
      after: String(available + difference),
    })),
    debts_count: debts.count,
    debts_amount: String(debts.amount),
    more: { by_promoter: promoters.count - promoters.sums.length, debts: debts.count - debts.debts.length },
    most_changed: await tellMost(db, totals.most),
  };
}

async function tellMost(db: Kysely<DB>, most: readonly MostChanged[]): Promise<PreviewResult['most_changed']> {
  const keys = most.map((one) => one.orderKey);
  const names = await db.transaction().execute((trx) => readMerged(trx, keys));
  return most.map(({ orderKey, before, after, moved, lines, more }) => {
    const { merchantId, sourceId, orderId } = names.get(orderKey)!;
    const named = { merchant_id: merchantId, source_id: sourceId, order_id: orderId };
    return { ...named, ...texts({ before, after }), moved: String(moved), lines, lines_more: more };
  });
}
