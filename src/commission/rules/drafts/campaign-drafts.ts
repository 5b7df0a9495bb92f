// Drafts of campaigns: a new one, or new terms of one.
import { DomainError } from '../../../core/errors.ts';
import type { Circumstances, DraftKind } from './draft-kind.ts';
import { campaignStated, campaignTerms, showCampaign } from '../../campaigns/campaign-body.ts';
import { latestOf } from '../../campaigns/campaign.ts';
import { findCampaign, lockCampaign, readSpends } from '../../campaigns/campaign-store.ts';
import { nextCampaign, stateCampaign } from '../../campaigns/stating-campaign.ts';
import { faultsOfRefusal } from '../rule-check-routes.ts';
import { readChange } from './rule-drafts.ts';
import type { Kysely } from 'kysely';
import type { DB } from '../../../platform/postgres/tables.ts';

/** What may be otherwise by the time of the publication. */
const PASSING = new Set(['unknown_merchant', 'budget_below_spent', 'notice_too_short', 'retroactive_not_allowed']);

/** A campaign: all of its terms. */
export const campaignDrafts: DraftKind = {
  kind: 'campaign',
  read(value) {
    const { campaign_id: id, ...body } = readChange(campaignTerms, value, 'campaign');
    const stated = campaignStated(id, body);
    const refusal = async (db: Kysely<DB>, { now }: Circumstances): Promise<DomainError | null> => {
      try {
        await nextCampaign(db, stated, await findCampaign(db, id), { now });
        return null;
      } catch (error) {
        if (error instanceof DomainError) return error;
        throw error;
      }
    };
    return {
      async subject(db) {
        const before = await findCampaign(db, id);
        const isMoved = before !== null && before.merchantId !== stated.merchantId;
        return {
          merchantId: isMoved ? null : stated.merchantId,
          subjectId: id,
          version: before === null ? null : latestOf(before).version,
        };
      },
      async refuse(db, given) {
        const refused = await refusal(db, given);
        if (refused !== null && !PASSING.has(refused.code)) throw refused;
      },
      async check(trx, given) {
        const refused = await refusal(trx, given);
        return { errors: refused === null ? [] : faultsOfRefusal(refused), warnings: [] };
      },
      async lock(trx) {
        await lockCampaign(trx, id);
      },
      async publish(trx, publisher) {
        const { campaign } = await stateCampaign(trx, stated, publisher);
        const spend = (await readSpends(trx, [id])).get(id)!;
        return { subjectId: id, version: latestOf(campaign).version, body: showCampaign(campaign, spend, publisher.now) };
      },
    };
  },
};
