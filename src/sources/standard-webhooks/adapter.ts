// Standard Webhooks (standardwebhooks.com), whole: HMAC (v1) and ed25519 (v1a) signatures over
// `id.timestamp.body`. The body is {type, timestamp, data}, and data is a canonical report.
import { createPublicKey, verify as verifySignature, type KeyObject } from 'node:crypto';

import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import type { Adapter, KeptDelivery, MappedReport, Push, SourceReport, PushVerdict } from '../source.ts';
import { hmacSha256, keepHeaders, oneOf, oneOrMoreSecrets, sameText, secretsNamed, type SourceSecrets } from '../signing.ts';

const TOLERANCE_SECONDS = 300;
const SIGNATURES_MAX = 16;
const HEADERS = ['webhook-id', 'webhook-timestamp'];
/** Types whose messages must carry a report. */
const TELLS_OF_ORDERS = /^(order|refund)s?([._/-]|$)/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** The standard makes keys of 24 to 64 bytes; what is shorter than this is guessed. */
const KEY_BYTES_MIN = 16;

// The header of a DER public key of ed25519; the 32 bytes of the key follow it.
const ED25519_DER = Buffer.from('302a300506032b6570032100', 'hex');

const ED25519_PRIME = 2n ** 255n - 19n;

/**
 * The y of the eight points of small order, least byte first, without the sign of x. Under such a
 * key a made-up signature is good for every message, or for every second, fourth or eighth of them.
 */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

type Secret = { version: 'v1'; key: Buffer } | { version: 'v1a'; key: KeyObject };

export const standardWebhooks: Adapter = {
  kind: 'standard-webhooks',
  secrets: z.strictObject({
    secret: oneOrMoreSecrets.refine((secret) => [secret].flat().every((one) => readSecret(one) !== null), {
      error: `must be whsec_<base64> of at least ${KEY_BYTES_MIN} bytes, the bare base64, or whpk_<base64 of an ed25519 public key>`,
    }),
  }),
  options: z.strictObject({}),
  verify,
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
  map,
};

/** The key that a secret says; null where it is none, or one under which anybody could sign. */
function readSecret(secret: string): Secret | null {
  const [, prefix, text] = /^(whsec_|whpk_)?(.*)$/s.exec(secret)!;
  if (text === undefined || !BASE64.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  if (prefix !== 'whpk_') return key.length < KEY_BYTES_MIN || isOneByteOnly(key) ? null : { version: 'v1', key };
  if (key.length !== 32 || !isSoundPoint(key)) return null;
  return { version: 'v1a', key: createPublicKey({ key: Buffer.concat([ED25519_DER, key]), format: 'der', type: 'spki' }) };
}

const isOneByteOnly = (key: Buffer): boolean => key.every((byte) => byte === key[0]);

/** Whether 32 bytes are a y below the prime (RFC 8032, 5.1.3), and of no point of small order. */
function isSoundPoint(key: Buffer): boolean {
  const y = Buffer.from(key);
  y[31]! &= 0x7f;
  return BigInt(`0x${Buffer.from(y.toReversed()).toString('hex')}`) < ED25519_PRIME && !SMALL_ORDER.has(y.toString('hex'));
}

/** The secrets of a source are the same object for as long as they are kept in memory. */
const keysRead = new WeakMap<SourceSecrets, Secret[]>();

function keysOf(secrets: SourceSecrets): Secret[] {
  let keys = keysRead.get(secrets);
  if (keys === undefined) {
    keys = secretsNamed(secrets, 'secret').flatMap((secret) => readSecret(secret) ?? []);
    keysRead.set(secrets, keys);
  }
  return keys;
}

function verify({ headers, body, secrets, now }: Push): PushVerdict {
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

const text = z.string();
const object = z.record(z.string(), z.unknown());

/**
 * The report that stands in `data`. A message without anything but its type and time, as the
 * console of a sender tries it, tells nothing; one whose content stands elsewhere is refused with
 * where it must stand, so that no order is silently left out.
 */
function map({ body, headers }: KeptDelivery): MappedReport[] {
  const { data: message } = object.safeParse(parseJson(body));
  if (message === undefined) throw new Error('the body must be an object {"type", "timestamp", "data"}');
  const { type, timestamp, data, ...others } = message;
  const elsewhere = Object.keys(others).find((name) => typeof others[name] === 'object' && others[name] !== null);
  const { data: report } = object.safeParse(data ?? {});
  if (report === undefined) throw new Error('"data" must be an object: the report of one order');
  if (Object.keys(report).length === 0) {
    if (elsewhere !== undefined) throw new Error(`the report must stand in "data", not in ${JSON.stringify(elsewhere.slice(0, 64))}`);
    if (TELLS_OF_ORDERS.test(text.safeParse(type).data ?? '')) {
      throw new Error(`a message of the type ${JSON.stringify(type)} must have "data"`);
    }
    return [];
  }
  const stated = { ...report, observed_at: report['observed_at'] ?? signedTime(timestamp, headers) } as SourceReport;
  return [{ report: stated, shop: null, names: [] }];
}

/** When the sender said this: the body's own time, else the header's; both are signed. */
function signedTime(timestamp: unknown, headers: KeptDelivery['headers']): string | null {
  const stated = z.iso.datetime({ offset: true }).safeParse(timestamp);
  if (stated.success) return stated.data;
  const seconds = Number(headers['webhook-timestamp']);
  return Number.isSafeInteger(seconds) ? new Date(seconds * 1000).toISOString() : null;
}
