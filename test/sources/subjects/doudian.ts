// 抖店: a shop's own orders.
import { createHash } from 'node:crypto';

import { doudian } from '../../../src/sources/doudian.ts';
import type { Secrets } from '../../../src/sources/source.ts';
import { doudianDouble } from '../doubles/doudian.ts';
import type { Sent, Subject } from '../subject.ts';

const SECRETS = { app_key: '1234567890', app_secret: 'secret' };
const OTHER = { app_key: '1234567890', app_secret: 'another' };
const PAID_AT = 1_780_308_000;

function send(body: Buffer, secrets: Secrets): Sent {
  const sign = createHash('md5').update(String(secrets['app_key'])).update(body).update(String(secrets['app_secret'])).digest('hex');
  return { headers: { 'app-id': SECRETS.app_key, 'event-sign': sign }, body };
}

const PART = { order_id: 6920000000000000001n, product_id_str: 'p1', item_num: 1, pay_amount: 9999, post_amount: 0, author_id: 0 };

/** A row with its ids as bare numbers, whatever their length. */
function text(orderId: string, told: { part?: object; [name: string]: unknown }): string {
  const { part, ...order } = told;
  const base = { order_status: 105, main_status: 105, shop_id: 123_456, create_time: PAID_AT, pay_time: PAID_AT, update_time: PAID_AT };
  const parts = [{ ...PART, ...part }];
  const json = JSON.stringify({ ...base, ...order, sku_order_list: parts }, (_name, value: unknown) =>
    typeof value === 'bigint' ? `bare:${value}` : value,
  );
  return json.replaceAll(/"bare:(\d+)"/g, '$1').replace('{', `{"order_id":${orderId},`);
}

const body = (orderId: string, hours: number, told: object): Buffer =>
  Buffer.from(text(orderId, { update_time: PAID_AT + hours * 3600, ...told }));

const completed = { order_status: 5, main_status: 5, finish_time: PAID_AT + 3600 };
const back = (amount: number) => ({ after_sale_info: { after_sale_id: 7001, refund_status: 3, refund_amount: amount } });

export const subject: Subject = {
  adapter: doudian,
  secrets: SECRETS,
  options: { shop_id: '123456' },
  push: { send, otherSecrets: OTHER, rotating: { ...SECRETS, app_secret: [OTHER.app_secret, SECRETS.app_secret] }, staleMs: null },
  story: (orderId) => ({
    paid: body(orderId, 0, {}),
    completed: body(orderId, 1, completed),
    partlyRefunded: body(orderId, 2, { ...completed, part: back(3000) }),
    refunded: body(orderId, 3, { order_status: 4, main_status: 39, part: back(9999) }),
    unknownCode: body(orderId, 0, { order_status: 777, main_status: 777 }),
    unknownProduct: body(orderId, 0, { part: { product_id_str: 'nobody-knows' } }),
  }),
  paidAmount: 9999,
  partAmount: 3000,
  shop: '123456',
  open: () =>
    doudianDouble({
      appKey: SECRETS.app_key,
      secret: SECRETS.app_secret,
      order: ({ orderId, at, version }) =>
        text(orderId, { update_time: Math.floor(at.getTime() / 1000), buyer_words: `version ${version}` }),
    }),
};
