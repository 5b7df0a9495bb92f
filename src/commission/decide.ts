// Decides an order from what is known of it: per line who earns it, by which rule, and the arithmetic. Pure, so that it can be done again.
import { attribute, heaviest, type Evidence, type Judged, type Verdict } from '../core/attribution.ts';
import type { Order, OrderLine } from '../core/order.ts';
import type { Policy } from '../core/policy.ts';
import type { Withheld } from '../core/reckoning.ts';
import { candidatesFor, rankOutcomes, type RuleVersion } from '../core/rule.ts';
import { splitOrder, type LineSplit, type SplitLine } from '../core/split.ts';
import { explainLine, explainRule, type ExplainedRule } from './explanation.ts';
import { inForce, productKey, type Facts, type MerchantTerms } from './facts.ts';
import { heaviestWinner, pinWinner, readsTheSame, sameWinners, toWinner, type Pin } from './pin.ts';
import { namedAccounts } from './rule-shelf.ts';

export type LineDecisionKind =
  | 'attributed'
  | 'unattributed'
  | 'no_rule'
  | 'not_commissionable'
  | 'duplicate_order'
  | 'parent_earns'
  | 'void'
  | 'pending';

export interface LineDecision {
  lineId: string;
  productId: string | null;
  decision: LineDecisionKind;
  evidence: Evidence['kind'] | null;
  promoterId: string | null;
  rule: RuleVersion | null;
  quantity: number;
  split: LineSplit;
  pin: Pin | null;
  explanation: string;
}

/** The decision of a line that stands from an earlier award, as far as a new one must respect it. */
export interface StandingLine {
  decision: LineDecisionKind;
  /** What an attributed line holds on to: its winners, its rule, and the rules as they were considered then. */
  held: { pin: Pin; rule: RuleVersion; rules: ExplainedRule[] } | null;
}

export interface Subject {
  merchantId: string;
  order: Order;
  /** The order's currency, or its merchant's where no report states one; null while the reports disagree. */
  currency: string | null;
  /** Why another order earns what this one would: it is told a second time, its parent earns, or its parts do. */
  yields: 'duplicate_order' | 'parent_earns' | 'split' | null;
  evidence: readonly Evidence[];
  standing: ReadonlyMap<string, StandingLine>;
  /** After the release, or past the cutoff, evidence changes no winner any more; only an approved claim does. */
  winnersFixed: boolean;
}

/** What is decided of a line before any amount is reckoned. */
export interface Choice {
  decision: LineDecisionKind;
  reason: string | null;
  verdict: Verdict | null;
  pin: Pin | null;
  rule: RuleVersion | null;
  rules: ExplainedRule[];
}

const UNDECIDED = { pin: null, rule: null, rules: [] };

/** Decides every line of an order. */
export function decideOrder(subject: Subject, facts: Facts): LineDecision[] {
  const { order } = subject;
  const whole = wholeOrder(subject);
  const choices = order.lines.map((line) => {
    if (order.attributionAt === null) return { ...UNDECIDED, ...whole!, verdict: null };
    const paid: PaidLine = { line, subject, facts, attributionAt: order.attributionAt };
    return whole === null ? chooseLine(paid) : { ...UNDECIDED, ...whole, verdict: judge(paid, termsOf(paid).policy) };
  });
  const splits = splitOrder({
    currency: subject.currency ?? '',
    withheld: whole?.decision ?? null,
    lines: order.lines.map((line, index) => splitLine(line, choices[index]!)),
    refunds: order.refunds.filter((refund) => refund.status === 'succeeded'),
  });
  return order.lines.map((line, index) => {
    const choice = choices[index]!;
    const lead = choice.pin && heaviestWinner(choice.pin);
    return {
      lineId: line.lineId,
      productId: line.productId,
      decision: choice.decision,
      evidence: lead?.evidence ?? null,
      promoterId: lead?.promoter_id ?? null,
      rule: choice.rule,
      quantity: line.quantity,
      split: splits[index]!,
      pin: choice.decision === 'attributed' ? choice.pin : null,
      explanation: explainLine(choice, splits[index]!, order.attributionAt),
    };
  });
}

/** The one decision of all lines where the order as a whole cannot earn; null when its lines are to be looked at. */
function wholeOrder({ order, yields }: Subject): { decision: Withheld; reason: string } | null {
  if (order.void !== null) return { decision: 'void', reason: order.void.reason };
  if (order.currencyConflict) return { decision: 'pending', reason: 'currency_conflict' };
  // A deposit fixes who earns, but only the payment makes something to earn.
  if (order.status === 'created' || order.attributionAt === null) return { decision: 'pending', reason: 'not_paid' };
  if (yields === 'split') return { decision: 'void', reason: 'split_into_other_orders' };
  if (yields === 'duplicate_order') return { decision: 'duplicate_order', reason: 'an_earlier_source_of_this_kind_has_it' };
  return yields === null ? null : { decision: 'parent_earns', reason: 'gift' };
}

/** A line with all that it is decided from. */
interface PaidLine {
  line: OrderLine;
  subject: Subject;
  facts: Facts;
  attributionAt: number;
}

type Terms = Pick<MerchantTerms, 'version' | 'policy'>;

/** The merchant's terms at the attribution time, or those of the given version. */
function termsOf({ subject, facts, attributionAt }: PaidLine, version: number | null = null): Terms {
  const history = facts.merchants.get(subject.merchantId);
  const terms = version === null ? inForce(history, attributionAt) : history?.find((stated) => stated.version === version);
  if (!terms) throw new Error(`merchant ${subject.merchantId} has no terms in force`);
  return terms;
}

function judge({ line, subject: { order, evidence }, attributionAt }: PaidLine, policy: Policy): Verdict {
  const ofLine = evidence.filter(({ ruling }) => ruling === null || ruling.lineId === null || ruling.lineId === line.lineId);
  return attribute(ofLine, {
    policy,
    attributionAt,
    paidAt: order.paidAt ?? attributionAt,
    orderScene: order.scene,
    productId: line.productId,
  });
}

function chooseLine(paid: PaidLine): Choice {
  const { line, subject, facts, attributionAt } = paid;
  const standing = subject.standing.get(line.lineId);
  const held = standing?.held ?? null;
  const isHeld = held !== null && (subject.winnersFixed || readsTheSame(held.pin, line, attributionAt));
  const terms = termsOf(paid, isHeld ? held.pin.merchant_version : null);
  const verdict = judge(paid, terms.policy);
  if (line.quantity === 0) return { ...UNDECIDED, decision: 'void', reason: 'line_removed', verdict };
  if (isHeld && sameWinners(held.pin, verdict.credits, subject.order)) return { ...held, decision: 'attributed', reason: null, verdict };
  const isFixed = subject.winnersFixed && !verdict.credits.some(({ evidence }) => evidence.kind === 'claim');
  if (isHeld && isFixed) return { ...held, decision: 'attributed', reason: null, verdict: tooLate(verdict, held.pin) };

  const product =
    line.productId === null ? null : inForce(facts.products.get(productKey(subject.merchantId, line.productId)), attributionAt);
  if (product?.commissionable === false) return { ...UNDECIDED, decision: 'not_commissionable', reason: 'product', verdict };
  if (verdict.credits.length === 0) {
    const reason = verdict.judged.length === 0 ? 'no_evidence' : 'no_evidence_counts';
    return { ...UNDECIDED, decision: 'unattributed', reason, verdict };
  }
  if (isFixed && standing?.decision === 'unattributed') {
    return { ...UNDECIDED, decision: 'unattributed', reason: 'evidence_came_after_the_cutoff', verdict: tooLate(verdict, null) };
  }
  return chooseRule(paid, { terms, verdict, category: line.category ?? product?.category ?? null, held: isHeld ? held : null });
}

/** Evidence that would win now, and came when the winners had been fixed. */
function tooLate(verdict: Verdict, pin: Pin | null): Verdict {
  const winners = pin?.winners ?? [];
  const judged = verdict.judged.map((one): Judged => {
    const { kind, reference, promoterId } = one.evidence;
    if (winners.some((winner) => winner.evidence === kind && winner.reference === reference)) return { ...one, won: true, reason: null };
    const isWinners = winners.some((winner) => winner.promoter_id === promoterId);
    return one.won && !isWinners ? { ...one, won: false, reason: 'too_late' } : one;
  });
  return { credits: verdict.credits, judged };
}

interface Attributed {
  terms: Terms;
  verdict: Verdict;
  category: string | null;
  /** What the line held on to before its evidence changed. */
  held: StandingLine['held'];
}

/**
 * The rule of a line that somebody won, and its pin. While the line and whom it is credited to, in which campaign, stay the same, new
 * evidence leaves the rule alone.
 */
function chooseRule({ line, subject, facts, attributionAt }: PaidLine, { terms, verdict, category, held }: Attributed): Choice {
  const { promoterId, campaignId } = heaviest(verdict.credits)!.evidence;
  const before = held && heaviestWinner(held.pin);
  const stays = before !== null && before.promoter_id === promoterId && before.campaign_id === campaignId;
  const promoter = inForce(facts.promoters.get(promoterId!), attributionAt);
  const context = {
    merchantId: subject.merchantId,
    productId: line.productId,
    promoterId,
    category,
    tier: promoter?.tier ?? null,
    agencyId: promoter?.agencyId ?? null,
    campaignId,
  };
  const candidates = stays ? [] : candidatesFor(facts.rules, context, new Date(attributionAt));
  const rule = stays ? held!.rule : (candidates[0] ?? null);
  const rules = stays ? held!.rules : rankOutcomes(candidates).map(explainRule);
  const named = rule === null ? [] : namedAccounts(rule.plan.split);
  const sight = { order: subject.order, attributionAt, policy: terms.policy, facts, named };
  const pin: Pin = {
    attribution_at: new Date(attributionAt).toISOString(),
    product_id: line.productId,
    category: line.category,
    merchant_version: terms.version,
    clock_skew_seconds: terms.policy.clock_skew_seconds,
    winners: verdict.credits.map((credit) => pinWinner(credit, sight)),
  };
  if (rule === null) return { decision: 'no_rule', reason: 'no_rule_matches', verdict, pin, rule, rules };
  return { decision: 'attributed', reason: null, verdict, pin, rule, rules };
}

function splitLine({ lineId, paidAmount, quantity, platformCommission }: OrderLine, choice: Choice): SplitLine {
  const isAttributed = choice.decision === 'attributed';
  const winners = isAttributed ? choice.pin!.winners.map(toWinner) : [];
  return { lineId, paidAmount, quantity, platformCommission, rule: isAttributed ? choice.rule : null, winners };
}
