// Why a line was decided as it was, kept as data: enough to answer a promoter without computing anything again.
import type { Judged, Ruling } from '../core/attribution.ts';
import type { RuleOutcome } from '../core/rule.ts';
import type { LineSplit } from '../core/split.ts';
import type { Choice } from './decide.ts';
import type { PinnedWinner } from './pin.ts';

/** A rule that matched the line, and why it won or lost; part of the stored explanation. */
export interface ExplainedRule extends Omit<RuleOutcome, 'ruleId'> {
  rule_id: string;
}

export function explainRule({ ruleId, ...outcome }: RuleOutcome): ExplainedRule {
  return { rule_id: ruleId, ...outcome };
}

/** The explanation of a line, as it is read back. */
export interface ExplainedLine {
  attribution_at: string | null;
  reason: string | null;
  evidence: Record<string, unknown>[];
  winners: Record<string, unknown>[];
  rules: Record<string, unknown>[];
  arithmetic: Record<string, unknown>[];
}

/** The explanation of one line as JSON text. It holds nothing that differs between two runs over the same facts. */
export function explainLine(choice: Choice, split: LineSplit, attributionAt: number | null): string {
  return JSON.stringify({
    attribution_at: attributionAt === null ? null : new Date(attributionAt).toISOString(),
    reason: choice.reason,
    evidence: choice.verdict?.judged.map(explainEvidence) ?? [],
    winners: choice.pin?.winners.map(explainWinner) ?? [],
    rules: choice.rules,
    arithmetic: split.arithmetic,
  });
}

function explainEvidence({ evidence, won, reason }: Judged) {
  return {
    kind: evidence.kind,
    reference: evidence.reference,
    at: new Date(evidence.at).toISOString(),
    promoter_id: evidence.promoterId,
    link_code: evidence.linkCode,
    product_id: evidence.productId,
    won,
    reason,
    ...(evidence.ruling !== null && { ruling: explainRuling(evidence.ruling) }),
  };
}

function explainRuling({ lineId, decidedBy, reason }: Ruling) {
  return { line_id: lineId, decided_by: decidedBy, reason };
}

function explainWinner(winner: PinnedWinner) {
  return {
    promoter_id: winner.promoter_id,
    weight_ppm: winner.weight_ppm,
    chain: winner.chain,
    chain_at: winner.chain_at,
    agency_id: winner.agency_id,
    talent_id: winner.talent_id,
    talent_agency_id: winner.talent_agency_id,
    absent: winner.absent,
  };
}
