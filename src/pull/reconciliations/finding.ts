// What a reconciliation finds of an order: whether it was known, and whether its money or state
// were as the report says.
import { isDeepStrictEqual } from 'node:util';

import { lift, merge } from '../../core/merge.ts';
import type { MergedOrder } from '../../core/merged.ts';
import { standsIn, viewOrder, WHOLE_ORDER, type Order } from '../../core/order.ts';
import { readReport, type Report } from '../../core/report.ts';
import type { DeliveredReport } from '../../inbox/read.ts';

export type Comparison = 'known' | 'missing' | 'different';

/** Judges a report by the order as it stands; undefined: nobody has told of it. */
export function findingOf({ delivery, content, contentHash, says }: DeliveredReport, standing: MergedOrder | undefined): Comparison {
  if (standing === undefined) return 'missing';
  const { received_at: receivedAt } = delivery;
  // Whom it names moves no money by itself.
  const reading = { receivedAt, observedMax: receivedAt, untimedAt: null, identities: [], named: new Map() };
  const report = readReport({ ...content, merchant_id: content.merchant_id ?? '' }, reading);
  const before = viewOrder(standing);
  const after = viewOrder(merge(standing, lift(report, contentHash, says)));
  const agrees = isDeepStrictEqual(moneyOf(before), moneyOf(after)) && totalsAgree(report, after);
  return agrees ? 'known' : 'different';
}

/** The part of an order by which money moves. */
function moneyOf({ status, statusStated, void: voided, currency, settledAt, lines, refunds }: Order) {
  return {
    status: statusStated ? status : null,
    voided: voided !== null,
    currency,
    settled: settledAt !== null,
    lines: kept(lines).map(({ lineId, quantity, paidAmount, platformCommission }) => ({
      lineId,
      quantity,
      paidAmount,
      platformCommission,
    })),
    refunds: refunds
      .filter((refund) => refund.amount > 0n)
      .map(({ refundId, lineId, amount, status: refundStatus }) => ({ refundId, lineId, amount, refundStatus })),
  };
}

/**
 * Where a report tells of lines or refunds without their ids, merging it changes nothing in known
 * ones: it is compared with their sums, of a product where it names one.
 */
function totalsAgree(report: Report, { lines, refunds }: Order): boolean {
  const paid = new Map<string | null, bigint>();
  for (const { lineId, productId, paidAmount } of report.lines) {
    if (standsIn(lineId) && paidAmount !== null) paid.set(productId, (paid.get(productId) ?? 0n) + BigInt(paidAmount));
  }
  const known = kept(lines);
  const linesAgree = [...paid].every(
    ([productId, amount]) =>
      amount === sum(known.filter((line) => productId === null || line.productId === productId).map((line) => line.paidAmount)),
  );
  const back = refunds.filter((refund) => refund.status === 'succeeded');
  const whole = sum(back.map((refund) => refund.amount));
  const refundsAgree = report.refunds.every(({ refundId, lineId, amount }) => {
    if (!standsIn(refundId) || amount === null || BigInt(amount) === whole) return true;
    if (refundId === WHOLE_ORDER) return false;
    const ofLine = back.filter((refund) => lineId === null || refund.lineId === lineId);
    return BigInt(amount) === sum(ofLine.map((refund) => refund.amount)) || ofLine.some((refund) => refund.amount === BigInt(amount));
  });
  return linesAgree && refundsAgree;
}

const kept = (lines: Order['lines']): Order['lines'] => lines.filter((line) => line.quantity > 0);

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
