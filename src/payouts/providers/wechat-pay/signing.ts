// How WeChat Pay (APIv3) and we prove to each other who speaks: requests under the merchant's key,
// answers and notices under one of WeChat's keys, contents sealed by AES-GCM, names by RSA-OAEP.
// (pay.weixin.qq.com/doc/v3/merchant/4012365342 and 4013053249; the vendor's SDKs as vectors)

import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  publicEncrypt,
  sign,
  verify,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';

import { secretsNamed, type SourceSecrets } from '../../../sources/signing.ts';

const SCHEME = 'WECHATPAY2-SHA256-RSA2048';
/** What was signed longer ago, or later than now, proves nothing: a copy of it could be sent. */
const SIGNATURE_WINDOW_MS = 300_000;
/** WeChat begins a signature so that is wrong on purpose, to see whether we look. */
const PROBE = 'WECHATPAY/SIGNTEST/';
const GCM_TAG_BYTES = 16;
const API_V3_KEY_BYTES = 32;

const MERCHANT_PRIVATE_KEY = 'merchant_private_key';
const API_V3_KEY = 'api_v3_key';
/** WeChat's public key by its id, as the platform shows it beside the key. */
const PUBLIC_KEY_ID = /^PUB_KEY_ID_[0-9A-Za-z]{1,64}$/;
/** A platform certificate by its serial number. */
export const CERTIFICATE_SERIAL = /^[0-9A-F]{8,64}$/;

/** One of WeChat's keys, and when it is good; a bare public key has no end. */
interface WechatKey {
  key: KeyObject;
  from: number;
  until: number;
}

/** A problem of one secret, in words for the operator who states it; never the secret itself. */
interface SecretProblem {
  name: string;
  message: string;
}

/** Whether a secret of this name is one of WeChat's keys. */
const isWechatKeyName = (name: string): boolean => PUBLIC_KEY_ID.test(name) || CERTIFICATE_SERIAL.test(name);

/** The merchant's own key. Throws for what is no RSA private key in PEM. */
export function merchantKeyOf(secrets: SourceSecrets): KeyObject {
  const key = createPrivateKey(secretsNamed(secrets, MERCHANT_PRIVATE_KEY)[0] ?? '');
  if (key.asymmetricKeyType !== 'rsa') throw new Error('the merchant’s key is not RSA');
  return key;
}

/** The keys that open notices: several while the merchant changes its own. */
export const apiV3KeysOf = (secrets: SourceSecrets): Buffer[] => secretsNamed(secrets, API_V3_KEY).map((text) => Buffer.from(text));

/**
 * WeChat's key of that id or serial; null where none was stated. Throws for what cannot be read,
 * and for a certificate of another serial.
 */
export function wechatKeyOf(secrets: SourceSecrets, serial: string): WechatKey | null {
  if (!isWechatKeyName(serial)) return null;
  const pem = Object.hasOwn(secrets, serial) ? secrets[serial] : undefined;
  if (pem === undefined) return null;
  if (typeof pem !== 'string') throw new Error('must be one PEM');
  if (PUBLIC_KEY_ID.test(serial)) return { key: rsa(createPublicKey(pem)), from: -Infinity, until: Infinity };
  const certificate = new X509Certificate(pem);
  if (certificate.serialNumber.toUpperCase() !== serial) throw new Error(`is the certificate ${certificate.serialNumber}`);
  return { key: rsa(certificate.publicKey), from: Date.parse(certificate.validFrom), until: Date.parse(certificate.validTo) };
}

function rsa(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'rsa') throw new Error('is not RSA');
  return key;
}

/**
 * The key that names are sealed with, and that answers are asked to be signed with: the newest id
 * of a public key, which is what WeChat recommends, else the certificate that is good for longest.
 */
export function sealingSerialOf(secrets: SourceSecrets): string | null {
  const names = Object.keys(secrets).filter(isWechatKeyName);
  const publicKey = names
    .filter((name) => PUBLIC_KEY_ID.test(name))
    .toSorted()
    .at(-1);
  const until = (name: string) => wechatKeyOf(secrets, name)?.until ?? -Infinity;
  return publicKey ?? names.toSorted((a, b) => until(a) - until(b)).at(-1) ?? null;
}

/** What is wrong with the secrets of a provider, each in words; none when all is well. */
export function secretProblems(secrets: SourceSecrets): SecretProblem[] {
  const problems: SecretProblem[] = [];
  const known = new Set([MERCHANT_PRIVATE_KEY, API_V3_KEY]);
  if (secretsNamed(secrets, MERCHANT_PRIVATE_KEY).length !== 1) {
    problems.push({ name: MERCHANT_PRIVATE_KEY, message: 'must be the one private key of the merchant’s certificate, as PEM' });
  } else if (!isReadable(() => merchantKeyOf(secrets))) {
    problems.push({ name: MERCHANT_PRIVATE_KEY, message: 'is no RSA private key in PEM (apiclient_key.pem)' });
  }
  const apiV3Keys = apiV3KeysOf(secrets);
  if (apiV3Keys.length === 0 || apiV3Keys.some(({ length }) => length !== API_V3_KEY_BYTES)) {
    problems.push({
      name: API_V3_KEY,
      message: `must have ${API_V3_KEY_BYTES} bytes: it is the APIv3 key, and neither the APIv2 key nor a PEM`,
    });
  }
  const names = Object.keys(secrets).filter((name) => !known.has(name));
  for (const name of names) {
    if (!isWechatKeyName(name)) {
      problems.push({ name, message: 'is no name of a key: use PUB_KEY_ID_…, or the serial of a platform certificate in capitals' });
    } else if (!isReadable(() => wechatKeyOf(secrets, name))) {
      const what = PUBLIC_KEY_ID.test(name) ? 'no RSA public key' : 'no certificate of this serial';
      problems.push({ name, message: `is ${what} in PEM` });
    }
  }
  if (!names.some(isWechatKeyName)) {
    problems.push({
      name: 'PUB_KEY_ID_…',
      message: 'is missing: state WeChat’s public key by its id, or a platform certificate by its serial',
    });
  }
  return problems;
}

function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    // Node's words may quote what was given; ours do not.
    return false;
  }
}

/** What is signed of a request: the path as it is sent, with its query; the exact bytes. */
export function requestMessage(request: { method: string; pathAndQuery: string; seconds: number; nonce: string; body: Buffer }): Buffer {
  const { method, pathAndQuery, seconds, nonce, body } = request;
  return Buffer.concat([Buffer.from(`${method}\n${pathAndQuery}\n${seconds}\n${nonce}\n`), body, Buffer.from('\n')]);
}

/** PKCS#1 v1.5 over SHA-256, in base64. */
export const signMessage = (message: Buffer, key: KeyObject): string => sign('RSA-SHA256', message, key).toString('base64');

/** The header that proves a request to be the merchant's. */
export function authorization(
  request: Parameters<typeof requestMessage>[0],
  merchant: { mchId: string; serialNo: string; key: KeyObject },
): string {
  const signature = signMessage(requestMessage(request), merchant.key);
  const { mchId, serialNo } = merchant;
  return (
    `${SCHEME} mchid="${mchId}",nonce_str="${request.nonce}",signature="${signature}",` +
    `timestamp="${request.seconds}",serial_no="${serialNo}"`
  );
}

type Verified = { ok: true } | { ok: false; reason: string; isProbe: boolean };

const no = (reason: string): Verified => ({ ok: false, reason, isProbe: false });

/**
 * Whether WeChat has said exactly these bytes, within five minutes of `now`. `header` gives a
 * header by its small name, undefined when it is absent or there several times. A probe never
 * verifies; anybody may write its mark, so that it excuses from an alarm and from nothing else.
 */
export function verifySaid(
  said: { header: (name: string) => string | undefined; body: Buffer },
  secrets: SourceSecrets,
  now: Date,
): Verified {
  const [timestamp, nonce, serial, signature] = ['timestamp', 'nonce', 'serial', 'signature'].map((name) =>
    said.header(`wechatpay-${name}`),
  );
  if (timestamp === undefined || nonce === undefined || serial === undefined || signature === undefined) return no('it is not signed');
  if (signature.startsWith(PROBE)) return { ok: false, reason: 'its signature is a probe', isProbe: true };
  if (!/^\d{1,12}$/.test(timestamp)) return no('the time of its signature is no number of seconds');
  if (Math.abs(now.getTime() - Number(timestamp) * 1000) >= SIGNATURE_WINDOW_MS) return no('its signature is of another time');
  // Serials are written in capitals or not; ids of public keys always in the same way.
  const key = wechatKeyOf(secrets, PUBLIC_KEY_ID.test(serial) ? serial : serial.toUpperCase());
  if (key === null) return no('it is signed with a key that was not stated');
  if (now.getTime() < key.from || now.getTime() > key.until) return no('it is signed with a certificate that is not valid now');
  const message = Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), said.body, Buffer.from('\n')]);
  return verify('RSA-SHA256', message, key.key, Buffer.from(signature, 'base64')) ? { ok: true } : no('its signature is wrong');
}

/** The content of a notice, or null when none of the keys has sealed it. */
export function openContent(sealed: { nonce: string; associatedData: string; ciphertext: string }, keys: readonly Buffer[]): Buffer | null {
  const bytes = Buffer.from(sealed.ciphertext, 'base64');
  const nonce = Buffer.from(sealed.nonce);
  if (bytes.length < GCM_TAG_BYTES || nonce.length === 0) return null;
  for (const key of keys) {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: GCM_TAG_BYTES });
    decipher.setAAD(Buffer.from(sealed.associatedData));
    decipher.setAuthTag(bytes.subarray(-GCM_TAG_BYTES));
    const content = decipher.update(bytes.subarray(0, -GCM_TAG_BYTES));
    try {
      return Buffer.concat([content, decipher.final()]);
    } catch {
      // Another key may have sealed it: that is what several are stated for.
    }
  }
  return null;
}

/**
 * A name sealed for WeChat: RSA-OAEP with SHA-1 and MGF1 of it, in base64. Differs at every call.
 */
export function sealName(name: string, key: KeyObject): string {
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, Buffer.from(name)).toString('base64');
}
