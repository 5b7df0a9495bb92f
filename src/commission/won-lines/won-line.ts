// What promoters have won of an order, line by line: what programs count. Pure.

import { proportionOf } from '../../core/money.ts';
import { viewOrder } from '../../core/order.ts';
import type { MergedOrder } from '../../core/merged.ts';
import type { PinnedWinner } from '../award/pin.ts';

/** What a promoter has won of a line on which something is left. */
export interface WonLine {
  orderKey: bigint;
  lineId: string;
  promoterId: string;
  merchantId: string;
  currency: string;
  /** Null while the line is not completed. */
  completedAt: Date | null;
  /** The kept paid amount times the promoter's weight, rounded down. */
  amount: bigint;
  isReleased: boolean;
}

/** An attributed line as its standing decision has it. */
export interface AttributedLine {
  lineId: string;
  paidAmount: bigint;
  refundedAmount: bigint;
  winners: Pick<PinnedWinner, 'promoter_id' | 'weight' | 'weight_ppm'>[];
  isReleased: boolean;
}

/** An order with its standing award, as far as programs count it. */
export interface AwardedOrder {
  orderKey: bigint;
  merchantId: string;
  currency: string | null;
  merged: MergedOrder;
  lines: AttributedLine[];
}

/**
 * The won lines of an order: of each attributed line on which something is left, each winner's part
 * by weight. A wholly refunded line is won by nobody any more, and so is one of a void order, which
 * is not attributed.
 */
export function wonLinesOf({ orderKey, merchantId, currency, merged, lines }: AwardedOrder): WonLine[] {
  if (currency === null) return [];
  const completed = new Map(viewOrder(merged).lines.map((line) => [line.lineId, line.completedAt]));
  return lines.flatMap(({ lineId, paidAmount, refundedAmount, winners, isReleased }) => {
    const kept = paidAmount - refundedAmount;
    if (kept <= 0n) return [];
    const weights = weightsOf(winners);
    const whole = [...weights.values()].reduce((sum, weight) => sum + weight, 0n);
    const at = completed.get(lineId) ?? null;
    const completedAt = at === null ? null : new Date(at);
    return [...weights].map(([promoterId, weight]) => {
      return { orderKey, lineId, promoterId, merchantId, currency, completedAt, amount: proportionOf(kept, weight, whole), isReleased };
    });
  });
}

function weightsOf(winners: AttributedLine['winners']): Map<string, bigint> {
  const weights = new Map<string, bigint>();
  for (const { promoter_id: promoterId, weight, weight_ppm: ppm } of winners) {
    weights.set(promoterId, (weights.get(promoterId) ?? 0n) + BigInt(weight ?? ppm));
  }
  return weights;
}
