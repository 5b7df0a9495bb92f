// How large an order may be. What goes beyond waits outside, so that the work of one order stays
// bounded whatever is sent.
import type { MergedOrder } from './merged.ts';
import { AMOUNT_MAX } from './report.ts';

export interface OrderBounds {
  /** Lines that are there; four times as many may ever have been told. */
  linesMax: number;
  /** Refunds, and disputes. */
  refundsMax: number;
}

const LINES_EVER_PER_LINE = 4;

/** Whether the order has more lines, refunds or money than orders may have. */
export function isTooLarge(order: MergedOrder, { linesMax, refundsMax }: OrderBounds): boolean {
  if (order.refunds.length > refundsMax || order.disputes.length > refundsMax) return true;
  if (order.lines.length > linesMax * LINES_EVER_PER_LINE) return true;
  const stamp = order.whole.lines ?? 0;
  let there = 0;
  let paid = 0;
  for (const { toldAt, paidAmount } of order.lines) {
    if (toldAt === null || toldAt < stamp) continue;
    there += 1;
    paid += paidAmount?.[0] ?? 0;
  }
  return there > linesMax || paid > AMOUNT_MAX;
}
