// The arithmetic of commission, whole and pure: what the lines of an order keep after refunds,
// their pools, and who gets what of them.

import { allocate, jsonAmount, partOf, proportionOf } from './money.ts';
import type { Ppm } from './money.ts';
import type { Plan } from './plan.ts';
import type { Bar, ExplainedStep } from './explanation.ts';
import type { Parties, Share } from './party.ts';
import { payTree } from './tree.ts';

export interface Winner {
  promoterId: string;
  /** A part of the sum of all winners' weights. */
  weight: bigint;
  /** The same for people to read. */
  weightPpm: Ppm;
  parties: Parties;
}

export interface SplitLine {
  lineId: string;
  paidAmount: bigint;
  /** 0: the line was removed, nothing is paid for it any more. */
  quantity: number;
  platformCommission: bigint | null;
  /** Null when nothing is earned on the line; so is it when there are no winners. */
  rule: { ruleId: string; version: number; plan: Plan } | null;
  /** The earlier click first. */
  winners: readonly Winner[];
  /** Why nothing is earned on it, because its order as a whole cannot earn. */
  barred: Bar | null;
}

/** A refund that succeeded; `lineId` null is of the whole order. */
export interface Refund {
  lineId: string | null;
  amount: bigint;
}

export interface SplitOrder {
  currency: string;
  /**
   * All lines of the order, in any order, also those that earn nothing: refunds of the whole order
   * fall on them too.
   */
  lines: readonly SplitLine[];
  refunds: readonly Refund[];
}

export interface LineSplit {
  lineId: string;
  paidAmount: bigint;
  refundedAmount: bigint;
  base: bigint;
  pool: bigint;
  /** In the order of the tree, winner by winner; a promoter with several roles has several rows. */
  shares: Share[];
  arithmetic: ExplainedStep[];
}

/** A line on its way: everything of `LineSplit` but the shares. */
interface Pooled {
  line: SplitLine;
  plan: Plan | null;
  refundedAmount: bigint;
  base: bigint;
  pool: bigint;
  arithmetic: ExplainedStep[];
}

/**
 * Splits an order: one result per line, in the order of `lines`. All amounts are minor units of the
 * order's currency, none negative.
 */
export function splitOrder(order: SplitOrder): LineSplit[] {
  const refunded = refundedAmounts(order);
  const pooled = order.lines.map((line, index) => poolOf(line, refunded[index]!, order));
  capPerOrder(pooled, order.currency);
  return pooled.map(splitPool);
}

const DIGITS = /^\d+$/;

/**
 * The order of lines, which breaks ties between them: ids of digits by their number, however long,
 * then all others as text. Ids of digits come first as a whole, because comparing "10", "1a" and
 * "2" pair by pair would go round in a circle.
 */
export function compareLineIds(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [DIGITS.test(a), DIGITS.test(b)];
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1;
  if (aIsNumber) {
    const [x, y] = [BigInt(a), BigInt(b)];
    if (x !== y) return x < y ? -1 : 1;
  }
  return a === b ? 0 : a < b ? -1 : 1;
}

/**
 * The refunded amount of every line: its own refunds, and its part of those that name no line,
 * which are taken together and spread over what the lines still have left. What exceeds that falls
 * on nobody, and so does a refund of a line that the order does not have.
 */
function refundedAmounts({ lines, refunds }: SplitOrder): bigint[] {
  if (refunds.length === 0) return lines.map(() => 0n);
  const byLine = new Map<string, bigint>();
  let ofOrder = 0n;
  for (const { lineId, amount } of refunds) {
    if (lineId === null) ofOrder += amount;
    else byLine.set(lineId, (byLine.get(lineId) ?? 0n) + amount);
  }
  const refunded = lines.map((line) => byLine.get(line.lineId) ?? 0n);
  if (ofOrder === 0n) return refunded;
  const ranked = inLineOrder(lines.map((line, index) => ({ line, index })));
  const left = ranked.map(({ line, index }) => keptOf(line, refunded[index]!));
  const leftInAll = sumOf(left);
  const spread = allocate(ofOrder < leftInAll ? ofOrder : leftInAll, left);
  for (const [position, { index }] of ranked.entries()) refunded[index]! += spread[position]!;
  return refunded;
}

function inLineOrder<T extends { line: SplitLine }>(items: T[]): T[] {
  return items.length < 2 ? items : items.toSorted((a, b) => compareLineIds(a.line.lineId, b.line.lineId));
}

function keptOf(line: SplitLine, refunded: bigint): bigint {
  return line.quantity === 0 || refunded > line.paidAmount ? 0n : line.paidAmount - refunded;
}

function poolOf(line: SplitLine, refundedAmount: bigint, { currency }: SplitOrder): Pooled {
  const { barred } = line;
  // A bar other than `void` is called `withheld` in what is stored; see `explainedStep`.
  const plan = line.winners.length === 0 || line.rule === null ? null : line.rule.plan;
  const base = baseOf(line, plan, barred === null ? keptOf(line, refundedAmount) : 0n);
  const arithmetic: ExplainedStep[] = [
    {
      step: 'base',
      paid: jsonAmount(line.paidAmount),
      refunded: jsonAmount(refundedAmount),
      ...(plan?.base === 'platform_commission' && {
        platform_commission: line.platformCommission === null ? null : jsonAmount(line.platformCommission),
      }),
      ...(barred === 'void' ? { void: true } : barred !== null && { withheld: barred }),
      ...(line.quantity === 0 && { removed: true }),
      base: jsonAmount(base),
    },
  ];
  if (plan === null) return { line, plan, refundedAmount, base, pool: 0n, arithmetic };
  const sameCurrency = plan.currency === currency;
  const rated = partOf(base, plan.rate_ppm);
  const fixed = sameCurrency && base > 0n ? BigInt(plan.fixed_per_unit) * BigInt(line.quantity) : 0n;
  const cap = sameCurrency && plan.cap_per_line !== null ? BigInt(plan.cap_per_line) : base;
  const limit = cap < base ? cap : base;
  const isLimited = rated + fixed > limit;
  const pool = isLimited ? limit : rated + fixed;
  arithmetic.push({
    step: 'pool',
    rate_ppm: plan.rate_ppm,
    rated: jsonAmount(rated),
    fixed: jsonAmount(fixed),
    limited_by: isLimited ? (cap < base ? 'cap_per_line' : 'base') : null,
    pool: jsonAmount(pool),
  });
  return { line, plan, refundedAmount, base, pool, arithmetic };
}

/**
 * What a rule's rate applies to, given what is kept of the paid amount. Of the platform's
 * commission it is the same proportion; where nothing was paid there is nothing to be in proportion
 * to, and it is 0.
 */
function baseOf(line: SplitLine, plan: Plan | null, kept: bigint): bigint {
  if (plan?.base !== 'platform_commission') return kept;
  return proportionOf(line.platformCommission ?? 0n, kept, line.paidAmount);
}

/** Scales the pools of the lines that one rule version won down to its cap per order. */
function capPerOrder(pooled: Pooled[], currency: string): void {
  const capped = pooled.filter(({ plan }) => plan !== null && plan.cap_per_order !== null && plan.currency === currency);
  const byRule = new Map<string, Pooled[]>();
  for (const entry of inLineOrder(capped)) {
    const key = `${entry.line.rule!.version} ${entry.line.rule!.ruleId}`;
    const group = byRule.get(key);
    if (group === undefined) byRule.set(key, [entry]);
    else group.push(entry);
  }
  for (const group of byRule.values()) {
    const cap = BigInt(group[0]!.plan!.cap_per_order!);
    const pools = group.map(({ pool }) => pool);
    const sum = sumOf(pools);
    if (sum <= cap) continue;
    for (const [index, pool] of allocate(cap, pools).entries()) {
      group[index]!.pool = pool;
      group[index]!.arithmetic.push({ step: 'cap_per_order', cap: jsonAmount(cap), pools: jsonAmount(sum), pool: jsonAmount(pool) });
    }
  }
}

function sumOf(amounts: readonly bigint[]): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
}

/** Divides the pool between the winners and runs the tree once for each, on its part. */
function splitPool({ line, plan, refundedAmount, base, pool, arithmetic }: Pooled): LineSplit {
  const { lineId, paidAmount, winners } = line;
  const shares: Share[] = [];
  if (plan !== null && pool > 0n) {
    const weights = winners.map(({ weight }) => weight);
    const parts = winners.length === 1 ? [pool] : allocate(pool, weights);
    let charged = 0n;
    for (const [index, { promoterId, weightPpm, parties }] of winners.entries()) {
      const part = parts[index]!;
      if (winners.length > 1) {
        arithmetic.push({ step: 'winner', promoter_id: promoterId, weight_ppm: weightPpm, part: jsonAmount(part) });
      }
      if (part > 0n) charged += payTree(plan.split, part, { parties, shares, arithmetic });
    }
    if (charged < pool) arithmetic.push({ step: 'uncharged', amount: jsonAmount(pool - charged) });
  }
  return { lineId, paidAmount, refundedAmount, base, pool, shares: shares.filter(({ amount }) => amount > 0n), arithmetic };
}
