// WooCommerce's webhooks, and its orders as they are asked for. Only the body of a push is signed,
// and a push that fails never comes again, so a shop should be pulled, too.
import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import { entriesOf, id } from '../shop-words.ts';
import { pullOptions } from '../source.ts';
import { chosenSecrets, hmacSha256, keepHeaders, oneOf, sameText, secretsNamed } from '../signing.ts';
import type { Adapter, KeptDelivery, MappedReport, Push, PushVerdict, WantedDetail } from '../source.ts';
import { askOrder, listOrders } from './api.ts';
import { bareStatus, isOrder, mapOrder, statusCode, wooOrder } from './order.ts';
import { isRefundTold } from './refund.ts';
import { DAY_MS } from '../../platform/durations.ts';

// Delivery-ID is made of an id and a second: two deliveries may have the same one, so it is kept to
// be shown, and is no key.
const HEADERS = ['source', 'topic', 'resource', 'event', 'id', 'delivery-id'].map((name) => `x-wc-webhook-${name}`);

/** `options.statuses` bounds how many states of its own a shop may have. */
const STATUSES_MAX = 100;
const DELETED = 'order.deleted, and no options.url to ask the shop';
const ORDER_ID = /^\d{1,20}$/;

const key = z.string().min(1).max(256).regex(/\S/, 'must not be blank');

/** Whether an address of https says nothing beside where the shop is. */
function isPlainAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username + password + search + hash === '';
}

const options = z.strictObject({
  url: z
    .url({ protocol: /^https$/, error: 'must be an https address', abort: true })
    .refine(isPlainAddress, { error: 'must be without user, query and fragment' })
    .optional()
    .meta({
      description: 'Where the shop is; needed to pull, and to ask for refunds and deleted orders. Only public addresses are asked.',
    }),
  pull: pullOptions,
  statuses: z
    .record(z.string().min(1).max(64).transform(bareStatus), z.enum(['created', 'paid', 'completed', 'refunded', 'void']))
    .refine((stated) => Object.keys(stated).length <= STATUSES_MAX, { error: `must name at most ${STATUSES_MAX} statuses` })
    .optional()
    .meta({ description: 'What the shop\'s own statuses do to an order, like {"shipped": "completed"}. Goes before what we know.' }),
});

export const woocommerce: Adapter = {
  kind: 'woocommerce',
  secrets: z.strictObject({ secret: chosenSecrets, consumer_key: key.exactOptional(), consumer_secret: key.exactOptional() }),
  options: options.refine((stated) => stated.pull === undefined || stated.url !== undefined, { path: ['url'], error: 'is needed to pull' }),
  verify,
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
  map,
  explains,
  wanted,
  detail: async (wantedKey, asking) => [await askOrder(orderIdOf(wantedKey), asking)],
  baseUrl: (stated) => options.parse(stated).url ?? '',
  feeds: [{ name: 'orders', windowMs: () => DAY_MS, backMs: null, overlapMs: 600_000, list: listOrders }],
};

function verify({ method, headers, body, secrets }: Push): PushVerdict {
  const keys = secretsNamed(secrets, 'secret');
  if (keys.length === 0) return { ok: false, reason: 'no_secret' };
  const signature = oneOf(headers, 'x-wc-webhook-signature');
  // When a webhook is set up, its number is sent as an unsigned form, and wants to hear 200.
  if (signature === undefined && method === 'POST' && /^webhook_id=\d{1,20}$/.test(body.toString('latin1'))) {
    return { ok: true, answer: woocommerce.answer };
  }
  if (signature === undefined) return { ok: false, reason: 'missing_signature' };
  if (!keys.some((one) => sameText(signature, hmacSha256(one, body).toString('base64')))) return { ok: false, reason: 'wrong_signature' };
  return { ok: true, signedId: null, keep: keepHeaders(headers, HEADERS) };
}

const gone = z.object({ id, gone: z.literal(true), asked_at: z.string() });
const deleted = z.strictObject({ id });

/**
 * What a delivery is; `gone` is what we have made of an answer ourselves, so no push is ever read
 * so.
 */
type Told = { order: z.output<typeof wooOrder> } | { deleted: string } | { gone: z.output<typeof gone> } | null;

/**
 * Only orders and what was deleted tell of orders; everything else under this signature (products,
 * subscriptions) tells nothing. The header that names the resource is not signed: it decides only
 * where the body does not, and a deletion is never believed by itself.
 */
function readBody({ body, headers }: Pick<KeptDelivery, 'body' | 'headers'>): Told {
  const value = z.looseObject({}).parse(parseJson(body));
  if (headers['feed'] === 'detail' && value['gone'] === true) return { gone: gone.parse(value) };
  const topic = headers['x-wc-webhook-topic']?.split('.')[0];
  const resource = headers['x-wc-webhook-resource'] ?? topic ?? null;
  if (isOrder(value, resource)) return { order: wooOrder.parse(value) };
  const bare = resource === null || resource === 'order' ? deleted.safeParse(value).data : undefined;
  return bare === undefined ? null : { deleted: bare.id };
}

function map(delivery: KeptDelivery): MappedReport[] {
  const told = readBody(delivery);
  const { url, statuses = {} } = options.parse(delivery.options);
  if (told === null) return [];
  if ('order' in told) return [mapOrder(told.order, statuses)];
  if ('gone' in told) {
    const { id: orderId, asked_at: askedAt } = told.gone;
    return [{ report: { order_id: orderId, observed_at: askedAt, void: { reason: 'deleted' } }, shop: null, names: [] }];
  }
  // Where the shop can be asked, it will be; elsewhere somebody must look, because whoever knows an
  // old push could say so.
  if (url !== undefined) return [];
  return [{ report: { order_id: told.deleted }, shop: null, names: [], unknownCode: DELETED }];
}

/**
 * What a shop has now said of its own statuses, with their prefix or without, and where it can be
 * asked.
 */
function explains(stated: Record<string, unknown>): string[] {
  const { url, statuses = {} } = options.parse(stated);
  const codes = Object.keys(statuses).flatMap((status) => [statusCode(status), statusCode(`wc-${status}`)]);
  return url === undefined ? codes : [...codes, DELETED];
}

/** A deleted order, and one that lists refunds without telling what they were for. */
function wanted(delivery: KeptDelivery): WantedDetail[] {
  const { url } = options.parse(delivery.options);
  const told = readBody(delivery);
  if (url === undefined || told === null || 'gone' in told) return [];
  const isKnown = 'order' in told && entriesOf(told.order['refunds']).every(isRefundTold);
  const orderId = 'order' in told ? told.order.id : told.deleted;
  return isKnown || !ORDER_ID.test(orderId) ? [] : [{ key: `order/${orderId}` }];
}

function orderIdOf(wantedKey: string): string {
  const orderId = /^order\/(.*)$/.exec(wantedKey)?.[1];
  if (orderId === undefined || !ORDER_ID.test(orderId)) throw new Error(`${JSON.stringify(wantedKey)} is nothing that a shop is asked for`);
  return orderId;
}
