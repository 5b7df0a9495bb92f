// Decides an order from what is known of it: per line who earns it, by which rule, and the
// arithmetic. Pure, so that it can be done again.
import { attribute, heaviest, type Evidence, type Judged, type Verdict } from '../../core/attribution.ts';
import type { Order, OrderLine, ReportedKind } from '../../core/order.ts';
import type { Policy } from '../../core/policy.ts';
import type { Bar } from '../../core/explanation.ts';
import { candidatesFor, rankOutcomes, untimelyRules, type RuleContext } from '../../core/rule.ts';
import { splitOrder, type LineSplit, type SplitLine } from '../../core/split.ts';
import { explainRule, OrderExplainer } from './explanation-text.ts';
import { inForce, productKey, tierAt, type Facts, type MerchantFacts } from '../facts/facts.ts';
import { heaviestWinner, pinWinners, readsTheSame, sameWinners, toWinner, type Pin, type PinnedWinner } from './pin.ts';
import { paysMore } from './rate-lock.ts';
import { namedAccounts } from '../rules/rule-cache.ts';
import type { StandingLine, LineDecision, Choice } from './decision.ts';

/** Rules that an explanation names at most; the route of effective rules shows them all. */
const RULES_EXPLAINED_MAX = 20;

/** The evidence of an order, and which kinds of it a line takes from its own reports alone. */
interface OrderEvidence {
  all: readonly Evidence[];
  /** Reported pieces that came after those that count. */
  more: number;
  ownKinds: ReadonlyMap<string, ReadonlySet<ReportedKind>>;
}

export interface Subject {
  merchantId: string;
  order: Order;
  /**
   * The order's currency, or its merchant's where no report states one; null while the reports
   * disagree.
   */
  currency: string | null;
  /**
   * Why another order earns what this one would: it is told a second time, its parent earns, or its
   * parts do.
   */
  yields: 'duplicate_order' | 'parent_earns' | 'split' | null;
  /** A report of it waits, because with it the order would be larger than orders may be. */
  isTooLarge: boolean;
  evidence: OrderEvidence;
  standing: ReadonlyMap<string, StandingLine>;
  isReleased: (lineId: string) => boolean;
  isPastCutoff: boolean;
}

export const UNDECIDED = { pin: null, rule: null, rules: [] };

/** A line with what was chosen for it and what that comes to, before it is explained. */
export interface SettledLine {
  line: OrderLine;
  choice: Choice;
  split: LineSplit;
  /** What it would come to by the rule before a re-rating; null where none has chosen its rule. */
  former: LineSplit | null;
}

/** Settled lines as they are decided, each with its explanation. */
export function explainOrder(subject: Subject, settled: readonly SettledLine[]): LineDecision[] {
  const explainer = new OrderExplainer(subject.evidence.all, subject.evidence.more);
  const lines = settled.map((one) => decisionOf(one, explainer, subject.order.attributionAt));
  return lines.map((line, index) => ({ ...line, orderExplanation: index === 0 ? explainer.order() : null }));
}

/**
 * Every line of an order with its split, without the boosts of campaigns. `choose` chooses for a
 * line that its order does not keep from earning: the award itself, or a rehearsal of it.
 */
export function settleOrder(subject: Subject, facts: Facts, choose: (paid: PaidLine) => Choice): SettledLine[] {
  const { order } = subject;
  const judge = judgeOf(subject);
  const bars = order.lines.map((line) => barOf(subject, line));
  const choices = order.lines.map((line, index) => {
    const bar = bars[index]!;
    if (order.attributionAt === null) return { ...UNDECIDED, ...bar, verdict: null };
    const paid: PaidLine = { line, subject, facts, attributionAt: order.attributionAt, judge };
    return bar === null ? choose(paid) : { ...UNDECIDED, ...bar, verdict: judge(line, termsOf(paid).policy) };
  });
  const splitBy = (made: readonly Choice[]): LineSplit[] =>
    splitOrder({
      currency: subject.currency ?? '',
      lines: order.lines.map((line, index) => splitLine(line, made[index]!, bars[index]!)),
      refunds: order.refunds.filter((refund) => refund.status === 'succeeded'),
    });
  const splits = splitBy(choices);
  const isReRated = choices.some((choice) => choice.former !== undefined);
  const formerSplits = isReRated ? splitBy(choices.map((choice) => ({ ...choice, rule: choice.former ?? choice.rule }))) : null;
  return order.lines.map((line, index) => {
    const choice = choices[index]!;
    return { line, choice, split: splits[index]!, former: choice.former === undefined ? null : formerSplits![index]! };
  });
}

function decisionOf({ line, choice, split, former }: SettledLine, explainer: OrderExplainer, attributionAt: number | null) {
  const lead = choice.pin && heaviestWinner(choice.pin);
  return {
    lineId: line.lineId,
    productId: line.productId,
    decision: choice.decision,
    evidence: lead?.evidence ?? null,
    promoterId: lead?.promoter_id ?? null,
    rule: choice.rule,
    quantity: line.quantity,
    split,
    pin: choice.decision === 'attributed' ? choice.pin : null,
    explanation: explainer.line(choice, { split, former }, attributionAt),
  };
}

/**
 * Why a line earns nothing whoever shared it, because its order as a whole cannot; null when the
 * line is to be looked at.
 */
function barOf({ order, yields, isTooLarge, isReleased }: Subject, line: OrderLine): { decision: Bar; reason: string } | null {
  if (order.void !== null) return { decision: 'void', reason: order.void.reason };
  if (order.currencyConflict) return { decision: 'pending', reason: 'currency_conflict' };
  // A deposit fixes who earns, but only the payment makes something to earn.
  if (order.status === 'created' || order.attributionAt === null) return { decision: 'pending', reason: 'not_paid' };
  if (isTooLarge && !isReleased(line.lineId)) return { decision: 'pending', reason: 'order_too_large' };
  if (yields === 'split') return { decision: 'void', reason: 'split_into_other_orders' };
  if (yields === 'duplicate_order') return { decision: 'duplicate_order', reason: 'an_earlier_source_of_this_kind_has_it' };
  return yields === null ? null : { decision: 'parent_earns', reason: 'gift' };
}

/** A line with all that it is decided from. */
export interface PaidLine {
  line: OrderLine;
  subject: Subject;
  facts: Facts;
  attributionAt: number;
  judge: Judge;
}

type Terms = Pick<MerchantFacts, 'version' | 'policy' | 'rateLock'>;

/** The merchant's terms at the attribution time, or those of the given version. */
export function termsOf({ subject, facts, attributionAt }: PaidLine, version: number | null = null): Terms {
  const history = facts.merchants.get(subject.merchantId);
  const terms = version === null ? inForce(history, attributionAt) : history?.find((stated) => stated.version === version);
  if (!terms) throw new Error(`merchant ${subject.merchantId} has no terms in force`);
  return terms;
}

type Judge = (line: OrderLine, policy: Policy) => Verdict;

/**
 * Judges the evidence of lines, and of lines that differ in nothing by which they are judged once:
 * so the work of an order does not grow with its lines times its evidence.
 */
function judgeOf({ order, evidence }: Subject): Judge {
  const products = new Set(evidence.all.map((one) => one.productId));
  const apart = new Set(evidence.all.flatMap((one) => [one.lineId, one.ruling?.lineId ?? null]).filter((id) => id !== null));
  for (const lineId of evidence.ownKinds.keys()) apart.add(lineId);
  const verdicts = new Map<Policy, Map<string, Verdict>>();
  const judgeAnew: Judge = (line, policy) =>
    attribute(
      evidence.all.filter((one) => speaksFor(one, line.lineId, evidence.ownKinds)),
      {
        policy,
        attributionAt: order.attributionAt!,
        paidAt: order.paidAt ?? order.attributionAt!,
        orderScene: line.scene,
        productId: line.productId,
      },
    );
  return (line, policy) => {
    const product = products.has(line.productId) ? line.productId : null;
    const key = JSON.stringify([apart.has(line.lineId) ? line.lineId : null, product, line.scene]);
    const known = verdicts.get(policy) ?? new Map<string, Verdict>();
    verdicts.set(policy, known);
    const verdict = known.get(key) ?? judgeAnew(line, policy);
    known.set(key, verdict);
    return verdict;
  };
}

/**
 * Whether evidence is about this line: said of it, or of the order where the line names none of its
 * kind, or ruled of it.
 */
function speaksFor({ kind, lineId, ruling }: Evidence, line: string, ownKinds: OrderEvidence['ownKinds']): boolean {
  if (lineId !== null) return lineId === line;
  if (ruling !== null) return ruling.lineId === null || ruling.lineId === line;
  return kind === 'click' || kind === 'lock' || kind === 'claim' || !(ownKinds.get(line)?.has(kind) ?? false);
}

/** Who earns a line, and by which rule, as far as what stands of it leaves that open. */
export function chooseLine(paid: PaidLine): Choice {
  const { line, subject, facts, attributionAt, judge } = paid;
  const standing = subject.standing.get(line.lineId);
  const held = standing?.held ?? null;
  const winnersFixed = subject.isReleased(line.lineId) || subject.isPastCutoff;
  const isHeld = held !== null && (winnersFixed || readsTheSame(held.pin, line, attributionAt));
  const terms = termsOf(paid, isHeld ? held.pin.merchant_version : null);
  const verdict = judge(line, terms.policy);
  if (line.quantity === 0) return { ...UNDECIDED, decision: 'void', reason: line.isGone ? 'line_gone' : 'line_removed', verdict };
  if (line.notCommissionable !== null) {
    return { ...UNDECIDED, decision: 'not_commissionable', reason: line.notCommissionable, verdict };
  }
  if (isHeld && sameWinners(held.pin, verdict.credits, line)) return { ...held, decision: 'attributed', reason: null, verdict };
  const isFixed = winnersFixed && !verdict.credits.some(({ evidence }) => evidence.kind === 'claim');
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
  return chooseRule(paid, { terms, verdict, productCategory: product?.category ?? null, held: isHeld ? held : null });
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
  productCategory: string | null;
  /** What the line held on to before its evidence changed. */
  held: StandingLine['held'];
}

/**
 * The rule of a line that somebody won, and its pin. While the line and whom it is credited to, in
 * which campaign, stay the same, new evidence leaves the rule alone.
 */
function chooseRule({ line, subject, facts, attributionAt }: PaidLine, { terms, verdict, productCategory, held }: Attributed): Choice {
  const { promoterId, campaignId } = heaviest(verdict.credits)!.evidence;
  const before = held && heaviestWinner(held.pin);
  const stays = before !== null && before.promoter_id === promoterId && before.campaign_id === campaignId;
  const promoter = inForce(facts.promoters.get(promoterId!), attributionAt);
  const context = {
    merchantId: subject.merchantId,
    productId: line.productId,
    promoterId,
    category: line.category ?? productCategory,
    tier: tierAt(facts, { merchantId: subject.merchantId, promoterId: promoterId!, at: attributionAt }),
    agencyId: promoter?.agencyId ?? null,
    campaignId,
  };
  const pinContext = { line, attributionAt, policy: terms.policy, facts };
  const paid = { line, subject, facts, attributionAt };
  const winnersWith = (named: readonly string[]) => pinWinners(verdict.credits, { ...pinContext, named });
  const lead = heaviest(verdict.credits)!.evidence;
  const chosen = stays ? null : chooseVersion(paid, { terms, lead: { ...lead, promoterId: promoterId! }, winnersWith, context });
  const rule = stays ? held!.rule : chosen!.rule;
  const rules = stays ? held!.rules : chosen!.rules;
  const ruleAt = stays ? held!.pin.rule_at : chosen!.ruleAt;
  const named = rule === null ? [] : namedAccounts(rule.plan.split);
  const pin: Pin = {
    attribution_at: new Date(attributionAt).toISOString(),
    product_id: line.productId,
    category: line.category,
    product_category: productCategory,
    merchant_version: terms.version,
    ...(ruleAt !== undefined && { rule_at: ruleAt }),
    clock_skew_seconds: terms.policy.clock_skew_seconds,
    winners: winnersWith(named),
    ...(stays && held!.pin.re_rating !== undefined && { re_rating: held!.pin.re_rating }),
  };
  if (rule === null) return { decision: 'no_rule', reason: 'no_rule_matches', verdict, pin, rule, rules };
  const former = stays ? held!.former : undefined;
  return { decision: 'attributed', reason: null, verdict, pin, rule, rules, ...(former !== undefined && { former }) };
}

interface Question {
  terms: Pick<Terms, 'rateLock'>;
  /** The heaviest winner, and when it was led by. */
  lead: { promoterId: string; chainAt: number };
  /** The winners, with the promoters whom a rule names among those who may be absent. */
  winnersWith: (named: readonly string[]) => PinnedWinner[];
  context: RuleContext;
}

/**
 * The rule in force at the attribution time; with a rate lock that of the click of the heaviest
 * winner where it pays that one more. `ruleAt` is told of a click's only.
 */
export function chooseVersion(
  { line, subject, facts, attributionAt }: Omit<PaidLine, 'judge'>,
  { terms, lead, winnersWith, context }: Question,
) {
  const at = new Date(attributionAt);
  const candidates = candidatesFor(facts.rules, context, at);
  const rule = candidates[0] ?? null;
  const outcomes = rule === null ? untimelyRules(facts.rules, context, at, RULES_EXPLAINED_MAX) : rankOutcomes(candidates);
  const clickedAt = terms.rateLock === 'click' && lead.chainAt < attributionAt ? new Date(lead.chainAt) : null;
  const earlier = clickedAt === null ? [] : candidatesFor(facts.rules, context, clickedAt);
  const locked = earlier[0];
  if (locked === undefined || locked === rule) return { rule, rules: outcomes.slice(0, RULES_EXPLAINED_MAX).map(explainRule) };
  const named = [locked, ...candidates.slice(0, 1)].flatMap(({ plan }) => namedAccounts(plan.split));
  const winners = winnersWith(named).map(toWinner);
  const decided = { line, winners, winnerId: lead.promoterId, refunds: subject.order.refunds, currency: subject.currency };
  if (!paysMore(locked, rule, decided)) return { rule, rules: outcomes.slice(0, RULES_EXPLAINED_MAX).map(explainRule) };
  const late = outcomes.slice(0, rule === null ? 0 : 1).map((one) => ({ ...one, outcome: 'lost' as const, reason: 'rate_lock' }));
  const rules = [...rankOutcomes(earlier), ...late].slice(0, RULES_EXPLAINED_MAX).map(explainRule);
  return { rule: locked, rules, ruleAt: clickedAt!.toISOString() };
}

function splitLine(
  { lineId, paidAmount, quantity, platformCommission }: OrderLine,
  choice: Choice,
  bar: { decision: Bar } | null,
): SplitLine {
  const isAttributed = choice.decision === 'attributed';
  const winners = isAttributed ? choice.pin!.winners.map(toWinner) : [];
  const rule = isAttributed ? choice.rule : null;
  return { lineId, paidAmount, quantity, platformCommission, rule, winners, barred: bar?.decision ?? null };
}
