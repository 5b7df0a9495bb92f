// The signatures and refusals that the platforms themselves publish, over our adapters.
import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { parseJson } from '../../src/platform/json.ts';
import { shopify } from '../../src/sources/shopify.ts';
import { hmacSha256, type Adapter, type Secrets } from '../../src/sources/source.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks.ts';

interface Vector {
  id: string;
  platform: string;
  kind: string;
  secret?: string;
  equivalent_secret?: string;
  msg_id?: string;
  timestamp?: number | string;
  now?: number;
  payload?: string;
  payload_repeat?: { char: string; count: number };
  headers?: Record<string, string>;
  expected?: string;
  raw?: string;
  field?: string;
  expected_string?: string;
}

const { items } = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as { items: Vector[] };
const KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

function bodyOf({ payload, payload_repeat: repeat }: Vector): Buffer {
  return Buffer.from(repeat === undefined ? (payload ?? '{"test": 2432232314}') : repeat.char.repeat(repeat.count));
}

function verify(adapter: Adapter, push: { headers: Record<string, string>; body: Buffer; secrets: Secrets; now?: number }) {
  return adapter.verify({ method: 'POST', query: {}, ...push, now: new Date((push.now ?? 1_614_265_330) * 1000) });
}

function signed(secret: string, { id, at, body }: { id: string; at: string; body: Buffer }): Record<string, string> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = hmacSha256(key, `${id}.${at}.`, body).toString('base64');
  return { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
}

describe('standard-webhooks: what the libraries of the standard sign and refuse', () => {
  for (const vector of items.filter((item) => item.platform === 'standard-webhooks')) {
    test(`${vector.kind} ${vector.id}`, () => checkStandard(vector));
  }
});

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

describe("shopify: what Shopify's own libraries sign and refuse", () => {
  for (const vector of items.filter((item) => item.platform === 'shopify')) {
    test(`${vector.kind} ${vector.id}`, () => checkShopify(vector));
  }
});

function checkShopify(vector: Vector): void {
  if (vector.kind === 'lossless-number') {
    expect(parseJson(Buffer.from(vector.raw!))).toEqual({ [vector.field!]: vector.expected_string });
    return;
  }
  const body = bodyOf(vector);
  const digest = hmacSha256(vector.secret!, body);
  const encoding = /^[0-9a-f]{64}$/.test(vector.expected!) ? 'hex' : 'base64';
  expect(digest.toString(encoding)).toBe(vector.expected);
  const verified = (secret: string) =>
    verify(shopify, { headers: { 'x-shopify-hmac-sha256': digest.toString('base64') }, body, secrets: { secret } }).ok;
  expect(verified(vector.secret!)).toBe(true);
  expect(verified('hush')).toBe(vector.secret === 'hush');
}
