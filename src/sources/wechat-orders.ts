// A shop's orders and after-sales of 微信小店 as canonical reports. All money is in fen; ids are text or bare numbers beyond a double.
import { z } from 'zod';

import type { Mapped } from './source.ts';
import { secondsTime, unionId } from './union.ts';

const text = z.string().nullish();
const word = unionId.nullish();
const fen = z.int().min(0);
const seconds = z.union([z.int(), z.string().regex(/^\d*$/)]).nullish();

type Standing = 'created' | 'paid' | 'completed' | 'void';

/** What each `status` of an order means. */
const STANDING: Readonly<Record<string, Standing>> = {
  '10': 'created',
  '13': 'created', // a group that is not complete
  '12': 'paid', // a gift that nobody has taken yet
  '17': 'paid', // a coupon to be used
  '20': 'paid',
  '21': 'paid',
  '30': 'paid',
  '100': 'completed',
  '190': 'void', // oversold
  '200': 'void', // all of it came back
  '250': 'void', // cancelled
};

/** What each `status` of an after-sale means for its money. */
const AFTER_SALE: Readonly<Record<string, 'open' | 'succeeded' | 'failed'>> = {
  MERCHANT_REFUND_SUCCESS: 'succeeded',
  MERCHANT_RETURN_SUCCESS: 'succeeded',
  USER_CANCELD: 'failed',
  RETURN_CLOSED: 'failed',
  MERCHANT_PROCESSING: 'open',
  MERCHANT_REJECT_REFUND: 'open',
  MERCHANT_REJECT_RETURN: 'open',
  USER_WAIT_RETURN: 'open',
  MERCHANT_WAIT_RECEIPT: 'open',
  MERCHANT_OVERDUE_REFUND: 'open',
  PLATFORM_REFUNDING: 'open',
  PLATFORM_REFUND_FAIL: 'open',
  USER_WAIT_CONFIRM: 'open',
  MERCHANT_REFUND_RETRY_FAIL: 'open',
  MERCHANT_FAIL: 'open',
  USER_WAIT_CONFIRM_UPDATE: 'open',
  USER_WAIT_HANDLE_MERCHANT_AFTER_SALE: 'open',
};

/** Where the buyer came from, in our words for scenes. */
const SCENE: Readonly<Record<string, string>> = { '1': 'live', '3': 'video', '6': 'article', '8': 'poster' };

const DONE = '1';
const TALENT = '0';

const sharer = z.object({ sharer_openid: text, share_scene: word, handling_progress: word }).nullish();

export const shopOrder = z.object({
  order_id: unionId,
  status: unionId,
  openid: text,
  unionid: text,
  create_time: seconds,
  update_time: seconds,
  is_present: z.boolean().nullish(),
  present_order_id_str: text,
  order_detail: z.object({
    product_infos: z.array(
      z.object({
        product_id: unionId,
        sku_id: unionId,
        sku_cnt: z.int().min(0),
        real_price: fen,
        is_free_gift: z.union([z.boolean(), z.int()]).nullish(),
      }),
    ),
    pay_info: z.object({ pay_time: seconds }).nullish(),
    commission_infos: z.array(z.object({ type: word, finder_id: text, talent_id: text })).nullish(),
    sharer_info: sharer,
    sku_sharer_infos: z.array(sharer).nullish(),
    settle_info: z.object({ settle_time: seconds }).nullish(),
    ext_info: z.object({ confirm_receipt_time: seconds, finder_id: text, commission_handling_progress: word }).nullish(),
  }),
});

type ShopOrder = z.output<typeof shopOrder>;

export function mapOrder(one: ShopOrder): Mapped {
  const standing = STANDING[one.status] ?? null;
  const { product_infos, pay_info, settle_info, ext_info, sharer_info } = one.order_detail;
  const completed = standing === 'completed';
  const giver = giversOrder(one);
  const report = {
    order_id: one.order_id,
    status: standing === 'void' ? null : standing,
    void: standing === null ? null : standing === 'void' ? { reason: `status ${one.status}` } : (false as const),
    currency: 'CNY',
    observed_at: secondsTime(one.update_time),
    created_at: secondsTime(one.create_time),
    paid_at: secondsTime(pay_info?.pay_time),
    completed_at: completed ? secondsTime(ext_info?.confirm_receipt_time) : null,
    settled_at: completed ? secondsTime(settle_info?.settle_time) : null,
    // Whoever takes a gift has not followed anybody's link: the giver's click earns, on the giver's order.
    buyer: giver === null ? { openid: one.openid, unionid: one.unionid } : null,
    parent: giver === null ? null : { order_id: giver, kind: 'gift' as const },
    talent_id: talentOf(one),
    scene: SCENE[sharer_info?.share_scene ?? ''] ?? null,
    lines: product_infos.map((part) => ({
      line_id: part.sku_id,
      product_id: part.product_id,
      quantity: part.sku_cnt,
      paid_amount: part.is_free_gift === true || part.is_free_gift === 1 ? 0 : part.real_price,
    })),
  };
  return { report, shop: null, names: sharersOf(one), unknownCode: standing === null ? `status ${one.status}` : null };
}

/** Of a part of a group's gift the order that was paid; null for any other order. */
function giversOrder({ order_id, is_present, present_order_id_str }: ShopOrder): string | null {
  return is_present === true && present_order_id_str && present_order_id_str !== order_id ? present_order_id_str : null;
}

/** Whoever presented the goods; several cannot be told apart by line, so that none is named. */
function talentOf({ order_detail: { commission_infos, ext_info } }: ShopOrder): string | null {
  const talents = (commission_infos ?? []).filter(({ type }) => type === TALENT).flatMap((one) => one.talent_id || one.finder_id || []);
  const named = new Set(talents.length > 0 ? talents : [ext_info?.finder_id].filter((id) => id));
  return named.size === 1 ? [...named][0]! : null;
}

function sharersOf({ order_detail: { sharer_info, sku_sharer_infos } }: ShopOrder): Mapped['names'] {
  const openids = [sharer_info, ...(sku_sharer_infos ?? [])].flatMap((one) => one?.sharer_openid || []);
  return [...new Set(openids)].map((value) => ({ type: 'sharer', value }));
}

/** Whether WeChat is still finding out who shared, or what it commissions. */
export function isStillParsed({ order_detail: { sharer_info, sku_sharer_infos, ext_info } }: ShopOrder): boolean {
  const stated = [sharer_info, ...(sku_sharer_infos ?? [])].map((one) => one?.handling_progress);
  return [...stated, ext_info?.commission_handling_progress].some((progress) => progress != null && progress !== DONE);
}

export const afterSale = z.object({
  after_sale_order_id: unionId,
  order_id: unionId,
  status: z.string(),
  create_time: seconds,
  update_time: seconds,
  product_info: z.object({ sku_id: word }).nullish(),
  refund_info: z.object({ amount: fen }).nullish(),
});

export function mapAfterSale(one: z.output<typeof afterSale>): Mapped {
  const status = AFTER_SALE[one.status] ?? null;
  const at = secondsTime(one.update_time);
  const amount = one.refund_info?.amount ?? 0;
  const refund = { refund_id: one.after_sale_order_id, line_id: one.product_info?.sku_id, amount };
  const report = {
    order_id: one.order_id,
    observed_at: at,
    // What is not known may be money on its way back: it holds the order, and takes nothing.
    refunds: [{ ...refund, status: status ?? ('open' as const), refunded_at: status === 'succeeded' ? at : null }],
  };
  return { report, shop: null, names: [], unknownCode: status === null ? `after-sale ${one.status}` : null };
}
