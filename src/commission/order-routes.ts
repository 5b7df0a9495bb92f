// Orders over HTTP, with what they earn: one, a list, and the explanation that answers a promoter.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DomainError } from '../core/errors.ts';
import { mayActAs, mayActFor, type Actor } from '../platform/actor.ts';
import { callerId, time } from '../platform/fields.ts';
import type { App } from '../platform/http.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/paging.ts';
import { problems } from '../platform/problem.ts';
import type { DB } from '../platform/tables.ts';
import { DECISIONS, explanationSchema, orderSchema, showExplanation, showOrder } from './order-answer.ts';
import { findShown, hasPart, listShown, readDeliveries, readTransfers } from './order-store.ts';

const tags = ['orders'];
const scopes = ['admin', 'storefront', 'promoter', 'auditor'] as const;
const place = z.object({ source_id: callerId, order_id: callerId });
const ofMerchant = z.object({ merchant_id: callerId.optional().meta({ description: 'Needed where several merchants have this order.' }) });

/** GET under /v1/orders. */
export function orderRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.get('/v1/orders/:source_id/:order_id', {
    config: { scopes: [...scopes] },
    schema: {
      tags,
      summary: 'One order and what it earns',
      params: place,
      querystring: ofMerchant,
      response: { 200: orderSchema, ...problems(400, 401, 403, 404, 409) },
    },
    handler: async ({ params, query, actor }) => showOrder(await findOne(db, params, query.merchant_id, actor), actor),
  });

  app.get('/v1/orders/:source_id/:order_id/explanation', {
    config: { scopes: [...scopes] },
    schema: {
      tags,
      summary: 'Why an order earns what it earns: evidence, chain, rules, arithmetic, transfers',
      params: place,
      querystring: ofMerchant,
      response: { 200: explanationSchema, ...problems(400, 401, 403, 404, 409) },
    },
    handler: async ({ params, query, actor }) => {
      const found = await findOne(db, params, query.merchant_id, actor);
      const [deliveries, transfers] = await Promise.all([readDeliveries(db, found.order_key), readTransfers(db, found.order_key)]);
      return showExplanation(found, { deliveries, transfers }, actor);
    },
  });

  app.get('/v1/orders', {
    config: { scopes: [...scopes] },
    schema: {
      tags,
      summary: 'Orders, the newest first',
      querystring: pageQuery.extend({
        merchant_id: callerId.optional(),
        promoter_id: callerId.optional(),
        decision: z.enum(DECISIONS).optional(),
        from: time.optional(),
        to: time.optional(),
      }),
      response: { 200: pageOf(orderSchema), ...problems(400, 401, 403) },
    },
    handler: async ({ query, actor }) => {
      const merchantId = query.merchant_id ?? actor.merchantId;
      if (merchantId !== null) mayActFor(actor, merchantId);
      const promoterId = query.promoter_id ?? actor.promoterId;
      if (promoterId !== null) mayActAs(actor, promoterId);
      const filter = { merchantId, promoterId, decision: query.decision ?? null, from: query.from ?? null, to: query.to ?? null };
      const before = query.cursor === undefined ? null : BigInt(decodeCursor(query.cursor, z.tuple([z.string().regex(/^\d{1,18}$/)]))[0]);
      const rows = await listShown(db, filter, before, query.limit + 1);
      return toPage(
        rows,
        query.limit,
        (row) => showOrder(row, actor),
        (row) => [row.order_key],
      );
    },
  });
}

/** The one order of this id that the key may see. Throws `ambiguous_order` where several merchants have it and none is named. */
async function findOne(
  db: Kysely<DB>,
  { source_id: sourceId, order_id: orderId }: z.output<typeof place>,
  asked: string | undefined,
  actor: Actor,
) {
  const merchantId = asked ?? actor.merchantId;
  if (merchantId !== null) mayActFor(actor, merchantId);
  const [found, another] = await findShown(db, sourceId, orderId, merchantId);
  if (found === undefined) throw new DomainError('not_found', `There is no order ${orderId} of the source ${sourceId}.`);
  if (another !== undefined)
    throw new DomainError('ambiguous_order', `Several merchants have an order ${orderId}; name one by merchant_id.`);
  if (actor.promoterId !== null && !(await hasPart(db, found.order_key, actor.promoterId))) {
    throw new DomainError('not_found', `There is no order ${orderId} of the source ${sourceId} in which this promoter has a part.`);
  }
  return found;
}
