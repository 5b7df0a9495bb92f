// How order systems sign what they push: each as its platform documents it, with nothing of the
// service's own code.

import { createCipheriv, createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';

import type { Push } from './push.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
/** WeChat pads to blocks of so many bytes, twice as long as the cipher's own. */
const WECHAT_BLOCK_BYTES = 32;

/** A message signed as standardwebhooks.com says; the secret is `whsec_<base64>`. */
export function standardPush(sourceId: string, secret: string, message: unknown): Push {
  const body = JSON.stringify(message);
  const id = `msg_${randomUUID()}`;
  const timestamp = secondsNow();
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = hmacOf(key, `${id}.${timestamp}.${body}`);
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  return { sourceId, query: '', headers: { ...JSON_TYPE, ...headers }, body };
}

/** A message signed as Shopify does: the HMAC of the bare body. */
export function shopifyPush(sourceId: string, secret: string, topic: string, message: unknown): Push {
  const body = JSON.stringify(message);
  const signed = { 'x-shopify-hmac-sha256': hmacOf(secret, body) };
  const headers = { 'x-shopify-topic': topic, 'x-shopify-webhook-id': randomUUID(), ...signed };
  return { sourceId, query: '', headers: { ...JSON_TYPE, ...headers }, body };
}

/** A message signed as WooCommerce does, which is like Shopify's under other names. */
export function woocommercePush(sourceId: string, secret: string, event: string, message: unknown): Push {
  const body = JSON.stringify(message);
  const told = { 'x-wc-webhook-topic': `order.${event}`, 'x-wc-webhook-resource': 'order', 'x-wc-webhook-event': event };
  const headers = { ...told, 'x-wc-webhook-signature': hmacOf(secret, body) };
  return { sourceId, query: '', headers: { ...JSON_TYPE, ...headers }, body };
}

/**
 * What a shop of WeChat's is told apart by, and what its messages are signed and encrypted with.
 */
interface WechatKeys {
  app_id: string;
  token: string;
  encoding_aes_key: string;
}

/**
 * A message in WeChat's secure mode: encrypted for the application, and the encrypted text signed
 * together with its time.
 */
export function wechatPush(sourceId: string, keys: WechatKeys, message: string): Push {
  const encrypted = wechatEncrypted(message, keys);
  const [timestamp, nonce] = [secondsNow(), randomBytes(8).toString('hex')];
  const signed = [keys.token, timestamp, nonce, encrypted].toSorted().join('');
  const signature = createHash('sha1').update(signed).digest('hex');
  const query = `?${new URLSearchParams({ timestamp, nonce, encrypt_type: 'aes', msg_signature: signature }).toString()}`;
  return { sourceId, query, headers: JSON_TYPE, body: JSON.stringify({ ToUserName: 'gh_taotao', Encrypt: encrypted }) };
}

/**
 * AES-256-CBC over 16 random bytes, the length of the message, the message and the application's
 * id.
 */
function wechatEncrypted(message: string, { app_id: appId, encoding_aes_key: encodingAesKey }: WechatKeys): string {
  const key = Buffer.from(`${encodingAesKey}=`, 'base64');
  const content = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const plain = Buffer.concat([randomBytes(16), length, content, Buffer.from(appId)]);
  const padding = WECHAT_BLOCK_BYTES - (plain.length % WECHAT_BLOCK_BYTES);
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding)), cipher.final()]).toString('base64');
}

/**
 * The signature of a question to 多多进宝: MD5 over the secret, all names with their values in the
 * order of the names, and the secret.
 */
export function pinduoduoSign(secret: string, parameters: Readonly<Record<string, string>>): string {
  const names = Object.keys(parameters).toSorted();
  const text = names.map((name) => `${name}${parameters[name]}`).join('');
  return createHash('md5').update(`${secret}${text}${secret}`).digest('hex').toUpperCase();
}

function hmacOf(key: string | Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64');
}

function secondsNow(): string {
  return String(Math.floor(Date.now() / 1000));
}
