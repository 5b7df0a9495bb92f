// The places that offers hold in the book: a rule that stands by itself is not published where an
// offer's is, and an offer's own rules are changed by their offer alone.

import { sql, type Kysely } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { RuleScope } from '../../core/plan.ts';
import { ruleBook, type Period, type RuleVersion } from '../../core/rule.ts';
import { conflictsOfProduct, type OfferKind, type OfferPart, type Rival } from '../../core/rules/offer.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readRules } from './rule-cache.ts';

/** Which offer's a rule is. */
export interface OfferOfRule {
  offerId: string;
  kind: OfferKind;
  part: OfferPart;
}

interface OfferRuleRow {
  rule_id: string;
  offer_id: string;
  kind: OfferKind;
  part: OfferPart;
}

/** The offers of these rules, by rule id; those of no offer are not among them. */
export async function readOffersOfRules(db: Kysely<DB>, ruleIds: readonly string[]): Promise<Map<string, OfferOfRule>> {
  const { rows } = await sql<OfferRuleRow>`
    select rule_id, offer_id, kind, part from offer_rule join offer using (merchant_id, offer_id)
    where rule_id = any(${ruleIds}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.rule_id, { offerId: row.offer_id, kind: row.kind, part: row.part }]));
}

/** When rules are in force from `now` on, each with its offer. */
export function rivalsOf(versions: readonly RuleVersion[], offers: ReadonlyMap<string, OfferOfRule>, now: Date): Rival[] {
  return ruleBook(versions).periods.flatMap((period) => {
    const left: Period = { ...period, from: Math.max(period.from, now.getTime()) };
    return left.from < left.until ? [{ period: left, offer: offers.get(period.rule.ruleId) ?? null }] : [];
  });
}

/**
 * Why a rule that is no offer's may not be published: `offer_conflict` where it is a rule of an
 * offer, or stands in the place of one, or would pay on a product those whom an exclusive offer of
 * it leaves out. Null: it may.
 */
export async function offerInPlace(db: Kysely<DB>, rule: RuleVersion, now: Date): Promise<DomainError | null> {
  const own = (await readOffersOfRules(db, [rule.ruleId])).get(rule.ruleId);
  if (own !== undefined) return ownedBy(rule.ruleId, own.offerId);
  const { product_id: productId, category } = rule.scope;
  if (productId === undefined && category === undefined) return null;
  const { rows } = await sql<{ rule_id: string }>`
    select rule_id from offer_rule where ${placeOf(rule.scope)}`.execute(db);
  const ruleIds = rows.map((row) => row.rule_id);
  if (ruleIds.length === 0) return null;
  const offers = await readOffersOfRules(db, ruleIds);
  const rivals = rivalsOf([...(await readRules(db, ruleIds)), rule], offers, now);
  const conflict = conflictsOfProduct(rivals, productId ?? null).find(({ rival }) => rival?.period.rule.ruleId === rule.ruleId);
  if (conflict === undefined) return null;
  const detail = `The offer ${conflict.offerId} of ${rule.scope.merchant_id ?? 'a merchant'} holds this place: change the offer, or end it.`;
  return new DomainError('offer_conflict', detail, { errors: [{ path: 'scope', message: `is a place of the offer ${conflict.offerId}` }] });
}

/** The rules of offers that may be in the way of a scope, and some that are not. */
function placeOf({ merchant_id: merchantId, product_id: productId, category, promoter_id: promoterId, agency_id: agencyId }: RuleScope) {
  const isMerchants = merchantId === undefined ? sql`true` : sql`merchant_id = ${merchantId}`;
  if (productId === undefined) return sql`${isMerchants} and category = ${category!}`;
  const isForSame = sql`promoter_id is not distinct from ${promoterId ?? null} and agency_id is not distinct from ${agencyId ?? null}`;
  return sql`${isMerchants} and product_id = ${productId} and (part = 'closes' or (${isForSame}))`;
}

/** Refuses, with `offer_conflict`, to end a rule that is an offer's. */
export async function refuseOfOffer(db: Kysely<DB>, ruleId: string): Promise<void> {
  const own = (await readOffersOfRules(db, [ruleId])).get(ruleId);
  if (own !== undefined) throw ownedBy(ruleId, own.offerId);
}

function ownedBy(ruleId: string, offerId: string): DomainError {
  return new DomainError('offer_conflict', `The rule ${ruleId} is the offer ${offerId}’s: change the offer, and it changes with it.`);
}
