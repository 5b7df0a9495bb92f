// 微信小店: a shop's own orders, in secure mode.
import { createCipheriv, createHash } from 'node:crypto';

import type { Secrets } from '../../../src/sources/source.ts';
import { wechatShop } from '../../../src/sources/wechat-shop.ts';
import type { PlainRow } from '../doubles/server.ts';
import { SHOP_APPID, wechatDouble } from '../doubles/wechat.ts';
import type { Sent, Subject } from '../subject.ts';

const SECRETS = {
  app_id: 'wxb11529c136998cb6',
  app_secret: 'app secret',
  token: 'pamtest',
  encoding_aes_key: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
};
const OTHER = { ...SECRETS, token: 'another', encoding_aes_key: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' };
const PAID_AT = 1_780_308_000;

/** Encrypts as WeChat does, with a random part that is always the same. */
export function encrypt(content: Buffer, encodingAesKey: string, appId: string): string {
  const key = Buffer.from(`${encodingAesKey}=`, 'base64');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const plain = Buffer.concat([Buffer.from('aaaabbbbccccdddd'), length, content, Buffer.from(appId)]);
  const padding = 32 - (plain.length % 32);
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16));
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.concat([plain, Buffer.alloc(padding, padding)])), cipher.final()]).toString('base64');
}

function send(body: Buffer, secrets: Secrets, at: Date): Sent {
  const encrypted = encrypt(body, String(secrets['encoding_aes_key']), SECRETS.app_id);
  const [timestamp, nonce] = [String(Math.floor(at.getTime() / 1000)), 'xxxxxx'];
  const signature = createHash('sha1')
    .update([String(secrets['token']), timestamp, nonce, encrypted].toSorted().join(''))
    .digest('hex');
  const query = { msg_signature: signature, timestamp, nonce, encrypt_type: 'aes' };
  return { query, body: Buffer.from(JSON.stringify({ ToUserName: 'gh_1', Encrypt: encrypted })) };
}

function text(orderId: string, { product, ...told }: { product?: object; [name: string]: unknown }): string {
  const products = [{ product_id: 'p1', sku_id: 1526589, sku_cnt: 1, real_price: 9999, ...product }];
  const detail = {
    product_infos: products,
    pay_info: { pay_time: PAID_AT },
    sharer_info: { sharer_openid: 'sharer-1', share_scene: 7, handling_progress: 1 },
    ext_info: { confirm_receipt_time: 0 },
  };
  const base = { status: 20, openid: 'o1', unionid: 'u1', create_time: PAID_AT, update_time: PAID_AT, order_detail: detail };
  return JSON.stringify({ ...base, ...told }).replace('{', `{"order_id":${orderId},`);
}

const order = (orderId: string, hours: number, told: object): Buffer =>
  Buffer.from(`{"order":${text(orderId, { update_time: PAID_AT + hours * 3600, ...told })}}`);

function afterSale(orderId: string, amount: number): Buffer {
  const told = {
    after_sale_order_id: 2000000000001,
    status: 'MERCHANT_REFUND_SUCCESS',
    update_time: PAID_AT + 7200,
    product_info: { sku_id: '1526589' },
    refund_info: { amount },
  };
  return Buffer.from(`{"after_sale_order":${JSON.stringify(told).replace('{', `{"order_id":${orderId},`)}}`);
}

function commissionOrder({ orderId, at }: PlainRow, skuId: string, sharer: string): string {
  const detail = {
    shop_info: { appid: SHOP_APPID, shop_name: 'demo' },
    product_info: { product_id: '10000000139', actual_payment: 1000, title: 'demo', product_cnt: 1 },
    order_info: { order_status: 20, pay_time: Math.floor(at.getTime() / 1000) },
    commission_info: {
      sharer_info: { sharer_appid: sharer, opensharerid: 's1', nickname: 'n', ratio: 500_000, amount: 50 },
      service_ratio: 300_000,
      service_amount: 30,
      profit_sharding_suc_time: 0,
      promotion_channel: 1,
    },
    buyer_info: { open_id: 'o', union_id: 'u' },
  };
  return JSON.stringify({
    order_id: orderId,
    sku_id: skuId,
    update_time: Math.floor(at.getTime() / 1000),
    status: 20,
    order_detail: detail,
  });
}

export const subject: Subject = {
  adapter: wechatShop,
  secrets: SECRETS,
  push: {
    send,
    otherSecrets: OTHER,
    rotating: { ...SECRETS, token: [OTHER.token, SECRETS.token], encoding_aes_key: [OTHER.encoding_aes_key, SECRETS.encoding_aes_key] },
    staleMs: null,
  },
  story: (orderId) => ({
    paid: order(orderId, 0, {}),
    completed: order(orderId, 1, { status: 100 }),
    partlyRefunded: afterSale(orderId, 3000),
    refunded: order(orderId, 3, { status: 200 }),
    unknownCode: order(orderId, 0, { status: 777 }),
    unknownProduct: order(orderId, 0, { product: { product_id: '10000000139' } }),
  }),
  // The list, and each of its orders.
  questionsPerPage: 21,
  paidAmount: 9999,
  partAmount: 3000,
  open: () =>
    wechatDouble({
      appId: SECRETS.app_id,
      appSecret: SECRETS.app_secret,
      order: ({ orderId, at, version }) => text(orderId, { update_time: Math.floor(at.getTime() / 1000), note: `version ${version}` }),
      commission: commissionOrder,
    }),
};
