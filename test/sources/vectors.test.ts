// What the platforms themselves publish, and the tests of their SDKs: signatures, ciphertexts,
// refusals and long ids, over our adapters.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { parseJson } from '../../src/platform/http/json.ts';
import { doudianSign, doudianText } from '../../src/sources/doudian/call.ts';
import { shopify } from '../../src/sources/shopify/adapter.ts';
import type { Adapter, PushVerdict } from '../../src/sources/source.ts';
import { hmacSha256, type SourceSecrets } from '../../src/sources/signing.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks/adapter.ts';
import { topDigest, topSign } from '../../src/sources/unions/union.ts';
import { wechatDecrypt, wechatKey, wechatSign } from '../../src/sources/wechat-shop/crypt.ts';
import { wechatShop } from '../../src/sources/wechat-shop/adapter.ts';
import { woocommerce } from '../../src/sources/woocommerce/adapter.ts';
import { encrypt } from './subjects/wechat-shop.ts';

type Named<Name extends string> = Partial<Record<Name, string>>;

interface Vector extends Named<'secret' | 'equivalent_secret' | 'msg_id' | 'payload' | 'expected' | 'raw' | 'field' | 'expected_string'> {
  id: string;
  platform: string;
  kind: string;
  algorithm?: string;
  timestamp?: number | string;
  now?: number;
  payload_repeat?: { char: string; count: number };
  headers?: Record<string, string>;
  params?: Record<string, string>;
  key_hex?: string;
  also_collides_with?: string;
}

const { items } = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as { items: Vector[] };
const KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

const CHECKS: Readonly<Record<string, (vector: Vector) => void>> = {
  'standard-webhooks': checkStandard,
  shopify: checkShopify,
  woocommerce: checkWooCommerce,
  wechat: checkWechat,
  taobao: checkTop,
  pinduoduo: checkTop,
  jd: checkTop,
  doudian: checkDoudian,
  douyin: ({ secret, payload, expected }) => expect(hmacSha256(secret!, payload!).toString('hex')).toBe(expected),
};

describe.each(Object.entries(CHECKS))('%s', (platform, check) => {
  const vectors = items.filter((item) => item.platform === platform);
  test.each(vectors)('$kind $id', (vector) => (vector.kind === 'lossless-number' ? checkLong(vector) : check(vector)));
});

test('every vector is of a platform that is tried', () => {
  expect(items.filter(({ platform }) => CHECKS[platform] === undefined)).toEqual([]);
});

function checkLong({ raw, field, expected_string: digits, also_collides_with: neighbour }: Vector): void {
  expect(parseJson(Buffer.from(raw!))).toEqual({ [field!]: digits });
  expect(parseJson(Buffer.from(raw!.replace(digits!, neighbour!)))).toEqual({ [field!]: neighbour });
}

function bodyOf({ payload, payload_repeat: repeat }: Vector): Buffer {
  return Buffer.from(repeat === undefined ? (payload ?? '{"test": 2432232314}') : repeat.char.repeat(repeat.count));
}

interface Pushed {
  headers?: Record<string, string>;
  query?: Record<string, string>;
  body: Buffer;
  secrets: SourceSecrets;
  now?: number | undefined;
}

function verify(adapter: Adapter, { headers = {}, query = {}, now = 1_614_265_330, ...push }: Pushed, method = 'POST'): PushVerdict {
  return adapter.verify({ method, query, headers, ...push, now: new Date(now * 1000) });
}

function signed(secret: string, { id, at, body }: { id: string; at: string; body: Buffer }): Record<string, string> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = hmacSha256(key, `${id}.${at}.`, body).toString('base64');
  return { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
}

function checkStandard(vector: Vector): void {
  const body = bodyOf(vector);
  const secret = vector.secret ?? KEY;
  if (vector.kind === 'sign') {
    const at = String(vector.timestamp);
    const headers = { 'webhook-id': vector.msg_id!, 'webhook-timestamp': at, 'webhook-signature': vector.expected! };
    expect(signed(secret, { id: vector.msg_id!, at, body })['webhook-signature']).toBe(vector.expected);
    expect(verify(standardWebhooks, { headers, body, secrets: { secret }, now: Number(at) }).ok).toBe(true);
  } else if (vector.kind === 'accept') {
    const headers = signed(vector.equivalent_secret!, { id: 'msg_1', at: '1614265330', body });
    expect(verify(standardWebhooks, { headers, body, secrets: { secret } }).ok).toBe(true);
  } else {
    const headers = vector.headers ?? signed(secret, { id: 'msg_1', at: String(vector.timestamp), body });
    const verified = verify(standardWebhooks, { headers, body, secrets: { secret }, now: vector.now });
    expect(verified.ok).toBe(vector.kind === 'verify-accept');
  }
}

function checkShopify(vector: Vector): void {
  const body = bodyOf(vector);
  const digest = hmacSha256(vector.secret!, body);
  const encoding = /^[0-9a-f]{64}$/.test(vector.expected!) ? 'hex' : 'base64';
  expect(digest.toString(encoding)).toBe(vector.expected);
  const verified = (secret: string) =>
    verify(shopify, { headers: { 'x-shopify-hmac-sha256': digest.toString('base64') }, body, secrets: { secret } }).ok;
  expect(verified(vector.secret!)).toBe(true);
  expect(verified('hush')).toBe(vector.secret === 'hush');
}

/** The one that WooCommerce publishes is signed with an empty secret: anybody could sign so. */
function checkWooCommerce({ secret, payload, expected }: Vector): void {
  expect(hmacSha256(secret!, payload!).toString('base64')).toBe(expected);
  const headers = { 'x-wc-webhook-signature': expected! };
  const refused = { ok: false, reason: 'no_secret' };
  expect(verify(woocommerce, { headers, body: Buffer.from(payload!), secrets: { secret: secret! } })).toEqual(refused);
  expect(woocommerce.secrets.safeParse({ secret }).success).toBe(false);
}

interface WechatVector extends Vector {
  token: string;
  timestamp: string;
  nonce: string;
  encoding_aes_key: string;
  appid: string;
  encrypt: string;
  expected_msg_signature: string;
  expected_plaintext: string;
  expected_encrypt: string;
  expected_signature_get?: string;
  echostr?: string;
}

function checkWechat(vector: Vector): void {
  const { token, timestamp, nonce, ...other } = vector as WechatVector;
  if (vector.kind === 'sign') checkHandshake(vector as WechatVector);
  else if (vector.kind === 'encrypt') checkEncrypted(vector as WechatVector);
  else expect(wechatSign(token, timestamp, nonce, other.encrypt)).toBe(other.expected_msg_signature);
  if (vector.kind === 'verify-and-decrypt') checkSecureMode(vector as WechatVector);
}

const secretsOf = ({ token, appid = 'wx1', encoding_aes_key = 'a'.repeat(43) }: Partial<WechatVector>): SourceSecrets => ({
  app_id: appid,
  app_secret: 'x',
  token: token!,
  encoding_aes_key,
});

/** What is signed without a body opens the handshake, and no body. */
function checkHandshake(vector: WechatVector): void {
  const { token, timestamp, nonce, expected, echostr = '7' } = vector;
  expect(wechatSign(token, timestamp, nonce)).toBe(expected);
  const push = (signature: string) => ({
    query: { signature, timestamp, nonce, echostr },
    body: Buffer.from('{"Event":"x"}'),
    secrets: secretsOf(vector),
  });
  expect(verify(wechatShop, push(expected!), 'GET')).toMatchObject({ ok: true, answer: { status: 200, body: echostr } });
  expect(verify(wechatShop, push(wechatSign(token, timestamp, `${nonce}0`)), 'GET')).toEqual({ ok: false, reason: 'wrong_signature' });
  expect(verify(wechatShop, push(expected!))).toEqual({ ok: false, reason: 'missing_signature' });
}

function checkEncrypted({ payload, encoding_aes_key: key, appid, expected_encrypt: encrypted }: WechatVector): void {
  expect(encrypt(Buffer.from(payload!), key, appid)).toBe(encrypted);
  expect(wechatDecrypt(encrypted, wechatKey(key)!, appid)?.toString()).toBe(payload);
}

function checkSecureMode(vector: WechatVector): void {
  const { token, timestamp, nonce, encrypt: encrypted, expected_msg_signature, expected_plaintext, appid } = vector;
  const query = { msg_signature: expected_msg_signature, timestamp, nonce, encrypt_type: 'aes' };
  for (const text of [JSON.stringify({ Encrypt: encrypted }), `<xml><Encrypt><![CDATA[${encrypted}]]></Encrypt></xml>`]) {
    const verified = verify(wechatShop, { query, body: Buffer.from(text), secrets: secretsOf(vector) });
    expect(verified.ok && 'content' in verified ? verified.content?.toString() : null).toBe(expected_plaintext);
  }
  if (vector.expected_signature_get !== undefined) expect(wechatSign(token, timestamp, nonce)).toBe(vector.expected_signature_get);
  expect(wechatDecrypt(encrypted, wechatKey(vector.encoding_aes_key)!, 'wx0000000000000000')).toBeNull();
  expect(wechatDecrypt(encrypted, wechatKey('a'.repeat(43))!, appid)).toBeNull();
}

function checkTop({ secret, params, key_hex: key, payload, expected, algorithm = '' }: Vector): void {
  if (params !== undefined) expect(topSign(secret!, params)).toBe(expected);
  else expect(topDigest(Buffer.from(key!, 'hex'), payload!, /sign_method=(hmac(?:-sha256)?)/.exec(algorithm)![1] as 'hmac')).toBe(expected);
}

interface DoudianVector extends Vector {
  app_key: string;
  method: string;
  param_json: string;
  timestamp: number;
}

function checkDoudian(vector: Vector): void {
  const { secret, app_key: appKey, method, param_json: json, timestamp, algorithm } = vector as DoudianVector;
  const call = { appKey, method, json, timestamp };
  const isMd5 = algorithm!.startsWith('md5');
  const sign = isMd5 ? createHash('md5').update(doudianText(secret!, call)).digest('hex') : doudianSign(secret!, call);
  expect(sign).toBe(vector.expected);
}
