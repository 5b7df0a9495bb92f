// Re-ratings over HTTP: asking for one, looking at it, approving it as a second person, cancelling.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import type { App } from '../../platform/http/app.ts';
import { callerId } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { approveReRating, askForReRating, cancelReRating } from './deciding.ts';
import {
  approvalBody,
  LEFT_OUT_TOLD_MAX,
  readAsked,
  reRatingAnswer,
  reRatingBody,
  reRatingPath,
  showReRating,
  type ShownExecution,
} from './re-rating-body.ts';
import { reRatingOrderRoutes } from './re-rating-order-routes.ts';
import { countOrders, listReRatedOrders } from './re-rating-order-store.ts';
import { findReRating, listReRatings, RE_RATING_STATES, type ReRating } from './re-rating-store.ts';

const tags = ['rules'];

interface ReRatingRoutesDeps {
  db: Kysely<DB>;
  nudge: (kind: 're-ratings') => void;
}

/** The routes under /v1/re-ratings. */
export function reRatingRoutes(app: App, deps: ReRatingRoutesDeps): void {
  askingRoute(app, deps);
  decidingRoutes(app, deps);
  readingRoutes(app, deps);
  reRatingOrderRoutes(app, deps.db);
}

function askingRoute(app: App, { db, nudge }: ReRatingRoutesDeps): void {
  app.post('/v1/re-ratings', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'reRatings.make',
      tags,
      summary: 'Ask for orders to be paid by the rules as they stand now',
      description:
        'Nothing is booked by it: it is previewed, and executed once a second person has approved what the preview shows. The rule of a line ' +
        'is chosen anew among the versions in force at its attribution time, as the rules are now; who won it, the chain and the parties ' +
        'stay as they were. A line for which there is no rule any more keeps the one that it has.',
      body: reRatingBody,
      response: { 202: reRatingAnswer, ...problems('unprocessable', 'conflict', 'unknown_merchant', 'not_found', 'currency_needed') },
    },
    handler: async (request, reply) => {
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const by = { reRatingId: uuidv7(now.getTime()), actor: request.actor, now };
        return { status: 202, body: showReRating(await askForReRating(trx, readAsked(request.body), by), null) };
      });
      nudge('re-ratings');
    },
  });
}

function decidingRoutes(app: App, { db, nudge }: ReRatingRoutesDeps): void {
  app.post('/v1/re-ratings/:re_rating_id/approval', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'reRatings.approve',
      tags,
      summary: 'Approve a re-rating, as another person than who asked for it',
      description:
        'Names the hash of what was looked at. It is booked at once, order by order, each as its next revision; an order whose award has ' +
        'moved on since the preview is left out. What lowers is approved by a second person even where there is only one yet.',
      params: reRatingPath,
      body: approvalBody,
      response: {
        200: reRatingAnswer,
        ...problems(
          'not_found',
          'second_person_required',
          're_rating_unfinished',
          're_rating_decided',
          're_rating_changed',
          'rule_book_changed',
          're_rating_lowers',
        ),
      },
    },
    handler: async (request, reply) => {
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const by = { reRatingId: request.params.re_rating_id, actor: request.actor, now };
        const approved = await approveReRating(trx, Buffer.from(request.body.content_hash, 'hex'), by);
        return { status: 200, body: showReRating(approved, await executionOf(trx, approved)) };
      });
      nudge('re-ratings');
    },
  });

  app.delete('/v1/re-ratings/:re_rating_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'reRatings.cancel',
      tags,
      summary: 'Cancel a re-rating that was not approved',
      description: 'For good. One that was approved is executed to its end; what it booked is taken back by another one.',
      params: reRatingPath,
      response: { 204: z.undefined(), ...problems('not_found', 're_rating_decided') },
    },
    handler: async ({ params: { re_rating_id: reRatingId }, actor }, reply) => {
      await inTransaction(db, ({ trx, now }) => cancelReRating(trx, { reRatingId, actor, now }));
      return reply.code(204).send();
    },
  });
}

function readingRoutes(app: App, { db }: ReRatingRoutesDeps): void {
  app.get('/v1/re-ratings', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'reRatings.list',
      tags,
      summary: 'Re-ratings, the newest first',
      description: 'With what their previews have found.',
      querystring: pageQuery.extend({
        state: z.enum(RE_RATING_STATES).optional().meta({ description: 'Of this state only.' }),
        merchant_id: callerId.optional().meta({ description: 'Asked for of this merchant only.' }),
      }),
      response: { 200: pageOf(reRatingAnswer) },
    },
    handler: async ({ query: { limit, cursor, state, merchant_id: merchantId } }) => {
      const before = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.uuid()]))[0];
      const filter = { state: state ?? null, merchantId: merchantId ?? null };
      return toPage(await listReRatings(db, filter, { before, limit }), limit, showListed, (one) => [one.reRatingId]);
    },
  });

  app.get('/v1/re-ratings/:re_rating_id', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'reRatings.get',
      tags,
      summary: 'One re-rating: what it changes, whom it lowers, which debts it makes, and what became of it',
      description: 'The sums are there once it is `ready`: then its `content_hash` can be approved.',
      params: reRatingPath,
      response: { 200: reRatingAnswer, ...problems('not_found') },
    },
    handler: async ({ params: { re_rating_id: reRatingId } }) => {
      const found = await findReRating(db, reRatingId);
      return showReRating(found, await executionOf(db, found));
    },
  });
}

const showListed = (one: ReRating) => showReRating(one, null);

async function executionOf(db: Kysely<DB>, { reRatingId, approvedAt }: ReRating): Promise<ShownExecution | null> {
  if (approvedAt === null) return null;
  const changed = { state: 'changed_meanwhile', after: 0n, limit: LEFT_OUT_TOLD_MAX } as const;
  return { counts: await countOrders(db, reRatingId), changed: await listReRatedOrders(db, reRatingId, changed) };
}
