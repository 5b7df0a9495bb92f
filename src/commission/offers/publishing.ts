// How the rules of an offer come to say what it says: from when on, refused where something else is
// in their places, and written in one go.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { scopeKey, type RuleVersion } from '../../core/rule.ts';
import { conflictsOfProduct, placesOf, versionsFor, type OfferConflict, type PlacedRule, type Rival } from '../../core/rules/offer.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChanges } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { markUnruledDue } from '../award/due-store.ts';
import { readOffersOfRules, rivalsOf, type OfferOfRule } from '../rules/offer-places.ts';
import { effectiveTime, type BookWish } from '../rules/rate-notice.ts';
import { showVersion } from '../rules/rule-body.ts';
import { readRules } from '../rules/rule-cache.ts';
import { addOfferVersions, readCategories, readDirectedProducts, readRivalIds, type OfferVersion } from './offer-rule-store.ts';
import { readPlacedRules } from './offer-store.ts';
import { contentOf, type StatedOffer } from './offer.ts';

/** By whom and when an offer is changed, and of which draft. */
export interface Publisher {
  actor: Actor;
  now: Date;
  draftId?: string | null;
  /** Why promoters are not told before, which two persons have approved. */
  emergency?: string | null;
}

/** What an offer is to pay. */
interface Wish {
  offer: StatedOffer;
  accepted: readonly string[];
  /** The one promoter whose places alone are looked at; null: all places. */
  promoterId: string | null;
}

/** What comes of a wish: the versions that say it, and from when on. */
export interface OfferPlan {
  at: Date;
  versions: OfferVersion[];
}

const CONFLICTS_TOLD_MAX = 20;
const AUDITED_AT_ONCE = 1000;

/**
 * The versions that an offer needs, in an open book or in none where nothing is to be written.
 * Throws `notice_too_short` and `offer_conflict`.
 */
export async function planVersions(
  db: Kysely<DB>,
  wish: Wish,
  { now, emergency = null }: Pick<Publisher, 'now' | 'emergency'>,
): Promise<OfferPlan> {
  const { offer, promoterId } = wish;
  const rules = await readPlacedRules(db, offer, promoterId);
  const versionsAt = versionsBy(rules, wish, now);
  const stated = offer.startsAt !== null && offer.startsAt > now ? offer.startsAt : null;
  const asked = stated ?? now;
  if (versionsAt(asked).length === 0) return { at: asked, versions: [] };
  const applied: BookWish['applied'] = (published, at) => [...published, ...versionsAt(at)];
  const at = emergency === null ? await effectiveTime(db, { applied, stated, path: 'starts_at', now }) : asked;
  refuseEarlyEnd(offer, { at, now });
  const versions = versionsAt(at);
  await refuseConflicts(db, offer, { versions, own: [...rules.values()], now });
  const closing = new Set(placesFor(wish).flatMap(({ scope, part }) => (part === 'closes' ? [scopeKey(scope)] : [])));
  return {
    at,
    versions: versions.map((version) => ({ version, part: closing.has(scopeKey(version.scope)) ? 'closes' : 'pays' })),
  };
}

/** The versions that are missing at a time; a new rule has one id, however often it is asked. */
function versionsBy(rules: ReadonlyMap<string, PlacedRule>, wish: Wish, now: Date): (at: Date) => RuleVersion[] {
  const { offerId, endsAt } = wish.offer;
  const places = placesFor(wish);
  const ids = new Map<string, string>();
  const newId = (place: string): string => {
    const id = ids.get(place) ?? `offer:${offerId}:${uuidv7(now.getTime())}`;
    ids.set(place, id);
    return id;
  };
  return (at) => {
    const until = endsAt !== null && endsAt <= now ? at : endsAt;
    return versionsFor(rules, { places, at, until }, { offerId, name: `offer ${offerId}`, newId });
  };
}

function placesFor({ offer, accepted, promoterId }: Wish) {
  if (offer.paused) return [];
  const places = placesOf(contentOf(offer, accepted));
  return promoterId === null ? places : places.filter(({ scope }) => scope.promoter_id === promoterId);
}

/** An end that is asked for before promoters could be told of it. */
function refuseEarlyEnd({ endsAt }: StatedOffer, { at, now }: { at: Date; now: Date }): void {
  if (endsAt === null || endsAt <= now || endsAt > at) return;
  const time = at.toISOString();
  const errors = [{ path: 'ends_at', message: `must be later than ${time}` }];
  throw new DomainError('notice_too_short', `Promoters are told before they earn less: this may take effect at ${time} at the earliest.`, {
    errors,
  });
}

/** Refuses what cannot stand beside what is there, and was not there so before. */
async function refuseConflicts(
  db: Kysely<DB>,
  { merchantId, offerId, kind, category }: StatedOffer,
  { versions, own, now }: { versions: readonly RuleVersion[]; own: readonly PlacedRule[]; now: Date },
): Promise<void> {
  const scopes = [...versions, ...own.flatMap((rule) => rule.versions)].map(({ scope }) => scope);
  const resting = category === null ? [] : await readDirectedProducts(db, merchantId, category);
  const productIds = [...new Set([...scopes.flatMap(({ product_id: id }) => id ?? []), ...resting])];
  const categories = await readCategories(db, merchantId, productIds);
  const named = [...new Set([...categories.values(), ...(category === null ? [] : [category])])];
  const ruleIds = await readRivalIds(db, merchantId, { productIds, categories: named });
  const published = await readRules(db, ruleIds);
  const offers = await readOffersOfRules(db, ruleIds);
  for (const { ruleId, scope } of versions) {
    const isClosing = kind === 'exclusive' && scope.promoter_id === undefined && scope.agency_id === undefined;
    offers.set(ruleId, offers.get(ruleId) ?? { offerId, kind, part: isClosing ? 'closes' : 'pays' });
  }
  const conflictsAmong = (all: readonly RuleVersion[]) => conflictsOf(rivalsOf(all, offers, now), { productIds, categories, category });
  const before = new Set(conflictsAmong(published).map(nameOf));
  const conflicts = conflictsAmong([...published, ...versions]).filter((one) => !before.has(nameOf(one)));
  if (conflicts.length > 0) throw refusalOf(conflicts, offers);
}

/** One text for one conflict, whenever it is found. */
const nameOf = ({ offerId, productId, rival }: OfferConflict) => `${offerId}\n${productId ?? ''}\n${rival?.period.rule.ruleId ?? ''}`;

/** What cannot stand together, product by product, and in the category itself. */
function conflictsOf(
  rivals: readonly Rival[],
  { productIds, categories, category }: { productIds: readonly string[]; categories: ReadonlyMap<string, string>; category: string | null },
): OfferConflict[] {
  const byProduct = new Map<string, Rival[]>();
  const byCategory = new Map<string, Rival[]>();
  for (const rival of rivals) {
    const { product_id: productId, category: of } = rival.period.rule.scope;
    const [map, key] = productId === undefined ? [byCategory, of] : [byProduct, productId];
    if (key === undefined) continue;
    const known = map.get(key);
    if (known === undefined) map.set(key, [rival]);
    else known.push(rival);
  }
  const ofCategory = (productId: string) => {
    const wide = byCategory.get(categories.get(productId) ?? '') ?? [];
    return wide.filter(({ offer }) => offer?.kind === 'open');
  };
  return [
    ...productIds.flatMap((productId) => conflictsOfProduct([...(byProduct.get(productId) ?? []), ...ofCategory(productId)], productId)),
    ...(category === null ? [] : conflictsOfProduct(byCategory.get(category) ?? [], null)),
  ];
}

function refusalOf(conflicts: readonly OfferConflict[], offers: ReadonlyMap<string, OfferOfRule>): DomainError {
  const texts = conflicts.slice(0, CONFLICTS_TOLD_MAX).map(({ offerId, productId, rival }) => {
    const where = productId === null ? 'the category' : `the product ${productId}`;
    if (rival === null) return `The directed offer ${offerId} needs an open offer on ${where} for all its time.`;
    const ruleId = rival.period.rule.ruleId;
    const other = offers.get(ruleId);
    return `On ${where} the offer ${offerId} cannot stand beside ${other === undefined ? `the rule ${ruleId}` : `the offer ${other.offerId}`}.`;
  });
  const once = [...new Set(texts)];
  const path = conflicts[0]!.productId === null ? 'category' : 'product_ids';
  return new DomainError('offer_conflict', once[0]!, { errors: once.map((message) => ({ path, message })) });
}

/**
 * Writes the versions of a plan, in an open book: each of them stands in the audit log as any
 * version does, and orders that found no rule get another look.
 */
export async function writePlan(
  trx: Transaction<DB>,
  offer: StatedOffer,
  { at, versions }: OfferPlan,
  publisher: Publisher,
): Promise<void> {
  if (versions.length === 0) return;
  const { actor, now, draftId = null, emergency = null } = publisher;
  await addOfferVersions(trx, offer, versions, now);
  const marks = { ...(draftId !== null && { draft_id: draftId }), ...(emergency !== null && { emergency }) };
  for (let done = 0; done < versions.length; done += AUDITED_AT_ONCE) {
    await recordChanges(
      trx,
      versions.slice(done, done + AUDITED_AT_ONCE).map(({ version }) => ({
        actor,
        now,
        action: version.effectiveTo !== null && version.effectiveTo <= version.effectiveFrom ? 'rule_ended' : 'rule_published',
        subjectKind: 'rule',
        subjectId: version.ruleId,
        before: null,
        after: { ...showVersion(version), ...marks },
      })),
    );
  }
  await markUnruledDue(trx, offer.merchantId, at, now);
}

/** How many rules of an offer are in force, or will be. */
export async function countRules(db: Kysely<DB>, { merchantId, offerId }: Pick<StatedOffer, 'merchantId' | 'offerId'>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from offer_rule, lateral (
      select effective_from, effective_to from rule_version where rule_version.rule_id = offer_rule.rule_id order by version desc limit 1
    ) as latest
    where merchant_id = ${merchantId} and offer_id = ${offerId} and (effective_to is null or effective_to > greatest(effective_from, now()))`.execute(
    db,
  );
  return rows[0]!.count;
}
