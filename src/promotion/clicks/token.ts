// The click token: proof, for whoever has the key, that a link was clicked at a time. It stands
// even where the click's row was lost.

import { timingSafeEqual, type KeyObject } from 'node:crypto';

import { hmacHex } from '../hmac.ts';
import { readUuid, writeUuid } from '../uuid-bytes.ts';

export interface ClickProof {
  clickId: string;
  linkCode: string;
  /** Epoch milliseconds. */
  clickedAt: number;
  bot: boolean;
}

const VERSION = 0x10;
const BOT = 0x01;
const ID_OFFSET = 7;
const CODE_OFFSET = 23;
const CODE_LENGTH_MIN = 4;
const CODE_LENGTH_MAX = 32;
const MAC_LENGTH = 16;
const TOKEN_LENGTH_MAX = Math.ceil(((CODE_OFFSET + CODE_LENGTH_MAX + MAC_LENGTH) * 4) / 3);
const CODE = /^[0-9A-Za-z_-]+$/;

/**
 * base64url(version and flags, 6 bytes of milliseconds, 16 of the click's id, the link's code, 16
 * of HMAC-SHA256 over all before).
 */
export function mintClickToken(key: KeyObject, { clickId, linkCode, clickedAt, bot }: ClickProof): string {
  const signedLength = CODE_OFFSET + linkCode.length;
  const bytes = Buffer.allocUnsafe(signedLength + MAC_LENGTH);
  bytes[0] = bot ? VERSION | BOT : VERSION;
  bytes.writeUIntBE(clickedAt, 1, 6);
  writeUuid(bytes, clickId, ID_OFFSET);
  bytes.write(linkCode, CODE_OFFSET, 'latin1');
  bytes.write(macOf(key, bytes.subarray(0, signedLength)), signedLength, 'hex');
  return bytes.toString('base64url');
}

/**
 * What the token proves, or null when none of the keys signed it. Never throws, whatever the text;
 * one proof has one text.
 */
export function readClickToken(keys: readonly KeyObject[], token: string): ClickProof | null {
  if (token.length > TOKEN_LENGTH_MAX) return null;
  const bytes = Buffer.from(token, 'base64url');
  const signedLength = bytes.length - MAC_LENGTH;
  const codeLength = signedLength - CODE_OFFSET;
  if (codeLength < CODE_LENGTH_MIN || codeLength > CODE_LENGTH_MAX) return null;
  // The decoder skips what is not base64url; only the canonical text may pass.
  if (bytes.toString('base64url') !== token) return null;
  const mac = bytes.subarray(signedLength);
  const signed = bytes.subarray(0, signedLength);
  if (!keys.some((key) => timingSafeEqual(Buffer.from(macOf(key, signed), 'hex'), mac))) return null;
  const flags = bytes[0]!;
  const linkCode = bytes.toString('latin1', CODE_OFFSET, signedLength);
  if ((flags & ~BOT) !== VERSION || !CODE.test(linkCode)) return null;
  return { clickId: readUuid(bytes, ID_OFFSET), linkCode, clickedAt: bytes.readUIntBE(1, 6), bot: (flags & BOT) === BOT };
}

function macOf(key: KeyObject, bytes: Buffer): string {
  return hmacHex(key, bytes).slice(0, MAC_LENGTH * 2);
}
