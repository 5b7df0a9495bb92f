// The award: makes what is booked for an order equal to what should be. First payment, refund, late
// click, corrected rule and replay are all this; it posts differences only, so that doing it twice
// changes nothing.
import type { KeyObject } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { bookTransfers, bookedSlots, type AccountCache } from '../../ledger/booking-store.ts';
import { announce } from '../../outbound/announce.ts';
import { inTransaction, isOfQuery, isUnavailable } from '../../platform/postgres/database.ts';
import { inSlices } from '../../platform/slices.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { lockBudgets, writeBudgets, type LockedBudgets } from '../campaigns/budget-store.ts';
import type { Campaign } from '../campaigns/campaign.ts';
import { currentCampaigns } from '../campaigns/campaign-cache.ts';
import { campaignExhausted } from '../campaigns/campaign-events.ts';
import { awardSettled, settleAward, type AwardResult, type BatchContext, type SettledOrder } from './award-order.ts';
import { needsOf } from './boosting.ts';
import { takeDueOrders, takeOrders, postponeDue, readDueOrders } from './award-store.ts';
import { writeDecisions, writeHeaders, writeHolds } from './award-writer.ts';
import { commissionEvents } from './commission-events.ts';
import { gatherInputs } from '../facts/award-facts.ts';
import { recheckLockChanges, noteLockChanges, type NotedLockChanges } from './lock-change-store.ts';
import { currentRules, type RuleCache } from '../rules/rule-cache.ts';
import { markWonLinesDue } from '../won-lines/won-line-due-store.ts';
import { stackOf } from '../../platform/error-text.ts';
import type { LineDecisionKind } from './decision.ts';
import type { DueOrder } from './standing-award.ts';

export interface AwardDeps {
  db: Kysely<DB>;
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
  levelsMax: number;
  ruleCache: RuleCache;
  accounts: AccountCache;
}

/**
 * Awards one batch of due orders, at most `limit`; answers how many were taken off the queue. An
 * order that fails does not hold up the others.
 */
export async function awardDue(deps: AwardDeps, limit: number): Promise<number> {
  let taken: bigint[] = [];
  try {
    await awardTaken(deps, async (trx, now) => (taken = await takeDueOrders(trx, now, limit)));
  } catch (error) {
    if (taken.length === 0 || isAway(error)) throw error;
    await awardApart(deps, taken, error);
  }
  return taken.length;
}

/**
 * Awards what is taken, in one transaction, and then looks once more for the later orders of the
 * same buyers.
 */
async function awardTaken(deps: AwardDeps, take: (trx: Transaction<DB>, now: Date) => Promise<bigint[]>): Promise<void> {
  const noted = await inTransaction(deps.db, async ({ trx, now }) => awardOrders(trx, await take(trx, now), now, deps));
  if (noted !== null) await inTransaction(deps.db, ({ trx, now }) => recheckLockChanges(trx, noted, now));
}

/** Batches of a backlog that are awarded before other work has its turn. */
const BATCHES_IN_A_ROW = 4;

/**
 * Awards due orders, and answers how many. Behind a full batch lies a backlog: then two batches are
 * under way, so that one is decided while the database writes the other. They are as apart as those
 * of two workers.
 */
export async function awardBacklog(deps: AwardDeps, batch: number): Promise<number> {
  let taken = await awardDue(deps, batch);
  const awardOn = async () => {
    for (let done = 0; done < BATCHES_IN_A_ROW; done++) {
      const latest = await awardDue(deps, batch);
      taken += latest;
      if (latest < batch) return;
    }
  };
  if (taken === batch) await Promise.all([awardOn(), awardOn()]);
  return taken;
}

/**
 * The database is not there. It is, where it could only not do a query: that may be one order's
 * doing.
 */
function isAway(error: unknown): boolean {
  return isUnavailable(error) && !isOfQuery(error);
}

/**
 * Awards a batch that failed as a whole in halves, until the order that fails stands alone and is
 * put off with its error.
 */
async function awardApart(deps: AwardDeps, orderKeys: readonly bigint[], error: unknown): Promise<void> {
  if (orderKeys.length === 1) {
    const message = stackOf(error);
    await inTransaction(deps.db, ({ trx, now }) => postponeDue(trx, orderKeys[0]!, now, message));
    return;
  }
  const middle = Math.ceil(orderKeys.length / 2);
  for (const half of [orderKeys.slice(0, middle), orderKeys.slice(middle)]) {
    try {
      await awardTaken(deps, (trx) => takeOrders(trx, half));
    } catch (halfError) {
      if (isAway(halfError)) throw halfError;
      await awardApart(deps, half, halfError);
    }
  }
}

/**
 * Awards these orders in the given transaction: reads all they need, decides each by itself, writes
 * the differences in bulk. Later orders of buyers whose locks have changed are marked as due, and
 * are to be looked for again after the commit.
 */
export async function awardOrders(
  trx: Transaction<DB>,
  orderKeys: readonly bigint[],
  now: Date,
  deps: AwardDeps,
): Promise<NotedLockChanges | null> {
  if (orderKeys.length === 0) return null;
  const rules = await currentRules(trx, deps.ruleCache);
  const decided = await decideOrders(trx, await readDueOrders(trx, orderKeys), { ...deps, rules, now, locksBudgets: true });
  return writeAwards(trx, decided, { now, ...deps });
}

/** What orders are decided with; `choose` is a re-rating's. */
interface Deciding
  extends Pick<AwardDeps, 'tokenKeys' | 'identityKey' | 'levelsMax' | 'ruleCache'>, Pick<BatchContext, 'choose' | 'now' | 'rules'> {
  locksBudgets?: boolean;
}

/** An order that was read, and what its award would write. */
export interface DecidedOrder {
  due: DueOrder;
  result: AwardResult;
}

/** Orders with the budgets of campaigns as they leave them, where those were locked. */
export interface DecidedOrders {
  orders: readonly DecidedOrder[];
  budgets: LockedBudgets | null;
}

/**
 * Decides orders that were read, each by itself. Writes nothing; only where budgets are locked does
 * a campaign grant anything that it did not before.
 */
export async function decideOrders(trx: Transaction<DB>, due: readonly DueOrder[], deps: Deciding): Promise<DecidedOrders> {
  const { rules, now, choose, locksBudgets = false } = deps;
  const awarded = due.filter((one) => one.award !== null).map((one) => one.orderKey);
  const booked = await bookedSlots(trx, awarded);
  const { inputs, facts } = await gatherInputs(trx, due, rules, deps);
  facts.campaigns = await currentCampaigns(trx, deps.ruleCache);
  const context: BatchContext = { facts, rules, identityKey: deps.identityKey, now, ...(choose && { choose }) };
  const settled = await inSlices(inputs, (one) => settleAward(one, context));
  const budgets = locksBudgets ? await budgetsFor(trx, settled, deps.ruleCache, now) : null;
  const orders = await inSlices(settled, (one) => {
    const { due: standing } = one.input;
    return { due: standing, result: awardSettled(one, booked.get(standing.orderKey) ?? [], { now, budgets }) };
  });
  return { orders, budgets };
}

/**
 * Writes what was decided, in bulk; transfers name the re-rating that they are of. The same order
 * must not be decided anywhere else before this commits.
 */
export async function writeAwards(
  trx: Transaction<DB>,
  { orders, budgets }: DecidedOrders,
  { now, accounts, ruleCache, reRatingId = null }: Pick<AwardDeps, 'accounts' | 'ruleCache'> & { now: Date; reRatingId?: string | null },
): Promise<NotedLockChanges | null> {
  const results = orders.map(({ result }) => result);
  const exhausted = budgets === null ? [] : await writeBudgets(trx, budgets);
  const transfers = results.flatMap((result) => result.transfers);
  await bookTransfers(trx, transfers, accounts, now, reRatingId);
  await writeDecisions(
    trx,
    results.flatMap((result) => result.decisions),
  );
  await writeHeaders(
    trx,
    results.flatMap((result) => result.headers),
    now,
  );
  await writeHolds(
    trx,
    results.flatMap((result) => result.holds),
  );
  await markWonLinesDue(
    trx,
    orders.flatMap(({ due, result }) => (wonBefore(due) || result.lines.some(isWon) ? [due.orderKey] : [])),
    now,
  );
  const spent = exhausted.length === 0 ? [] : await exhaustedOf(trx, exhausted, ruleCache);
  const events = () => [
    ...orders.flatMap(({ due, result }) => commissionEvents(due, result, { now, reRatingId })),
    ...spent.map((campaign) => campaignExhausted(campaign, now)),
  ];
  await announce(trx, events, now);
  return noteLockChanges(
    trx,
    results.flatMap((result) => result.lockChanges),
    now,
  );
}

async function exhaustedOf(trx: Transaction<DB>, campaignIds: readonly string[], cache: RuleCache): Promise<Campaign[]> {
  const { byId } = await currentCampaigns(trx, cache);
  return campaignIds.map((campaignId) => byId.get(campaignId)!);
}

/**
 * The budgets that these orders take from or give back to, locked; null where there are none, and
 * nobody waits for anybody.
 */
async function budgetsFor(
  trx: Transaction<DB>,
  settled: readonly SettledOrder[],
  cache: RuleCache,
  now: Date,
): Promise<LockedBudgets | null> {
  const needs = settled.flatMap(({ wishes }) => wishes.flatMap((wish) => (wish === null ? [] : needsOf(wish))));
  return needs.length === 0 ? null : lockBudgets(trx, needs, cache, now);
}

const isWon = ({ decision }: { decision: LineDecisionKind }): boolean => decision === 'attributed';

/**
 * An order of which something is or was won is counted anew whatever has changed: when a line was
 * completed an award may need no word of its own for.
 */
const wonBefore = ({ award }: DueOrder): boolean => award?.lines.some(isWon) ?? false;
