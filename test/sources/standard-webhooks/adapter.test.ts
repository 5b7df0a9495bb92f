// Standard Webhooks beyond the published vectors: public keys, several versions at once, and what
// is signed.
import { createPublicKey, generateKeyPairSync, sign, verify as verifySignature } from 'node:crypto';

import { expect, test } from 'vitest';

import { hmacSha256, type SourceSecrets } from '../../../src/sources/signing.ts';
import { standardWebhooks } from '../../../src/sources/standard-webhooks/adapter.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const AT = 1_614_265_330;
const BODY = Buffer.from('{"type":"order.paid","data":{}}');

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const PUBLIC = `whpk_${publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64')}`;

function symmetric(signed: string): string {
  return `v1,${hmacSha256(Buffer.from(SECRET.slice(6), 'base64'), signed).toString('base64')}`;
}

function asymmetric(signed: string): string {
  return `v1a,${sign(null, Buffer.from(signed), privateKey).toString('base64')}`;
}

function verify(
  signature: string,
  { id = 'msg_1', at = String(AT), secrets = { secret: SECRET } }: { id?: string; at?: string; secrets?: SourceSecrets } = {},
) {
  const headers = { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature };
  return standardWebhooks.verify({ method: 'POST', query: {}, headers, body: BODY, secrets, now: new Date(AT * 1000) });
}

const SIGNED = `msg_1.${AT}.${BODY.toString()}`;

test('an ed25519 signature is believed under its public key, and under no other', () => {
  const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64');
  expect(verify(asymmetric(SIGNED), { secrets: { secret: PUBLIC } }).ok).toBe(true);
  expect(verify(asymmetric(SIGNED), { secrets: { secret: [`whpk_${other}`, PUBLIC] } }).ok).toBe(true);
  expect(verify(asymmetric(SIGNED), { secrets: { secret: `whpk_${other}` } })).toEqual({ ok: false, reason: 'wrong_signature' });
  expect(verify(asymmetric(SIGNED.replace('msg_1', 'msg_2')), { secrets: { secret: PUBLIC } }).ok).toBe(false);
});

test('a signature of one version is no signature of another', () => {
  expect(verify(asymmetric(SIGNED).replace('v1a,', 'v1,'), { secrets: { secret: PUBLIC } }).ok).toBe(false);
  expect(verify(symmetric(SIGNED).replace('v1,', 'v1a,')).ok).toBe(false);
});

test('a public key never serves as a shared secret: everybody knows it', () => {
  const key = Buffer.from(PUBLIC.slice(5), 'base64');
  const forged = `v1,${hmacSha256(key, SIGNED).toString('base64')}`;
  expect(verify(forged, { secrets: { secret: PUBLIC } })).toEqual({ ok: false, reason: 'wrong_signature' });
});

test('unknown versions beside a good signature are passed over', () => {
  expect(verify(`v2,abc v9 ${symmetric(SIGNED)} nonsense`).ok).toBe(true);
  expect(verify('v2,abc v9 nonsense').ok).toBe(false);
});

test('an id with a dot is refused, because the signed text could be read in two ways', () => {
  const id = `msg_1.${AT}`;
  expect(verify(symmetric(`${id}.${AT}.${BODY.toString()}`), { id })).toEqual({ ok: false, reason: 'missing_signature' });
});

test('what was signed five minutes away from now is refused, either way', () => {
  for (const [seconds, ok] of [
    [-300, true],
    [300, true],
    [-301, false],
    [301, false],
  ] as const) {
    const at = String(AT + seconds);
    expect(verify(symmetric(`msg_1.${at}.${BODY.toString()}`), { at }).ok).toBe(ok);
  }
});

test('a timestamp is digits and nothing else', () => {
  for (const at of ['', '1614265330.0', '1e9', '+1614265330', ' 1614265330', '0x6037', '1614265330000000']) {
    expect(verify(symmetric(`msg_1.${at}.${BODY.toString()}`), { at })).toEqual({ ok: false, reason: 'bad_timestamp' });
  }
});

test('the id that was signed and the time are kept beside the body', () => {
  const verified = verify(symmetric(SIGNED));
  expect(verified).toEqual({ ok: true, signedId: 'msg_1', keep: { 'webhook-id': 'msg_1', 'webhook-timestamp': String(AT) } });
});

test('a secret that is no key is not taken', () => {
  for (const secret of ['whsec_', 'whpk_', 'whsec_not base64!', 'whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', `whpk_${SECRET.slice(6)}`]) {
    expect(standardWebhooks.secrets.safeParse({ secret }).success).toBe(false);
  }
  for (const secret of [SECRET, SECRET.slice(6), PUBLIC]) expect(standardWebhooks.secrets.safeParse({ secret }).success).toBe(true);
});

/**
 * The eight points of small order in all their encodings: y and y + p below 2^255, each with either
 * sign of x.
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].flatMap((hex) => {
  const [plus, minus] = [Buffer.from(hex, 'hex'), Buffer.from(hex, 'hex')];
  minus[31]! |= 0x80;
  return [plus, minus];
});

test('a public key under which anybody can sign is no key', () => {
  const nothing = Buffer.alloc(32);
  let forged = 0;
  for (const point of SMALL_ORDER) {
    const secret = `whpk_${point.toString('base64')}`;
    expect(standardWebhooks.secrets.safeParse({ secret }).success, point.toString('hex')).toBe(false);
    const made = SMALL_ORDER.map((r) => `v1a,${Buffer.concat([r, nothing]).toString('base64')}`);
    expect(verify(made.join(' '), { secrets: { secret } })).toEqual({ ok: false, reason: 'no_secret' });
    // Node itself believes such signatures: this is what the law is about.
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), point]),
      format: 'der',
      type: 'spki',
    });
    if (SMALL_ORDER.some((r) => verifySignature(null, Buffer.from(SIGNED), key, Buffer.concat([r, nothing])))) forged++;
  }
  expect(forged).toBeGreaterThan(0);
});

const secretOf = (bytes: Buffer) => `whsec_${bytes.toString('base64')}`;

test('a shared secret of less than sixteen bytes, or of one byte only, is no key', () => {
  const random = Buffer.from('0123456789abcdef');
  for (const bytes of [Buffer.from([0]), random.subarray(0, 15), Buffer.alloc(32), Buffer.alloc(24, 7)]) {
    for (const secret of [secretOf(bytes), bytes.toString('base64')]) {
      expect(standardWebhooks.secrets.safeParse({ secret }).success, secret).toBe(false);
      const signed = `v1,${hmacSha256(bytes, SIGNED).toString('base64')}`;
      expect(verify(signed, { secrets: { secret } })).toEqual({ ok: false, reason: 'no_secret' });
    }
  }
  expect(standardWebhooks.secrets.safeParse({ secret: [secretOf(random), 'whsec_AA=='] }).success).toBe(false);
  expect(standardWebhooks.secrets.safeParse({ secret: secretOf(random) }).success).toBe(true);
});

const mapped = (body: unknown, headers: Record<string, string> = { 'webhook-timestamp': String(AT) }) =>
  standardWebhooks.map({ body: Buffer.from(JSON.stringify(body)), headers, receivedAt: new Date(), options: {} });

const observed = (message: object) => mapped(message)[0]!.report.observed_at;

test('without a time of its own a message has the time of its signature', () => {
  expect(observed({ type: 'order.paid', data: { order_id: '1' } })).toBe('2021-02-25T15:02:10.000Z');
  expect(observed({ type: 'order.paid', timestamp: null, data: { order_id: '1' } })).toBe('2021-02-25T15:02:10.000Z');
  expect(observed({ data: { order_id: '1', observed_at: '2026-06-01T00:00:00Z' } })).toBe('2026-06-01T00:00:00Z');
});

test('a body that can never be an order is never silent: it fails with what it should be', () => {
  expect(() => mapped({ type: 'order.paid', timestamp: 'x', order: { order_id: '1' } })).toThrow(
    'the report must stand in "data", not in "order"',
  );
  expect(() => mapped({ type: 'ping', payload: [{}] })).toThrow('not in "payload"');
  expect(() => mapped({ type: 'order.paid', data: [{ order_id: '1' }] })).toThrow('"data" must be an object');
  expect(() => mapped({ type: 'order.paid', data: 'order' })).toThrow('"data" must be an object');
  expect(() => mapped({ type: 'order.paid', data: {} })).toThrow('must have "data"');
  expect(() => mapped([{ order_id: '1' }])).toThrow('the body must be an object');
  for (const told of [
    { type: 'ping', data: {} },
    { type: 'test', timestamp: 'now' },
    { type: 'ping', data: null },
    { test: 2_432_232_314 },
  ]) {
    expect(mapped(told)).toEqual([]);
  }
});
