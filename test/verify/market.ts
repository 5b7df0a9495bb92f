// The verifier's market: one merchant, two sellers in a chain, one rule whose rate changes, a
// signing source. All of it over the API.

import { randomUUID } from 'node:crypto';

import { ADMIN_KEY } from './fleet.ts';
import { SELLER_PPM, UPLINE_PPM, type Seller } from './reckoning.ts';

export const SOURCE = 'shop';
export const WEBHOOK_KEY = Buffer.from('the verifier signs its webhooks with this');
const FIRST_RATE_PPM = 83_333;

export interface Market {
  ruleId: string;
  /** The code of each seller's link. */
  links: Record<Seller, string>;
  rates: RateBook;
}

/** What the rule paid from when on. */
interface RateBook {
  versions: { from: number; ratePpm: number }[];
  /** From when on a version counts that is not known to be published yet. */
  pendingFrom: number | null;
}

/** The rate for what is paid at that time. */
export function rateAt({ versions }: RateBook, paidAt: number): number {
  return versions.findLast(({ from }) => from <= paidAt)!.ratePpm;
}

/** Sends one request as the admin, and throws for any refusal. */
export async function ask(url: string, method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

export function planOf(ratePpm: number) {
  const upline = { to: 'upline', level: 1, share_ppm: UPLINE_PPM };
  return {
    rate_ppm: ratePpm,
    split: [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: SELLER_PPM, pays: [upline] }] }],
  };
}

export async function openMarket(url: string): Promise<Market> {
  const merchant = { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'], hold_days: 0 };
  await ask(url, 'PUT', '/v1/merchants/m1', merchant);
  await ask(url, 'PUT', '/v1/merchants/m1/products/p1', { title: 'Bottle', landing_url: 'https://shop.example.com/p/1' });
  await ask(url, 'PUT', '/v1/promoters/a1', { name: 'Agency', kind: 'agency' });
  await ask(url, 'PUT', '/v1/promoters/alice', { name: 'Alice', kind: 'person' });
  await ask(url, 'PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person', inviter_id: 'alice', agency_id: 'a1' });
  await ask(url, 'PUT', '/v1/promoters/carol', { name: 'Carol', kind: 'person', inviter_id: 'bob' });
  const secret = `whsec_${WEBHOOK_KEY.toString('base64')}`;
  await ask(url, 'PUT', `/v1/sources/${SOURCE}`, { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret } });
  const from = Date.UTC(2020);
  const rule = await ask(url, 'POST', '/v1/rules', {
    name: 'all',
    effective_from: new Date(from).toISOString(),
    retroactive: true,
    plan: planOf(FIRST_RATE_PPM),
  });
  const link = async (seller: Seller) => {
    const made = await ask(url, 'POST', '/v1/links', { promoter_id: seller, merchant_id: 'm1', product_id: 'p1' });
    return made['code'] as string;
  };
  return {
    ruleId: rule['rule_id'] as string,
    links: { bob: await link('bob'), carol: await link('carol') },
    rates: { versions: [{ from, ratePpm: FIRST_RATE_PPM }], pendingFrom: null },
  };
}
