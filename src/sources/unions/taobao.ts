// 淘宝客: orders by pull only, a row for each part of a purchase; refunds after the settlement come in
// a feed of their own.
import { z } from 'zod';

import { proportionOf } from '../../core/money.ts';
import { parseJson } from '../../platform/http/json.ts';
import type { Adapter, KeptDelivery, MappedReport } from '../source.ts';
import { convertLink, listOrders, listRefunds, options, type Party } from './taobao-api.ts';
import { chinaClock, codeInField, pullOnly, unionId, unionTime, unionWord, units, UNNAMED_SHOP, yuan } from './union.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../platform/durations.ts';

const secret = z.string().min(1).max(256);

export const taobao: Adapter = {
  kind: 'taobao',
  secrets: z.strictObject({ app_key: secret, app_secret: secret }),
  options,
  ...pullOnly,
  map,
  baseUrl: () => 'https://eco.taobao.com',
  feeds: [
    { name: 'orders', windowMs, backMs: 90 * DAY_MS, overlapMs: 20 * MINUTE_MS, list: listOrders },
    { name: 'refunds', windowMs, backMs: 90 * DAY_MS, overlapMs: HOUR_MS, list: listRefunds },
  ],
  promote: convertLink,
  linkHosts: ['uland.taobao.com', 's.click.taobao.com'],
};

type Standing = 'created' | 'paid' | 'completed' | 'settled' | 'closed';

/** What each `tk_status` of a row means. */
const STANDING: Readonly<Record<string, Standing>> = {
  '11': 'created',
  '12': 'paid',
  '14': 'completed',
  '3': 'settled',
  '13': 'closed', // also what would earn less than a fen
};

/**
 * What each `refund_status` means for us: 14 and 15 are paid by the seller, so that the commission
 * stays.
 */
const REFUND: Readonly<Record<string, 'open' | 'succeeded' | 'failed'>> = {
  '4': 'open',
  '11': 'open',
  '2': 'succeeded',
  '12': 'succeeded',
  '13': 'succeeded',
  '3': 'failed',
  '14': 'failed',
  '15': 'failed',
};

/**
 * Whose row it is: of the first owner of the commission (二方), or of who takes a part of another's
 * (三方).
 */
const PARTY: Readonly<Record<string, Party>> = { '2': 'second', '3': 'third', 二方: 'second', 三方: 'third' };

const order = z.object({
  trade_id: unionId,
  trade_parent_id: unionWord,
  item_id: unionWord,
  item_num: units,
  alipay_total_price: yuan,
  pay_price: yuan,
  pub_share_pre_fee: yuan,
  pub_share_fee: yuan,
  tk_status: unionId,
  tk_order_role: unionWord,
  relation_id: unionWord,
  special_id: unionWord,
  adzone_id: unionWord,
  adzone_name: unionWord,
  seller_nick: unionWord,
  flow_source: unionWord,
  tk_create_time: unionTime,
  tb_deposit_time: unionTime,
  tk_deposit_time: unionTime,
  tk_paid_time: unionTime,
  tb_paid_time: unionTime,
  tk_earning_time: unionTime,
  modified_time: unionTime,
});

type Order = z.output<typeof order>;

const refund = z.object({
  refund_suit_id: unionWord,
  tb_trade_id: unionId,
  tb_trade_parent_id: unionWord,
  tb_trade_finish_price: yuan,
  refund_fee: yuan,
  pub_share_fee: yuan,
  show_return_fee: yuan,
  refund_status: unionId,
  tk_order_role: unionWord,
  tk_refund_time: unionTime,
  tk_refund_suit_time: unionTime,
  modified_time: unionTime,
});

function map({ body, options: stated, receivedAt }: KeptDelivery): MappedReport[] {
  const row = z.looseObject({}).parse(parseJson(body));
  if (row['refund_status'] !== undefined) return [mapRefund(refund.parse(row))];
  return [mapOrder(order.parse(row), options.parse(stated).party, receivedAt)];
}

/**
 * One part of a purchase, which is a line with a promoter, a completion and a settlement of its
 * own: of the purchase a row says no more than that it was paid. A row without its update time
 * leaves that to the door.
 */
function mapOrder(one: Order, ours: Party, receivedAt: Date): MappedReport {
  const standing = STANDING[one.tk_status] ?? null;
  const report = {
    order_id: one.trade_parent_id ?? one.trade_id,
    status: standing === null || standing === 'closed' ? null : standing === 'created' ? standing : ('paid' as const),
    currency: 'CNY',
    observed_at: one.modified_time,
    created_at: one.tk_create_time,
    deposit_paid_at: one.tb_deposit_time ?? one.tk_deposit_time,
    paid_at: one.tb_paid_time ?? one.tk_paid_time,
    lines: [lineOf(one, standing, ours, receivedAt)],
  };
  const unknownCode = standing === null ? `tk_status ${one.tk_status}` : null;
  return { report, shop: one.seller_nick ?? UNNAMED_SHOP, names: namesOf(one), unknownCode };
}

/**
 * Both parties' rows of one part have its number; each is a line, with its own part of the
 * commission.
 */
const lineIdOf = (tradeId: string, role: string | null): string => (PARTY[role ?? ''] === 'third' ? `${tradeId}-3` : tradeId);

/**
 * A part that was closed earns nothing, whatever becomes of the others of its purchase; nor does
 * the row of the other party.
 */
function lineOf(one: Order, standing: Standing | null, ours: Party, receivedAt: Date) {
  const isCompleted = standing === 'completed' || standing === 'settled';
  const isClosed = standing === 'closed';
  const isOurs = (PARTY[one.tk_order_role ?? ''] ?? ours) === ours;
  // A row of 14 says when it changed and not when the goods were confirmed. What is settled was
  // confirmed by then.
  const completedAt = (standing === 'settled' ? one.tk_earning_time : null) ?? one.modified_time ?? receivedAt.toISOString();
  return {
    line_id: lineIdOf(one.trade_id, one.tk_order_role),
    product_id: one.item_id,
    quantity: one.item_num || 1,
    // What is settled is said only once it is known; until then that field is 0, too.
    paid_amount: isClosed || !isOurs ? 0 : (isCompleted && one.pay_price) || one.alipay_total_price,
    platform_commission: isClosed ? 0 : ((standing === 'settled' ? one.pub_share_fee : null) ?? one.pub_share_pre_fee),
    link_code: codeInField(one.adzone_name),
    scene: one.flow_source?.includes('比价') ? 'price_compare' : null,
    completed_at: isCompleted ? completedAt : null,
    settled_at: standing === 'settled' ? completedAt : null,
    not_commissionable: isOurs ? null : `tk_order_role ${one.tk_order_role}`,
  };
}

/**
 * Who shared: the channel or the member, else the position of the link, unless its name says which
 * link of ours that is.
 */
function namesOf({ trade_id, tk_order_role, relation_id, special_id, adzone_id, adzone_name }: Order): MappedReport['names'] {
  if (codeInField(adzone_name) !== null) return [];
  const lineId = lineIdOf(trade_id, tk_order_role);
  if (relation_id !== null) return [{ type: 'relation_id', value: relation_id, lineId }];
  if (special_id !== null) return [{ type: 'special_id', value: special_id, lineId }];
  return adzone_id === null ? [] : [{ type: 'adzone_id', value: adzone_id, lineId }];
}

/** A part of a purchase may be refunded several times, each under a number of its own. */
function mapRefund(one: z.output<typeof refund>): MappedReport {
  const status = REFUND[one.refund_status] ?? null;
  const lineId = lineIdOf(one.tb_trade_id, one.tk_order_role);
  const refunded = {
    refund_id: one.refund_suit_id === null ? lineId : lineIdOf(one.refund_suit_id, one.tk_order_role),
    line_id: lineId,
    amount: refundedOf(one),
    status,
  };
  const doneAt = one.tk_refund_suit_time ?? one.tk_refund_time;
  const report = {
    order_id: one.tb_trade_parent_id ?? one.tb_trade_id,
    observed_at: one.modified_time,
    refunds: status === null ? [] : [{ ...refunded, status, refunded_at: status === 'succeeded' ? doneAt : null }],
  };
  return { report, shop: null, names: [], unknownCode: status === null ? `refund_status ${one.refund_status}` : null };
}

/**
 * What the buyer got back; where that is not said, as much of the price as of the commission is
 * taken back.
 */
function refundedOf({ refund_fee, tb_trade_finish_price, pub_share_fee, show_return_fee }: z.output<typeof refund>): number | null {
  if (refund_fee !== null || tb_trade_finish_price === null || pub_share_fee === null || show_return_fee === null) return refund_fee;
  return Number(proportionOf(BigInt(tb_trade_finish_price), BigInt(show_return_fee), BigInt(pub_share_fee)));
}

/**
 * Three hours; twenty minutes around the great sales (年货节, 618, 双11), when a longer question is
 * refused.
 */
function windowMs(from: Date): number {
  const [, month, day] = chinaClock(from).split(/[- ]/).map(Number);
  const isSummer = (month === 6 && day! <= 20) || (month === 5 && day! >= 24);
  const isAutumn = (month === 11 && day! <= 12) || (month === 10 && day! >= 20);
  const isSale = month === 1 || isSummer || isAutumn;
  return isSale ? 20 * MINUTE_MS : 3 * HOUR_MS;
}
