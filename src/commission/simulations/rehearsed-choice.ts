// What an award would choose for a line if the changes had been in force at its attribution time.
// What the changes do not decide otherwise stays as it was recorded: who won, and by which rule,
// even where the rules of today would not choose it any more. Pure.

import type { Credit } from '../../core/attribution.ts';
import type { Policy } from '../../core/policy.ts';
import { candidatesFor, type RuleBook, type RuleContext, type RuleVersion } from '../../core/rule.ts';
import { chooseLine, termsOf, UNDECIDED, type PaidLine } from '../award/decide.ts';
import type { Choice, StandingLine } from '../award/decision.ts';
import { heaviestWinner, toWinner, type Pin, type PinnedWinner } from '../award/pin.ts';
import { paysMore } from '../award/rate-lock.ts';
import { inForce, isPresent, productKey, tierAt, type Facts, type History, type MerchantFacts } from '../facts/facts.ts';
import { namedAccounts } from '../rules/rule-cache.ts';

/** The rules as they stand and as they would be, and the policies that would be others. */
export interface Rehearsed {
  standing: RuleBook;
  changed: RuleBook;
  policies: ReadonlyMap<string, Policy>;
}

/** What is read beside an order, with the changes in it. */
export function changedFacts(facts: Facts, { changed, policies }: Rehearsed): Facts {
  if (policies.size === 0) return { ...facts, rules: changed };
  const merchants = new Map<string, History<MerchantFacts>>(
    [...facts.merchants].map(([merchantId, history]) => {
      const policy = policies.get(merchantId);
      return [merchantId, policy === undefined ? history : history.map((terms) => ({ ...terms, policy }))];
    }),
  );
  return { ...facts, rules: changed, merchants };
}

/** What a book has for a line: at the attribution time, and at the click that a rate lock is of. */
interface Candidates {
  rule: RuleVersion | null;
  locked: RuleVersion | null;
}

/**
 * Whether the changes make a difference to the rules that a pinned line may be decided by. What is
 * not pinned, the promoter's tier and the product's category, is read as of the attribution time.
 */
export function isRuledOtherwise(pin: Pin, merchantId: string, facts: Facts, { standing, changed }: Rehearsed): boolean {
  const [was, is] = [standing, changed].map((book) => candidatesIn(book, pin, merchantId, facts)) as [Candidates, Candidates];
  return !isSame(was.rule, is.rule) || !isSame(was.locked, is.locked);
}

/** What a book has for a pinned line. */
export function candidatesIn(book: RuleBook, pin: Pin, merchantId: string, facts: Facts): Candidates {
  const at = new Date(pin.attribution_at);
  const context = contextOf(pin, merchantId, facts, at.getTime());
  const clickedAt = new Date(heaviestWinner(pin).chain_at);
  const terms = facts.merchants.get(merchantId)?.find(({ version }) => version === pin.merchant_version);
  const isLocked = terms?.rateLock === 'click' && clickedAt < at;
  const locked = isLocked ? (candidatesFor(book, context, clickedAt)[0] ?? null) : null;
  return { rule: candidatesFor(book, context, at)[0] ?? null, locked };
}

/** Whether both are one version, or none. */
export const isSame = (a: Pick<RuleVersion, 'ruleId' | 'version'> | null, b: Pick<RuleVersion, 'ruleId' | 'version'> | null): boolean =>
  a?.ruleId === b?.ruleId && a?.version === b?.version;

/** Of the two the one by which the award would decide the line. */
function ruleOf({ rule, locked }: Candidates, { line, subject }: PaidLine, pin: Pin, facts: Facts): RuleVersion | null {
  if (locked === null || isSame(locked, rule)) return rule;
  const named = [locked, ...(rule === null ? [] : [rule])].flatMap(({ plan }) => namedAccounts(plan.split));
  const winners = withNamed(pin, named, facts).map(toWinner);
  const winnerId = heaviestWinner(pin).promoter_id;
  const { currency, order } = subject;
  return paysMore(locked, rule, { line, winners, winnerId, refunds: order.refunds, currency }) ? locked : rule;
}

/** The pinned winners, to whom those are absent who are named and could not be paid. */
export function withNamed(pin: Pin, named: readonly string[], facts: Facts): PinnedWinner[] {
  const away = named.filter((id) => !isPresent(facts, id, Date.parse(pin.attribution_at)));
  return pin.winners.map((winner) => ({ ...winner, absent: [...new Set([...winner.absent, ...away])] }));
}

/** What a rule is looked for by, for a pinned line: as of that time, and by its heaviest winner. */
export function contextOf(pin: Pin, merchantId: string, facts: Facts, at: number): RuleContext {
  const { promoter_id: promoterId, campaign_id: campaignId, agency_id: agencyId } = heaviestWinner(pin);
  const product = pin.product_id === null ? null : inForce(facts.products.get(productKey(merchantId, pin.product_id)), at);
  return {
    merchantId,
    productId: pin.product_id,
    promoterId,
    category: pin.category ?? product?.category ?? null,
    tier: tierAt(facts, { merchantId, promoterId, at }),
    agencyId,
    campaignId,
  };
}

/**
 * Chooses for the lines of one order. `facts` are those that stand; the lines are given those with
 * the changes in them.
 */
export function rehearsedChoice(facts: Facts, rehearsed: Rehearsed): (paid: PaidLine) => Choice {
  return (paid) => {
    const { line, subject } = paid;
    const standing = subject.standing.get(line.lineId);
    const policy = rehearsed.policies.get(subject.merchantId);
    if (policy !== undefined && isWonOtherwise(paid, standing, policy, facts)) return chooseAnew(paid);
    if (standing?.decision === 'no_rule') return chooseAnew(paid);
    const held = standing?.held ?? null;
    if (standing?.decision !== 'attributed' || held === null) {
      return { ...UNDECIDED, decision: standing?.decision ?? 'unattributed', reason: null, verdict: null };
    }
    const [was, is] = [rehearsed.standing, rehearsed.changed].map((book) =>
      ruleOf(candidatesIn(book, held.pin, subject.merchantId, facts), paid, held.pin, facts),
    ) as [RuleVersion | null, RuleVersion | null];
    if (isSame(was, is)) return { ...held, decision: 'attributed', reason: null, verdict: null };
    return chooseRecorded(held.pin, is, facts);
  };
}

/** By the award itself, as if nothing had been decided of the line yet. */
function chooseAnew(paid: PaidLine): Choice {
  const subject = { ...paid.subject, standing: NOTHING_STANDS, isReleased: () => false, isPastCutoff: false };
  return chooseLine({ ...paid, subject });
}

const NOTHING_STANDS: ReadonlyMap<string, StandingLine> = new Map();

/** The same winners by another rule, or by none. */
function chooseRecorded(pin: Pin, rule: RuleVersion | null, facts: Facts): Choice {
  if (rule === null) return { decision: 'no_rule', reason: 'no_rule_matches', verdict: null, pin, rule, rules: [] };
  const winners = withNamed(pin, namedAccounts(rule.plan.split), facts);
  return { decision: 'attributed', reason: null, verdict: null, pin: { ...pin, winners }, rule, rules: [] };
}

/**
 * Whether the evidence of a line credits others under a policy than under the one it was read by.
 */
function isWonOtherwise(paid: PaidLine, standing: StandingLine | undefined, policy: Policy, facts: Facts): boolean {
  const recorded = termsOf({ ...paid, facts }, standing?.held?.pin.merchant_version ?? null);
  return !sameCredits(paid.judge(paid.line, recorded.policy).credits, paid.judge(paid.line, policy).credits);
}

function sameCredits(a: readonly Credit[], b: readonly Credit[]): boolean {
  return a.length === b.length && a.every((credit, index) => sameCredit(credit, b[index]!));
}

function sameCredit({ weight, evidence }: Credit, other: Credit): boolean {
  const { promoterId, kind, reference, lineId } = other.evidence;
  const isSame = evidence.kind === kind && evidence.reference === reference && evidence.lineId === lineId;
  return isSame && evidence.promoterId === promoterId && weight === other.weight;
}
