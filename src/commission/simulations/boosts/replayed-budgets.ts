// The budgets with which a rehearsal begins: those of campaigns that are changed as they were
// before its period, so that everything in it is asked anew, and all others as they stand.

import type { Transaction } from 'kysely';

import type { BudgetState } from '../../../core/programs/budget.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import type { Campaign } from '../../campaigns/campaign.ts';
import { readBudgetStates, readSpentBefore } from '../../campaigns/budget-store.ts';

/** A campaign as it is rehearsed, with what is spent of it before the first order. */
interface ReplayedCampaign {
  campaign: Campaign;
  isChanged: boolean;
  state: BudgetState;
}

/** What a rehearsal knows of campaigns. */
export interface BudgetReplay {
  campaigns: readonly ReplayedCampaign[];
  /** By which limits are replayed: those of the time when it was asked for. */
  at: Date;
}

interface Asked {
  from: Date;
  to: Date;
  merchantId: string | null;
  madeAt: Date;
}

/**
 * The campaigns that a rehearsal may meet; null where there are none, and orders need no order. A
 * campaign that is over before the period, or begins after it, or is another merchant's, is met by
 * no order.
 */
export async function replayOf(
  trx: Transaction<DB>,
  { from, to, merchantId, madeAt }: Asked,
  standing: readonly Campaign[],
  changed: readonly Campaign[],
): Promise<BudgetReplay | null> {
  const isMet = (campaign: Campaign): boolean =>
    (merchantId === null || campaign.merchantId === merchantId) &&
    campaign.versions.some(({ startsAt, endsAt }) => startsAt < to && endsAt > from);
  const changedIds = new Set(changed.map(({ campaignId }) => campaignId));
  const others = standing.filter((campaign) => !changedIds.has(campaign.campaignId) && isMet(campaign));
  const isTold = (campaign: Campaign): boolean => merchantId === null || campaign.merchantId === merchantId;
  const asked = changed.filter(isTold);
  if (others.length === 0 && asked.length === 0) return null;
  const states = await readBudgetStates(
    trx,
    others.map(({ campaignId }) => campaignId),
  );
  const campaigns: ReplayedCampaign[] = others.map((campaign) => ({ campaign, isChanged: false, state: states.get(campaign.campaignId)! }));
  for (const campaign of asked) {
    const state = await readSpentBefore(trx, campaign.campaignId, from);
    campaigns.push({ campaign, isChanged: true, state });
  }
  return { campaigns, at: madeAt };
}
