// What is told to the world of payouts.

import type { PayoutState } from '../core/payouts/payout.ts';
import type { Event, EventType } from '../outbound/event.ts';
import { netOf, type Payout } from './payout.ts';

/**
 * Every state but the draft's own is told; each once, since none is reached twice but by its time.
 */
export function payoutEvent(payout: Payout, at: Date): Event {
  const { payoutId, batchId, promoterId, currency, providerId, gross, withheld, state, reason, reference } = payout;
  return {
    type: typeOf(state),
    key: `${payoutId}\n${state}\n${at.toISOString()}`,
    merchantId: null,
    at,
    data: {
      payout_id: payoutId,
      batch_id: batchId,
      promoter_id: promoterId,
      currency,
      provider_id: providerId,
      gross,
      withheld: withheld ?? 0n,
      net: netOf(payout),
      state,
      reason,
      reference,
    },
  };
}

function typeOf(state: PayoutState): EventType {
  return `payout.${state}`;
}
