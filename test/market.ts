// The usual market, over the API, for whoever speaks to a running service: a merchant with a
// product, a seller with an inviter and an agency, one rule, and a source that signs.

import type { components } from '../client/api.ts';
import type { FenyongClient } from '../client/client.ts';

/** What the agency gives the seller of what it is given, and the seller its inviter. */
export const SELLER_PPM = 700_000;
export const UPLINE_PPM = 100_000;

/** A plan of that rate, down from the agency to the seller and its inviter. */
export function planOf(ratePpm: number): components['schemas']['PlanInput'] {
  const upline = { to: 'upline' as const, level: 1, share_ppm: UPLINE_PPM };
  return {
    rate_ppm: ratePpm,
    split: [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: SELLER_PPM, pays: [upline] }] }],
  };
}

interface MarketTerms {
  sourceId: string;
  /** What its source signs with, `whsec_…`. */
  secret: string;
  holdDays: number;
  ratePpm: number;
}

/**
 * States the merchant `m1` with the product `p1`, the agency `a1`, `alice`, and `bob`, whom she has
 * invited; the source, and a rule that counts since 2020. Answers with the id of the rule.
 */
export async function stateMarket(client: FenyongClient, { sourceId, secret, holdDays, ratePpm }: MarketTerms): Promise<string> {
  await client.PUT('/v1/merchants/{merchant_id}', {
    params: { path: { merchant_id: 'm1' } },
    body: { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'], hold_days: holdDays },
  });
  await client.PUT('/v1/merchants/{merchant_id}/products/{product_id}', {
    params: { path: { merchant_id: 'm1', product_id: 'p1' } },
    body: { title: 'Bottle', landing_url: 'https://shop.example.com/p/1' },
  });
  await statePromoter(client, 'a1', { name: 'Agency', kind: 'agency' });
  await statePromoter(client, 'alice', { name: 'Alice', kind: 'person' });
  await statePromoter(client, 'bob', { name: 'Bob', kind: 'person', inviter_id: 'alice', agency_id: 'a1' });
  await client.PUT('/v1/sources/{source_id}', {
    params: { path: { source_id: sourceId } },
    body: { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret } },
  });
  const { data: rule } = await client.POST('/v1/rules', {
    body: { name: 'all', effective_from: '2020-01-01T00:00:00.000Z', retroactive: true, plan: planOf(ratePpm) },
  });
  return rule.rule_id;
}

interface PromoterTerms {
  name: string;
  kind: 'agency' | 'person';
  inviter_id?: string;
  agency_id?: string;
}

export async function statePromoter(client: FenyongClient, promoterId: string, body: PromoterTerms): Promise<void> {
  await client.PUT('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: promoterId } }, body });
}
