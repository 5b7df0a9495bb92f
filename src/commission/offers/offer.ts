// An offer: what a merchant lets promoters share, and what it pays them for it.

import type { Plan } from '../../core/plan.ts';
import type { OfferContent, OfferKind } from '../../core/rules/offer.ts';

/** How promoters come into an offer whom it does not name: not at all, asked for, or at once. */
export const APPLICATIONS = ['none', 'review', 'automatic'] as const;

/** What a promoter must have sold of the merchant when it applies; null: nothing is asked for. */
interface OfferConditions {
  minTier: string | null;
  minOrders: number | null;
  maxRefundPpm: number | null;
}

/** What may change of an offer, each time as a new version. Lists are in order, each id once. */
export interface OfferTerms {
  productIds: string[] | null;
  category: string | null;
  /** Null: the plan was stated itself. */
  ratePpm: number | null;
  plan: Plan;
  promoters: string[];
  agencies: string[];
  applications: (typeof APPLICATIONS)[number];
  conditions: OfferConditions;
  /** As stated: null or in the past is as soon as it may. */
  startsAt: Date | null;
  /** As stated: null is for good, in the past as soon as it may. */
  endsAt: Date | null;
  paused: boolean;
  note: string | null;
}

/** Which offer: ids of offers are a merchant's own. */
export interface OfferName {
  merchantId: string;
  offerId: string;
}

/** What is stated of an offer. */
export interface StatedOffer extends OfferName, OfferTerms {
  kind: OfferKind;
}

/** An offer with its latest terms. */
export interface Offer extends StatedOffer {
  version: number;
  /** Neither paused nor ended from `effectiveFrom` on. */
  isRunning: boolean;
  /** From when its rules say what the terms say. */
  effectiveFrom: Date;
  madeAt: Date;
  recordedAt: Date;
}

/** What an offer pays for and whom, with those who were accepted into it. */
export function contentOf(offer: StatedOffer, accepted: readonly string[]): OfferContent {
  const { merchantId, kind, productIds, category, promoters, agencies, plan } = offer;
  return { merchantId, kind, productIds, category, promoters: [...new Set([...promoters, ...accepted])], agencies, plan };
}

export const OFFER_STATES = ['scheduled', 'running', 'paused', 'ended'] as const;

/** What an offer is at that time. */
export function stateOf({ version, paused, endsAt, isRunning, effectiveFrom }: Offer, at: Date): (typeof OFFER_STATES)[number] {
  if (effectiveFrom > at) return version === 1 ? 'scheduled' : 'running';
  if (endsAt !== null && (endsAt <= at || (!isRunning && !paused))) return 'ended';
  return paused ? 'paused' : 'running';
}
