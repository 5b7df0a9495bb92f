// The product pool as one promoter sees it: what it may share, and what it would be paid for that.

import type { Kysely } from 'kysely';

import type { RuleContext, RuleVersion } from '../../core/rule.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { inSlices } from '../../platform/slices.ts';
import { NO_CAMPAIGNS } from '../campaigns/campaign-cache.ts';
import { readMerchants, readPromoters } from '../facts/facts-store.ts';
import { inForce, isPresent, type Facts } from '../facts/facts.ts';
import { earliestAfter, readNotices } from '../rules/rate-notice.ts';
import { currentRules, type RuleCache } from '../rules/rule-cache.ts';
import { readTierPeriods } from '../tiers/tier-store.ts';
import { offerKey, readOfferedProducts, readSharingOffers, type SharingOffer, type OfferedProduct } from './offered-product-store.ts';
import { comingRules, contextOf, lockedUntil, rulesFor, shareOf, winnerOf, type MyShare } from './share.ts';

export const SHARED_PRODUCT_SORTS = ['rate', 'earnings', 'price', 'newest'] as const;

/** What is asked of the pool. */
export interface SharingWish {
  promoterId: string;
  merchantId: string | null;
  category: string | null;
  words: string | null;
  sort: (typeof SHARED_PRODUCT_SORTS)[number];
  limit: number;
  /** The place of the last product of the page before. */
  after: ProductPlace | null;
}

/** A product's place in the order of a list. */
export interface ProductPlace {
  rank: bigint;
  merchantId: string;
  productId: string;
}

/** A product that the promoter may share, with the rule that applies now. */
export interface SharedProduct extends OfferedProduct, SharingOffer {
  offerId: string;
  rule: RuleVersion;
  share: MyShare;
  coming: { ratePpm: number; from: Date } | null;
  lockUntil: Date | null;
  place: ProductPlace;
}

interface SharingDeps {
  levelsMax: number;
  ruleCache: RuleCache;
}

/** A product with what is known of it before its share is reckoned. */
interface Listed {
  product: OfferedProduct;
  offerId: string;
  offer: SharingOffer;
  rule: RuleVersion;
  context: RuleContext;
}

/**
 * What a promoter may share, one more than asked for: products of which an offer is in force for
 * it, and no exclusive one that leaves it out. A suspended promoter shares nothing.
 */
export async function readSharedProducts(db: Kysely<DB>, deps: SharingDeps, wish: SharingWish, now: Date): Promise<SharedProduct[]> {
  const { facts, listed } = await readPool(db, deps, wish, now);
  const share = sharing(facts, wish.promoterId, now);
  const rankOf = RANKS[wish.sort];
  const placed = await inSlices(listed, (one) => {
    const { merchantId, productId } = one.product;
    return { ...one, place: { rank: rankOf(one, share), merchantId, productId } };
  });
  const page = placed
    .filter(({ place }) => wish.after === null || comparePlaces(wish.after, place) < 0)
    .toSorted((a, b) => comparePlaces(a.place, b.place))
    .slice(0, wish.limit + 1);
  const notices = await noticesOf(db, now);
  return page.map(({ product, offer, offerId, rule, context, place }) => {
    const coming = comingRules(facts, context, now);
    const [next] = coming;
    return {
      ...product,
      ...offer,
      offerId,
      rule,
      place,
      share: share(rule, product),
      coming: next === undefined ? null : { ratePpm: next.rule?.plan.rate_ppm ?? 0, from: next.from },
      lockUntil: lockedUntil(rule, coming, notices.get(product.merchantId) ?? null),
    };
  });
}

/** A product of the pool with the rule that applies now and what the promoter gets of it. */
export interface PaidProduct extends OfferedProduct {
  rule: RuleVersion;
  share: MyShare;
}

/**
 * All that a promoter may share, as `readSharedProducts` pages it; the newest in the pool first.
 */
export async function readPaidProducts(db: Kysely<DB>, deps: SharingDeps, question: PoolQuestion, now: Date): Promise<PaidProduct[]> {
  const { facts, listed } = await readPool(db, deps, question, now);
  const share = sharing(facts, question.promoterId, now);
  return inSlices(listed, ({ product, rule }) => ({ ...product, rule, share: share(rule, product) }));
}

/** Whose pool, and which part of it. */
type PoolQuestion = Pick<SharingWish, 'promoterId' | 'merchantId' | 'category' | 'words'>;

async function readPool(db: Kysely<DB>, deps: SharingDeps, question: PoolQuestion, now: Date): Promise<{ facts: Facts; listed: Listed[] }> {
  const { promoterId } = question;
  const facts = await readFacts(db, deps, promoterId, now);
  if (!isPresent(facts, promoterId, now.getTime())) return { facts, listed: [] };
  const agencyId = inForce(facts.promoters.get(promoterId), now.getTime())?.agencyId ?? null;
  const products = await readOfferedProducts(db, { ...question, agencyId });
  const merchantIds = [...new Set(products.map(({ merchantId }) => merchantId))];
  facts.merchants = await readMerchants(db, merchantIds);
  facts.tierPeriods = await readTierPeriods(db, { merchantIds, promoterIds: [promoterId], since: now.getTime() });
  const offers = await readSharingOffers(db, merchantIds);
  const listed = (await inSlices(products, (product) => listedOf(facts, offers, product, { promoterId, now }))).filter(
    (one) => one !== null,
  );
  return { facts, listed };
}

/** The promoter, its agency, those above it and those whom rules name; nobody else is paid. */
async function readFacts(db: Kysely<DB>, { levelsMax, ruleCache }: SharingDeps, promoterId: string, now: Date): Promise<Facts> {
  const rules = await currentRules(db, ruleCache);
  const facts: Facts = {
    merchants: new Map(),
    products: new Map(),
    promoters: new Map(),
    coupons: new Map(),
    links: new Map(),
    tierPeriods: [],
    rules: rules.book,
    // What a campaign pays beside is granted to an order, and promised to nobody.
    campaigns: NO_CAMPAIGNS,
    levelsMax,
  };
  let wanted = [promoterId, ...rules.named];
  for (let round = 0; round <= levelsMax && wanted.length > 0; round += 1) {
    const found = await readPromoters(db, wanted);
    for (const [id, history] of found) facts.promoters.set(id, history);
    const around = wanted.flatMap((id) => {
      const terms = inForce(facts.promoters.get(id), now.getTime());
      return [terms?.inviterId ?? null, terms?.agencyId ?? null].filter((one) => one !== null);
    });
    wanted = [...new Set(around)].filter((id) => !facts.promoters.has(id));
  }
  return facts;
}

/**
 * The product by the heaviest rule of an offer that is for the promoter now; null where that is one
 * by which an exclusive offer leaves it out, and where none is in force.
 */
function listedOf(
  facts: Facts,
  offers: ReadonlyMap<string, SharingOffer>,
  product: OfferedProduct,
  { promoterId, now }: { promoterId: string; now: Date },
): Listed | null {
  const context = contextOf(facts, promoterId, product, now);
  const rules = rulesFor(facts, context, now);
  const offered = rules.find((rule) => rule.offerId !== undefined);
  if (offered === undefined) return null;
  const offerId = offered.offerId!;
  const offer = offers.get(offerKey(product.merchantId, offerId))!;
  const isForNamed = offered.scope.promoter_id !== undefined || offered.scope.agency_id !== undefined;
  if (offer.kind === 'exclusive' && !isForNamed) return null;
  return { product, offerId, offer, rule: rules[0]!, context };
}

/** Reckons shares; who stands around the promoter is the same for all products of one rule. */
function sharing(facts: Facts, promoterId: string, now: Date): (rule: RuleVersion, product: OfferedProduct) => MyShare {
  const winners = new Map<RuleVersion, ReturnType<typeof winnerOf>>();
  return (rule, product) => {
    const winner = winners.get(rule) ?? winnerOf(facts, promoterId, rule, now);
    winners.set(rule, winner);
    return shareOf(rule, winner, product);
  };
}

/** The less the rank, the further ahead; what has no price stands last. */
const RANKS: Readonly<Record<SharingWish['sort'], (listed: Listed, share: ReturnType<typeof sharing>) => bigint>> = {
  rate: ({ rule }) => -BigInt(rule.plan.rate_ppm),
  earnings: ({ rule, product }, share) => -(share(rule, product).amount ?? -1n),
  price: ({ product }) => product.price ?? NO_PRICE,
  newest: ({ product }) => -BigInt(product.listedAt.getTime()),
};

/** Above every price that there can be. */
const NO_PRICE = 10n ** 17n;

function comparePlaces(a: ProductPlace, b: ProductPlace): number {
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  return compareText(a.merchantId, b.merchantId) || compareText(a.productId, b.productId);
}

const compareText = (a: string, b: string) => (a === b ? 0 : a < b ? -1 : 1);

/** From when at the earliest each merchant that gives notice could let promoters earn less. */
async function noticesOf(db: Kysely<DB>, now: Date): Promise<Map<string, Date>> {
  const notices = await readNotices(db);
  return new Map(
    notices.map(({ merchant_id: merchantId, hours, time_zone: timeZone }) => [merchantId, earliestAfter(now, { hours, timeZone })]),
  );
}
