// The commission orders of a talent (带货助手) at 微信小店, one for each sku, as canonical reports.
import { z } from 'zod';

import type { MappedReport } from '../source.ts';
import { COMMISSION_STANDING } from './commission.ts';
import { amountText, part, time, UNNAMED_SHOP, wechatId, word } from './fields.ts';
import { STANDING as ORDER_STANDING } from './orders.ts';

export const talentOrder = z.object({
  base_info: z.object({
    order_id: wechatId,
    spu_id: word,
    sku_id: wechatId,
    special_id: word,
    order_status: wechatId,
    actual_payment: amountText(1),
    order_pay_time: time,
    order_create_time: time,
    order_update_time: time,
    buyer_info: part({ open_id: word, union_id: word }),
  }),
  commission_info: z.object({
    state: wechatId,
    expect_settlement: amountText(100),
    actual_settle_time: time,
    actual_settlement: amountText(100),
  }),
  channel_info: part({ channel_id: word }),
});

type TalentOrder = z.output<typeof talentOrder>;

/**
 * A commission order as `channels/ec/talent/get_order_detail` tells it: the talent's own part of
 * one sku. It names no shop; what it names is the account of the talent in whose content it was
 * bought (`channel`).
 */
export function mapTalentOrder({ base_info: base, commission_info: commission, channel_info: channel }: TalentOrder): MappedReport {
  const { standing, order } = standingOf(base.order_status, commission.state);
  const isOpen = (standing === 'unsettled' || standing === 'settled') && order !== null && order !== 'void';
  const isSettled = isOpen && standing === 'settled';
  const isGone = standing === 'cancelled' || order === 'void';
  if (isOpen && base.actual_payment === null) throw new Error('the commission order does not say what was paid');
  const expected = isSettled ? (commission.actual_settlement ?? commission.expect_settlement) : commission.expect_settlement;
  const settledAt = isSettled ? (commission.actual_settle_time ?? base.order_update_time) : null;
  // 本地生活 splits one sku into several commission orders.
  const lineId = base.special_id === null ? base.sku_id : `${base.sku_id}/${base.special_id}`;
  const report = {
    order_id: base.order_id,
    status: !isOpen ? null : order === 'created' ? ('created' as const) : ('paid' as const),
    currency: 'CNY',
    observed_at: base.order_update_time,
    created_at: base.order_create_time,
    paid_at: base.order_pay_time ?? (isOpen && order !== 'created' ? base.order_create_time : null),
    buyer: { openid: base.buyer_info?.open_id, unionid: base.buyer_info?.union_id },
    lines: [
      {
        line_id: lineId,
        product_id: base.spu_id,
        quantity: 1,
        paid_amount: isGone ? 0 : base.actual_payment,
        platform_commission: isGone ? 0 : expected,
        completed_at: isOpen && order === 'completed' ? base.order_update_time : settledAt,
        settled_at: settledAt,
      },
    ],
  };
  const unknown =
    standing === null ? `talent_order_state ${commission.state}` : order === null ? `talent_order_status ${base.order_status}` : null;
  const names = channel?.channel_id ? [{ type: 'channel', value: channel.channel_id, lineId }] : [];
  return { report, shop: UNNAMED_SHOP, names, unknownCode: unknown };
}

/**
 * The documentation gives the codes of one field under the name of the other: a code that only the
 * other has is read as its.
 */
function standingOf(orderStatus: string, state: string) {
  const readsAsWritten = COMMISSION_STANDING[state] !== undefined;
  const isSwapped = !readsAsWritten && COMMISSION_STANDING[orderStatus] !== undefined && ORDER_STANDING[state] !== undefined;
  const [ofOrder, ofCommission] = isSwapped ? [state, orderStatus] : [orderStatus, state];
  return { standing: COMMISSION_STANDING[ofCommission] ?? null, order: ORDER_STANDING[ofOrder] ?? null };
}
