// Secrets at rest: sealed with AES-256-GCM under a master key.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** A key as AES takes it, and its name in what it sealed. */
interface MasterKey {
  name: Buffer;
  key: Buffer;
}

/**
 * Master keys: the first seals, all open, so that a key is rotated by putting a new one before it.
 */
export type MasterKeys = readonly MasterKey[];

const VERSION = 1;
const NAME_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NAME_BYTES + NONCE_BYTES + TAG_BYTES;

/**
 * Master keys from their secrets, of any form but of at least 32 characters of entropy; the newest
 * first.
 */
export function masterKeys(secrets: string[]): MasterKeys {
  return secrets.map((secret) => ({ name: derive(secret, 'name', NAME_BYTES), key: derive(secret, 'key', 32) }));
}

/**
 * Seals a text. `aad` says where it belongs (table, column, row): sealed bytes that were moved
 * elsewhere do not open.
 */
export function seal(keys: MasterKeys, plaintext: string, aad: string): Buffer {
  const [first] = keys;
  if (first === undefined) throw new Error('broken law: there is a master key');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', first.key, nonce).setAAD(Buffer.from(aad));
  const sealed = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), first.name, nonce, cipher.getAuthTag(), sealed]);
}

/**
 * Opens what `seal` made for the same place. Throws when no master key of that name is here, and
 * when a single bit was changed.
 */
export function open(keys: MasterKeys, sealed: Buffer, aad: string): string {
  if (sealed.length < HEAD_BYTES || sealed[0] !== VERSION) throw new Error('this was not sealed by us');
  const name = sealed.subarray(1, 1 + NAME_BYTES);
  const key = keys.find((candidate) => candidate.name.equals(name))?.key;
  if (key === undefined) throw new Error(`the master key ${name.toString('hex')} is not among SECRETS_KEY`);
  const nonce = sealed.subarray(1 + NAME_BYTES, 1 + NAME_BYTES + NONCE_BYTES);
  const tag = sealed.subarray(HEAD_BYTES - TAG_BYTES, HEAD_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(aad)).setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()]).toString('utf8');
}

/** Whether the first of the keys sealed this. */
export function isSealedByFirst(keys: MasterKeys, sealed: Buffer): boolean {
  return keys[0]?.name.equals(sealed.subarray(1, 1 + NAME_BYTES)) === true;
}

function derive(secret: string, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'fenyong', purpose, bytes));
}
