// What a push must be signed with, for every system that pushes, against the same computed plainly
// here: for bytes and secrets of any kind.
import { createHash, createHmac, createPrivateKey, sign as signBytes } from 'node:crypto';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { doudian } from '../../src/sources/doudian/adapter.ts';
import { shopify } from '../../src/sources/shopify/adapter.ts';
import type { Adapter, Push } from '../../src/sources/source.ts';
import type { SourceSecrets } from '../../src/sources/signing.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks/adapter.ts';
import { wechatDecrypt, wechatKey, wechatSign } from '../../src/sources/wechat-shop/crypt.ts';
import { woocommerce } from '../../src/sources/woocommerce/adapter.ts';
import { encrypt } from './subjects/wechat-shop.ts';

const NOW = new Date('2026-06-02T00:00:00Z');
const AT = String(NOW.getTime() / 1000);

const hex = (algorithm: string, ...parts: (string | Buffer)[]) =>
  createHash(algorithm)
    .update(Buffer.concat(parts.map((one) => Buffer.from(one))))
    .digest('hex');

const body = fc.oneof(
  fc.uint8Array().map((values) => Buffer.from(values)),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(`${text}\n`)),
);
const secret = fc.string({ unit: 'binary', minLength: 1 });

const isBelieved = (adapter: Adapter, headers: Push['headers'], bytes: Buffer, secrets: SourceSecrets): boolean =>
  adapter.verify({ method: 'POST', query: {}, headers, body: bytes, secrets, now: NOW }).ok;

describe.each([
  ['x-shopify-hmac-sha256', shopify],
  ['x-wc-webhook-signature', woocommerce],
])('%s', (header, adapter) => {
  test('is believed for these bytes under this secret, written in this one way', () => {
    fc.assert(
      fc.property(body, secret, (bytes, key) => {
        const mac = createHmac('sha256', Buffer.from(key)).update(bytes).digest();
        const signature = mac.toString('base64');
        const believes = (value: string | string[], sent = bytes) => isBelieved(adapter, { [header]: value }, sent, { secret: key });
        expect(believes(signature)).toBe(true);
        expect(believes(signature, Buffer.concat([bytes, Buffer.from('\n')]))).toBe(false);
        const others = [
          signature.slice(0, -1),
          `${signature}=`,
          ` ${signature}`,
          mac.toString('hex'),
          mac.toString('base64url'),
          [signature, signature],
        ];
        for (const other of others) expect(believes(other)).toBe(false);
        expect(isBelieved(adapter, { [header]: signature }, bytes, { secret: `${key} ` })).toBe(false);
      }),
    );
  });
});

test('Shopify signs a long id as it stands', () => {
  const bytes = Buffer.from('{"id":820982911946154508,"total_price":"398.00"}');
  const headers = { 'x-shopify-hmac-sha256': '/72deZZtJIaDOjWRgkbKyr0SwLbnkKRuvAPiMxbUGSM=' };
  expect(isBelieved(shopify, headers, bytes, { secret: 'hush' })).toBe(true);
});

describe('standard-webhooks', () => {
  // The first key of RFC 8032, 7.1.
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const known = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
  const privateKey = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const junk: fc.Arbitrary<string> = fc.constantFrom(
    'v1,',
    'v1',
    'v2,abcd',
    'v1a,abcd',
    'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=',
    '',
    ',',
  );

  test('a good signature is found among any others, of either kind', () => {
    fc.assert(
      fc.property(
        body,
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        fc.array(junk, { maxLength: 12 }),
        fc.nat(),
        (bytes, key, others, place) => {
          const text = Buffer.concat([Buffer.from(`msg_1.${AT}.`), bytes]);
          const v1 = `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
          const v1a = `v1a,${signBytes(null, text, privateKey).toString('base64')}`;
          const secrets = {
            v1: { secret: `whsec_${Buffer.from(key).toString('base64')}` },
            v1a: { secret: `whpk_${known.toString('base64')}` },
          };
          const headers = (...good: string[]) => {
            const signatures = others.toSpliced(place % (others.length + 1), 0, ...good);
            return { 'webhook-id': 'msg_1', 'webhook-timestamp': AT, 'webhook-signature': signatures.join(' ') };
          };
          for (const known of Object.values(secrets)) {
            expect(isBelieved(standardWebhooks, headers(v1, v1a), bytes, known)).toBe(true);
            expect(isBelieved(standardWebhooks, headers(), bytes, known)).toBe(false);
          }
          expect(isBelieved(standardWebhooks, headers(v1a), bytes, secrets.v1)).toBe(false);
          expect(isBelieved(standardWebhooks, headers(v1), bytes, secrets.v1a)).toBe(false);
        },
      ),
    );
  });
});

describe('doudian', () => {
  const secrets = { app_key: '1234567890', app_secret: 'secret' };

  test('signs any bytes with MD5 between its key and secret, in either case, or with SHA-1 behind the secret', () => {
    fc.assert(
      fc.property(body, secret, secret, (bytes, app_key, app_secret) => {
        const both = { app_key, app_secret };
        const [md5, sha1] = [hex('md5', app_key, bytes, app_secret), hex('sha1', app_secret, bytes)];
        const believes = (headers: Push['headers'], sent = bytes) => isBelieved(doudian, headers, sent, both);
        expect([md5, md5.toUpperCase()].map((sign) => believes({ 'event-sign': sign }))).toEqual([true, true]);
        expect(believes({ 'x-douyin-signature': sha1 })).toBe(true);
        expect(believes({ 'event-sign': sha1 }) || believes({ 'x-douyin-signature': md5 })).toBe(false);
        expect(believes({ 'event-sign': md5 }, Buffer.concat([bytes, Buffer.from('\n')]))).toBe(false);
      }),
    );
  });

  test('the open platform hears its own challenge, and only when it has signed it', () => {
    const asked = Buffer.from('{"event":"verify_webhook","client_key":"ck","content":{"challenge":12345}}');
    const ask = (signature: string) =>
      doudian.verify({ method: 'POST', query: {}, headers: { 'x-douyin-signature': signature }, body: asked, secrets, now: NOW });
    expect(ask('afb6df444660b1f96b2f11e760f56b750309318b')).toMatchObject({
      ok: true,
      answer: { status: 200, body: '{"challenge":12345}' },
    });
    expect(ask('afb6df444660b1f96b2f11e760f56b750309318c')).toEqual({ ok: false, reason: 'wrong_signature' });
  });

  test('what else the open platform says is kept, and tells of no order', () => {
    const event = Buffer.from('{"event":"im_receive_msg","client_key":"ck","from_user_id":"u","content":"{\\"create_time\\":1}"}');
    const headers = { 'x-douyin-signature': hex('sha1', 'secret', event), 'msg-id': 'm1' };
    const push = { method: 'POST', query: {}, headers, body: event, secrets, now: NOW };
    expect(doudian.verify(push)).toEqual({ ok: true, signedId: null, keep: { 'msg-id': 'm1' } });
    expect(doudian.map({ body: event, headers: {}, receivedAt: NOW, options: doudian.options.parse({}) })).toEqual([]);
  });
});

describe('wechat', () => {
  const KEY = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';

  test('signs what is sorted by its bytes, not as words are', () => {
    const words = fc.string({ unit: fc.constantFrom('a', 'B', 'b', 'A', '_', '0', '9', '+', '/', '=') });
    fc.assert(
      fc.property(words, words, words, words, (token, timestamp, nonce, encrypted) => {
        const sorted = [token, timestamp, nonce, encrypted].map((one) => Buffer.from(one)).toSorted((a, b) => Buffer.compare(a, b));
        expect(wechatSign(token, timestamp, nonce, encrypted)).toBe(hex('sha1', ...sorted));
      }),
    );
    const encrypted = encrypt(Buffer.from('我是中文abcd123'), KEY, 'wxb11529c136998cb6');
    expect(wechatSign('pamtest', '1409304348', 'xxxxxx', encrypted)).toBe('82c962d39941aa48552f90ef55aa323dc620cc10');
  });

  test('a content of any length is opened, whole and for its own application only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (values) => {
        const sealed = encrypt(Buffer.from(values), KEY, 'wx1');
        const open = (bytes: Buffer, appId = 'wx1') => wechatDecrypt(bytes.toString('base64'), wechatKey(KEY)!, appId);
        const bytes = Buffer.from(sealed, 'base64');
        expect(open(bytes)).toEqual(Buffer.from(values));
        expect([open(bytes, 'wx'), open(bytes, 'wx12'), open(bytes.subarray(0, -16)), open(bytes.subarray(1))]).toEqual([
          null,
          null,
          null,
          null,
        ]);
      }),
    );
  });
});
