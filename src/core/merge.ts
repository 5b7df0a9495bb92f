// The join of reports: what all reports of one order say together, whatever order they came in and however often.
// The state is plain JSON; every part of it is a maximum, a minimum or a union, so `merge` commutes, associates and is idempotent.
import type { OrderStatus, ParentKind, RefundStatus, Report, ReportLine, ReportRefund } from './report.ts';

// Enough of the hash to break ties; all of it would be most of the state's size.
const TIE_LENGTH = 16;

/** The last writer wins: the value of the report with the greatest `observedAt`, then the greater hash. Null: nobody states it. */
export type Register<Value> = readonly [value: Value, observedAt: number, contentHash: string] | null;

/** A piece of evidence and the earliest `observedAt` at which somebody told it. */
export type Told = readonly [value: string, toldAt: number];

export interface MergedLine {
  lineId: string;
  productId: Register<string>;
  category: Register<string>;
  quantity: Register<number>;
  paidAmount: Register<number>;
  platformCommission: Register<number>;
}

export interface MergedRefund {
  refundId: string;
  lineId: Register<string>;
  amount: Register<number>;
  status: Register<RefundStatus>;
  refundedAt: number | null;
}

/** The state of an order. Lists are sorted by their ids, so that equal states are equal texts. Times are epoch milliseconds. */
export interface MergedOrder {
  status: OrderStatus | null;
  createdAt: number | null;
  depositPaidAt: number | null;
  paidAt: number | null;
  completedAt: number | null;
  settledAt: number | null;
  currencies: readonly string[];
  void: Register<false | string>;
  parent: Register<readonly [orderId: string, kind: ParentKind]>;
  talentId: Register<string>;
  scene: Register<string>;
  identities: readonly Told[];
  clickTokens: readonly Told[];
  linkCodes: readonly Told[];
  couponCodes: readonly Told[];
  promoterIds: readonly Told[];
  lines: readonly MergedLine[];
  refunds: readonly MergedRefund[];
}

/** The state before any report: merging it with another changes nothing. */
export const NOTHING_TOLD: MergedOrder = {
  status: null,
  createdAt: null,
  depositPaidAt: null,
  paidAt: null,
  completedAt: null,
  settledAt: null,
  currencies: [],
  void: null,
  parent: null,
  talentId: null,
  scene: null,
  identities: [],
  clickTokens: [],
  linkCodes: [],
  couponCodes: [],
  promoterIds: [],
  lines: [],
  refunds: [],
};

/**
 * What one report says. `contentHash` is the delivery's, in hex. A storefront's word about another source's order says `evidence`
 * only: buyer, click token, link code and coupon codes. The promoter it names is not that source's word, and talent, scene and
 * parent decide who is paid, so they are left out with status, times, amounts, refunds and void.
 */
export function lift(report: Report, contentHash: string, says: 'all' | 'evidence'): MergedOrder {
  const at = report.observedAt;
  const evidence = {
    ...NOTHING_TOLD,
    identities: tell(report.identities, at),
    clickTokens: tell([report.clickToken], at),
    linkCodes: tell([report.linkCode], at),
    couponCodes: tell(report.couponCodes, at),
  };
  if (says === 'evidence') return evidence;
  const tie = contentHash.slice(0, TIE_LENGTH);
  const state = <Value>(value: Value | null): Register<Value> => (value === null ? null : [value, at, tie]);
  return {
    ...evidence,
    status: report.status,
    ...liftTimes(report),
    currencies: report.currency === null ? [] : [report.currency],
    void: state(report.void === null || report.void === false ? report.void : report.void.reason),
    parent: state(report.parent && ([report.parent.orderId, report.parent.kind] as const)),
    talentId: state(report.talentId),
    scene: state(report.scene),
    promoterIds: tell([report.promoterId], at),
    lines: union(
      report.lines.map((line) => liftLine(line, state)),
      lineKey,
      mergeLines,
    ),
    refunds: union(
      report.refunds.map((refund) => liftRefund(refund, state)),
      refundKey,
      mergeRefunds,
    ),
  };
}

/** A status without its time takes `observedAt`; what is completed was paid by then, and by its completion, at the latest. */
function liftTimes({ status, observedAt, createdAt, depositPaidAt, paidAt, completedAt, settledAt }: Report) {
  const paidBy = status === 'completed' ? earliest(completedAt, observedAt) : status === 'paid' ? observedAt : null;
  return {
    createdAt: createdAt ?? (status === 'created' ? observedAt : null),
    depositPaidAt,
    paidAt: paidAt ?? paidBy,
    completedAt: completedAt ?? (status === 'completed' ? observedAt : null),
    settledAt,
  };
}

type State = <Value>(value: Value | null) => Register<Value>;

function liftLine(line: ReportLine, state: State): MergedLine {
  return {
    lineId: line.lineId,
    productId: state(line.productId),
    category: state(line.category),
    quantity: state(line.quantity),
    paidAmount: state(line.paidAmount),
    platformCommission: state(line.platformCommission),
  };
}

function liftRefund(refund: ReportRefund, state: State): MergedRefund {
  return {
    refundId: refund.refundId,
    lineId: state(refund.lineId),
    amount: state(refund.amount),
    status: state(refund.status),
    refundedAt: refund.refundedAt,
  };
}

/** The join of two states. Reads them in any key order (a database may have its own) and answers in the one of `MergedOrder`. */
export function merge(a: MergedOrder, b: MergedOrder): MergedOrder {
  return {
    status: highest(a.status, b.status),
    createdAt: earliest(a.createdAt, b.createdAt),
    depositPaidAt: earliest(a.depositPaidAt, b.depositPaidAt),
    paidAt: earliest(a.paidAt, b.paidAt),
    completedAt: earliest(a.completedAt, b.completedAt),
    settledAt: earliest(a.settledAt, b.settledAt),
    currencies: union([...a.currencies, ...b.currencies], itself, itself),
    void: latest(a.void, b.void),
    parent: latest(a.parent, b.parent),
    talentId: latest(a.talentId, b.talentId),
    scene: latest(a.scene, b.scene),
    identities: union([...a.identities, ...b.identities], toldKey, firstTold),
    clickTokens: union([...a.clickTokens, ...b.clickTokens], toldKey, firstTold),
    linkCodes: union([...a.linkCodes, ...b.linkCodes], toldKey, firstTold),
    couponCodes: union([...a.couponCodes, ...b.couponCodes], toldKey, firstTold),
    promoterIds: union([...a.promoterIds, ...b.promoterIds], toldKey, firstTold),
    lines: union([...a.lines, ...b.lines], lineKey, mergeLines),
    refunds: union([...a.refunds, ...b.refunds], refundKey, mergeRefunds),
  };
}

function mergeLines(a: MergedLine, b: MergedLine): MergedLine {
  return {
    lineId: a.lineId,
    productId: latest(a.productId, b.productId),
    category: latest(a.category, b.category),
    quantity: latest(a.quantity, b.quantity),
    paidAmount: latest(a.paidAmount, b.paidAmount),
    platformCommission: latest(a.platformCommission, b.platformCommission),
  };
}

function mergeRefunds(a: MergedRefund, b: MergedRefund): MergedRefund {
  return {
    refundId: a.refundId,
    lineId: latest(a.lineId, b.lineId),
    amount: latest(a.amount, b.amount),
    status: latest(a.status, b.status),
    refundedAt: earliest(a.refundedAt, b.refundedAt),
  };
}

const itself = (text: string): string => text;
const toldKey = (told: Told): string => told[0];
const lineKey = (line: MergedLine): string => line.lineId;
const refundKey = (refund: MergedRefund): string => refund.refundId;
const firstTold = (a: Told, b: Told): Told => (a[1] <= b[1] ? a : b);

const RANK: Record<OrderStatus, number> = { created: 0, paid: 1, completed: 2 };

function highest(a: OrderStatus | null, b: OrderStatus | null): OrderStatus | null {
  if (a === null || b === null) return a ?? b;
  return RANK[a] >= RANK[b] ? a : b;
}

function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

/** The later of two registers. One delivery may say two things of one field at once: then their texts decide, never the arrival. */
function latest<Value>(a: Register<Value>, b: Register<Value>): Register<Value> {
  if (a === null || b === null) return a ?? b;
  if (a[1] !== b[1]) return a[1] > b[1] ? a : b;
  if (a[2] !== b[2]) return a[2] > b[2] ? a : b;
  return JSON.stringify(a[0]) >= JSON.stringify(b[0]) ? a : b;
}

function tell(values: readonly (string | null)[], toldAt: number): Told[] {
  const stated = values.filter((value) => value !== null);
  return union(
    stated.map((value): Told => [value, toldAt]),
    toldKey,
    firstTold,
  );
}

/** Joins what has one key and sorts by it (code units). What stands alone joins with itself, which puts its fields in our order. */
function union<Item>(items: readonly Item[], keyOf: (item: Item) => string, join: (a: Item, b: Item) => Item): Item[] {
  const byKey = new Map<string, Item>();
  for (const item of items) {
    const key = keyOf(item);
    byKey.set(key, join(byKey.get(key) ?? item, item));
  }
  return [...byKey.values()].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
