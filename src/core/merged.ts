// The state of an order: what all of its reports say together, as plain JSON, so that it can be
// stored and joined.
import type { DisputeState, OrderStatus, ParentKind, RefundStatus } from './report.ts';

/**
 * The last writer wins: the value of the report with the greatest `observedAt`, then the greater
 * hash. Null: nobody states it.
 */
export type Register<Value> = readonly [value: Value, observedAt: number, contentHash: string] | null;

/**
 * A word and when it was told: what a buyer brought has the earliest `observedAt` that tells it,
 * what a source says the latest.
 */
export type TimedWord = readonly [value: string, toldAt: number];

/**
 * What ties an order or a line to a promoter: pieces that a buyer brought, and words of the source
 * itself.
 */
export interface MergedEvidence {
  clickTokens: readonly TimedWord[];
  linkCodes: readonly TimedWord[];
  couponCodes: readonly TimedWord[];
  promoterIds: readonly TimedWord[];
  namedLinkCodes: readonly TimedWord[];
  talentId: Register<string>;
  scene: Register<string>;
}

export interface MergedLine {
  lineId: string;
  /**
   * The greatest `observedAt` at which the order's source states the line; null: so far only
   * evidence names it.
   */
  toldAt: number | null;
  productId: Register<string>;
  category: Register<string>;
  quantity: Register<number>;
  paidAmount: Register<number>;
  platformCommission: Register<number>;
  completedAt: number | null;
  settledAt: number | null;
  holdUntil: Register<number>;
  notCommissionable: Register<string | false>;
  /** Null: the line names none of its own. */
  evidence: MergedEvidence | null;
}

export interface MergedRefund {
  refundId: string;
  toldAt: number;
  lineId: Register<string>;
  amount: Register<number>;
  status: Register<RefundStatus>;
  reason: Register<string>;
  refundedAt: number | null;
}

export interface MergedDispute {
  disputeId: string;
  lineId: Register<string>;
  kind: Register<string>;
  /** Once closed, for good. */
  state: DisputeState;
}

/** The greatest `observedAt` of the reports that state a list in full. */
export interface WholeStamps {
  lines: number | null;
  refunds: number | null;
  /**
   * All of them, falling: to a part of a split order counts the latest that is not later than the
   * part itself.
   */
  evidence: readonly number[];
}

/**
 * The state of an order. Lists are sorted by their ids, so that equal states are equal texts. Times
 * are epoch milliseconds.
 */
export interface MergedOrder extends MergedEvidence {
  status: OrderStatus | null;
  createdAt: number | null;
  depositPaidAt: number | null;
  paidAt: number | null;
  completedAt: number | null;
  settledAt: number | null;
  /** The first `observedAt` of the order's source. */
  toldFrom: number | null;
  whole: WholeStamps;
  /** Each with the greatest `observedAt` that states it. */
  currencies: readonly TimedWord[];
  void: Register<false | string>;
  parent: Register<readonly [orderId: string, kind: ParentKind]>;
  holdUntil: Register<number>;
  test: Register<boolean>;
  sample: Register<boolean>;
  identities: readonly TimedWord[];
  lines: readonly MergedLine[];
  refunds: readonly MergedRefund[];
  disputes: readonly MergedDispute[];
}

export const NO_EVIDENCE: MergedEvidence = {
  clickTokens: [],
  linkCodes: [],
  couponCodes: [],
  promoterIds: [],
  namedLinkCodes: [],
  talentId: null,
  scene: null,
};

/** The state before any report: merging it with another changes nothing. */
export const NOTHING_TOLD: MergedOrder = {
  status: null,
  createdAt: null,
  depositPaidAt: null,
  paidAt: null,
  completedAt: null,
  settledAt: null,
  toldFrom: null,
  whole: { lines: null, refunds: null, evidence: [] },
  currencies: [],
  void: null,
  parent: null,
  holdUntil: null,
  test: null,
  sample: null,
  ...NO_EVIDENCE,
  identities: [],
  lines: [],
  refunds: [],
  disputes: [],
};
