// One order under the changes, beside what is booked for it. Pure: the award's own functions decide
// and split it.

import type { ExplainedStep } from '../../core/explanation.ts';
import { viewOrder } from '../../core/order.ts';
import { settleOrder, type SettledLine, type Subject } from '../award/decide.ts';
import type { LineDecisionKind, StandingLine } from '../award/decision.ts';
import { heaviestWinner } from '../award/pin.ts';
import type { Facts } from '../facts/facts.ts';
import { findRule, type Rules } from '../rules/rule-cache.ts';
import type { KnownOrder } from '../../orders/order-store.ts';
import type { BookedShare, RecordedHead, RecordedLine } from './recorded-store.ts';
import { changedFacts, isRuledOtherwise, rehearsedChoice, type Rehearsed } from './rehearsed-choice.ts';

/** An order as it was recorded. */
export interface RecordedOrder {
  head: RecordedHead;
  lines: readonly RecordedLine[];
  booked: readonly BookedShare[];
}

/** Whether the changes make a difference to the rule of a line of the order. */
export function isTouched({ head, lines }: RecordedOrder, facts: Facts, rehearsed: Rehearsed): boolean {
  return lines.some(
    ({ decision, pin }) => decision === 'attributed' && pin !== null && isRuledOtherwise(pin, head.merchantId, facts, rehearsed),
  );
}

const NO_EVIDENCE: Subject['evidence'] = { all: [], more: 0, ownKinds: new Map() };

/** An order as it is settled under the changes: attribution is as it was recorded. */
export function recordedSubject({ head, lines }: RecordedOrder, known: KnownOrder, currency: string, rules: Rules): Subject {
  const standing = new Map(
    lines.map(({ lineId, decision, pin, ruleId, ruleVersion }): [string, StandingLine] => {
      const held = pin === null ? null : { pin, rule: findRule(rules, ruleId!, ruleVersion!), rules: [] };
      return [lineId, { decision, held }];
    }),
  );
  return {
    merchantId: head.merchantId,
    order: viewOrder(known.merged),
    currency,
    yields: null,
    isTooLarge: false,
    evidence: NO_EVIDENCE,
    standing,
    isReleased: () => false,
    isPastCutoff: false,
  };
}

/** Every line of the order under the changes. */
export function settleChanged(subject: Subject, facts: Facts, rehearsed: Rehearsed): SettledLine[] {
  return settleOrder(subject, changedFacts(facts, rehearsed), rehearsedChoice(facts, rehearsed));
}

/** Whether a line was decided otherwise than it was recorded. */
export function isDecidedOtherwise(settled: readonly SettledLine[], lines: readonly RecordedLine[]): boolean {
  const recorded = new Map(lines.map((line) => [line.lineId, line]));
  return settled.some(({ line: { lineId }, choice: { decision, rule, pin } }) => {
    const was = recorded.get(lineId);
    if (was === undefined || was.decision !== decision) return true;
    if (decision !== 'attributed') return false;
    return was.ruleId !== rule!.ruleId || was.ruleVersion !== rule!.version || was.pin !== pin;
  });
}

/** What everybody would have of the order. */
export function sharesOf(settled: readonly SettledLine[]): BookedShare[] {
  return settled.flatMap(({ line: { lineId }, split }) => split.shares.map((share) => ({ lineId, ...share })));
}

export interface Comparison {
  before: bigint;
  after: bigint;
  /** By how much the shares of all who earn on it differ, more or less, in all. */
  moved: bigint;
}

/** Compares what parties have as what they have it with what they would have. */
export function compareShares(before: readonly BookedShare[], after: readonly BookedShare[]): Comparison {
  const differences = new Map<string, bigint>();
  const add = (share: BookedShare, amount: bigint): void => {
    const key = `${share.role}\n${share.promoterId ?? ''}`;
    differences.set(key, (differences.get(key) ?? 0n) + amount);
  };
  const sums = { before: 0n, after: 0n };
  for (const share of before) {
    add(share, -share.amount);
    sums.before += share.amount;
  }
  for (const share of after) {
    add(share, share.amount);
    sums.after += share.amount;
  }
  let moved = 0n;
  for (const amount of differences.values()) moved += amount < 0n ? -amount : amount;
  return { ...sums, moved };
}

/** A line as it is told of the orders that change most; amounts as digits. */
export interface RehearsedLine {
  decision: LineDecisionKind;
  rule_id: string | null;
  rule_version: number | null;
  promoter_id: string | null;
  commission: string;
  arithmetic: ExplainedStep[];
}

/** A settled line as it is told. */
export function tellSettled({ choice, split }: SettledLine): RehearsedLine {
  return {
    decision: choice.decision,
    rule_id: choice.rule?.ruleId ?? null,
    rule_version: choice.rule?.version ?? null,
    promoter_id: choice.pin === null ? null : heaviestWinner(choice.pin).promoter_id,
    commission: String(split.shares.reduce((sum, { amount }) => sum + amount, 0n)),
    arithmetic: split.arithmetic,
  };
}
