// Why an order was decided as it was, kept as data: enough to answer a promoter without computing
// anything again. What all lines share, the evidence and how it was judged, is kept once for the
// order, with its first line; a line says which judgement is its own.
import type { Evidence, EvidenceFault, Judged, LossReason, Ruling, Verdict } from '../../core/attribution.ts';
import type {
  ExplainedEvidence,
  ExplainedLine,
  ExplainedReRating,
  ExplainedRule,
  ExplainedWinner,
  ShownBoost,
} from '../../core/explanation.ts';
import { jsonAmount } from '../../core/money.ts';
import type { RuleOutcome } from '../../core/rule.ts';
import type { LineSplit } from '../../core/split.ts';
import type { Choice } from './decision.ts';
import type { Pin, PinnedBoost, PinnedPart, PinnedWinner } from './pin.ts';

/**
 * The form in which explanations are written. Format 1, without the number, kept all evidence with
 * every line.
 */
const EXPLANATION_FORMAT = 2;

export function explainRule({ ruleId, ...outcome }: RuleOutcome): ExplainedRule {
  return { rule_id: ruleId, ...outcome };
}

/**
 * How all evidence was judged for a line: the places of those that won, and by each reason the
 * places of those that lost for it.
 */
interface Judgement {
  won: string;
  lost: Partial<Record<LossReason, string>>;
}

/** What the explanations of an order's lines have in common. */
interface OrderExplanation {
  format: number;
  evidence: WrittenEvidence[];
  /** Pieces that came after those that count. */
  evidence_more: number;
  judgements: Judgement[];
}

/** A piece of evidence that is kept once for all lines: what became of it is the judgement's. */
interface WrittenEvidence extends Omit<ExplainedEvidence, 'won' | 'reason'> {
  fault?: EvidenceFault;
}

interface WrittenLine extends Omit<ExplainedLine, 'evidence'> {
  format?: number;
  judgement?: number | null;
  /** Of format 1. */
  evidence?: ExplainedEvidence[];
}

/** Collects what the lines of one order share while they are explained, one after the other. */
export class OrderExplainer {
  private readonly evidence: readonly Evidence[];
  private readonly more: number;
  private readonly places: ReadonlyMap<Evidence, number>;
  private readonly judgements: Judgement[] = [];
  private readonly byVerdict = new Map<Verdict, number>();
  private readonly byText = new Map<string, number>();

  constructor(evidence: readonly Evidence[], more: number) {
    this.evidence = evidence;
    this.more = more;
    this.places = new Map(evidence.map((one, place) => [one, place]));
  }

  /**
   * The explanation of one line as JSON text. It holds nothing that differs between two runs over
   * the same facts.
   */
  line(choice: Choice, { split, former }: { split: LineSplit; former: LineSplit | null }, attributionAt: number | null): string {
    const reRating = choice.pin?.re_rating;
    return JSON.stringify({
      format: EXPLANATION_FORMAT,
      attribution_at: attributionAt === null ? null : new Date(attributionAt).toISOString(),
      ...(choice.pin?.rule_at !== undefined && { rule_at: choice.pin.rule_at }),
      ...(reRating !== undefined && former !== null && { re_rating: explainReRating(reRating, former) }),
      reason: choice.reason,
      judgement: choice.verdict === null ? null : this.judgementOf(choice.verdict),
      winners: choice.pin?.winners.map(explainWinner) ?? [],
      rules: choice.rules,
      ...(choice.campaigns !== undefined && choice.campaigns.length > 0 && { campaigns: choice.campaigns }),
      ...(choice.pin?.boost !== undefined && { boost: explainBoost(choice.pin.boost) }),
      arithmetic: split.arithmetic,
    });
  }

  /** What the lines have in common, as JSON text; after all of them. */
  order(): string {
    const shared: OrderExplanation = {
      format: EXPLANATION_FORMAT,
      evidence: this.evidence.map(explainEvidence),
      evidence_more: this.more,
      judgements: this.judgements,
    };
    return JSON.stringify(shared);
  }

  private judgementOf(verdict: Verdict): number {
    const known = this.byVerdict.get(verdict);
    if (known !== undefined) return known;
    const judgement = explainVerdict(verdict.judged, this.places);
    const text = JSON.stringify(judgement);
    const place = this.byText.get(text) ?? this.judgements.push(judgement) - 1;
    this.byText.set(text, place);
    this.byVerdict.set(verdict, place);
    return place;
  }
}

function explainReRating({ re_rating_id, ...former }: NonNullable<Pin['re_rating']>, split: LineSplit): ExplainedReRating {
  const { former_rule_id: rule_id, former_version: version } = former;
  return {
    re_rating_id,
    former: { rule_id, version, base: jsonAmount(split.base), pool: jsonAmount(split.pool), arithmetic: split.arithmetic },
  };
}

function explainVerdict(judged: readonly Judged[], places: ReadonlyMap<Evidence, number>): Judgement {
  const won: number[] = [];
  const lost = new Map<LossReason, number[]>();
  for (const one of judged) {
    const place = places.get(one.evidence)!;
    if (one.won) won.push(place);
    else if (lost.has(one.reason!)) lost.get(one.reason!)!.push(place);
    else lost.set(one.reason!, [place]);
  }
  return { won: rangesOf(won), lost: Object.fromEntries([...lost].map(([reason, all]) => [reason, rangesOf(all)])) };
}

/** Rising places as text, as `0-4,7`. */
function rangesOf(places: readonly number[]): string {
  const ranges: string[] = [];
  for (let index = 0; index < places.length; index++) {
    const from = places[index]!;
    while (places[index + 1] === places[index]! + 1) index++;
    ranges.push(from === places[index] ? String(from) : `${from}-${places[index]}`);
  }
  return ranges.join(',');
}

function placesOf(ranges: string): number[] {
  if (ranges === '') return [];
  return ranges.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number) as [number, number?];
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

function explainEvidence(evidence: Evidence): WrittenEvidence {
  return {
    kind: evidence.kind,
    reference: evidence.reference,
    at: new Date(evidence.at).toISOString(),
    promoter_id: evidence.promoterId,
    link_code: evidence.linkCode,
    product_id: evidence.productId,
    ...(evidence.lineId !== null && { line_id: evidence.lineId }),
    ...(evidence.fault !== null && { fault: evidence.fault }),
    ...(evidence.ruling !== null && { ruling: explainRuling(evidence.ruling) }),
  };
}

function explainRuling({ lineId, decidedBy, reason }: Ruling) {
  return { line_id: lineId, decided_by: decidedBy, reason };
}

function explainWinner(winner: PinnedWinner): ExplainedWinner {
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

/** What stands of a boost, without whose parts it has. */
export function explainBoost({ campaign_id, parts }: PinnedBoost): ShownBoost {
  const sum = (read: (part: PinnedPart) => number) => parts.reduce((whole, part) => whole + read(part), 0);
  return { campaign_id, wanted: sum((part) => part.wanted), granted: sum((part) => part.granted), amount: sum((part) => part.amount) };
}

/**
 * A decision as far as it explains itself, in texts of JSON; `order_explanation` stands with the
 * first line of an order only.
 */
interface WrittenExplanation {
  line_id: string;
  explanation: string;
  order_explanation: string | null;
}

/** The explanations of some lines of one order, in whatever format they were written. */
export interface ReadExplanations {
  format: number;
  /** How many pieces of evidence came after those that count. */
  evidenceMore: number;
  lineOf: (explanation: string) => ExplainedLine;
}

/** Reads the explanations of an order by what its lines share. */
export function readExplanations(shared: string | null): ReadExplanations {
  const order = shared === null ? null : (JSON.parse(shared) as OrderExplanation);
  return {
    format: order?.format ?? 1,
    evidenceMore: order?.evidence_more ?? 0,
    lineOf: (explanation) => {
      const { format: _format, judgement, evidence, ...line } = JSON.parse(explanation) as WrittenLine;
      return { ...line, evidence: order === null ? (evidence ?? []) : judgedEvidence(order, judgement ?? null) };
    },
  };
}

/** What the lines of an order share, which stands with one of them. */
export function sharedOf(lines: readonly WrittenExplanation[]): string | null {
  return lines.find((line) => line.order_explanation !== null)?.order_explanation ?? null;
}

function judgedEvidence({ evidence, judgements }: OrderExplanation, judgement: number | null): ExplainedEvidence[] {
  if (judgement === null) return [];
  const { won, lost } = judgements[judgement]!;
  const outcomes = new Map<number, Pick<ExplainedEvidence, 'won' | 'reason'>>();
  for (const place of placesOf(won)) outcomes.set(place, { won: true, reason: null });
  for (const [reason, places] of Object.entries(lost) as [LossReason, string][]) {
    for (const place of placesOf(places)) outcomes.set(place, { won: false, reason });
  }
  return [...outcomes]
    .toSorted(([a], [b]) => a - b)
    .map(([place, outcome]) => {
      const { fault: _fault, ...piece } = evidence[place]!;
      return { ...piece, ...outcome };
    });
}
