// An order as the award reads it: the merged state with its defaults filled in and its amounts as bigint minor units.
import type { MergedLine, MergedOrder, MergedRefund, Register, Told } from './merge.ts';
import type { OrderStatus, ParentKind, RefundStatus } from './report.ts';
import { compareLineIds } from './split.ts';

export interface OrderLine {
  lineId: string;
  productId: string | null;
  category: string | null;
  /** 0: the line was removed. Its amounts stay as they were told; nothing is earned on them. */
  quantity: number;
  paidAmount: bigint;
  platformCommission: bigint | null;
}

export interface OrderRefund {
  refundId: string;
  /** Null: of the whole order. */
  lineId: string | null;
  amount: bigint;
  status: RefundStatus;
  refundedAt: number | null;
}

export interface ToldEvidence {
  value: string;
  toldAt: number;
}

/** Times are epoch milliseconds. */
export interface Order {
  status: OrderStatus;
  /** False: only evidence has arrived so far, the order's own source has not told its status. */
  statusStated: boolean;
  void: { reason: string } | null;
  /** Null: nobody states it (the merchant's holds) or the reports disagree. */
  currency: string | null;
  currencyConflict: boolean;
  createdAt: number | null;
  depositPaidAt: number | null;
  paidAt: number | null;
  completedAt: number | null;
  settledAt: number | null;
  /** As of when the order is attributed: its deposit, else its payment. */
  attributionAt: number | null;
  lines: OrderLine[];
  refunds: OrderRefund[];
  hasOpenRefund: boolean;
  identities: string[];
  clickTokens: ToldEvidence[];
  linkCodes: ToldEvidence[];
  couponCodes: ToldEvidence[];
  promoterIds: ToldEvidence[];
  talentId: string | null;
  scene: string | null;
  parent: { orderId: string; kind: ParentKind } | null;
}

/**
 * The id of a line or a refund that stands for the whole order, where a report knows no others: it counts only for as long as nobody has
 * told of a line or a refund by an id of its own, so that what is known better later is not counted beside it.
 */
export const WHOLE_ORDER = '*';

/** Reads the merged state. Lines stand in the order of `compareLineIds`, refunds by id, evidence by when it was told. */
export function viewOrder(merged: MergedOrder): Order {
  const [currency = null, ...others] = merged.currencies;
  const reason = read(merged.void);
  const parent = read(merged.parent);
  const refunds = viewRefunds(merged.refunds);
  return {
    status: merged.status ?? 'created',
    statusStated: merged.status !== null,
    void: reason === null || reason === false ? null : { reason },
    currency: others.length === 0 ? currency : null,
    currencyConflict: others.length > 0,
    createdAt: merged.createdAt,
    depositPaidAt: merged.depositPaidAt,
    paidAt: merged.paidAt,
    completedAt: merged.completedAt,
    settledAt: merged.settledAt,
    attributionAt: merged.depositPaidAt ?? merged.paidAt,
    lines: viewLines(merged.lines).toSorted((a, b) => compareLineIds(a.lineId, b.lineId)),
    refunds,
    hasOpenRefund: refunds.some((refund) => refund.status === 'open'),
    identities: merged.identities.map(([identity]) => identity),
    clickTokens: viewTold(merged.clickTokens),
    linkCodes: viewTold(merged.linkCodes),
    couponCodes: viewTold(merged.couponCodes),
    promoterIds: viewTold(merged.promoterIds),
    talentId: read(merged.talentId),
    scene: read(merged.scene),
    parent: parent && { orderId: parent[0], kind: parent[1] },
  };
}

/** The whole order's line counts as removed beside others. */
function viewLines(lines: readonly MergedLine[]): OrderLine[] {
  const known = lines.some((line) => line.lineId !== WHOLE_ORDER);
  return lines.map(viewLine).map((line) => (known && line.lineId === WHOLE_ORDER ? { ...line, quantity: 0 } : line));
}

function viewRefunds(refunds: readonly MergedRefund[]): OrderRefund[] {
  const known = refunds.some((refund) => refund.refundId !== WHOLE_ORDER);
  return refunds.map(viewRefund).map((refund) => (known && refund.refundId === WHOLE_ORDER ? { ...refund, amount: 0n } : refund));
}

function viewLine(line: MergedLine): OrderLine {
  const commission = read(line.platformCommission);
  return {
    lineId: line.lineId,
    productId: read(line.productId),
    category: read(line.category),
    quantity: read(line.quantity) ?? 1,
    paidAmount: BigInt(read(line.paidAmount) ?? 0),
    platformCommission: commission === null ? null : BigInt(commission),
  };
}

function viewRefund(refund: MergedRefund): OrderRefund {
  return {
    refundId: refund.refundId,
    lineId: read(refund.lineId),
    amount: BigInt(read(refund.amount) ?? 0),
    status: read(refund.status) ?? 'succeeded',
    refundedAt: refund.refundedAt,
  };
}

function viewTold(told: readonly Told[]): ToldEvidence[] {
  // The sort is stable and the state sorted by value, so evidence told at one time stands by value.
  return told.map(([value, toldAt]) => ({ value, toldAt })).toSorted((a, b) => a.toldAt - b.toldAt);
}

const read = <Value>(register: Register<Value>): Value | null => (register === null ? null : register[0]);
