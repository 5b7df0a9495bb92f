// After-sales of 微信小店 as canonical reports: of one order, of a group's gift, and the disputes that
// may follow them.
import { z } from 'zod';

import type { MappedReport } from '../source.ts';
import { fen, list, part, time, wechatId, word } from './fields.ts';
import { DAY_MS } from '../../platform/durations.ts';

type Outcome = 'open' | 'succeeded' | 'ended' | 'ends';

/**
 * What each `status` of an after-sale means for its line: whether money may still come back
 * (`open`), has come back (`succeeded`), does not come back (`ended`), or does not unless the buyer
 * disputes it within seven days, of which nothing is pushed (`ends`).
 * (developers.weixin.qq.com/doc/store/shop/API/channels-shop-aftersale/aftersale/api_getaftersaleorder)
 */
const OUTCOME: Readonly<Record<string, Outcome>> = {
  MERCHANT_REFUND_SUCCESS: 'succeeded',
  MERCHANT_RETURN_SUCCESS: 'succeeded',
  USER_CANCELD: 'ended', // WeChat spells it so
  RETURN_CLOSED: 'ended',
  MERCHANT_FAIL: 'ended', // closed, the buyer being at fault
  MERCHANT_REFUND_RETRY_FAIL: 'ended', // closed by the service, the seller's payment having failed
  MERCHANT_EXCHANGE_SUCCESS: 'ended',
  MERCHANT_REJECT_EXCHANGE: 'ended',
  MERCHANT_REJECT_RESHIP: 'ended',
  MERCHANT_REJECT_REFUND: 'ends',
  MERCHANT_REJECT_RETURN: 'ends',
  MERCHANT_PROCESSING: 'open',
  USER_WAIT_RETURN: 'open',
  MERCHANT_WAIT_RECEIPT: 'open',
  MERCHANT_OVERDUE_REFUND: 'open',
  PLATFORM_PROCESSING: 'open',
  PLATFORM_REFUNDING: 'open',
  PLATFORM_REFUND_FAIL: 'open',
  USER_WAIT_CONFIRM: 'open',
  USER_WAIT_CONFIRM_UPDATE: 'open',
  USER_WAIT_HANDLE_MERCHANT_AFTER_SALE: 'open',
  USER_WAIT_RECEIPT: 'open',
  WAIT_PACKAGE_INTERCEPT: 'open',
};

/** Types of after-sales that send goods, and never money. */
const GOODS_ONLY = new Set(['EXCHANGE', 'RESHIP']);

/** So long a buyer may dispute what the seller has refused. */
const DISPUTABLE_MS = 7 * DAY_MS;

const REFUND_STATUS = { open: 'open', succeeded: 'succeeded', ended: 'failed', ends: 'failed' } as const;

const refunded = part({ amount: fen });

export const afterSale = z.object({
  after_sale_order_id: wechatId,
  order_id: wechatId,
  status: z.string(),
  type: word,
  reason: word,
  reason_text: word,
  update_time: time,
  complete_time: time,
  product_info: part({ sku_id: word }),
  // Of an after-sale that pays back, the amount is what it is about.
  refund_info: z.object({ amount: fen }).nullish(),
});

/** An after-sale as `channels/ec/aftersale/getaftersaleorder` tells it: one sku of one order. */
export function mapAfterSale(one: z.output<typeof afterSale>): MappedReport {
  const isOfGoods = GOODS_ONLY.has(one.type ?? '');
  const lineId = one.product_info?.sku_id ?? null;
  const { outcome, unknownCode } = outcomeOf(one.status, isOfGoods);
  const amount = isOfGoods ? 0 : (one.refund_info?.amount ?? null);
  if (amount === null && outcome === 'succeeded') throw new Error('the after-sale has paid money back and does not say how much');
  const { refunds, hold } = told(outcome, { refundId: one.after_sale_order_id, lineId, amount, at: one.update_time });
  const doneAt = outcome === 'succeeded' ? (one.complete_time ?? one.update_time) : null;
  const reason = one.reason_text ?? one.reason;
  const report = {
    order_id: one.order_id,
    observed_at: one.update_time,
    refunds: refunds.map((refund) => ({ ...refund, reason, refunded_at: doneAt })),
    // A hold is of the line where its sku is known.
    ...(hold === null ? {} : lineId === null ? { hold_until: hold } : { lines: [{ line_id: lineId, hold_until: hold }] }),
  };
  return { report, shop: null, names: [], unknownCode };
}

function outcomeOf(status: string, isOfGoods: boolean): { outcome: Outcome; unknownCode: string | null } {
  const outcome = OUTCOME[status];
  // What is not known may be money on its way back: it holds the order, and takes nothing.
  if (outcome === undefined) return { outcome: 'open', unknownCode: `after-sale ${status}` };
  return { outcome: isOfGoods && outcome === 'succeeded' ? 'ended' : outcome, unknownCode: null };
}

interface Told {
  refundId: string;
  lineId: string | null;
  amount: number | null;
  at: string | null;
}

function told(outcome: Outcome, { refundId, lineId, amount, at }: Told) {
  const refunds = [{ refund_id: refundId, line_id: lineId, amount, status: REFUND_STATUS[outcome] }];
  const hold = outcome === 'ends' && at !== null ? new Date(Date.parse(at) + DISPUTABLE_MS).toISOString() : null;
  return { refunds, hold };
}

const giftProduct = z.object({ sku_id: word, refund_info: refunded });

export const giftAfterSale = z.object({
  after_sale_order_id: wechatId,
  status: z.string(),
  update_time: time,
  order_info_list: z.array(z.object({ order_id: wechatId, refund_info: refunded, product_info_list: list(giftProduct) })),
});

/**
 * The after-sale of a group's gift, of which a part was not taken in time, as
 * `channels/ec/aftersale/getpresentaftersaleorder` tells it: what came back of each order of the
 * gift. The sheet of the gift is no order, so nothing lands on it.
 */
export function mapGiftAfterSale(one: z.output<typeof giftAfterSale>): MappedReport[] {
  const { outcome, unknownCode } = outcomeOf(one.status, false);
  const refundedAt = outcome === 'succeeded' ? one.update_time : null;
  return one.order_info_list.map((order) => {
    const report = {
      order_id: order.order_id,
      observed_at: one.update_time,
      refunds: giftRefunds(one.after_sale_order_id, order, outcome).map((refund) => ({ ...refund, refunded_at: refundedAt })),
    };
    return { report, shop: null, names: [], unknownCode };
  });
}

type GiftOrder = z.output<typeof giftAfterSale>['order_info_list'][number];

/** One refund for each sku, or one of the whole order where its skus do not say their parts. */
function giftRefunds(id: string, { refund_info, product_info_list: products }: GiftOrder, outcome: Outcome) {
  const status = REFUND_STATUS[outcome];
  const bySku = new Map<string, number>();
  for (const { sku_id: skuId, refund_info: of } of products) {
    if (skuId !== null && of?.amount != null) bySku.set(skuId, (bySku.get(skuId) ?? 0) + of.amount);
  }
  if (bySku.size === 0) {
    const amount = refund_info?.amount ?? null;
    if (amount === null && outcome === 'succeeded') {
      throw new Error('the after-sale of a gift has paid money back and does not say how much');
    }
    return [{ refund_id: id, line_id: null, amount, status }];
  }
  return [...bySku].map(([skuId, amount]) => ({ refund_id: `${id}/${skuId}`, line_id: skuId, amount, status }));
}

/** States of a dispute (纠纷单) behind which nothing follows: withdrawn, settled, checked, closed. */
const DISPUTE_ENDED = new Set(['102', '112', '115', '116']);
/**
 * All others that are published: waiting for the seller, the buyer, the service, or for a proof.
 */
const DISPUTE_OPEN = new Set('100 101 103 104 105 106 107 108 109 110 111 113 114 305 307'.split(' '));

export const complaint = z.object({ complaint_id: wechatId, order_id: wechatId, complaint_status: wechatId });

/** A dispute as `channels_ec_complaint_update` tells it: there is no call that tells its state. */
export function mapComplaint(one: z.output<typeof complaint>, at: string | null): MappedReport {
  const { complaint_status: status } = one;
  const isKnown = DISPUTE_ENDED.has(status) || DISPUTE_OPEN.has(status);
  const state = DISPUTE_ENDED.has(status) ? ('closed' as const) : ('open' as const);
  const report = { order_id: one.order_id, observed_at: at, disputes: [{ dispute_id: one.complaint_id, kind: 'complaint', state }] };
  return { report, shop: null, names: [], unknownCode: isKnown ? null : `complaint_status ${status}` };
}
