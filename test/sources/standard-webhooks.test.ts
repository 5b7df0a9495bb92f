// Standard Webhooks beyond the published vectors: public keys, several versions at once, and what is signed.
import { generateKeyPairSync, sign } from 'node:crypto';

import { expect, test } from 'vitest';

import { hmacSha256, type Secrets } from '../../src/sources/source.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks.ts';

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
  { id = 'msg_1', at = String(AT), secrets = { secret: SECRET } }: { id?: string; at?: string; secrets?: Secrets } = {},
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
