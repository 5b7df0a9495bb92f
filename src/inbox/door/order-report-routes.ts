// POST /v1/orders: a storefront's report of an order. Like every report it becomes a delivery, byte
// for byte, before it is answered.
import { hash } from 'node:crypto';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { canonicalReport, type CanonicalReport } from '../../core/report.ts';
import { mayActFor } from '../../platform/keys/actor.ts';
import type { App } from '../../platform/http/app.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import type { SourceCache } from '../../sources/connections/source-cache.ts';
import { REST } from '../../sources/connections/source-fields.ts';
import type { DeliveryWriter } from './delivery-writer.ts';
import type { KnownMerchants } from './known-merchants.ts';
import { inTrx, storeDeliveries, type NewDelivery } from '../delivery-store.ts';

interface OrderReportRoutesDeps {
  db: Kysely<DB>;
  writer: DeliveryWriter;
  merchants: KnownMerchants;
  sources: SourceCache;
  /** There is a delivery to process. Called after the commit. */
  onDelivered: () => void;
}

const answer = z.object({
  delivery_id: z.uuid().meta({ description: 'Of this report; of the earlier one where the same bytes were sent before.' }),
  source_id: z.string(),
  order_id: z.string(),
});

export function orderReportRoutes(app: App, deps: OrderReportRoutesDeps): void {
  const { db, writer, onDelivered } = deps;
  app.post('/v1/orders', {
    config: { scopes: ['storefront'], roles: ['operator'] },
    schema: {
      operationId: 'orders.report',
      tags: ['orders'],
      summary: 'Report an order, or what has become of it',
      description:
        'Answered once the report is stored for good; it is merged within a second. Reports may come in any order, as often as you like.',
      body: canonicalReport,
      response: { 202: answer, ...problems('unknown_merchant', 'unknown_source') },
    },
    handler: async (request, reply) => {
      const { body: report } = request;
      mayActFor(request.actor, report.merchant_id);
      const sourceId = await orderSource(report, deps);
      const delivery = deliveryOf(report, request.rawBody!);
      const told = { source_id: sourceId, order_id: report.order_id };
      if (request.headers['idempotency-key'] === undefined) {
        const deliveryId = await writer.write(delivery);
        onDelivered();
        return reply.code(202).send({ delivery_id: deliveryId, ...told });
      }
      await answerOnce(request, reply, db, async ({ trx }) => {
        const [deliveryId] = await storeDeliveries(inTrx(trx), [delivery]);
        return { status: 202, body: { delivery_id: deliveryId, ...told } };
      });
      onDelivered();
      return reply;
    },
  });
}

/** The source whose order the report is about. Throws `unknown_merchant` and `unknown_source`. */
async function orderSource(report: CanonicalReport, { merchants, sources }: OrderReportRoutesDeps): Promise<string> {
  const { merchant_id: merchantId, source_id: sourceId } = report;
  if (!(await merchants.has(merchantId))) {
    const message = `There is no merchant ${merchantId}.`;
    throw new DomainError('unknown_merchant', message, { errors: [{ path: 'merchant_id', message }] });
  }
  if (sourceId == null || sourceId === REST) return REST;
  const source = await sources.find(sourceId);
  if (source !== null && (source.merchantId === null || source.merchantId === merchantId)) return sourceId;
  const message = `The merchant ${merchantId} has no source ${sourceId}.`;
  throw new DomainError('unknown_source', message, { errors: [{ path: 'source_id', message }] });
}

function deliveryOf(report: CanonicalReport, body: Buffer): NewDelivery {
  return {
    deliveryId: uuidv7(Date.now()),
    sourceId: REST,
    merchantId: report.merchant_id,
    origin: 'rest',
    body,
    bodyHash: hash('sha256', body, 'buffer'),
    signedId: null,
    headers: {},
  };
}
