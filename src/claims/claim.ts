// What a claim is: its states, its limits, and the rule by which it settles without anybody's
// ruling.
import type { Transaction } from 'kysely';
import type { AwardDeps } from '../commission/award/award.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { ClaimContext } from './claim-context.ts';

/**
 * `waiting`: its order has not arrived or has not been paid. `open`: an operator decides.
 * `settled`: strong evidence spoke for it, which is evidence that the merchant's own policy counts;
 * the order is awarded anew with everything that is known by now (a click of its very buyer, a
 * token whose link has arrived, a promoter reinstated), and where that credits the promoter nothing
 * is left to rule. Whatever the policy does not count is weak, and never takes a line from whoever
 * has it. A settled claim locks nothing: better evidence still wins. `approved`: ruled for the
 * promoter; the claim is evidence from then on and goes before all other. `rejected`: ruled
 * against.
 */
export const CLAIM_STATES = ['waiting', 'open', 'settled', 'approved', 'rejected'] as const;
export type ClaimState = (typeof CLAIM_STATES)[number];

/** How many claims a promoter may make in 24 hours. */
export const CLAIMS_PER_DAY = 20;
/**
 * Claims of what is not there, or cannot be claimed: so many may be tried by one promoter in 24
 * hours.
 */
export const MISSES_PER_DAY = 20;
/** How long an operator may take. */
export const DECIDE_WITHIN_HOURS = 72;

export const SETTLED_REASON = 'What is known by now credits the promoter by the ordinary rules of attribution.';

export interface Claim {
  claimId: string;
  promoterId: string;
  merchantId: string;
  sourceId: string | null;
  orderId: string;
  lineId: string | null;
  /** Null while the claim waits. */
  orderKey: bigint | null;
  /** The promoter's own words. */
  evidence: string;
  state: ClaimState;
  madeAt: Date;
  dueAt: Date;
  gathered: ClaimContext | null;
  /** The awards that stood before and after the claim was settled or approved. */
  revisionBefore: number | null;
  revisionAfter: number | null;
  decidedAt: Date | null;
  decidedBy: string | null;
  reason: string | null;
}

/** What has become of a claim, and of which. */
export type TellClaim = (trx: Transaction<DB>, claim: Claim, now: Date) => Promise<void>;

export interface ClaimDeps {
  award: Omit<AwardDeps, 'accounts'>;
  /** Called in the transaction in which a claim has got the state that it has now. */
  tell: TellClaim;
}
