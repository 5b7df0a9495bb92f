// WooCommerce's order webhooks, and its orders as they are asked for. Only the body of a push is signed, and a push that fails never comes
// again, so a shop should be pulled, too.
import { z } from 'zod';

import { parseJson } from '../platform/json.ts';
import { minorUnits } from './shopify-money.ts';
import { hmacSha256, keepHeaders, oneOf, oneOrMoreSecrets, pullOptions, sameText, secretsNamed } from './source.ts';
import type { Adapter, Kept, Mapped, Push, SourceReport, Verified } from './source.ts';
import { listOrders } from './woocommerce-orders.ts';

const DAY_MS = 86_400_000;
// Delivery-ID is made of an id and a second: two deliveries may have the same one, so it is kept to be shown, and is no key.
const HEADERS = ['source', 'topic', 'resource', 'event', 'id', 'delivery-id'].map((name) => `x-wc-webhook-${name}`);

const key = z.string().min(1).max(256);

const options = z.strictObject({
  url: z
    .url({ protocol: /^https$/, error: 'must be an https address' })
    .refine((text) => new URL(text).username + new URL(text).password + new URL(text).search + new URL(text).hash === '', {
      error: 'must be without user, query and fragment',
    })
    .optional()
    .meta({ description: 'Where the shop is; needed to pull. Only public addresses are asked.' }),
  pull: pullOptions,
});

export const woocommerce: Adapter = {
  kind: 'woocommerce',
  secrets: z.strictObject({ secret: oneOrMoreSecrets, consumer_key: key.optional(), consumer_secret: key.optional() }),
  options: options.refine((stated) => stated.pull === undefined || stated.url !== undefined, { path: ['url'], error: 'is needed to pull' }),
  verify,
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
  map,
  baseUrl: (stated) => options.parse(stated).url ?? '',
  feeds: [{ name: 'orders', windowMs: () => DAY_MS, backMs: null, overlapMs: 600_000, list: listOrders }],
};

function verify({ method, headers, body, secrets }: Push): Verified {
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

const id = z.union([z.string().min(1), z.number()]).transform(String);
const text = z.string().nullish();
const decimal = z.union([z.string(), z.number()]).transform(String);

const order = z.object({
  id,
  status: z.string(),
  currency: z.string(),
  date_created_gmt: text,
  date_modified_gmt: text,
  date_paid_gmt: text,
  date_completed_gmt: text,
  customer_id: id.nullish(),
  billing: z.object({ email: text, phone: text }).nullish(),
  meta_data: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
  coupon_lines: z.array(z.object({ code: z.string() })).nullish(),
  line_items: z.array(z.object({ id, product_id: id.nullish(), quantity: z.int().min(0), total: decimal })),
  refunds: z.array(z.object({ id, total: decimal })).nullish(),
});

type WooOrder = z.output<typeof order>;

/** Only orders have lines; everything else under this signature (products, a deleted order's bare id) maps to nothing. */
function map({ body }: Kept): Mapped[] {
  const value = z.looseObject({}).parse(parseJson(body));
  return Array.isArray(value.line_items) ? [mapOrder(order.parse(value))] : [];
}

function mapOrder(order: WooOrder): Mapped {
  const standing = STATUS[order.status];
  const refunds = (order.refunds ?? []).map((refund) => ({
    refund_id: refund.id,
    amount: Number(refundedBy(refund.total, order.currency)),
    status: 'succeeded' as const,
  }));
  const report: SourceReport = {
    order_id: order.id,
    currency: order.currency,
    observed_at: utc(order.date_modified_gmt) ?? utc(order.date_created_gmt),
    created_at: utc(order.date_created_gmt),
    ...(standing === undefined ? {} : standingOf(order, standing, refunds.length > 0)),
    buyer: {
      customer_id: order.customer_id === '0' ? null : order.customer_id,
      email: order.billing?.email || null,
      phone: order.billing?.phone || null,
    },
    click_token: told(order, 'fy_click'),
    link_code: told(order, 'fy_link'),
    coupon_codes: (order.coupon_lines ?? []).map((coupon) => coupon.code),
    lines: order.line_items.map((line) => ({
      line_id: line.id,
      product_id: line.product_id === '0' ? null : line.product_id,
      quantity: line.quantity,
      paid_amount: Number(minorUnits(line.total, order.currency)),
    })),
    refunds,
  };
  return { report, shop: null, names: [], unknownCode: standing === undefined ? `status ${order.status}` : null };
}

type Standing = 'created' | 'paid' | 'completed' | 'refunded' | 'void';

const STATUS: Readonly<Partial<Record<string, Standing>>> = {
  'auto-draft': 'created',
  'checkout-draft': 'created',
  pending: 'created',
  'on-hold': 'created',
  processing: 'paid',
  completed: 'completed',
  refunded: 'refunded',
  cancelled: 'void',
  failed: 'void',
  trash: 'void',
};

/** A refunded order keeps how far it had come; where no refund of it is listed, nothing of it is left. */
function standingOf({ status, date_paid_gmt: paidAt, date_completed_gmt: completedAt }: WooOrder, standing: Standing, hasRefunds: boolean) {
  const isCompleted = standing === 'completed' || (standing === 'refunded' && Boolean(completedAt));
  const isPaid = isCompleted || standing === 'paid' || standing === 'refunded';
  const isVoid = standing === 'void' || (standing === 'refunded' && !hasRefunds);
  return {
    status: isCompleted ? ('completed' as const) : isPaid ? ('paid' as const) : ('created' as const),
    void: isVoid ? { reason: status } : (false as const),
    paid_at: isPaid ? utc(paidAt) : null,
    completed_at: isCompleted ? utc(completedAt) : null,
  };
}

/** A refund is written as a negative amount. What it says of freight and tax is not told apart: it takes from what the lines have left. */
function refundedBy(total: string, currency: string): bigint {
  const amount = minorUnits(total, currency);
  return amount < 0n ? -amount : amount;
}

/** Times without a zone whose name says that they are of GMT. */
function utc(time: string | null | undefined): string | null {
  return time ? `${time.replace(/Z$/, '')}Z` : null;
}

/** A word of ours in the order's meta data, with or without the underscore that hides it from the shop's pages. */
function told({ meta_data: data }: WooOrder, name: string): string | null {
  const value = data?.find((one) => one.key === name || one.key === `_${name}`)?.value;
  return typeof value === 'string' ? value : null;
}
