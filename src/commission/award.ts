// The award: makes what is booked for an order equal to what should be. First payment, refund, late click, corrected rule and replay are
// all this; it posts differences only, so that doing it twice changes nothing.
import type { KeyObject } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { differences, type Target } from '../core/posting.ts';
import { bookTransfers, bookedSlots, type AccountCache, type BookedSlot, type NewTransfer } from '../ledger/store.ts';
import { inTransaction, isUnavailable } from '../platform/database.ts';
import type { DB } from '../platform/tables.ts';
import {
  claimDue,
  claimOrders,
  postponeDue,
  readDueOrders,
  type AwardHead,
  type DueOrder,
  type NewDecision,
  type NewHead,
} from './award-store.ts';
import { markLockedDue, writeDecisions, writeHeads } from './award-writer.ts';
import { decideOrder, type LineDecision, type StandingLine, type Subject } from './decide.ts';
import { gatherEvidence } from './evidence.ts';
import { inForce, type Facts } from './facts.ts';
import { gatherCases, type Case } from './gathering.ts';
import { headAfter, isReleasable, sameHead } from './head.ts';
import { findRule, refreshShelf, type RuleShelf } from './rule-shelf.ts';

export interface AwardDeps {
  db: Kysely<DB>;
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
  levelsMax: number;
  shelf: RuleShelf;
  accounts: AccountCache;
}

const DAY_MS = 86_400_000;

/** Awards one batch of due orders, at most `limit`; answers how many were taken off the queue. An order that fails does not hold up the others. */
export async function awardDue(deps: AwardDeps, limit: number): Promise<number> {
  let claimed: bigint[] = [];
  try {
    await inTransaction(deps.db, async ({ trx, now }) => {
      claimed = await claimDue(trx, now, limit);
      await awardOrders(trx, claimed, now, deps);
    });
  } catch (error) {
    if (isUnavailable(error) || claimed.length === 0) throw error;
    await awardApart(deps, claimed, error);
  }
  return claimed.length;
}

/** Awards a batch that failed as a whole in halves, until the order that fails stands alone and is put off with its error. */
async function awardApart(deps: AwardDeps, orderKeys: readonly bigint[], error: unknown): Promise<void> {
  if (orderKeys.length === 1) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    await inTransaction(deps.db, ({ trx, now }) => postponeDue(trx, orderKeys[0]!, now, message));
    return;
  }
  const middle = Math.ceil(orderKeys.length / 2);
  for (const half of [orderKeys.slice(0, middle), orderKeys.slice(middle)]) {
    try {
      await inTransaction(deps.db, async ({ trx, now }) => awardOrders(trx, await claimOrders(trx, half), now, deps));
    } catch (halfError) {
      if (isUnavailable(halfError)) throw halfError;
      await awardApart(deps, half, halfError);
    }
  }
}

/** Awards these orders in the given transaction: reads all they need, decides each by itself, writes the differences in bulk. */
export async function awardOrders(trx: Transaction<DB>, orderKeys: readonly bigint[], now: Date, deps: AwardDeps): Promise<void> {
  if (orderKeys.length === 0) return;
  await refreshShelf(trx, deps.shelf);
  const due = await readDueOrders(trx, orderKeys);
  const awarded = due.filter((one) => one.award !== null).map((one) => one.orderKey);
  const booked = await bookedSlots(trx, awarded);
  const { cases, facts } = await gatherCases(trx, due, deps);
  const results = cases.map((one) => awardCase(one, facts, booked.get(one.due.orderKey) ?? [], now, deps));

  await bookTransfers(
    trx,
    results.flatMap((result) => result.transfers),
    deps.accounts,
    now,
  );
  await writeDecisions(
    trx,
    results.flatMap((result) => result.decisions),
  );
  await writeHeads(
    trx,
    results.flatMap((result) => result.heads),
    now,
  );
  await markLockedDue(
    trx,
    results.flatMap((result) => result.relocked),
    now,
  );
}

interface AwardResult {
  transfers: NewTransfer[];
  decisions: NewDecision[];
  heads: NewHead[];
  /** The order itself, where the promoter to whom it locks its buyer has changed. */
  relocked: bigint[];
}

/** What one order's award writes: nothing at all when it already stands as it should. */
function awardCase(one: Case, facts: Facts, booked: readonly BookedSlot[], now: Date, deps: AwardDeps): AwardResult {
  const { due, order } = one;
  const standing = due.award?.head ?? null;
  const terms = order.attributionAt === null ? null : inForce(facts.merchants.get(due.merchantId), order.attributionAt);
  const currency = order.currencyConflict ? null : (order.currency ?? terms?.currency ?? null);
  const lines = decideOrder(subjectOf(one, currency, facts, now, deps), facts);
  const released = isReleasable({
    order,
    lines,
    standing,
    holdDays: standing?.holdDays ?? terms?.holdDays ?? null,
    now,
    findRule: ruleOf(deps),
  });
  const postings = postingsOf({ booked, target: targetsOf(lines), currency, released });

  const changed = due.award === null || postings.length > 0 || !sameDecisions(due, lines);
  const revision = (standing?.revision ?? 0) + (changed ? 1 : 0);
  const head = headAfter({ order, lines, standing, terms, currency, released, revision, now, findRule: ruleOf(deps) });
  const { orderKey, merchantId } = due;
  return {
    transfers: postings.map((posting, position) => ({ ...posting, orderKey, merchantId, revision, position })),
    decisions: changed ? lines.map((line) => toDecision(line, due.orderKey, revision)) : [],
    heads:
      changed || standing === null || !sameHead(standing, head) ? [{ ...head, orderKey: due.orderKey, merchantId: due.merchantId }] : [],
    relocked: head.lockPromoterId !== (standing?.lockPromoterId ?? null) ? [due.orderKey] : [],
  };
}

const ruleOf = (deps: AwardDeps) => (ruleId: string, version: number) => findRule(deps.shelf, ruleId, version);

function subjectOf({ due, order, told }: Case, currency: string | null, facts: Facts, now: Date, deps: AwardDeps): Subject {
  const head: AwardHead | null = due.award?.head ?? null;
  const cutoffDays =
    order.attributionAt === null ? null : inForce(facts.merchants.get(due.merchantId), order.attributionAt)!.policy.cutoff_days;
  const isPastCutoff = cutoffDays !== null && now.getTime() > order.attributionAt! + cutoffDays * DAY_MS;
  const yields = due.parentKind === 'gift' ? 'parent_earns' : due.isDuplicate ? 'duplicate_order' : due.hasSplitChildren ? 'split' : null;
  return {
    merchantId: due.merchantId,
    order,
    currency,
    yields,
    evidence: gatherEvidence(told, facts, deps.identityKey),
    standing: new Map(due.award?.lines.map((line) => [line.line_id, toStanding(line)])),
    winnersFixed: head !== null && (head.releasedAt !== null || isPastCutoff),
    ruleVersion: ruleOf(deps),
  };
}

function toStanding(line: NonNullable<DueOrder['award']>['lines'][number]): StandingLine {
  const { decision, rule_id: ruleId, rule_version: ruleVersion, pinned: pin } = line;
  const rules = pin === null ? [] : (JSON.parse(line.explanation) as { rules: StandingLine['rules'] }).rules;
  return { decision, ruleId, ruleVersion, pin, rules };
}

function targetsOf(lines: readonly LineDecision[]) {
  return lines.flatMap(({ lineId, split }) => split.shares.map((share) => ({ lineId, ...share })));
}

/** The differences, currency by currency: what was booked in another one than the order's goes to zero. */
function postingsOf({
  booked,
  target,
  currency,
  released,
}: {
  booked: readonly BookedSlot[];
  target: Target[];
  currency: string | null;
  released: boolean;
}) {
  if (currency === null && target.length > 0) throw new Error('something is earned in no currency');
  const currencies = new Set(booked.map((slot) => slot.currency));
  if (currency !== null) currencies.add(currency);
  return [...currencies].flatMap((one) =>
    differences({ booked: booked.filter((slot) => slot.currency === one), target: one === currency ? target : [], released }).map(
      (posting) => ({ ...posting, currency: one }),
    ),
  );
}

function toDecision(line: LineDecision, orderKey: bigint, revision: number): NewDecision {
  return {
    order_key: orderKey,
    revision,
    line_id: line.lineId,
    product_id: line.productId,
    decision: line.decision,
    evidence: line.evidence,
    promoter_id: line.promoterId,
    rule_id: line.ruleId,
    rule_version: line.ruleVersion,
    quantity: line.quantity,
    paid_amount: line.split.paidAmount,
    refunded_amount: line.split.refundedAmount,
    base: line.split.base,
    pool: line.split.pool,
    shares: line.split.shares.map((share) => ({
      role: share.role,
      level: share.level,
      promoter_id: share.promoterId,
      amount: Number(share.amount),
    })),
    pinned: line.pin,
    explanation: line.explanation,
  };
}

/** The explanation holds every number and reason of its line, so lines with equal explanations and products are equal. */
function sameDecisions({ award }: DueOrder, lines: readonly LineDecision[]): boolean {
  if (award === null || award.lines.length !== lines.length) return false;
  const standing = new Map(award.lines.map((line) => [line.line_id, line]));
  return lines.every((line) => {
    const other = standing.get(line.lineId);
    return (
      other !== undefined &&
      other.decision === line.decision &&
      other.product_id === line.productId &&
      other.quantity === line.quantity &&
      other.explanation === line.explanation
    );
  });
}
