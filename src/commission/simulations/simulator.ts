// What one worker of a rehearsal does with a slice of its orders: it reads what was recorded of
// them in one snapshot, decides them under the changes, and adds up. What would be otherwise is
// written down, and nothing else.

import type { KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Kysely, Transaction } from 'kysely';

import { ruleBook, type RuleVersion } from '../../core/rule.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { retryWhileAway } from '../../platform/postgres/retry.ts';
import { inSlices } from '../../platform/slices.ts';
import { subjectOf, termsAndCurrency } from '../award/award-order.ts';
import { readDueOrders } from '../award/award-store.ts';
import type { SettledLine, Subject } from '../award/decide.ts';
import { gatherInputs } from '../facts/award-facts.ts';
import type { Facts } from '../facts/facts.ts';
import { namedAccounts, rulesOf, type Rules } from '../rules/rule-cache.ts';
import type { Changed } from './changes.ts';
import { KnownFacts } from './known-facts.ts';
import { isBusy, readBooked, readHeads, readLines, readMerged, type OrderSlice } from './recorded-store.ts';
import { RehearsedBoosts } from './boosts/rehearsed-boosts.ts';
import type { Rehearsed } from './rehearsed-choice.ts';
import type { BudgetReplay } from './boosts/replayed-budgets.ts';
import {
  compareShares,
  isDecidedOtherwise,
  isTouched,
  recordedSubject,
  settleChanged,
  sharesOf,
  tellSettled,
  type Comparison,
  type RecordedOrder,
  type RehearsedLine,
} from './simulated-order.ts';
import { writeChangedOrders, type ChangedOrder } from './simulation-order-store.ts';
import { Tally, type Sum } from './tally.ts';

/** Orders that are told with their whole reckoning. */
const TOLD_MAX = 20;
/** Lines that are told of each of them. */
export const TOLD_LINES_MAX = 20;

/**
 * While people wait for something it rests so many times as long as it has worked: all workers of a
 * machine together then take less than a tenth of it.
 */
const REST_RATIO = 24;
const REST_MS_MAX = 5000;

/** What a rehearsal is: the same for all of its workers. */
export interface SimulationTask {
  simulationId: string;
  run: number;
  currency: string;
  /** All rules as they stand, and what is changed. */
  versions: readonly RuleVersion[];
  changed: Changed;
  /** Where there are campaigns: their budgets, as they are before the first order. */
  replay: BudgetReplay | null;
  levelsMax: number;
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
}

/** An order of those that change most. */
export interface MostChanged extends Comparison {
  orderKey: bigint;
  revision: number;
  lines: { lineId: string; after: RehearsedLine }[];
  /** Lines beyond those that are told. */
  more: number;
}

/** What a slice came to. */
export interface SliceOutcome {
  /** Orders that were listed. */
  listed: number;
  /** Those of them that stood as they were listed, and are in the sums. */
  orders: number;
  lines: number;
  changed: number;
  before: bigint;
  after: bigint;
  sums: Sum[];
  most: MostChanged[];
}

export type Simulator = (slice: OrderSlice) => Promise<SliceOutcome>;

/** One that works by these connections, on one slice after the other. */
export function openSimulator(db: Kysely<DB>, task: SimulationTask): Simulator {
  const rules = rulesOf(task.versions, 0n);
  const changedBook = ruleBook(task.changed.versions);
  const rehearsed: Rehearsed = { standing: rules.book, changed: changedBook, policies: task.changed.policies };
  const named = [...new Set(task.changed.versions.flatMap((rule) => namedAccounts(rule.plan.split)))];
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  let known = new KnownFacts(rules.book, named, task.levelsMax);
  const boosts = task.replay === null ? null : new RehearsedBoosts(task.replay);
  return async (slice) => {
    const started = performance.now();
    if (known.isFull) known = new KnownFacts(rules.book, named, task.levelsMax);
    const work: Work = { task, rules: { ...rules, named: [...new Set([...rules.named, ...named])] }, rehearsed, known, boosts };
    const settled = await retryWhileAway(() => snapshot.execute((trx) => simulateSlice(trx, slice, work)));
    const { outcome, rows } = addUp(boosts === null ? settled : boostInOrder(settled, boosts), slice, work);
    if (rows.length > 0) await retryWhileAway(() => writeChangedOrders(db, task, rows));
    const tookMs = performance.now() - started;
    if (await retryWhileAway(() => isBusy(db))) await sleep(Math.min(tookMs * REST_RATIO, REST_MS_MAX));
    return outcome;
  };
}

interface Work {
  task: SimulationTask;
  /** As they stand; whom the changes name is among those whom plans name. */
  rules: Rules;
  rehearsed: Rehearsed;
  known: KnownFacts;
  boosts: RehearsedBoosts | null;
}

/** An order with its lines under the changes; null where the changes decide nothing otherwise. */
interface SimulatedOrder {
  order: RecordedOrder;
  settled: readonly SettledLine[] | null;
  /** What its boosts are reckoned from. */
  read: { subject: Subject; facts: Facts } | null;
}

/** Lines of an order under the changes, without their boosts. */
interface Settled {
  orderKey: bigint;
  settled: SettledLine[];
  subject: Subject;
  facts: Facts;
}

/** The orders with their boosts, one after the other as they were attributed. */
function boostInOrder(orders: readonly SimulatedOrder[], boosts: RehearsedBoosts): SimulatedOrder[] {
  const time = ({ order: { head } }: SimulatedOrder): number => head.attributionAt.getTime();
  const ordered = orders.toSorted((a, b) => time(a) - time(b) || (a.order.head.orderKey < b.order.head.orderKey ? -1 : 1));
  return ordered.map((one) =>
    one.settled === null || one.read === null ? one : { ...one, settled: boosts.boost(one.settled, one.read.subject, one.read.facts) },
  );
}

async function simulateSlice(trx: Transaction<DB>, slice: OrderSlice, work: Work): Promise<SimulatedOrder[]> {
  const heads = await readHeads(trx, slice);
  const standing = { orderKeys: heads.map((head) => head.orderKey), revisions: heads.map((head) => head.revision) };
  const lines = await readLines(trx, standing);
  const booked = await readBooked(trx, standing, work.task.currency);
  const orders = heads.map((head): RecordedOrder => ({
    head,
    lines: lines.get(head.orderKey) ?? [],
    booked: booked.get(head.orderKey) ?? [],
  }));
  const facts = await work.known.read(trx, orders);
  const { policies } = work.rehearsed;
  const byEvidence = orders.filter(({ head }) => head.lacksRule || policies.has(head.merchantId));
  const asked = new Set(byEvidence);
  const recorded = orders.filter((order) => !asked.has(order));
  const all = [...(await settleByEvidence(trx, byEvidence, work)), ...(await settleRecorded(trx, recorded, facts, work))];
  const settled = new Map(all.map((one) => [one.orderKey, one]));
  return orders.map((order) => {
    const one = settled.get(order.head.orderKey);
    return { order, settled: one?.settled ?? null, read: one ?? null };
  });
}

/** Of orders whose winners stay as they are recorded nothing is read but what they come to. */
async function settleRecorded(
  trx: Transaction<DB>,
  orders: readonly RecordedOrder[],
  facts: Facts,
  { task, rules, rehearsed, boosts }: Work,
): Promise<Settled[]> {
  const touched = orders.filter((order) => isTouched(order, facts, rehearsed) || (boosts?.replays(order.head.merchantId) ?? false));
  const merged = await readMerged(
    trx,
    touched.map(({ head }) => head.orderKey),
  );
  const boosted = boosts === null ? facts : await boosts.factsFor(trx, touched, facts);
  return inSlices(touched, (order) => {
    const { orderKey } = order.head;
    const subject = recordedSubject(order, merged.get(orderKey)!, task.currency, rules);
    return { orderKey, settled: settleChanged(subject, facts, rehearsed), subject, facts: boosted };
  });
}

/** Where the winners themselves may be others, or were never pinned, all evidence is judged. */
async function settleByEvidence(
  trx: Transaction<DB>,
  orders: readonly RecordedOrder[],
  { task, rules, rehearsed, boosts }: Work,
): Promise<Settled[]> {
  if (orders.length === 0) return [];
  const due = await readDueOrders(
    trx,
    orders.map(({ head }) => head.orderKey),
  );
  const { inputs, facts } = await gatherInputs(trx, due, rules, task);
  const context = { facts, rules, identityKey: task.identityKey, now: new Date(0) };
  if (boosts !== null) facts.campaigns = boosts.campaigns;
  const settled = await inSlices(inputs, (one): Settled | null => {
    const subject = subjectOf(one, termsAndCurrency(one, facts), context);
    const lines = settleChanged(subject, facts, rehearsed);
    const recorded = one.due.award!.lines.map((line) => ({
      lineId: line.line_id,
      productId: line.product_id,
      decision: line.decision,
      ruleId: line.rule_id,
      ruleVersion: line.rule_version,
      pin: line.pinned,
    }));
    const isOther = isDecidedOtherwise(lines, recorded) || (boosts?.replays(one.due.merchantId) ?? false);
    return isOther ? { orderKey: one.due.orderKey, settled: lines, subject, facts } : null;
  });
  return settled.filter((one) => one !== null);
}

function addUp(orders: readonly SimulatedOrder[], slice: OrderSlice, { known }: Work): { outcome: SliceOutcome; rows: ChangedOrder[] } {
  const tally = new Tally();
  const rows: ChangedOrder[] = [];
  const most: MostChanged[] = [];
  const sums = { before: 0n, after: 0n, lines: 0 };
  for (const { order, settled } of orders) {
    const { orderKey, merchantId, attributionAt, revision } = order.head;
    const comparison = addOrder(tally, order, settled);
    const { before, after, moved } = comparison;
    if (before !== 0n || after !== 0n) {
      tally.add({ kind: 'day', merchantId: '', name: known.dayOf(merchantId, attributionAt), before, after });
    }
    sums.before += before;
    sums.after += after;
    sums.lines += order.lines.length;
    if (moved === 0n || settled === null) continue;
    rows.push({ orderKey, ...comparison });
    const lines = settled.slice(0, TOLD_LINES_MAX).map((one) => ({ lineId: one.line.lineId, after: tellSettled(one) }));
    most.push({ orderKey, revision, ...comparison, lines, more: settled.length - lines.length });
    if (most.length > 2 * TOLD_MAX) mostOf(most);
  }
  const outcome = { listed: slice.orderKeys.length, orders: orders.length, changed: rows.length, sums: tally.take(), most: mostOf(most) };
  return { outcome: { ...outcome, ...sums }, rows };
}

/** Leaves those that change most, of equals the earlier order. */
export function mostOf(orders: MostChanged[]): MostChanged[] {
  orders.sort((a, b) => (a.moved === b.moved ? (a.orderKey < b.orderKey ? -1 : 1) : a.moved > b.moved ? -1 : 1));
  orders.splice(TOLD_MAX);
  return orders;
}

function addOrder(tally: Tally, { head, lines, booked }: RecordedOrder, settled: readonly SettledLine[] | null): Comparison {
  const products = new Map(lines.map((line) => [line.lineId, line.productId ?? '']));
  const after = settled === null ? booked : sharesOf(settled);
  const add = (shares: typeof booked, place: (amount: bigint) => { before: bigint; after: bigint }): void => {
    for (const { lineId, role, promoterId, amount } of shares) {
      const sums = place(amount);
      tally.add({ kind: 'promoter', merchantId: '', name: promoterId ?? '', ...sums });
      tally.add({ kind: 'role', merchantId: '', name: role, ...sums });
      tally.add({ kind: 'product', merchantId: head.merchantId, name: products.get(lineId) ?? '', ...sums });
    }
  };
  if (settled === null) {
    add(booked, (amount) => ({ before: amount, after: amount }));
  } else {
    add(booked, (amount) => ({ before: amount, after: 0n }));
    add(after, (amount) => ({ before: 0n, after: amount }));
  }
  return compareShares(booked, after);
}
