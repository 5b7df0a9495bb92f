// The campaigns in memory. A read of one number, in the transaction that awards, says whether they
// are the latest.

import type { Kysely } from 'kysely';

import { groupedBy } from '../../platform/grouped-by.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Campaign } from './campaign.ts';
import { campaignRevision, readCampaigns } from './campaign-store.ts';

/** All campaigns as one transaction saw them. */
export interface Campaigns {
  revision: bigint;
  byId: ReadonlyMap<string, Campaign>;
  byMerchant: ReadonlyMap<string, readonly Campaign[]>;
}

export const NO_CAMPAIGNS: Campaigns = campaignsOf([], 0n);

/** Where the campaigns stand that were read last. */
export interface CampaignCache {
  campaigns: Campaigns | null;
}

/** The campaigns that this transaction sees; they are never changed. */
export async function currentCampaigns(db: Kysely<DB>, cache: CampaignCache): Promise<Campaigns> {
  const revision = await campaignRevision(db);
  if (cache.campaigns?.revision === revision) return cache.campaigns;
  cache.campaigns = campaignsOf(await readCampaigns(db), revision);
  return cache.campaigns;
}

/** These campaigns, as of this revision of their book. */
export function campaignsOf(all: readonly Campaign[], revision: bigint): Campaigns {
  return {
    revision,
    byId: new Map(all.map((campaign) => [campaign.campaignId, campaign])),
    byMerchant: groupedBy(all, ({ merchantId }) => merchantId),
  };
}
