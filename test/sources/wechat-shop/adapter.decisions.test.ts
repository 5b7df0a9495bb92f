// From a push of 微信小店 to whom an order is decided for: through the door, the double of the platform
// and the worker of the whole service.
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { ADMIN_KEY, openService, type Service } from '../../running.ts';
import { SHARER_OF_WECHAT, SHOP_APPID } from '../doubles/wechat.ts';
import type { Double } from '../subject.ts';
import { openWechat, orderText, subject, type Told } from '../subjects/wechat-shop.ts';
import { openMarket, type Market } from '../wechat-market.ts';

const PATIENCE_MS = 20_000;
const HOUR_SECONDS = 3600;
const NOW = Math.floor(Date.now() / 1000);
/** An hour and later seconds: the state of something that changes. */
const at = (second: number) => NOW - HOUR_SECONDS + second;

let service: Service;
let must: Market['must'];
let map: Market['map'];
let push: Market['push'];
let decided: Market['decided'];
let double: Double;
/** What WeChat tells, by the id of an order, and of a commission order with its sku behind it. */
const told = new Map<string, string>();
const afterSales: Record<string, object> = {};
const SHEET = '4232433395290081234';
const IN_GIFT = ['3732433407897635321', '3732433407896586753'];

beforeAll(async () => {
  double = await openWechat({
    order: ({ orderId }) => told.get(orderId)!,
    commission: ({ orderId }, skuId) => told.get(`${orderId}/${skuId}`)!,
    afterSales,
    gifts: { [SHEET]: IN_GIFT },
  });
  service = await openService({ works: true, listens: false, env: { PULL_BASE_URLS: `wechat-shop=${double.url}` } });
  ({ must, map, push, decided } = openMarket(service));
  for (const id of ['m1', 'm2']) {
    await must('PUT', `/v1/merchants/${id}`, { name: id, currency: 'CNY', hold_days: 0, landing_hosts: ['shop.example.com'] });
    const plan = { rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] };
    const base = id === 'm2' ? 'platform_commission' : 'paid_amount';
    const since = { effective_from: '2026-01-01T00:00:00Z', retroactive: true };
    await must('POST', '/v1/rules', { name: `ten percent of ${id}`, scope: { merchant_id: id }, plan: { ...plan, base }, ...since });
  }
  for (const id of ['alice', 'bob']) await must('PUT', `/v1/promoters/${id}`, { name: id, kind: 'person' });
  const { secrets } = subject;
  await must('PUT', '/v1/sources/shop', { kind: 'wechat-shop', merchant_id: 'm1', secrets });
  await must('PUT', '/v1/sources/institution', { kind: 'wechat-shop', secrets, options: { orders: 'institution' } });
  await map('shop', 'sharer', 'openid-of-alice', { promoter_id: 'alice' });
  await map('shop', 'sharer', 'openid-of-bob', { promoter_id: 'bob' });
  await map('institution', 'shop', SHOP_APPID, { merchant_id: 'm2' });
  await map('institution', 'sharer_appid', 'appid-of-alice', { promoter_id: 'alice' });
  await map('institution', 'sharer_appid', SHARER_OF_WECHAT, { promoter_id: 'bob' });
});
afterAll(async () => {
  await service.close();
  await double.close();
});

/** WeChat tells an order of the shop so from now on, and pushes that it has changed. */
async function sell(orderId: string, order: Told): Promise<void> {
  told.set(orderId, orderText(orderId, order));
  double.put(orderId, new Date());
  await push('shop', 'channels_ec_order_ext_info_update', { order_info: { order_id: orderId, type: 6 } });
}

const sharedBy = (openid: string | null, second: number) => ({
  create_time: at(0),
  update_time: at(second),
  detail: {
    product_infos: [{ product_id: 'p1', sku_id: '111', sku_cnt: 1, real_price: 10_000 }],
    pay_info: { pay_time: at(0) },
    sharer_info: openid === null ? null : { sharer_openid: openid, handling_progress: 1 },
  },
});

test('whom WeChat names as the sharer earns: its latest word, also back to the first, also nobody', async () => {
  const line = { line_id: '111', decision: 'attributed', pool: 1000 };
  for (const [second, name] of ['alice', 'bob', 'alice'].entries()) {
    await sell('3701', sharedBy(`openid-of-${name}`, second));
    await decided('shop', '3701', [{ ...line, promoter_id: name }]);
  }
  await sell('3701', sharedBy(null, 9));
  await decided('shop', '3701', [{ line_id: '111', decision: 'unattributed' }]);
});

test('a sku that was changed before it was sent earns nothing any more, and the one that it was changed to does', async () => {
  await sell('3702', sharedBy('openid-of-alice', 0));
  await decided('shop', '3702', [{ line_id: '111', promoter_id: 'alice', pool: 1000 }]);
  const { detail, ...changed } = sharedBy('openid-of-alice', 5);
  const product_infos = [{ product_id: 'p1', sku_id: '112', sku_cnt: 1, real_price: 5000 }];
  await sell('3702', { ...changed, detail: { ...detail, product_infos } });
  await decided('shop', '3702', [
    { line_id: '111', decision: 'void', pool: 0 },
    { line_id: '112', decision: 'attributed', promoter_id: 'alice', pool: 500 },
  ]);
});

test('each sku of an order earns for whoever shared it', async () => {
  const product_infos = ['111', '222'].map((sku_id) => ({ product_id: 'p1', sku_id, sku_cnt: 1, real_price: 10_000 }));
  const sku_sharer_infos = [
    { sku_id: '111', sharer_openid: 'openid-of-alice' },
    { sku_id: '222', sharer_openid: 'openid-of-bob' },
  ];
  const { detail, ...order } = sharedBy('openid-of-alice', 0);
  await sell('3703', { ...order, detail: { ...detail, product_infos, sku_sharer_infos } });
  await decided('shop', '3703', [
    { line_id: '111', promoter_id: 'alice' },
    { line_id: '222', promoter_id: 'bob' },
  ]);
});

test('each order of a gift earns once, by the click of its giver, whoever takes it; its sheet is no order', async () => {
  const { code } = await must('POST', '/v1/links', { promoter_id: 'bob', merchant_id: 'm1', landing_url: 'https://shop.example.com/' });
  await must('POST', '/v1/clicks', { code, buyer: { openid: 'giver' }, occurred_at: new Date(at(-60) * 1000).toISOString() });
  const gift = { is_present: true, present_order_id_str: SHEET, present_giver_openid: 'giver' };
  const states = [
    { status: 30, openid: 'receiver' },
    { status: 12, openid: '' },
  ];
  for (const [index, state] of states.entries()) {
    told.set(IN_GIFT[index]!, orderText(IN_GIFT[index]!, { ...sharedBy(null, 0), ...gift, ...state }));
    double.put(IN_GIFT[index]!, new Date());
  }
  await push('shop', 'channels_ec_order_pay', { order_info: { order_id: SHEET, pay_time: String(at(0)) } });
  for (const orderId of IN_GIFT) {
    const order = await decided('shop', orderId, [{ decision: 'attributed', promoter_id: 'bob', pool: 1000 }]);
    expect(order['lines']).toMatchObject([{ evidence: 'click' }]);
  }
  const sheet = await service.app.inject({ url: `/v1/orders/shop/${SHEET}`, headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  expect(sheet.statusCode).toBe(404);
});

const afterSaleOf = (id: string, orderId: string, status: string, second: number) => ({
  after_sale_order_id: id,
  order_id: orderId,
  status,
  type: 'REFUND',
  update_time: at(second),
  product_info: { sku_id: '111' },
  refund_info: { amount: 4000 },
});

test('an after-sale that an order names is asked for, though no push of it has come', async () => {
  afterSales['2002'] = afterSaleOf('2002', '3705', 'MERCHANT_REFUND_SUCCESS', 10);
  const { detail, ...order } = sharedBy('openid-of-alice', 20);
  const product_infos = [{ product_id: 'p1', sku_id: '111', sku_cnt: 1, real_price: 10_000, finish_aftersale_sku_cnt: 1 }];
  const aftersale_detail = { aftersale_order_list: [{ aftersale_order_id: '2002', status: 13 }], on_aftersale_order_cnt: 0 };
  await sell('3705', { ...order, aftersale_detail, detail: { ...detail, product_infos } });
  await decided('shop', '3705', [{ promoter_id: 'alice', pool: 600 }]);
});

/** WeChat tells the after-sale of the order 3704 so from now on, and pushes that it has changed. */
async function tell(status: string, second: number): Promise<void> {
  afterSales['2001'] = afterSaleOf('2001', '3704', status, second);
  await push('shop', 'channels_ec_aftersale_update', { finder_shop_aftersale_status_update: { status, after_sale_order_id: '2001' } });
}

test('an after-sale that ends without money holds its line no longer', async () => {
  await tell('MERCHANT_PROCESSING', 10);
  await decided('shop', '3704', []);
  const { detail, ...order } = sharedBy('openid-of-alice', 20);
  await sell('3704', { ...order, status: 100, detail: { ...detail, ext_info: { confirm_receipt_time: at(15) } } });
  expect(await decided('shop', '3704', [{ promoter_id: 'alice', pool: 1000 }])).toMatchObject({ award: 'confirmed' });
  await tell('MERCHANT_FAIL', 30);
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(50)) {
    const { award } = await decided('shop', '3704', [{ promoter_id: 'alice', pool: 1000 }]);
    if (award === 'released') break;
    if (Date.now() > end) expect(award).toBe('released');
  }
});

/** WeChat tells a commission order of the institution, and pushes that it has changed. */
async function commission(orderId: string, skuId: string, { sharer, amount, part = 0, shop = SHOP_APPID }: Commission): Promise<void> {
  const commission_info = { sharer_info: { sharer_appid: sharer, amount: part }, service_amount: amount };
  const order_detail = {
    shop_info: { appid: shop },
    product_info: { product_id: 'p1', actual_payment: 10_000, product_cnt: 1 },
    order_info: { order_status: 20, pay_time: at(0) },
    commission_info,
  };
  const row = { order_id: orderId, sku_id: skuId, status: 20, create_time: at(0), update_time: at(1), order_detail };
  told.set(`${orderId}/${skuId}`, JSON.stringify(row));
  double.put(orderId, new Date());
  const order_info = { order_id: orderId, sku_id: skuId, commission_order_status: 20, order_status: 20, version: '1' };
  await push('institution', 'head_supplier_commission_order_update', { order_info });
}

interface Commission {
  sharer: string;
  amount: number;
  part?: number;
  shop?: string;
}

test('two commission orders of one order are two lines, each of its own 推客 and its own commission', async () => {
  await map('institution', 'sharer_appid', 'appid-of-bob', { promoter_id: 'bob' });
  await commission('3801', '111', { sharer: 'appid-of-alice', amount: 100 });
  await commission('3801', '222', { sharer: 'appid-of-bob', amount: 500 });
  await decided('institution', '3801', [
    { line_id: '111', promoter_id: 'alice', pool: 10 },
    { line_id: '222', promoter_id: 'bob', pool: 50 },
  ]);
});

test('a 推客 that WeChat pays itself is not paid a second time, and the explanation says who pays', async () => {
  await commission('3802', '111', { sharer: SHARER_OF_WECHAT, amount: 100, part: 25 });
  await decided('institution', '3802', [{ line_id: '111', decision: 'not_commissionable', pool: 0 }]);
  expect(JSON.stringify(await must('GET', '/v1/orders/institution/3802/explanation'))).toContain('paid_by_platform');
});

test('a commission order of a shop without a name waits until its mapping is made', async () => {
  await commission('3803', '111', { sharer: 'appid-of-alice', amount: 100, shop: '' });
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(50)) {
    const { data } = (await must('GET', '/v1/deliveries?source_id=institution&state=parked')) as { data: { reason: string }[] };
    if (data.length > 0) {
      expect(data).toMatchObject([{ reason: 'unmapped_shop' }]);
      break;
    }
    if (Date.now() > end) throw new Error('nothing was parked');
  }
  await map('institution', 'shop', 'unnamed', { merchant_id: 'm2' });
  await decided('institution', '3803', [{ line_id: '111', promoter_id: 'alice', pool: 10 }]);
});
