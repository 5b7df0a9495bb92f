// A shop's orders of 微信小店 as canonical reports. All money is in fen; ids are text or bare numbers
// beyond a double.
import { z } from 'zod';

import { allocate } from '../../core/money.ts';
import type { MappedReport } from '../source.ts';
import { code, count, fen, flag, list, part, time, wechatId, word } from './fields.ts';
import { DAY_MS, HOUR_MS } from '../../platform/durations.ts';

type Standing = 'created' | 'paid' | 'completed' | 'void';

/** What each `status` of an order means. */
export const STANDING: Readonly<Record<string, Standing>> = {
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

/** Where the buyer came from (`share_scene`), in our words for scenes. */
const SHARE_SCENE: Readonly<Record<string, string>> = { '1': 'live', '3': 'video', '6': 'article', '8': 'poster' };

/**
 * Where the order was placed (`order_scene`), for orders of which nobody is said to have shared.
 */
const ORDER_SCENE: Readonly<Record<string, string>> = { '2': 'live', '3': 'video', '6': 'article' };

/** 先用后付: the goods are received first, and `pay_time` is the end of the story. */
const PAID_LATER = '2';
const DONE = '1';
const TALENT = '0';

/**
 * Who shared is found out after the order is there: it is asked for again after five minutes, and
 * ever later.
 */
const ASK_AGAIN_MS = HOUR_MS / 12;
/** An order that WeChat commissions to nobody may keep a progress of 0 for good. */
const ASK_AGAIN_MS_MAX = DAY_MS;
/** How many after-sales of an order are asked for because the order names them. */
const AFTER_SALES_MAX = 50;

const sharer = { sharer_openid: word, share_scene: code, handling_progress: code };

const product = z.object({
  product_id: word,
  sku_id: wechatId,
  sku_cnt: count,
  sale_price: count,
  real_price: fen,
  estimate_price: fen,
  is_change_price: flag,
  change_price: fen,
  is_free_gift: flag,
  on_aftersale_sku_cnt: count,
  finish_aftersale_sku_cnt: count,
});

const giver = { present_giver_openid: word, present_giver_unionid: word };

export const shopOrder = z.object({
  order_id: wechatId,
  status: wechatId,
  openid: word,
  unionid: word,
  create_time: time,
  update_time: time,
  is_present: flag,
  present_order_id_str: word,
  ...giver,
  order_present_info: part({ ...giver, is_b2c_free_present: flag }),
  order_detail: z.object({
    product_infos: z.array(product),
    pay_info: part({ pay_time: time, payment_method: code }),
    price_info: part({ order_price: fen, freight: fen, change_freight: fen, is_change_freight: flag }),
    commission_infos: list(z.object({ sku_id: word, type: code, finder_id: word, openfinderid: word, talent_id: word })),
    sharer_info: part(sharer),
    sku_sharer_infos: list(z.object({ ...sharer, sku_id: word })),
    settle_info: part({ settle_time: time }),
    ext_info: part({ confirm_receipt_time: time, finder_id: word, order_scene: code, commission_handling_progress: code }),
  }),
  aftersale_detail: part({ aftersale_order_list: list(z.object({ aftersale_order_id: word })) }),
});

type ShopOrder = z.output<typeof shopOrder>;
type Product = z.output<typeof product>;

/**
 * An order as `channels/ec/order/get` tells it: all its lines, and all that WeChat attributes of it
 * once it has found that out. Throws when what a paid line cost cannot be known.
 */
export function mapOrder(one: ShopOrder): MappedReport {
  const standing = STANDING[one.status] ?? null;
  const { settle_info, ext_info, sharer_info } = one.order_detail;
  const completed = standing === 'completed';
  const isPaid = completed || standing === 'paid';
  const lines = linesOf(one, isPaid);
  const whole = [...(lines.length > 0 ? ['lines' as const] : []), ...(isStillParsed(one) ? [] : ['evidence' as const])];
  const report = {
    order_id: one.order_id,
    status: standing === 'void' ? null : standing,
    void: standing === null ? null : standing === 'void' ? { reason: `status ${one.status}` } : (false as const),
    currency: 'CNY',
    observed_at: one.update_time,
    created_at: one.create_time,
    paid_at: paidAtOf(one, isPaid),
    completed_at: completed ? (ext_info?.confirm_receipt_time ?? null) : null,
    settled_at: completed ? (settle_info?.settle_time ?? null) : null,
    whole,
    buyer: buyerOf(one),
    talent_id: talentOfOrder(one),
    scene: SHARE_SCENE[sharer_info?.share_scene ?? ''] ?? ORDER_SCENE[ext_info?.order_scene ?? ''] ?? null,
    lines,
  };
  return { report, shop: null, names: sharersOf(one), unknownCode: standing === null ? `status ${one.status}` : null };
}

/**
 * When it was paid; when it was ordered, where that was the purchase: goods first and payment
 * later, and orders of 0 yuan.
 */
function paidAtOf({ create_time, order_detail: { pay_info } }: ShopOrder, isPaid: boolean): string | null {
  const payTime = pay_info?.payment_method === PAID_LATER ? undefined : pay_info?.pay_time;
  return payTime ?? (isPaid ? create_time : null);
}

/** The buyer of a gift is who gives it, never who takes it: `openid` is the receiver's. */
function buyerOf(one: ShopOrder): { openid: string | null; unionid: string | null } | null {
  const { order_present_info: info } = one;
  const openid = one.present_giver_openid ?? info?.present_giver_openid ?? null;
  const unionid = one.present_giver_unionid ?? info?.present_giver_unionid ?? null;
  const isGift = one.is_present || one.present_order_id_str !== null || openid !== null || unionid !== null;
  if (!isGift) return { openid: one.openid, unionid: one.unionid };
  return openid === null && unionid === null ? null : { openid, unionid };
}

/** One line for each sku: what was bought and what came free with it are one. */
function linesOf(one: ShopOrder, isPaid: boolean) {
  const { product_infos: products } = one.order_detail;
  const paid = paidFor(one, isPaid);
  const isUnpaid = one.order_present_info?.is_b2c_free_present === true;
  const bySku = new Map<string, { product: Product; paid: number | null }[]>();
  for (const [index, of] of products.entries()) {
    bySku.set(of.sku_id, [...(bySku.get(of.sku_id) ?? []), { product: of, paid: paid[index]! }]);
  }
  return [...bySku].map(([skuId, parts]) => ({
    line_id: skuId,
    product_id: (parts.find((each) => !each.product.is_free_gift) ?? parts[0]!).product.product_id,
    quantity: sumOf(parts.map((each) => each.product.sku_cnt ?? 1)),
    paid_amount: parts.every((each) => each.paid === null) ? null : sumOf(parts.map((each) => each.paid ?? 0)),
    talent_id: talentOfSku(one, skuId),
    scene: SHARE_SCENE[one.order_detail.sku_sharer_infos.find((shared) => shared.sku_id === skuId)?.share_scene ?? ''] ?? null,
    not_commissionable: isUnpaid ? 'free_present' : null,
  }));
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

/**
 * What was paid for each of the products, in fen. Where one does not state it, it has its part of
 * what the buyer paid for all goods, by its price. Null where it cannot be known and no money
 * depends on it yet.
 */
function paidFor({ order_detail: { product_infos: products, price_info } }: ShopOrder, isPaid: boolean): (number | null)[] {
  const whole = price_info?.order_price ?? null;
  if (whole === 0) return products.map(() => 0);
  const stated = products.map(statedPrice);
  const missing = products.map((one, index) => (stated[index] === null ? BigInt((one.sale_price ?? 0) * (one.sku_cnt ?? 1)) : 0n));
  if (!stated.includes(null)) return stated;
  if (whole === null || (products.length > 1 && !missing.some((weight) => weight > 0n))) {
    if (isPaid) throw new Error('the order says neither what each product cost nor what was paid for all of them');
    return stated;
  }
  const freight = (price_info?.is_change_freight === true ? price_info.change_freight : price_info?.freight) ?? 0;
  const left = Math.max(0, whole - freight - sumOf(stated.map((amount) => amount ?? 0)));
  const parts = products.length === 1 ? [BigInt(left)] : allocate(BigInt(left), missing);
  return stated.map((amount, index) => amount ?? Number(parts[index]!));
}

/**
 * `real_price` is the lesser of the price after discounts and the one that the seller has changed
 * it to; older answers have neither.
 */
function statedPrice({ is_free_gift, real_price, estimate_price, is_change_price, change_price }: Product): number | null {
  if (is_free_gift) return 0;
  const prices = [estimate_price, is_change_price ? change_price : null].filter((price) => price !== null);
  return real_price ?? (prices.length > 0 ? Math.min(...prices) : null);
}

/**
 * The talent who presented it; of several that were named without their sku none is told from the
 * others.
 */
function talentOf(infos: ShopOrder['order_detail']['commission_infos']): string | null {
  const named = infos.filter(({ type }) => type === TALENT).flatMap((one) => one.talent_id ?? one.finder_id ?? one.openfinderid ?? []);
  return new Set(named).size === 1 ? named[0]! : null;
}

const talentOfSku = ({ order_detail }: ShopOrder, skuId: string): string | null =>
  talentOf(order_detail.commission_infos.filter(({ sku_id }) => sku_id === skuId));

/**
 * Of lines that name no talent of their own; whoever has the room where it was ordered, where
 * WeChat commissions no talent at all.
 */
function talentOfOrder({ order_detail: { commission_infos: infos, ext_info } }: ShopOrder): string | null {
  if (infos.some(({ type }) => type === TALENT)) return talentOf(infos.filter(({ sku_id }) => sku_id === null));
  return ext_info?.finder_id ?? null;
}

/** Who shared the order, and who shared single ones of its skus. */
function sharersOf({ order_detail: { product_infos, sharer_info, sku_sharer_infos } }: ShopOrder): MappedReport['names'] {
  const ofOrder = sharer_info?.sharer_openid ? [{ type: 'sharer', value: sharer_info.sharer_openid }] : [];
  const listed = new Set(product_infos.map(({ sku_id }) => sku_id));
  const ofLines = sku_sharer_infos.flatMap(({ sku_id: lineId, sharer_openid: value }) =>
    lineId !== null && value !== null && listed.has(lineId) ? [{ type: 'sharer', value, lineId }] : [],
  );
  return [...ofOrder, ...ofLines];
}

/** Whether WeChat is still finding out who shared, or what it commissions. */
function isStillParsed({ order_detail: { sharer_info, sku_sharer_infos, ext_info } }: ShopOrder): boolean {
  const stated = [sharer_info, ...sku_sharer_infos].map((one) => one?.handling_progress ?? null);
  return [...stated, ext_info?.commission_handling_progress ?? null].some((progress) => progress !== null && progress !== DONE);
}

/**
 * What an order that was fetched at `at` wants: itself again, while its sharer is looked for, and
 * its after-sales.
 */
export function wantedByOrder(one: ShopOrder, at: Date): { key: string; afterMs?: number }[] {
  const { pay_info, product_infos: products } = one.order_detail;
  const wanted: { key: string; afterMs?: number }[] = [];
  const began = pay_info?.pay_time ?? one.create_time;
  const ageMs = began === null ? 0 : at.getTime() - Date.parse(began);
  if (isStillParsed(one) && STANDING[one.status] !== 'created' && ageMs < ASK_AGAIN_MS_MAX) {
    wanted.push({ key: `order/${one.order_id}`, afterMs: Math.max(ASK_AGAIN_MS, ageMs) });
  }
  // Of an after-sale an order tells its id only, and a push of it may have been lost.
  const hasAfterSale = products.some((of) => (of.on_aftersale_sku_cnt ?? 0) + (of.finish_aftersale_sku_cnt ?? 0) > 0);
  const ids = hasAfterSale ? (one.aftersale_detail?.aftersale_order_list ?? []) : [];
  const named = ids.flatMap(({ aftersale_order_id: id }) => (id === null ? [] : [{ key: `after-sale/${id}` }]));
  return [...wanted, ...named.slice(0, AFTER_SALES_MAX)];
}
