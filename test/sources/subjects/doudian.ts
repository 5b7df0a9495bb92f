// 抖店: a shop's own orders.
import { createHash } from 'node:crypto';

import { doudian } from '../../../src/sources/doudian/adapter.ts';
import type { SourceSecrets } from '../../../src/sources/signing.ts';
import { doudianDouble } from '../doubles/doudian.ts';
import type { Sent, Subject } from '../subject.ts';

const SECRETS = { app_key: '1234567890', app_secret: 'secret' };
const OTHER = { app_key: '1234567890', app_secret: 'another' };
const PAID_AT = 1_780_308_000;

function send(body: Buffer, secrets: SourceSecrets): Sent {
  const sign = createHash('md5').update(String(secrets['app_key'])).update(body).update(String(secrets['app_secret'])).digest('hex');
  return { headers: { 'app-id': SECRETS.app_key, 'event-sign': sign }, body };
}

const NO_AFTER_SALE = { after_sale_status: 0, after_sale_type: 0, refund_status: 0 };
const PART_ID = '6920000000000000001';
const PART = {
  order_id: PART_ID,
  parent_order_id: PART_ID,
  trade_type: 0,
  product_id: 0,
  product_id_str: 'p1',
  item_num: 1,
  pay_amount: 9999,
  post_amount: 0,
  author_id: 0,
  after_sale_info: NO_AFTER_SALE,
};

/**
 * A row with its id as a bare number, whatever its length. A part has the states of its order
 * unless it says others.
 */
export function orderText(orderId: string, told: { part?: object; after_sales?: object[]; [name: string]: unknown }): string {
  const { part, ...order } = told;
  const states = {
    order_status: 105,
    main_status: 105,
    ...Object.fromEntries(Object.entries(order).filter(([name]) => name.endsWith('_status'))),
  };
  const base = { shop_id: 123_456, biz: 2, create_time: PAID_AT, pay_time: PAID_AT, finish_time: 0, update_time: PAID_AT };
  const json = JSON.stringify({ ...base, ...states, ...order, sku_order_list: [{ ...PART, ...states, ...part }], order_phase_list: [] });
  return json.replace('{', `{"order_id":${orderId},`);
}

const body = (orderId: string, hours: number, told: object): Buffer =>
  Buffer.from(orderText(orderId, { update_time: PAID_AT + hours * 3600, ...told }));

const completed = { order_status: 5, main_status: 5, finish_time: PAID_AT + 3600 };
const refunded = { after_sale_info: { after_sale_status: 12, after_sale_type: 1, refund_status: 3 } };

/** An item of `afterSale.List` about the part, which succeeded. */
export const afterSale = (amount: number, told: object = {}) => ({
  aftersale_info: {
    aftersale_id: '7001',
    aftersale_type: 1,
    aftersale_status: 12,
    refund_status: 3,
    refund_amount: amount,
    refund_post_amount: 0,
    related_id: PART_ID,
    update_time: PAID_AT + 7200,
    ...told,
  },
  order_info: { related_order_info: [{ sku_order_id: PART_ID, aftersale_pay_amount: amount }] },
});

export const subject: Subject = {
  adapter: doudian,
  secrets: SECRETS,
  options: { shop_id: '123456' },
  push: { send, otherSecrets: OTHER, rotating: { ...SECRETS, app_secret: [OTHER.app_secret, SECRETS.app_secret] }, staleMs: null },
  story: (orderId) => ({
    paid: body(orderId, 0, {}),
    completed: body(orderId, 1, completed),
    partlyRefunded: body(orderId, 2, { ...completed, part: refunded, after_sales: [afterSale(3000)] }),
    refunded: body(orderId, 3, { order_status: 4, main_status: 39, part: refunded }),
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
        orderText(orderId, { update_time: Math.floor(at.getTime() / 1000), buyer_words: `version ${version}` }),
    }),
};
