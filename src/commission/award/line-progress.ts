// How far the lines of an order have come beside what is decided of them: written with the award,
// so that whoever counts it needs no report of the order.
import type { Order } from '../../core/order.ts';
import type { LineProgress } from './standing-award.ts';

/**
 * The progress of the attributed lines of which there is something to say, in their order. Refunds
 * are those that succeeded; one of the whole order counts once, with the first of these lines.
 */
export function progressOf(
  { lines, refunds }: Pick<Order, 'lines' | 'refunds'>,
  isAttributed: (lineId: string) => boolean,
): LineProgress[] {
  const succeeded = refunds.filter(({ status, amount }) => status === 'succeeded' && amount > 0n);
  const refundsOf = (of: string | null) => succeeded.filter(({ lineId }) => lineId === of).length;
  const attributed = lines.filter(({ lineId }) => isAttributed(lineId));
  return attributed
    .map(({ lineId, completedAt }, index) => ({
      line_id: lineId,
      is_completed: completedAt !== null,
      refunds: refundsOf(lineId) + (index === 0 ? refundsOf(null) : 0),
    }))
    .filter((one) => one.is_completed || one.refunds > 0);
}
