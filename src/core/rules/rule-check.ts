// What is to be said of a rule before it is published: no faults, but what its author may not have
// meant.

import { partOf } from '../money.ts';
import type { RuleScope } from '../plan.ts';
import { changeOf, loweringsOf, type BookChange, type Lowering } from './rule-change.ts';
import { candidatesFor, commonScope, contextOfScope, ruleBook, scopeKey, scopeWeight, type Period, type RuleVersion } from '../rule.ts';

export const WARNING_CODES = [
  'shadowed_by',
  'shadows',
  'unreachable',
  'gap_in_time',
  'overlaps',
  'no_cap_on_open_scope',
  'products_without_rule',
  'never_released_base',
  'lowers_rate',
  'pays_above_base',
] as const;

/** What may not have been meant, and where in the rule it stands. */
export interface RuleWarning {
  code: (typeof WARNING_CODES)[number];
  path: string;
  message: string;
  /** The other rule that it is about. */
  ruleId?: string;
}

/** A product that earns, as it is now. */
export interface CheckedProduct {
  merchantId: string;
  productId: string;
  category: string | null;
  /** Minor units of `currency`; null where nobody has said it. */
  price: bigint | null;
  currency: string;
}

/** What is known of the world that a rule is for. */
export interface CheckedWorld {
  /** Those of the merchant that the rule names, or the one that it names itself. */
  products: readonly CheckedProduct[];
  /** The keys of the scope that no line can match, and why. */
  impossible: readonly { key: keyof RuleScope; message: string }[];
  /** Whether a source of the merchant tells what its platform has settled. */
  isSettled: boolean;
}

/** A rule that is looked at, beside all that are published. */
interface CheckedRule {
  rule: RuleVersion;
  published: readonly RuleVersion[];
  now: Date;
  world: CheckedWorld;
}

/** Of one code at most so many are told: who reads them reads no more. */
const WARNINGS_PER_CODE_MAX = 20;
const PRODUCTS_NAMED_MAX = 5;
/** What a line is taken to cost where nobody has said a price, in minor units. */
const PRICE_UNKNOWN = 100n;

/** Every warning of a rule that may be published, those of one code together. */
export function warningsOf({ rule, published, now, world }: CheckedRule): RuleWarning[] {
  const change = changeOf(ruleBook(published), ruleBook([...published, rule]));
  const own = change.after.periods.find((period) => period.rule === rule)!;
  const place: Place = { own, change, now };
  const [shadowedBy, shadowed] = [rulesAbove(place), rulesCovered(place)];
  const told = new Set([...shadowedBy, ...shadowed]);
  return [
    ...shadowedBy.map((one) => about(one, 'shadowed_by', 'priority', 'has a higher priority for the same lines all the time')),
    ...shadowed.map((one) => about(one, 'shadows', 'priority', 'applies to nothing any more: this one goes before it all the time')),
    ...unreachable(own, world),
    ...gapsInTime(place),
    ...overlaps(place, told),
    ...openScopes(rule),
    ...productsWithoutRule(place, world),
    ...neverReleased(rule, world),
    ...lowersRate(change, rule, now),
    ...paysAboveBase(rule, world),
  ];
}

/**
 * What the end of a rule, or another change of the book that adds nothing, takes from promoters,
 * and which products it leaves without a rule.
 */
export function warningsOfEnd(
  change: BookChange,
  ended: RuleVersion,
  now: Date,
  at: Date,
  products: readonly CheckedProduct[],
): RuleWarning[] {
  const end = { own: { rule: ended, from: at.getTime(), until: Infinity }, change, now };
  return [...productsWithoutRule(end, { products }), ...lowersRate(change, ended, now)];
}

/** What a change of the book takes from promoters, as it is told of one of its rules. */
export function warningsOfLoss(change: BookChange, rule: RuleVersion, now: Date): RuleWarning[] {
  return lowersRate(change, rule, now);
}

interface Place {
  own: Period;
  change: BookChange;
  now: Date;
}

function about({ rule }: Period, code: RuleWarning['code'], path: string, message: string): RuleWarning {
  return { code, path, message: `The rule “${rule.name}” (${rule.ruleId}, version ${rule.version}) ${message}.`, ruleId: rule.ruleId };
}

/** The periods of the same scope, those that go before others first. */
function sameScope({ own, change: { after } }: Place): readonly Period[] {
  return after.byScope.get(scopeKey(own.rule.scope)) ?? [];
}

/** The rules that together go before this one in all its time; none where it applies at any. */
function rulesAbove(place: Place): Period[] {
  const { own } = place;
  const periods = sameScope(place);
  const above = periods.slice(0, Math.max(0, periods.indexOf(own))).filter((one) => meet(one, own));
  return isCovered(own.from, own.until, above) ? above.slice(0, WARNINGS_PER_CODE_MAX) : [];
}

/** The rules that apply to nothing any more because of this one. */
function rulesCovered(place: Place): Period[] {
  const { own, now } = place;
  const periods = sameScope(place);
  return periods
    .filter((one, index) => {
      const from = Math.max(one.from, now.getTime());
      const above = periods.slice(0, index);
      if (from >= one.until || one.rule.ruleId === own.rule.ruleId || !above.includes(own)) return false;
      const others = above.filter((other) => other !== own);
      return !isCovered(from, one.until, others) && isCovered(from, one.until, above);
    })
    .slice(0, WARNINGS_PER_CODE_MAX);
}

/** Whether some of the periods is in force at every time from `from` until `until`. */
function isCovered(from: number, until: number, periods: readonly Period[]): boolean {
  let reached = from;
  for (const one of periods.toSorted((a, b) => a.from - b.from)) if (one.from <= reached) reached = Math.max(reached, one.until);
  return reached >= until;
}

function meet(a: Period, b: Period): boolean {
  return a.from < b.until && b.from < a.until;
}

function unreachable({ from, until }: Period, { impossible }: CheckedWorld): RuleWarning[] {
  const never = { code: 'unreachable', path: 'effective_from', message: 'Its time in force is empty: the rule ends before.' } as const;
  const warnings = impossible.map(({ key, message }): RuleWarning => ({ code: 'unreachable', path: `scope.${key}`, message }));
  return from < until ? warnings : [never, ...warnings];
}

const text = (time: number) => new Date(time).toISOString();

/**
 * A stretch of time without a rule of this scope, between this one and the nearest of the same
 * scope on either side; what lies in the past is no matter any more.
 */
function gapsInTime(place: Place): RuleWarning[] {
  const { own, now } = place;
  const others = sameScope(place).filter((one) => one !== own);
  const warnings: RuleWarning[] = [];
  const before = others.filter(({ until }) => until < own.from).toSorted((a, b) => b.until - a.until)[0];
  const isOpenBefore = others.every(({ from, until }) => from >= own.from || until < own.from);
  if (before !== undefined && isOpenBefore && own.from > now.getTime()) {
    const message = `from ${text(before.until)} until ${text(own.from)} there is no rule of this scope, after the end of this one`;
    warnings.push(about(before, 'gap_in_time', 'effective_from', message));
  }
  const next = others.filter(({ from }) => from > own.until).toSorted((a, b) => a.from - b.from)[0];
  const isOpenAfter = others.every(({ from, until }) => from > own.until || until <= own.until);
  if (next !== undefined && isOpenAfter) {
    const message = `from ${text(own.until)} until ${text(next.from)} there is no rule of this scope, before the beginning of this one`;
    warnings.push(about(next, 'gap_in_time', 'effective_to', message));
  }
  return warnings;
}

/**
 * Other rules that match some of the same lines at the same time, where neither is simply the
 * narrower one: which of them applies is said by weights and priorities, and shown here.
 */
function overlaps({ own, change: { after }, now }: Place, told: ReadonlySet<Period>): RuleWarning[] {
  const { scope, priority } = own.rule;
  const warnings: RuleWarning[] = [];
  for (const other of after.periods) {
    if (warnings.length === WARNINGS_PER_CODE_MAX) break;
    if (other.rule.ruleId === own.rule.ruleId || told.has(other) || other.until <= now.getTime() || !meet(other, own)) continue;
    const both = commonScope(scope, other.rule.scope);
    if (both === null) continue;
    const isSame = scopeKey(scope) === scopeKey(other.rule.scope);
    const isNested = [scope, other.rule.scope].some((one) => scopeKey(one) === scopeKey(both));
    if (isNested && !isSame) continue;
    const isAhead = isSame ? priority > other.rule.priority : scopeWeight(scope) > scopeWeight(other.rule.scope);
    const why = isSame ? 'by its priority' : 'by the weight of its scope';
    const message = `matches some of the same lines at the same time; of the two ${isAhead ? 'this one' : 'that one'} applies, ${why}`;
    warnings.push(about(other, 'overlaps', isSame ? 'priority' : 'scope', message));
  }
  return warnings;
}

/** Who names neither goods nor a campaign pays for whatever will be sold, at whatever price. */
function openScopes({ scope, plan }: RuleVersion): RuleWarning[] {
  const isOpen = scope.product_id === undefined && scope.category === undefined && scope.campaign_id === undefined;
  const earns = plan.rate_ppm > 0 || plan.fixed_per_unit > 0;
  if (!isOpen || !earns || plan.cap_per_line !== null || plan.cap_per_order !== null) return [];
  const message = 'The rule is for whatever is sold, at whatever price, and has no cap.';
  return [{ code: 'no_cap_on_open_scope', path: 'plan.cap_per_line', message }];
}

function productsWithoutRule({ own, change: { after }, now }: Place, { products }: Pick<CheckedWorld, 'products'>): RuleWarning[] {
  const at = new Date(Math.max(own.from, now.getTime()));
  const without = products.filter((product) => candidatesFor(after, contextOfScope(scopeOfProduct(product)), at).length === 0);
  if (without.length === 0) return [];
  const named = without.slice(0, PRODUCTS_NAMED_MAX).map(({ productId }) => productId);
  const more = without.length - named.length;
  const list = `${named.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
  const message = `At ${at.toISOString()} no rule is for these products, whoever sells them: ${list}.`;
  return [{ code: 'products_without_rule', path: 'scope', message }];
}

function scopeOfProduct({ merchantId, productId, category }: CheckedProduct): RuleScope {
  return { merchant_id: merchantId, product_id: productId, ...(category !== null && { category }) };
}

function neverReleased({ plan }: RuleVersion, { isSettled }: CheckedWorld): RuleWarning[] {
  if (plan.base !== 'platform_commission' || isSettled) return [];
  const message = 'What is earned of a platform’s commission is released once it is settled, and no source here tells of settlements.';
  return [{ code: 'never_released_base', path: 'plan.base', message }];
}

function lowersRate(change: BookChange, { ruleId }: RuleVersion, now: Date): RuleWarning[] {
  const asked = { now, until: null, merchantId: null, most: WARNINGS_PER_CODE_MAX };
  return loweringsOf(change, asked).map((one) => {
    const path = one.after === null ? 'effective_to' : 'plan';
    return { code: 'lowers_rate', path, message: loweringText(one, ruleId), ruleId: one.before.ruleId };
  });
}

/** A lowering in words: whose rate falls, from what to what, where and when. */
export function loweringText({ before, after, scope, at, net }: Lowering, ruleId: string | null): string {
  const units = net.quantity === 1 ? 'one unit' : `${net.quantity} units`;
  const line = `a line of ${net.base} with ${units}${net.currency === null ? '' : ` in ${net.currency}`}`;
  const place = Object.entries(scope).map(([key, value]) => `${key} ${value}`);
  const where = place.length === 0 ? 'everywhere' : `of ${place.join(', ')}`;
  const instead = after === null ? 'no rule' : after.ruleId === ruleId ? 'this one' : `the rule “${after.name}” (${after.ruleId})`;
  const how = after !== null && after.plan.base !== before.plan.base ? ', of another base' : '';
  return (
    `From ${at.toISOString()} on, ${where}, ${instead} pays the promoter instead of “${before.name}” (${before.ruleId}, version ` +
    `${before.version}): ${net.from} becomes ${net.to} of ${line}${how}.`
  );
}

/** Fixed amounts may come to more than is paid, of which then only that much is paid out. */
function paysAboveBase({ plan, scope }: RuleVersion, { products }: CheckedWorld): RuleWarning[] {
  if (plan.fixed_per_unit === 0) return [];
  const isOf = (one: CheckedProduct) => commonScope(scope, scopeOfProduct(one)) !== null;
  const priced = products.filter((one) => one.price !== null && one.currency === plan.currency && isOf(one));
  const above = (price: bigint) => {
    const wanted = partOf(price, plan.rate_ppm) + BigInt(plan.fixed_per_unit);
    const cap = plan.cap_per_line === null ? wanted : BigInt(plan.cap_per_line);
    return (wanted < cap ? wanted : cap) > price;
  };
  const found = priced.filter(({ price }) => above(price!));
  const [first] = found;
  const where = first === undefined ? `a unit for ${PRICE_UNKNOWN}` : `${first.productId} at ${first.price}`;
  if (first === undefined && (priced.length > 0 || !above(PRICE_UNKNOWN))) return [];
  const more = found.length > 1 ? `, and of ${found.length - 1} more products` : '';
  const message = `The rate and the fixed amount come to more than the price of ${where}${more}: never more than the base is paid.`;
  return [{ code: 'pays_above_base', path: 'plan.fixed_per_unit', message }];
}
