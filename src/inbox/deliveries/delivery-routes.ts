// Deliveries, shown and replayed: what came, what became of it, and once more.
import { isUtf8 } from 'node:buffer';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DELIVERY_ORIGINS, DELIVERY_STATES } from '../../commission/orders/order-view-store.ts';
import { DomainError } from '../../core/errors.ts';
import { mayActFor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { bodyExamples, callerId, time, words } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { waitingThing } from '../../sources/asking-view.ts';
import { findDelivery, listDeliveries, type DeliveryDetail } from './delivery-list.ts';
import { replayDeliveries, replayDelivery } from './replays.ts';

interface DeliveryRoutesDeps {
  db: Kysely<DB>;
  /** There is a delivery to process. Called after the commit. */
  onDelivered: () => void;
}

const state = z.enum(DELIVERY_STATES);

const delivery = z
  .object({
    delivery_id: z.uuid(),
    source_id: z.string(),
    merchant_id: z.string().nullable(),
    origin: z.enum(DELIVERY_ORIGINS),
    state,
    reason: z.string().nullable().meta({ description: 'Why it is parked.' }),
    waits_for: z.string().nullable().meta({ description: 'What lets a parked one go on by itself.' }),
    attempts: z.int(),
    next_attempt_at: z.date().nullable(),
    error: z.string().nullable(),
    reports: z.int().nullable().meta({ description: 'How many reports of orders it became; a ping becomes none.' }),
    signed_id: z.string().nullable(),
    received_at: z.date(),
    finished_at: z.date().nullable(),
  })
  .meta({ id: 'Delivery' });

const detail = delivery
  .extend({
    headers: z.record(z.string(), z.string()),
    body: z.string().nullable().meta({ description: 'The bytes as they came; null when they are not UTF-8.' }),
    body_base64: z.string().nullable().meta({ description: 'The bytes that are not UTF-8.' }),
    orders: z.array(z.object({ merchant_id: z.string(), source_id: z.string(), order_id: z.string() })),
    waiting: z.array(waitingThing).meta({ description: 'What it names by an id only and was not fetched yet, with the reason.' }),
  })
  .meta({ id: 'DeliveryDetail' });

const replay = z.object({ delivery_id: z.uuid(), state });

const REPLAYS_MAX = 10_000;

const replayFilter = z
  .strictObject({
    state: z.enum(['failed', 'parked', 'processed']),
    source_id: callerId.nullish(),
    reason: words(256).nullish().meta({ description: 'Why it is parked; of a failed one, words of its error.' }),
    from: time.nullish().meta({ description: 'Received at or after.' }),
    to: time.nullish().meta({ description: 'Received before.' }),
    limit: z.int().min(1).max(REPLAYS_MAX).default(1000).meta({ description: 'At most so many, the oldest first.' }),
  })
  .meta(bodyExamples({ state: 'parked', source_id: 'shop', limit: 100 }));

const replayedAnswer = z.object({
  replayed: z.int(),
  more: z.boolean().meta({ description: 'As many as the limit allows were replayed, so there may be more.' }),
});

const tags = ['deliveries'];
const path = z.object({ delivery_id: z.uuid() });
const place = z.tuple([z.uuid()]);

/**
 * GET /v1/deliveries, GET /v1/deliveries/{id}, POST /v1/deliveries/{id}/replays, POST
 * /v1/deliveries/replays.
 */
export function deliveryRoutes(app: App, { db, onDelivered }: DeliveryRoutesDeps): void {
  app.get('/v1/deliveries', {
    config: { scopes: ['storefront'] },
    schema: {
      operationId: 'deliveries.list',
      tags,
      summary: 'Deliveries, the latest first',
      description: 'Everything that came, by REST, push, pull or upload, and what became of it.',
      querystring: pageQuery.extend({ source_id: callerId.optional(), state: state.optional(), merchant_id: callerId.optional() }),
      response: { 200: pageOf(delivery) },
    },
    handler: async ({ query, actor }) => {
      const merchantId = query.merchant_id ?? actor.merchantId;
      mayActFor(actor, merchantId);
      const before = query.cursor === undefined ? null : decodeCursor(query.cursor, place)[0];
      const filter = { sourceId: query.source_id ?? null, state: query.state ?? null, merchantId };
      const rows = await listDeliveries(db, filter, { limit: query.limit, before });
      return toPage(
        rows,
        query.limit,
        (row) => delivery.parse(row),
        (row) => [row.delivery_id],
      );
    },
  });

  app.get('/v1/deliveries/:delivery_id', {
    config: { scopes: ['storefront'] },
    schema: {
      operationId: 'deliveries.get',
      tags,
      summary: 'One delivery, with its bytes',
      description:
        'The body is what was signed, of encrypted pushes what was inside, byte for byte; words of erased buyers are replaced in it.',
      params: path,
      response: { 200: detail, ...problems('not_found') },
    },
    handler: async ({ params, actor }) => {
      const found = await findDelivery(db, params.delivery_id, actor.merchantId);
      if (found === null) throw noDelivery();
      return detail.parse({ ...found, ...shownBody(found) });
    },
  });

  app.post('/v1/deliveries/:delivery_id/replays', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'deliveries.replay',
      tags,
      summary: 'Process a delivery once more',
      description: 'Nothing is counted twice: a report that was merged before changes nothing.',
      params: path,
      response: { 202: replay, ...problems('not_found') },
    },
    handler: async (request, reply) => {
      const { delivery_id: deliveryId } = request.params;
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const replayed = await replayDelivery(trx, deliveryId);
        if (replayed === null) throw noDelivery();
        const change = { action: 'delivery_replayed', subjectKind: 'delivery', subjectId: deliveryId };
        await recordChange(trx, { actor: request.actor, now, ...change, before: { state: replayed.before }, after: { state: 'received' } });
        return { status: 202, body: { delivery_id: deliveryId, state: 'received' } };
      });
      onDelivered();
    },
  });

  replaysRoute(app, { db, onDelivered });
}

function replaysRoute(app: App, { db, onDelivered }: DeliveryRoutesDeps): void {
  app.post('/v1/deliveries/replays', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'deliveries.replayMany',
      tags,
      summary: 'Process all deliveries once more that fit a filter',
      description:
        'As for one: nothing is counted twice. Of processed ones say `from` and `to`, because replayed ones fit again once they are done.',
      body: replayFilter,
      response: { 202: replayedAnswer },
    },
    handler: async (request, reply) => {
      const { state, source_id: sourceId = null, reason = null, from = null, to = null, limit } = request.body;
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const replayed = await replayDeliveries(trx, { state, sourceId, reason, from, to }, limit);
        const change = { action: 'deliveries_replayed', subjectKind: 'delivery', subjectId: '*', before: null };
        const after = { filter: { state, source_id: sourceId, reason, from, to, limit }, replayed };
        await recordChange(trx, { actor: request.actor, now, ...change, after });
        return { status: 202, body: { replayed, more: replayed === limit } };
      });
      onDelivered();
    },
  });
}

function shownBody({ body }: DeliveryDetail): { body: string | null; body_base64: string | null } {
  return isUtf8(body) ? { body: body.toString('utf8'), body_base64: null } : { body: null, body_base64: body.toString('base64') };
}

function noDelivery(): DomainError {
  return new DomainError('not_found', 'There is no such delivery.');
}
