// Orders over HTTP, with what they earn: one, a list, and the explanation that answers a promoter.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DomainError } from '../../core/errors.ts';
import { compareLineIds } from '../../core/split.ts';
import { mayActAs, mayActFor, type Actor } from '../../platform/keys/actor.ts';
import { callerId, time } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { cursorNumber, cursorText, decodeCursor, encodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { DECISION_KINDS } from '../award/decision.ts';
import { readExplanationTexts, readSharedExplanation } from '../award/decision-store.ts';
import { explanationSchema, orderSchema, showExplanation, showOrder } from './order-answer.ts';
import { findShown, hasPart, listShown, readDeliveries, readOrderTransfers, type ShownOrder } from './order-view-store.ts';

const tags = ['orders'];
const scopes = ['admin', 'storefront', 'merchant', 'promoter', 'auditor'] as const;
const place = z.object({ source_id: callerId.meta({ example: 'rest' }), order_id: callerId });
const ofMerchant = z.object({ merchant_id: callerId.optional().meta({ description: 'Needed where several merchants have this order.' }) });

/** GET under /v1/orders. */
export function orderViewRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.get('/v1/orders/:source_id/:order_id', {
    config: { scopes: [...scopes] },
    schema: {
      operationId: 'orders.get',
      tags,
      summary: 'One order and what it earns',
      description:
        "As it was last awarded; right after a report its lines may be `pending`. A promoter's key reads orders " +
        'in which the promoter has a part, and of the shares its own.',
      params: place,
      querystring: ofMerchant,
      response: { 200: orderSchema, ...problems('not_found', 'ambiguous_order') },
    },
    handler: async ({ params, query, actor }) => showOrder(await findOne(db, params, query.merchant_id, actor), actor),
  });

  app.get('/v1/orders/:source_id/:order_id/explanation', {
    config: { scopes: [...scopes] },
    schema: {
      operationId: 'orders.explain',
      tags,
      summary: 'Why an order earns what it earns: evidence, chain, rules, arithmetic, transfers',
      params: place,
      description: 'Of an order with many lines a page of them at a time, with what was booked for these.',
      querystring: ofMerchant.extend(pageQuery.shape),
      response: { 200: explanationSchema, ...problems('not_found', 'ambiguous_order') },
    },
    handler: async ({ params, query, actor }) => {
      const found = await findOne(db, params, query.merchant_id, actor);
      return explain(db, found, query, actor);
    },
  });

  app.get('/v1/orders', {
    config: { scopes: [...scopes] },
    schema: {
      operationId: 'orders.list',
      tags,
      summary: 'Orders, the newest first',
      description:
        'A key that is bound to a merchant or a promoter lists orders of that one only. `from` and `to` are ' +
        'compared with the attribution time.',
      querystring: pageQuery.extend({
        merchant_id: callerId.optional(),
        promoter_id: callerId.optional(),
        decision: z.enum(DECISION_KINDS).optional(),
        from: time.optional(),
        to: time.optional(),
      }),
      response: { 200: pageOf(orderSchema) },
    },
    handler: async ({ query, actor }) => {
      const merchantId = query.merchant_id ?? actor.merchantId;
      if (merchantId !== null) mayActFor(actor, merchantId);
      const promoterId = query.promoter_id ?? actor.promoterId;
      if (promoterId !== null) mayActAs(actor, promoterId);
      const filter = { merchantId, promoterId, decision: query.decision ?? null, from: query.from ?? null, to: query.to ?? null };
      const before = query.cursor === undefined ? null : BigInt(decodeCursor(query.cursor, z.tuple([cursorNumber]))[0]);
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

const DELIVERIES_SHOWN_MAX = 200;
const TRANSFERS_SHOWN_MAX = 1000;

/** The explanation of a page of the order's lines, in their order. */
export async function explain(db: Kysely<DB>, found: ShownOrder, { cursor, limit }: z.output<typeof pageQuery>, actor: Actor) {
  const { order_key: orderKey, revision } = found;
  const lineIds = found.lines.map((one) => one.line_id).toSorted(compareLineIds);
  const after = cursor === undefined ? null : decodeCursor(cursor, z.tuple([cursorText]))[0];
  const page = lineIds.filter((lineId) => after === null || compareLineIds(lineId, after) > 0);
  const shown = page.slice(0, limit);
  const transfers = { lineIds: shown, promoterId: actor.promoterId, most: TRANSFERS_SHOWN_MAX };
  const explaining = {
    deliveries: await readDeliveries(db, orderKey, DELIVERIES_SHOWN_MAX),
    transfers: await readOrderTransfers(db, orderKey, transfers),
    shared: revision === null ? null : await readSharedExplanation(db, orderKey, revision),
    explanations: revision === null ? new Map() : await readExplanationTexts(db, { orderKey, revision, lineIds: shown }),
    nextCursor: page.length > limit ? encodeCursor([shown.at(-1)!]) : null,
  };
  return showExplanation(found, explaining, actor);
}

/**
 * The one order of this id that the key may see. Throws `ambiguous_order` where several merchants
 * have it and none is named.
 */
async function findOne(
  db: Kysely<DB>,
  { source_id: sourceId, order_id: orderId }: z.output<typeof place>,
  asked: string | undefined,
  actor: Actor,
) {
  const merchantId = asked ?? actor.merchantId;
  if (merchantId !== null) mayActFor(actor, merchantId);
  const [found, another] = await findShown(db, sourceId, orderId, merchantId);
  // A promoter is told the same whether or not there is such an order: it must not learn what
  // others sold.
  const nothing = () => {
    const part = actor.promoterId === null ? '' : ' in which this promoter has a part';
    return new DomainError('not_found', `There is no order ${orderId} of the source ${sourceId}${part}.`);
  };
  if (found === undefined) throw nothing();
  if (actor.promoterId === null) {
    if (another === undefined) return found;
    throw new DomainError('ambiguous_order', `Several merchants have an order ${orderId}; name one by merchant_id.`);
  }
  const own: ShownOrder[] = [];
  for (const one of [found, another]) if (one !== undefined && (await hasPart(db, one.order_key, actor.promoterId))) own.push(one);
  if (own.length > 1) throw new DomainError('ambiguous_order', `Several merchants have an order ${orderId}; name one by merchant_id.`);
  if (own[0] === undefined) throw nothing();
  return own[0];
}
