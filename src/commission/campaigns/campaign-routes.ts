// Campaigns over HTTP: stating, showing and listing them, pausing them and letting them go on.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { App } from '../../platform/http/app.ts';
import { callerId } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { refuseUnreviewed } from '../../platform/keys/persons.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Campaign } from './campaign.ts';
import { campaignAnswer, campaignBody, campaignId, campaignStated, pauseBody, showCampaign } from './campaign-body.ts';
import { findCampaign, listCampaigns, readSpends } from './campaign-store.ts';
import { pauseCampaign, resumeCampaign, stateCampaign } from './stating-campaign.ts';

const tags = ['programs'];
const path = z.object({ campaign_id: campaignId });
const place = z.tuple([callerId]);

interface CampaignRoutesDeps {
  db: Kysely<DB>;
  reviewRequired: boolean;
}

/** A campaign with what is spent of it. */
async function shown(db: Kysely<DB>, campaign: Campaign, now: Date): Promise<z.output<typeof campaignAnswer>> {
  return showCampaign(campaign, (await readSpends(db, [campaign.campaignId])).get(campaign.campaignId)!, now);
}

/** The routes under /v1/campaigns. */
export function campaignRoutes(app: App, deps: CampaignRoutesDeps): void {
  statingRoute(app, deps);
  pausingRoutes(app, deps);
  readingRoutes(app, deps);
}

function statingRoute(app: App, { db, reviewRequired }: CampaignRoutesDeps): void {
  app.put('/v1/campaigns/:campaign_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'campaigns.put',
      tags,
      summary: 'Pay more for a time, out of a budget',
      description:
        'Beside what the rule of a line pays, to whoever won it, never above what the rule leaves of its base. A line has one campaign: of ' +
        'those whose time, products, promoters and scenes match, whatever its link names, the one that wants most and still grants. It is ' +
        'asked once, when the line is decided. What is refunded goes back to the budget at once. Merchant and currency stay as they were ' +
        'made. Changed terms count for lines that are attributed from then on; changed limits at once. With the merchant’s rate notice, ' +
        'what lowers anything counts from the earliest time that leaves it.',
      params: path,
      body: campaignBody,
      response: {
        200: campaignAnswer,
        201: campaignAnswer,
        ...problems(
          'review_required',
          'unknown_merchant',
          'conflict',
          'unprocessable',
          'budget_below_spent',
          'notice_too_short',
          'retroactive_not_allowed',
        ),
      },
    },
    handler: async ({ params, body: stated, actor }, reply) => {
      refuseUnreviewed({ reviewRequired });
      const wanted = campaignStated(params.campaign_id, stated);
      const { made, answer } = await inTransaction(db, async ({ trx, now }) => {
        const { campaign, made: isNew } = await stateCampaign(trx, wanted, { actor, now });
        return { made: isNew, answer: await shown(trx, campaign, now) };
      });
      return reply.code(made ? 201 : 200).send(answer);
    },
  });
}

function pausingRoutes(app: App, { db }: CampaignRoutesDeps): void {
  app.post('/v1/campaigns/:campaign_id/pause', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'campaigns.pause',
      tags,
      summary: 'Let a campaign grant nothing for a while',
      description:
        'To lines that are attributed from then on; what was granted stays. It needs no draft. Where the merchant has a rate notice it ' +
        'begins at the earliest time that leaves it, and one that is paused stays as it is.',
      params: path,
      body: pauseBody,
      response: { 200: campaignAnswer, ...problems('not_found', 'notice_too_short', 'retroactive_not_allowed') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { params, body, actor } = request;
        const stated = body?.effective_from ?? null;
        const campaign = await pauseCampaign(trx, { campaignId: params.campaign_id, stated }, { actor, now });
        return { status: 200, body: await shown(trx, campaign, now) };
      }),
  });

  app.post('/v1/campaigns/:campaign_id/resumption', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'campaigns.resume',
      tags,
      summary: 'Let a paused campaign grant again',
      description:
        'To lines that are attributed from now on, by terms that stand: it needs no draft. One that is not paused stays as it is.',
      params: path,
      response: { 200: campaignAnswer, ...problems('not_found') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { params, actor } = request;
        const campaign = await resumeCampaign(trx, params.campaign_id, { actor, now });
        return { status: 200, body: await shown(trx, campaign, now) };
      }),
  });
}

function readingRoutes(app: App, { db }: CampaignRoutesDeps): void {
  app.get('/v1/campaigns/:campaign_id', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'campaigns.get',
      tags,
      summary: 'One campaign',
      description: 'With its latest terms, how it stands, and what of its budget is spent.',
      params: path,
      response: { 200: campaignAnswer, ...problems('not_found') },
    },
    handler: ({ params: { campaign_id: id } }) =>
      inTransaction(db, async ({ trx, now }) => {
        const campaign = await findCampaign(trx, id);
        if (campaign === null) throw new DomainError('not_found', `There is no campaign ${id}.`);
        return shown(trx, campaign, now);
      }),
  });

  app.get('/v1/campaigns', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'campaigns.list',
      tags,
      summary: 'Campaigns, by id',
      description: 'Each with its latest terms, how it stands, and what of its budget is spent.',
      querystring: pageQuery.extend({ merchant_id: callerId.optional().meta({ description: 'Of this merchant.' }) }),
      response: { 200: pageOf(campaignAnswer) },
    },
    handler: ({ query: { limit, cursor, merchant_id: merchantId = null } }) =>
      inTransaction(db, async ({ trx, now }) => {
        const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
        const campaigns = await listCampaigns(trx, { merchantId, after, limit });
        const spends = await readSpends(
          trx,
          campaigns.map((campaign) => campaign.campaignId),
        );
        const show = (campaign: Campaign) => showCampaign(campaign, spends.get(campaign.campaignId)!, now);
        return toPage(campaigns, limit, show, (campaign) => [campaign.campaignId]);
      }),
  });
}
