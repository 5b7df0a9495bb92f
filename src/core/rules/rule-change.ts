// What a change of the rules takes from promoters: the rules before it and after it, compared where
// and when another one applies.

import type { Plan, RuleScope } from '../plan.ts';
import { lowerNet, type LowerNet } from './promoter-net.ts';
import { commonScope, contextOfScope, periodsFor, scopeKey, type Period, type RuleBook, type RuleVersion } from '../rule.ts';

/** A rule that pays less, from some time on, than another did in its place. */
export interface Lowering {
  before: RuleVersion;
  /** Null: no rule applies any more. */
  after: RuleVersion | null;
  /** Lines that this is of. */
  scope: RuleScope;
  /** From when on. */
  at: Date;
  net: LowerNet;
}

/** Which lowerings are asked for. */
interface Asked {
  now: Date;
  /** Those before it only; null: whenever they are. */
  until: Date | null;
  /** Those of this merchant's lines; null: of anybody's. */
  merchantId: string | null;
  /** At most so many. */
  most: number;
}

/** Two books, and what differs between them. */
export interface BookChange {
  before: RuleBook;
  after: RuleBook;
  /** The periods that only one of the books has, or has otherwise. */
  changed: readonly Period[];
  /** The periods of both, by the merchant whose lines they are of; null: of all merchants. */
  byMerchant: ReadonlyMap<string | null, PeriodsByGoods>;
}

/**
 * Periods by the product and by the promoter of their scopes: of ten thousand rules of an offer
 * only few have lines in common with one of them.
 */
type PeriodsByGoods = ReadonlyMap<string | null, ReadonlyMap<string | null, readonly Period[]>>;

/** What differs between the rules before a change and after it. */
export function changeOf(before: RuleBook, after: RuleBook): BookChange {
  const [were, are] = [periodsByName(before), periodsByName(after)];
  const changed = [
    ...before.periods.filter((period) => differs(period, are.get(nameOf(period.rule)))),
    ...after.periods.filter((period) => differs(period, were.get(nameOf(period.rule)))),
  ];
  const byMerchant = new Map<string | null, Map<string | null, Map<string | null, Period[]>>>();
  for (const period of [...before.periods, ...after.periods]) {
    const { merchant_id: merchantId = null, product_id: productId = null, promoter_id: promoterId = null } = period.rule.scope;
    const byProduct = byMerchant.get(merchantId) ?? new Map<string | null, Map<string | null, Period[]>>();
    const byPromoter = byProduct.get(productId) ?? new Map<string | null, Period[]>();
    const known = byPromoter.get(promoterId) ?? [];
    known.push(period);
    byMerchant.set(merchantId, byProduct.set(productId, byPromoter.set(promoterId, known)));
  }
  return { before, after, changed, byMerchant };
}

/** The periods that may have lines in common with a scope, and some that have none. */
function* near(byGoods: readonly PeriodsByGoods[], { product_id: productId, promoter_id: promoterId }: RuleScope): Generator<Period> {
  for (const byProduct of byGoods) {
    for (const byPromoter of productId === undefined ? byProduct.values() : [byProduct.get(productId), byProduct.get(null)]) {
      if (byPromoter === undefined) continue;
      for (const periods of promoterId === undefined ? byPromoter.values() : [byPromoter.get(promoterId), byPromoter.get(null)]) {
        yield* periods ?? [];
      }
    }
  }
}

function differs(one: Period, other: Period | undefined): boolean {
  return other === undefined || one.from !== other.from || one.until !== other.until;
}

function periodsByName(book: RuleBook): Map<string, Period> {
  return new Map(book.periods.map((period) => [nameOf(period.rule), period]));
}

const nameOf = ({ ruleId, version }: RuleVersion) => `${ruleId}/${version}`;

/**
 * Where and when the change lets another rule apply that pays the promoter less: than the rule
 * which would have applied there and then, or than the one that applies there now.
 *
 * Another rule can apply only where a version applies, before or after, whose time in force has
 * changed. Of two versions each applies somewhere exactly when it does so on the line of which
 * nothing is known but what both ask for, since every other line has more rules to choose from. So
 * looking at those lines finds all.
 */
export function loweringsOf(change: BookChange, asked: Asked): Lowering[] {
  const { merchantId, most } = asked;
  const found = new Map<string, Lowering>();
  const seen = new Set<string>();
  const compare = comparison();
  const { byMerchant } = change;
  const ofMerchant = merchantId === null ? [...byMerchant.values()] : [byMerchant.get(merchantId), byMerchant.get(null)];
  const rules = ofMerchant.filter((one) => one !== undefined);
  for (const changed of change.changed) {
    const own = commonScope(changed.rule.scope, merchantId === null ? {} : { merchant_id: merchantId });
    if (own === null) continue;
    for (const other of [changed, ...near(rules, own)]) {
      const scope = commonScope(own, other.rule.scope);
      if (scope === null) continue;
      const key = scopeKey(scope);
      if (seen.has(key)) continue;
      seen.add(key);
      for (const lowering of loweringsOfScope(change, scope, { ...asked, compare })) {
        const pair = `${nameOf(lowering.before)} ${lowering.after === null ? '' : nameOf(lowering.after)}`;
        if (!found.has(pair)) found.set(pair, lowering);
      }
      if (found.size >= most) return [...found.values()].slice(0, most);
    }
  }
  return [...found.values()];
}

/** Compares plans, each pair once: many rules of an offer have one plan. */
function comparison(): typeof lowerNet {
  const texts = new Map<Plan, string>();
  const textOf = (plan: Plan): string => {
    const text = texts.get(plan) ?? JSON.stringify(plan);
    texts.set(plan, text);
    return text;
  };
  const known = new Map<string, LowerNet | null>();
  return (before, after) => {
    const pair = `${textOf(before)} ${after === null ? '' : textOf(after)}`;
    const net = known.has(pair) ? known.get(pair)! : lowerNet(before, after);
    known.set(pair, net);
    return net;
  };
}

/** The lowerings on the line of which nothing is known but this scope, at each time that counts. */
function loweringsOfScope(
  { before, after }: BookChange,
  scope: RuleScope,
  { now, until, compare }: Asked & { compare: typeof lowerNet },
): Lowering[] {
  const context = contextOfScope(scope);
  const [were, are] = [periodsFor(before, context), periodsFor(after, context)];
  const end = until?.getTime() ?? Infinity;
  const times = new Set([now.getTime(), ...[...were, ...are].flatMap((period) => [period.from, period.until])]);
  const current = appliesAt(were, now.getTime());
  return [...times]
    .filter((time) => time < end)
    .toSorted((a, b) => a - b)
    .flatMap((time) => {
      const [old, next] = [appliesAt(were, time), appliesAt(are, time)];
      if (old === next || (old !== null && next !== null && nameOf(old) === nameOf(next))) return [];
      return [...new Set([old, current])].flatMap((rule) => {
        const net = rule === null || rule === next ? null : compare(rule.plan, next?.plan ?? null);
        return net === null ? [] : [{ before: rule!, after: next, scope, at: new Date(time), net }];
      });
    });
}

function appliesAt(periods: readonly Period[], time: number): RuleVersion | null {
  return periods.find(({ from, until }) => from <= time && time < until)?.rule ?? null;
}
