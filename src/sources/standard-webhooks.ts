// Standard Webhooks (standardwebhooks.com), whole: HMAC (v1) and ed25519 (v1a) signatures over `id.timestamp.body`.
// The body is {type, timestamp, data}, and data is a canonical report.
import { createPublicKey, verify as verifySignature, type KeyObject } from 'node:crypto';

import { z } from 'zod';

import { parseJson } from '../platform/json.ts';
import {
  hmacSha256,
  keepHeaders,
  oneOf,
  oneOrMoreSecrets,
  sameText,
  secretsNamed,
  type Adapter,
  type Kept,
  type Mapped,
  type Push,
  type Secrets,
  type SourceReport,
  type Verified,
} from './source.ts';

const TOLERANCE_SECONDS = 300;
const SIGNATURES_MAX = 16;
const HEADERS = ['webhook-id', 'webhook-timestamp'];
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

// The header of a DER public key of ed25519; the 32 bytes of the key follow it.
const ED25519_DER = Buffer.from('302a300506032b6570032100', 'hex');

type Secret = { version: 'v1'; key: Buffer } | { version: 'v1a'; key: KeyObject };

export const standardWebhooks: Adapter = {
  kind: 'standard-webhooks',
  secrets: z.strictObject({
    secret: oneOrMoreSecrets.refine((secret) => [secret].flat().every((one) => readSecret(one) !== null), {
      error: 'must be whsec_<base64>, the bare base64, or whpk_<base64 of an ed25519 public key>',
    }),
  }),
  options: z.strictObject({}),
  verify,
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
  map,
};

/** The key that a secret says, or null: an empty key would let anybody sign. */
function readSecret(secret: string): Secret | null {
  const [, prefix, text] = /^(whsec_|whpk_)?(.*)$/s.exec(secret)!;
  if (text === undefined || !BASE64.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  if (key.length === 0) return null;
  if (prefix !== 'whpk_') return { version: 'v1', key };
  if (key.length !== 32) return null;
  return { version: 'v1a', key: createPublicKey({ key: Buffer.concat([ED25519_DER, key]), format: 'der', type: 'spki' }) };
}

/** The secrets of a source are the same object for as long as they are kept in memory. */
const keysRead = new WeakMap<Secrets, Secret[]>();

function keysOf(secrets: Secrets): Secret[] {
  let keys = keysRead.get(secrets);
  if (keys === undefined) {
    keys = secretsNamed(secrets, 'secret').flatMap((secret) => readSecret(secret) ?? []);
    keysRead.set(secrets, keys);
  }
  return keys;
}

function verify({ headers, body, secrets, now }: Push): Verified {
  const keys = keysOf(secrets);
  if (keys.length === 0) return { ok: false, reason: 'no_secret' };
  const id = oneOf(headers, 'webhook-id');
  const timestamp = oneOf(headers, 'webhook-timestamp');
  const signatures = oneOf(headers, 'webhook-signature')?.split(' ', SIGNATURES_MAX) ?? [];
  // A dot in the id would let one signed text be read as another id, time and body.
  if (id === undefined || id.includes('.') || signatures.length === 0) return { ok: false, reason: 'missing_signature' };
  if (timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return { ok: false, reason: 'bad_timestamp' };
  const age = Math.floor(now.getTime() / 1000) - Number(timestamp);
  if (Math.abs(age) > TOLERANCE_SECONDS) return { ok: false, reason: 'stale_timestamp' };
  const head = `${id}.${timestamp}.`;
  if (!keys.some((key) => isSignedBy(key, signatures, head, body))) return { ok: false, reason: 'wrong_signature' };
  return { ok: true, signedId: id, keep: keepHeaders(headers, HEADERS) };
}

function isSignedBy(secret: Secret, signatures: string[], head: string, body: Buffer): boolean {
  if (secret.version === 'v1') {
    const expected = `v1,${hmacSha256(secret.key, head, body).toString('base64')}`;
    return signatures.some((signature) => sameText(signature, expected));
  }
  const signed = Buffer.concat([Buffer.from(head), body]);
  return signatures.some((signature) => {
    const [version, text] = signature.split(',', 2);
    if (version !== 'v1a' || text === undefined || !BASE64.test(text)) return false;
    const bytes = Buffer.from(text, 'base64');
    return bytes.length === 64 && verifySignature(null, signed, secret.key, bytes);
  });
}

const message = z.object({ timestamp: z.unknown(), data: z.record(z.string(), z.unknown()).nullish() });

function map({ body, headers }: Kept): Mapped[] {
  const { timestamp, data } = message.parse(parseJson(body));
  // A test message of the sender's console carries no report.
  if (!data || Object.keys(data).length === 0) return [];
  const report = { ...data, observed_at: data.observed_at ?? signedTime(timestamp, headers) } as SourceReport;
  return [{ report, shop: null, names: [] }];
}

/** When the sender said this: the body's own time, else the header's; both are signed. */
function signedTime(timestamp: unknown, headers: Kept['headers']): string | null {
  const stated = z.iso.datetime({ offset: true }).safeParse(timestamp);
  if (stated.success) return stated.data;
  const seconds = Number(headers['webhook-timestamp']);
  return Number.isSafeInteger(seconds) ? new Date(seconds * 1000).toISOString() : null;
}
