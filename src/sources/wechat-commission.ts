// The commission orders of an institution at 微信小店, one for each sku, as canonical reports.
import { z } from 'zod';

import type { Mapped } from './source.ts';
import { secondsTime, unionId } from './union.ts';

const text = z.string().nullish();
const fen = z.int().min(0).nullish();
const seconds = z.union([z.int(), z.string().regex(/^\d*$/)]).nullish();

type Standing = 'unsettled' | 'settled' | 'cancelled';

/** What each `status` of a commission order means. */
const STANDING: Readonly<Record<string, Standing>> = { '20': 'unsettled', '100': 'settled', '200': 'cancelled' };

const ORDER_COMPLETED = '100';

/** Whose part of the commission is the institution's own: that of the seller's agency, of the helping one, of the sharers', or the talent's. */
export const COMMISSIONS = ['service', 'sub_agency', 'promoter_agency', 'talent'] as const;

type Commission = (typeof COMMISSIONS)[number];

const part = z.object({ amount: fen }).nullish();

export const commissionOrder = z.object({
  order_id: unionId,
  sku_id: unionId,
  status: unionId,
  create_time: seconds,
  update_time: seconds,
  order_detail: z.object({
    shop_info: z.object({ appid: text }).nullish(),
    product_info: z.object({ product_id: unionId, actual_payment: z.int().min(0), product_cnt: z.int().min(0).nullish() }),
    order_info: z.object({ order_status: unionId.nullish(), pay_time: seconds }).nullish(),
    commission_info: z.object({
      talent_info: z.object({ opentalentid: text, amount: fen }).nullish(),
      sharer_info: z.object({ sharer_appid: text, opensharerid: text }).nullish(),
      sub_agency_info: part,
      promoter_agency_info: part,
      service_amount: fen,
      profit_sharding_suc_time: seconds,
    }),
    buyer_info: z.object({ open_id: text, union_id: text }).nullish(),
  }),
});

type CommissionOrder = z.output<typeof commissionOrder>;

export function mapCommissionOrder(one: CommissionOrder, commission: Commission): Mapped {
  const { shop_info, product_info, order_info, commission_info, buyer_info } = one.order_detail;
  const standing = STANDING[one.status] ?? null;
  const isCompleted = standing === 'settled' || order_info?.order_status === ORDER_COMPLETED;
  const isCancelled = standing === 'cancelled';
  const report = {
    order_id: one.order_id,
    status: standing === null || isCancelled ? null : isCompleted ? ('completed' as const) : ('paid' as const),
    currency: 'CNY',
    observed_at: secondsTime(one.update_time),
    created_at: secondsTime(one.create_time),
    paid_at: secondsTime(order_info?.pay_time),
    settled_at: standing === 'settled' ? (secondsTime(commission_info.profit_sharding_suc_time) ?? secondsTime(one.update_time)) : null,
    buyer: { openid: buyer_info?.open_id, unionid: buyer_info?.union_id },
    talent_id: commission_info.talent_info?.opentalentid,
    lines: [
      {
        line_id: one.sku_id,
        product_id: product_info.product_id,
        quantity: product_info.product_cnt ?? 1,
        paid_amount: isCancelled ? 0 : product_info.actual_payment,
        platform_commission: isCancelled ? 0 : amountOf(commission_info, commission),
      },
    ],
  };
  const names = namesOf(commission_info);
  return { report, shop: shop_info?.appid ?? null, names, unknownCode: standing === null ? `commission_order_status ${one.status}` : null };
}

/** What a 推客 is called: by the appid, which links are made for, too; else as an order calls who shared. */
export const SHARER_APPID = 'sharer_appid';

function namesOf({ sharer_info: sharer }: CommissionOrder['order_detail']['commission_info']): Mapped['names'] {
  if (sharer?.sharer_appid) return [{ type: SHARER_APPID, value: sharer.sharer_appid }];
  return sharer?.opensharerid ? [{ type: 'sharer', value: sharer.opensharerid }] : [];
}

function amountOf(info: CommissionOrder['order_detail']['commission_info'], commission: Commission): number | null {
  const amounts = {
    service: info.service_amount,
    sub_agency: info.sub_agency_info?.amount,
    promoter_agency: info.promoter_agency_info?.amount,
    talent: info.talent_info?.amount,
  };
  return amounts[commission] ?? null;
}
