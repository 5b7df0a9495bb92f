// What an award reads beside the order itself, as it stood at a time: merchants' terms, products,
// promoters, links, rules.
import type { Policy } from '../../core/policy.ts';
import type { RuleBook } from '../../core/rule.ts';
import type { Campaigns } from '../campaigns/campaign-cache.ts';

/** A version; `effectiveFrom` is epoch milliseconds, -Infinity for the first version. */
export interface Dated {
  version: number;
  effectiveFrom: number;
}

/**
 * All versions of one thing, the one to be taken first standing first: by effective_from, then by
 * version, both falling.
 */
export type History<Version extends Dated> = readonly Version[];

export interface MerchantFacts extends Dated {
  currency: string;
  timeZone: string;
  holdDays: number;
  /** `click`: a rule that was in force at the click counts where it pays the winner more. */
  rateLock: 'none' | 'click';
  policy: Policy;
}

export interface ProductFacts extends Dated {
  category: string | null;
  commissionable: boolean;
}

export interface PromoterFacts extends Dated {
  inviterId: string | null;
  agencyId: string | null;
  tier: string | null;
  active: boolean;
}

/** The tiers that a program has set from an instant on, until its next period begins. */
export interface TierPeriod {
  /** Null: the program of all merchants. */
  merchantId: string | null;
  effectiveFrom: number;
  /** What promoters have whom it does not name; null: no tier of this program. */
  baseTier: string | null;
  tiers: ReadonlyMap<string, string>;
}

export interface CouponHolder extends Dated {
  promoterId: string | null;
}

export interface LinkFacts {
  code: string;
  merchantId: string;
  promoterId: string;
  productId: string | null;
  scene: string;
  contentId: string | null;
  talentId: string | null;
  campaignId: string | null;
  expiresAt: number | null;
  sharers: readonly string[];
}

export interface Facts {
  merchants: Map<string, History<MerchantFacts>>;
  /** By `productKey`. */
  products: Map<string, History<ProductFacts>>;
  promoters: Map<string, History<PromoterFacts>>;
  /** By `couponKey`. */
  coupons: Map<string, History<CouponHolder>>;
  links: Map<string, LinkFacts>;
  /** Those of all programs, the latest first. */
  tierPeriods: readonly TierPeriod[];
  rules: RuleBook;
  campaigns: Campaigns;
  /** How many levels a chain may be paid, the seller being the first. */
  levelsMax: number;
}

export const productKey = (merchantId: string, productId: string) => `${merchantId}\0${productId}`;
export const couponKey = (merchantId: string, code: string) => `${merchantId}\0${code.toUpperCase()}`;

/** The version in force at `at` (epoch milliseconds). */
export function inForce<Version extends Dated>(history: History<Version> | undefined, at: number): Version | null {
  return history?.find((version) => version.effectiveFrom <= at) ?? null;
}

/** A promoter who may be paid: known, and not suspended at that time. */
export function isPresent(facts: Facts, promoterId: string | null, at: number): boolean {
  return promoterId !== null && (inForce(facts.promoters.get(promoterId), at)?.active ?? false);
}

/**
 * A link to a live room, a video or an article: it has a content, or such a scene and no product.
 */
export function isContentLink(link: Pick<LinkFacts, 'contentId' | 'scene' | 'productId'>): boolean {
  return link.contentId !== null || (link.productId === null && ['live', 'video', 'article'].includes(link.scene));
}

/**
 * The tier of a promoter at a merchant: the one that the merchant's program has set, else that of
 * the program of all merchants, else the one that was stated with the promoter. A program that sets
 * a promoter no tier leaves it to the next.
 */
export function tierAt(
  { promoters, tierPeriods }: Pick<Facts, 'promoters' | 'tierPeriods'>,
  { merchantId, promoterId, at }: { merchantId: string; promoterId: string; at: number },
): string | null {
  for (const owner of [merchantId, null]) {
    const period = tierPeriods.find((one) => one.merchantId === owner && one.effectiveFrom <= at);
    const tier = period?.tiers.get(promoterId) ?? period?.baseTier ?? null;
    if (tier !== null) return tier;
  }
  return inForce(promoters.get(promoterId), at)?.tier ?? null;
}
