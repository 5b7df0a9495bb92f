// A shop of 微信小店 as the demo plays it. It pushes messages that name an order, and tells of the
// order to whoever asks with its token.

import { randomBytes } from 'node:crypto';

import type { Push } from './push.ts';
import { wechatPush } from './signing.ts';

const TOKEN_SECONDS = 7200;

/** What the API can be asked for, and by which id. */
const QUESTIONS: Readonly<Partial<Record<string, { name: string; id: string }>>> = {
  '/channels/ec/order/get': { name: 'order', id: 'order_id' },
  '/channels/ec/aftersale/getaftersaleorder': { name: 'after_sale_order', id: 'after_sale_order_id' },
};

export interface Weixin {
  secrets: { app_id: string; app_secret: string; token: string; encoding_aes_key: string };
  /** Answers a question to the API as WeChat does. */
  answer: (path: string, accessToken: string | null, question: Record<string, unknown>) => object;
  /** Fills the shop's books, and answers with what it pushes of them. */
  sell: (sourceId: string) => Push[];
}

export function openWeixin(): Weixin {
  const secrets = {
    app_id: `wx${randomHex(16)}`,
    app_secret: randomHex(32),
    token: randomHex(16),
    encoding_aes_key: randomHex(43),
  };
  const accessToken = randomHex(64);
  const books = new Map<string, object>();

  return {
    secrets,
    answer: (path, sentToken, question) => {
      if (path === '/cgi-bin/stable_token') {
        const isOurs = question['appid'] === secrets.app_id && question['secret'] === secrets.app_secret;
        return isOurs ? { access_token: accessToken, expires_in: TOKEN_SECONDS } : { errcode: 40125, errmsg: 'invalid appsecret' };
      }
      if (sentToken !== accessToken) return { errcode: 40001, errmsg: 'invalid credential' };
      const asked = QUESTIONS[path];
      if (asked === undefined) return { errcode: 40066, errmsg: 'invalid url' };
      const found = books.get(`${asked.name} ${String(question[asked.id])}`);
      if (found === undefined) return { errcode: 100_002, errmsg: 'order not exist' };
      return { errcode: 0, errmsg: 'ok', [asked.name]: found };
    },
    sell: (sourceId) => {
      const now = Math.floor(Date.now() / 1000);
      for (const order of [teapot(now), vase(now)]) books.set(`order ${order.order_id}`, order);
      const returned = returnedVase(now);
      books.set(`after_sale_order ${returned.after_sale_order_id}`, returned);
      return messagesOf(now).map((message) => wechatPush(sourceId, secrets, message));
    },
  };
}

const TEAPOT = '3705115058471208928';
const VASE = '3705115058471209472';
const RETURN = '2000000000041001';

/** Paid, and shared by the one whom the shop knows as `o-sharer-alice`. */
function teapot(now: number) {
  const detail = detailOf(now, { sharer: 'o-sharer-alice', productId: '10000000139', skuId: '1526589', price: 15_800 });
  return { ...orderOf(TEAPOT, now), status: 20, order_detail: detail };
}

/** Received, and shared by the one whom the shop knows as `o-sharer-bob`. */
function vase(now: number) {
  const detail = detailOf(now, { sharer: 'o-sharer-bob', productId: '10000000147', skuId: '1526720', price: 23_900 });
  const received = { ext_info: { confirm_receipt_time: now, order_scene: 4 }, settle_info: { settle_time: now } };
  return { ...orderOf(VASE, now), status: 100, order_detail: { ...detail, ...received } };
}

function orderOf(orderId: string, now: number) {
  return { order_id: orderId, openid: `o-${orderId.slice(-4)}`, unionid: '', create_time: now, update_time: now, is_present: false };
}

/** One of a product, whose price is in fen, sent without freight. */
function detailOf(now: number, { sharer, productId, skuId, price }: { sharer: string; productId: string; skuId: string; price: number }) {
  const prices = { sale_price: price, market_price: price, real_price: price, estimate_price: price };
  const shared = { sharer_openid: sharer, sharer_type: 0, share_scene: 7 };
  return {
    product_infos: [{ product_id: productId, sku_id: skuId, sku_cnt: 1, ...prices, is_free_gift: 0 }],
    pay_info: { prepay_time: now, pay_time: now, payment_method: 1 },
    price_info: { product_price: price, order_price: price, freight: 0 },
    sharer_info: { ...shared, handling_progress: 1 },
    sku_sharer_infos: [{ ...shared, sku_id: skuId }],
  };
}

/** 40 yuan of the vase were given back. */
function returnedVase(now: number) {
  const money = { refund_info: { amount: 4_000 }, product_info: { product_id: '10000000147', sku_id: '1526720', count: 1 } };
  const times = { create_time: now, update_time: now, complete_time: now };
  return { after_sale_order_id: RETURN, order_id: VASE, type: 'REFUND', status: 'MERCHANT_REFUND_SUCCESS', ...times, ...money };
}

/** WeChat writes ids bare, with more digits than a double holds. */
function messagesOf(now: number): string[] {
  const event = (name: string, told: string) =>
    `{"ToUserName":"gh_taotao","FromUserName":"o-weixin","CreateTime":${now},"MsgType":"event","Event":"${name}",${told}}`;
  const returned = `{"status":"MERCHANT_REFUND_SUCCESS","after_sale_order_id":${RETURN},"order_id":${VASE}}`;
  return [
    event('channels_ec_order_pay', `"order_info":{"order_id":${TEAPOT},"pay_time":${now}}`),
    event('channels_ec_order_confirm', `"order_info":{"order_id":${VASE},"confirm_type":1}`),
    event('channels_ec_aftersale_update', `"finder_shop_aftersale_status_update":${returned}`),
  ];
}

function randomHex(digits: number): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);
}
