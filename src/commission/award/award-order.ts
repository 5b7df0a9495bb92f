// The award of one order: what should be, beside what stands, and so what is to be written. Pure.
import type { KeyObject } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { differences, type Target } from '../../core/posting.ts';
import type { BookedSlot, NewTransfer } from '../../ledger/booking-store.ts';
import type { AwardHeader, DueOrder, LineHold, NewDecision, NewHeader, NewHold, StandingDecision } from './standing-award.ts';
import type { LockChange } from './lock-change-store.ts';
import type { LockedBudgets } from '../campaigns/budget-store.ts';
import { grantWishes, wishesOf, type LineWish } from './boosting.ts';
import { chooseLine, explainOrder, settleOrder, type PaidLine, type SettledLine, type Subject } from './decide.ts';
import type { Choice, LineDecision, StandingLine } from './decision.ts';
import { SET_ASIDE } from './decision-store.ts';
import { gatherEvidence } from '../facts/evidence.ts';
import type { ExplainedLine } from '../../core/explanation.ts';
import { sharedOf } from './explanation-text.ts';
import { inForce, type Facts, type MerchantFacts } from '../facts/facts.ts';
import type { AwardInput } from '../facts/award-facts.ts';
import { headerAfter, holdsAfter, sameHeader, sameHold, sameLock } from './award-header.ts';
import { findRule, type Rules } from '../rules/rule-cache.ts';
import { DAY_MS } from '../../platform/durations.ts';

/** What the inputs of one batch have in common. */
export interface BatchContext {
  facts: Facts;
  rules: Rules;
  identityKey: KeyObject;
  now: Date;
  /** Chooses for a line of this order in the award's place: a re-rating does. */
  choose?: (paid: PaidLine, orderKey: bigint) => Choice;
}

export interface AwardResult {
  /** What every line is decided to be, whether or not that is new. */
  lines: LineDecision[];
  transfers: NewTransfer[];
  decisions: NewDecision[];
  headers: NewHeader[];
  /** The holds of lines that are otherwise than they were. */
  holds: NewHold[];
  /** The order itself, where it locks its buyer otherwise than before. */
  lockChanges: LockChange[];
}

/** An order that is decided but for what campaigns grant it. */
export interface SettledOrder extends TermsAndCurrency {
  input: AwardInput;
  subject: Subject;
  lines: readonly SettledLine[];
  /** What each line has of campaigns, and what it wants; null where that is nothing. */
  wishes: readonly (LineWish | null)[];
}

/** Decides an order as far as that can be done without any budget. */
export function settleAward(input: AwardInput, context: BatchContext): SettledOrder {
  const terms = termsAndCurrency(input, context.facts);
  const subject = subjectOf(input, terms, context);
  const { choose } = context;
  const { orderKey } = input.due;
  const lines = settleOrder(subject, context.facts, choose === undefined ? chooseLine : (paid) => choose(paid, orderKey));
  return { input, ...terms, subject, lines, wishes: wishesOf(lines, subject, context.facts) };
}

/**
 * What one order's award writes where no budget is at hand: nothing is granted that was not before.
 */
export function awardOrder(one: AwardInput, booked: readonly BookedSlot[], context: BatchContext): AwardResult {
  return awardSettled(settleAward(one, context), booked, { now: context.now, budgets: null });
}

/** What one order's award writes: nothing at all when it already stands as it should. */
export function awardSettled(
  { input: one, terms, currency, subject, lines: settled, wishes }: SettledOrder,
  booked: readonly BookedSlot[],
  { now, budgets }: { now: Date; budgets: LockedBudgets | null },
): AwardResult {
  const { due, order } = one;
  const { orderKey, merchantId } = due;
  const standing = due.award?.header ?? null;
  const lines = explainOrder(subject, grantWishes(settled, wishes, budgets));
  const holds = due.award?.holds ?? NO_HOLDS;
  const hold = { order, lines, standing, holds, terms, now };
  const holdsNow = holdsAfter(hold);
  const released = new Set(holdsNow.flatMap(({ lineId, releasedAt }) => (releasedAt === null ? [] : [lineId])));
  const isReleased = (lineId: string) => released.has(lineId);
  const postings = postingsOf({ booked, target: targetsOf(lines), currency, isReleased });

  const changed = due.award === null || postings.length > 0 || !sameDecisions(due, lines);
  const revision = (standing?.revision ?? 0) + (changed ? 1 : 0);
  const header = headerAfter({ ...hold, currency, holdsNow, revision, identities: one.told.identitiesTold });
  return {
    lines,
    transfers: postings.map((posting, position) => ({ ...posting, orderKey, merchantId, revision, position })),
    decisions: changed ? lines.map((line) => toDecision(line, orderKey, revision)) : [],
    headers: changed || standing === null || !sameHeader(standing, header) ? [{ ...header, orderKey, merchantId }] : [],
    holds: holdsNow.filter((one) => !sameHold(holds.get(one.lineId), one)).map((one) => ({ ...one, orderKey })),
    lockChanges: lockChangesOf(one, standing, header),
  };
}

const NO_HOLDS: ReadonlyMap<string, LineHold> = new Map();

function lockChangesOf(
  { due: { orderKey }, told: { identities } }: AwardInput,
  before: AwardHeader | null,
  after: AwardHeader,
): LockChange[] {
  if (sameLock(before, after)) return [];
  const since = [before, after].flatMap((header) => header?.attributionAt?.getTime() ?? []);
  return [{ orderKey, since: new Date(Math.min(...since)), identities }];
}

/** In which terms and which currency an order is decided. */
export function termsAndCurrency({ due, order }: AwardInput, facts: Facts): TermsAndCurrency {
  const terms = order.attributionAt === null ? null : inForce(facts.merchants.get(due.merchantId), order.attributionAt);
  return { terms, currency: order.currencyConflict ? null : (order.currency ?? terms?.currency ?? null) };
}

interface TermsAndCurrency {
  terms: MerchantFacts | null;
  currency: string | null;
}

/** An order as it is decided: what it says, what ties it to promoters, and what stands of it. */
export function subjectOf(
  { due, order, told }: AwardInput,
  { terms, currency }: TermsAndCurrency,
  { facts, rules, identityKey, now }: BatchContext,
): Subject {
  const holds = due.award?.holds ?? NO_HOLDS;
  const yields = due.parentKind === 'gift' ? 'parent_earns' : due.isDuplicate ? 'duplicate_order' : due.hasSplitChildren ? 'split' : null;
  const { more, ownKinds } = told.reported;
  return {
    merchantId: due.merchantId,
    order,
    currency,
    yields,
    isTooLarge: due.isTooLarge,
    evidence: { all: gatherEvidence(told, facts, identityKey), more, ownKinds },
    standing: standingOf(due, rules),
    isReleased: (lineId) => (holds.get(lineId)?.releasedAt ?? null) !== null,
    isPastCutoff: due.award !== null && terms !== null && now.getTime() > order.attributionAt! + terms.policy.cutoff_days * DAY_MS,
  };
}

function standingOf({ award }: DueOrder, rules: Rules): Map<string, StandingLine> {
  const setAside = new Map(award?.setAside.map((line) => [line.line_id, line]));
  return new Map(
    award?.lines.map((line) => {
      const holding = SET_ASIDE.has(line.decision) ? setAside.get(line.line_id) : line;
      return [line.line_id, { decision: line.decision, held: holding === undefined ? null : heldBy(holding, rules) }];
    }),
  );
}

/** What a decision holds on to; null where it attributed nothing. */
function heldBy(
  { pinned: pin, rule_id: ruleId, rule_version: version, explanation }: StandingDecision,
  rules: Rules,
): StandingLine['held'] {
  if (pin === null) return null;
  const { rules: considered, campaigns } = JSON.parse(explanation) as Pick<ExplainedLine, 'rules' | 'campaigns'>;
  const former = pin.re_rating && findRule(rules, pin.re_rating.former_rule_id, pin.re_rating.former_version);
  const rule = findRule(rules, ruleId!, version!);
  return { pin, rule, rules: considered, ...(campaigns !== undefined && { campaigns }), ...(former !== undefined && { former }) };
}

function targetsOf(lines: readonly LineDecision[]): Target[] {
  return lines.flatMap(({ lineId, split }) => split.shares.map((share) => ({ lineId, ...share })));
}

/**
 * The differences, currency by currency: what was booked in another one than the order's goes to
 * zero.
 */
function postingsOf({
  booked,
  target,
  currency,
  isReleased,
}: {
  booked: readonly BookedSlot[];
  target: Target[];
  currency: string | null;
  isReleased: (lineId: string) => boolean;
}) {
  if (currency === null && target.length > 0) throw new Error('something is earned in no currency');
  const currencies = new Set(booked.map((slot) => slot.currency));
  if (currency !== null) currencies.add(currency);
  return [...currencies].flatMap((one) =>
    differences({ booked: booked.filter((slot) => slot.currency === one), target: one === currency ? target : [], isReleased }).map(
      (posting) => ({ ...posting, currency: one }),
    ),
  );
}

/** The decision of a line as it is written. */
export function toDecision(line: LineDecision, orderKey: bigint, revision: number): NewDecision {
  return {
    order_key: orderKey,
    revision,
    line_id: line.lineId,
    product_id: line.productId,
    decision: line.decision,
    evidence: line.evidence,
    promoter_id: line.promoterId,
    rule_id: line.rule?.ruleId ?? null,
    rule_version: line.rule?.version ?? null,
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
      ...(share.campaignId !== undefined && { campaign_id: share.campaignId }),
    })),
    pinned: line.pin,
    explanation: line.explanation,
    order_explanation: line.orderExplanation,
  };
}

/**
 * The explanation holds every number and reason of its line, so lines with equal explanations and
 * products are equal; but for what the pin read of the order, as a category that chooses no rule: a
 * line whose pin says something else than its order is not held by it.
 */
function sameDecisions({ award }: DueOrder, lines: readonly LineDecision[]): boolean {
  if (award === null || award.lines.length !== lines.length) return false;
  if (sharedOf(award.lines) !== (lines[0]?.orderExplanation ?? null)) return false;
  const standing = new Map(award.lines.map((line) => [line.line_id, line]));
  return lines.every((line) => {
    const other = standing.get(line.lineId);
    return (
      other !== undefined &&
      other.decision === line.decision &&
      other.product_id === line.productId &&
      other.quantity === line.quantity &&
      other.explanation === line.explanation &&
      isDeepStrictEqual(other.pinned, line.pin)
    );
  });
}
