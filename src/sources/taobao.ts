// 淘宝客: orders by pull only, a row for each part of a purchase; refunds after the settlement come in a feed of their own.
import { z } from 'zod';

import { parseJson, stringifyJson } from '../platform/json.ts';
import type { Asking } from './asking.ts';
import { pullOptions, secretsNamed, type Adapter, type Kept, type Mapped, type Page, type Question } from './source.ts';
import { askGateway, chinaClock, chinaTime, pullOnly, topSign, unionId, yuan, type GatewayError } from './union.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const PAGE_SIZE = 100;
const BY_UPDATE_TIME = '4';

const secret = z.string().min(1).max(256);

const options = z.strictObject({
  pull: pullOptions.prefault({}),
  order_scene: z
    .enum(['1', '2', '3'])
    .default('1')
    .meta({ description: 'Which orders are listed: all (1), those of channels (2), those of members (3).' }),
});

export const taobao: Adapter = {
  kind: 'taobao',
  secrets: z.strictObject({ app_key: secret, app_secret: secret }),
  options,
  ...pullOnly,
  map,
  baseUrl: () => 'https://eco.taobao.com',
  feeds: [
    { name: 'orders', windowMs, backMs: 90 * DAY_MS, overlapMs: 20 * MINUTE_MS, list: listOrders },
    { name: 'refunds', windowMs: () => DAY_MS, backMs: 90 * DAY_MS, overlapMs: HOUR_MS, list: listRefunds },
  ],
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
  tb_trade_id: unionId,
  tb_trade_parent_id: unionId,
  refund_fee: amount,
  refund_status: unionId,
  tk_refund_time: text,
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
    scene: one.flow_source?.includes('比价') ? 'price_compare' : null,
    lines: [lineOf(one, standing)],
  };
  const unknownCode = standing === null ? `tk_status ${one.tk_status}` : null;
  return { report, shop: one.seller_nick || null, names: namesOf(one), unknownCode };
}

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

/** Who shared: the channel or the member, else the zone of the link. */
function namesOf({ relation_id, special_id, adzone_id }: Order): Mapped['names'] {
  if (relation_id) return [{ type: 'relation_id', value: relation_id }];
  if (special_id) return [{ type: 'special_id', value: special_id }];
  return adzone_id ? [{ type: 'adzone_id', value: adzone_id }] : [];
}

function mapRefund(one: z.output<typeof refund>): Mapped {
  const status = REFUND[one.refund_status] ?? null;
  const refunded = { refund_id: one.tb_trade_id, line_id: one.tb_trade_id, amount: one.refund_fee, status };
  const report = {
    order_id: one.tb_trade_parent_id,
    observed_at: chinaTime(one.tk_refund_time),
    refunds: status === null ? [] : [{ ...refunded, refunded_at: chinaTime(one.tk_refund_time) }],
  };
  return { report, shop: null, names: [], unknownCode: status === null ? `refund_status ${one.refund_status}` : null };
}

/** Three hours; twenty minutes around the great sales of June and November, when a longer question is refused. */
function windowMs(from: Date): number {
  const [, month, day] = chinaClock(from).split(/[- ]/).map(Number);
  const isSale = (month === 6 && day! <= 20) || (month === 5 && day! >= 24) || (month === 11 && day! <= 12) || (month === 10 && day! >= 20);
  return isSale ? 20 * MINUTE_MS : 3 * HOUR_MS;
}

const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((said) => said === 'true')]).nullish();

const ordersAnswer = z.object({
  tbk_order_details_get_response: z.object({
    data: z.object({
      results: z.object({ publisher_order_dto: z.array(z.unknown()).nullish() }).nullish(),
      has_next: flag,
      position_index: text,
    }),
  }),
});

/** Where a page begins: its number, and behind the first one the position that the page before gave. */
const place = z.tuple([z.int(), z.string()]);

/** `taobao.tbk.order.details.get` by update time. */
async function listOrders({ from, until, cursor }: Question, asking: Asking): Promise<Page> {
  const [page, position] = cursor === null ? [1, ''] : place.parse(JSON.parse(cursor));
  const question = {
    query_type: BY_UPDATE_TIME,
    start_time: chinaClock(from),
    end_time: chinaClock(until),
    page_size: String(PAGE_SIZE),
    page_no: String(page),
    ...(position === '' ? {} : { position_index: position, jump_type: '1' }),
    order_scene: options.parse(asking.options).order_scene,
  };
  const { data } = ordersAnswer.parse(await ask('taobao.tbk.order.details.get', question, asking)).tbk_order_details_get_response;
  const bodies = (data.results?.publisher_order_dto ?? []).map(bodyOf);
  return { bodies, next: data.has_next === true && data.position_index ? JSON.stringify([page + 1, data.position_index]) : null };
}

const refundsAnswer = z.object({
  tbk_relation_refund_response: z.object({
    result: z.object({ data: z.object({ results: z.object({ result: z.array(z.unknown()).nullish() }).nullish() }).nullish() }),
  }),
});

/** `taobao.tbk.relation.refund`: refunds from a time on, in pages; the last one is not full. */
async function listRefunds({ from, cursor }: Question, asking: Asking): Promise<Page> {
  const page = Number(cursor ?? 1);
  const search = { page_size: PAGE_SIZE, search_type: 4, refund_type: 0, start_time: chinaClock(from), page_no: page, biz_type: 1 };
  const answer = refundsAnswer.parse(await ask('taobao.tbk.relation.refund', { search_option: JSON.stringify(search) }, asking));
  const rows = answer.tbk_relation_refund_response.result.data?.results?.result ?? [];
  return { bodies: rows.map(bodyOf), next: rows.length === PAGE_SIZE ? String(page + 1) : null };
}

const bodyOf = (one: unknown): Buffer => Buffer.from(stringifyJson(one));

async function ask(method: string, business: Record<string, string>, asking: Asking): Promise<Record<string, unknown>> {
  const [appKey = '', appSecret = ''] = ['app_key', 'app_secret'].map((name) => secretsNamed(asking.secrets, name)[0]);
  const parameters = {
    ...business,
    method,
    app_key: appKey,
    timestamp: chinaClock(asking.now),
    format: 'json',
    v: '2.0',
    sign_method: 'md5',
  };
  return askGateway('/router/rest', { ...parameters, sign: topSign(appSecret, parameters) }, asking, kindOf);
}

/** The codes of TOP: 7 asked too often, 11 to 29 nothing that asking again would mend; what a service behind it says is in `sub_code`. */
function kindOf({ code, sub_code: subCode }: GatewayError): 'rate_limited' | 'refused' | 'temporary' {
  if (code === '7' || subCode?.includes('limited-by')) return 'rate_limited';
  return Number(code) >= 11 && Number(code) <= 29 ? 'refused' : 'temporary';
}
