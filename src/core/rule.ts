// Which rule applies: an index over all rule versions that answers by scope and time, and the
// reasons why every other rule lost.

import type { Plan, RuleScope } from './plan.ts';

/**
 * One immutable version of a rule, in force in [effectiveFrom, effectiveTo) until a higher version
 * takes over.
 */
export interface RuleVersion {
  ruleId: string;
  version: number;
  name: string;
  scope: RuleScope;
  priority: number;
  effectiveFrom: Date;
  effectiveTo: Date | null;
  plan: Plan;
  /** The offer of its merchant that has published it; absent of a rule that stands by itself. */
  offerId?: string;
}

/**
 * What is known of a line when its rule is looked for; null is not known, and matches no scope that
 * asks for it.
 */
export interface RuleContext {
  merchantId: string | null;
  productId: string | null;
  promoterId: string | null;
  category: string | null;
  tier: string | null;
  agencyId: string | null;
  campaignId: string | null;
}

export interface RuleOutcome {
  ruleId: string;
  version: number;
  name: string;
  weight: number;
  priority: number;
  outcome: 'won' | 'lost';
  reason: string;
}

/**
 * A version with its real time in force, [from, until) in epoch milliseconds: empty when a higher
 * version took over before it began.
 */
export interface Period {
  rule: RuleVersion;
  from: number;
  until: number;
}

/** Build it with `ruleBook`; read it with `candidatesFor` and `explainRules`. */
export interface RuleBook {
  /** Every version, by rule id, the highest version first. */
  readonly periods: readonly Period[];
  /**
   * The scope weights that occur, heaviest first. A weight is a set of scope keys, because its
   * summands are powers of two.
   */
  readonly weights: readonly number[];
  /** The periods of each scope, the best first. */
  readonly byScope: ReadonlyMap<string, readonly Period[]>;
}

// Heaviest first. The order is part of `scopeKey`.
const SCOPE_KEYS: readonly [scopeKey: keyof RuleScope, contextKey: keyof RuleContext, weight: number][] = [
  ['campaign_id', 'campaignId', 64],
  ['product_id', 'productId', 32],
  ['promoter_id', 'promoterId', 16],
  ['category', 'category', 8],
  ['tier', 'tier', 4],
  ['agency_id', 'agencyId', 2],
  ['merchant_id', 'merchantId', 1],
];

/** The sum of the weights of the keys that a scope states. */
export function scopeWeight(scope: RuleScope): number {
  let weight = 0;
  for (const [key, , keyWeight] of SCOPE_KEYS) if (scope[key] !== undefined) weight += keyWeight;
  return weight;
}

/** One text per scope: two scopes are the same exactly when their texts are. */
export function scopeKey(scope: RuleScope): string {
  let text = '';
  for (const [key] of SCOPE_KEYS) {
    const value = scope[key];
    if (value !== undefined) text += scopeKeyPart(key, value);
  }
  return text;
}

// Quoted as JSON, so that no value can imitate another key.
function scopeKeyPart(key: string, value: string): string {
  return `${key}=${JSON.stringify(value)} `;
}

/** Indexes all versions of all rules. */
export function ruleBook(versions: readonly RuleVersion[]): RuleBook {
  const periods = periodsOf(versions);
  const byScope = new Map<string, Period[]>();
  const weights = new Set<number>();
  for (const period of periods) {
    if (period.from >= period.until) continue;
    const key = scopeKey(period.rule.scope);
    const bucket = byScope.get(key);
    if (bucket === undefined) byScope.set(key, [period]);
    else bucket.push(period);
    weights.add(scopeWeight(period.rule.scope));
  }
  for (const bucket of byScope.values()) bucket.sort(comparePeriods);
  return { periods, weights: [...weights].toSorted((a, b) => b - a), byScope };
}

/**
 * When each version is in force: from its `effectiveFrom` a higher version takes over from all
 * lower ones, for good.
 */
function periodsOf(versions: readonly RuleVersion[]): Period[] {
  const ordered = versions.toSorted((a, b) => compareText(a.ruleId, b.ruleId) || b.version - a.version);
  let ruleId: string | undefined;
  let takenOver = Infinity;
  return ordered.map((rule) => {
    if (rule.ruleId !== ruleId) takenOver = Infinity;
    ruleId = rule.ruleId;
    const from = rule.effectiveFrom.getTime();
    const period = { rule, from, until: Math.min(endOf(rule), takenOver) };
    takenOver = Math.min(takenOver, from);
    return period;
  });
}

function endOf(rule: RuleVersion): number {
  return rule.effectiveTo === null ? Infinity : rule.effectiveTo.getTime();
}

/**
 * Within one scope: the higher priority, then the later start. Equal ones cannot be published; the
 * rule id keeps even them in one order.
 */
function comparePeriods(a: Period, b: Period): number {
  return b.rule.priority - a.rule.priority || b.from - a.from || compareText(a.rule.ruleId, b.rule.ruleId);
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/**
 * Every rule version that matches the context and is in force at `at`, the one that applies first.
 * One lookup for each set of scope keys that occurs in the book, however many rules there are.
 */
export function candidatesFor(book: RuleBook, context: RuleContext, at: Date): RuleVersion[] {
  const time = at.getTime();
  const candidates: RuleVersion[] = [];
  for (const bucket of bucketsFor(book, context)) {
    for (const period of bucket) if (period.from <= time && time < period.until) candidates.push(period.rule);
  }
  return candidates;
}

/**
 * When every version that matches the context is in force, whenever that is: of those that are in
 * force at one time the first one applies.
 */
export function periodsFor(book: RuleBook, context: RuleContext): Period[] {
  return bucketsFor(book, context).flat();
}

/** The periods of every scope that matches the context, the heaviest scope first. */
function bucketsFor(book: RuleBook, context: RuleContext): (readonly Period[])[] {
  const parts = SCOPE_KEYS.map(([key, contextKey]) => {
    const value = context[contextKey];
    return value === null ? null : scopeKeyPart(key, value);
  });
  const buckets: (readonly Period[])[] = [];
  for (const weight of book.weights) {
    const key = keyForWeight(weight, parts);
    const bucket = key === null ? undefined : book.byScope.get(key);
    if (bucket !== undefined) buckets.push(bucket);
  }
  return buckets;
}

/**
 * A line of which nothing is known but what a scope asks for: no other line that the scope matches
 * has fewer rules to choose from.
 */
export function contextOfScope(scope: RuleScope): RuleContext {
  const context: RuleContext = { ...NOTHING_KNOWN };
  for (const [key, contextKey] of SCOPE_KEYS) context[contextKey] = scope[key] ?? null;
  return context;
}

const NOTHING_KNOWN: RuleContext = {
  merchantId: null,
  productId: null,
  promoterId: null,
  category: null,
  tier: null,
  agencyId: null,
  campaignId: null,
};

/** The scope of what both match; null when no line is matched by both. */
export function commonScope(a: RuleScope, b: RuleScope): RuleScope | null {
  const agree = SCOPE_KEYS.every(([key]) => a[key] === undefined || b[key] === undefined || a[key] === b[key]);
  return agree ? { ...a, ...b } : null;
}

/**
 * The scope text of the keys that `weight` stands for, or null when the context does not know one
 * of them.
 */
function keyForWeight(weight: number, parts: readonly (string | null)[]): string | null {
  let text = '';
  for (const [index, [, , keyWeight]] of SCOPE_KEYS.entries()) {
    if ((weight & keyWeight) === 0) continue;
    const part = parts[index];
    if (part === null || part === undefined) return null;
    text += part;
  }
  return text;
}

/**
 * Says of matching rules, as `candidatesFor` ranked them, which won and why, and why the others
 * lost.
 */
export function rankOutcomes(candidates: readonly RuleVersion[]): RuleOutcome[] {
  const [winner, second] = candidates;
  return candidates.map((rule) => {
    if (rule !== winner) return outcomeOf(rule, 'lost', reasonToLose(rule, winner!));
    return outcomeOf(rule, 'won', second === undefined ? 'only_match' : reasonToWin(rule, second));
  });
}

/**
 * Every rule version of the book with its outcome and the reason: first those that matched, the
 * best first, then the rest by rule.
 */
export function explainRules(book: RuleBook, context: RuleContext, at: Date): RuleOutcome[] {
  const candidates = candidatesFor(book, context, at);
  const outcomes = rankOutcomes(candidates);
  const matched = new Set(candidates);
  for (const period of book.periods) {
    if (!matched.has(period.rule)) outcomes.push(outcomeOf(period.rule, 'lost', reasonToMiss(period, context, at)));
  }
  return outcomes;
}

/**
 * The rules that match the context and were not in force at that time, at most `most` of them, by
 * rule.
 */
export function untimelyRules(book: RuleBook, context: RuleContext, at: Date, most: number): RuleOutcome[] {
  const outcomes: RuleOutcome[] = [];
  for (const period of book.periods) {
    if (outcomes.length === most) break;
    const reason = reasonToMiss(period, context, at);
    if (reason === NOT_IN_FORCE) outcomes.push(outcomeOf(period.rule, 'lost', reason));
  }
  return outcomes;
}

function outcomeOf(rule: RuleVersion, outcome: 'won' | 'lost', reason: string): RuleOutcome {
  const { ruleId, version, name, scope, priority } = rule;
  return { ruleId, version, name, weight: scopeWeight(scope), priority, outcome, reason };
}

function reasonToWin(winner: RuleVersion, second: RuleVersion): string {
  if (scopeWeight(winner.scope) !== scopeWeight(second.scope)) return 'higher_weight';
  if (winner.priority !== second.priority) return 'higher_priority';
  return winner.effectiveFrom.getTime() === second.effectiveFrom.getTime() ? 'lower_rule_id' : 'later_effective_from';
}

function reasonToLose(rule: RuleVersion, winner: RuleVersion): string {
  if (scopeWeight(rule.scope) !== scopeWeight(winner.scope)) return 'lower_weight';
  if (rule.priority !== winner.priority) return 'lower_priority';
  return rule.effectiveFrom.getTime() === winner.effectiveFrom.getTime() ? 'higher_rule_id' : 'earlier_effective_from';
}

/** Why a rule that matches does not count for an order of another time. */
export const NOT_IN_FORCE = 'not_in_force';

function reasonToMiss(period: Period, context: RuleContext, at: Date): string {
  const { scope } = period.rule;
  const mismatch = SCOPE_KEYS.find(([key, contextKey]) => scope[key] !== undefined && scope[key] !== context[contextKey]);
  if (mismatch !== undefined) return `scope_mismatch: ${mismatch[0]}`;
  const time = at.getTime();
  return period.from <= time && time < endOf(period.rule) ? 'superseded_version' : NOT_IN_FORCE;
}

/**
 * Whether two versions of different rules may not both be published: same scope, same priority,
 * overlapping [from, to).
 */
export function rulesOverlap(a: RuleVersion, b: RuleVersion): boolean {
  return (
    a.ruleId !== b.ruleId &&
    a.priority === b.priority &&
    a.effectiveFrom.getTime() < endOf(b) &&
    b.effectiveFrom.getTime() < endOf(a) &&
    scopeKey(a.scope) === scopeKey(b.scope)
  );
}

/**
 * The published versions that forbid `candidate`. A version that a higher one of its rule has taken
 * over forbids nothing from then on.
 */
export function conflictsOf(candidate: RuleVersion, published: readonly RuleVersion[]): RuleVersion[] {
  const from = candidate.effectiveFrom.getTime();
  return periodsOf(published)
    .filter((period) => rulesOverlap(candidate, period.rule) && from < period.until && period.from < period.until)
    .map((period) => period.rule);
}
