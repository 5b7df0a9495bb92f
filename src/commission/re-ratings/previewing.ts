// The preview of a re-rating: the orders of the period, slice by slice, decided by the award itself
// with the rules of now. What would be booked of each is written down, and nothing else; the hash
// over all of it is what a second person approves.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { stringifyJson } from '../../platform/http/json.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { decideOrders, type AwardDeps, type DecidedOrder } from '../award/award.ts';
import { readDueOrders } from '../award/award-store.ts';
import type { DueOrder } from '../award/standing-award.ts';
import { currentRules, emptyRuleCache, type Rules } from '../rules/rule-cache.ts';
import { KnownFacts } from '../simulations/known-facts.ts';
import {
  isBusy,
  listOrders,
  readBooked,
  readHeads,
  readLines,
  type BookedShare,
  type Exclusion,
  type OrderSlice,
} from '../simulations/recorded-store.ts';
import type { RecordedOrder } from '../simulations/simulated-order.ts';
import { mostOf, noTotals, resultOf, TOLD_LINES_MAX, TOLD_ORDERS_MAX, type PreviewTotals } from './preview-result.ts';
import { chooseAnew, outlookOf, type Selected } from './re-rated-choice.ts';
import { awardedShares, isMatured, partySums, reRatedOrder, tellLines, type PartySum, type ReRatedOrder } from './re-rated-order.ts';
import { readHashed, removeFound, writeFound } from './re-rating-order-store.ts';
import { holdsLease, type Preview, type Progress, type ReRating } from './re-rating-store.ts';

const ORDERS_PER_SLICE = 500;
/** Their keys are held in memory, some bytes each. */
const ORDERS_MAX = 2_000_000;
const REMOVED_AT_ONCE = 10_000;
const HASHED_AT_ONCE = 5000;
/** While people wait for something it rests so many times as long as it has worked. */
const REST_RATIO = 4;
const REST_MS_MAX = 2000;

/** Keys of a slice, as small as they can be held. */
interface PackedSlice {
  orderKeys: BigInt64Array;
  revisions: Int32Array;
}

interface Beginning {
  rules: Rules;
  slices: PackedSlice[];
  excluded: Map<Exclusion, number>;
}

/** Previews a re-rating; null where it was stopped, cancelled or taken over. */
export async function preview(deps: AwardDeps, taken: ReRating, progress: Progress, signal: AbortSignal): Promise<Preview | null> {
  const { db } = deps;
  const { reRatingId } = taken;
  while (await removeFound(db, reRatingId, REMOVED_AT_ONCE)) if (signal.aborted) return null;
  const { rules, slices, excluded } = await begin(db, taken);
  progress.of = slices.reduce((sum, slice) => sum + slice.orderKeys.length, 0);
  const totals: PreviewTotals = { ...noTotals(), excluded };
  const selected: Selected = taken.ruleIds === null ? null : new Set(taken.ruleIds);
  let known = new KnownFacts(rules.book, rules.named, deps.levelsMax);
  for (const { orderKeys, revisions } of slices) {
    if (signal.aborted) return null;
    const started = performance.now();
    if (known.isFull) known = new KnownFacts(rules.book, rules.named, deps.levelsMax);
    const work: Work = { deps, taken, rules, known, selected };
    if (!(await previewSlice(work, { orderKeys: [...orderKeys], revisions: [...revisions] }, totals))) return null;
    progress.done += orderKeys.length;
    const tookMs = performance.now() - started;
    if (await isBusy(db)) await sleep(Math.min(tookMs * REST_RATIO, REST_MS_MAX));
  }
  const result = await resultOf(db, taken, totals);
  return { bookRevision: rules.revision, contentHash: await contentHash(db, taken, rules.revision), result, orders: progress.done };
}

/** The rules and the orders, as one snapshot has them. */
async function begin(db: Kysely<DB>, taken: ReRating): Promise<Beginning> {
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  return snapshot.execute(async (trx) => {
    const rules = await currentRules(trx, emptyRuleCache());
    const slices: PackedSlice[] = [];
    const excluded = new Map<Exclusion, number>();
    let orders = 0;
    for await (const one of listOrders(trx, taken, { ordersPerSlice: ORDERS_PER_SLICE, byTime: false })) {
      if ('reason' in one) {
        excluded.set(one.reason, one.orders);
        continue;
      }
      orders += one.orderKeys.length;
      if (orders > ORDERS_MAX) {
        throw new DomainError('unprocessable', `The period has more than ${ORDERS_MAX} orders: choose a shorter one.`);
      }
      slices.push({ orderKeys: BigInt64Array.from(one.orderKeys), revisions: Int32Array.from(one.revisions) });
    }
    return { rules, slices, excluded };
  });
}

interface Work {
  deps: AwardDeps;
  taken: ReRating;
  rules: Rules;
  known: KnownFacts;
  selected: Selected;
}

/** What a slice has come to. */
interface SliceFound {
  orders: RecordedOrder[];
  /** Those that get another rule, as they would be awarded. */
  decided: readonly DecidedOrder[];
  withoutRule: number;
  excluded: Map<Exclusion, number>;
}

/** Looks at a slice and writes down what it found; false where the run is not this worker's. */
async function previewSlice(work: Work, slice: OrderSlice, totals: PreviewTotals): Promise<boolean> {
  const { db } = work.deps;
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  const found = await snapshot.execute((trx) => lookAt(trx, work, slice));
  const { reRatingId } = work.taken;
  const rows: ReRatedOrder[] = [];
  const sums: PartySum[] = [];
  const byOrder = new Map<bigint, DecidedOrder>();
  for (const decided of found.decided) {
    const row = reRatedOrder(reRatingId, decided);
    if (row === null) continue;
    rows.push(row);
    sums.push(...partySums(decided));
    byOrder.set(row.orderKey, decided);
    const told = tellLines(reRatingId, decided);
    totals.most.push({ ...row, lines: told.slice(0, TOLD_LINES_MAX), more: Math.max(told.length - TOLD_LINES_MAX, 0) });
    if (totals.most.length > 2 * TOLD_ORDERS_MAX) mostOf(totals.most);
  }
  mostOf(totals.most);
  for (const { head, lines, booked } of found.orders) {
    const decided = byOrder.get(head.orderKey);
    addShares(totals, booked, decided === undefined ? booked : awardedShares(decided));
    totals.orders += 1;
    totals.lines += lines.length;
  }
  totals.withoutRule += found.withoutRule;
  for (const [reason, orders] of found.excluded) {
    if (orders > 0) totals.excluded.set(reason, (totals.excluded.get(reason) ?? 0) + orders);
  }
  if (rows.length === 0) return true;
  return inTransaction(db, async ({ trx }) => {
    if (!(await holdsLease(trx, work.taken))) return false;
    await writeFound(trx, reRatingId, rows, sums);
    return true;
  });
}

function addShares(totals: PreviewTotals, before: readonly BookedShare[], after: readonly BookedShare[]): void {
  for (const side of ['before', 'after'] as const) {
    for (const { role, amount } of side === 'before' ? before : after) {
      const sum = totals.byRole.get(role) ?? { before: 0n, after: 0n };
      totals.byRole.set(role, sum);
      sum[side] += amount;
      totals[side] += amount;
    }
  }
}

async function lookAt(trx: Transaction<DB>, work: Work, slice: OrderSlice): Promise<SliceFound> {
  const { deps, taken, rules, known, selected } = work;
  const heads = await readHeads(trx, slice);
  const standing = { orderKeys: heads.map((head) => head.orderKey), revisions: heads.map((head) => head.revision) };
  const lines = await readLines(trx, standing);
  const booked = await readBooked(trx, standing, taken.currency);
  const orders = heads.map((head): RecordedOrder => ({
    head,
    lines: lines.get(head.orderKey) ?? [],
    booked: booked.get(head.orderKey) ?? [],
  }));
  const facts = await known.read(trx, orders);
  const touched: bigint[] = [];
  let withoutRule = 0;
  for (const { head, lines: own } of orders) {
    const outlooks = own.map((line) => outlookOf(line, head.merchantId, { facts, selected }));
    withoutRule += outlooks.filter((one) => one === 'lacks').length;
    if (outlooks.includes('changes')) touched.push(head.orderKey);
  }
  const now = await nowOf(trx);
  const due = await readDueOrders(trx, touched);
  const isSettled = (one: DueOrder) => !isMatured(one, now);
  const choose = chooseAnew(taken.reRatingId, selected);
  const { orders: decided } = await decideOrders(trx, due.filter(isSettled), { ...deps, rules, now, choose });
  const moved = new Set(due.filter((one) => !isSettled(one)).map((one) => one.orderKey));
  return {
    orders: orders.filter(({ head }) => !moved.has(head.orderKey)),
    decided,
    withoutRule,
    excluded: new Map<Exclusion, number>([
      ['changed_meanwhile', slice.orderKeys.length - heads.length],
      ['due', moved.size],
    ]),
  };
}

async function nowOf(trx: Transaction<DB>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now() as now`.execute(trx);
  return rows[0]!.now;
}

/**
 * SHA-256 of all that is approved: the request, the revision of the rule book, and of each order
 * its revision and what is to be booked.
 */
async function contentHash(db: Kysely<DB>, taken: ReRating, bookRevision: bigint): Promise<Buffer> {
  const { reRatingId, ruleIds, merchantId, from, to, currency, reason, lowers } = taken;
  const hash = createHash('sha256');
  hash.update(stringifyJson([reRatingId, ruleIds, merchantId, from, to, currency, reason, lowers, bookRevision]));
  for (let after = 0n; ;) {
    const orders = await readHashed(db, reRatingId, after, HASHED_AT_ONCE);
    for (const { orderKey, revision, difference, digest } of orders) hash.update(`\n${orderKey} ${revision} ${difference} ${digest}`);
    if (orders.length < HASHED_AT_ONCE) return hash.digest();
    after = orders.at(-1)!.orderKey;
  }
}
