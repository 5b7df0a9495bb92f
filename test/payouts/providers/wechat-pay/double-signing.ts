// The side of WeChat Pay in signing: written apart from ours, so that one mistake is not made
// twice.

import {
  constants,
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSign,
  createVerify,
  privateDecrypt,
  randomUUID,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

interface Keys {
  merchantPrivateKey: string;
  wechatPrivateKey: string;
  platformPrivateKey: string;
  platformCertificate: string;
}

const keys = JSON.parse(readFileSync(new URL('keys.json', import.meta.url), 'utf8')) as Keys;

export const PUBLIC_KEY_ID = 'PUB_KEY_ID_0114232134912410000000000000';
export const CERTIFICATE_SERIAL = '5157F09EFDC096DE15EBE81A47057A7232F1B8E1';
const API_V3_KEY = 'a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb';
export const MERCHANT_SERIAL = '5F1C72E2A8931B72A2E13AF8DEE92471EB397115';

const PRIVATE_KEYS: Readonly<Record<string, KeyObject>> = {
  [PUBLIC_KEY_ID]: createPrivateKey(keys.wechatPrivateKey),
  [CERTIFICATE_SERIAL]: createPrivateKey(keys.platformPrivateKey),
};
const merchantPublicKey = createPublicKey(keys.merchantPrivateKey);

/** What the merchant platform hands to the merchant, as the secrets of a provider. */
export const MERCHANT_SECRETS: Readonly<Record<string, string>> = {
  merchant_private_key: keys.merchantPrivateKey,
  api_v3_key: API_V3_KEY,
  [PUBLIC_KEY_ID]: createPublicKey(keys.wechatPrivateKey).export({ type: 'spki', format: 'pem' }).toString(),
  [CERTIFICATE_SERIAL]: keys.platformCertificate,
};

export const isKeyOfWechat = (serial: string): boolean => Object.hasOwn(PRIVATE_KEYS, serial);

/**
 * What is wrong with the Authorization of a request, or null when the merchant has signed it now.
 */
export function wrongInAuthorization(
  header: string | undefined,
  { method, target, body, mchId, at }: { method: string; target: string; body: Buffer; mchId: string; at: Date },
): string | null {
  const [scheme, rest = ''] = (header ?? '').split(/ (.*)/s);
  if (scheme !== 'WECHATPAY2-SHA256-RSA2048') return 'Http头Authorization认证类型不正确';
  const given = new Map<string, string>();
  for (const pair of rest.split(',')) {
    const found = /^(\w+)="([^"]*)"$/.exec(pair.trim());
    if (found === null) return 'Http头Authorization值格式错误';
    given.set(found[1]!, found[2]!);
  }
  if (given.get('mchid') !== mchId || given.get('serial_no') !== MERCHANT_SERIAL) return '商户证书序列号有误';
  const stamp = Number(given.get('timestamp'));
  if (!Number.isInteger(stamp) || Math.abs(at.getTime() / 1000 - stamp) > 300) {
    return 'Http头Authorization中的timestamp与发起请求的时间不得超过5分钟';
  }
  const nonce = given.get('nonce_str') ?? '';
  if (!/^[0-9A-Za-z]{16,32}$/.test(nonce)) return 'Http头Authorization中的nonce_str错误';
  const verifier = createVerify('sha256');
  verifier
    .update(`${method}\n${target}\n${given.get('timestamp')}\n${nonce}\n`)
    .update(body)
    .update('\n');
  return verifier.verify(merchantPublicKey, given.get('signature') ?? '', 'base64') ? null : '签名错误,请检查后再试';
}

/** How a signature may be given on demand; without one it is right. */
export const SIGNATURE_FAULTS = ['wrong_signature', 'no_signature', 'stale', 'probe', 'unknown_key', 'certificate'] as const;
export type SignatureFault = (typeof SIGNATURE_FAULTS)[number];

export function signedHeaders(
  body: Buffer,
  { at, serial, fault }: { at: Date; serial: string; fault: SignatureFault | null },
): Record<string, string> {
  if (fault === 'no_signature') return {};
  const used = fault === 'certificate' ? CERTIFICATE_SERIAL : serial;
  const timestamp = String(Math.floor(at.getTime() / 1000) - (fault === 'stale' ? 300 : 0));
  const nonce = randomUUID().replaceAll('-', '');
  const signer = createSign('sha256');
  signer
    .update(`${timestamp}\n${nonce}\n`)
    .update(body)
    .update(fault === 'wrong_signature' ? ' \n' : '\n');
  const signature = signer.sign(PRIVATE_KEYS[used]!, 'base64');
  return {
    'Wechatpay-Timestamp': timestamp,
    'Wechatpay-Nonce': nonce,
    'Wechatpay-Serial': fault === 'unknown_key' ? 'PUB_KEY_ID_0000000000000000000000000001' : used,
    'Wechatpay-Signature': fault === 'probe' ? `WECHATPAY/SIGNTEST/${signature}` : signature,
    'Wechatpay-Signature-Type': 'WECHATPAY2-SHA256-RSA2048',
  };
}

/** The resource of a notice, sealed as WeChat seals it. */
export function sealedResource(content: object): object {
  const nonce = createHash('sha256').update(randomUUID()).digest('base64url').slice(0, 12);
  const cipher = createCipheriv('aes-256-gcm', API_V3_KEY, nonce);
  cipher.setAAD(Buffer.from('mch_payment'));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(content)), cipher.final(), cipher.getAuthTag()]);
  return {
    original_type: 'mch_payment',
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext: sealed.toString('base64'),
    associated_data: 'mch_payment',
    nonce,
  };
}

/** A name that the merchant has sealed with the key of that serial, or null when it was not. */
export function openedName(sealed: string, serial: string | undefined): string | null {
  const key = serial === undefined ? undefined : PRIVATE_KEYS[serial];
  if (key === undefined) return null;
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, Buffer.from(sealed, 'base64')).toString();
  } catch {
    return null;
  }
}
