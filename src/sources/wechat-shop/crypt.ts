// WeChat's secure mode: the signature of a push and the encryption of its content, as every WeChat
// platform uses them.
import { createDecipheriv, createHash } from 'node:crypto';

const KEY_TEXT = /^[A-Za-z0-9]{43}$/;
const RANDOM_BYTES = 16;
const LENGTH_BYTES = 4;
const BLOCK_BYTES = 32;

/**
 * SHA-1, in hexadecimal digits, over the texts in the order of their bytes: of token, timestamp,
 * nonce, and the encrypted content.
 */
export function wechatSign(...texts: string[]): string {
  return createHash('sha1').update(texts.toSorted().join('')).digest('hex');
}

/** The 32 bytes of an EncodingAESKey, or null when it is none. */
export function wechatKey(encodingAesKey: string): Buffer | null {
  return KEY_TEXT.test(encodingAesKey) ? Buffer.from(`${encodingAesKey}=`, 'base64') : null;
}

/**
 * The content of an encrypted push, or null when this key did not encrypt it for this application:
 * AES-256-CBC whose first vector is the key's beginning, over 16 random bytes, the length of the
 * content, the content, and the application's id, padded to blocks of 32 bytes.
 */
export function wechatDecrypt(encrypted: string, key: Buffer, appId: string): Buffer | null {
  const bytes = Buffer.from(encrypted, 'base64');
  if (bytes.length === 0 || bytes.length % 16 !== 0) return null;
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16));
  // The padding goes up to 32, and Node's own goes up to 16.
  decipher.setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(bytes), decipher.final()]);
  const padding = padded.at(-1)!;
  const from = RANDOM_BYTES + LENGTH_BYTES;
  if (padding < 1 || padding > BLOCK_BYTES || padded.length - padding < from) return null;
  const length = padded.readUInt32BE(RANDOM_BYTES);
  const until = padded.length - padding;
  if (from + length > until || padded.toString('utf8', from + length, until) !== appId) return null;
  return padded.subarray(from, from + length);
}
