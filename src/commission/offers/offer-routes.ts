// The offers of a merchant over HTTP: stating, showing and listing them.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { OFFER_KINDS } from '../../core/rules/offer.ts';
import type { App } from '../../platform/http/app.ts';
import { callerId } from '../../platform/http/fields.ts';
import { ANSWERED_LATE } from '../../platform/http/late-answers.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { mayActFor } from '../../platform/keys/actor.ts';
import { refuseUnreviewed } from '../../platform/keys/persons.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { listedOfferAnswer, offerAnswer, offerBody, offerPath, showListedOffer, showOffer, statedOffer } from './offer-body.ts';
import { findOffer, listOffers, readAccepted } from './offer-store.ts';
import type { Offer } from './offer.ts';
import { countRules } from './publishing.ts';
import { stateOffer } from './stating-offer.ts';

const tags = ['offers'];
const place = z.tuple([callerId]);

interface OfferRoutesDeps {
  db: Kysely<DB>;
  /** How many levels of a chain may be paid, the seller being the first. */
  levelsMax: number;
  /** Whether offers are changed by drafts alone, which a second person approves. */
  reviewRequired: boolean;
  nudge: (kind: 'awards') => void;
}

/** PUT and GET /v1/merchants/{merchant_id}/offers/{offer_id}, and the list. */
export function offerRoutes(app: App, { db, levelsMax, reviewRequired, nudge }: OfferRoutesDeps): void {
  app.put('/v1/merchants/:merchant_id/offers/:offer_id', {
    ...ANSWERED_LATE,
    config: { scopes: ['merchant'], roles: ['operator'] },
    schema: {
      operationId: 'offers.put',
      tags,
      summary: 'Offer products to promoters',
      description:
        'All terms of the offer. It publishes and ends the rules that pay it, in one transaction, each with the `offer_id` that it is of, and ' +
        'only where something differs. What applies is decided as between all rules: an exclusive or directed offer of a promoter, else one of ' +
        'its agency, else an open one, never their sum. What lowers what promoters earn waits for the rate notice of the merchant, all of this ' +
        'PUT with it. An end and a pause are a PUT too.',
      params: offerPath,
      body: offerBody,
      response: {
        200: offerAnswer,
        201: offerAnswer,
        ...problems(
          'review_required',
          'conflict',
          'unknown_merchant',
          'unknown_product',
          'unknown_promoter',
          'unknown_agency',
          'offer_conflict',
          'offer_too_wide',
          'invalid_plan',
          'referral_levels_exceeded',
          'notice_too_short',
          'unprocessable',
        ),
      },
    },
    handler: async ({ params, body, actor }, reply) => {
      mayActFor(actor, params.merchant_id);
      refuseUnreviewed({ reviewRequired });
      const stated = statedOffer({ merchantId: params.merchant_id, offerId: params.offer_id }, body);
      const { shown, made, changed } = await inTransaction(db, async ({ trx, now }) => {
        const { offer, ...result } = await stateOffer(trx, stated, { actor, now }, levelsMax);
        return { ...result, shown: await shownOffer(trx, offer, now) };
      });
      if (changed) nudge('awards');
      return reply.code(made ? 201 : 200).send(shown);
    },
  });

  readingRoutes(app, db);
}

/** An offer as it is answered. */
async function shownOffer(trx: Transaction<DB>, offer: Offer, now: Date): Promise<z.output<typeof offerAnswer>> {
  return showOffer(offer, { accepted: await readAccepted(trx, offer), rules: await countRules(trx, offer), now });
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/merchants/:merchant_id/offers/:offer_id', {
    config: { scopes: ['merchant'] },
    schema: {
      operationId: 'offers.get',
      tags,
      summary: 'One offer of a merchant',
      description: 'With its latest terms, and from when its rules say so.',
      params: offerPath,
      response: { 200: offerAnswer, ...problems('not_found') },
    },
    handler: ({ params, actor }) => {
      mayActFor(actor, params.merchant_id);
      return inTransaction(db, async ({ trx, now }) => {
        const offer = await findOffer(trx, { merchantId: params.merchant_id, offerId: params.offer_id });
        if (offer === null) throw new DomainError('not_found', `There is no offer ${params.offer_id} of ${params.merchant_id}.`);
        return shownOffer(trx, offer, now);
      });
    },
  });

  app.get('/v1/merchants/:merchant_id/offers', {
    config: { scopes: ['merchant'] },
    schema: {
      operationId: 'offers.list',
      tags,
      summary: 'The offers of a merchant, by id',
      description: 'Those that have ended too. Whom and what each names stands where one is read.',
      params: z.object({ merchant_id: callerId }),
      querystring: pageQuery.extend({ kind: z.enum(OFFER_KINDS).optional().meta({ description: 'Of this kind only.' }) }),
      response: { 200: pageOf(listedOfferAnswer) },
    },
    handler: ({ params: { merchant_id: merchantId }, query: { limit, cursor, kind = null }, actor }) => {
      mayActFor(actor, merchantId);
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return inTransaction(db, async ({ trx, now }) =>
        toPage(
          await listOffers(trx, { merchantId, kind, after, limit }),
          limit,
          (offer) => showListedOffer(offer, now),
          ({ offerId }) => [offerId],
        ),
      );
    },
  });
}
