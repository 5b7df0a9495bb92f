// Applications over HTTP: a promoter makes them, the merchant decides them, and both read them.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId, words } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { mayActAs, mayActFor, type Actor } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { APPLICATION_STATES, type Application } from './application.ts';
import { findApplication, listApplications } from './application-store.ts';
import { applyFor, APPLICATIONS_PER_DAY, decideApplication } from './applying.ts';
import { offerId } from './offer-body.ts';

const tags = ['offers'];
const NOTE_LENGTH_MAX = 1000;

const newApplication = z
  .strictObject({
    note: words(NOTE_LENGTH_MAX).nullish().meta({ description: 'What the merchant should know.' }),
    promoter_id: callerId.nullish().meta({ description: 'Needed of an operator; a promoter applies for itself.' }),
    merchant_id: callerId.nullish().meta({ description: 'Needed where several merchants have an offer of this id.' }),
  })
  .default({})
  .meta(bodyExamples({ note: 'I run a group of 300 young parents.', promoter_id: 'bob', merchant_id: 'm1' }));

const decision = z
  .strictObject({
    decision: z
      .enum(['accept', 'refuse'])
      .meta({ description: 'An application that was accepted may be refused later: its rule ends then.' }),
    reason: words(NOTE_LENGTH_MAX).nullish().meta({ description: 'Why; needed of a refusal.' }),
  })
  .refine(({ decision: ruled, reason }) => ruled === 'accept' || reason != null, { error: 'must be given', path: ['reason'] })
  .meta(bodyExamples({ decision: 'accept', reason: 'Sold well in May.' }));

const applicationAnswer = z
  .object({
    application_id: z.string(),
    merchant_id: callerId,
    offer_id: z.string(),
    promoter_id: callerId,
    state: z.enum(APPLICATION_STATES),
    note: z.string().nullable().meta({ description: 'What the promoter has said.' }),
    tier: z.string().nullable().meta({ description: 'The promoter’s, when it applied.' }),
    orders: z.bigint().meta({ description: 'Its completed orders of the 90 days before, of which something was left.' }),
    refund_ppm: z.int().meta({ description: 'Which part of what was paid on completed lines of that time was refunded.' }),
    made_at: z.date(),
    decided_at: z.date().nullable(),
    decided_by: z.string().nullable().meta({ description: 'The key of who decided; null: nobody yet, or the conditions alone.' }),
    reason: z.string().nullable(),
    effective_from: z.date().nullable().meta({ description: 'From when the decision counts; null where it changes nothing that is paid.' }),
  })
  .meta({ id: 'OfferApplication' });

const showApplication = (one: Application): z.output<typeof applicationAnswer> => ({
  application_id: one.applicationId,
  merchant_id: one.merchantId,
  offer_id: one.offerId,
  promoter_id: one.promoterId,
  state: one.state,
  note: one.note,
  tier: one.tier,
  orders: one.orders,
  refund_ppm: one.refundPpm,
  made_at: one.madeAt,
  decided_at: one.decidedAt,
  decided_by: one.decidedBy,
  reason: one.reason,
  effective_from: one.effectiveFrom,
});

interface ApplicationRoutesDeps {
  db: Kysely<DB>;
  nudge: (kind: 'awards') => void;
}

/** The routes of applications for offers. */
export function applicationRoutes(app: App, deps: ApplicationRoutesDeps): void {
  makingRoute(app, deps);
  decidingRoute(app, deps);
  readingRoutes(app, deps.db);
}

function makingRoute(app: App, { db, nudge }: ApplicationRoutesDeps): void {
  app.post('/v1/offers/:offer_id/applications', {
    config: { scopes: ['promoter'], roles: ['operator'] },
    schema: {
      operationId: 'offers.apply',
      tags,
      summary: 'Apply for an offer',
      description:
        'Of an offer that takes applications. What it asks for is looked at now, over the promoter’s own completed lines of the merchant of the ' +
        'last 90 days, and never again. Where the conditions alone decide, the promoter is in at once. One application for an offer at a time, ' +
        `and ${APPLICATIONS_PER_DAY} within 24 hours.`,
      params: z.object({ offer_id: offerId }),
      body: newApplication,
      response: {
        201: applicationAnswer,
        ...problems(
          'suspended',
          'not_found',
          'ambiguous_offer',
          'application_exists',
          'unknown_promoter',
          'promoter_suspended',
          'conditions_not_met',
          'offer_conflict',
          'offer_too_wide',
          'notice_too_short',
          'unprocessable',
          'application_limit',
        ),
      },
    },
    handler: async (request, reply) => {
      const { actor, body, params } = request;
      const promoterId = body.promoter_id ?? actor.promoterId;
      if (promoterId === null) {
        const errors = [{ path: 'promoter_id', message: 'must be given' }];
        throw new DomainError('malformed_request', 'Say whose application it is.', { errors });
      }
      mayActAs(actor, promoterId);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const names = { offerId: params.offer_id, merchantId: body.merchant_id ?? null, promoterId };
        const wish = { applicationId: uuidv7(now.getTime()), ...names, note: body.note ?? null };
        return { status: 201, body: showApplication(await applyFor(trx, wish, { actor, now })) };
      });
      nudge('awards');
    },
  });
}

const path = z.object({ application_id: z.uuid() });

function decidingRoute(app: App, { db, nudge }: ApplicationRoutesDeps): void {
  app.post('/v1/offer-applications/:application_id/decision', {
    config: { scopes: ['merchant'], roles: ['operator'] },
    schema: {
      operationId: 'offerApplications.decide',
      tags,
      summary: 'Accept an application or refuse it',
      description:
        'Who is accepted is paid by the offer from `effective_from` on, as if it were named. Refusing one that was accepted ends that, as soon ' +
        'as the rate notice of the merchant allows.',
      params: path,
      body: decision,
      response: {
        200: applicationAnswer,
        ...problems('not_found', 'application_decided', 'offer_conflict', 'offer_too_wide', 'notice_too_short'),
      },
    },
    handler: async (request, reply) => {
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const { params, body, actor } = request;
        const state = body.decision === 'accept' ? 'accepted' : 'refused';
        const ruling = { applicationId: params.application_id, state, reason: body.reason ?? null } as const;
        return { status: 200, body: showApplication(await decideApplication(trx, ruling, { actor, now })) };
      });
      nudge('awards');
    },
  });
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/offer-applications', {
    config: { scopes: ['merchant', 'promoter'] },
    schema: {
      operationId: 'offerApplications.list',
      tags,
      summary: 'Applications for offers, the newest first',
      description: 'A promoter’s key lists its own, a merchant’s key those for its offers.',
      querystring: pageQuery.extend({
        merchant_id: callerId.optional().meta({ description: 'For offers of this merchant.' }),
        offer_id: offerId.optional(),
        promoter_id: callerId.optional().meta({ description: 'Of this promoter.' }),
        state: z.enum(APPLICATION_STATES).optional().meta({ description: 'In this state only.' }),
      }),
      response: { 200: pageOf(applicationAnswer) },
    },
    handler: async ({ query, actor }) => {
      const { limit, cursor, offer_id: ofOffer = null, state = null } = query;
      if (query.merchant_id !== undefined) mayActFor(actor, query.merchant_id);
      if (query.promoter_id !== undefined) mayActAs(actor, query.promoter_id);
      const filter = {
        merchantId: query.merchant_id ?? actor.merchantId,
        offerId: ofOffer,
        promoterId: query.promoter_id ?? actor.promoterId,
        state,
      };
      const before = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.uuid()]))[0];
      return toPage(await listApplications(db, filter, { before, limit }), limit, showApplication, (one) => [one.applicationId]);
    },
  });

  app.get('/v1/offer-applications/:application_id', {
    config: { scopes: ['merchant', 'promoter'] },
    schema: {
      operationId: 'offerApplications.get',
      tags,
      summary: 'One application',
      description: 'With what the promoter had sold when it applied, and what was decided.',
      params: path,
      response: { 200: applicationAnswer, ...problems('not_found') },
    },
    handler: async ({ params, actor }) => {
      const application = await findApplication(db, params.application_id);
      mayRead(actor, application);
      return showApplication(application);
    },
  });
}

function mayRead(actor: Actor, { merchantId, promoterId }: Application): void {
  mayActFor(actor, merchantId);
  mayActAs(actor, promoterId);
}
