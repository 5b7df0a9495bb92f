// The commission orders of an institution at 微信小店, one for each sku, as canonical reports. Each
// speaks of its own line only.
import { z } from 'zod';

import type { MappedReport } from '../source.ts';
import { code, count, fen, part, time, UNNAMED_SHOP, wechatId, word } from './fields.ts';
import { STANDING as ORDER_STANDING } from './orders.ts';

type Standing = 'unsettled' | 'settled' | 'cancelled';

/** What each `status` of a commission order means. */
export const COMMISSION_STANDING: Readonly<Record<string, Standing>> = { '20': 'unsettled', '100': 'settled', '200': 'cancelled' };

/**
 * Whose part of the commission is the institution's own: that of the seller's agency, of the
 * helping one, of the sharers', or the talent's.
 */
export const COMMISSIONS = ['service', 'sub_agency', 'promoter_agency', 'talent'] as const;

/**
 * Who pays the 推客: WeChat out of the commission, or the institution. `as_bound` is what the two
 * have agreed at WeChat (`commission_type` 0 or 1); where WeChat does not say that, the institution
 * pays.
 */
export const SHARER_PAID_BY = ['as_bound', 'platform', 'institution'] as const;

interface Reading {
  commission: (typeof COMMISSIONS)[number];
  sharer_paid_by: (typeof SHARER_PAID_BY)[number];
}

/** The reason under which the explanation of a line says that WeChat has paid its 推客 already. */
const PAID_BY_PLATFORM = 'paid_by_platform';
const BY_PLATFORM = '0';

const agency = part({ amount: fen, profit_sharding_suc_time: time.optional() });
const finder = part({ openfinderid: word, amount: fen });
const talent = part({ opentalentid: word, amount: fen });

export const commissionOrder = z.object({
  order_id: wechatId,
  sku_id: wechatId,
  status: wechatId,
  create_time: time,
  update_time: time,
  order_detail: z.object({
    shop_info: part({ appid: word }),
    product_info: z.object({ product_id: word, actual_payment: fen, product_cnt: count }),
    order_info: part({ order_status: code, pay_time: time, update_time: time }),
    commission_info: z.object({
      // A talent is one or the other: as a video account of old, or on the platform for talents.
      finder_info: finder,
      talent_info: talent,
      promotion_info: part({ finder_info: finder, talent_info: talent }),
      sharer_info: part({ sharer_appid: word, opensharerid: word, amount: fen }),
      sub_agency_info: agency,
      promoter_agency_info: agency,
      service_amount: fen,
      profit_sharding_suc_time: time,
    }),
    buyer_info: part({ open_id: word, union_id: word }),
  }),
});

type CommissionOrder = z.output<typeof commissionOrder>;
type CommissionInfo = CommissionOrder['order_detail']['commission_info'];

/**
 * What WeChat says of the 推客 of a commission order, asked for beside it; absent where it was not
 * asked or does not say.
 */
export const sharerBinding = part({ commission_type: code });

/**
 * A commission order as `channels/ec/league/headsupplier/order/get` tells it. Completion,
 * settlement, sharer and talent are its line's: the other lines of its order are told by commission
 * orders of their own.
 */
export function mapCommissionOrder(one: CommissionOrder, binding: z.output<typeof sharerBinding>, reading: Reading): MappedReport {
  const { shop_info, product_info, order_info, commission_info, buyer_info } = one.order_detail;
  const standing = COMMISSION_STANDING[one.status] ?? null;
  const isOpen = standing === 'unsettled' || standing === 'settled';
  const order = ORDER_STANDING[order_info?.order_status ?? ''] ?? null;
  const settledAt = isOpen ? settledAtOf(one, standing, reading.commission) : null;
  const completedAt =
    order === 'completed' ? (order_info?.update_time ?? one.update_time) : standing === 'settled' ? one.update_time : null;
  if (isOpen && product_info.actual_payment === null) throw new Error('the commission order does not say what was paid');
  const report = {
    order_id: one.order_id,
    status: !isOpen ? null : order === 'created' ? ('created' as const) : ('paid' as const),
    currency: 'CNY',
    observed_at: one.update_time,
    created_at: one.create_time,
    paid_at: order_info?.pay_time ?? (isOpen && order !== 'created' ? one.create_time : null),
    buyer: { openid: buyer_info?.open_id, unionid: buyer_info?.union_id },
    lines: [
      {
        line_id: one.sku_id,
        product_id: product_info.product_id,
        quantity: product_info.product_cnt ?? 1,
        paid_amount: standing === 'cancelled' ? 0 : product_info.actual_payment,
        platform_commission: standing === 'cancelled' ? 0 : amountOf(commission_info, reading.commission),
        talent_id: talentOf(commission_info),
        completed_at: isOpen ? completedAt : null,
        settled_at: settledAt,
        not_commissionable: barredBy(commission_info, binding, reading),
      },
    ],
  };
  const unknownCode = standing === null ? `commission_order_status ${one.status}` : null;
  return { report, shop: shop_info?.appid ?? UNNAMED_SHOP, names: namesOf(one), unknownCode };
}

/**
 * What a 推客 is called: by the appid, which links are made for, too; else as an order calls who
 * shared.
 */
export const SHARER_APPID = 'sharer_appid';

function namesOf({ sku_id: lineId, order_detail: { commission_info } }: CommissionOrder): MappedReport['names'] {
  const { sharer_info: sharer } = commission_info;
  if (sharer?.sharer_appid) return [{ type: SHARER_APPID, value: sharer.sharer_appid, lineId }];
  return sharer?.opensharerid ? [{ type: 'sharer', value: sharer.opensharerid, lineId }] : [];
}

/**
 * Who presented it and has a part of the commission; else in whose room or content it was shared.
 */
function talentOf({ talent_info, finder_info, promotion_info }: CommissionInfo): string | null {
  const { talent_info: of, finder_info: in_ } = promotion_info ?? {};
  return talent_info?.opentalentid ?? finder_info?.openfinderid ?? of?.opentalentid ?? in_?.openfinderid ?? null;
}

function amountOf(info: CommissionInfo, commission: Reading['commission']): number | null {
  const amounts = {
    service: info.service_amount,
    sub_agency: info.sub_agency_info?.amount,
    promoter_agency: info.promoter_agency_info?.amount,
    talent: info.talent_info?.amount ?? info.finder_info?.amount,
  };
  return amounts[commission] ?? null;
}

/**
 * When the institution's own part was paid out. A part that has a time of its own and does not
 * state it was not.
 */
function settledAtOf(one: CommissionOrder, standing: Standing, commission: Reading['commission']): string | null {
  const info = one.order_detail.commission_info;
  const own = commission === 'sub_agency' ? info.sub_agency_info : commission === 'promoter_agency' ? info.promoter_agency_info : null;
  if (own?.profit_sharding_suc_time !== undefined) return own.profit_sharding_suc_time;
  return standing === 'settled' ? (info.profit_sharding_suc_time ?? one.update_time) : null;
}

/**
 * Why we pay nothing on the line: WeChat pays its 推客. Null where WeChat was asked and did not say,
 * false where we pay.
 */
function barredBy(info: CommissionInfo, binding: z.output<typeof sharerBinding>, reading: Reading): string | false | null {
  const { sharer_info: sharer } = info;
  if (reading.sharer_paid_by === 'institution' || sharer == null) return false;
  if (reading.sharer_paid_by === 'platform') return PAID_BY_PLATFORM;
  if ((sharer.amount ?? 0) === 0) return false;
  if (binding?.commission_type == null) return null;
  return binding.commission_type === BY_PLATFORM ? PAID_BY_PLATFORM : false;
}
