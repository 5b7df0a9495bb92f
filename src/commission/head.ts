// The head of an award: its state, when its hold ends, when it is looked at again, to whom it locks the buyer. Pure.
import type { Order } from '../core/order.ts';
import type { AwardHead } from './award-store.ts';
import type { LineDecision } from './decide.ts';
import type { MerchantTerms } from './facts.ts';
import { heaviestWinner } from './pin.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
// An unattributed order is looked at again whenever its age has doubled, at the most twice a day. Evidence that is told wakes it at once; this
// finds what nobody told, and what was told at the very moment of the award.
const RECHECK_MS_MIN = MINUTE_MS;
const RECHECK_MS_MAX = DAY_MS / 2;

interface HoldQuestion {
  order: Order;
  lines: readonly LineDecision[];
  standing: AwardHead | null;
  terms: MerchantTerms | null;
  now: Date;
}

/** Whether what the order earns is released: once it was, for good; else when its hold has ended and nothing holds it. */
export function isReleasable(question: HoldQuestion): boolean {
  if (question.standing?.releasedAt) return true;
  const endsAt = holdEndsAt(question);
  return endsAt !== null && endsAt <= question.now.getTime();
}

/**
 * When the hold ends (epoch milliseconds); null while that is open: nothing earned, not completed, a refund open, not settled where that is
 * waited for.
 */
function holdEndsAt(question: HoldQuestion): number | null {
  const { order, lines } = question;
  const holdDays = holdDaysOf(question);
  const attributed = lines.filter((line) => line.decision === 'attributed');
  if (attributed.length === 0 || order.status !== 'completed' || order.completedAt === null || order.hasOpenRefund || holdDays === null)
    return null;
  const waitsForSettlement = attributed.some((line) => line.rule?.plan.base === 'platform_commission');
  if (waitsForSettlement && order.settledAt === null) return null;
  return Math.max(order.completedAt + holdDays * DAY_MS, waitsForSettlement ? order.settledAt! : 0);
}

/** As the terms were when they were first read, for as long as the attribution time stays; and once released, for good. */
function holdDaysOf({ order, standing, terms }: HoldQuestion): number | null {
  const stays = standing?.releasedAt || standing?.attributionAt?.getTime() === order.attributionAt;
  return (stays ? standing?.holdDays : null) ?? terms?.holdDays ?? null;
}

interface HeadQuestion extends HoldQuestion {
  currency: string | null;
  released: boolean;
  revision: number;
}

/** The head that the award leaves behind. */
export function headAfter(question: HeadQuestion): AwardHead {
  const { order, lines, standing, currency, released, revision, now } = question;
  const lock = lockOf(lines);
  const endsAt = released ? null : holdEndsAt(question);
  return {
    revision,
    state: stateOf(order, lines, released),
    decisions: [...new Set(lines.map((line) => line.decision))].toSorted(),
    currency: currency ?? standing?.currency ?? null,
    attributionAt: toDate(order.attributionAt),
    holdDays: holdDaysOf(question),
    completedAt: order.status === 'completed' ? toDate(order.completedAt) : null,
    releasesAt: toDate(endsAt),
    releasedAt: standing?.releasedAt ?? (released ? now : null),
    recheckAt: recheckAt(question),
    lockPromoterId: lock?.promoter_id ?? null,
    lockLinkCode: lock?.link_code ?? null,
    lockClickedAt: lock === null ? null : new Date(lock.chain_at),
  };
}

const toDate = (at: number | null) => (at === null ? null : new Date(at));

const isRefunded = ({ split }: LineDecision) => split.refundedAmount > 0n && split.refundedAmount >= split.paidAmount;

function stateOf(order: Order, lines: readonly LineDecision[], released: boolean): AwardHead['state'] {
  if (order.void !== null) return 'void';
  const attributed = lines.filter((line) => line.decision === 'attributed');
  if (attributed.length === 0) return lines.length > 0 && lines.every((line) => line.decision === 'void') ? 'void' : 'none';
  if (attributed.some(isRefunded) && attributed.every((line) => line.split.base === 0n)) return 'void';
  if (released) return 'released';
  return order.status === 'completed' ? 'confirmed' : 'estimated';
}

/** A time that was set stays until it has come: that an order is looked at again changes nothing by itself. */
function recheckAt({ order, lines, standing, terms, now }: HeadQuestion): Date | null {
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

const LOCK = ['lockPromoterId', 'lockLinkCode', 'lockClickedAt', 'attributionAt'] as const;
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
  'recheckAt',
] as const satisfies (keyof AwardHead)[];

/** Whether two heads say the same. */
export function sameHead(a: AwardHead, b: AwardHead): boolean {
  return ALL.every((field) => valueOf(a[field]) === valueOf(b[field]));
}

/** Whether two heads lock the buyer in the same way. */
export function sameLock(a: AwardHead | null, b: AwardHead): boolean {
  if (a === null || a.lockPromoterId === null) return b.lockPromoterId === null;
  return LOCK.every((field) => valueOf(a[field]) === valueOf(b[field]));
}

function valueOf(value: AwardHead[keyof AwardHead]): string | number | null {
  if (value instanceof Date) return value.getTime();
  return Array.isArray(value) ? value.join() : value;
}
