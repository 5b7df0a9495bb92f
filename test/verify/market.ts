// The verifier's market: one merchant, two sellers in a chain, one rule whose rate changes, a
// signing source. All of it over the API.

import { createClient, type FenyongClient } from '../../client/client.ts';
import { stateMarket, statePromoter } from '../market.ts';
import { ADMIN_KEY } from './fleet.ts';
import type { Seller } from './reckoning.ts';

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

/**
 * The API as the admin sees it. Nothing is sent twice: what the service refuses or loses is to be
 * seen.
 */
export function adminOf(url: string): FenyongClient {
  return createClient({ url, key: ADMIN_KEY, attempts: 1, attemptMs: 60_000 });
}

export async function openMarket(url: string): Promise<Market> {
  const client = adminOf(url);
  const secret = `whsec_${WEBHOOK_KEY.toString('base64')}`;
  const ruleId = await stateMarket(client, { sourceId: SOURCE, secret, holdDays: 0, ratePpm: FIRST_RATE_PPM });
  await statePromoter(client, 'carol', { name: 'Carol', kind: 'person', inviter_id: 'bob' });
  const link = async (seller: Seller) => {
    const { data: made } = await client.POST('/v1/links', { body: { promoter_id: seller, merchant_id: 'm1', product_id: 'p1' } });
    return made.code;
  };
  return {
    ruleId,
    links: { bob: await link('bob'), carol: await link('carol') },
    rates: { versions: [{ from: Date.UTC(2020), ratePpm: FIRST_RATE_PPM }], pendingFrom: null },
  };
}
