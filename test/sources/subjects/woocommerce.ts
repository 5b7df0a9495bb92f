// A WooCommerce shop.
import { hmacSha256, type SourceSecrets } from '../../../src/sources/signing.ts';
import { woocommerce } from '../../../src/sources/woocommerce/adapter.ts';
import { wooDouble } from '../doubles/woocommerce.ts';
import type { Sent, Subject } from '../subject.ts';

const KEYS = { consumer_key: 'ck_1', consumer_secret: 'cs_1' };
const SECRETS = { secret: 'hush', ...KEYS };
const OTHER = { secret: 'hush-hush', ...KEYS };

function send(body: Buffer, secrets: SourceSecrets): Sent {
  return { headers: { 'x-wc-webhook-signature': hmacSha256(String(secrets['secret']), body).toString('base64') }, body };
}

function order(told: object): object {
  return {
    status: 'processing',
    currency: 'CNY',
    date_created_gmt: '2026-06-01T10:00:00',
    date_modified_gmt: '2026-06-01T10:00:00',
    date_paid_gmt: '2026-06-01T10:00:00',
    date_completed_gmt: null,
    customer_id: 0,
    line_items: [line(93)],
    refunds: [],
    ...told,
  };
}

const line = (productId: number) => ({ id: 315, product_id: productId, quantity: 1, total: '99.99' });

/** The id stands bare, as the shop writes it. */
const body = (orderId: string, told: object): Buffer => Buffer.from(JSON.stringify(order(told)).replace('{', `{"id":${orderId},`));

const COMPLETED = { status: 'completed', date_completed_gmt: '2026-06-01T11:00:00' };
const PART = { id: 800, reason: '', total: '-30.00' };
const REST = { id: 801, reason: '', total: '-69.99' };

export const subject: Subject = {
  adapter: woocommerce,
  secrets: SECRETS,
  options: { url: 'https://shop.example.com' },
  push: { send, otherSecrets: OTHER, rotating: { ...KEYS, secret: [OTHER.secret, SECRETS.secret] }, staleMs: null },
  story: (orderId) => ({
    paid: body(orderId, {}),
    completed: body(orderId, { ...COMPLETED, date_modified_gmt: '2026-06-01T11:00:00' }),
    partlyRefunded: body(orderId, { ...COMPLETED, date_modified_gmt: '2026-06-01T12:00:00', refunds: [PART] }),
    refunded: body(orderId, { ...COMPLETED, status: 'refunded', date_modified_gmt: '2026-06-01T13:00:00', refunds: [PART, REST] }),
    unknownCode: body(orderId, { status: 'wc-paid-later' }),
    unknownProduct: body(orderId, { line_items: [line(4711)] }),
  }),
  paidAmount: 9999,
  partAmount: 3000,
  open: () =>
    wooDouble(`${KEYS.consumer_key}:${KEYS.consumer_secret}`, (orderId, at) =>
      order({ id: Number(orderId), date_modified_gmt: at.toISOString().slice(0, 19) }),
    ),
};
