// Shopify's order and refund webhooks. Only the body is signed, so what it is and when it was is
// read off the body, never off a header.
import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import { entriesOf, id, timeOf } from '../shop-words.ts';
import { askOrder, listOrders } from './api.ts';
import { seemsTaxIncluded, shopifyLine } from './line.ts';
import { asPushed } from './node.ts';
import { isOrder, mapOrder, shopifyOrder, soldLine, statusCode } from './order.ts';
import { currencyOf, refundsOf, shopifyRefund } from './refund.ts';
import { pullOptions } from '../source.ts';
import { chosenSecrets, hmacSha256, keepHeaders, oneOf, sameText, secretsNamed } from '../signing.ts';
import type { Adapter, KeptDelivery, MappedReport, Push, PushVerdict, WantedDetail } from '../source.ts';
import { DAY_MS } from '../../platform/durations.ts';

const HEADERS = ['topic', 'shop-domain', 'api-version', 'webhook-id', 'event-id', 'triggered-at'].map((name) => `x-shopify-${name}`);

/** `options.statuses` bounds how many statuses a shop may mean otherwise. */
const STATUSES_MAX = 100;
const DELETED = 'orders/delete, and no options.shop to ask';
const ORDER_ID = /^\d{1,20}$/;

const options = z.strictObject({
  shop: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com$/, 'must be the name of the shop, as name.myshopify.com')
    .optional()
    .meta({ description: 'Needed to pull, and to ask for deleted orders, with the secret access_token.' }),
  pull: pullOptions,
  completed_on: z
    .enum(['fulfilled', 'paid'])
    .default('fulfilled')
    .meta({ description: 'What completes an order and so starts the hold of its commission: that all of it was shipped, or its payment.' }),
  statuses: z
    .record(z.string().min(1).max(64), z.enum(['created', 'paid', 'completed', 'void']))
    .refine((stated) => Object.keys(stated).length <= STATUSES_MAX, { error: `must name at most ${STATUSES_MAX} statuses` })
    .optional()
    .meta({ description: 'What a financial status does to an order, like {"partially_paid": "paid"}. Goes before what we know of it.' }),
});

export const shopify: Adapter = {
  kind: 'shopify',
  secrets: z.strictObject({
    secret: chosenSecrets,
    access_token: z.string().min(1).max(256).regex(/\S/, 'must not be blank').exactOptional(),
  }),
  options: options.refine((stated) => stated.pull === undefined || stated.shop !== undefined, {
    path: ['shop'],
    error: 'is needed to pull',
  }),
  verify,
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
  map,
  explains,
  wanted,
  detail: async (wantedKey, asking) => [await askOrder(orderIdOf(wantedKey), asking)],
  baseUrl: (stated) => {
    const { shop } = options.parse(stated);
    return shop === undefined ? '' : `https://${shop}`;
  },
  feeds: [{ name: 'orders', windowMs: () => DAY_MS, backMs: null, overlapMs: 600_000, list: listOrders }],
};

function verify({ headers, body, secrets }: Push): PushVerdict {
  const keys = secretsNamed(secrets, 'secret');
  if (keys.length === 0) return { ok: false, reason: 'no_secret' };
  const signature = oneOf(headers, 'x-shopify-hmac-sha256');
  if (signature === undefined) return { ok: false, reason: 'missing_signature' };
  if (!keys.some((key) => sameText(signature, hmacSha256(key, body).toString('base64')))) return { ok: false, reason: 'wrong_signature' };
  return { ok: true, signedId: null, keep: keepHeaders(headers, HEADERS) };
}

const gone = z.object({ id, gone: z.literal(true), asked_at: z.string() });
const deleted = z.strictObject({ id });
const refundAlone = shopifyRefund.extend({ order_id: id });

/**
 * What a delivery is; `gone` is what we have made of an answer ourselves, so no push is ever read
 * so.
 */
type Told =
  | { order: z.output<typeof shopifyOrder> }
  | { refund: z.output<typeof refundAlone> }
  | { deleted: string }
  | { gone: z.output<typeof gone> }
  | null;

/**
 * Orders, their refunds and what was deleted tell of orders; everything else that Shopify may push
 * under this signature tells nothing. The header that names the topic is not signed: it decides
 * only where the body does not, and a deletion is never believed by itself.
 */
function readBody({ body, headers }: Pick<KeptDelivery, 'body' | 'headers'>): Told {
  const value = z.looseObject({}).parse(parseJson(body));
  if (headers['feed'] === 'detail' && value['gone'] === true) return { gone: gone.parse(value) };
  // What is listed by GraphQL says of itself what it is.
  if (value['__typename'] === 'Order') return { order: shopifyOrder.parse(asPushed(value)) };
  const resource = headers['x-shopify-topic']?.split('/')[0] ?? null;
  if (isOrder(value, resource)) return { order: shopifyOrder.parse(value) };
  if (value['order_id'] != null && Array.isArray(value['refund_line_items'])) return { refund: refundAlone.parse(value) };
  const bare = resource === null || resource === 'orders' ? deleted.safeParse(value).data : undefined;
  return bare === undefined ? null : { deleted: bare.id };
}

function map(delivery: KeptDelivery): MappedReport[] {
  const told = readBody(delivery);
  const reading = options.parse(delivery.options);
  if (told === null) return [];
  if ('order' in told) return [mapOrder(told.order, reading)];
  if ('refund' in told) return [mapRefund(told.refund)];
  if ('gone' in told) {
    const { id: orderId, asked_at: askedAt } = told.gone;
    return [{ report: { order_id: orderId, observed_at: askedAt, void: { reason: 'deleted' } }, shop: null, names: [] }];
  }
  // Where the shop can be asked, it will be; elsewhere somebody must look, because whoever knows an
  // old push could say so.
  if (reading.shop !== undefined) return [];
  return [{ report: { order_id: told.deleted }, shop: null, names: [], unknownCode: DELETED }];
}

/**
 * A refund by itself names neither its order's currency nor whether its prices hold the tax: both
 * show in its lines.
 */
function mapRefund(refund: z.output<typeof refundAlone>): MappedReport {
  const currency = currencyOf(refund);
  if (currency === null) throw new Error(`the refund ${refund.id} names no currency`);
  const lines = entriesOf(refund['refund_line_items']).flatMap((one) => shopifyLine.safeParse(one['line_item']).data ?? []);
  const taxesIncluded = lines.some((line) => seemsTaxIncluded(line, currency));
  const sold = lines.map((line) => soldLine(line, line.units, taxesIncluded, currency));
  const report = {
    order_id: refund.order_id,
    observed_at: timeOf(refund['created_at']) ?? timeOf(refund['processed_at']),
    // The currency is not stated here: a transaction may have told it, and that may be the buyer's.
    refunds: refundsOf([refund], { currency, taxesIncluded, lines: sold }),
  };
  return { report, shop: null, names: [] };
}

/** What a shop has now said of its financial statuses, and where it can be asked. */
function explains(stated: Record<string, unknown>): string[] {
  const { shop, statuses = {} } = options.parse(stated);
  const codes = Object.keys(statuses).map(statusCode);
  return shop === undefined ? codes : [...codes, DELETED];
}

/** A deleted order. */
function wanted(delivery: KeptDelivery): WantedDetail[] {
  const told = readBody(delivery);
  const { shop } = options.parse(delivery.options);
  if (shop === undefined || told === null || !('deleted' in told) || !ORDER_ID.test(told.deleted)) return [];
  return [{ key: `order/${told.deleted}` }];
}

function orderIdOf(wantedKey: string): string {
  const orderId = /^order\/(.*)$/.exec(wantedKey)?.[1];
  if (orderId === undefined || !ORDER_ID.test(orderId)) throw new Error(`${JSON.stringify(wantedKey)} is nothing that a shop is asked for`);
  return orderId;
}
