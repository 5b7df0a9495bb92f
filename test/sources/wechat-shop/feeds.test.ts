// How 微信小店 is asked: what its error codes mean, its lists for each role, one thing by its id, and
// who pays a 推客.
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, test } from 'vitest';

import type { Asking } from '../../../src/sources/asking.ts';
import { fetchWanted } from '../../../src/sources/wechat-shop/details.ts';
import { wechatShop } from '../../../src/sources/wechat-shop/adapter.ts';
import { askingOf, readWindow } from '../asking.ts';
import { SHARER, SHARER_OF_WECHAT } from '../doubles/wechat.ts';
import type { Double } from '../subject.ts';
import { openWechat, subject } from '../subjects/wechat-shop.ts';
import { HOUR_MS } from '../../../src/platform/durations.ts';

const feedOf = (name: string) => wechatShop.feeds!.find((feed) => feed.name === name)!;

/** An asking that is answered so, whatever it asks. */
const answeredBy = (answer: object, options: object = {}): Asking => ({
  baseUrl: 'https://api.weixin.qq.com',
  secrets: subject.secrets,
  options: wechatShop.options.parse(options),
  fetch: () => Promise.resolve(Response.json(answer)),
  now: new Date('2026-06-01T00:00:00Z'),
  token: () => Promise.resolve('token'),
});
const listedBy = (answer: object, name = 'commission-orders') => {
  const at = new Date('2026-06-01T00:00:00Z');
  return feedOf(name).list({ from: at, until: at, cursor: null }, answeredBy(answer));
};

test.each([
  [-1, 'temporary', null],
  ['-1', 'temporary', null],
  [10_021_044, 'temporary', null],
  [10_024_006, 'item_refused', null],
  [100_002, 'item_refused', null],
  [45_009, 'rate_limited', null],
  [45_011, 'rate_limited', 60_000],
  [40_001, 'refused', null],
  [45_035, 'refused', null],
  [48_001, 'refused', null],
  [61_004, 'refused', null],
])('the code %s is %s', async (errcode, kind, retryAfterMs) => {
  await expect(listedBy({ errcode, errmsg: 'x' })).rejects.toMatchObject({ kind, retryAfterMs });
});

test.each([
  ['shop', ['orders', 'after-sales', 'gift-after-sales']],
  ['institution', ['commission-orders']],
  ['talent', ['talent-orders']],
])('the account of a %s asks its own lists only: those of another role are answered 48001', (orders, feeds) => {
  const options = wechatShop.options.parse({ orders });
  expect(wechatShop.feeds!.filter((feed) => feed.appliesTo!(options)).map(({ name }) => name)).toEqual(feeds);
});

test.each([
  ['orders', 7],
  ['after-sales', 1],
  ['gift-after-sales', 1],
  ['commission-orders', 7],
  ['talent-orders', 7],
])('the longest question of %s spans no more than %i days in whole seconds', async (name, days) => {
  const feed = feedOf(name);
  const from = new Date('2026-06-01T00:00:00.500Z');
  let question = '';
  const asking = answeredBy({ errcode: 0, has_more: false });
  const fetch: Asking['fetch'] = (url, init) => {
    question = typeof init?.body === 'string' ? init.body : '';
    return asking.fetch(url, init);
  };
  await feed.list({ from, until: new Date(from.getTime() + feed.windowMs(from)), cursor: null }, { ...asking, fetch });
  const [start, end] = question.match(/\d{10}/g)!.map(Number);
  expect(end! - start!).toBeLessThanOrEqual(days * 86_400);
  expect(end! - start!).toBeGreaterThan(days * 86_400 - 3);
});

test('a list of gifts that WeChat has taken from service is empty; what says nothing, or comes from elsewhere, is no empty list', async () => {
  for (const errcode of [40_066, 48_001, 10_020_000]) {
    expect(await listedBy({ errcode, errmsg: 'x' }, 'gift-after-sales')).toEqual({ bodies: [], next: null });
  }
  await expect(listedBy({ errcode: -1 }, 'gift-after-sales')).rejects.toMatchObject({ kind: 'temporary' });
  await expect(listedBy({ errcode: 45_009 }, 'gift-after-sales')).rejects.toMatchObject({ kind: 'rate_limited' });
  await expect(listedBy({}, 'gift-after-sales')).rejects.toMatchObject({ kind: 'temporary' });
});

/**
 * Asks for a page of twenty orders, some of which are answered with an error code; tells what was
 * asked for and how much of it at once.
 */
async function readPage(codes: Readonly<Record<string, number>>) {
  const ids = Array.from({ length: 20 }, (_, index) => String(370 + index));
  const asked: string[] = [];
  let [asking, most] = [0, 0];
  const answer = (id: string | undefined) => {
    if (id === undefined) return { errcode: 0, order_id_list: ids, has_more: false };
    asked.push(id);
    return codes[id] === undefined ? { errcode: 0, order: { order_id: id } } : { errcode: codes[id], errmsg: `no ${id}` };
  };
  const fetch: Asking['fetch'] = async (_url, init) => {
    most = Math.max(most, ++asking);
    const { order_id: id } = (await new Response(init?.body).json()) as { order_id?: string };
    // Those that were asked for later are answered sooner.
    await sleep(ids.length - ids.indexOf(id ?? ''));
    asking--;
    return Response.json(answer(id));
  };
  const at = new Date('2026-06-01T00:00:00Z');
  const page = await feedOf('orders').list({ from: at, until: at, cursor: null }, { ...answeredBy({}), fetch });
  return { ...page, ids, asked, most, asking };
}

const bodyOf = (id: string) => Buffer.from(`{"order":{"order_id":"${id}"}}`);

test('the orders of a page are asked for a few at a time, and stand there as they were listed', async () => {
  const { bodies, unfetched, next, ids, asked, most } = await readPage({});
  expect({ bodies, unfetched, next }).toEqual({ bodies: ids.map(bodyOf), unfetched: [], next: null });
  expect(asked.toSorted()).toEqual(ids);
  expect(most).toBe(8);
});

test('one order that WeChat lists and does not tell costs none of the others: it is wanted by itself', async () => {
  const { bodies, unfetched, next, ids, asked, asking } = await readPage({ '372': 10_024_006 });
  expect(bodies).toEqual(ids.filter((id) => id !== '372').map(bodyOf));
  expect(unfetched).toMatchObject([{ key: 'order/372', error: { kind: 'item_refused' } }]);
  expect([next, asked.length, asking]).toEqual([null, 20, 0]);
});

test('a platform that wants rest gets it, whatever else was not answered at the same time', async () => {
  const { unfetched, asked, ids } = await readPage({ '372': 10_024_006, '375': 45_011 });
  expect(asked.toSorted()).toEqual(ids.slice(0, 8));
  expect(unfetched!.find(({ key }) => key === 'order/375')!.error).toMatchObject({ kind: 'rate_limited', retryAfterMs: 60_000 });
  expect(unfetched).toHaveLength(14);
});

let double: Double | null = null;
afterEach(() => double?.close());

const ask = (options: object): Asking => askingOf({ ...subject, options: wechatShop.options.parse(options) }, double!);
const recent = () => [new Date(Date.now() - HOUR_MS), new Date()] as const;

test('a talent’s orders are listed ten a page, each is told by itself, and none is missed', async () => {
  double = await openWechat();
  const ids = Array.from({ length: 23 }, (_, index) => String(3736514860993107456n + BigInt(index)));
  for (const [index, id] of ids.entries()) double.put(id, new Date(Date.now() - (index % 7) * 60_000));
  const rows = (await readWindow(feedOf('talent-orders'), ask({ orders: 'talent' }), ...recent())) as { base_info: { order_id: string } }[];
  expect(rows.map((row) => row.base_info.order_id).toSorted()).toEqual(ids);
  expect(rows[0]).not.toHaveProperty('errcode');
  expect(double.asked()).toBe(3);
});

test('both ends of a question are in a talent’s list, which leaves out the ends of its range', async () => {
  double = await openWechat();
  const [from, until] = [new Date('2026-06-01T10:00:00Z'), new Date('2026-06-01T11:00:00Z')];
  double.put('3701', from);
  double.put('3702', until);
  expect(await readWindow(feedOf('talent-orders'), ask({ orders: 'talent' }), from, until)).toHaveLength(2);
});

const AFTER_SALE = { after_sale_order_id: '2001', order_id: '37', status: 'USER_CANCELD', update_time: 1_780_308_000 };
const GIFT = { after_sale_order_id: '6001', present_order_id: '4200000000000001', status: 'PLATFORM_REFUNDING', order_info_list: [] };

test('after-sales of orders and of gifts are listed and told, each by its own calls', async () => {
  double = await openWechat({ afterSales: { '2001': AFTER_SALE }, giftAfterSales: { '6001': GIFT } });
  expect(await readWindow(feedOf('after-sales'), ask({}), ...recent())).toEqual([{ after_sale_order: AFTER_SALE }]);
  expect(await readWindow(feedOf('gift-after-sales'), ask({}), ...recent())).toEqual([{ after_sale_order: GIFT }]);
  await expect(fetchWanted('after-sale/6001', ask({}))).rejects.toMatchObject({ kind: 'item_refused' });
});

test('the sheet of a gift is asked for its orders, and never as an order', async () => {
  double = await openWechat({ gifts: { '4232433395290081234': ['3732433407897635321', '3732433407896586753'] } });
  const [sheet] = await fetchWanted('gift/4232433395290081234', ask({}));
  expect(JSON.parse(sheet!.toString())).toEqual({ order_ids: ['3732433407897635321', '3732433407896586753'] });
  await expect(fetchWanted('order/4232433395290081234', ask({}))).rejects.toMatchObject({ kind: 'item_refused' });
});

interface CommissionBody {
  commssion_order: { sku_id: string };
  sharer_binding?: { commission_type: string | null };
}

/** The bodies of a page of commission orders of that 推客, and the calls that it took. */
async function commissionsOf(sharer: string, { options = {}, withoutRight = [] as string[], part = 50 } = {}) {
  double = await openWechat({ withoutRight, commission: (row, skuId) => commissionText(row.orderId, skuId, sharer, part) });
  for (const id of ['3701', '3702', '3703']) double.put(id, new Date());
  const calls: string[] = [];
  const asking = ask({ orders: 'institution', ...options });
  const counted: Asking = {
    ...asking,
    fetch: (url, init) => {
      calls.push(new URL(url).pathname);
      return asking.fetch(url, init);
    },
  };
  const rows = (await readWindow(feedOf('commission-orders'), counted, ...recent())) as CommissionBody[];
  return { rows, asked: calls.filter((path) => path.endsWith('get_bind_sharer_list')).length };
}

function commissionText(orderId: string, skuId: string, sharer: string, amount: number): string {
  const commission_info = { sharer_info: { sharer_appid: sharer, amount }, service_amount: 30 };
  const order_detail = { product_info: { product_id: '1', actual_payment: 1000 }, commission_info };
  return JSON.stringify({ order_id: orderId, sku_id: skuId, status: 20, update_time: 1_780_308_000, order_detail });
}

test.each([
  [SHARER, '1'],
  [SHARER_OF_WECHAT, '0'],
  ['wx000000000unbound', null],
])('who pays the 推客 %s stands beside its commission orders, and is asked for once for all of a page', async (sharer, type) => {
  const { rows, asked } = await commissionsOf(sharer);
  expect(rows.map((row) => row.sharer_binding)).toEqual([1, 2, 3].map(() => ({ commission_type: type })));
  expect(asked).toBe(1);
});

test('who pays a 推客 is not asked where it decides nothing', async () => {
  for (const told of [{ part: 0 }, { options: { sharer_paid_by: 'institution' } }, { options: { sharer_paid_by: 'platform' } }]) {
    const { rows, asked } = await commissionsOf(SHARER, told);
    expect([rows.length, asked]).toEqual([3, 0]);
    expect(rows[0]).not.toHaveProperty('sharer_binding');
    await double!.close();
  }
  double = null;
});

test('where WeChat does not say who pays, the commission orders are told all the same', async () => {
  const { rows } = await commissionsOf(SHARER, { withoutRight: ['/channels/ec/promoter/get_bind_sharer_list'] });
  expect(rows.map((row) => row.sharer_binding)).toEqual([1, 2, 3].map(() => ({ commission_type: null })));
  const question = { key: 'commission/3701/1526589', call: 'get_bind_sharer_list' };
  const broken = ask({ orders: 'institution' });
  const fails = (response: Response): Asking => ({
    ...broken,
    fetch: (url, init) => (String(url).includes(question.call) ? Promise.resolve(response) : broken.fetch(url, init)),
  });
  const [told] = await fetchWanted(question.key, fails(new Response('bad gateway', { status: 502 })));
  expect(JSON.parse(told!.toString())).toMatchObject({ sharer_binding: { commission_type: null } });
  const tooOften = fetchWanted(question.key, fails(Response.json({ errcode: 45_011 })));
  await expect(tooOften).rejects.toMatchObject({ kind: 'rate_limited' });
});

const lockDaysOf = (answer: object, orders = 'institution') => wechatShop.lockDays!('wx1', answeredBy(answer, { orders }));

test('what a shop has set locks before what WeChat has set, and a number that is missing is none', async () => {
  const told = { shopsetting_product_click_lock_day: 7, default_product_click_lock_day: 5, default_content_click_lock_day: 10 };
  const days = { productClick: 7, productOrder: null, contentClick: 10, contentOrder: null };
  expect(await lockDaysOf({ errcode: 0, shopsetting_content_click_lock_day: 0, ...told })).toEqual(days);
  await expect(lockDaysOf({}, 'shop')).rejects.toMatchObject({ kind: 'refused' });
  await expect(lockDaysOf({}, 'talent')).rejects.toMatchObject({ kind: 'refused' });
  await expect(lockDaysOf({ errcode: 10_024_003 })).rejects.toMatchObject({ kind: 'item_refused' });
});
