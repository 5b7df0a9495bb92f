// An order as it was last awarded, with all that led there: what its rows are counted from.

import type { Role } from '../../core/party.ts';
import type { LineDecisionKind } from '../../commission/award/decision.ts';

/** A winner of a line with what its evidence says. */
export interface AwardedWinner {
  promoterId: string;
  /** A part of the sum of the winners' weights. */
  weight: bigint;
  linkCode: string | null;
  /** Of the link; null where it won without one. */
  scene: string | null;
  campaignId: string | null;
  agencyId: string | null;
}

/** What names a share of a line: its decisions and its transfers have that in common. */
export interface AwardedSlot {
  lineId: string;
  role: Role;
  level: number | null;
  promoterId: string;
  /** Out of which budget a boost comes. */
  campaignId: string | null;
}

/** A net share in minor units, above zero; `winner` is the place of whom it was divided for. */
export interface AwardedShare extends AwardedSlot {
  winner: number;
  amount: bigint;
}

/** What one revision decided of one line. The platform's own share is not among the shares. */
export interface AwardedLine {
  revision: number;
  lineId: string;
  productId: string | null;
  category: string | null;
  decision: LineDecisionKind;
  quantity: bigint;
  paidAmount: bigint;
  refundedAmount: bigint;
  /** Empty unless it is attributed. */
  winners: readonly AwardedWinner[];
  shares: readonly AwardedShare[];
}

/** A booking of a promoter's share. */
export interface AwardedTransfer extends AwardedSlot {
  revision: number;
  kind: 'accrue' | 'reverse' | 'release';
  currency: string;
  amount: bigint;
  bookedAt: Date;
}

/** How far a line has come beside its decision. */
export interface AwardedProgress {
  isCompleted: boolean;
  isReleased: boolean;
  /** Refunds that succeeded; those of the whole order are the first attributed line's. */
  refunds: number;
}

export interface AwardedOrder {
  orderKey: bigint;
  merchantId: string;
  sourceId: string;
  /** Null while nothing can be earned on it. */
  currency: string | null;
  /** Null until it is paid: then it counts for nothing. */
  attributionAt: Date | null;
  /** The revision that stands. */
  revision: number;
  /** Of all revisions, the first first; of one revision in the order of the lines. */
  lines: readonly AwardedLine[];
  transfers: readonly AwardedTransfer[];
  progress: ReadonlyMap<string, AwardedProgress>;
}
