// 淘宝客: orders by pull only, a row for each part of a purchase; refunds after the settlement come in a feed of their own.
import { z } from 'zod';

import { parseJson } from '../platform/json.ts';
import type { Adapter, Kept, Mapped } from './source.ts';
import { convertLink, listOrders, listRefunds, options } from './taobao-api.ts';
import { chinaClock, chinaTime, codeInField, pullOnly, unionId, yuan } from './union.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

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

/** What each `refund_status` means for us: 14 and 15 are paid by the seller, so that the commission stays. */
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

const text = z.string().nullish();
const word = unionId.nullish();
const amount = yuan.nullish();

const order = z.object({
  trade_id: unionId,
  trade_parent_id: unionId,
  item_id: unionId,
  item_num: z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]).nullish(),
  alipay_total_price: amount,
  pay_price: amount,
  pub_share_pre_fee: amount,
  pub_share_fee: amount,
  tk_status: unionId,
  relation_id: word,
  special_id: word,
  adzone_id: word,
  adzone_name: text,
  seller_nick: text,
  flow_source: text,
  tk_create_time: text,
  tk_deposit_time: text,
  tk_paid_time: text,
  tb_paid_time: text,
  tk_earning_time: text,
  modified_time: text,
});

type Order = z.output<typeof order>;

const refund = z.object({
  refund_suit_id: word,
  tb_trade_id: unionId,
  tb_trade_parent_id: unionId,
  refund_fee: amount,
  refund_status: unionId,
  tk_refund_time: text,
  tk_refund_suit_time: text,
  modified_time: text,
});

function map({ body }: Kept): Mapped[] {
  const row = z.looseObject({}).parse(parseJson(body));
  return [row['refund_status'] === undefined ? mapOrder(order.parse(row)) : mapRefund(refund.parse(row))];
}

function mapOrder(one: Order): Mapped {
  const standing = STANDING[one.tk_status] ?? null;
  const completed = standing === 'completed' || standing === 'settled';
  const report = {
    order_id: one.trade_parent_id,
    status: completed ? ('completed' as const) : standing === 'created' || standing === 'paid' ? standing : null,
    currency: 'CNY',
    observed_at: chinaTime(one.modified_time) ?? chinaTime(one.tk_create_time),
    created_at: chinaTime(one.tk_create_time),
    deposit_paid_at: chinaTime(one.tk_deposit_time),
    paid_at: chinaTime(one.tb_paid_time) ?? chinaTime(one.tk_paid_time),
    // A row of 14 says when it changed and not when the goods were confirmed: the time of the report stands for it.
    completed_at: null,
    settled_at: standing === 'settled' ? chinaTime(one.tk_earning_time) : null,
    link_code: codeInField(one.adzone_name),
    scene: one.flow_source?.includes('比价') ? 'price_compare' : null,
    lines: [lineOf(one, standing)],
  };
  const unknownCode = standing === null ? `tk_status ${one.tk_status}` : null;
  return { report, shop: said(one.seller_nick), names: namesOf(one), unknownCode };
}

/** Where there is nothing to say 淘宝客 writes two dashes. */
const said = (word: string | null | undefined): string | null => (word && word !== '--' ? word : null);

/** A part that was closed earns nothing, whatever becomes of the others of its purchase. */
function lineOf(one: Order, standing: Standing | null) {
  const completed = standing === 'completed' || standing === 'settled';
  const isClosed = standing === 'closed';
  return {
    line_id: one.trade_id,
    product_id: one.item_id,
    quantity: one.item_num ?? 1,
    paid_amount: isClosed ? 0 : ((completed ? one.pay_price : null) ?? one.alipay_total_price),
    platform_commission: isClosed ? 0 : ((standing === 'settled' ? one.pub_share_fee : null) ?? one.pub_share_pre_fee),
  };
}

/** Who shared: the channel or the member, else the position of the link, unless its name says which link of ours that is. */
function namesOf({ relation_id, special_id, adzone_id, adzone_name }: Order): Mapped['names'] {
  if (codeInField(adzone_name) !== null) return [];
  if (relation_id) return [{ type: 'relation_id', value: relation_id }];
  if (special_id) return [{ type: 'special_id', value: special_id }];
  return adzone_id ? [{ type: 'adzone_id', value: adzone_id }] : [];
}

/** A part of a purchase may be refunded several times, each under a number of its own. */
function mapRefund(one: z.output<typeof refund>): Mapped {
  const status = REFUND[one.refund_status] ?? null;
  const [madeAt, doneAt] = [chinaTime(one.tk_refund_time), chinaTime(one.tk_refund_suit_time)];
  const refunded = { refund_id: one.refund_suit_id || one.tb_trade_id, line_id: one.tb_trade_id, amount: one.refund_fee, status };
  const report = {
    order_id: one.tb_trade_parent_id,
    observed_at: chinaTime(one.modified_time) ?? doneAt ?? madeAt,
    refunds: status === null ? [] : [{ ...refunded, status, refunded_at: status === 'succeeded' ? (doneAt ?? madeAt) : null }],
  };
  return { report, shop: null, names: [], unknownCode: status === null ? `refund_status ${one.refund_status}` : null };
}

/** Three hours; twenty minutes around the great sales (年货节, 618, 双11), when a longer question is refused. */
function windowMs(from: Date): number {
  const [, month, day] = chinaClock(from).split(/[- ]/).map(Number);
  const isSummer = (month === 6 && day! <= 20) || (month === 5 && day! >= 24);
  const isAutumn = (month === 11 && day! <= 12) || (month === 10 && day! >= 20);
  const isSale = month === 1 || isSummer || isAutumn;
  return isSale ? 20 * MINUTE_MS : 3 * HOUR_MS;
}
