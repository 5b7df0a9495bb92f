// What is sent, byte for byte: the reports of an order, their signatures, and what the verifier
// notes of them.

import { createHash, createHmac } from 'node:crypto';

import type { Told } from './journal.ts';
import { WEBHOOK_KEY } from './market.ts';
import type { PlannedOrder } from './schedule.ts';

/** What is to be known of a body before it is sent. */
export function newTold(sourceId: string, body: string, orderId: string | null, ends: Told['ends']): Told {
  const bodyHash = createHash('sha256').update(body).digest('hex');
  return { sourceId, bodyHash, orderId, ends, acknowledged: 0, deliveryIds: new Set() };
}

type Report = Record<string, unknown>;

/**
 * The reports of an order, each about one thing that happened to it: it was paid, completed,
 * refunded.
 */
export function reportsOf({ orderId, lines, refunds, completes }: PlannedOrder, paidAt: number, evidence: Report): Report[] {
  const about = (seconds: number): Report => ({
    merchant_id: 'm1',
    order_id: orderId,
    observed_at: new Date(paidAt + seconds * 1000).toISOString(),
  });
  const paid = {
    ...about(0),
    ...evidence,
    status: 'paid',
    currency: 'CNY',
    paid_at: new Date(paidAt).toISOString(),
    lines: lines.map(({ lineId, paid }) => ({ line_id: lineId, product_id: 'p1', quantity: 1, paid_amount: paid })),
  };
  const completed = { ...about(1), status: 'completed', completed_at: new Date(paidAt).toISOString() };
  const refunded = refunds.map(({ refundId, lineId, amount }, index) => ({
    ...about(2 + index),
    refunds: [{ refund_id: refundId, line_id: lineId, amount }],
  }));
  return [paid, ...(completes ? [completed] : []), ...refunded];
}

/** As a storefront posts it, or as a webhook wraps it. */
export function bodyOf(report: Report, viaWebhook: boolean, paidAt: number): string {
  return JSON.stringify(viaWebhook ? { type: 'order.changed', timestamp: new Date(paidAt).toISOString(), data: report } : report);
}

/** The headers of a signed webhook, by a clock that says `now`. */
export function signatureOf(id: string, body: string, now: number): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  const mac = createHmac('sha256', WEBHOOK_KEY).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
}

/** The id of the click that a token proves: the sixteen bytes after its version and its time. */
export function clickIdIn(token: string): string {
  const hex = Buffer.from(token, 'base64url').toString('hex', 7, 23);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
