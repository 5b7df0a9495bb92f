// Which rule a line would be paid by as the rules stand now, pins aside: the rule alone is chosen
// anew. Who won, the chain and parties around, and whatever else is pinned stay as they are. Pure.

import type { ExplainedRule } from '../../core/explanation.ts';
import type { RuleVersion } from '../../core/rule.ts';
import { chooseLine, chooseVersion, termsOf, type PaidLine } from '../award/decide.ts';
import type { Choice, StandingLine } from '../award/decision.ts';
import { heaviestWinner, type Pin } from '../award/pin.ts';
import type { Facts } from '../facts/facts.ts';
import { findRule, namedAccounts, type Rules } from '../rules/rule-cache.ts';
import type { RecordedLine } from '../simulations/recorded-store.ts';
import { candidatesIn, contextOf, isSame, withNamed } from '../simulations/rehearsed-choice.ts';

/** The rule that is chosen for a line, as it is kept between the preview and the execution. */
export interface ReRatedLine {
  line_id: string;
  former_rule_id: string;
  former_version: number;
  rule_id: string;
  version: number;
  /** The click at which it was in force, where a rate lock kept it. */
  rule_at: string | null;
  /** The rules that were considered, and why one won. */
  rules: ExplainedRule[];
}

type Held = NonNullable<StandingLine['held']>;

/** A rule by its id and version. */
type RuleName = Pick<RuleVersion, 'ruleId' | 'version'>;

/** The rules that are asked for; null: whichever. */
export type Selected = ReadonlySet<string> | null;

/** Whether one of the rules that are asked for pays the line, or would. */
const isSelected = (selected: Selected, rules: readonly RuleName[]): boolean =>
  selected === null || rules.some(({ ruleId }) => selected.has(ruleId));

/**
 * What the rules of now have for a recorded line: `changes` where the line may get another rule,
 * `lacks` where they have none for it any more, so that it keeps its own.
 */
export function outlookOf(
  { decision, pin, ruleId, ruleVersion }: RecordedLine,
  merchantId: string,
  { facts, selected }: { facts: Facts; selected: Selected },
): 'changes' | 'lacks' | 'stays' {
  if (decision !== 'attributed' || pin === null || ruleId === null || ruleVersion === null) return 'stays';
  const own = { ruleId, version: ruleVersion };
  const { rule, locked } = candidatesIn(facts.rules, pin, merchantId, facts);
  const found = [rule, locked].filter((one) => one !== null);
  if (found.length === 0) return isSelected(selected, [own]) ? 'lacks' : 'stays';
  return isSelected(selected, [own, ...found]) && found.some((one) => !isSame(one, own)) ? 'changes' : 'stays';
}

/**
 * Chooses for the lines of an order as the award does, and then the rule anew of those that keep
 * their winners. A line for which there is no rule any more keeps its own.
 */
export function chooseAnew(reRatingId: string, selected: Selected): (paid: PaidLine) => Choice {
  return (paid) => {
    const standing = keptOf(paid);
    if (standing === null) return chooseLine(paid);
    const { choice, held } = standing;
    const { subject, facts, attributionAt } = paid;
    const context = contextOf(held.pin, subject.merchantId, facts, attributionAt);
    const { promoter_id: promoterId, chain_at: chainAt } = heaviestWinner(held.pin);
    const { rule, rules, ruleAt } = chooseVersion(paid, {
      terms: termsOf(paid, held.pin.merchant_version),
      lead: { promoterId, chainAt: Date.parse(chainAt) },
      winnersWith: (named) => withNamed(held.pin, named, facts),
      context,
    });
    if (rule === null || isSame(rule, held.rule) || !isSelected(selected, [rule, held.rule])) return choice;
    return reRated({ choice, held, reRatingId, facts }, { rule, rules, ruleAt: ruleAt ?? null });
  };
}

/** Chooses what was approved for the lines of an order, and for the others as the award does. */
export function chooseApproved(reRatingId: string, lines: readonly ReRatedLine[], rules: Rules): (paid: PaidLine) => Choice {
  const approved = new Map(lines.map((line) => [line.line_id, line]));
  return (paid) => {
    const line = approved.get(paid.line.lineId);
    const standing = line === undefined ? null : keptOf(paid);
    if (line === undefined || standing === null) return chooseLine(paid);
    const rule = findRule(rules, line.rule_id, line.version);
    return reRated({ ...standing, reRatingId, facts: paid.facts }, { rule, rules: line.rules, ruleAt: line.rule_at });
  };
}

/** A line that is attributed and stays as it is pinned; null for any other. */
function keptOf(paid: PaidLine): { choice: Choice; held: Held } | null {
  const standing = paid.subject.standing.get(paid.line.lineId);
  const held = standing?.held ?? null;
  if (standing?.decision !== 'attributed' || held === null) return null;
  const choice = chooseLine(paid);
  return choice.decision === 'attributed' && choice.pin === held.pin ? { choice, held } : null;
}

function reRated(
  { choice, held, reRatingId, facts }: { choice: Choice; held: Held; reRatingId: string; facts: Facts },
  { rule, rules, ruleAt }: { rule: RuleVersion; rules: ExplainedRule[]; ruleAt: string | null },
): Choice {
  const { rule_at: _former, ...kept } = held.pin;
  const pin: Pin = {
    ...kept,
    ...(ruleAt !== null && { rule_at: ruleAt }),
    winners: withNamed(held.pin, namedAccounts(rule.plan.split), facts),
    re_rating: { re_rating_id: reRatingId, former_rule_id: held.rule.ruleId, former_version: held.rule.version },
  };
  return { ...choice, pin, rule, rules, former: held.rule };
}
