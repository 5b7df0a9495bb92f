// The service that the walks go to: the usual market, with orders that earned and some that did
// not.

import type { operations } from '../../client/api.ts';
import { createClient, type FenyongClient } from '../../client/client.ts';
import { stateMarket } from '../market.ts';
import { until } from '../platform/sockets.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
/** A text of others that would run if it ever became markup. */
export const CANARY = '<img src=x onerror=document.title="pwned">';
/** An id in which a character hides that turns the direction of what follows. */
export const HIDING_ID = 'O-\u202e3';

export interface Shop {
  service: Service;
  client: FenyongClient;
  /** What the service has made: the code of bob's link. */
  code: string;
  makeKey: (wanted: operations['keys.make']['requestBody']['content']['application/json']) => Promise<string>;
  close: () => Promise<void>;
}

export async function openShop(): Promise<Shop> {
  const service = await openService({ works: true, listens: true });
  const client = createClient({ url: service.url, key: ADMIN_KEY });
  await stateMarket(client, { sourceId: 'erp', secret: SECRET, holdDays: 7, ratePpm: 200_000 });
  const { data: link } = await client.POST('/v1/links', { body: { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1' } });
  await Promise.all([
    client.POST('/v1/orders', { body: orderOf('O-1', 12_345, link.code) }),
    client.POST('/v1/orders', { body: orderOf('O-2', 9900, null) }),
    client.POST('/v1/orders', { body: orderOf(HIDING_ID, 5000, link.code) }),
    client.PUT('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: 'mallory' } }, body: { name: CANARY, kind: 'person' } }),
  ]);
  await until(async () => (await client.GET('/v1/orders')).data.data.length === 3);
  return {
    service,
    client,
    code: link.code,
    makeKey: async (wanted) => (await client.POST('/v1/keys', { body: wanted })).data.key ?? '',
    close: () => service.close(),
  };
}

function orderOf(orderId: string, paid: number, linkCode: string | null) {
  return {
    merchant_id: 'm1',
    order_id: orderId,
    status: 'paid' as const,
    paid_at: new Date().toISOString(),
    ...(linkCode !== null && { link_code: linkCode }),
    lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: paid }],
  };
}
