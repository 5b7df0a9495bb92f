// A market with promoters who look at their page: one with orders in every state, one with none,
// and a service that listens.

import { createClient, type FenyongClient } from '../../client/client.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';
import { stateMarket } from '../market.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const TRIES_MAX = 400;
const POLL_MS = 25;

export interface Phone {
  service: Service;
  client: FenyongClient;
  /** The keys of promoters: Bob sells, Alice has invited him, Carol has nothing. */
  keys: { bob: string; alice: string; carol: string };
  /** The code of Bob's link. */
  code: string;
  /** Signs in by a key, and answers with the session's cookie. */
  signIn: (key: string) => Promise<string>;
  close: () => Promise<void>;
}

/** An order of Bob's by his link; `more` is reported beside what every order has. */
async function report(client: FenyongClient, code: string, orderId: string, more: object): Promise<void> {
  const line = { line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 123_450 };
  const body = { merchant_id: 'm1', order_id: orderId, status: 'paid' as const, currency: 'CNY', link_code: code, lines: [line], ...more };
  await client.POST('/v1/orders', { body });
}

/** Asks again until something is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (await isSo()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
  throw new Error('it never came to be so');
}

/**
 * The market: Bob has an order that is estimated, one that is released, one that waits for the end
 * of its after-sale period, and one that was refunded.
 */
export async function openPhone(): Promise<Phone> {
  const service = await openService({ works: true, listens: true });
  const client = createClient({ url: service.url, key: ADMIN_KEY });
  await stateMarket(client, { sourceId: 'shop', secret: SECRET, holdDays: 7, ratePpm: 100_000 });
  await client.PUT('/v1/merchants/{merchant_id}/products/{product_id}', {
    params: { path: { merchant_id: 'm1', product_id: 'p1' } },
    body: { title: 'Bottle <b>& "cup"</b>', price: 123_450, landing_url: 'https://shop.example.com/p/1' },
  });
  await client.PUT('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: 'carol' } }, body: { name: 'Carol', kind: 'person' } });
  await client.PUT('/v1/merchants/{merchant_id}/offers/{offer_id}', {
    params: { path: { merchant_id: 'm1', offer_id: 'spring' } },
    body: { kind: 'open', product_ids: ['p1'], rate_ppm: 200_000 },
  });
  await client.PUT('/v1/payout-providers/{provider_id}', { params: { path: { provider_id: 'manual' } }, body: { kind: 'manual' } });
  const keyOf = async (promoterId: string) => {
    const { data } = await client.POST('/v1/keys', { body: { scope: 'promoter', promoter_id: promoterId, label: promoterId } });
    return data.key!;
  };
  const { data: link } = await client.POST('/v1/links', {
    body: { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1', scene: 'group' },
  });
  const now = Date.now();
  const ago = (hours: number) => new Date(now - hours * 3_600_000).toISOString();
  await report(client, link.code, 'E-1', { paid_at: ago(0) });
  await report(client, link.code, 'C-1', { paid_at: ago(2), status: 'completed', completed_at: ago(1) });
  await report(client, link.code, 'R-1', { paid_at: ago(24 * 9), status: 'completed', completed_at: ago(24 * 8) });
  await report(client, link.code, 'V-1', { paid_at: ago(3), refunds: [{ refund_id: 'f', line_id: '1', amount: 123_450 }] });
  const keys = { bob: await keyOf('bob'), alice: await keyOf('alice'), carol: await keyOf('carol') };
  const phone: Phone = {
    service,
    client,
    keys,
    code: link.code,
    signIn: async (key) => {
      const answer = await service.app.inject({ method: 'POST', url: '/v1/sessions', headers: { authorization: `Bearer ${key}` } });
      return String(answer.headers['set-cookie']).split(';')[0]!;
    },
    close: () => service.close(),
  };
  await until(async () => {
    const { data } = await client.GET('/v1/orders', { params: { query: { promoter_id: 'bob' } } });
    const awards = data.data.map(({ award }) => award).toSorted();
    return awards.join() === 'confirmed,estimated,released,void';
  });
  return phone;
}
