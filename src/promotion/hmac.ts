// HMAC-SHA256 (RFC 2104) of short texts, many times a second. Node's own makes an object with a
// native part for every one, which costs twice as much as the hashing; here both pads of a key are
// laid out once, and two one-shot hashes do the rest.

import { createHmac, hash, type KeyObject } from 'node:crypto';

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const MESSAGE_BYTES_MAX = 1024;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

interface Pads {
  /** The key in the inner pad, and room for the message. */
  inner: Buffer;
  /** The key in the outer pad, and room for the inner hash. */
  outer: Buffer;
}

const padsByKey = new WeakMap<KeyObject, Pads>();

/** The HMAC-SHA256 of a text, as 64 hexadecimal digits. */
export function hmacHex(key: KeyObject, message: string | Buffer): string {
  const { inner, outer } = padsByKey.get(key) ?? layOut(key);
  const length = typeof message === 'string' ? Buffer.byteLength(message) : message.length;
  if (length > MESSAGE_BYTES_MAX) return createHmac('sha256', key).update(message).digest('hex');
  if (typeof message === 'string') inner.write(message, BLOCK_BYTES);
  else message.copy(inner, BLOCK_BYTES);
  outer.write(hash('sha256', inner.subarray(0, BLOCK_BYTES + length), 'hex'), BLOCK_BYTES, 'hex');
  return hash('sha256', outer, 'hex');
}

function layOut(key: KeyObject): Pads {
  const secret = key.export();
  const bytes = secret.length > BLOCK_BYTES ? hash('sha256', secret, 'buffer') : secret;
  const pads = {
    inner: Buffer.alloc(BLOCK_BYTES + MESSAGE_BYTES_MAX, INNER_PAD),
    outer: Buffer.alloc(BLOCK_BYTES + HASH_BYTES, OUTER_PAD),
  };
  for (const [at, byte] of bytes.entries()) {
    pads.inner[at]! ^= byte;
    pads.outer[at]! ^= byte;
  }
  padsByKey.set(key, pads);
  return pads;
}
