// What a re-rating would book for one order: its differences in all and to whom, what of them is
// taken from money that was released, and the digest by which the execution books just that. Pure.

import { createHash } from 'node:crypto';

import type { ExplainedStep, ExplainedReRating, ExplainedRule } from '../../core/explanation.ts';
import type { DecidedOrder } from '../award/award.ts';
import type { LineDecision } from '../award/decision.ts';
import type { DueOrder } from '../award/standing-award.ts';
import { compareShares, type Comparison, type RehearsedLine } from '../simulations/simulated-order.ts';
import type { BookedShare } from '../simulations/recorded-store.ts';
import type { ReRatedLine } from './re-rated-choice.ts';

/** An order that a re-rating pays by another rule, as it is written down. */
export interface ReRatedOrder extends Comparison {
  orderKey: bigint;
  /** The award that was looked at. */
  revision: number;
  /** Some promoter gets less of it. */
  lowers: boolean;
  lines: ReRatedLine[];
  /** SHA-256 of what is to be booked, and by which rules. */
  digest: Buffer;
}

/** What an order moves for one promoter, or for the platform (null). */
export interface PartySum {
  merchantId: string;
  promoterId: string | null;
  before: bigint;
  after: bigint;
  /** By how much it moves what is available. */
  available: bigint;
}

/** Whether a hold of the order has ended, so that its next award comes without being asked for. */
export const isMatured = ({ award }: DueOrder, now: Date): boolean => {
  const releasesAt = award?.header.releasesAt ?? null;
  return releasesAt !== null && releasesAt <= now;
};

/** The order as it would be written; null where no line of it gets another rule. */
export function reRatedOrder(reRatingId: string, decided: DecidedOrder): ReRatedOrder | null {
  const lines = linesOf(reRatingId, decided.result.lines);
  if (lines.length === 0) return null;
  const { due } = decided;
  const comparison = compareShares(standingShares(decided), awardedShares(decided));
  const lowers = partySums(decided).some(({ promoterId, before, after }) => promoterId !== null && after < before);
  const digest = digestOf(reRatingId, decided);
  return { orderKey: due.orderKey, revision: due.award!.header.revision, ...comparison, lowers, lines, digest };
}

/** The explanation of a re-rated line, as far as it is read here. */
interface OwnExplanation {
  rules: ExplainedRule[];
  re_rating: ExplainedReRating;
  arithmetic: ExplainedStep[];
}

const ownLines = (reRatingId: string, lines: readonly LineDecision[]): LineDecision[] =>
  lines.filter(({ pin }) => pin?.re_rating?.re_rating_id === reRatingId);

const explanationOf = ({ explanation }: LineDecision) => JSON.parse(explanation) as OwnExplanation;

function linesOf(reRatingId: string, lines: readonly LineDecision[]): ReRatedLine[] {
  return ownLines(reRatingId, lines).map((line) => {
    const { former_rule_id, former_version } = line.pin!.re_rating!;
    const chosen = { rule_id: line.rule!.ruleId, version: line.rule!.version, rule_at: line.pin!.rule_at ?? null };
    return { line_id: line.lineId, former_rule_id, former_version, ...chosen, rules: explanationOf(line).rules };
  });
}

/**
 * SHA-256 of the transfers that would be booked, and of the rules of the lines that get others. The
 * same before and after the approval, or it is not what was approved.
 */
export function digestOf(reRatingId: string, { result }: DecidedOrder): Buffer {
  const hash = createHash('sha256');
  for (const line of ownLines(reRatingId, result.lines)) {
    hash.update(JSON.stringify([line.lineId, line.rule!.ruleId, line.rule!.version, line.pin!.rule_at ?? null]));
  }
  for (const { kind, lineId, role, level, promoterId, currency, from, to, amount } of result.transfers) {
    hash.update(JSON.stringify([kind, lineId, role, level, promoterId, currency, from, to, String(amount)]));
  }
  return hash.digest();
}

function standingShares({ due }: DecidedOrder): BookedShare[] {
  return due.award!.lines.flatMap(({ line_id: lineId, shares }) =>
    shares.map(({ role, level, promoter_id: promoterId, amount }) => ({ lineId, role, level, promoterId, amount: BigInt(amount) })),
  );
}

/** What everybody would have of the order. */
export const awardedShares = ({ result }: DecidedOrder): BookedShare[] =>
  result.lines.flatMap(({ lineId, split }) => split.shares.map((share) => ({ lineId, ...share })));

/** What the order moves, by whom it is for. */
export function partySums(decided: DecidedOrder): PartySum[] {
  const sums = new Map<string | null, PartySum>();
  const sumOf = (promoterId: string | null): PartySum => {
    const known = sums.get(promoterId) ?? { merchantId: decided.due.merchantId, promoterId, before: 0n, after: 0n, available: 0n };
    sums.set(promoterId, known);
    return known;
  };
  for (const { promoterId, amount } of standingShares(decided)) sumOf(promoterId).before += amount;
  for (const { promoterId, amount } of awardedShares(decided)) sumOf(promoterId).after += amount;
  for (const { promoterId, from, to, amount } of decided.result.transfers) {
    if (from === 'available') sumOf(promoterId).available -= amount;
    if (to === 'available') sumOf(promoterId).available += amount;
  }
  return [...sums.values()];
}

/** A re-rated line with its reckoning before and after. */
export interface ToldReRatedLine {
  line_id: string;
  before: RehearsedLine;
  after: RehearsedLine;
}

/** The re-rated lines of an order, each with both reckonings. */
export function tellLines(reRatingId: string, { due, result }: DecidedOrder): ToldReRatedLine[] {
  const standing = new Map(due.award!.lines.map((line) => [line.line_id, line]));
  return ownLines(reRatingId, result.lines).map((line) => {
    const { re_rating: own, arithmetic } = explanationOf(line);
    const before = standing.get(line.lineId)!;
    const winner = { decision: line.decision, promoter_id: line.promoterId };
    return {
      line_id: line.lineId,
      before: {
        ...winner,
        rule_id: own.former.rule_id,
        rule_version: own.former.version,
        commission: String(before.shares.reduce((sum, { amount }) => sum + BigInt(amount), 0n)),
        arithmetic: own.former.arithmetic,
      },
      after: {
        ...winner,
        rule_id: line.rule!.ruleId,
        rule_version: line.rule!.version,
        commission: String(line.split.shares.reduce((sum, { amount }) => sum + amount, 0n)),
        arithmetic,
      },
    };
  });
}
