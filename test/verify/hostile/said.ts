// What a trial of the hostile market says of orders, before it is written in anybody's words. Times
// are epoch milliseconds, amounts minor units. The same words are reckoned by `reckon.ts` and
// rendered by the writers of each door.

export type Status = 'created' | 'paid' | 'completed';
export type WholeList = 'lines' | 'refunds' | 'evidence';

/** What ties an order, or one of its lines, to somebody. */
export interface SaidEvidence {
  clickToken?: string;
  linkCode?: string;
  couponCodes?: string[];
  /** Of the source itself. */
  promoterId?: string;
}

export interface SaidLine extends SaidEvidence {
  lineId: string;
  productId?: string;
  quantity?: number;
  paid?: number;
  completedAt?: number;
  notCommissionable?: string | false;
}

export interface SaidRefund {
  refundId: string;
  lineId?: string;
  amount?: number;
  status?: 'open' | 'succeeded' | 'failed';
}

interface SaidDispute {
  disputeId: string;
  lineId?: string;
  state: 'open' | 'closed';
}

/** One report of an order. */
export interface Saying extends SaidEvidence {
  at: number;
  /**
   * It is stamped with a time far ahead, which counts as its receipt: later than every other report
   * of its order.
   */
  isAhead?: true;
  /** The order's own source, or a storefront that speaks of that source's order. */
  by: 'source' | 'storefront';
  /** Sent after everything of the phases before has been decided. */
  phase: number;
  status?: Status;
  void?: false | string;
  currency?: string;
  createdAt?: number;
  depositPaidAt?: number;
  paidAt?: number;
  completedAt?: number;
  buyer?: Record<string, string | null>;
  test?: boolean;
  sample?: boolean;
  parent?: { orderId: string; kind: 'split' | 'gift' };
  lines?: SaidLine[];
  refunds?: SaidRefund[];
  disputes?: SaidDispute[];
  whole?: WholeList[];
}

/** How a source is told: by reports in our words, by what a platform pushes, or by files alone. */
export type Teller = 'rest' | 'webhook' | 'shopify' | 'woocommerce' | 'file' | 'wechat-shop' | 'doudian' | 'taobao';

/** An order with everything that is ever said of it. */
export interface ToldOrder {
  sourceId: string;
  orderId: string;
  teller: Teller;
  sayings: Saying[];
  /** Its source was made later than another one of its kind that tells of the same order. */
  isDuplicate?: true;
  /** By an earlier order of its buyer, where nothing stronger names anybody. */
  lockedBy?: ToldOrder;
  /** It was split into parts, which earn in its place. */
  isSplit?: true;
  /** The order that it is a part of, with whose evidence it earns, too. */
  parentOf?: ToldOrder[];
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
