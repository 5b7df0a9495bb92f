// The execution of an approved re-rating, batch by batch: each order is decided again as it was
// previewed, and booked only where that comes to just what was approved. Two executors share the
// work; one that is killed leaves the orders of its batch to the next.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Kysely, Transaction } from 'kysely';

import { stackOf } from '../../platform/error-text.ts';
import { inTransaction, isOfQuery, isUnavailable } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { announce } from '../../outbound/announce.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { decideOrders, writeAwards, type AwardDeps, type DecidedOrder, type DecidedOrders } from '../award/award.ts';
import { readDueOrders } from '../award/award-store.ts';
import type { PaidLine } from '../award/decide.ts';
import { recheckLockChanges, type NotedLockChanges } from '../award/lock-change-store.ts';
import { currentRules } from '../rules/rule-cache.ts';
import { chooseApproved } from './re-rated-choice.ts';
import { digestOf, isMatured } from './re-rated-order.ts';
import { reRatingExecuted } from './re-rating-events.ts';
import { countOrders, readStuck, saveFailure, saveOutcomes, takeUndue, takeWaiting, type WaitingOrder } from './re-rating-order-store.ts';
import { holdsLease, saveExecution, type ReRating, type TakenWork } from './re-rating-store.ts';

const ORDERS_PER_BATCH = 200;
/** What waits for its award has it within a second, while a worker awards. */
const PASSES_MAX = 5;
const PAUSE_MS = 300;

/** What a batch has come to. */
export interface BatchOutcome {
  /** The greatest key that was looked at; null where nothing waits behind. */
  last: bigint | null;
  booked: number;
  /** Orders that wait for an award of their own first. */
  waiting: number;
}

/**
 * Executes until nothing waits; false where it was stopped, or where orders wait for awards that
 * do not come: it is then gone on with later.
 */
export async function execute(deps: AwardDeps, taken: TakenWork, signal: AbortSignal): Promise<boolean> {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    let waiting = 0;
    for (let after = 0n; ;) {
      if (signal.aborted) return false;
      const outcome = await executeBatch(deps, taken, after);
      if (outcome === null) return false;
      waiting += outcome.waiting;
      if (outcome.last === null) break;
      after = outcome.last;
    }
    if (waiting === 0) return finish(deps.db, taken.reRatingId);
    await sleep(PAUSE_MS);
  }
  return false;
}

/**
 * Books the next orders with keys above `after`, in one transaction, or, where they fail together,
 * each by itself. Null where the work is not this worker's any more.
 */
export async function executeBatch(
  deps: AwardDeps,
  taken: TakenWork,
  after: bigint,
  limit = ORDERS_PER_BATCH,
): Promise<BatchOutcome | null> {
  try {
    return await bookBatch(deps, taken, after, limit);
  } catch (error) {
    if (isUnavailable(error) && !isOfQuery(error)) throw error;
    if (limit > 1) return executeApart(deps, taken, after, limit);
    const message = stackOf(error);
    return inTransaction(deps.db, async ({ trx, now }) => {
      const [failed] = await takeWaiting(trx, taken.reRatingId, after, 1);
      if (failed === undefined) return { last: null, booked: 0, waiting: 0 };
      await saveFailure(trx, taken.reRatingId, failed.orderKey, message, now);
      return { last: failed.orderKey, booked: 0, waiting: 0 };
    });
  }
}

/** One order after the other, so that the one that fails holds up no other. */
async function executeApart(deps: AwardDeps, taken: TakenWork, after: bigint, limit: number): Promise<BatchOutcome | null> {
  const sum: BatchOutcome = { last: after, booked: 0, waiting: 0 };
  for (let done = 0; done < limit && sum.last !== null; done++) {
    const outcome = await executeBatch(deps, taken, sum.last, 1);
    if (outcome === null) return null;
    sum.last = outcome.last;
    sum.booked += outcome.booked;
    sum.waiting += outcome.waiting;
  }
  return sum;
}

async function bookBatch(deps: AwardDeps, taken: TakenWork, after: bigint, limit: number): Promise<BatchOutcome | null> {
  let noted: NotedLockChanges | null = null;
  const outcome = await inTransaction(deps.db, async ({ trx, now }) => {
    if (!(await holdsLease(trx, taken))) return null;
    const orders = await takeWaiting(trx, taken.reRatingId, after, limit);
    if (orders.length === 0) return { last: null, booked: 0, waiting: 0 };
    const keys = orders.map((order) => order.orderKey);
    const free = await takeUndue(trx, keys, now);
    const stuck = await readStuck(
      trx,
      keys.filter((key) => !free.has(key)),
    );
    const approved = await decideApproved(
      trx,
      orders.filter(({ orderKey }) => free.has(orderKey)),
      { deps, taken, now },
    );
    noted = await writeAwards(trx, approved, { now, ...deps, reRatingId: taken.reRatingId });
    const booked = new Map(approved.orders.map(({ due, result }) => [due.orderKey, result.headers[0]!.revision]));
    const decided = keys.filter((key) => free.has(key) || stuck.has(key));
    const outcomes = decided.map((orderKey) => ({ orderKey, bookedRevision: booked.get(orderKey) ?? null }));
    await saveOutcomes(trx, taken.reRatingId, outcomes, now);
    return { last: keys.at(-1)!, booked: booked.size, waiting: keys.length - decided.length };
  });
  const changes = noted;
  if (changes !== null) await inTransaction(deps.db, ({ trx, now }) => recheckLockChanges(trx, changes, now));
  return outcome;
}

/** Those that stand as they were previewed, decided as they were approved. */
async function decideApproved(
  trx: Transaction<DB>,
  orders: readonly WaitingOrder[],
  { deps, taken: { reRatingId }, now }: { deps: AwardDeps; taken: TakenWork; now: Date },
): Promise<DecidedOrders> {
  const rules = await currentRules(trx, deps.ruleCache);
  const waiting = new Map(orders.map((order) => [order.orderKey, order]));
  const due = await readDueOrders(trx, [...waiting.keys()]);
  const unmoved = due.filter((one) => one.award?.header.revision === waiting.get(one.orderKey)!.revision && !isMatured(one, now));
  const choices = new Map(unmoved.map(({ orderKey }) => [orderKey, chooseApproved(reRatingId, waiting.get(orderKey)!.lines, rules)]));
  const deciding = { ...deps, rules, now, choose: (paid: PaidLine, orderKey: bigint) => choices.get(orderKey)!(paid) };
  const { orders: decided } = await decideOrders(trx, unmoved, deciding);
  const approved = decided.filter((one) => digestOf(reRatingId, one).equals(waiting.get(one.due.orderKey)!.digest));
  // What a boost loses goes back to its budget, of the approved orders alone.
  if (!approved.some(hasBoost)) return { orders: approved, budgets: null };
  const again = approved.map(({ due: one }) => one);
  return decideOrders(trx, again, { ...deciding, locksBudgets: true });
}

const hasBoost = ({ result }: DecidedOrder): boolean => result.lines.some(({ pin }) => pin?.boost !== undefined);

/** Notes that it is done, tells the world, and writes it into the audit log: once. */
async function finish(db: Kysely<DB>, reRatingId: string): Promise<boolean> {
  await inTransaction(db, async ({ trx, now }) => {
    const executed: ReRating | null = await saveExecution(trx, reRatingId, now);
    if (executed === null) return;
    const counts = await countOrders(trx, reRatingId);
    const subject = {
      subjectKind: 're_rating',
      subjectId: reRatingId,
      before: { state: 'approved' },
      after: { state: 'executed', ...counts },
    };
    await recordChange(trx, { actor: null, now, action: 're_rating_executed', ...subject });
    await announce(trx, () => [reRatingExecuted(executed, counts, now)], now);
  });
  return true;
}
