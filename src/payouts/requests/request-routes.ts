// "Pay me", over HTTP: a promoter asks for what is available, and reads what became of it.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import { isKnownPromoter } from '../../ledger/entry-store.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { cursorText, cursorTime, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { mayActAs } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { startJudging, type DraftDeps } from '../batches/drafting.ts';
import { findOpenRequest, listRequests, openRequest, type RequestRow } from './request-store.ts';

const request = z
  .object({
    promoter_id: callerId,
    currency: z.string(),
    made_at: z.date(),
    closed_at: z.date().nullable().meta({ description: 'When a batch was drafted that pays it; null while it is open.' }),
    closed_by: z.uuid().nullable().meta({ description: 'That batch; null while it is open.' }),
  })
  .meta({ id: 'PayoutRequest' });

const body = z
  .strictObject({
    currency: z.string().refine(isCurrency, 'is no currency of ISO 4217'),
    promoter_id: callerId.optional().meta({ description: 'For whom an admin asks. A promoter asks for itself, and may leave it out.' }),
  })
  .meta(bodyExamples({ currency: 'CNY', promoter_id: 'bob' }));

const place = z.tuple([cursorTime, cursorText]);
const tags = ['payouts'];

interface RequestDeps extends DraftDeps {
  db: Kysely<DB>;
}

/** POST /v1/payout-requests and GET /v1/promoters/{promoter_id}/payout-requests. */
export function payoutRequestRoutes(app: App, deps: RequestDeps): void {
  const { db } = deps;
  app.post('/v1/payout-requests', {
    config: { scopes: ['promoter'], roles: ['finance'] },
    schema: {
      operationId: 'payoutRequests.make',
      tags,
      summary: 'Ask to be paid what is available in a currency',
      description:
        'The next draft of requested payouts takes it, and any draft that pays the promoter closes it. A promoter has one open request for ' +
        'each currency: asking again answers that one. Who could not be paid now is refused with `not_payable`, and the reason stands as the ' +
        'message of the fault at `currency`: one of those that a draft skips for.',
      body,
      response: { 202: request, ...problems('not_payable', 'unknown_promoter') },
    },
    handler: (asked, reply) =>
      answerOnce(asked, reply, db, async ({ trx, now }) => {
        const promoterId = asked.body.promoter_id ?? asked.actor.promoterId;
        if (promoterId === null) throw new DomainError('malformed_request', 'Say for which promoter: `promoter_id`.');
        mayActAs(asked.actor, promoterId);
        const row = await ask(trx, deps, { promoterId, currency: asked.body.currency, now });
        return { status: 202, body: request.parse(row) };
      }),
  });

  app.get('/v1/promoters/:promoter_id/payout-requests', {
    config: { scopes: ['promoter'], roles: ['finance', 'risk'] },
    schema: {
      operationId: 'promoters.payoutRequests',
      tags,
      summary: 'What a promoter has asked to be paid, the newest first',
      description: 'Each with the batch that pays it, where one was drafted.',
      params: z.object({ promoter_id: callerId }),
      querystring: pageQuery,
      response: { 200: pageOf(request), ...problems('not_found') },
    },
    handler: async ({ params: { promoter_id: promoterId }, query: { limit, cursor }, actor }) => {
      mayActAs(actor, promoterId);
      if (!(await isKnownPromoter(db, promoterId))) throw new DomainError('not_found', 'There is no such promoter.');
      const [madeAt, currency] = cursor === undefined ? [] : decodeCursor(cursor, place);
      const before = madeAt === undefined || currency === undefined ? null : { madeAt, currency };
      return toPage(
        await listRequests(db, promoterId, { before, limit }),
        limit,
        (row) => request.parse(row),
        (row) => [row.made_at, row.currency],
      );
    },
  });
}

interface Asking {
  promoterId: string;
  currency: string;
  now: Date;
}

async function ask(trx: Transaction<DB>, deps: DraftDeps, { promoterId, currency, now }: Asking): Promise<RequestRow> {
  if (!(await isKnownPromoter(trx, promoterId))) throw new DomainError('unknown_promoter', `There is no promoter ${promoterId}.`);
  const open = await findOpenRequest(trx, promoterId, currency);
  if (open !== null) return open;
  const wish = { currency, minimum: 0n, providerId: null, promoterIds: [promoterId], requested: true, despiteDebts: false };
  const [judged] = await (await startJudging(trx, deps, wish, now))([promoterId]);
  const reason = judged?.reason ?? null;
  if (reason !== null) {
    const errors = [{ path: 'currency', message: reason }];
    throw new DomainError('not_payable', `Nothing in ${currency} could be paid now: ${reason}.`, { errors });
  }
  return openRequest(trx, promoterId, currency, now);
}
