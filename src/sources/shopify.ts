// Shopify's order and refund webhooks. Only the body is signed, so what it is and when it was is read off the body, never off a header.
import { z } from 'zod';

import { parseJson } from '../platform/json.ts';
import { decimal, moneySet, shopAmount, shopifyId, sum } from './shopify-money.ts';
import { asPushed, listOrders } from './shopify-orders.ts';
import { currencyOf, refundsOf, shopifyRefund } from './shopify-refund.ts';
import { hmacSha256, keepHeaders, oneOf, oneOrMoreSecrets, pullOptions, sameText, secretsNamed } from './source.ts';
import type { Adapter, Kept, Mapped, Push, SourceReport, Verified } from './source.ts';

const HEADERS = ['topic', 'shop-domain', 'api-version', 'webhook-id', 'event-id', 'triggered-at'].map((name) => `x-shopify-${name}`);

const DAY_MS = 86_400_000;

const options = z.strictObject({
  shop: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com$/, 'must be the name of the shop, as name.myshopify.com')
    .optional()
    .meta({ description: 'Needed to pull, with the secret access_token.' }),
  pull: pullOptions,
  completed_on: z
    .enum(['fulfilled', 'paid'])
    .default('fulfilled')
    .meta({ description: 'What completes an order and so starts the hold of its commission: that all of it was shipped, or its payment.' }),
});

export const shopify: Adapter = {
  kind: 'shopify',
  secrets: z.strictObject({ secret: oneOrMoreSecrets, access_token: z.string().min(1).max(256).optional() }),
  options: options.refine((stated) => stated.pull === undefined || stated.shop !== undefined, {
    path: ['shop'],
    error: 'is needed to pull',
  }),
  verify,
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
  map,
  baseUrl: (stated) => {
    const { shop } = options.parse(stated);
    return shop === undefined ? '' : `https://${shop}`;
  },
  feeds: [{ name: 'orders', windowMs: () => DAY_MS, backMs: null, overlapMs: 600_000, list: listOrders }],
};

function verify({ headers, body, secrets }: Push): Verified {
  const keys = secretsNamed(secrets, 'secret');
  if (keys.length === 0) return { ok: false, reason: 'no_secret' };
  const signature = oneOf(headers, 'x-shopify-hmac-sha256');
  if (signature === undefined) return { ok: false, reason: 'missing_signature' };
  if (!keys.some((key) => sameText(signature, hmacSha256(key, body).toString('base64')))) return { ok: false, reason: 'wrong_signature' };
  return { ok: true, signedId: null, keep: keepHeaders(headers, HEADERS) };
}

/** Only orders and refunds tell of orders; everything else that Shopify may push under this signature maps to nothing. */
function map({ body, options: stated }: Kept): Mapped[] {
  const value = z.looseObject({}).parse(parseJson(body));
  // What is listed by GraphQL says of itself what it is.
  if (value['__typename'] === 'Order') return [mapOrder(order.parse(asPushed(value)), options.parse(stated))];
  if (Array.isArray(value.line_items)) return [mapOrder(order.parse(value), options.parse(stated))];
  if (value.order_id !== undefined && Array.isArray(value.refund_line_items)) return [mapRefund(refundAlone.parse(value))];
  return [];
}

const text = z.string().nullish();
const identity = z.union([z.string(), z.number()]).transform(String).nullish();

const line = z.object({
  id: shopifyId,
  product_id: shopifyId.nullish(),
  quantity: z.int().min(0),
  price: decimal,
  price_set: moneySet.nullish(),
  total_discount: decimal.nullish(),
  total_discount_set: moneySet.nullish(),
  discount_allocations: z.array(z.object({ amount: decimal.nullish(), amount_set: moneySet.nullish() })).nullish(),
  tax_lines: z.array(z.object({ price: decimal.nullish(), price_set: moneySet.nullish() })).nullish(),
});

const order = z.object({
  id: shopifyId,
  currency: z.string(),
  created_at: text,
  updated_at: text,
  processed_at: text,
  cancelled_at: text,
  cancel_reason: text,
  financial_status: text,
  fulfillment_status: text,
  fulfillments: z.array(z.object({ created_at: text, status: text })).nullish(),
  taxes_included: z.boolean().nullish(),
  email: identity,
  phone: identity,
  customer: z.object({ id: identity, email: identity, phone: identity }).nullish(),
  note_attributes: z.array(z.object({ name: z.string(), value: z.unknown() })).nullish(),
  discount_codes: z.array(z.object({ code: z.string() })).nullish(),
  order_status_url: text,
  line_items: z.array(line),
  refunds: z.array(shopifyRefund).nullish(),
});

type ShopifyOrder = z.output<typeof order>;

const refundAlone = shopifyRefund.extend({ order_id: shopifyId });

function mapRefund(refund: z.output<typeof refundAlone>): Mapped {
  const report: SourceReport = {
    order_id: refund.order_id,
    observed_at: refund.created_at ?? refund.processed_at,
    // The currency is not stated here: a transaction may have told it, and that may be the buyer's.
    refunds: refundsOf(refund, currencyOf(refund)),
  };
  return { report, shop: null, names: [] };
}

function mapOrder(order: ShopifyOrder, { completed_on }: z.output<typeof options>): Mapped {
  const { status, voided } = standingOf(order);
  const paid = status === 'paid';
  const completed = paid && (completed_on === 'paid' || order.fulfillment_status === 'fulfilled');
  const paidAt = order.processed_at ?? order.created_at;
  const report: SourceReport = {
    order_id: order.id,
    status: completed ? 'completed' : status,
    void: voided,
    currency: order.currency,
    observed_at: order.updated_at ?? order.created_at,
    created_at: order.created_at,
    paid_at: paid ? paidAt : null,
    completed_at: completed ? (completed_on === 'paid' ? paidAt : lastFulfilment(order)) : null,
    buyer: {
      customer_id: order.customer?.id,
      email: order.email || order.customer?.email,
      phone: order.phone || order.customer?.phone,
    },
    click_token: attribute(order, 'fy_click'),
    link_code: attribute(order, 'fy_link'),
    coupon_codes: (order.discount_codes ?? []).map((discount) => discount.code),
    lines: order.line_items.map((line) => ({
      line_id: line.id,
      product_id: line.product_id,
      quantity: line.quantity,
      paid_amount: Number(paidFor(line, order)),
    })),
    refunds: (order.refunds ?? []).flatMap((refund) => refundsOf(refund, order.currency)),
  };
  return { report, shop: shopOf(order), names: [] };
}

const FINANCIAL_STATUS: Readonly<Record<string, 'created' | 'paid'>> = {
  pending: 'created',
  authorized: 'created',
  partially_paid: 'created',
  expired: 'created',
  voided: 'created',
  paid: 'paid',
  partially_refunded: 'paid',
  refunded: 'paid',
};

/** An unknown status is never guessed: it fails the delivery, which is replayed when it is known. */
function standingOf({ financial_status, cancelled_at, cancel_reason }: ShopifyOrder) {
  const status = financial_status ? FINANCIAL_STATUS[financial_status] : null;
  if (status === undefined) throw new Error(`the financial status ${JSON.stringify(financial_status)} is not known`);
  if (cancelled_at) return { status, voided: { reason: cancel_reason || 'cancelled' } };
  if (financial_status === 'voided') return { status, voided: { reason: 'voided' } };
  return { status, voided: false as const };
}

/** What the buyer paid for a line: its price less its discounts, and less the tax where prices include it. */
function paidFor(line: ShopifyOrder['line_items'][number], { currency, taxes_included }: ShopifyOrder): bigint {
  const price = shopAmount(line.price, line.price_set, currency) * BigInt(line.quantity);
  const allocated = line.discount_allocations ?? [];
  const discount =
    allocated.length > 0
      ? sum(allocated.map((one) => shopAmount(one.amount, one.amount_set, currency)))
      : shopAmount(line.total_discount, line.total_discount_set, currency);
  const tax = taxes_included ? sum((line.tax_lines ?? []).map((one) => shopAmount(one.price, one.price_set, currency))) : 0n;
  return price - discount - tax;
}

/** When the last part left; null lets the time of the report stand for it. */
function lastFulfilment({ fulfillments }: ShopifyOrder): string | null {
  const made = (fulfillments ?? []).filter((one) => one.status !== 'cancelled').flatMap((one) => one.created_at ?? []);
  return made.toSorted((a, b) => Date.parse(a) - Date.parse(b)).at(-1) ?? null;
}

function attribute({ note_attributes }: ShopifyOrder, name: string): string | null {
  const value = note_attributes?.find((one) => one.name === name)?.value;
  return typeof value === 'string' ? value : null;
}

/** The number of the shop, the only word for it in what is signed: the first part of the path of the order's status page. */
function shopOf({ order_status_url }: ShopifyOrder): string | null {
  return /^https:\/\/[^/]+\/(\d+)\/orders\//.exec(order_status_url ?? '')?.[1] ?? null;
}
