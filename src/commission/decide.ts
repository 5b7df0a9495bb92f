// Decides an order from what is known of it: per line who earns it, by which rule, and the arithmetic. Pure, so that it can be done again.
import { attribute, heaviest, windowDays, type Credit, type Evidence, type Verdict } from '../core/attribution.ts';
import type { Order, OrderLine } from '../core/order.ts';
import type { Policy } from '../core/policy.ts';
import { candidatesFor, rankOutcomes, type RuleVersion } from '../core/rule.ts';
import { splitOrder, type LineSplit, type Parties, type SplitLine, type Winner } from '../core/split.ts';
import { explainLine, explainRule, type ExplainedRule } from './explanation.ts';
import { inForce, isPresent, productKey, type Facts, type MerchantTerms } from './facts.ts';
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

/** A winner with all that the decision read of it: what is pinned is read again, not the world as it has become. */
export interface PinnedWinner {
  promoter_id: string;
  weight_ppm: number;
  evidence: Evidence['kind'];
  reference: string;
  link_code: string | null;
  click_id: string | null;
  clicked_at: string;
  /** The days in which this evidence counts; null where it carries no window. */
  window_days: number | null;
  /** The referral chain above the winner, level 1 first, as it was at the click. */
  chain: string[];
  agency_id: string | null;
  talent_id: string | null;
  talent_agency_id: string | null;
  /** Those of the parties who could not be paid at the attribution time. */
  absent: string[];
}

export interface Pin {
  merchant_version: number;
  clock_skew_seconds: number;
  winners: PinnedWinner[];
}

export interface LineDecision {
  lineId: string;
  productId: string | null;
  decision: LineDecisionKind;
  evidence: Evidence['kind'] | null;
  promoterId: string | null;
  ruleId: string | null;
  ruleVersion: number | null;
  quantity: number;
  split: LineSplit;
  pin: Pin | null;
  explanation: string;
}

/** The decision of a line that stands from an earlier award, as far as a new one must respect it. */
export interface StandingLine {
  decision: LineDecisionKind;
  ruleId: string | null;
  ruleVersion: number | null;
  pin: Pin | null;
  /** The rules as they were considered when the winners were pinned. */
  rules: ExplainedRule[];
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
  /** After the release, or past the cutoff, evidence changes no winner any more. */
  winnersFixed: boolean;
  ruleVersion: (ruleId: string, version: number) => RuleVersion;
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

type Terms = Pick<MerchantTerms, 'version' | 'policy'>;

/** Decides every line of an order. */
export function decideOrder(subject: Subject, facts: Facts): LineDecision[] {
  const { order } = subject;
  const whole = wholeOrder(subject);
  const choices = order.lines.map((line) => {
    const terms = order.attributionAt === null ? null : termsOf(subject, line.lineId, facts, order.attributionAt);
    const verdict = terms && judge(line, subject, terms.policy);
    return whole === null ? chooseLine(line, subject, facts, terms!, verdict!) : { ...UNDECIDED, ...whole, verdict };
  });
  const splits = splitOrder({
    currency: subject.currency ?? '',
    isVoid: whole !== null,
    lines: order.lines.map((line, index) => splitLine(line, choices[index]!)),
    refunds: order.refunds.filter((refund) => refund.status === 'succeeded'),
  });
  return order.lines.map((line, index) => {
    const choice = choices[index]!;
    const attributed = choice.decision === 'attributed' || choice.decision === 'no_rule';
    const lead = attributed ? heaviestWinner(choice.pin!) : null;
    return {
      lineId: line.lineId,
      productId: line.productId,
      decision: choice.decision,
      evidence: lead?.evidence ?? null,
      promoterId: lead?.promoter_id ?? null,
      ruleId: choice.rule?.ruleId ?? null,
      ruleVersion: choice.rule?.version ?? null,
      quantity: line.quantity,
      split: splits[index]!,
      pin: choice.decision === 'attributed' ? choice.pin : null,
      explanation: explainLine(choice, splits[index]!, order.attributionAt),
    };
  });
}

const UNDECIDED = { pin: null, rule: null, rules: [] };

/** The one decision of all lines where the order as a whole cannot earn; null when its lines are to be looked at. */
function wholeOrder({ order, yields }: Subject): { decision: LineDecisionKind; reason: string } | null {
  if (order.void !== null) return { decision: 'void', reason: order.void.reason };
  if (order.currencyConflict) return { decision: 'pending', reason: 'currency_conflict' };
  // A deposit fixes who earns, but only the payment makes something to earn.
  if (order.status === 'created' || order.attributionAt === null) return { decision: 'pending', reason: 'not_paid' };
  if (yields === 'split') return { decision: 'void', reason: 'split_into_other_orders' };
  if (yields === 'duplicate_order') return { decision: 'duplicate_order', reason: 'an_earlier_source_of_this_kind_has_it' };
  return yields === null ? null : { decision: 'parent_earns', reason: 'gift' };
}

/** The merchant's terms at the attribution time, or those that the line's decision pinned. */
function termsOf(subject: Subject, lineId: string, facts: Facts, at: number): Terms {
  const pin = subject.standing.get(lineId)?.pin ?? null;
  const history = facts.merchants.get(subject.merchantId);
  const terms = pin === null ? inForce(history, at) : history?.find((version) => version.version === pin.merchant_version);
  if (!terms) throw new Error(`merchant ${subject.merchantId} has no terms in force`);
  return terms;
}

function judge(line: OrderLine, { order, evidence }: Subject, policy: Policy): Verdict {
  return attribute(evidence, {
    policy,
    attributionAt: order.attributionAt!,
    paidAt: order.paidAt ?? order.attributionAt!,
    orderScene: order.scene,
    productId: line.productId,
  });
}

function chooseLine(line: OrderLine, subject: Subject, facts: Facts, terms: Terms, verdict: Verdict): Choice {
  const at = subject.order.attributionAt!;
  const standing = subject.standing.get(line.lineId);
  const product = line.productId === null ? null : inForce(facts.products.get(productKey(subject.merchantId, line.productId)), at);
  if (line.quantity === 0) return { ...UNDECIDED, decision: 'void', reason: 'line_removed', verdict };
  if (standing?.pin && (subject.winnersFixed || sameWinners(verdict.credits, standing.pin))) {
    const rule = subject.ruleVersion(standing.ruleId!, standing.ruleVersion!);
    return { decision: 'attributed', reason: null, verdict, pin: standing.pin, rule, rules: standing.rules };
  }
  if (product?.commissionable === false) return { ...UNDECIDED, decision: 'not_commissionable', reason: 'product', verdict };
  if (verdict.credits.length === 0 || (subject.winnersFixed && standing?.decision === 'unattributed')) {
    return { ...UNDECIDED, decision: 'unattributed', reason: reasonUnattributed(verdict), verdict };
  }
  return chooseRule(line, subject, facts, terms, { verdict, category: line.category ?? product?.category ?? null });
}

function reasonUnattributed({ judged, credits }: Verdict): string {
  if (judged.length === 0) return 'no_evidence';
  return credits.length > 0 ? 'evidence_came_after_the_cutoff' : 'no_evidence_counts';
}

/** A winner is the same while the same promoters are credited by the same links in the same parts. */
function sameWinners(credits: readonly Credit[], pinned: Pin): boolean {
  return (
    credits.length === pinned.winners.length &&
    credits.every(({ evidence, weightPpm }, index) => {
      const winner = pinned.winners[index]!;
      return evidence.promoterId === winner.promoter_id && evidence.linkCode === winner.link_code && weightPpm === winner.weight_ppm;
    })
  );
}

function chooseRule(
  line: OrderLine,
  subject: Subject,
  facts: Facts,
  terms: Terms,
  { verdict, category }: { verdict: Verdict; category: string | null },
): Choice {
  const at = subject.order.attributionAt!;
  const { evidence } = heaviest(verdict.credits)!;
  const promoter = inForce(facts.promoters.get(evidence.promoterId!), at);
  const candidates = candidatesFor(
    facts.rules,
    {
      merchantId: subject.merchantId,
      productId: line.productId,
      promoterId: evidence.promoterId,
      category,
      tier: promoter?.tier ?? null,
      agencyId: promoter?.agencyId ?? null,
      campaignId: evidence.campaignId,
    },
    new Date(at),
  );
  const rule = candidates[0] ?? null;
  const named = rule === null ? [] : namedAccounts(rule.plan.split);
  const pin: Pin = {
    merchant_version: terms.version,
    clock_skew_seconds: terms.policy.clock_skew_seconds,
    winners: verdict.credits.map((credit) => pinWinner(credit, subject, facts, terms.policy, named)),
  };
  const rules = rankOutcomes(candidates).map(explainRule);
  if (rule === null) return { decision: 'no_rule', reason: 'no_rule_matches', verdict, pin, rule, rules };
  return { decision: 'attributed', reason: null, verdict, pin, rule, rules };
}

function pinWinner({ evidence, weightPpm }: Credit, subject: Subject, facts: Facts, policy: Policy, named: string[]): PinnedWinner {
  const at = subject.order.attributionAt!;
  const chain = chainAbove(evidence, facts, at);
  const agencyId = inForce(facts.promoters.get(evidence.promoterId!), at)?.agencyId ?? null;
  const talentId = evidence.talentId ?? subject.order.talentId;
  const talentAgencyId = talentId === null ? null : (inForce(facts.promoters.get(talentId), at)?.agencyId ?? null);
  const parties = [...chain, agencyId, talentId, talentAgencyId, ...named];
  return {
    promoter_id: evidence.promoterId!,
    weight_ppm: weightPpm,
    evidence: evidence.kind,
    reference: evidence.reference,
    link_code: evidence.linkCode,
    click_id: evidence.clickId,
    clicked_at: new Date(evidence.at).toISOString(),
    window_days: windowDays(evidence, policy),
    chain,
    agency_id: agencyId,
    talent_id: talentId,
    talent_agency_id: talentAgencyId,
    absent: [...new Set(parties.filter((id) => id !== null && !isPresent(facts, id, at)))] as string[],
  };
}

/**
 * The chain above a winner, as it was at the click: who shared the link it was re-shared from, and so on, then who invited the last of
 * them, and so on. Nobody stands in it twice, and it is as long as chains may be paid.
 */
function chainAbove(evidence: Evidence, facts: Facts, attributionAt: number): string[] {
  const asOf = evidence.clickId === null ? attributionAt : evidence.at;
  const sharers = evidence.linkCode === null ? [] : (facts.links.get(evidence.linkCode)?.sharers ?? []);
  const chain = sharers.filter((id) => id !== evidence.promoterId).slice(0, facts.levelsMax - 1);
  while (chain.length < facts.levelsMax - 1) {
    const last = chain.at(-1) ?? evidence.promoterId!;
    const inviter = inForce(facts.promoters.get(last), asOf)?.inviterId ?? null;
    if (inviter === null || inviter === evidence.promoterId || chain.includes(inviter)) break;
    chain.push(inviter);
  }
  return chain;
}

function splitLine(line: OrderLine, choice: Choice): SplitLine {
  const { lineId, paidAmount, quantity, platformCommission } = line;
  if (choice.decision !== 'attributed') return { lineId, paidAmount, quantity, platformCommission, rule: null, winners: [] };
  return { lineId, paidAmount, quantity, platformCommission, rule: choice.rule, winners: choice.pin!.winners.map(toWinner) };
}

function toWinner(winner: PinnedWinner): Winner {
  const paid = (id: string | null) => (id === null || winner.absent.includes(id) ? null : id);
  const parties: Parties = {
    promoter: winner.promoter_id,
    uplines: winner.chain.map(paid),
    agency: paid(winner.agency_id),
    talent: paid(winner.talent_id),
    talentAgency: paid(winner.talent_agency_id),
    isPresent: (id) => !winner.absent.includes(id),
  };
  return { promoterId: winner.promoter_id, weightPpm: winner.weight_ppm, parties };
}

/** Of equals the later click stands for the line, as it chooses the rule. */
export function heaviestWinner(pin: Pin): PinnedWinner {
  return pin.winners.reduce((best, winner) => (winner.weight_ppm >= best.weight_ppm ? winner : best));
}
