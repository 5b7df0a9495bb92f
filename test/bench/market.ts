// A merchant with links, over the API, for the benches that speak HTTP.

import { ADMIN_KEY, type Running } from './processes.ts';

export const WEBHOOK_SECRET = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** Sends one request as the admin; throws for any refusal. */
export async function ask(service: Pick<Running, 'url'>, method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(service.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/**
 * One merchant `m1` with one product, a seller with an inviter and an agency, the usual rule and a
 * source; the codes of `count` links.
 */
export async function openMarket(service: Running, count: number): Promise<string[]> {
  await ask(service, 'PUT', '/v1/merchants/m1', { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'] });
  await ask(service, 'PUT', '/v1/merchants/m1/products/p1', { title: 'Bottle', landing_url: 'https://shop.example.com/p/1' });
  await ask(service, 'PUT', '/v1/promoters/a1', { name: 'Agency', kind: 'agency' });
  await ask(service, 'PUT', '/v1/promoters/alice', { name: 'Alice', kind: 'person' });
  await ask(service, 'PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person', inviter_id: 'alice', agency_id: 'a1' });
  await ask(service, 'PUT', '/v1/sources/sw', {
    kind: 'standard-webhooks',
    merchant_id: 'm1',
    secrets: { secret: `whsec_${WEBHOOK_SECRET}` },
  });
  const upline = { to: 'upline', level: 1, share_ppm: 100_000 };
  const split = [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: 700_000, pays: [upline] }] }];
  await ask(service, 'POST', '/v1/rules', {
    name: 'all',
    effective_from: '2020-01-01T00:00:00Z',
    retroactive: true,
    plan: { rate_ppm: 100_000, split },
  });
  const wishes = Array.from({ length: count }, () => ({ promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1' }));
  const { data } = await ask(service, 'POST', '/v1/links/batch', { links: wishes });
  return (data as { code: string }[]).map((link) => link.code);
}

/** The body of a report of an order that a click token attributes. */
export function reportOf(orderId: string, clickToken: string | null): Record<string, unknown> {
  const now = new Date().toISOString();
  const line = { line_id: '1', product_id: 'p1', category: 'baby', quantity: 1, paid_amount: 9999 };
  return {
    merchant_id: 'm1',
    order_id: orderId,
    status: 'paid',
    currency: 'CNY',
    observed_at: now,
    paid_at: now,
    click_token: clickToken,
    lines: [line],
  };
}
