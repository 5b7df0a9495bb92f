// What others have signed, sealed and opened, over our code: the tests of the vendor's SDKs, and
// some made with their published test keys.

import { constants, createPrivateKey, createPublicKey, privateDecrypt, verify, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { freeze } from '../../../../src/payouts/providers/wechat-pay/request.ts';
import { readNotice } from '../../../../src/payouts/providers/wechat-pay/notices.ts';
import { openContent, requestMessage, sealName, signMessage, verifySaid } from '../../../../src/payouts/providers/wechat-pay/signing.ts';
import { wechatPay } from '../../../../src/payouts/providers/wechat-pay/wechat-pay.ts';

interface Vector extends Partial<
  Record<'key' | 'message' | 'expected' | 'signature' | 'api_v3_key' | 'nonce' | 'associated_data' | 'ciphertext' | 'plaintext', string>
> {
  id: string;
  kind: string;
  method?: string;
  path?: string;
  timestamp?: string;
  body?: string;
  headers?: Record<string, string>;
}

const { keys, items } = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as {
  keys: Record<string, string>;
  items: Vector[];
};
const SERIAL = 'PUB_KEY_ID_0114232134912410000000000000';
const SECRETS = {
  merchant_private_key: keys['go_test_private_key_pem']!,
  api_v3_key: 'a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb',
  [SERIAL]: keys['go_test_public_key_pem']!,
};
const OPTIONS = wechatPay.options.parse({
  mch_id: '1900001109',
  appid: 'wxf636efh567hg4356',
  merchant_serial_no: '5F1C72E2A8931B72A2E13AF8DEE92471EB397115',
  transfer_scene_id: '1005',
  transfer_scene_report_infos: [
    { info_type: '岗位类型', info_content: '推广员' },
    { info_type: '报酬说明', info_content: '2026年5月推广佣金' },
  ],
  transfer_remark: '2026年5月佣金',
  user_recv_perception: '劳务报酬',
});

const privateKeyOf = ({ key }: Vector): KeyObject => createPrivateKey(keys[key!]!);
const of = (id: string): Vector => items.find((item) => item.id === id)!;
const saidBy = ({ headers = {}, body = '' }: Vector) => ({
  header: (name: string) => Object.entries(headers).find(([one]) => one.toLowerCase() === name)?.[1],
  body: Buffer.from(body),
});
const timeOf = ({ headers }: Vector): Date => new Date(Number(headers!['Wechatpay-Timestamp']) * 1000);

/** One check for each kind, and none is left out: an unknown kind has none. */
const CHECKS: Readonly<Record<string, (vector: Vector) => void>> = {
  sign: (vector) => expect(signMessage(Buffer.from(vector.message!), privateKeyOf(vector))).toBe(vector.expected),
  'verify-reject': ({ key, message, signature }) =>
    expect(verify('RSA-SHA256', Buffer.from(message!), createPublicKey(keys[key!]!), Buffer.from(signature!, 'base64'))).toBe(false),
  'aes-256-gcm': ({ api_v3_key, nonce, associated_data, ciphertext, plaintext }) => {
    const sealed = { nonce: nonce!, associatedData: associated_data!, ciphertext: ciphertext! };
    expect(openContent(sealed, [Buffer.alloc(32), Buffer.from(api_v3_key!)])?.toString()).toBe(plaintext);
    expect(openContent({ ...sealed, associatedData: 'other' }, [Buffer.from(api_v3_key!)])).toBeNull();
    expect(openContent(sealed, [])).toBeNull();
  },
  'rsa-oaep-decrypt': (vector) => {
    const key = privateKeyOf(vector);
    const opened = (text: string) =>
      privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, Buffer.from(text, 'base64')).toString();
    expect(opened(vector.ciphertext!)).toBe(vector.plaintext);
    expect(opened(sealName(vector.plaintext!, createPublicKey(key)))).toBe(vector.plaintext);
  },
  'canonical-message': ({ method, path, timestamp, nonce, body, expected }) => {
    const request = { method: method!, pathAndQuery: path!, seconds: Number(timestamp), nonce: nonce!, body: Buffer.from(body!) };
    expect(requestMessage(request).toString()).toBe(expected);
  },
  'verify-accept': (vector) => expect(verifySaid(saidBy(vector), SECRETS, timeOf(vector))).toEqual({ ok: true }),
  'verify-and-decrypt': (vector) => {
    const access = { providerId: 'wechat', secrets: SECRETS, options: OPTIONS, fetch, baseUrl: null, now: () => timeOf(vector) };
    const headers = Object.fromEntries(Object.entries(vector.headers!).map(([name, value]) => [name.toLowerCase(), value]));
    const read = readNotice({ headers, body: Buffer.from(vector.body!) }, access);
    const { out_bill_no: billNo } = JSON.parse(vector.plaintext!) as { out_bill_no: string };
    expect(read).toMatchObject({ proven: true, noticeId: 'EV-2026060100000001', billNo });
  },
};

test.each(items)('$kind $id', (vector) => CHECKS[vector.kind]!(vector));

test('a request is frozen to the bytes that others have signed', () => {
  const frozen = freeze(
    {
      payoutId: 'one',
      billNo: 'FY20260601000001',
      amount: 88_800n,
      currency: 'CNY',
      payee: { promoterId: 'bob', name: '张三', account: { openid: 'o-MYE42l80oelYMDE34nYD456Xoy' } },
      noticeUrl: 'https://pay.example.com/notify/wechat',
    },
    { providerId: 'wechat', secrets: SECRETS, options: OPTIONS, fetch, baseUrl: null, now: () => new Date('2026-06-01T00:00:00Z') },
  );
  expect(frozen.body.toString()).toBe(of('self-transfer-create').message!.split('\n')[4]);
});

test('one byte more, another time and another serial verify no more', () => {
  const vector = of('self-response-verify');
  const said = saidBy(vector);
  const seconds = (many: number) => new Date(timeOf(vector).getTime() + many * 1000);
  const verdict = (change: Partial<typeof said>, now = seconds(0), secrets: Record<string, string> = SECRETS) =>
    verifySaid({ ...said, ...change }, secrets, now).ok;
  expect(verdict({})).toBe(true);
  expect(verdict({ body: Buffer.concat([said.body, Buffer.from(' ')]) })).toBe(false);
  expect([-299, 299].map((many) => verdict({}, seconds(many)))).toEqual([true, true]);
  expect([-300, 300].map((many) => verdict({}, seconds(many)))).toEqual([false, false]);
  expect(verdict({}, seconds(0), { ...SECRETS, [SERIAL]: keys['java_test_merchant_certificate_pem']! })).toBe(false);
  const named = (serial: string) => ({ header: (name: string) => (name === 'wechatpay-serial' ? serial : said.header(name)) });
  expect(
    ['PUB_KEY_ID_0', 'merchant_private_key', 'constructor', '5F1C72E2A8931B72A2E13AF8DEE92471EB397115'].map((serial) =>
      verdict(named(serial)),
    ),
  ).toEqual([false, false, false, false]);
});

test('a certificate verifies by its serial, in capitals or not, while it is valid', () => {
  const pem = keys['java_test_merchant_certificate_pem']!;
  const serial = new X509Certificate(pem).serialNumber;
  const body = Buffer.from('{}');
  const at = (iso: string, as: string) => {
    const now = new Date(iso);
    const timestamp = String(now.getTime() / 1000);
    const message = Buffer.from(`${timestamp}\nnonce\n{}\n`);
    const signature = signMessage(message, createPrivateKey(keys['java_test_merchant_private_key_pem']!));
    const headers: Record<string, string> = {
      'wechatpay-timestamp': timestamp,
      'wechatpay-nonce': 'nonce',
      'wechatpay-serial': as,
      'wechatpay-signature': signature,
    };
    return verifySaid({ header: (name) => headers[name], body }, { [serial]: pem }, now).ok;
  };
  expect(at('2024-01-01T00:00:00Z', serial)).toBe(true);
  expect(at('2024-01-01T00:00:00Z', serial.toLowerCase())).toBe(true);
  expect(at('2026-01-01T00:00:00Z', serial)).toBe(false);
});
