// An application: a promoter asks to be let into an offer, and is, or is not.

import type { OfferName } from './offer.ts';

export const APPLICATION_STATES = ['waiting', 'accepted', 'refused'] as const;

/** What a promoter had sold of the merchant when it applied. */
export interface SalesRecord {
  tier: string | null;
  /** Completed orders of the 90 days before of which something is left. */
  orders: bigint;
  /** Parts per million of what was paid on completed lines that were refunded. */
  refundPpm: number;
}

export interface Application extends OfferName, SalesRecord {
  applicationId: string;
  promoterId: string;
  state: (typeof APPLICATION_STATES)[number];
  note: string | null;
  madeAt: Date;
  decidedAt: Date | null;
  /** Null where nothing is decided, and where it was accepted by itself. */
  decidedBy: string | null;
  reason: string | null;
  /** From when the decision counts; null where it changes nothing of what is paid. */
  effectiveFrom: Date | null;
}
