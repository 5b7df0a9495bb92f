// The header of an award: its state, when its holds end, when it is looked at again, to whom it
// locks the buyer. Pure.
import { isDeepStrictEqual } from 'node:util';

import type { Order, OrderLine } from '../../core/order.ts';
import type { AwardHeader, LineHold } from './standing-award.ts';
import type { LineDecision, LineDecisionKind } from './decision.ts';
import type { MerchantFacts } from '../facts/facts.ts';
import { progressOf } from './line-progress.ts';
import { heaviestWinner } from './pin.ts';
import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';

// An unattributed order is looked at again whenever its age has doubled, at the most twice a day.
// Evidence that is told wakes it at once; this finds what nobody told, and what was told at the
// very moment of the award.
const RECHECK_MS_MIN = MINUTE_MS;
const RECHECK_MS_MAX = DAY_MS / 2;

interface HoldQuestion {
  order: Order;
  lines: readonly LineDecision[];
  standing: AwardHeader | null;
  /** The holds as they stand, by line. */
  holds: ReadonlyMap<string, LineHold>;
  terms: MerchantFacts | null;
  now: Date;
}

/**
 * The holds of the lines of which one is known: when it ends, and when its line was released, which
 * is once and for good. What was released stays as it is; a hold that has ended releases its line
 * now.
 */
export function holdsAfter(question: HoldQuestion): LineHold[] {
  const { order, lines, holds, now } = question;
  const holdDays = holdDaysOf(question);
  return order.lines.flatMap((line, index) => {
    const before = holds.get(line.lineId);
    if (before !== undefined && before.releasedAt !== null) return [before];
    const endsAt = holdDays === null ? null : holdEndsAt(line, lines[index]!, holdDays);
    if (endsAt === null && before === undefined) return [];
    const releasedAt = endsAt !== null && endsAt <= now.getTime() ? now : null;
    return [{ lineId: line.lineId, holdDays: holdDays ?? before!.holdDays, endsAt: toDate(endsAt), releasedAt }];
  });
}

/**
 * When the hold of a line ends (epoch milliseconds); null while that is open: nobody earns it, it
 * is not completed, a refund or dispute is open, or it is not settled where that is waited for.
 */
function holdEndsAt(
  { completedAt, settledAt, holdUntil, isHeld }: OrderLine,
  { decision, rule }: LineDecision,
  holdDays: number,
): number | null {
  if (decision !== 'attributed' || completedAt === null || isHeld) return null;
  const waitsForSettlement = rule?.plan.base === 'platform_commission';
  if (waitsForSettlement && settledAt === null) return null;
  return Math.max(completedAt + holdDays * DAY_MS, holdUntil ?? 0, waitsForSettlement ? settledAt! : 0);
}

/**
 * As the terms were when they were first read, for as long as the attribution time stays; and once
 * a line was released, for good.
 */
function holdDaysOf({ order, standing, holds, terms }: HoldQuestion): number | null {
  const isReleased = [...holds.values()].some((hold) => hold.releasedAt !== null);
  const stays = isReleased || standing?.attributionAt?.getTime() === order.attributionAt;
  return (stays ? standing?.holdDays : null) ?? terms?.holdDays ?? null;
}

interface HeaderQuestion extends HoldQuestion {
  currency: string | null;
  /** The holds as they are from now on. */
  holdsNow: readonly LineHold[];
  revision: number;
  /** How many identities of the buyer the order was told. */
  identities: number;
}

/** The header that the award leaves behind. */
export function headerAfter(question: HeaderQuestion): AwardHeader {
  const { order, lines, standing, currency, holdsNow, revision, identities } = question;
  const lock = lockOf(lines);
  const waiting = holdsNow.flatMap(({ releasedAt, endsAt }) => (releasedAt === null && endsAt !== null ? [endsAt.getTime()] : []));
  const released = new Map(holdsNow.flatMap(({ lineId, releasedAt }) => (releasedAt === null ? [] : [[lineId, releasedAt.getTime()]])));
  const attributed = new Set(lines.flatMap((line) => (line.decision === 'attributed' ? [line.lineId] : [])));
  return {
    revision,
    state: stateOf(order, lines, released),
    decisions: [...new Set(lines.map((line) => line.decision))].toSorted(),
    currency: currency ?? standing?.currency ?? null,
    attributionAt: toDate(order.attributionAt),
    holdDays: holdDaysOf(question),
    completedAt: order.status === 'completed' ? toDate(order.completedAt) : null,
    releasesAt: waiting.length === 0 ? null : new Date(Math.min(...waiting)),
    releasedAt: toDate(releasedAtOf(lines, released)),
    isOpen: lines.length === 0 || lines.some((line) => !released.has(line.lineId)),
    recheckAt: recheckAt(question),
    lockPromoterId: lock?.promoter_id ?? null,
    lockLinkCode: lock?.link_code ?? null,
    lockClickedAt: lock === null ? null : new Date(lock.chain_at),
    lockIdentities: lock === null ? 0 : identities,
    progress: progressOf(order, (lineId) => attributed.has(lineId)),
  };
}

const toDate = (at: number | null) => (at === null ? null : new Date(at));

const ADVANCE = ['none', 'estimated', 'confirmed', 'released'] as const satisfies readonly AwardHeader['state'][];

/** A decided line as far as its state depends on it. */
interface DecidedLine {
  decision: LineDecisionKind;
  paidAmount: bigint;
  refundedAmount: bigint;
}

/**
 * What one line has come to; void: nothing is left of it after refunds, or it or its order is void.
 */
export function lineState(line: DecidedLine, completedAt: number | null, isReleased: boolean): AwardHeader['state'] {
  if (line.decision === 'void' || (line.decision === 'attributed' && isRefunded(line))) return 'void';
  if (line.decision !== 'attributed') return 'none';
  if (isReleased) return 'released';
  return completedAt === null ? 'estimated' : 'confirmed';
}

const isRefunded = ({ paidAmount, refundedAmount }: DecidedLine) => refundedAmount > 0n && refundedAmount >= paidAmount;

const decided = ({ decision, split: { paidAmount, refundedAmount } }: LineDecision): DecidedLine => ({
  decision,
  paidAmount,
  refundedAmount,
});

/**
 * The least advanced of the attributed lines on which something is left; without one, void where a
 * line was wholly refunded.
 */
function stateOf(order: Order, lines: readonly LineDecision[], released: ReadonlyMap<string, number>): AwardHeader['state'] {
  if (order.void !== null) return 'void';
  const attributed = lines.flatMap((line, index) => (line.decision === 'attributed' ? [{ line, told: order.lines[index]! }] : []));
  if (attributed.length === 0) return lines.length > 0 && lines.every((line) => line.decision === 'void') ? 'void' : 'none';
  const earning = attributed.filter(({ line }) => line.split.base > 0n);
  if (earning.length === 0 && attributed.some(({ line }) => isRefunded(decided(line)))) return 'void';
  const states = (earning.length > 0 ? earning : attributed).map(({ line, told }) =>
    ADVANCE.indexOf(lineState(decided(line), told.completedAt, released.has(line.lineId)) as (typeof ADVANCE)[number]),
  );
  return ADVANCE[Math.min(...states)]!;
}

/** When the last earning line was released; null while one is not. */
function releasedAtOf(lines: readonly LineDecision[], released: ReadonlyMap<string, number>): number | null {
  const attributed = lines.filter((line) => line.decision === 'attributed');
  const earning = attributed.filter((line) => line.split.base > 0n);
  const counted = earning.length > 0 ? earning : attributed.length > 0 ? attributed : lines.filter((line) => released.has(line.lineId));
  if (counted.length === 0 || counted.some((line) => !released.has(line.lineId))) return null;
  return Math.max(...counted.map((line) => released.get(line.lineId)!));
}

/**
 * A time that was set stays until it has come: that an order is looked at again changes nothing by
 * itself.
 */
function recheckAt({ order, lines, standing, terms, now }: HeaderQuestion): Date | null {
  if (order.attributionAt === null || terms === null || !lines.some((line) => line.decision === 'unattributed')) return null;
  const age = now.getTime() - order.attributionAt;
  const next = now.getTime() + Math.min(Math.max(age, RECHECK_MS_MIN), RECHECK_MS_MAX);
  const set = standing?.recheckAt?.getTime() ?? -Infinity;
  const at = set > now.getTime() ? Math.min(set, next) : next;
  return at > order.attributionAt + terms.policy.cutoff_days * DAY_MS ? null : new Date(at);
}

/** The buyer is locked to the winner of the line that was paid most for, of equals the first. */
function lockOf(lines: readonly LineDecision[]) {
  let best: LineDecision | null = null;
  for (const line of lines) {
    if (line.decision === 'attributed' && (best === null || line.split.paidAmount > best.split.paidAmount)) best = line;
  }
  return best === null ? null : heaviestWinner(best.pin!);
}

/** By what an order locks its buyer, and as whom it knows that buyer. */
const LOCK = ['lockPromoterId', 'lockLinkCode', 'lockClickedAt', 'lockIdentities', 'attributionAt'] as const;
const ALL = [
  ...LOCK,
  'revision',
  'state',
  'decisions',
  'currency',
  'holdDays',
  'completedAt',
  'releasesAt',
  'releasedAt',
  'isOpen',
  'recheckAt',
] as const satisfies (keyof AwardHeader)[];

/** Whether two headers say the same. */
export function sameHeader(a: AwardHeader, b: AwardHeader): boolean {
  return ALL.every((field) => valueOf(a[field]) === valueOf(b[field])) && isDeepStrictEqual(a.progress, b.progress);
}

/** Whether two headers lock the buyer in the same way. */
export function sameLock(a: AwardHeader | null, b: AwardHeader): boolean {
  if (a === null || a.lockPromoterId === null) return b.lockPromoterId === null;
  return LOCK.every((field) => valueOf(a[field]) === valueOf(b[field]));
}

/** Whether two holds say the same. */
export function sameHold(a: LineHold | undefined, b: LineHold): boolean {
  return a?.holdDays === b.holdDays && a.endsAt?.getTime() === b.endsAt?.getTime() && a.releasedAt?.getTime() === b.releasedAt?.getTime();
}

function valueOf(value: AwardHeader[(typeof ALL)[number]]): string | number | boolean | null {
  if (value instanceof Date) return value.getTime();
  return Array.isArray(value) ? value.join() : value;
}
