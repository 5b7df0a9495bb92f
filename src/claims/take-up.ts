// Taking a claim up, once its order is here and awarded: evidence is gathered, and strong evidence
// settles it. What waited for its order is found by the sweep.
import type { Kysely, Transaction } from 'kysely';
import { inTransaction, isUnavailable } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { SETTLED_REASON, type Claim, type TellClaim } from './claim.ts';
import { readClaimContext } from './claim-context.ts';
import { findArrived, lockClaim, lockOrder, saveTakenUp, type NamedOrder } from './claim-store.ts';
import { isCredited, readClaimedAward, type ClaimedAward } from './claimed-award.ts';

/**
 * Gathers what is known about a claim, and settles it where the standing award credits the
 * promoter. `before` is the revision before.
 */
export async function takeUp(
  trx: Transaction<DB>,
  claim: Pick<Claim, 'claimId' | 'promoterId'>,
  order: NamedOrder,
  { standing, before, now }: { standing: ClaimedAward; before: number | null; now: Date },
): Promise<Claim> {
  const question = { promoterId: claim.promoterId, merchantId: order.merchantId, attributionAt: order.attributionAt! };
  const gathered = await readClaimContext(trx, standing, question);
  const settled = isCredited(standing, claim.promoterId) ? { reason: SETTLED_REASON, before, after: standing.revision } : null;
  return saveTakenUp(trx, claim.claimId, { orderKey: order.orderKey, sourceId: order.sourceId, gathered, settled }, now);
}

/**
 * Takes up at most `limit` claims whose orders have arrived, and answers how many. Each is done by
 * itself: one that fails waits on, the others are taken up, and what went wrong is thrown in the
 * end.
 */
export async function takeUpClaims(db: Kysely<DB>, tell: TellClaim, limit: number): Promise<number> {
  const errors: unknown[] = [];
  const arrived = await findArrived(db, limit);
  for (const { claimId, orderKey } of arrived) {
    try {
      await inTransaction(db, ({ trx, now }) => takeUpArrived(trx, claimId, orderKey, tell, now));
    } catch (error) {
      if (isUnavailable(error)) throw error;
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} claims could not be taken up`);
  return arrived.length;
}

async function takeUpArrived(trx: Transaction<DB>, claimId: string, orderKey: bigint, tell: TellClaim, now: Date): Promise<void> {
  const claim = await lockClaim(trx, claimId);
  if (claim?.state !== 'waiting') return;
  const order = await lockOrder(trx, orderKey);
  const standing = await readClaimedAward(trx, orderKey, claim.lineId);
  await tell(trx, await takeUp(trx, claim, order, { standing, before: null, now }), now);
}
