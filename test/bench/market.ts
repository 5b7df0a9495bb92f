// A merchant with links, over the API, for the benches that speak HTTP.

import { createClient, type FenyongClient } from '../../client/client.ts';
import { stateMarket } from '../market.ts';
import { ADMIN_KEY, type Running } from './processes.ts';

export const WEBHOOK_SECRET = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** The API as the admin sees it. Nothing is sent twice. */
export function adminOf({ url }: Pick<Running, 'url'>): FenyongClient {
  return createClient({ url, key: ADMIN_KEY, attempts: 1 });
}

/** The usual market, with the source `sw`; the codes of `count` links of bob's. */
export async function openMarket(service: Running, count: number): Promise<string[]> {
  const client = adminOf(service);
  await stateMarket(client, { sourceId: 'sw', secret: `whsec_${WEBHOOK_SECRET}`, holdDays: 7, ratePpm: 100_000 });
  const links = Array.from({ length: count }, () => ({ promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1' }));
  const { data: made } = await client.POST('/v1/links/batch', { body: { links } });
  return made.data.map((link) => link.code);
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
