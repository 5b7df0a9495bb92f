// The join of reports: what all reports of one order say together, whatever order they came in and
// however often. The state is plain JSON; every part of it is a maximum, a minimum or a union, so
// `merge` commutes, associates and is idempotent.
import { boundEvidence } from './merge-bounds.ts';
import { NO_EVIDENCE, NOTHING_TOLD } from './merged.ts';
import type { MergedDispute, MergedEvidence, MergedLine, MergedOrder, MergedRefund, Register, TimedWord, WholeStamps } from './merged.ts';
import type { OrderStatus, Report, ReportDispute, ReportEvidence, ReportLine, ReportRefund, WholeList } from './report.ts';

// Enough of the hash to break ties; all of it would be most of the state's size.
const TIE_LENGTH = 16;

/**
 * What one report says. `contentHash` is the delivery's, in hex. A storefront's word about another
 * source's order says `evidence` only: the buyer, and for the order or a line click token, link
 * code and coupon codes. Whom it names besides is not that source's word, and whatever decides what
 * is paid is left out.
 */
export function lift(report: Report, contentHash: string, says: 'all' | 'evidence'): MergedOrder {
  const at = report.observedAt;
  const tie = contentHash.slice(0, TIE_LENGTH);
  const state: State = (value) => (value === null ? null : [value, at, tie]);
  const identities = tell(report.identities, at);
  if (says === 'evidence') {
    const lines = report.lines.flatMap((line) => evidenceLine(line.lineId, brought(line.evidence, at)));
    return { ...NOTHING_TOLD, ...brought(report.evidence, at), identities, lines: unionOf(lines, lineKey, mergeLines) };
  }
  const stamp = (list: WholeList): number | null => (report.whole.includes(list) ? at : null);
  const evidenceStamp = stamp('evidence');
  return {
    ...NOTHING_TOLD,
    ...liftEvidence(report.evidence, at, state),
    status: report.status,
    ...liftTimes(report),
    toldFrom: at,
    whole: { lines: stamp('lines'), refunds: stamp('refunds'), evidence: evidenceStamp === null ? [] : [evidenceStamp] },
    currencies: tell([report.currency], at),
    void: state(report.void === null || report.void === false ? report.void : report.void.reason),
    parent: state(report.parent && ([report.parent.orderId, report.parent.kind] as const)),
    holdUntil: state(report.holdUntil),
    test: state(report.test),
    sample: state(report.sample),
    identities,
    lines: unionOf(
      report.lines.map((line) => liftLine(line, at, state)),
      lineKey,
      mergeLines,
    ),
    refunds: unionOf(
      report.refunds.map((refund) => liftRefund(refund, at, state)),
      refundKey,
      mergeRefunds,
    ),
    disputes: unionOf(
      report.disputes.map((dispute) => liftDispute(dispute, state)),
      disputeKey,
      mergeDisputes,
    ),
  };
}

/**
 * A status without its time takes `observedAt`; what is completed was paid by then, and by its
 * completion, at the latest.
 */
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

/** What the buyer brought. */
function brought({ clickToken, linkCode, couponCodes }: ReportEvidence, at: number): MergedEvidence {
  return { ...NO_EVIDENCE, clickTokens: tell([clickToken], at), linkCodes: tell([linkCode], at), couponCodes: tell(couponCodes, at) };
}

function liftEvidence(evidence: ReportEvidence, at: number, state: State): MergedEvidence {
  return {
    ...brought(evidence, at),
    promoterIds: tell(evidence.promoterIds, at),
    namedLinkCodes: tell(evidence.namedLinkCodes, at),
    talentId: state(evidence.talentId),
    scene: state(evidence.scene),
  };
}

function orNull(evidence: MergedEvidence): MergedEvidence | null {
  return Object.values(evidence).some((part: readonly unknown[] | null) => part !== null && part.length > 0) ? evidence : null;
}

function evidenceLine(lineId: string, evidence: MergedEvidence): MergedLine[] {
  return orNull(evidence) === null ? [] : [{ ...NOTHING_OF_LINE, lineId, evidence }];
}

const NOTHING_OF_LINE = {
  toldAt: null,
  productId: null,
  category: null,
  quantity: null,
  paidAmount: null,
  platformCommission: null,
  completedAt: null,
  settledAt: null,
  holdUntil: null,
  notCommissionable: null,
} satisfies Partial<MergedLine>;

function liftLine(line: ReportLine, at: number, state: State): MergedLine {
  return {
    lineId: line.lineId,
    toldAt: at,
    productId: state(line.productId),
    category: state(line.category),
    quantity: state(line.quantity),
    paidAmount: state(line.paidAmount),
    platformCommission: state(line.platformCommission),
    completedAt: line.completedAt,
    settledAt: line.settledAt,
    holdUntil: state(line.holdUntil),
    notCommissionable: state(line.notCommissionable),
    evidence: orNull(liftEvidence(line.evidence, at, state)),
  };
}

function liftRefund(refund: ReportRefund, at: number, state: State): MergedRefund {
  return {
    refundId: refund.refundId,
    toldAt: at,
    lineId: state(refund.lineId),
    amount: state(refund.amount),
    status: state(refund.status),
    reason: state(refund.reason),
    refundedAt: refund.refundedAt,
  };
}

function liftDispute(dispute: ReportDispute, state: State): MergedDispute {
  return {
    disputeId: dispute.disputeId,
    lineId: state(dispute.lineId),
    kind: state(dispute.kind),
    state: dispute.state ?? 'open',
  };
}

/**
 * The join of two states. Reads them in any key order (a database may have its own), and as they
 * were kept before they had all of today's fields; answers in the order of `MergedOrder`.
 */
export function merge(a: MergedOrder, b: MergedOrder): MergedOrder {
  return boundEvidence({
    status: highest(a.status, b.status),
    createdAt: earliest(a.createdAt, b.createdAt),
    depositPaidAt: earliest(a.depositPaidAt, b.depositPaidAt),
    paidAt: earliest(a.paidAt, b.paidAt),
    completedAt: earliest(a.completedAt, b.completedAt),
    settledAt: earliest(a.settledAt, b.settledAt),
    toldFrom: earliest(a.toldFrom, b.toldFrom),
    whole: mergeStamps(a.whole, b.whole),
    currencies: union([...a.currencies.map(dated), ...b.currencies.map(dated)], toldKey, lastTold),
    void: latest(a.void, b.void),
    parent: latest(a.parent, b.parent),
    holdUntil: latest(a.holdUntil, b.holdUntil),
    test: latest(a.test, b.test),
    sample: latest(a.sample, b.sample),
    ...mergeEvidence(a, b),
    identities: union([...a.identities, ...b.identities], toldKey, firstTold),
    lines: unionOf([...a.lines, ...b.lines], lineKey, mergeLines),
    refunds: unionOf([...a.refunds, ...b.refunds], refundKey, mergeRefunds),
    disputes: unionOf([...(a.disputes ?? []), ...(b.disputes ?? [])], disputeKey, mergeDisputes),
  });
}

/** Currencies were once kept without their time. */
const dated = (currency: TimedWord | string): TimedWord => (typeof currency === 'string' ? [currency, 0] : currency);

function mergeStamps(a: WholeStamps | undefined, b: WholeStamps | undefined): WholeStamps {
  return {
    lines: greatest(a?.lines, b?.lines),
    refunds: greatest(a?.refunds, b?.refunds),
    evidence: [...new Set([...(a?.evidence ?? []), ...(b?.evidence ?? [])])].toSorted((one, other) => other - one),
  };
}

function mergeEvidence(a: MergedEvidence, b: MergedEvidence): MergedEvidence {
  return {
    clickTokens: union([...a.clickTokens, ...b.clickTokens], toldKey, firstTold),
    linkCodes: union([...a.linkCodes, ...b.linkCodes], toldKey, firstTold),
    couponCodes: union([...a.couponCodes, ...b.couponCodes], toldKey, firstTold),
    promoterIds: union([...a.promoterIds, ...b.promoterIds], toldKey, lastTold),
    namedLinkCodes: union([...(a.namedLinkCodes ?? []), ...(b.namedLinkCodes ?? [])], toldKey, lastTold),
    talentId: latest(a.talentId, b.talentId),
    scene: latest(a.scene, b.scene),
  };
}

function mergeLines(a: MergedLine, b: MergedLine): MergedLine {
  return {
    lineId: a.lineId,
    toldAt: greatest(lineToldAt(a), lineToldAt(b)),
    productId: latest(a.productId, b.productId),
    category: latest(a.category, b.category),
    quantity: latest(a.quantity, b.quantity),
    paidAmount: latest(a.paidAmount, b.paidAmount),
    platformCommission: latest(a.platformCommission, b.platformCommission),
    completedAt: earliest(a.completedAt, b.completedAt),
    settledAt: earliest(a.settledAt, b.settledAt),
    holdUntil: latest(a.holdUntil, b.holdUntil),
    notCommissionable: latest(a.notCommissionable, b.notCommissionable),
    evidence: a.evidence && b.evidence ? mergeEvidence(a.evidence, b.evidence) : (a.evidence ?? b.evidence ?? null),
  };
}

/** A line that was kept without the time of its telling was told when its fields were. */
function lineToldAt(line: MergedLine): number | null {
  if (line.toldAt !== undefined) return line.toldAt;
  return registersToldAt(line.productId, line.category, line.quantity, line.paidAmount, line.platformCommission);
}

function registersToldAt(...registers: (Register<unknown> | undefined)[]): number {
  return Math.max(0, ...registers.map((register) => register?.[1] ?? 0));
}

function mergeRefunds(a: MergedRefund, b: MergedRefund): MergedRefund {
  return {
    refundId: a.refundId,
    toldAt: Math.max(refundToldAt(a), refundToldAt(b)),
    lineId: latest(a.lineId, b.lineId),
    amount: latest(a.amount, b.amount),
    status: latest(a.status, b.status),
    reason: latest(a.reason, b.reason),
    refundedAt: earliest(a.refundedAt, b.refundedAt),
  };
}

function refundToldAt(refund: MergedRefund): number {
  return refund.toldAt ?? registersToldAt(refund.lineId, refund.amount, refund.status);
}

function mergeDisputes(a: MergedDispute, b: MergedDispute): MergedDispute {
  return {
    disputeId: a.disputeId,
    lineId: latest(a.lineId, b.lineId),
    kind: latest(a.kind, b.kind),
    state: a.state === 'closed' ? a.state : b.state,
  };
}

const toldKey = (told: TimedWord): string => told[0];
const lineKey = (line: MergedLine): string => line.lineId;
const refundKey = (refund: MergedRefund): string => refund.refundId;
const disputeKey = (dispute: MergedDispute): string => dispute.disputeId;
const firstTold = (a: TimedWord, b: TimedWord): TimedWord => (a[1] <= b[1] ? a : b);
const lastTold = (a: TimedWord, b: TimedWord): TimedWord => (a[1] >= b[1] ? a : b);

const RANK: Record<OrderStatus, number> = { created: 0, paid: 1, completed: 2 };

function highest(a: OrderStatus | null, b: OrderStatus | null): OrderStatus | null {
  if (a === null || b === null) return a ?? b;
  return RANK[a] >= RANK[b] ? a : b;
}

type Time = number | null | undefined;

function earliest(a: Time, b: Time): number | null {
  return a == null || b == null ? (a ?? b ?? null) : Math.min(a, b);
}

function greatest(a: Time, b: Time): number | null {
  return a == null || b == null ? (a ?? b ?? null) : Math.max(a, b);
}

/**
 * The later of two registers. One delivery may say two things of one field at once: then their
 * texts decide, never the arrival.
 */
function latest<Value>(a: Register<Value> | undefined, b: Register<Value> | undefined): Register<Value> {
  if (a == null || b == null) return a ?? b ?? null;
  if (a[1] !== b[1]) return a[1] > b[1] ? a : b;
  if (a[2] !== b[2]) return a[2] > b[2] ? a : b;
  return JSON.stringify(a[0]) >= JSON.stringify(b[0]) ? a : b;
}

function tell(values: readonly (string | null)[], toldAt: number): TimedWord[] {
  const stated = values.filter((value) => value !== null);
  return union(
    stated.map((value): TimedWord => [value, toldAt]),
    toldKey,
    firstTold,
  );
}

/** Joins what has one key and sorts by it (code units). */
function union<Item>(items: readonly Item[], keyOf: (item: Item) => string, join: (a: Item, b: Item) => Item): Item[] {
  if (items.length < 2) return [...items];
  const byKey = new Map<string, Item>();
  for (const item of items) {
    const key = keyOf(item);
    const other = byKey.get(key);
    byKey.set(key, other === undefined ? item : join(other, item));
  }
  return [...byKey.values()].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/**
 * The union of what has fields: what stands alone joins with itself, which puts its fields in our
 * order.
 */
function unionOf<Item>(items: readonly Item[], keyOf: (item: Item) => string, join: (a: Item, b: Item) => Item): Item[] {
  return union(
    items.map((item) => join(item, item)),
    keyOf,
    join,
  );
}
