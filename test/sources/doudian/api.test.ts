// 抖店's open platform at its double.
import { afterEach, expect, test } from 'vitest';

import { askingOf, readWindow } from '../asking.ts';
import { doudianDouble } from '../doubles/doudian.ts';
import type { Double } from '../subject.ts';
import { afterSale, orderText, subject } from '../subjects/doudian.ts';

const AT = new Date('2026-06-01T10:00:00Z');
const later = (seconds: number) => new Date(AT.getTime() + seconds * 1000);
const SECRETS = subject.secrets as { app_key: string; app_secret: string };

type Asked = [method: string, question: Record<string, unknown>];

let double: Double | null = null;
let asked: Asked[] = [];
afterEach(async () => {
  await double?.close();
  double = null;
  asked = [];
});

const onAsked = (method: string, question: Record<string, unknown>) => void asked.push([method, question]);
const order = ({ orderId }: { orderId: string }) => orderText(orderId, {});

async function open(told: Partial<Parameters<typeof doudianDouble>[0]>, options: Record<string, unknown> = { shop_id: '123456' }) {
  double = await doudianDouble({ appKey: SECRETS.app_key, secret: SECRETS.app_secret, order, onAsked, ...told });
  const asking = askingOf({ ...subject, options }, double);
  const feeds = subject.adapter.feeds!.filter((feed) => feed.appliesTo!(asking.options));
  return {
    double,
    asking,
    feeds,
    detail: async (key: string) => (await subject.adapter.detail!(key, asking)).map((body) => JSON.parse(body.toString()) as object),
  };
}

test('a token that the platform ends before its time is asked for anew, and the question is asked again', async () => {
  const double = await subject.open!();
  const asking = askingOf(subject, double);
  const at = new Date('2026-06-01T10:00:00Z');
  const read = () => readWindow(subject.adapter.feeds![0]!, asking, at, new Date(at.getTime() + 60_000));
  double.put('1', at);
  expect(await read()).toHaveLength(1);
  double.failNext('token_ended');
  expect(await read()).toMatchObject([{ order_id: 1 }]);
  expect(double.asked()).toBe(2);
  await double.close();
});

test('an order of another shop is refused by itself, and says nothing of the keys', async () => {
  const { detail } = await open({});
  for (const key of ['order/404', 'refunds/404']) {
    await expect(detail(key)).rejects.toMatchObject({
      name: 'AskingFailed',
      kind: 'item_refused',
      message: expect.stringContaining('订单不存在') as unknown,
    });
  }
});

test('an order is fetched as it is, or with all pages of its after-sales', async () => {
  const items = Array.from({ length: 101 }, (_, index) => afterSale(index, { aftersale_id: String(index) }));
  const opened = await open({ afterSales: () => items });
  opened.double.put('1', AT);
  expect(await opened.detail('order/1')).toMatchObject([{ order_id: 1, shop_id: 123_456 }]);
  expect(asked.map(([method]) => method)).toEqual(['order.orderDetail']);
  expect(await opened.detail('refunds/1')).toMatchObject([{ order_id: 1, after_sales: items }]);
  expect(asked.slice(2)).toEqual([
    ['afterSale.List', { order_id: '1', page: 0, size: 100 }],
    ['afterSale.List', { order_id: '1', page: 1, size: 100 }],
  ]);
});

test.each([
  [{ orders: 'shop' }, { orders: 'order.searchList' }],
  [{ orders: 'alliance' }, { alliance: 'buyin.queryShopAllianceOrder' }],
  [{ orders: 'institution' }, { institution: 'buyin.instituteOrderColonel', settlements: 'buyin.colonelMultiSettlementOrders' }],
  [{ orders: 'institution', role: 'ads' }, { 'institution-ads': 'buyin.instituteOrderAds' }],
  [{ orders: 'talent' }, { talent: 'buyin.kolOrderAds', 'talent-compared': 'buyin.kolOrderAds' }],
])('%o is asked by the calls of its role', async (options, methods) => {
  const { asking, feeds } = await open({}, { shop_id: '123456', ...options });
  for (const feed of feeds) await readWindow(feed, asking, AT, later(60));
  expect(Object.fromEntries(feeds.map((feed, index) => [feed.name, asked[index]![0]]))).toEqual(methods);
});

test('a buyer who compared prices is asked for by a question of its own', async () => {
  const { asking, feeds } = await open({}, { shop_id: '1', orders: 'talent' });
  for (const feed of feeds) await readWindow(feed, asking, AT, later(60));
  expect(asked.map(([, question]) => question['query_order_type'])).toEqual([undefined, 1]);
});

test('a list of the alliance is read to its end, of which nothing tells but that nothing follows', async () => {
  const opened = await open({ alliance: ({ orderId }) => ({ order_id: orderId }) }, { shop_id: '1', orders: 'institution' });
  for (let index = 0; index < 200; index++) opened.double.put(String(index), later(index));
  const rows = await readWindow(opened.feeds[0]!, opened.asking, AT, later(3600));
  expect(rows.length).toBe(200);
  expect(opened.double.asked()).toBe(3);
});

test('a page that is put into another data is a page', async () => {
  const { asking, feeds } = await open({}, { shop_id: '1', orders: 'institution' });
  const page = { data: { orders: [{ order_id: '1' }], cursor: '' } };
  const fetch = () => Promise.resolve(Response.json({ code: 10000, data: page }));
  const { bodies, next } = await feeds[0]!.list(
    { from: AT, until: later(60), cursor: null },
    { ...asking, fetch, token: () => Promise.resolve('token') },
  );
  expect([bodies.map(String), next]).toEqual([['{"order_id":"1"}'], null]);
});

const settlementOf = ({ orderId }: { orderId: string }) => ({
  order_id: orderId.split('#')[0],
  product_id: '2',
  phase_id: Number(orderId.split('#')[1]),
});

const alliance: Parameters<typeof doudianDouble>[0]['alliance'] = (row, method) =>
  method.includes('Settlement') ? settlementOf(row) : null;

test('of an order that is settled in parts all of them are told, whichever of them was listed', async () => {
  const opened = await open({ alliance }, { shop_id: '1', orders: 'institution' });
  opened.double.put('7#1', AT);
  opened.double.put('8#1', later(3600));
  opened.double.put('7#2', later(3600));
  const rows = await readWindow(opened.feeds[1]!, opened.asking, later(3600), later(3660));
  expect(rows).toEqual([
    { settlements: [{ order_id: '8', product_id: '2', phase_id: 1 }] },
    {
      settlements: [
        { order_id: '7', product_id: '2', phase_id: 1 },
        { order_id: '7', product_id: '2', phase_id: 2 },
      ],
    },
  ]);
});

test.each([
  [{ orders: 'shop', shop_id: '5' }, { shop_id: '5' }],
  [
    { orders: 'institution', auth_id: '9' },
    { auth_id: '9', auth_subject_type: 'Colonel' },
  ],
  [
    { orders: 'institution', role: 'ads', auth_id: '9' },
    { auth_id: '9', auth_subject_type: 'MCN' },
  ],
  [
    { orders: 'talent', auth_id: '9' },
    { auth_id: '9', auth_subject_type: 'DouKe' },
  ],
  [
    { orders: 'talent', auth_id: '9', auth_subject_type: 'MCN' },
    { auth_id: '9', auth_subject_type: 'MCN' },
  ],
])('the token of %o is that of whoever has authorised it', async (options, subjectOfToken) => {
  const questions: unknown[] = [];
  const { asking, feeds } = await open({}, options);
  const fetch: typeof asking.fetch = (url, init) => {
    questions.push(JSON.parse(init!.body as string));
    return asking.fetch(url, init);
  };
  await readWindow(feeds[0]!, { ...asking, fetch }, AT, later(60));
  expect(questions[0]).toEqual({ ...subjectOfToken, code: '', grant_type: 'authorization_self' });
});

test('a source that says nobody who has authorised it is refused', async () => {
  const { asking, feeds } = await open({}, { orders: 'institution' });
  await expect(readWindow(feeds[0]!, asking, AT, later(60))).rejects.toMatchObject({ kind: 'refused' });
});

test.each([
  [{ code: 50002, msg: '业务处理失败', sub_code: 'isv.business-failed:100009', sub_msg: '订单不存在' }, 'item_refused', 'item_refused'],
  [{ code: 50002, msg: '业务处理失败', sub_code: 'isv.business-failed:7', sub_msg: '没有该订单的权限' }, 'item_refused', 'refused'],
  [{ code: 40003, msg: '授权主体不匹配' }, 'item_refused', 'refused'],
  [{ code: 40004, msg: '非法的参数', sub_code: 'isv.parameter-invalid:1031' }, 'item_refused', 'item_refused'],
  [{ code: 30002, msg: 'no permission', sub_code: 'isv.app-permissions-insufficient' }, 'refused', 'refused'],
  [{ code: 40001, msg: 'sign invalid', sub_code: 'isv.signature-invalid' }, 'refused', 'refused'],
  [{ code: 20000, msg: '系统错误', sub_code: 'isp.service-error:256' }, 'temporary', 'temporary'],
])('%o is %s of one order and %s of a list', async (answer, ofOne, ofList) => {
  const { asking, feeds } = await open({});
  const answered = { ...asking, fetch: () => Promise.resolve(Response.json(answer)), token: () => Promise.resolve('token') };
  await expect(subject.adapter.detail!('order/1', answered)).rejects.toMatchObject({ name: 'AskingFailed', kind: ofOne });
  await expect(feeds[0]!.list({ from: AT, until: later(60), cursor: null }, answered)).rejects.toMatchObject({ kind: ofList });
});
