// What is told to the world of a claim: that it was made, and how it ended.
import { announce } from '../outbound/announce.ts';
import type { EventType } from '../outbound/event.ts';
import type { ClaimState, TellClaim } from './claim.ts';

const TYPE: Readonly<Record<ClaimState, EventType>> = {
  waiting: 'claim.made',
  open: 'claim.made',
  settled: 'claim.settled',
  approved: 'claim.approved',
  rejected: 'claim.rejected',
};

/**
 * Tells of a claim in the transaction in which it got its state. One that waited and is then open
 * was made once, and is told of once.
 */
export const tellClaim: TellClaim = async (trx, claim, now) => {
  const { claimId, merchantId, promoterId, sourceId, orderId, lineId, state, reason } = claim;
  const data = {
    claim_id: claimId,
    merchant_id: merchantId,
    promoter_id: promoterId,
    source_id: sourceId,
    order_id: orderId,
    line_id: lineId,
    state,
    reason,
    due_at: claim.dueAt.toISOString(),
  };
  await announce(trx, () => [{ type: TYPE[state], key: claimId, merchantId, at: now, data }], now);
};
