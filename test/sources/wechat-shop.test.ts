// What 微信小店 pushes and signs beyond the story of an order: the platform's own vectors, events, gifts, and commission orders.
import { describe, expect, test } from 'vitest';

import { wechatDecrypt, wechatKey, wechatSign } from '../../src/sources/wechat-crypt.ts';
import { wechatShop } from '../../src/sources/wechat-shop.ts';
import { encrypt, subject } from './subjects/wechat-shop.ts';
import vectors from './wechat-vectors.json' with { type: 'json' };

describe.each(vectors)('$of', ({ token, key, appId, timestamp, nonce, encrypted, signature, content }) => {
  const secrets = { app_id: appId, app_secret: 'x', token, encoding_aes_key: key };
  const push = (body: string, query: Record<string, string>) =>
    wechatShop.verify({ method: 'POST', headers: {}, query, body: Buffer.from(body), secrets, now: new Date() });
  const query = { msg_signature: signature, timestamp, nonce, encrypt_type: 'aes' };

  test('is signed and opened as it says, in JSON and in XML', () => {
    expect(wechatSign(token, timestamp, nonce, encrypted)).toBe(signature);
    for (const body of [JSON.stringify({ Encrypt: encrypted }), `<xml><Encrypt><![CDATA[${encrypted}]]></Encrypt></xml>`]) {
      const verified = push(body, query);
      expect(verified.ok && 'content' in verified ? verified.content?.toString() : null).toBe(content);
    }
  });

  test('is not for another application, and not to be opened with another key', () => {
    expect(wechatDecrypt(encrypted, wechatKey(key)!, 'wx0000000000000000')).toBeNull();
    expect(wechatDecrypt(encrypted, wechatKey('a'.repeat(43))!, appId)).toBeNull();
  });

  test('in plain mode nothing is believed, because nothing is signed', () => {
    const plain = { signature: wechatSign(token, timestamp, nonce), timestamp, nonce };
    expect(push(content, plain)).toEqual({ ok: false, reason: 'missing_signature' });
  });
});

test('a handshake is answered with what it says, once its signature is right', () => {
  const secrets = { ...subject.secrets, token: 'AAAAA' };
  const query = { timestamp: '1714036504', nonce: '1514711492', echostr: '4375120948345356249' };
  const shake = (signature: string) =>
    wechatShop.verify({ method: 'GET', headers: {}, query: { ...query, signature }, body: Buffer.alloc(0), secrets, now: new Date() });
  expect(shake('f464b24fc39322e44b38aa78f5edd27bd1441696')).toMatchObject({ ok: true, answer: { status: 200, body: query.echostr } });
  expect(shake('f464b24fc39322e44b38aa78f5edd27bd1441697').ok).toBe(false);
});

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

test('what we encrypt for the tests is what WeChat encrypts', () => {
  const expected = 'jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==';
  expect(encrypt(Buffer.from('我是中文abcd123'), 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG', 'wxb11529c136998cb6')).toBe(expected);
});
