// What 微信小店 pushes: the envelope that is cut out before anything is believed, and what events name.
import { performance } from 'node:perf_hooks';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { ENVELOPE_BYTES_MAX, envelopeOf } from '../../../src/sources/wechat-shop/events.ts';
import { wechatShop } from '../../../src/sources/wechat-shop/adapter.ts';
import { encrypt, subject } from '../subjects/wechat-shop.ts';
import { kept, mapAll, mapOne } from '../wechat.ts';

const event = (name: string, told: string) =>
  kept(`{"ToUserName":"gh_1","CreateTime":1780308000,"MsgType":"event","Event":"${name}",${told}}`);
const SECRETS = subject.secrets as { app_id: string; encoding_aes_key: string };
const sealed = encrypt(Buffer.from('{"Event":"channels_ec_order_pay"}'), SECRETS.encoding_aes_key, SECRETS.app_id);

test.each([
  ['channels_ec_order_new', '"order_info":{"order_id":3705115058471208928}', 'order/3705115058471208928'],
  ['channels_ec_order_ext_info_update', '"order_info":{"order_id":"37","type":6}', 'order/37'],
  ['channels_ec_order_ext_info_update', '"order_info":{"order_id":"37","type":10}', 'order/37'],
  ['channels_ec_order_pay', '"order_info":{"order_id":"4232433395290081234","pay_time":"1780308060"}', 'gift/4232433395290081234'],
  [
    'channels_ec_aftersale_update',
    '"finder_shop_aftersale_status_update":{"status":"USER_WAIT_RETURN","after_sale_order_id":2000000000001,"order_id":37}',
    'after-sale/2000000000001',
  ],
  [
    'channels_ec_present_aftersale_update',
    '"finder_shop_present_aftersale_status_update":{"status":"PLATFORM_REFUNDING","after_sale_order_id":"6000000000000001","order_id":"37"}',
    'gift-after-sale/6000000000000001',
  ],
  [
    'head_supplier_commission_order_update',
    '"order_info":{"order_id":37,"sku_id":1526589,"commission_order_status":20}',
    'commission/37/1526589',
  ],
  ['talent_commission_order_update', '"order_info":{"order_id":"37","sku_id":"1526589","commission_order_status":20}', 'talent/37/1526589'],
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

test('the sheet of a gift is no order: its orders are asked for, each by itself', () => {
  expect(wechatShop.wanted!(kept({ order_ids: ['3732433407897635321', 3732433407896586] }))).toEqual([
    { key: 'order/3732433407897635321' },
    { key: 'order/3732433407896586' },
  ]);
  expect(mapAll({ order_ids: ['3732433407897635321'] })).toEqual([]);
});

test.each([
  [100, 'open', null],
  [110, 'open', null],
  ['114', 'open', null],
  [307, 'open', null],
  [102, 'closed', null],
  [112, 'closed', null],
  ['115', 'closed', null],
  [116, 'closed', null],
  [999, 'open', 'complaint_status 999'],
])('a dispute in the state %s is %s, and its order is asked for', (status, state, unknownCode) => {
  const told = `"finder_shop_complaint":{"complaint_status":"${status}","after_sale_order_id":"1","complaint_id":"77","order_id":"37"}`;
  const pushed = event('channels_ec_complaint_update', told);
  expect(wechatShop.map(pushed)).toMatchObject([
    { report: { order_id: '37', observed_at: '2026-06-01T10:00:00.000Z', disputes: [{ dispute_id: '77', state }] }, unknownCode },
  ]);
  expect(wechatShop.wanted!(pushed)).toEqual([{ key: 'order/37' }]);
});

test('the envelope is cut out of JSON and of XML, however it is written', () => {
  const escaped = sealed.replaceAll('/', '\\/');
  const written = [
    `{"ToUserName":"gh_1","Encrypt":"${sealed}"}`,
    `{ "Encrypt" : "${escaped}", "ToUserName" : "gh_1" }`,
    `<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[${sealed}]]></Encrypt></xml>`,
    `\n <xml>\n <Encrypt>\n${sealed}\n</Encrypt></xml>`,
  ];
  for (const body of written) expect(envelopeOf(Buffer.from(body)), body).toBe(sealed);
});

test('what has no envelope, or a broken one, has none', () => {
  const without = ['', '{}', 'null', '{"Encrypt":""}', '{"Encrypt":1}', '{"Encrypt":"not base64!"}', '{"Encrypt"}', '"Encrypt":"', '<xml>'];
  const broken = ['<Encrypt>', `<xml><Encrypt>${sealed}</xml>`, '<xml><Encrypt><![CDATA[]]></Encrypt></xml>', '{"Encrypt":{"a":"b"}}'];
  for (const body of [...without, ...broken]) expect(envelopeOf(Buffer.from(body)), body).toBeNull();
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect([null, sealed]).toContain(envelopeOf(Buffer.from(bytes)));
    }),
  );
});

test('a larger message than any event is, is not read', () => {
  const body = `{"Encrypt":"${sealed}","note":"${'x'.repeat(ENVELOPE_BYTES_MAX)}"}`;
  expect(envelopeOf(Buffer.from(body))).toBeNull();
});

test('an unsigned push costs nothing, whatever is nested in it: nobody parses what nobody has signed', () => {
  const size = ENVELOPE_BYTES_MAX;
  const bodies = [
    '<a>'.repeat(size / 3),
    `<xml>${'<a b="c">x</a>'.repeat(size / 16)}<Encrypt>${sealed}</Encrypt></xml>`,
    `<xml><Encrypt>${'A'.repeat(size - 64)}</Encrypt></xml>`,
    '<Encrypt>'.repeat(size / 9),
    '['.repeat(size),
    `{"a":${'{"a":'.repeat(size / 6)}`,
    '"Encrypt"'.repeat(size / 9),
  ].map((text) => Buffer.from(text.slice(0, size)));
  const query = { msg_signature: '0'.repeat(40), timestamp: '1', nonce: '1' };
  const began = performance.now();
  const rounds = 30;
  for (let round = 0; round < rounds; round++) {
    for (const body of bodies) {
      const push = { method: 'POST', headers: {}, query, body, secrets: subject.secrets, now: new Date() };
      expect(wechatShop.verify(push).ok).toBe(false);
    }
  }
  // A parser of XML takes more than a hundred times as long.
  expect((performance.now() - began) / (rounds * bodies.length)).toBeLessThan(5);
});

test('a delivery of no kind that is known says nothing, and one that is no object is refused', () => {
  expect(mapAll({ hello: 1 })).toEqual([]);
  for (const body of ['[]', '1', '"text"', '<xml>1</xml>', '<a/>']) expect(() => mapOne(body)).toThrow(Error);
});
