// What 抖店 says of after-sales: on the part of an order only in which state one is, and in a list of
// their own for how much.
import { z } from 'zod';

import { allocate } from '../../core/money.ts';
import { fen, secondsTime, unionId, unionSeconds, unionWord } from '../unions/union.ts';

/**
 * `open`: the goods may come back; `refunded`: money has gone back, for an amount that only the
 * list tells; `ended`: it has not.
 */
type AfterSaleState = 'none' | 'open' | 'refunded' | 'ended';

/**
 * Applied for, on the way back, sent again, waiting, and refused once or twice, which a buyer may
 * appeal against.
 */
const OPEN = new Set(['3', '6', '7', '8', '11', '13', '27', '29']);
/**
 * Goods changed; failed, which is also how one that the buyer cancels ends, whatever its
 * `refund_status` says.
 */
const ENDED = new Set(['14', '28']);
/** Succeeded; the order was cancelled; the way back has ended. */
const DONE = new Set(['12', '51', '53']);
/** Exchange, sent again, repair. */
const RETURNS_NO_MONEY = new Set(['3', '7', '8']);
/** A part that the system or the buyer has cancelled; its list does not have those. */
const CANCELS = new Set(['4', '5']);

const MONEY_WAITS = new Set(['1', '2']);
const MONEY_FAILED = '4';
/** Paid back; paid back by the platform, which then collects it from the shop. */
const MONEY_BACK = new Set(['3', '5']);

interface Codes {
  status: string | null;
  type: string | null;
  refundStatus: string | null;
}

/** The state of an after-sale; null where its status is one that nobody knows. */
function stateOf({ status, type, refundStatus }: Codes): AfterSaleState | null {
  const money = refundStatus ?? '';
  if (MONEY_BACK.has(money)) return 'refunded';
  if (status === null) return MONEY_WAITS.has(money) ? 'open' : money === MONEY_FAILED ? 'ended' : 'none';
  if (OPEN.has(status)) return 'open';
  if (ENDED.has(status)) return 'ended';
  if (!DONE.has(status)) return null;
  if (RETURNS_NO_MONEY.has(type ?? '') || money === MONEY_FAILED) return 'ended';
  return MONEY_WAITS.has(money) ? 'open' : 'refunded';
}

/** `after_sale_info` of a part: it has neither an id nor an amount. */
export const partAfterSale = z
  .object({ after_sale_status: unionWord, after_sale_type: unionWord, refund_status: unionWord })
  .transform(({ after_sale_status: status, after_sale_type: type, refund_status: refundStatus }) => ({
    status,
    state: stateOf({ status, type, refundStatus }),
    isCancel: CANCELS.has(type ?? ''),
  }))
  .nullish()
  .catch(null);

/** An item of `afterSale.List`. */
export const listedAfterSale = z.object({
  aftersale_info: z.object({
    aftersale_id: unionId,
    aftersale_status: unionWord,
    aftersale_type: unionWord,
    refund_status: unionWord,
    refund_amount: fen,
    refund_post_amount: fen,
    refund_tax_amount: fen,
    related_id: unionWord,
    update_time: unionSeconds,
  }),
  order_info: z.object({ related_order_info: z.array(z.object({ sku_order_id: unionId, aftersale_pay_amount: fen })).nullish() }).nullish(),
});

type ListedAfterSale = z.output<typeof listedAfterSale>;

export interface PartRefund {
  refund_id: string;
  line_id: string | null;
  amount: number;
  status: 'open' | 'succeeded' | 'failed';
  refunded_at: string | null;
}

/** The state of one that is listed, as of the part that it is about. */
export const listedState = ({ aftersale_info: info }: ListedAfterSale): AfterSaleState | null =>
  stateOf({ status: info.aftersale_status, type: info.aftersale_type, refundStatus: info.refund_status });

/** The parts of its order that it is about. */
export function partsOf({ aftersale_info: { related_id: related }, order_info: order }: ListedAfterSale): { id: string; weight: number }[] {
  const parts = (order?.related_order_info ?? []).map((part) => ({ id: part.sku_order_id, weight: part.aftersale_pay_amount ?? 0 }));
  return parts.length > 0 || related === null ? parts : [{ id: related, weight: 0 }];
}

/**
 * The refunds of an after-sale, one for each part that it is about, without the freight and the tax
 * that are in its amount. The first has its id as it is, by which the message of the refund names
 * it, too.
 */
export function refundsOfListed(one: ListedAfterSale): PartRefund[] {
  const { aftersale_id: id, update_time: at, ...info } = one.aftersale_info;
  const state = listedState(one);
  if (state === 'none') return [];
  const status = state === 'refunded' ? 'succeeded' : state === 'ended' ? 'failed' : 'open';
  const goods = goodsOf(info);
  const parts = partsOf(one);
  const refund = { status, refunded_at: status === 'succeeded' ? at : null } as const;
  if (parts.length < 2) return [{ ...refund, refund_id: id, line_id: parts[0]?.id ?? null, amount: goods }];
  const shares = allocate(
    BigInt(goods),
    parts.map(({ weight }) => BigInt(weight)),
  );
  return parts.map((part, index) => ({
    ...refund,
    refund_id: index === 0 ? id : `${id}-${part.id}`,
    line_id: part.id,
    amount: Number(shares[index]),
  }));
}

/** What goes back for goods: amounts of after-sales have the freight in them. */
function goodsOf(told: { refund_amount: number | null; refund_post_amount: number | null; refund_tax_amount?: number | null }): number {
  return Math.max(0, (told.refund_amount ?? 0) - (told.refund_post_amount ?? 0) - (told.refund_tax_amount ?? 0));
}

const refunded = z.object({
  p_id: unionId,
  s_id: unionWord,
  aftersale_id: unionId,
  refund_amount: fen,
  refund_post_amount: fen,
  success_time: z.unknown().optional(),
});

/**
 * The message that a refund has succeeded. The order itself brings its refunds; this only brings
 * them a little sooner.
 */
export function reportOfRefund(content: unknown) {
  const { p_id, s_id, aftersale_id, success_time, ...amounts } = refunded.parse(content);
  const at = secondsTime(success_time);
  const refund = { refund_id: aftersale_id, line_id: s_id, amount: goodsOf(amounts), status: 'succeeded' as const, refunded_at: at };
  return { order_id: p_id, observed_at: at, refunds: [refund] };
}
