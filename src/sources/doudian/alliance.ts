// The rows of 精选联盟 as canonical reports: what merchants, institutions and 抖客 see of the orders that
// they had a part in. Money is in fen.
import { z } from 'zod';

import type { MappedReport } from '../source.ts';
import { codeInField, fen, unionId, unionTime, unionWord, units, UNNAMED_SHOP } from '../unions/union.ts';

type Standing = 'paid' | 'completed' | 'settled' | 'void';

/**
 * What each `flow_point` means; the messages of the alliance write one of them as it is in them.
 */
const FLOW: Readonly<Record<string, Standing>> = {
  PAY_SUCC: 'paid',
  CONFIRM: 'completed',
  COMFIRM: 'completed',
  SETTLE: 'settled',
  REFUND: 'void',
};

/**
 * Whose commission is read: the talent's (达人), the recruiting institution's (团长), the channel's
 * (抖客).
 */
export const ALLIANCE_ROLES = ['author', 'colonel', 'ads'] as const;

type AllianceRole = (typeof ALLIANCE_ROLES)[number];

/** What a source says of itself. */
export interface Ours {
  /** Null: that of the row's own kind. */
  role: AllianceRole | null;
  /** The institution, where a row has two of them. */
  colonelId: string | null;
}

const colonel = z.object({ colonel_buyin_id: unionWord, estimated_commission: fen, real_commission: fen }).nullish().catch(null);

export const allianceOrder = z.object({
  order_id: unionId,
  product_id: unionId,
  shop_id: unionWord,
  buyer_openid: unionWord,
  author_buyin_id: unionWord,
  item_num: units,
  pay_goods_amount: fen,
  settled_goods_amount: fen,
  estimated_commission: fen,
  real_commission: fen,
  ads_estimated_commission: fen,
  ads_real_commission: fen,
  colonel_order_info: colonel,
  colonel_order_info_second: colonel,
  pid_info: z.object({ pid: unionWord, external_info: unionWord, media_type_name: unionWord }).nullish().catch(null),
  pick_source: unionWord,
  flow_point: z.string(),
  pay_success_time: unionTime,
  confirm_time: unionTime,
  settle_time: unionTime,
  update_time: unionTime,
});

type AllianceOrder = z.output<typeof allianceOrder>;

/**
 * One product of an order, which is a line with a promoter, a completion and a settlement of its
 * own: of the order a row says no more than that it was paid. `compared`: it is listed as that of a
 * buyer who compared prices.
 */
export function mapAllianceOrder(
  one: AllianceOrder,
  ours: Ours,
  { compared, receivedAt }: { compared: boolean; receivedAt: Date },
): MappedReport {
  const standing = FLOW[one.flow_point] ?? null;
  const report = {
    order_id: one.order_id,
    status: standing === null || standing === 'void' ? null : ('paid' as const),
    currency: 'CNY',
    observed_at: one.update_time,
    paid_at: one.pay_success_time,
    buyer: { openid: one.buyer_openid },
    lines: [{ ...lineOf(one, standing, ours, receivedAt), scene: compared ? 'price_compare' : null }],
  };
  const unknownCode = standing === null ? `flow_point ${one.flow_point}` : null;
  return { report, shop: one.shop_id ?? UNNAMED_SHOP, names: namesOf(one), unknownCode };
}

/** A product that was given back earns nothing, whatever becomes of the others of its order. */
function lineOf(one: AllianceOrder, standing: Standing | null, ours: Ours, receivedAt: Date) {
  const isSettled = standing === 'settled';
  const isVoid = standing === 'void';
  const changedAt = one.update_time ?? receivedAt.toISOString();
  return {
    line_id: one.product_id,
    product_id: one.product_id,
    quantity: one.item_num || 1,
    paid_amount: isVoid ? 0 : ((isSettled ? one.settled_goods_amount : null) ?? one.pay_goods_amount),
    platform_commission: isVoid ? 0 : commissionOf(one, ours, isSettled),
    link_code: codeInField(one.pid_info?.external_info),
    talent_id: one.author_buyin_id,
    // Not every role is told when the goods were received. What is settled was received by then.
    completed_at: isSettled || standing === 'completed' ? (one.confirm_time ?? one.settle_time ?? changedAt) : null,
    settled_at: isSettled ? (one.settle_time ?? changedAt) : null,
  };
}

interface Commission {
  estimated: number | null;
  real: number | null;
}

/** What was really paid, as soon as some was; before that the estimate. */
function commissionOf(one: AllianceOrder, ours: Ours, isSettled: boolean): number | null {
  const { estimated, real } = commissionsOf(one, ours);
  return (isSettled ? real : real || null) ?? estimated;
}

function commissionsOf(one: AllianceOrder, { role, colonelId }: Ours): Commission {
  const ofAuthor = { estimated: one.estimated_commission, real: one.real_commission };
  const ofChannel = { estimated: one.ads_estimated_commission, real: one.ads_real_commission };
  // Of single products a 抖客 gets a talent's commission; of live rooms and of pages of an activity
  // what is set for channels.
  const ofKol = one.pid_info?.media_type_name === 'ProductDetail' ? ofAuthor : ofChannel;
  return { author: ofAuthor, ads: ofChannel, colonel: ofColonel(one, colonelId), kol: ofKol }[role ?? 'kol'];
}

/** An institution may be the first or the second of a row, and sees the commission of its own. */
function ofColonel({ colonel_order_info: first, colonel_order_info_second: second }: AllianceOrder, colonelId: string | null): Commission {
  const both = [first, second].flatMap((one) => one ?? []);
  const ours =
    both.find((one) => colonelId !== null && one.colonel_buyin_id === colonelId) ??
    both.find((one) => one.real_commission || one.estimated_commission) ??
    both[0];
  return { estimated: ours?.estimated_commission ?? null, real: ours?.real_commission ?? null };
}

/** Who shared, by the finest word of the row. */
function namesOf({ product_id: lineId, pid_info: pidInfo, pick_source, author_buyin_id }: AllianceOrder): MappedReport['names'] {
  const external = pidInfo?.external_info ?? null;
  if (codeInField(external) !== null) return [];
  const words = { external_info: external, pick_source, pid: pidInfo?.pid ?? null, author_buyin_id };
  const [finest] = Object.entries(words).flatMap(([type, value]) => (value === null ? [] : [{ type, value, lineId }]));
  return finest === undefined ? [] : [finest];
}

const settlement = z.object({
  order_id: unionId,
  product_id: unionId,
  shop_id: unionWord,
  colonel_buyin_id: unionWord,
  settle_colonel_commission: fen,
  second_colonel_buyin_id: unionWord,
  settle_second_colonel_commission: fen,
  settle_time: unionTime,
  update_time: unionTime,
});

/** All that was settled so far of one order, as `listSettlements` gathers it. */
export const settledOrder = z.object({ settlements: z.array(settlement).min(1) });

/**
 * An order that is settled in parts: of each product the sum of what was settled so far, since the
 * first of its parts. A part without its time leaves that to the door.
 */
export function mapSettlements({ settlements }: z.output<typeof settledOrder>, { colonelId }: Ours, receivedAt: Date): MappedReport {
  const [one] = settlements;
  const products = [...new Set(settlements.map((each) => each.product_id))];
  const report = {
    order_id: one!.order_id,
    currency: 'CNY',
    observed_at: latest(settlements.map((each) => each.update_time)),
    lines: products.map((product) => {
      const parts = settlements.filter((each) => each.product_id === product);
      const settledAt = earliest(parts.map((each) => each.settle_time)) ?? receivedAt.toISOString();
      return {
        line_id: product,
        product_id: product,
        platform_commission: parts.reduce((sum, each) => sum + settledFor(each, colonelId), 0),
        completed_at: settledAt,
        settled_at: settledAt,
      };
    }),
  };
  return { report, shop: one!.shop_id ?? UNNAMED_SHOP, names: [] };
}

function settledFor(one: z.output<typeof settlement>, colonelId: string | null): number {
  const [first, second] = [one.settle_colonel_commission ?? 0, one.settle_second_colonel_commission ?? 0];
  if (colonelId !== null && one.second_colonel_buyin_id === colonelId) return second;
  if (colonelId !== null && one.colonel_buyin_id === colonelId) return first;
  return first || second;
}

const earliest = (times: readonly (string | null)[]): string | null =>
  times
    .filter((at) => at !== null)
    .toSorted()
    .at(0) ?? null;
const latest = (times: readonly (string | null)[]): string | null =>
  times
    .filter((at) => at !== null)
    .toSorted()
    .at(-1) ?? null;
