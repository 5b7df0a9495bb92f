// Single payouts over HTTP: what has become of one, what the payee must do, and what people say of
// its end.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { AccountCache } from '../ledger/booking-store.ts';
import type { App } from '../platform/http/app.ts';
import { bodyExamples, callerId, text, time } from '../platform/http/fields.ts';
import { answerOnce, type AskedRequest, type GivenReply } from '../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/http/paging.ts';
import { problems } from '../platform/http/problem.ts';
import { mayActAs } from '../platform/keys/actor.ts';
import { recordChange } from '../platform/keys/audit-log.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Queue } from '../platform/queue/queue.ts';
import { payoutAnswer, payoutDetail, showPayout, showPayoutDetail } from './payout-answers.ts';
import { askCancellation, findPayout, listPayoutsOfPromoter, readPayoutChanges, type PayoutRow } from './payout-store.ts';
import type { Payout } from './payout.ts';
import { kindOf } from './providers/kinds.ts';
import { findProvider } from './providers/provider-store.ts';
import { agreeToRuling, proposeCorrection, takeResult, tellingOf, type Outcome, type Telling } from './results.ts';
import { payoutToSettle, settle } from './settling.ts';

const path = z.object({ payout_id: z.uuid() });
const tags = ['payouts'];
const place = z.tuple([z.uuid()]);
const READERS = ['finance', 'risk'] as const;

const REFERENCE_MAX = 200;
const REASON_MAX = 1000;
const reason = text(REASON_MAX).min(1);

const result = z
  .strictObject({
    state: z.enum(['paid', 'failed', 'returned']),
    reference: text(REFERENCE_MAX).min(1).nullish().meta({ description: 'What the bank calls the payment.' }),
    reason: reason.nullish(),
    occurred_at: time.nullish(),
  })
  .meta(bodyExamples({ state: 'paid', reference: 'B2026-000123' }, { state: 'failed', reason: 'ACCOUNT_FROZEN' }));

const correction = z
  .strictObject({ state: z.enum(['paid', 'failed']), reason })
  .meta(bodyExamples({ state: 'paid', reason: 'The bank statement of the 3rd shows it.' }));

const outcome = z.enum(['settled', 'known', 'waits']).meta({
  description: 'Done; known before, with no other effect; or waiting for a second person.',
});
const told = payoutAnswer.extend({ outcome }).meta({ id: 'PayoutTold' });

interface PayoutRoutesDeps {
  db: Kysely<DB>;
  accounts: AccountCache;
  nudge: Queue['nudge'];
}

/** Everything under /v1/payouts, and GET /v1/promoters/{promoter_id}/payouts. */
export function payoutRoutes(app: App, deps: PayoutRoutesDeps): void {
  readingRoutes(app, deps.db);
  resultRoutes(app, deps);
  correctionRoutes(app, deps);
  cancellationRoute(app, deps);
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/payouts/:payout_id', {
    config: { scopes: ['promoter'], roles: [...READERS] },
    schema: {
      operationId: 'payouts.get',
      tags,
      summary: 'What has become of a payout, why, and what happens next',
      description: 'With how its tax was reckoned and how it came to what it is, step by step.',
      params: path,
      response: { 200: payoutDetail, ...problems('not_found') },
    },
    handler: async ({ params, actor }) => {
      const row = await payoutFor(db, params.payout_id, (promoterId) => mayActAs(actor, promoterId));
      return showPayoutDetail(row, await readPayoutChanges(db, row.payout_id));
    },
  });

  app.get('/v1/payouts/:payout_id/action', {
    config: { scopes: ['promoter'], roles: [] },
    schema: {
      operationId: 'payouts.action',
      tags,
      summary: 'What the payee must do, for that promoter alone',
      description:
        'For WeChat Pay the package that `wx.requestMerchantTransfer` opens the confirmation with. That the page was shown says nothing of ' +
        'the money: only the state of the payout does.',
      params: path,
      response: {
        200: z.object({ payload: z.record(z.string(), z.string()), expires_at: z.string().nullable() }).meta({ id: 'PayoutAction' }),
        ...problems('not_found'),
      },
    },
    handler: async ({ params, actor }) => {
      const { action } = await payoutFor(db, params.payout_id, (promoterId) => mayActAs(actor, promoterId));
      // What opens the confirmation would let anybody else show it.
      if (actor.scope !== 'promoter' || action?.payload == null) throw new DomainError('not_found', 'The payee has nothing to do.');
      return { payload: action.payload, expires_at: action.expires_at };
    },
  });

  app.get('/v1/promoters/:promoter_id/payouts', {
    config: { scopes: ['promoter'], roles: [...READERS] },
    schema: {
      operationId: 'promoters.payouts',
      tags,
      summary: 'The payouts of a promoter, the newest first',
      description: 'What was dropped before it was approved is not among them.',
      params: z.object({ promoter_id: callerId }),
      querystring: pageQuery,
      response: { 200: pageOf(payoutAnswer) },
    },
    handler: async ({ params: { promoter_id: promoterId }, query: { limit, cursor }, actor }) => {
      mayActAs(actor, promoterId);
      const before = cursor === undefined ? null : decodeCursor(cursor, place)[0];
      return toPage(await listPayoutsOfPromoter(db, { promoterId, before, limit }), limit, showPayout, (row) => [row.payout_id]);
    },
  });
}

function resultRoutes(app: App, deps: PayoutRoutesDeps): void {
  app.post('/v1/payouts/:payout_id/results', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payouts.tellResult',
      tags,
      summary: 'Say how a payout ended',
      description:
        'Of `manual` and `file`: the same result twice is one effect, a contradiction is refused. Of any provider where the payout is ' +
        'disputed, or unknown for longer than the provider can be asked: then a second person has to agree.',
      params: path,
      body: result,
      response: { 200: told, ...problems('not_found', 'payout_final') },
    },
    handler: (request, reply) =>
      changing(request, reply, deps, 'payout_result_told', async (telling, payout) =>
        takeResult(telling, payout, {
          state: request.body.state,
          reference: request.body.reference ?? null,
          reason: request.body.reason ?? null,
          occurredAt: request.body.occurred_at ?? null,
        }),
      ),
  });

  app.post('/v1/payouts/:payout_id/results/confirmation', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payouts.confirmResult',
      tags,
      summary: 'Agree to the result that waits, as another person',
      description: 'Takes effect at once.',
      params: path,
      response: { 200: told, ...problems('not_found', 'payout_final', 'second_person_required') },
    },
    handler: (request, reply) =>
      changing(request, reply, deps, 'payout_result_confirmed', async (telling, payout) => {
        await agreeToRuling(telling, payout, 'result');
        return 'settled';
      }),
  });
}

function correctionRoutes(app: App, deps: PayoutRoutesDeps): void {
  app.post('/v1/payouts/:payout_id/corrections', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payouts.correct',
      tags,
      summary: 'Say that the end of a payout was told wrongly',
      description:
        'It waits for a second person. Told to have failed and was paid: it is paid from what is available by then, below zero if that went ' +
        'out again, which is a debt. Told to be paid and was not: it is returned.',
      params: path,
      body: correction,
      response: { 200: told, ...problems('not_found', 'payout_final') },
    },
    handler: (request, reply) =>
      changing(request, reply, deps, 'payout_correction_made', async (telling, payout) => {
        await proposeCorrection(telling, payout, request.body);
        return 'waits';
      }),
  });

  app.post('/v1/payouts/:payout_id/corrections/approval', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payouts.approveCorrection',
      tags,
      summary: 'Approve the correction that waits, as another person',
      description: 'Takes effect at once.',
      params: path,
      response: { 200: told, ...problems('not_found', 'payout_final', 'second_person_required') },
    },
    handler: (request, reply) =>
      changing(request, reply, deps, 'payout_correction_approved', async (telling, payout) => {
        await agreeToRuling(telling, payout, 'correction');
        return 'settled';
      }),
  });
}

function cancellationRoute(app: App, deps: PayoutRoutesDeps): void {
  app.post('/v1/payouts/:payout_id/cancellation', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'payouts.cancel',
      tags,
      summary: 'Cancel a payout that was approved',
      description: 'At once while nothing was sent; later only where the provider can, and then the provider’s own word ends it.',
      params: path,
      body: z.strictObject({ reason }).meta(bodyExamples({ reason: 'Approved by mistake.' })),
      response: { 200: told, ...problems('not_found', 'not_cancellable') },
    },
    handler: async (request, reply) => {
      await changing(request, reply, deps, 'payout_cancelled', async (telling, payout) => {
        if (payout.state === 'cancelled') return 'known';
        if (payout.state === 'approved') {
          await settle(telling, payout, { state: 'cancelled', reason: request.body.reason, keyId: telling.actor.keyId });
          return 'settled';
        }
        const provider = (await findProvider(telling.trx, payout.providerId))!;
        const isWithProvider = ['sending', 'sent', 'action_required', 'unknown'].includes(payout.state);
        if (!isWithProvider || !kindOf(provider.kind).terms(provider.options).cancellable) {
          throw new DomainError('not_cancellable', `This payout is ${payout.state}, and its provider cannot cancel it.`);
        }
        await askCancellation(telling.trx, payout.payoutId, telling.now);
        return 'waits';
      });
      deps.nudge('payouts');
    },
  });
}

type ChangingRequest = AskedRequest & { params: z.output<typeof path> };

/**
 * Does something to a locked payout once, with a line in the audit log, and answers with what it is
 * then.
 */
function changing(
  request: ChangingRequest,
  reply: GivenReply,
  { db, accounts }: PayoutRoutesDeps,
  action: string,
  work: (telling: Telling, payout: Payout) => Promise<Outcome>,
): Promise<void> {
  const { actor, params } = request;
  return answerOnce(request, reply, db, async ({ trx, now }) => {
    const payout = await payoutToSettle(trx, params.payout_id);
    const provider = (await findProvider(trx, payout.providerId))!;
    const before = showPayout((await findPayout(trx, payout.payoutId))!);
    const done = await work(await tellingOf({ trx, accounts, now, actor }, payout, provider), payout);
    const after = showPayout((await findPayout(trx, payout.payoutId))!);
    if (done !== 'known') await recordChange(trx, { actor, now, action, subjectKind: 'payout', subjectId: payout.payoutId, before, after });
    return { status: 200, body: { ...after, outcome: done } };
  });
}

async function payoutFor(db: Kysely<DB>, payoutId: string, refuse: (promoterId: string) => void): Promise<PayoutRow> {
  const row = await findPayout(db, payoutId);
  if (row === null) throw new DomainError('not_found', 'There is no payout of this id.');
  refuse(row.promoter_id);
  return row;
}
