// 微信小店: a shop's own orders, in secure mode.
import { createCipheriv, createHash } from 'node:crypto';

import type { SourceSecrets } from '../../../src/sources/signing.ts';
import { wechatShop } from '../../../src/sources/wechat-shop/adapter.ts';
import type { PlainRow } from '../doubles/server.ts';
import { SHOP_APPID, wechatDouble } from '../doubles/wechat.ts';
import type { Double, Sent, Subject } from '../subject.ts';

const SECRETS = {
  app_id: 'wxb11529c136998cb6',
  app_secret: 'app secret',
  token: 'pamtest',
  encoding_aes_key: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
};
const OTHER = { ...SECRETS, token: 'another', encoding_aes_key: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' };
/** 2026-06-01T10:00:00Z, in seconds. */
export const PAID_AT = 1_780_308_000;

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

function send(body: Buffer, secrets: SourceSecrets, at: Date): Sent {
  const encrypted = encrypt(body, String(secrets['encoding_aes_key']), SECRETS.app_id);
  const [timestamp, nonce] = [String(Math.floor(at.getTime() / 1000)), 'xxxxxx'];
  const signature = createHash('sha1')
    .update([String(secrets['token']), timestamp, nonce, encrypted].toSorted().join(''))
    .digest('hex');
  const query = { msg_signature: signature, timestamp, nonce, encrypt_type: 'aes' };
  return { query, body: Buffer.from(JSON.stringify({ ToUserName: 'gh_1', Encrypt: encrypted })) };
}

/** An order as `channels/ec/order/get` tells it, with what its tests state of it. */
export function orderText(orderId: string, { product, detail, ...told }: Told = {}): string {
  const products = [
    { product_id: 'p1', sku_id: '1526589', sku_cnt: 1, sale_price: 9999, market_price: 12_000, real_price: 9999, ...product },
  ];
  const base = {
    order_id: orderId,
    status: 20,
    openid: 'o1',
    unionid: 'u1',
    create_time: PAID_AT,
    update_time: PAID_AT,
    order_detail: {
      product_infos: products,
      pay_info: { prepay_id: 'wx0110', transaction_id: '4200001', prepay_time: PAID_AT, pay_time: PAID_AT, payment_method: 1 },
      price_info: { product_price: 9999, order_price: 10_999, freight: 1000, is_discounted: false },
      sharer_info: { sharer_openid: 'sharer-1', sharer_unionid: '', sharer_type: 0, share_scene: 7, handling_progress: 1 },
      ext_info: { customer_notes: '', merchant_notes: '', confirm_receipt_time: 0, order_scene: 4 },
      ...detail,
    },
  };
  return JSON.stringify({ ...base, ...told });
}

/** What a test states of an order, of its one product, and of its details. */
export interface Told {
  product?: object;
  detail?: object;
  [name: string]: unknown;
}

const order = (orderId: string, hours: number, told: Told): Buffer =>
  Buffer.from(`{"order":${orderText(orderId, { update_time: PAID_AT + hours * 3600, ...told })}}`);

function afterSale(orderId: string, amount: number): Buffer {
  const told = {
    after_sale_order_id: '2000000000001',
    status: 'MERCHANT_REFUND_SUCCESS',
    openid: 'o1',
    order_id: orderId,
    product_info: { product_id: 'p1', sku_id: '1526589', count: 1 },
    refund_info: { amount, refund_reason: 1 },
    create_time: PAID_AT + 3600,
    update_time: PAID_AT + 7200,
    reason: 'NO_LONGER_WANT',
    type: 'REFUND',
  };
  return Buffer.from(JSON.stringify({ after_sale_order: told }));
}

/** A commission order as `channels/ec/league/headsupplier/order/get` tells it. */
function commissionOrder({ orderId, at }: PlainRow, skuId: string, sharer: string): string {
  const now = Math.floor(at.getTime() / 1000);
  const detail = {
    shop_info: { appid: SHOP_APPID, shop_name: 'demo' },
    product_info: { product_id: '10000000139', thumb_img: '', title: 'demo', actual_payment: 1000, product_cnt: 1 },
    order_info: { order_status: 20, pay_time: now, create_time: now, update_time: now },
    commission_info: {
      sharer_info: { sharer_appid: sharer, opensharerid: 's1', nickname: 'n', head_img_url: '', ratio: 500_000, amount: 50 },
      service_ratio: 300_000,
      service_amount: 30,
      profit_sharding_suc_time: 0,
      promotion_channel: 1,
    },
    buyer_info: { open_id: 'o', union_id: 'u' },
  };
  return JSON.stringify({ order_id: orderId, sku_id: skuId, create_time: now, update_time: now, status: 20, order_detail: detail });
}

/** A commission order as `channels/ec/talent/get_order_detail` tells it, without its code. */
function talentOrder({ orderId, at }: PlainRow, skuId: string): string {
  const now = Math.floor(at.getTime() / 1000);
  const times = { order_pay_time: now, order_create_time: now, order_update_time: now };
  const buyer_info = { open_id: 'o', union_id: 'u' };
  const amounts = { actual_payment: '9999', settle_payment: '9999' };
  return JSON.stringify({
    base_info: {
      order_id: orderId,
      spu_id: '10000000139',
      sku_id: skuId,
      special_id: '',
      order_status: 20,
      ...amounts,
      ...times,
      buyer_info,
    },
    commission_info: { state: 20, ratio: '100000', expect_settle_time: now + 864_000, expect_settlement: '9.99', actual_settle_time: 0 },
    channel_info: { channel_type: 2, channel_id: 'channel-1', channel_name: '某视频号' },
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
  open: () => openWechat(),
};

/** The double of the platform, with what a test adds to it. */
export function openWechat(more: Partial<Parameters<typeof wechatDouble>[0]> = {}): Promise<Double> {
  return wechatDouble({
    appId: SECRETS.app_id,
    appSecret: SECRETS.app_secret,
    order: ({ orderId, at, version }) =>
      orderText(orderId, {
        update_time: Math.floor(at.getTime() / 1000),
        detail: { ext_info: { customer_notes: `version ${version}`, confirm_receipt_time: 0 } },
      }),
    commission: commissionOrder,
    talent: talentOrder,
    ...more,
  });
}
