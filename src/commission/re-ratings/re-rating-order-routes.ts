// The orders of a re-rating over HTTP, page by page and as a table.

import { Readable } from 'node:stream';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { decimalOf } from '../../core/money.ts';
import type { App } from '../../platform/http/app.ts';
import { STREAM_TIMEOUT_MS } from '../../platform/http/bodies.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { csvRow } from '../../platform/lines/csv-row.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { reRatedOrderAnswer, reRatingPath, showReRatedOrder } from './re-rating-body.ts';
import { listReRatedOrders, ORDER_STATES } from './re-rating-order-store.ts';
import { findReRating, type ReRating } from './re-rating-store.ts';

const ROWS_PER_CHUNK = 2000;
const place = z.tuple([cursorNumber]);

/** GET /v1/re-ratings/{re_rating_id}/orders and orders.csv. */
export function reRatingOrderRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/re-ratings/:re_rating_id/orders', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'reRatings.orders',
      tags: ['rules'],
      summary: 'Every order that gets another rule, and whether it was booked',
      description: 'In the order in which they came to us.',
      params: reRatingPath,
      querystring: pageQuery.extend({ state: z.enum(ORDER_STATES).optional().meta({ description: 'Of this state only.' }) }),
      response: { 200: pageOf(reRatedOrderAnswer), ...problems('not_found', 're_rating_unfinished') },
    },
    handler: async ({ params: { re_rating_id: reRatingId }, query: { limit, cursor, state } }) => {
      await findPreviewed(db, reRatingId);
      const after = cursor === undefined ? 0n : BigInt(decodeCursor(cursor, place)[0]);
      const orders = await listReRatedOrders(db, reRatingId, { state: state ?? null, after, limit: limit + 1 });
      return toPage(orders, limit, showReRatedOrder, (order) => [order.orderKey]);
    },
  });

  app.get('/v1/re-ratings/:re_rating_id/orders.csv', {
    config: { scopes: ['admin', 'auditor'] },
    // As long as its reader reads: one who stops is cut off by the idle time-out of his connection.
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'reRatings.ordersCsv',
      tags: ['rules'],
      summary: 'The same as CSV, in decimals of the currency',
      description: 'It ends with a row of the sums: a file without one was cut off.',
      params: reRatingPath,
      answerHeaders: { 200: { 'Content-Disposition': 'Names the file.' } },
      response: {
        200: { description: 'The orders.', content: { 'text/csv': { schema: z.unknown().meta({ type: 'string' }) } } },
        ...problems('not_found', 're_rating_unfinished'),
      },
    },
    handler: async ({ params: { re_rating_id: reRatingId } }, reply) => {
      const reRating = await findPreviewed(db, reRatingId);
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="re-rating-${reRatingId}.csv"`)
        .send(Readable.from(orderRows(db, reRating)));
    },
  });
}

async function findPreviewed(db: Kysely<DB>, reRatingId: string): Promise<ReRating> {
  const reRating = await findReRating(db, reRatingId);
  if (reRating.previewedAt !== null) return reRating;
  throw new DomainError('re_rating_unfinished', `The re-rating is ${reRating.state}, and was not previewed.`);
}

const COLUMNS = [
  'record',
  'merchant_id',
  'source_id',
  'order_id',
  'attribution_at',
  'currency',
  'before',
  'after',
  'difference',
  'moved',
  'state',
];

async function* orderRows(db: Kysely<DB>, { reRatingId, currency }: ReRating): AsyncGenerator<string> {
  const totals = { before: 0n, after: 0n, moved: 0n };
  const amountsOf = ({ before, after, moved }: typeof totals) =>
    [before, after, after - before, moved].map((amount) => decimalOf(amount, currency));
  // Spreadsheets take a file for UTF-8 by its byte order mark.
  yield `\uFEFF${csvRow(COLUMNS)}`;
  for (let after = 0n; ;) {
    const orders = await listReRatedOrders(db, reRatingId, { state: null, after, limit: ROWS_PER_CHUNK });
    let chunk = '';
    for (const order of orders) {
      const { merchantId, sourceId, orderId, attributionAt, state } = order;
      const at = attributionAt?.toISOString() ?? null;
      chunk += csvRow(['order', merchantId, sourceId, orderId, at, currency, ...amountsOf(order), state]);
      for (const sum of ['before', 'after', 'moved'] as const) totals[sum] += order[sum];
    }
    yield chunk;
    if (orders.length < ROWS_PER_CHUNK) break;
    after = orders.at(-1)!.orderKey;
  }
  yield csvRow(['total', null, null, null, null, currency, ...amountsOf(totals), null]);
}
