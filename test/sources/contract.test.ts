// One suite over all order systems: what each of them pushes, signed as it signs, and what becomes of it.
import { readdirSync, readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { canonicalReport } from '../../src/core/report.ts';
import { shopify } from '../../src/sources/shopify.ts';
import { hmacSha256, type Adapter, type Kept, type Push, type Secrets } from '../../src/sources/source.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks.ts';

/** How a platform signs, for the tests to do as it does. */
interface Signer {
  adapter: Adapter;
  secret: string;
  otherSecret: string;
  sign: (body: Buffer, secret: string) => Record<string, string>;
}

const NOW = new Date('2026-06-01T00:00:00Z');

const signers: Signer[] = [
  {
    adapter: standardWebhooks,
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    otherSecret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
    sign: (body, secret) => {
      const at = String(NOW.getTime() / 1000);
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
      const signature = hmacSha256(key, `msg_1.${at}.`, body).toString('base64');
      return { 'webhook-id': 'msg_1', 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
    },
  },
  {
    adapter: shopify,
    secret: 'hush',
    otherSecret: 'hush-hush',
    sign: (body, secret) => ({
      'x-shopify-hmac-sha256': hmacSha256(secret, body).toString('base64'),
      'x-shopify-topic': 'orders/updated',
      'x-shopify-shop-domain': 'anybody-can-write-here.myshopify.com',
    }),
  },
];

for (const signer of signers) describe(signer.adapter.kind, () => contractOf(signer));

function contractOf({ adapter, secret, otherSecret, sign }: Signer): void {
  const keptOf = (body: Buffer): Kept => {
    const verified = adapter.verify(push(body, sign(body, secret), { secret }));
    if (!verified.ok || 'answer' in verified) throw new Error('not a delivery');
    return { body: verified.content ?? body, headers: verified.keep, receivedAt: NOW, options: adapter.options.parse({}) };
  };

  for (const { name, body, mapped } of fixturesOf(adapter.kind)) {
    test(`${name} is believed and becomes what it says`, () => {
      expect(JSON.parse(JSON.stringify(adapter.map(keptOf(body))))).toEqual(mapped);
    });

    test(`${name} becomes checked reports, and the same ones every time`, () => {
      const kept = keptOf(body);
      const reports = adapter.map(kept);
      for (const { report } of reports) {
        const checked = canonicalReport.safeParse({ ...report, merchant_id: report.merchant_id ?? 'm1' });
        expect(checked.error?.issues ?? []).toEqual([]);
      }
      expect(adapter.map(kept)).toEqual(reports);
    });

    test(`${name} is not believed when a byte of it is another`, () => {
      const headers = sign(body, secret);
      const forged = Buffer.from(body);
      forged[forged.length >> 1]! ^= 1;
      expect(adapter.verify(push(forged, headers, { secret }))).toEqual({ ok: false, reason: 'wrong_signature' });
    });
  }

  const [{ body } = { body: Buffer.alloc(0) }] = fixturesOf(adapter.kind);

  test('while a secret is rotated, both are valid, and none else', () => {
    const secrets = { secret: [otherSecret, secret] };
    expect(adapter.verify(push(body, sign(body, secret), secrets)).ok).toBe(true);
    expect(adapter.verify(push(body, sign(body, otherSecret), secrets)).ok).toBe(true);
    expect(adapter.verify(push(body, sign(body, secret), { secret: otherSecret }))).toEqual({ ok: false, reason: 'wrong_signature' });
  });

  test('nothing is believed without a signature or without a secret', () => {
    expect(adapter.verify(push(body, {}, { secret })).ok).toBe(false);
    expect(adapter.verify(push(body, sign(body, secret), {}))).toEqual({ ok: false, reason: 'no_secret' });
    expect(adapter.verify(push(body, sign(body, secret), { secret: '' }))).toEqual({ ok: false, reason: 'no_secret' });
  });

  test('a source of this kind cannot be made with an empty secret or an unknown one', () => {
    expect(adapter.secrets.safeParse({ secret }).success).toBe(true);
    expect(adapter.secrets.safeParse({ secret: [secret, otherSecret] }).success).toBe(true);
    for (const bad of [{}, { secret: '' }, { secret: [] }, { secret: [''] }, { secret, more: 'x' }]) {
      expect(adapter.secrets.safeParse(bad).success).toBe(false);
    }
    expect(adapter.options.safeParse({ unknown_option: 1 }).success).toBe(false);
  });

  test('whatever the bytes are, mapping them gives reports or says what is wrong', () => {
    const bytes = fc.oneof(
      fc.uint8Array().map((values) => Buffer.from(values)),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (body) => {
        try {
          expect(Array.isArray(adapter.map({ body, headers: {}, receivedAt: NOW, options: {} }))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
}

function fixturesOf(kind: string): { name: string; body: Buffer; mapped: unknown }[] {
  const folder = new URL(`fixtures/${kind}/`, import.meta.url);
  const names = readdirSync(folder).filter((file) => file.endsWith('.body.json'));
  return names.map((file) => {
    const name = file.slice(0, -'.body.json'.length);
    const mapped: unknown = JSON.parse(readFileSync(new URL(`${name}.mapped.json`, folder), 'utf8'));
    return { name, body: readFileSync(new URL(file, folder)), mapped };
  });
}

function push(body: Buffer, headers: Record<string, string>, secrets: Secrets): Push {
  return { method: 'POST', query: {}, headers, body, secrets, now: NOW };
}
