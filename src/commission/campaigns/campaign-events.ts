// What the world is told of campaigns: who changed what, from when on, before and after, and that a
// budget did not hold what was asked of it.

import type { Event } from '../../outbound/event.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import type { Campaign } from './campaign.ts';
import { limitsAt } from './campaign.ts';
import { showTerms } from './campaign-body.ts';

/** By whom and when, of which draft, and why at once. */
export interface ChangedBy {
  actor: Actor;
  now: Date;
  draftId?: string | null;
  emergency?: string | null;
}

const told = ({ actor, draftId = null, emergency = null }: ChangedBy) => ({
  key_id: actor.keyId,
  person: actor.person,
  draft_id: draftId,
  emergency,
});

/** The latest version of a campaign, with the one before it. */
export function campaignPublished(campaign: Campaign, by: ChangedBy): Event {
  const { campaignId, merchantId, versions } = campaign;
  const [before, after] = [versions.at(-2), versions.at(-1)!];
  const data = {
    campaign_id: campaignId,
    merchant_id: merchantId,
    effective_from: after.effectiveFrom.toISOString(),
    before: before === undefined ? null : showTerms(campaign, before),
    after: showTerms(campaign, after),
    ...told(by),
  };
  return { type: 'campaign.published', key: `${campaignId} ${after.version}`, merchantId, at: by.now, data };
}

/** That a campaign grants nothing to what is attributed from a time on, or does so again. */
export function campaignPaused(campaign: Campaign, change: { paused: boolean; from: Date }, by: ChangedBy): Event {
  const { campaignId, merchantId, pauses } = campaign;
  const type = change.paused ? 'campaign.paused' : 'campaign.resumed';
  const data = {
    campaign_id: campaignId,
    merchant_id: merchantId,
    effective_from: change.from.toISOString(),
    before: { paused: !change.paused },
    after: { paused: change.paused },
    ...told(by),
  };
  return { type, key: `${campaignId} ${pauses.length}`, merchantId, at: by.now, data };
}

/** That a grant did not fit the total: nothing is granted any more, unless the budget reopens. */
export function campaignExhausted(campaign: Campaign, now: Date): Event {
  const { campaignId, merchantId, currency } = campaign;
  const { total, reopens } = limitsAt(campaign, now);
  const data = { campaign_id: campaignId, merchant_id: merchantId, currency, total, reopens };
  return { type: 'campaign.exhausted', key: `${campaignId} ${total}`, merchantId, at: now, data };
}
