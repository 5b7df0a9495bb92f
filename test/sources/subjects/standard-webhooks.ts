// An in-house order system that speaks Standard Webhooks.
import { hash } from 'node:crypto';

import { hmacSha256, type SourceSecrets } from '../../../src/sources/signing.ts';
import { standardWebhooks } from '../../../src/sources/standard-webhooks/adapter.ts';
import type { Sent, Subject } from '../subject.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

function send(body: Buffer, secrets: SourceSecrets, at: Date): Sent {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const key = Buffer.from(String(secrets['secret']).slice('whsec_'.length), 'base64');
  // A message keeps its id however often it is sent.
  const id = `msg_${hash('sha256', body)}`;
  const signature = hmacSha256(key, `${id}.${timestamp}.`, body).toString('base64');
  return { headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }, body };
}

const PAID_AT = '2026-06-01T10:00:00Z';

function message(orderId: string, hour: number, told: object): Buffer {
  const observed_at = `2026-06-01T${hour}:00:00Z`;
  const data = { status: 'paid', currency: 'CNY', observed_at, paid_at: PAID_AT, lines: [line('p1')], ...told };
  // The id stands bare, as some senders write it.
  return Buffer.from(
    JSON.stringify({ type: 'order.updated', timestamp: observed_at, data }).replace('"data":{', `"data":{"order_id":${orderId},`),
  );
}

const line = (productId: string) => ({ line_id: '1', product_id: productId, quantity: 1, paid_amount: 9999 });
const refund = (amount: number) => ({ refund_id: `r${amount}`, line_id: '1', amount });

export const subject: Subject = {
  adapter: standardWebhooks,
  secrets: { secret: SECRET },
  push: { send, otherSecrets: { secret: OTHER }, rotating: { secret: [OTHER, SECRET] }, staleMs: 300_000 },
  story: (orderId) => ({
    paid: message(orderId, 10, {}),
    completed: message(orderId, 11, { status: 'completed' }),
    partlyRefunded: message(orderId, 12, { status: 'completed', refunds: [refund(3000)] }),
    refunded: message(orderId, 13, { status: 'completed', refunds: [refund(3000), refund(6999)] }),
    unknownCode: message(orderId, 10, { status: 'paid_later' }),
    unknownProduct: message(orderId, 10, { lines: [line('nobody-knows')] }),
  }),
  paidAmount: 9999,
  partAmount: 3000,
};
