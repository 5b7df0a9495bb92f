// What a reconciliation finds of an order: whether it was known, and whether its money or state were as the report says.
import { isDeepStrictEqual } from 'node:util';

import { lift, merge } from '../core/merge.ts';
import type { MergedOrder } from '../core/merged.ts';
import { viewOrder, WHOLE_ORDER, type Order } from '../core/order.ts';
import { readReport, type Report } from '../core/report.ts';
import type { Statement } from '../inbox/read.ts';

export type Found = 'known' | 'missing' | 'different';

/** Judges a report by the order as it stands; undefined: nobody has told of it. */
export function findingOf({ delivery, stated, contentHash, says }: Statement, standing: MergedOrder | undefined): Found {
  if (standing === undefined) return 'missing';
  const { received_at: receivedAt } = delivery;
  // Whom it names moves no money by itself.
  const reading = { receivedAt, observedMax: receivedAt, untimedAt: null, identities: [], named: new Map() };
  const report = readReport({ ...stated, merchant_id: stated.merchant_id ?? '' }, reading);
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

/** Where a report tells of the order as a whole, merging it changes nothing in known lines: their sums are what it is compared with. */
function totalsAgree(report: Report, { lines, refunds }: Order): boolean {
  const whole = report.lines.find((line) => line.lineId === WHOLE_ORDER)?.paidAmount;
  const back = report.refunds.find((refund) => refund.refundId === WHOLE_ORDER)?.amount;
  const paid = sum(kept(lines).map((line) => line.paidAmount));
  const refunded = sum(refunds.filter((refund) => refund.status === 'succeeded').map((refund) => refund.amount));
  return (whole == null || BigInt(whole) === paid) && (back == null || BigInt(back) === refunded);
}

const kept = (lines: Order['lines']): Order['lines'] => lines.filter((line) => line.quantity > 0);

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
