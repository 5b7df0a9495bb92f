// What the world is told of re-ratings: that one was approved and so will be booked, with what it
// lowers, what became of it, and that one will not be.

import type { Event } from '../../outbound/event.ts';
import type { OrderState } from './re-rating-order-store.ts';
import type { ReRating } from './re-rating-store.ts';

/** Before anything of it is booked. */
export function reRatingApproved(reRating: ReRating, now: Date): Event {
  const { changed_orders, before, after, lowered, debts_count, debts_amount } = reRating.result!;
  const sums = { changed_orders, commission_before: BigInt(before), commission_after: BigInt(after) };
  const data = {
    ...told(reRating),
    ...sums,
    lowered: { ...lowered, amount: BigInt(lowered.amount) },
    debts: debts_count,
    debts_amount: BigInt(debts_amount),
  };
  return { type: 're_rating.approved', key: reRating.reRatingId, merchantId: reRating.merchantId, at: now, data };
}

/** Everything of it is booked or left out; orders tell of themselves by `commission.adjusted`. */
export function reRatingExecuted(reRating: ReRating, counts: Record<OrderState, number>, now: Date): Event {
  const data = { ...told(reRating), booked: counts.booked, changed_meanwhile: counts.changed_meanwhile, failed: counts.failed };
  return { type: 're_rating.executed', key: reRating.reRatingId, merchantId: reRating.merchantId, at: now, data };
}

export function reRatingCancelled(reRating: ReRating, now: Date): Event {
  return { type: 're_rating.cancelled', key: reRating.reRatingId, merchantId: reRating.merchantId, at: now, data: told(reRating) };
}

const told = ({ reRatingId, ruleIds, merchantId, from, to, currency, reason, lowers }: ReRating) => ({
  re_rating_id: reRatingId,
  rule_ids: ruleIds,
  merchant_id: merchantId,
  from: from.toISOString(),
  to: to.toISOString(),
  currency,
  reason,
  lowers,
});
