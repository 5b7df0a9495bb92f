// What 微信小店 pushes and signs beyond the story of an order: events, gifts, and commission orders.
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import type { Asking } from '../../src/sources/asking.ts';
import { wechatShop } from '../../src/sources/wechat-shop.ts';
import { subject } from './subjects/wechat-shop.ts';

const kept = (text: string, options: Record<string, unknown> = {}) => ({
  body: Buffer.from(text),
  headers: {},
  receivedAt: new Date('2026-06-01T00:00:00Z'),
  options: wechatShop.options.parse(options),
});
const event = (name: string, told: string) => kept(`{"MsgType":"event","Event":"${name}",${told}}`);

test.each([
  ['channels_ec_order_new', '"order_info":{"order_id":3705115058471208928}', 'order/3705115058471208928'],
  ['channels_ec_order_ext_info_update', '"order_info":{"order_id":"37","type":6}', 'order/37'],
  [
    'channels_ec_aftersale_update',
    '"finder_shop_aftersale_status_update":{"status":"USER_WAIT_RETURN","after_sale_order_id":2000000000001,"order_id":37}',
    'after-sale/2000000000001',
  ],
  [
    'head_supplier_commission_order_update',
    '"order_info":{"order_id":37,"sku_id":1526589,"commission_order_status":20}',
    'commission/37/1526589',
  ],
])('%s names what is to be fetched, with all its digits, and tells nothing of it', (name, told, key) => {
  expect(wechatShop.wanted!(event(name, told))).toEqual([{ key }]);
  expect(wechatShop.map(event(name, told))).toEqual([]);
});

test('an event in XML names its order too, and an event of something else names none', () => {
  const xml =
    '<xml><Event><![CDATA[channels_ec_order_pay]]></Event><order_info><order_id>3705115058471208928</order_id></order_info></xml>';
  expect(wechatShop.wanted!(kept(xml))).toEqual([{ key: 'order/3705115058471208928' }]);
  expect(wechatShop.wanted!(event('promoter_bind_event', '"bind":1'))).toEqual([]);
});

const orderOf = (told: object, detail: object = {}) => {
  const { order } = JSON.parse(subject.story('37').paid.toString()) as { order: { order_detail: object } };
  return kept(JSON.stringify({ order: { ...order, ...told, order_detail: { ...order.order_detail, ...detail } } }));
};

test('an order whose sharer is still looked for is asked for again, and one whose sharer is known is not', () => {
  const stillLooking = orderOf({}, { sharer_info: { sharer_openid: '', handling_progress: 0 } });
  expect(wechatShop.wanted!(stillLooking)).toEqual([{ key: 'order/37', afterMs: 300_000 }]);
  expect(wechatShop.map(stillLooking)[0]!.names).toEqual([]);
  expect(wechatShop.wanted!(orderOf({}))).toEqual([]);
  expect(wechatShop.map(orderOf({}))[0]!.names).toEqual([{ type: 'sharer', value: 'sharer-1' }]);
});

test.each([
  [10, 'created'],
  [13, 'created'],
  [12, 'paid'],
  [17, 'paid'],
  [20, 'paid'],
  [21, 'paid'],
  [30, 'paid'],
  [100, 'completed'],
])('an order of status %i is %s', (status, expected) => {
  expect(wechatShop.map(orderOf({ status }))[0]!.report).toMatchObject({ status: expected, void: false });
});

test.each([190, 200, 250])('an order of status %i is void', (status) => {
  expect(wechatShop.map(orderOf({ status }))[0]!.report.void).toEqual({ reason: `status ${status}` });
});

test('the part of a gift that somebody takes names the giver’s order and is nobody’s purchase', () => {
  const [taken] = wechatShop.map(orderOf({ is_present: true, present_order_id_str: '36' }));
  expect(taken!.report).toMatchObject({ parent: { order_id: '36', kind: 'gift' }, buyer: null });
  const [given] = wechatShop.map(orderOf({ is_present: true, present_order_id_str: '37', status: 12 }));
  expect(given!.report).toMatchObject({ parent: null, buyer: { openid: 'o1', unionid: 'u1' } });
});

test.each([
  ['MERCHANT_REFUND_SUCCESS', 'succeeded', null],
  ['MERCHANT_RETURN_SUCCESS', 'succeeded', null],
  ['USER_CANCELD', 'failed', null],
  ['RETURN_CLOSED', 'failed', null],
  ['USER_WAIT_RETURN', 'open', null],
  ['SOMETHING_NEW', 'open', 'after-sale SOMETHING_NEW'],
])('an after-sale in %s is %s', (status, expected, unknownCode) => {
  const row = { after_sale_order_id: 1, order_id: 37, status, update_time: 1_780_308_000, refund_info: { amount: 100 } };
  const [mapped] = wechatShop.map(kept(JSON.stringify({ after_sale_order: row })));
  expect(mapped).toMatchObject({ report: { refunds: [{ status: expected, amount: 100 }] }, unknownCode });
});

const COMMISSION = {
  order_id: '3705115058471208928',
  sku_id: '1526589',
  update_time: 1_675_855_260,
  status: 20,
  order_detail: {
    shop_info: { appid: 'wx2b255582a7b4bfd0' },
    product_info: { product_id: '10000000139', actual_payment: 1000, product_cnt: 1 },
    order_info: { order_status: 20, pay_time: 1_675_855_180 },
    commission_info: {
      talent_info: { opentalentid: 't1', amount: 100 },
      sharer_info: { opensharerid: 's1' },
      promoter_agency_info: { amount: 50 },
      service_amount: 30,
      profit_sharding_suc_time: 0,
    },
    buyer_info: { open_id: 'o', union_id: 'u' },
  },
};

const mapped = (told: object, options?: Record<string, unknown>) =>
  wechatShop.map(kept(JSON.stringify({ commssion_order: { ...COMMISSION, ...told } }), options))[0]!;

test('a commission order names its shop, its talent and its sharer, and brings the institution’s own part', () => {
  expect(mapped({})).toMatchObject({
    report: { order_id: '3705115058471208928', status: 'paid', talent_id: 't1', lines: [{ paid_amount: 1000, platform_commission: 30 }] },
    shop: 'wx2b255582a7b4bfd0',
    names: [{ type: 'sharer', value: 's1' }],
  });
  expect(mapped({}, { commission: 'promoter_agency' }).report.lines).toMatchObject([{ platform_commission: 50 }]);
  expect(mapped({ status: 100 }).report).toMatchObject({ status: 'completed', settled_at: '2023-02-08T11:21:00.000Z' });
  expect(mapped({ status: 200 }).report).toMatchObject({ status: null, lines: [{ paid_amount: 0, platform_commission: 0 }] });
});

test('a commission order calls its sharer by the appid that links are made for, where it says one', () => {
  const { order_detail: detail } = COMMISSION;
  const commission_info = { ...detail.commission_info, sharer_info: { sharer_appid: 'wxs', opensharerid: 's1' } };
  expect(mapped({ order_detail: { ...detail, commission_info } }).names).toEqual([{ type: 'sharer_appid', value: 'wxs' }]);
});

/** An asking that is answered so, whatever it asks. */
const answeredBy = (answer: object, orders = 'institution'): Asking => ({
  baseUrl: 'https://api.weixin.qq.com',
  secrets: subject.secrets,
  options: wechatShop.options.parse({ orders }),
  fetch: () => Promise.resolve(Response.json(answer)),
  now: new Date('2026-06-01T00:00:00Z'),
  token: () => Promise.resolve('token'),
});
const listedBy = (answer: object) => {
  const at = new Date('2026-06-01T00:00:00Z');
  return wechatShop.feeds![2]!.list({ from: at, until: at, cursor: null }, answeredBy(answer));
};

test.each([
  [-1, 'temporary', null],
  ['-1', 'temporary', null],
  [10_024_006, 'temporary', null],
  [45_009, 'rate_limited', null],
  [45_011, 'rate_limited', 60_000],
  [40_001, 'refused', null],
  [45_035, 'refused', null],
  [48_001, 'refused', null],
  [61_004, 'refused', null],
])('the code %s of a list is %s', async (errcode, kind, retryAfterMs) => {
  await expect(listedBy({ errcode, errmsg: 'x' })).rejects.toMatchObject({ kind, retryAfterMs });
});

test.each([
  ['orders', 7],
  ['after-sales', 1],
  ['commission-orders', 7],
])('the longest question of %s spans no more than %i days in whole seconds', async (feed, days) => {
  const asked = wechatShop.feeds!.find(({ name }) => name === feed)!;
  const from = new Date('2026-06-01T00:00:00.500Z');
  let question = '';
  const asking = answeredBy({ errcode: 0, has_more: false });
  const fetch: Asking['fetch'] = (url, init) => {
    question = typeof init?.body === 'string' ? init.body : '';
    return asking.fetch(url, init);
  };
  await asked.list({ from, until: new Date(from.getTime() + asked.windowMs(from)), cursor: null }, { ...asking, fetch });
  const [start, end] = question.match(/\d{10}/g)!.map(Number);
  expect(end! - start!).toBeLessThanOrEqual(days * 86_400);
  expect(end! - start!).toBeGreaterThan(days * 86_400 - 2);
});

/** Asks for a page of twenty orders, some of which are answered with an error code; tells what was asked for and how much of it at once. */
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
  const [orders] = wechatShop.feeds!;
  const [page] = await Promise.allSettled([orders!.list({ from: at, until: at, cursor: null }, { ...answeredBy({}, 'shop'), fetch })]);
  return { page, ids, asked, most, asking };
}

test('the orders of a page are asked for a few at a time, and stand there as they were listed', async () => {
  const { page, ids, asked, most } = await readPage({});
  const bodies = ids.map((id) => Buffer.from(`{"order":{"order_id":"${id}"}}`));
  expect(page).toEqual({ status: 'fulfilled', value: { bodies, next: null } });
  expect(asked.toSorted()).toEqual(ids);
  expect(most).toBe(8);
});

test('a page of which an order is not told is none, and nothing is asked behind it or left under way', async () => {
  const { page, ids, asked, asking } = await readPage({ '372': 10_024_006, '375': 10_024_006 });
  expect(page).toMatchObject({ status: 'rejected', reason: { kind: 'temporary', message: expect.stringContaining('no 372') as unknown } });
  expect(asked.toSorted()).toEqual(ids.slice(0, 8));
  expect(asking).toBe(0);
});

test('a platform that wants rest gets it, whatever else was not answered at the same time', async () => {
  const { page } = await readPage({ '372': 10_024_006, '375': 45_011 });
  expect(page).toMatchObject({ status: 'rejected', reason: { kind: 'rate_limited', retryAfterMs: 60_000 } });
});

test('what a shop has set locks before what WeChat has set, and a number that is missing is none', async () => {
  const told = { shopsetting_product_click_lock_day: 7, default_product_click_lock_day: 5, default_content_click_lock_day: 10 };
  const days = { productClick: 7, productOrder: null, contentClick: 10, contentOrder: null };
  expect(await wechatShop.lockDays!('wx1', answeredBy({ errcode: 0, shopsetting_content_click_lock_day: 0, ...told }))).toEqual(days);
  await expect(wechatShop.lockDays!('wx1', answeredBy({}, 'shop'))).rejects.toMatchObject({ kind: 'refused' });
  await expect(wechatShop.lockDays!('wx1', answeredBy({ errcode: 10_024_003 }))).rejects.toMatchObject({ kind: 'refused' });
});
