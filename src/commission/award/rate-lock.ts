// A merchant's rate lock: of the rules in force at the click and at the attribution time the one
// that pays the winner more. Pure.
import type { Order, OrderLine } from '../../core/order.ts';
import type { RuleVersion } from '../../core/rule.ts';
import { splitOrder, type Winner } from '../../core/split.ts';

/** A line as it is first decided, with its winners, the heaviest of whom the lock is for. */
interface LockedLine {
  line: OrderLine;
  winners: readonly Winner[];
  winnerId: string;
  refunds: Order['refunds'];
  currency: string | null;
}

/** Whether one rule pays the winner of a line more than another; null is no rule. */
export function paysMore(one: RuleVersion | null, other: RuleVersion | null, locked: LockedLine): boolean {
  return netOf(one, locked) > netOf(other, locked);
}

/** What the winner would get of the line, were it alone in its order. */
function netOf(rule: RuleVersion | null, { line, winners, winnerId, refunds, currency }: LockedLine): bigint {
  if (rule === null) return 0n;
  const { lineId, paidAmount, quantity, platformCommission } = line;
  const [split] = splitOrder({
    currency: currency ?? '',
    lines: [{ lineId, paidAmount, quantity, platformCommission, rule, winners, barred: null }],
    refunds: refunds.filter((refund) => refund.status === 'succeeded' && refund.lineId === lineId),
  });
  let net = 0n;
  for (const share of split?.shares ?? []) if (share.role === 'promoter' && share.promoterId === winnerId) net += share.amount;
  return net;
}
