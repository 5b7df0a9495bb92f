// The head of an award: its state, when its hold ends, when it is looked at again, to whom it locks the buyer. Pure.
import type { Order } from '../core/order.ts';
import type { RuleVersion } from '../core/rule.ts';
import type { AwardHead } from './award-store.ts';
import { heaviestWinner, type LineDecision } from './decide.ts';
import type { MerchantTerms } from './facts.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
// An unattributed order is looked at again every hour of its first day, then twice a day: evidence that is told wakes it at once anyway.
const RECHECK_EARLY_MS = HOUR_MS;
const RECHECK_LATE_MS = 12 * HOUR_MS;

interface HoldQuestion {
  order: Order;
  lines: readonly LineDecision[];
  standing: AwardHead | null;
  holdDays: number | null;
  now: Date;
  findRule: (ruleId: string, version: number) => RuleVersion;
}

/** Whether what the order earns is released: once it was, for good; else when its hold has ended and nothing holds it. */
export function isReleasable(question: HoldQuestion): boolean {
  if (question.standing?.releasedAt) return true;
  const endsAt = holdEndsAt(question);
  return endsAt !== null && endsAt <= question.now.getTime();
}

/** When the hold ends (epoch milliseconds); null while that is open: nothing earned, not completed, a refund open, not settled where that is waited for. */
function holdEndsAt({ order, lines, holdDays, findRule }: HoldQuestion): number | null {
  const attributed = lines.filter((line) => line.decision === 'attributed');
  if (attributed.length === 0 || order.status !== 'completed' || order.completedAt === null || order.hasOpenRefund || holdDays === null)
    return null;
  const waitsForSettlement = attributed.some((line) => findRule(line.ruleId!, line.ruleVersion!).plan.base === 'platform_commission');
  if (waitsForSettlement && order.settledAt === null) return null;
  return Math.max(order.completedAt + holdDays * DAY_MS, waitsForSettlement ? order.settledAt! : 0);
}

interface HeadQuestion extends Omit<HoldQuestion, 'holdDays'> {
  terms: MerchantTerms | null;
  currency: string | null;
  released: boolean;
  revision: number;
}

/** The head that the award leaves behind. */
export function headAfter(question: HeadQuestion): AwardHead {
  const { order, lines, standing, terms, currency, released, revision, now } = question;
  const holdDays = standing?.holdDays ?? terms?.holdDays ?? null;
  const lock = lockOf(lines);
  const endsAt = released ? null : holdEndsAt({ ...question, holdDays });
  return {
    revision,
    state: stateOf(order, lines, released),
    decisions: [...new Set(lines.map((line) => line.decision))].toSorted(),
    currency: currency ?? standing?.currency ?? null,
    attributionAt: order.attributionAt === null ? null : new Date(order.attributionAt),
    holdDays,
    completedAt: order.status === 'completed' && order.completedAt !== null ? new Date(order.completedAt) : null,
    releasesAt: endsAt === null ? null : new Date(endsAt),
    releasedAt: standing?.releasedAt ?? (released ? now : null),
    recheckAt: recheckAt(order, lines, terms, now),
    lockPromoterId: lock?.promoter_id ?? null,
    lockLinkCode: lock?.link_code ?? null,
    lockClickedAt: lock === null ? null : new Date(lock.clicked_at),
  };
}

function stateOf(order: Order, lines: readonly LineDecision[], released: boolean): AwardHead['state'] {
  if (order.void !== null) return 'void';
  const attributed = lines.filter((line) => line.decision === 'attributed');
  if (attributed.length === 0) return lines.length > 0 && lines.every((line) => line.decision === 'void') ? 'void' : 'none';
  const isRefunded = lines.some((line) => line.split.refundedAmount > 0n) && attributed.every((line) => line.split.base === 0n);
  if (isRefunded) return 'void';
  if (released) return 'released';
  return order.status === 'completed' ? 'confirmed' : 'estimated';
}

function recheckAt(order: Order, lines: readonly LineDecision[], terms: MerchantTerms | null, now: Date): Date | null {
  if (order.attributionAt === null || terms === null || !lines.some((line) => line.decision === 'unattributed')) return null;
  const age = now.getTime() - order.attributionAt;
  const next = now.getTime() + (age < DAY_MS ? RECHECK_EARLY_MS : RECHECK_LATE_MS);
  return next > order.attributionAt + terms.policy.cutoff_days * DAY_MS ? null : new Date(next);
}

/** The buyer is locked to the winner of the line that was paid most for, of equals the first. */
function lockOf(lines: readonly LineDecision[]) {
  let best: LineDecision | null = null;
  for (const line of lines) {
    if (line.decision === 'attributed' && (best === null || line.split.paidAmount > best.split.paidAmount)) best = line;
  }
  return best === null ? null : heaviestWinner(best.pin!);
}

/** Whether two heads say the same. When an unattributed order is looked at again is no news, unless that time has come. */
export function sameHead(a: AwardHead, b: AwardHead): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
