// Offers of the product pool: the places in which one pays, the versions by which its rules come to
// say so, and what cannot stand beside what. Pure.

import type { Plan, RuleScope } from '../plan.ts';
import { ruleBook, scopeKey, scopeWeight, type Period, type RuleVersion } from '../rule.ts';

/**
 * `open`: for everybody. `directed`: for the named, beside an open one. `exclusive`: for the named,
 * and others earn nothing.
 */
export const OFFER_KINDS = ['open', 'directed', 'exclusive'] as const;
export type OfferKind = (typeof OFFER_KINDS)[number];

/** Rules that one offer may have. */
export const OFFER_RULES_MAX = 10_000;

/** What an offer pays for, whom, and how much. */
export interface OfferContent {
  merchantId: string;
  kind: OfferKind;
  /** Null: an open offer of a category. */
  productIds: readonly string[] | null;
  category: string | null;
  /** Those named and those accepted, each once. */
  promoters: readonly string[];
  agencies: readonly string[];
  plan: Plan;
}

/** `closes`: where an exclusive offer pays those nothing whom it leaves out. */
export type OfferPart = 'pays' | 'closes';

/** A place of an offer: the lines that one of its rules is for. */
interface OfferPlace {
  scope: RuleScope;
  part: OfferPart;
  plan: Plan;
}

const NOTHING = { base: 'paid_amount', currency: null, rate_ppm: 0, fixed_per_unit: 0, cap_per_line: null, cap_per_order: null } as const;

/** How many places an offer has, without making them. */
export function countPlaces({ kind, productIds, promoters, agencies }: Omit<OfferContent, 'plan' | 'merchantId' | 'category'>): number {
  const goods = productIds?.length ?? 1;
  if (kind === 'open') return goods;
  return goods * (promoters.length + agencies.length + (kind === 'exclusive' ? 1 : 0));
}

/** The places of an offer: scopes whose weights rank them above those of a wider kind. */
export function placesOf({ merchantId, kind, productIds, category, promoters, agencies, plan }: OfferContent): OfferPlace[] {
  const goods: RuleScope[] =
    productIds === null
      ? [{ merchant_id: merchantId, category: category! }]
      : productIds.map((productId) => ({ merchant_id: merchantId, product_id: productId }));
  if (kind === 'open') return goods.map((scope) => ({ scope, part: 'pays', plan }));
  return goods.flatMap((scope): OfferPlace[] => [
    ...(kind === 'exclusive' ? [{ scope, part: 'closes' as const, plan: { ...NOTHING, split: [] } }] : []),
    ...promoters.map((promoterId) => ({ scope: { ...scope, promoter_id: promoterId }, part: 'pays' as const, plan })),
    ...agencies.map((agencyId) => ({ scope: { ...scope, agency_id: agencyId }, part: 'pays' as const, plan })),
  ]);
}

/** The rule of an offer in one place, as far as it was ever published there. */
export interface PlacedRule {
  ruleId: string;
  versions: readonly RuleVersion[];
}

/** From when the places are to pay, until when (null: for good). */
interface Wanted {
  places: readonly OfferPlace[];
  at: Date;
  until: Date | null;
}

/** How a new rule is named. */
interface Naming {
  offerId: string;
  name: string;
  newId: (place: string) => string;
}

/**
 * The versions after which, from that time on, an offer's rules pay in exactly these places: the
 * differences only. A rule that is not wanted any more gets a version that is never in force, which
 * takes over from those before it all the same, so that it may come back as the same rule.
 */
export function versionsFor(rules: ReadonlyMap<string, PlacedRule>, { places, at, until }: Wanted, naming: Naming): RuleVersion[] {
  const versions: RuleVersion[] = [];
  const isEmpty = until !== null && until <= at;
  const wanted = new Set<string>();
  for (const { scope, plan } of isEmpty ? [] : places) {
    const key = scopeKey(scope);
    wanted.add(key);
    const rule = rules.get(key);
    if (rule !== undefined && saysSo(rule, plan, { at, until })) continue;
    const ruleId = rule?.ruleId ?? naming.newId(key);
    const version = (rule?.versions.at(-1)?.version ?? 0) + 1;
    const { name, offerId } = naming;
    versions.push({ ruleId, version, name, scope, priority: 0, effectiveFrom: at, effectiveTo: until, plan, offerId });
  }
  for (const [key, { versions: told }] of rules) {
    if (wanted.has(key) || remaining(told, at).length === 0) continue;
    const last = told.at(-1)!;
    versions.push({ ...last, version: last.version + 1, effectiveFrom: at, effectiveTo: at });
  }
  return versions;
}

/** When a rule is in force from that time on, the earliest first. */
function remaining(versions: readonly RuleVersion[], at: Date): Period[] {
  const time = at.getTime();
  return ruleBook(versions)
    .periods.filter(({ from, until }) => from < until && until > time)
    .toSorted((a, b) => a.from - b.from);
}

function saysSo({ versions }: PlacedRule, plan: Plan, { at, until }: Pick<Wanted, 'at' | 'until'>): boolean {
  const [only, ...others] = remaining(versions, at);
  if (only === undefined || others.length > 0) return false;
  const isSame = only.from <= at.getTime() && only.until === (until?.getTime() ?? Infinity);
  return isSame && sameValue(only.rule.plan, plan);
}

/** Whether two documents say the same, in whatever order of their keys. */
function sameValue(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  const [entries, others] = [Object.entries(one), new Map(Object.entries(other))];
  return entries.length === others.size && entries.every(([key, value]) => others.has(key) && sameValue(value, others.get(key)));
}

/** A rule as far as it may not stand beside an offer's, or an offer's beside it. */
export interface Rival {
  period: Period;
  /** Null: a rule that is no offer's. */
  offer: { offerId: string; kind: OfferKind; part: OfferPart } | null;
}

/** Two rules that cannot both be, or a directed offer that has no open one beside it. */
export interface OfferConflict {
  /** The offer that may not be there. */
  offerId: string;
  productId: string | null;
  /** What is in its way; null: an open offer is missing. */
  rival: Rival | null;
}

/**
 * What cannot stand together of the rules that are for one product, in their times as they are
 * given: those of its category are among them only as open offers.
 */
export function conflictsOfProduct(rivals: readonly Rival[], productId: string | null): OfferConflict[] {
  const open = rivals.filter(({ offer }) => offer?.kind === 'open').map(({ period }) => period);
  const missing = rivals.flatMap(({ period, offer }): OfferConflict[] => {
    const isAlone = offer?.kind === 'directed' && !isCovered(period, open);
    return isAlone ? [{ offerId: offer.offerId, productId, rival: null }] : [];
  });
  const closings = rivals.filter(({ offer }) => offer?.part === 'closes');
  const pairs = [
    ...[...inOnePlace(rivals)].flatMap((crowd) => crowd.flatMap((one) => crowd.map((other) => [one, other] as const))),
    ...closings.flatMap((one) => rivals.filter((other) => leavesOut(one, other)).map((other) => [one, other] as const)),
  ];
  const met = pairs.flatMap(([{ period, offer }, rival]): OfferConflict[] => {
    if (offer === null || rival.offer?.offerId === offer.offerId || !meet(period, rival.period)) return [];
    return [{ offerId: offer.offerId, productId, rival }];
  });
  return [...missing, ...met];
}

/** Those that share their place with others. */
function inOnePlace(rivals: readonly Rival[]): Rival[][] {
  const byPlace = new Map<string, Rival[]>();
  for (const rival of rivals) {
    const key = scopeKey(rival.period.rule.scope);
    const crowd = byPlace.get(key);
    if (crowd === undefined) byPlace.set(key, [rival]);
    else crowd.push(rival);
  }
  return [...byPlace.values()].filter(({ length }) => length > 1);
}

/** Whether another rule would pay on the product those whom an exclusive offer leaves out. */
function leavesOut({ period }: Rival, other: Rival): boolean {
  const [own, its] = [period.rule.scope, other.period.rule.scope];
  return its.product_id !== undefined && its.campaign_id === undefined && scopeWeight(its) > scopeWeight(own);
}

function meet(a: Period, b: Period): boolean {
  return a.from < b.until && b.from < a.until && a.from < a.until && b.from < b.until;
}

/** Whether some of the periods is there at every time of another one. */
function isCovered({ from, until }: Period, by: readonly Period[]): boolean {
  let reached = from;
  for (const one of by.toSorted((a, b) => a.from - b.from)) if (one.from <= reached) reached = Math.max(reached, one.until);
  return reached >= until;
}
