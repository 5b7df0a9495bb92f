// The orders of a 抖店 as canonical reports. Money is in fen. An order lists its parts, each with a
// state of its own.
import { z } from 'zod';

import { listedAfterSale, listedState, partAfterSale, partsOf, refundsOfListed, type PartRefund } from './after-sales.ts';
import type { MappedReport } from '../source.ts';
import { fen, unionId, unionSeconds, unionWord, units, UNNAMED_SHOP } from '../unions/union.ts';

/** 抖店 shows no more parts of an order than so many. */
const PARTS_SHOWN_MAX = 40;

type Standing = 'created' | 'paid' | 'completed' | 'void';

/** What each `main_status` and `order_status` of an order, and of a part of one, means. */
const STANDING: Readonly<Record<string, Standing>> = {
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

/** A sample that a shop sends (寄样), and one that a talent buys (达人买样). */
const SAMPLE_TRADES = new Set(['10', '12']);
/** 联盟寄样 */
const SAMPLE_BUSINESS = '33';

const part = z.object({
  order_id: unionId,
  order_status: unionWord,
  main_status: unionWord,
  trade_type: unionWord,
  product_id: unionWord,
  product_id_str: unionWord,
  item_num: units,
  pay_amount: fen,
  post_amount: fen,
  tax_amount: fen,
  author_id: unionWord,
  finish_time: unionSeconds,
  update_time: unionSeconds,
  after_sale_info: partAfterSale,
});

const phase = z.object({ total_phase: units, current_phase: units, phase_pay_time: unionSeconds });

export const shopOrder = z.object({
  order_id: unionId,
  order_status: unionWord,
  main_status: unionWord,
  biz: unionWord,
  shop_id: unionWord,
  create_time: unionSeconds,
  pay_time: unionSeconds,
  finish_time: unionSeconds,
  update_time: unionSeconds,
  doudian_open_id: unionWord,
  cancel_reason: unionWord,
  sku_order_list: z.array(part),
  order_phase_list: z.array(phase).nullish().catch(null),
  /** What `afterSale.List` tells of the order, where it was asked. */
  after_sales: z.array(listedAfterSale).nullish(),
});

type ShopOrder = z.output<typeof shopOrder>;
type Part = z.output<typeof part>;

/** The one that is known, if any is: `main_status` is the finer one. */
function codeOf({ main_status: main, order_status: status }: { main_status: string | null; order_status: string | null }): string | null {
  return main !== null && STANDING[main] !== undefined ? main : (status ?? main);
}

/**
 * An order of the shop with its parts as lines. Whoever presented a part in a live room is its
 * talent.
 */
export function mapShopOrder(one: ShopOrder, receivedAt: Date): MappedReport {
  const code = codeOf(one);
  const standing = STANDING[code ?? ''] ?? null;
  const parts = one.sku_order_list.map((stated): Judged => {
    const own = codeOf(stated);
    return { ...stated, standing: own === null ? standing : (STANDING[own] ?? null), own };
  });
  const alive = parts.filter((each) => each.standing !== 'void');
  const isCompleted = standing === 'completed' && alive.length > 0 && alive.every((each) => each.standing === 'completed');
  const lineOf = (each: Judged) => ({
    line_id: each.order_id,
    product_id: each.product_id_str ?? each.product_id,
    // A part that was given back or cancelled is gone, whatever becomes of the others of its order.
    quantity: each.standing === 'void' ? 0 : each.item_num || 1,
    paid_amount: goodsOf(each),
    talent_id: each.author_id,
    completed_at: each.standing === 'completed' ? completionOf(each, one, receivedAt) : null,
    not_commissionable: SAMPLE_TRADES.has(each.trade_type ?? '') ? 'sample' : null,
  });
  const report = {
    order_id: one.order_id,
    status: isCompleted ? ('completed' as const) : standing === 'completed' ? ('paid' as const) : standing === 'void' ? null : standing,
    void: standing === null ? null : standing === 'void' ? { reason: one.cancel_reason ?? `order_status ${code}` } : (false as const),
    currency: 'CNY',
    observed_at: observedAt(one),
    created_at: one.create_time,
    deposit_paid_at: depositPaidAt(one),
    // What is partly paid has a deposit only.
    paid_at: code === '103' ? null : one.pay_time,
    sample: one.biz === SAMPLE_BUSINESS ? true : null,
    whole: parts.length < PARTS_SHOWN_MAX ? ['lines' as const] : null,
    buyer: { openid: one.doudian_open_id },
    lines: parts.map(lineOf),
    refunds: [...alive.flatMap((each) => holdOf(each, one)), ...(one.after_sales ?? []).flatMap(refundsOfListed)],
  };
  return { report, shop: one.shop_id ?? UNNAMED_SHOP, names: [], unknownCode: unknownIn(one, standing, parts) };
}

/** Freight and tax are no merchandise. */
const goodsOf = ({ pay_amount, post_amount, tax_amount }: Part): number | null =>
  pay_amount === null ? null : Math.max(0, pay_amount - (post_amount ?? 0) - (tax_amount ?? 0));

function completionOf(each: Part, one: ShopOrder, receivedAt: Date): string {
  return each.finish_time ?? one.finish_time ?? each.update_time ?? one.update_time ?? receivedAt.toISOString();
}

/**
 * As late as the latest time that the order, a part or an after-sale of it has; with its
 * after-sales, a moment later: they were asked for because of what the order itself had said, and
 * say more.
 */
function observedAt({ update_time, sku_order_list, after_sales: afterSales }: ShopOrder): string | null {
  const told = [
    update_time,
    ...sku_order_list.map((each) => each.update_time),
    ...(afterSales ?? []).map(({ aftersale_info: info }) => info.update_time),
  ];
  const latest = Math.max(...told.flatMap((time) => (time === null ? [] : [Date.parse(time)])));
  return Number.isFinite(latest) ? new Date(latest + (afterSales ? 1 : 0)).toISOString() : null;
}

/** Of a presale, when its first phase was paid. */
function depositPaidAt({ order_phase_list: phases }: ShopOrder): string | null {
  const first = (phases ?? []).filter(({ total_phase: total, current_phase: current }) => (total ?? 0) > 1 && current === 1);
  return (
    first
      .flatMap(({ phase_pay_time: at }) => (at === null ? [] : [at]))
      .toSorted()
      .at(0) ?? null
  );
}

/**
 * What holds a part of which an after-sale is said and no amount of it: it is open, or its amount
 * is still to be asked for. Once the part is listed with its after-sales these speak for it, and
 * one that ended without money holds no longer.
 */
function holdOf(each: Part, { after_sales: afterSales }: ShopOrder): PartRefund[] {
  const info = each.after_sale_info;
  const held = { refund_id: `${each.order_id}-aftersale`, line_id: each.order_id, amount: 0, refunded_at: null };
  const isListed = afterSales?.some((listed) => partsOf(listed).some(({ id }) => id === each.order_id)) ?? false;
  if (isListed || info?.state === 'ended') return [{ ...held, status: 'failed' }];
  if (!info || info.state === 'none') return [];
  if (info.state === 'refunded' && info.isCancel) return [{ ...held, amount: goodsOf(each) ?? 0, status: 'succeeded' }];
  return [{ ...held, status: 'open' }];
}

interface Judged extends Part {
  standing: Standing | null;
  /** Its own code; null: it says none, and has the order's. */
  own: string | null;
}

function unknownIn(one: ShopOrder, standing: Standing | null, parts: readonly Judged[]): string | null {
  if (standing === null) return `order_status ${codeOf(one)}`;
  const unknownPart = parts.find((each) => each.standing === null);
  if (unknownPart !== undefined) return `order_status ${unknownPart.own} of a part`;
  const unknownSale = parts.find((each) => each.after_sale_info?.state === null);
  if (unknownSale !== undefined) return `after_sale_status ${unknownSale.after_sale_info!.status}`;
  const listed = one.after_sales?.find((each) => listedState(each) === null);
  return listed === undefined ? null : `aftersale_status ${listed.aftersale_info.aftersale_status}`;
}

/** Whether a part says that there is an after-sale, without its amounts: these are asked for. */
export function needsAfterSales({ sku_order_list, after_sales: afterSales }: ShopOrder): boolean {
  return !afterSales && sku_order_list.some(({ after_sale_info: info }) => info && info.state !== 'none');
}

/** Whether one of them is under way: if its end is never told, it is asked for. */
export function hasOpenAfterSale({ after_sales: afterSales }: ShopOrder): boolean {
  return (afterSales ?? []).some((one) => listedState(one) === 'open');
}
