// For how long WeChat locks a buyer of a shop, beside the policy of its merchant, over HTTP and at
// the double.
import { afterAll, beforeAll, expect, test } from 'vitest';

import { requireKeys } from '../../src/platform/keys/auth.ts';
import { knownKeys } from '../../src/platform/keys/known-keys.ts';
import type { App } from '../../src/platform/http/app.ts';
import { lockDaysRoutes } from '../../src/pull/lock-days-routes.ts';
import { testLog } from '../harness.ts';
import { SHOP_APPID } from '../sources/doubles/wechat.ts';
import { subject as wechatShop } from '../sources/subjects/wechat-shop.ts';
import { subject as woocommerce } from '../sources/subjects/woocommerce.ts';
import { openLinker, type Linker } from './linker.ts';
import { buildHttp } from '../platform/furnished.ts';

let linker: Linker;
let app: App;
let key: string;

beforeAll(async () => {
  linker = await openLinker([wechatShop, woocommerce]);
  await linker.connect(wechatShop, { orders: 'institution' });
  await linker.connect(woocommerce, woocommerce.options);
  app = buildHttp({ logger: testLog });
  const { db } = linker.shop.tracking;
  requireKeys(
    app,
    knownKeys(db, (error) => testLog.error(error)),
  );
  lockDaysRoutes(app, linker.shop.tracking);
  key = await linker.shop.key('admin');
  await app.ready();
});
afterAll(async () => {
  await app.close();
  await linker.close();
});

async function read(query = '', sourceId = 'wechat-shop', as = key): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${as}` };
  const told = await app.inject({ method: 'GET', url: `/v1/sources/${sourceId}/lock-days${query}`, headers });
  return { status: told.statusCode, body: told.json() };
}

test('it must be said which shop, by its name or by a mapping', async () => {
  expect(await read()).toMatchObject({ status: 400, body: { errors: [{ path: 'shop' }] } });
  expect(await read('?merchant_id=nobody')).toMatchObject({ status: 400, body: { errors: [{ path: 'merchant_id' }] } });
});

test('the days of a shop stand beside those of the policy, and what differs is named', async () => {
  await linker.map('wechat-shop', 'shop', SHOP_APPID, { merchant_id: 'm1' });
  const days = { product_click_days: 7, product_order_days: 30, content_click_days: 10, content_order_days: 35 };
  const differs = ['product_click_days', 'content_click_days', 'order_lock_days'];
  const policy = { product_click_days: 30, content_click_days: 3, order_lock_days: 30 };
  const told = { source_id: 'wechat-shop', merchant_id: 'm1', policy, shops: [{ shop: SHOP_APPID, ...days, differs }] };
  expect(await read()).toEqual({ status: 200, body: told });
  expect(await read(`?shop=${SHOP_APPID}`)).toEqual({ status: 200, body: told });
});

test('a policy that says the same differs in nothing that it can say', async () => {
  const attribution = { product_click_days: 7, content_click_days: 10, order_lock_days: 30 };
  const terms = { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'], attribution };
  expect((await linker.shop.call('PUT', '/v1/merchants/m1', terms)).status).toBe(200);
  expect((await read()).body['shops']).toMatchObject([{ differs: ['order_lock_days'] }]);
});

test('what the platform refuses, and that it does not answer, is told in its words', async () => {
  expect(await read('?shop=wx0000')).toMatchObject({
    status: 422,
    body: { code: 'platform_refused', detail: expect.stringContaining('不合法的appid') as unknown },
  });
  linker.doubles['wechat-shop']!.failNext('rate_limited');
  expect(await read()).toMatchObject({ status: 503, body: { code: 'unavailable', detail: expect.stringContaining('45009') as unknown } });
});

test('other kinds do not say, and nobody but the operator asks', async () => {
  expect(await read('?shop=s', 'woocommerce')).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  expect((await read('', 'nobody')).status).toBe(404);
  expect((await read('', 'wechat-shop', await linker.shop.key('storefront'))).status).toBe(403);
});
