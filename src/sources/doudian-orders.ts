// The rows of 抖店 and of its alliance as canonical reports. Money is in fen; a ratio is never needed, since amounts are stated.
import { z } from 'zod';

import type { Mapped } from './source.ts';
import { chinaTime, codeInField, secondsTime, unionId } from './union.ts';

const text = z.string().nullish();
const word = unionId.nullish();
const fen = z.int().min(0);
const seconds = z.int().nullish();

type Standing = 'created' | 'paid' | 'completed' | 'void';

/** What each `order_status` of a shop's order means. */
const SHOP_STANDING: Readonly<Record<string, Standing>> = {
  '1': 'created',
  '103': 'created', // partly paid
  '105': 'paid',
  '2': 'paid', // being packed
  '101': 'paid', // partly shipped
  '3': 'paid', // shipped
  '5': 'completed',
  '4': 'void', // cancelled
  '21': 'void', // refunded before it was shipped
  '22': 'void', // refunded after it was shipped
  '39': 'void', // refunded after it was received
};

/** What the `refund_status` of a part's after-sale means. */
const REFUND: Readonly<Record<string, 'open' | 'succeeded' | 'failed'>> = { '1': 'open', '3': 'succeeded', '4': 'failed' };

const afterSale = z.object({ refund_status: word, refund_amount: fen.nullish(), after_sale_id: word }).nullish();

export const shopOrder = z.object({
  order_id: unionId,
  order_status: unionId,
  main_status: word,
  shop_id: word,
  create_time: seconds,
  pay_time: seconds,
  finish_time: seconds,
  update_time: seconds,
  open_id: text,
  cancel_reason: text,
  sku_order_list: z.array(
    z.object({
      order_id: unionId,
      product_id: word,
      product_id_str: text,
      item_num: z.int().min(0).nullish(),
      pay_amount: fen,
      post_amount: fen.nullish(),
      author_id: word,
      after_sale_info: afterSale,
    }),
  ),
});

type ShopOrder = z.output<typeof shopOrder>;

/** An order of the shop with its parts as lines. Whoever presented it in a live room is its talent. */
export function mapShopOrder(one: ShopOrder): Mapped {
  const code = one.main_status && SHOP_STANDING[one.main_status] !== undefined ? one.main_status : one.order_status;
  const standing = SHOP_STANDING[code] ?? null;
  const authors = new Set(one.sku_order_list.flatMap(({ author_id }) => (author_id && author_id !== '0' ? [author_id] : [])));
  const report = {
    order_id: one.order_id,
    status: standing === 'void' ? null : standing,
    void: standing === null ? null : standing === 'void' ? { reason: one.cancel_reason || `order_status ${code}` } : (false as const),
    currency: 'CNY',
    observed_at: secondsTime(one.update_time),
    created_at: secondsTime(one.create_time),
    paid_at: secondsTime(one.pay_time),
    completed_at: standing === 'completed' ? secondsTime(one.finish_time) : null,
    buyer: { openid: one.open_id },
    talent_id: authors.size === 1 ? [...authors][0] : null,
    lines: one.sku_order_list.map((part) => ({
      line_id: part.order_id,
      product_id: part.product_id_str || part.product_id,
      quantity: part.item_num ?? 1,
      // Freight is no merchandise.
      paid_amount: Math.max(0, part.pay_amount - (part.post_amount ?? 0)),
    })),
    refunds: one.sku_order_list.flatMap(refundOf),
  };
  return { report, shop: one.shop_id ?? null, names: [], unknownCode: standing === null ? `order_status ${code}` : null };
}

/** Without an amount there is nothing to take off yet: the message of the refund brings it. */
function refundOf({ order_id, after_sale_info: info }: ShopOrder['sku_order_list'][number]) {
  const status = REFUND[info?.refund_status ?? ''];
  if (status === undefined || !info?.after_sale_id || info.refund_amount == null) return [];
  return [{ refund_id: info.after_sale_id, line_id: order_id, amount: info.refund_amount, status }];
}

/** What each `flow_point` of an alliance order means. */
const FLOW: Readonly<Record<string, Standing>> = { PAY_SUCC: 'paid', CONFIRM: 'completed', SETTLE: 'completed', REFUND: 'void' };

export const ROLES = ['author', 'colonel', 'ads'] as const;

type AllianceRole = (typeof ROLES)[number];

export const allianceOrder = z.object({
  order_id: unionId,
  product_id: unionId,
  shop_id: word,
  author_buyin_id: word,
  pay_goods_amount: fen,
  settled_goods_amount: fen.nullish(),
  estimated_commission: fen.nullish(),
  real_commission: fen.nullish(),
  ads_estimated_commission: fen.nullish(),
  ads_real_commission: fen.nullish(),
  colonel_order_info: z.object({ estimated_commission: fen.nullish(), real_commission: fen.nullish() }).nullish(),
  pid_info: z.object({ pid: text, external_info: text }).nullish(),
  pick_source: text,
  flow_point: z.string(),
  query_order_type: z.int().nullish(),
  pay_success_time: text,
  confirm_time: text,
  settle_time: text,
  refund_time: text,
  update_time: text,
});

type AllianceOrder = z.output<typeof allianceOrder>;

/** A product of an alliance order: one line, with the commission of the role that is the institution's. */
export function mapAllianceOrder(one: AllianceOrder, role: AllianceRole): Mapped {
  const standing = FLOW[one.flow_point] ?? null;
  const times = [one.update_time, one.refund_time, one.settle_time, one.confirm_time, one.pay_success_time];
  const external = one.pid_info?.external_info;
  const report = {
    order_id: one.order_id,
    status: standing === 'void' ? null : standing,
    currency: 'CNY',
    observed_at: times.map(chinaTime).find((time) => time !== null),
    paid_at: chinaTime(one.pay_success_time),
    completed_at: standing === 'completed' ? chinaTime(one.confirm_time) : null,
    settled_at: one.flow_point === 'SETTLE' ? chinaTime(one.settle_time) : null,
    link_code: codeInField(external),
    talent_id: one.author_buyin_id,
    scene: one.query_order_type === 1 ? 'price_compare' : null,
    lines: [lineOf(one, standing, role)],
  };
  return { report, shop: one.shop_id ?? null, names: namesOf(one), unknownCode: standing === null ? `flow_point ${one.flow_point}` : null };
}

/** A product that was given back earns nothing, whatever becomes of the others of its order. */
function lineOf(one: AllianceOrder, standing: Standing | null, role: AllianceRole) {
  const isSettled = one.flow_point === 'SETTLE';
  const isVoid = standing === 'void';
  return {
    line_id: one.product_id,
    product_id: one.product_id,
    quantity: 1,
    paid_amount: isVoid ? 0 : ((isSettled ? one.settled_goods_amount : null) ?? one.pay_goods_amount),
    platform_commission: isVoid ? 0 : commissionOf(one, role, isSettled),
  };
}

function commissionOf(one: AllianceOrder, role: AllianceRole, isSettled: boolean): number | null {
  const { estimated, real } = {
    author: { estimated: one.estimated_commission, real: one.real_commission },
    colonel: { estimated: one.colonel_order_info?.estimated_commission, real: one.colonel_order_info?.real_commission },
    ads: { estimated: one.ads_estimated_commission, real: one.ads_real_commission },
  }[role];
  return (isSettled ? real : null) ?? estimated ?? null;
}

/** Who shared, by the finest word of the row. */
function namesOf({ pid_info: pidInfo, pick_source: pickSource }: AllianceOrder): Mapped['names'] {
  const { pid, external_info: external } = pidInfo ?? {};
  if (codeInField(external) !== null) return [];
  if (external) return [{ type: 'external_info', value: external }];
  if (pickSource) return [{ type: 'pick_source', value: pickSource }];
  return pid ? [{ type: 'pid', value: pid }] : [];
}
