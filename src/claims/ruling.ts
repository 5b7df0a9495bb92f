// An operator's ruling. An approved claim is evidence for good: its order is awarded anew in the
// same transaction, which books the differences.
import type { Transaction } from 'kysely';
import { inForce } from '../commission/facts/facts.ts';
import { readPromoters } from '../commission/facts/facts-store.ts';
import { DomainError } from '../core/errors.ts';
import type { Actor } from '../platform/keys/actor.ts';
import { recordChange } from '../platform/keys/audit-log.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { orNotFound } from '../promotion/not-found.ts';
import type { Claim, ClaimDeps } from './claim.ts';
import { clickOfBuyer } from './claim-context.ts';
import { lockClaim, lockOrder, noteAwarded, saveDecision } from './claim-store.ts';
import { awardAnew, earnableLines, findRival, markRelativesDue, readClaimedAward } from './claimed-award.ts';

interface Decision {
  decision: 'approve' | 'reject';
  reason: string;
}

/**
 * Decides a claim. Throws `not_found`; `claim_decided` for one that is settled or was decided; and
 * where one cannot be approved `claim_waiting`, `claimed_by_another`, `promoter_suspended` and
 * `order_not_claimable`.
 */
export async function decideClaim(
  trx: Transaction<DB>,
  claimId: string,
  { decision, reason }: Decision,
  { actor, now }: { actor: Actor; now: Date },
  deps: ClaimDeps,
): Promise<Claim> {
  const claim = orNotFound(await lockClaim(trx, claimId), 'claim');
  if (claim.state !== 'waiting' && claim.state !== 'open') {
    throw new DomainError('claim_decided', `This claim is ${claim.state}, and is not decided twice.`);
  }
  const by = { decidedBy: actor.keyId, reason };
  const decided =
    decision === 'approve'
      ? await approve(trx, claim, by, now, deps)
      : await saveDecision(trx, claimId, { ...by, state: 'rejected', revisionBefore: null, click: null }, now);
  await recordChange(trx, {
    actor,
    now,
    action: `claim_${decided.state}`,
    subjectKind: 'claim',
    subjectId: claimId,
    before: auditedOf(claim),
    after: auditedOf(decided),
  });
  await deps.tell(trx, decided, now);
  return decided;
}

async function approve(
  trx: Transaction<DB>,
  claim: Claim,
  by: { decidedBy: string; reason: string },
  now: Date,
  { award }: ClaimDeps,
): Promise<Claim> {
  const { claimId, promoterId, orderKey, lineId } = claim;
  if (orderKey === null) throw new DomainError('claim_waiting', 'The order of this claim has not arrived, or has not been paid.');
  const { attributionAt } = await lockOrder(trx, orderKey);
  const rival = await findRival(trx, orderKey, lineId);
  if (rival !== null) {
    throw new DomainError('claimed_by_another', `The claim ${rival} to the same was approved, and what was ruled stands.`);
  }
  const terms = inForce((await readPromoters(trx, [promoterId])).get(promoterId), attributionAt?.getTime() ?? now.getTime());
  if (terms?.active !== true) {
    throw new DomainError('promoter_suspended', `The promoter ${promoterId} was suspended when this order was paid.`);
  }
  const before = await readClaimedAward(trx, orderKey, lineId);
  if (earnableLines(before).length === 0) throw new DomainError('order_not_claimable', 'Nobody can earn this order as it stands.');

  const click = clickOfBuyer(before, promoterId);
  await saveDecision(trx, claimId, { ...by, state: 'approved', revisionBefore: before.revision, click }, now);
  await markRelativesDue(trx, orderKey, now);
  await awardAnew(trx, orderKey, now, award);
  return noteAwarded(trx, claimId, (await readClaimedAward(trx, orderKey, lineId)).revision);
}

/** A claim as the audit log keeps it. */
export function auditedOf({
  claimId,
  promoterId,
  merchantId,
  sourceId,
  orderId,
  lineId,
  state,
  reason,
  revisionBefore,
  revisionAfter,
}: Claim) {
  return {
    claim_id: claimId,
    promoter_id: promoterId,
    merchant_id: merchantId,
    source_id: sourceId,
    order_id: orderId,
    line_id: lineId,
    state,
    reason,
    revision_before: revisionBefore,
    revision_after: revisionAfter,
  };
}
