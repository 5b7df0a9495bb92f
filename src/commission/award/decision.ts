// What is decided of a line, and what a new decision must respect of the one that stands.
import type { Evidence, Verdict } from '../../core/attribution.ts';
import type { RuleVersion } from '../../core/rule.ts';
import type { LineSplit } from '../../core/split.ts';
import type { Pin } from './pin.ts';
import type { ExplainedCampaign, ExplainedRule } from '../../core/explanation.ts';

export const DECISION_KINDS = [
  'attributed',
  'unattributed',
  'no_rule',
  'not_commissionable',
  'duplicate_order',
  'parent_earns',
  'void',
  'pending',
] as const;

export type LineDecisionKind = (typeof DECISION_KINDS)[number];

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
  /** What the explanations of all lines share; with the first line only. */
  orderExplanation: string | null;
}

/**
 * The decision of a line that stands from an earlier award, as far as a new one must respect it.
 */
export interface StandingLine {
  decision: LineDecisionKind;
  /**
   * What an attributed line holds on to: its winners, its rule, and the rules and campaigns as they
   * were considered then.
   */
  held: HeldDecision | null;
}

interface HeldDecision {
  pin: Pin;
  rule: RuleVersion;
  rules: ExplainedRule[];
  campaigns?: ExplainedCampaign[];
  /** The rule before a re-rating chose this one. */
  former?: RuleVersion;
}

/** What is decided of a line before any amount is reckoned. */
export interface Choice {
  decision: LineDecisionKind;
  reason: string | null;
  verdict: Verdict | null;
  pin: Pin | null;
  rule: RuleVersion | null;
  rules: ExplainedRule[];
  /** The rule before a re-rating chose this one. */
  former?: RuleVersion;
  /** Absent where the merchant had none. */
  campaigns?: ExplainedCampaign[];
}
