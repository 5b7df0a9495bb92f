// A Shopify shop.
import { hmacSha256, type SourceSecrets } from '../../../src/sources/signing.ts';
import { shopify } from '../../../src/sources/shopify/adapter.ts';
import { shopifyDouble } from '../doubles/shopify.ts';
import type { Sent, Subject } from '../subject.ts';

const SECRETS = { secret: 'hush', access_token: 'shpat_1' };
const OTHER = { ...SECRETS, secret: 'hush-hush' };

function send(body: Buffer, secrets: SourceSecrets): Sent {
  return { headers: { 'x-shopify-hmac-sha256': hmacSha256(String(secrets['secret']), body).toString('base64') }, body };
}

function order(orderId: string, hour: number, told: object): Buffer {
  const value = {
    currency: 'CNY',
    created_at: '2026-06-01T10:00:00Z',
    processed_at: '2026-06-01T10:00:00Z',
    updated_at: `2026-06-01T${hour}:00:00Z`,
    financial_status: 'paid',
    order_status_url: 'https://demo.myshopify.com/548380009/orders/abc/authenticate?key=def',
    line_items: [line('p1')],
    ...told,
  };
  return Buffer.from(JSON.stringify(value).replace('{', `{"id":${orderId},`));
}

const line = (productId: string) => ({ id: 1, product_id: productId, quantity: 1, price: '99.99' });

function refund(id: number, amount: string) {
  const at = '2026-06-01T12:00:00Z';
  return { id, created_at: at, processed_at: at, refund_line_items: [{ line_item_id: 1, subtotal: amount, total_tax: '0.00' }] };
}

const part = refund(7, '30.00');
const rest = refund(8, '69.99');

export const subject: Subject = {
  adapter: shopify,
  secrets: SECRETS,
  options: { shop: 'demo.myshopify.com' },
  push: { send, otherSecrets: OTHER, rotating: { ...SECRETS, secret: [OTHER.secret, SECRETS.secret] }, staleMs: null },
  story: (orderId) => ({
    paid: order(orderId, 10, {}),
    completed: order(orderId, 11, { fulfillment_status: 'fulfilled' }),
    partlyRefunded: order(orderId, 12, { fulfillment_status: 'fulfilled', financial_status: 'partially_refunded', refunds: [part] }),
    refunded: order(orderId, 13, { fulfillment_status: 'fulfilled', financial_status: 'refunded', refunds: [part, rest] }),
    unknownCode: order(orderId, 10, { financial_status: 'paid_later' }),
    unknownProduct: order(orderId, 10, { line_items: [line('nobody-knows')] }),
  }),
  paidAmount: 9999,
  partAmount: 3000,
  shop: '548380009',
  open: () => shopifyDouble(SECRETS.access_token),
};
