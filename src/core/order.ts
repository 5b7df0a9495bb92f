// An order as the award reads it: the merged state with its defaults filled in and its amounts as
// bigint minor units.
import type { MergedDispute, MergedEvidence, MergedLine, MergedOrder, MergedRefund, Register, TimedWord } from './merged.ts';
import type { OrderStatus, ParentKind, RefundStatus } from './report.ts';
import { compareLineIds } from './split.ts';

export interface OrderLine {
  lineId: string;
  productId: string | null;
  category: string | null;
  /**
   * 0: the line was removed, or is gone. Its amounts stay as they were told; nothing is earned on
   * them.
   */
  quantity: number;
  /** A later report of the whole order does not list it any more. */
  isGone: boolean;
  paidAmount: bigint;
  platformCommission: bigint | null;
  /** The line's own, else the order's where that is completed. */
  completedAt: number | null;
  settledAt: number | null;
  holdUntil: number | null;
  /** A refund or a dispute of the line, or of the whole order, is open. */
  isHeld: boolean;
  /** Why nothing is earned on it whoever shared it, as `tip` or `test`. */
  notCommissionable: string | null;
  talentId: string | null;
  scene: string | null;
}

interface OrderRefund {
  refundId: string;
  /** Null: of the whole order. */
  lineId: string | null;
  amount: bigint;
  status: RefundStatus;
  refundedAt: number | null;
}

/** The kinds of evidence that reports bring. */
const REPORTED_KINDS = ['click_token', 'link_code', 'coupon_code', 'platform'] as const;
export type ReportedKind = (typeof REPORTED_KINDS)[number];

/** A piece of evidence that a report brought: of the whole order (null) or of one of its lines. */
export interface ReportedEvidence {
  kind: ReportedKind;
  value: string;
  toldAt: number;
  lineId: string | null;
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
  /** When its source first told of it. */
  toldFrom: number | null;
  lines: OrderLine[];
  refunds: OrderRefund[];
  identities: string[];
  evidence: ReportedEvidence[];
  talentId: string | null;
  scene: string | null;
  parent: { orderId: string; kind: ParentKind } | null;
}

/**
 * The id of a line or a refund that stands for the whole order, where a report knows no others: it
 * counts only for as long as nobody has told of a line or a refund by an id of its own, so that
 * what is known better later is not counted beside it.
 */
export const WHOLE_ORDER = '*';

/**
 * Whether an id stands in for those that a report does not know: of the whole order, or, as `*:…`,
 * of a part of it. Whatever is told by an id of its own takes the place of all that stands in.
 */
export const standsIn = (id: string): boolean => id === WHOLE_ORDER || id.startsWith(`${WHOLE_ORDER}:`);

/**
 * Reads the merged state. Lines stand in the order of `compareLineIds`, refunds by id, evidence by
 * when it was told, then by its text. What later reports of the whole order do not list is gone; to
 * a part of a split order, `wholeUntil` its own first report, later ones take nothing away.
 */
export function viewOrder(merged: MergedOrder, { wholeUntil = Infinity } = {}): Order {
  const currencies = currenciesOf(merged);
  const reason = read(merged.void);
  const parent = read(merged.parent);
  const refunds = viewRefunds(merged);
  const wordsFrom = merged.whole?.evidence.find((stamp) => stamp <= wholeUntil) ?? null;
  return {
    status: merged.status ?? 'created',
    statusStated: merged.status !== null,
    void: reason === null || reason === false ? null : { reason },
    currency: currencies.length === 1 ? currencies[0]! : null,
    currencyConflict: currencies.length > 1,
    createdAt: merged.createdAt,
    depositPaidAt: merged.depositPaidAt,
    paidAt: merged.paidAt,
    completedAt: merged.completedAt,
    settledAt: merged.settledAt,
    attributionAt: merged.depositPaidAt ?? merged.paidAt,
    toldFrom: merged.toldFrom ?? null,
    lines: viewLines(merged, wordsFrom).toSorted((a, b) => compareLineIds(a.lineId, b.lineId)),
    refunds,
    identities: merged.identities.map(([identity]) => identity),
    evidence: viewEvidence(merged, wordsFrom),
    talentId: wordOf(merged.talentId, wordsFrom),
    scene: read(merged.scene),
    parent: parent && { orderId: parent[0], kind: parent[1] },
  };
}

/** Told before the latest report that tells all of its kind, and not since. */
const isGoneBy = (toldAt: number, stamp: number | null | undefined): boolean => stamp != null && toldAt < stamp;

/**
 * Only reports that are not older than the last whole one can disagree; where none of those states
 * a currency, the latest word stands.
 */
function currenciesOf({ currencies, whole }: MergedOrder): string[] {
  const told = currencies.map((one): TimedWord => (typeof one === 'string' ? [one, 0] : one));
  const latest = Math.max(...told.map(([, toldAt]) => toldAt));
  const stamp = Math.max(whole?.lines ?? 0, whole?.refunds ?? 0, whole?.evidence[0] ?? 0);
  return told.filter(([, toldAt]) => toldAt >= Math.min(stamp, latest)).map(([currency]) => currency);
}

/**
 * The lines that the order's source ever told of. One that stands in counts as removed beside lines
 * with ids of their own, and the whole order's beside any other.
 */
function viewLines(merged: MergedOrder, wordsFrom: number | null): OrderLine[] {
  const told = merged.lines.filter((line) => line.toldAt !== null);
  const known = told.some((line) => !standsIn(line.lineId));
  const isReplaced = ({ lineId }: MergedLine): boolean => standsIn(lineId) && (known || (lineId === WHOLE_ORDER && told.length > 1));
  const held = heldLines(merged);
  return told.map((line) => {
    const isGone = line.toldAt !== undefined && isGoneBy(line.toldAt!, merged.whole?.lines);
    const isRemoved = isGone || isReplaced(line);
    const view = viewLine(line, merged, wordsFrom);
    const isHeld = held.has(null) || held.has(line.lineId);
    return { ...view, isGone, quantity: isRemoved ? 0 : view.quantity, isHeld };
  });
}

function viewLine(line: MergedLine, merged: MergedOrder, wordsFrom: number | null): Omit<OrderLine, 'isGone' | 'isHeld'> {
  const commission = read(line.platformCommission);
  return {
    lineId: line.lineId,
    productId: read(line.productId),
    category: read(line.category),
    quantity: read(line.quantity) ?? 1,
    paidAmount: BigInt(read(line.paidAmount) ?? 0),
    platformCommission: commission === null ? null : BigInt(commission),
    completedAt: line.completedAt ?? (merged.status === 'completed' ? merged.completedAt : null),
    settledAt: line.settledAt ?? merged.settledAt,
    holdUntil: read(line.holdUntil) ?? read(merged.holdUntil),
    notCommissionable: read(line.notCommissionable) || (read(merged.test) ? 'test' : read(merged.sample) ? 'sample' : null),
    talentId: wordOf(line.evidence?.talentId, wordsFrom) ?? wordOf(merged.talentId, wordsFrom),
    scene: read(line.evidence?.scene) ?? read(merged.scene),
  };
}

/** The lines that an open refund or dispute holds; null stands for all of them. */
function heldLines(merged: MergedOrder): Set<string | null> {
  const refunds = merged.refunds.filter((one) => !isGoneRefund(one, merged) && read(one.status) === 'open');
  const disputes = (merged.disputes ?? []).filter((one: MergedDispute) => one.state === 'open');
  return new Set([...refunds, ...disputes].map((one) => read(one.lineId)));
}

function isGoneRefund(refund: MergedRefund, { whole }: MergedOrder): boolean {
  return refund.toldAt !== undefined && isGoneBy(refund.toldAt, whole?.refunds);
}

/**
 * A refund that stands in counts as nothing beside one that is known of its line or of the order.
 */
function viewRefunds(merged: MergedOrder): OrderRefund[] {
  const viewed = merged.refunds.filter((refund) => !isGoneRefund(refund, merged)).map(viewRefund);
  return viewed.map((refund) => {
    if (!standsIn(refund.refundId)) return refund;
    const known = viewed.filter((other) => other !== refund && (!standsIn(other.refundId) || refund.refundId === WHOLE_ORDER));
    const isReplaced = known.some(({ lineId }) => lineId === null || refund.lineId === null || lineId === refund.lineId);
    return isReplaced ? { ...refund, amount: 0n } : refund;
  });
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

const KIND_OF_LIST = [
  ['clickTokens', 'click_token', false],
  ['linkCodes', 'link_code', false],
  ['namedLinkCodes', 'link_code', true],
  ['couponCodes', 'coupon_code', false],
  ['promoterIds', 'platform', true],
] as const;

/**
 * What reports brought, first told first. A word of the source that a later report of all evidence
 * does not repeat is gone.
 */
function viewEvidence(merged: MergedOrder, wordsFrom: number | null): ReportedEvidence[] {
  const piecesOf = (evidence: MergedEvidence | null | undefined, lineId: string | null): ReportedEvidence[] =>
    KIND_OF_LIST.flatMap(([list, kind, isWord]) =>
      (evidence?.[list] ?? []).flatMap(([value, toldAt]) =>
        isWord && isGoneBy(toldAt, wordsFrom) ? [] : [{ kind, value, toldAt, lineId }],
      ),
    );
  const pieces = [...piecesOf(merged, null), ...merged.lines.flatMap((line) => piecesOf(line.evidence, line.lineId))];
  return pieces.length < 2 ? pieces : pieces.toSorted(byTelling);
}

function byTelling(a: ReportedEvidence, b: ReportedEvidence): number {
  return a.toldAt - b.toldAt || compareText(a.value, b.value) || compareText(a.lineId ?? '', b.lineId ?? '');
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function wordOf(register: Register<string> | undefined, wordsFrom: number | null): string | null {
  return register == null || isGoneBy(register[1], wordsFrom) ? null : register[0];
}

const read = <Value>(register: Register<Value> | undefined): Value | null => (register == null ? null : register[0]);
