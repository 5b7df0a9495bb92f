// What an order or a bonus counts for, as rows: a row is of one line and one holder of a share of
// it. Statistics are sums of such rows, beside clicks and links.

/**
 * `order`: as the order stands, at its attribution time. `booking`: what was booked, at the time
 * when it was, which stays for ever.
 */
export type Basis = 'order' | 'booking';

/** What a row stands under; null is without one. */
export interface CountedKeys {
  basis: Basis;
  at: Date;
  merchantId: string;
  currency: string;
  promoterId: string | null;
  productId: string | null;
  category: string | null;
  scene: string | null;
  campaignId: string | null;
  linkCode: string | null;
  /** Null, as the order and the line, for a bonus, which is of no order. */
  sourceId: string | null;
  agencyId: string | null;
  /** Of uplines alone. */
  level: number | null;
}

/** Sums, never negative. Amounts are minor units of the row's currency. */
export interface CountedSums {
  units: bigint;
  paidAmount: bigint;
  refundedAmount: bigint;
  refunds: bigint;
  commissionEstimated: bigint;
  commissionConfirmed: bigint;
  commissionReleased: bigint;
  /** With the basis `order`: what was booked and taken back since. */
  commissionReversed: bigint;
}

export interface Counted extends CountedKeys, CountedSums {
  orderKey: bigint | null;
  lineId: string | null;
  /** The row is of a winner of the line: its order is one of the winner's orders. */
  winsOrder: boolean;
  /** The order has no attributed line, and this one is unattributed. */
  unattributed: boolean;
}

export const NO_SUMS: CountedSums = {
  units: 0n,
  paidAmount: 0n,
  refundedAmount: 0n,
  refunds: 0n,
  commissionEstimated: 0n,
  commissionConfirmed: 0n,
  commissionReleased: 0n,
  commissionReversed: 0n,
};

export const SUMS = Object.keys(NO_SUMS) as (keyof CountedSums)[];
