// What three shops push of their orders, each in the words of its order system.

import type { Marketplace } from './marketplace.ts';
import type { Push } from './platforms/push.ts';
import { hoursAgo, type Tokens } from './shoppers.ts';
import { shopifyPush, standardPush, woocommercePush } from './platforms/signing.ts';

/** 好吃零食铺 pushes Standard Webhooks; each message tells only what is new. */
export function pushesOfErp({ secrets }: Marketplace, tokens: Tokens): Push[] {
  const push = (type: string, hours: number, data: object) =>
    standardPush('haochi-erp', secrets['haochi-erp'].secret, { type, timestamp: hoursAgo(hours), data: { currency: 'CNY', ...data } });
  const live = { order_id: 'H-2001', buyer: { openid: 'o-tian' } };
  const campaign = { order_id: 'H-2002', buyer: { openid: 'o-hua' } };
  const returned = { order_id: 'H-2003', buyer: { openid: 'o-qiu' } };
  const whole = { order_id: 'H-2010', buyer: { openid: 'o-shu' }, click_token: tokens.snacks };
  const part = (order_id: string, product_id: string, paid_amount: number) =>
    push('order.paid', 0, {
      order_id,
      status: 'paid',
      parent: { order_id: 'H-2010', kind: 'split' },
      lines: [{ line_id: '1', product_id, quantity: 1, paid_amount }],
    });
  return [
    push('order.created', 0, {
      ...live,
      status: 'created',
      lines: [{ line_id: '1', product_id: 'zongzi', quantity: 1, paid_amount: 10_000 }],
    }),
    push('order.paid', 0, { ...live, status: 'paid', click_token: tokens.live }),
    push('order.completed', 0, { ...live, status: 'completed' }),
    push('order.paid', 20 * 24, {
      ...campaign,
      status: 'paid',
      click_token: tokens.campaign,
      lines: [{ line_id: '1', product_id: 'jianguo', quantity: 3, paid_amount: 26_400 }],
    }),
    push('order.completed', 10 * 24, { ...campaign, status: 'completed' }),
    push('order.paid', 0, {
      ...returned,
      status: 'paid',
      click_token: tokens.nuts,
      lines: [{ line_id: '1', product_id: 'jianguo', quantity: 1, paid_amount: 8_800 }],
    }),
    push('refund.succeeded', 0, { ...returned, refunds: [{ refund_id: 'R-1', line_id: '1', amount: 8_800 }] }),
    push('order.paid', 0, {
      ...whole,
      status: 'paid',
      lines: [
        { line_id: '1', product_id: 'jianguo', quantity: 1, paid_amount: 8_800 },
        { line_id: '2', product_id: 'mangguo', quantity: 1, paid_amount: 2_590 },
      ],
    }),
    part('H-2011', 'jianguo', 8_800),
    part('H-2012', 'mangguo', 2_590),
  ];
}

/** 极客数码 sells with Shopify, whose messages always hold the whole order, but for refunds. */
export function pushesOfShopify({ secrets }: Marketplace, tokens: Tokens): Push[] {
  const push = (topic: string, message: object) => shopifyPush('shuma-shopify', secrets['shuma-shopify'].secret, topic, message);
  const now = hoursAgo(0);
  const paid = { currency: 'CNY', created_at: now, updated_at: now, processed_at: now, financial_status: 'paid' };
  return [
    push('orders/paid', {
      id: 5_561_873_406_001,
      ...paid,
      customer: { id: 7_001 },
      note_attributes: [{ name: 'fy_click', value: tokens.headphones }],
      line_items: [
        { id: 1, product_id: 'erji', quantity: 1, price: '499.00' },
        { id: 2, product_id: 'chongdian', quantity: 1, price: '129.00' },
      ],
    }),
    push('refunds/create', {
      id: 8_801,
      order_id: 5_561_873_406_001,
      created_at: now,
      refund_line_items: [{ line_item_id: 2, subtotal: '29.00' }],
      transactions: [{ kind: 'refund', status: 'success', amount: '29.00', currency: 'CNY' }],
    }),
    push('orders/paid', {
      id: 5_561_873_406_002,
      ...paid,
      customer: { id: 7_002 },
      discount_codes: [{ code: 'DAWEI8' }],
      line_items: [{ id: 1, product_id: 'erji', quantity: 1, price: '499.00', total_discount: '39.92' }],
    }),
  ];
}

/**
 * 青禾茶铺 sells with WooCommerce, which writes times without their zone, and refunds as negative
 * amounts.
 */
export function pushesOfWoocommerce({ secrets }: Marketplace, tokens: Tokens): Push[] {
  const push = (event: string, minutes: number, order: object) => {
    const [madeAt, changedAt] = [2, minutes].map((ago) => hoursAgo(ago / 60).slice(0, 19));
    const times = { date_created_gmt: madeAt, date_paid_gmt: madeAt, date_modified_gmt: changedAt };
    return woocommercePush('qinghe-woo', secrets['qinghe-woo'].secret, event, {
      status: 'processing',
      currency: 'CNY',
      ...times,
      ...order,
    });
  };
  const jasmine = {
    id: 1042,
    customer_id: 92,
    coupon_lines: [{ code: 'cha88' }],
    line_items: [{ id: 17, product_id: 740, quantity: 4, total: '256.00' }],
  };
  return [
    push('created', 2, {
      id: 1041,
      customer_id: 91,
      meta_data: [{ key: '_fy_click', value: tokens.tea }],
      line_items: [{ id: 16, product_id: 731, quantity: 1, total: '128.00' }],
    }),
    push('created', 2, { ...jasmine, refunds: [] }),
    push('updated', 1, { ...jasmine, refunds: [{ id: 1043, reason: '', total: '-64.00' }] }),
  ];
}
