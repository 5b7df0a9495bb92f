// 多多进宝: orders by pull only. An order has one product; money is in fen, times are seconds since
// 1970.
import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import { AskingFailed, secretOf, type Asking, type NoAnswer } from '../asking.ts';
import type { Adapter, KeptDelivery, MappedReport, FeedPage, Promotion, FeedQuestion, PromotionWish } from '../source.ts';
import {
  alwaysPulled,
  askGateway,
  bodyOf,
  codeInField,
  fen,
  fieldOfCode,
  gatewaySecret,
  position,
  pullOnly,
  topSign,
  unionId,
  unionSeconds,
  unionWord,
  units,
  UNNAMED_SHOP,
  type GatewayError,
} from './union.ts';
import { DAY_MS, HOUR_MS } from '../../platform/durations.ts';

/** PDD answers for a day at most; whole seconds may begin before a window and end behind it. */
const WINDOW_MS = DAY_MS - 1000;
const PAGE_SIZE = 50;

/**
 * 20004: a wrong signature; 50001: wrong parameters; 60001: a position that is not registered;
 * 70036: an application under test.
 */
const REFUSED = new Set(['20004', '50001', '60001', '70036']);
const RATE_LIMITED = new Set(['52101', '70031', '70034', '70035']);

const options = z.strictObject({ pull: alwaysPulled, pid: position });

export const pdd: Adapter = {
  kind: 'pdd',
  secrets: z.strictObject({ client_id: gatewaySecret, client_secret: gatewaySecret }),
  options,
  ...pullOnly,
  map,
  baseUrl: () => 'https://gw-api.pinduoduo.com',
  feeds: [{ name: 'orders', windowMs: () => WINDOW_MS, backMs: 90 * DAY_MS, overlapMs: HOUR_MS, list }],
  promote,
  linkHosts: ['p.pinduoduo.com', '*.yangkeduo.com'],
};

type Standing = 'created' | 'paid' | 'completed' | 'settled' | 'void';

/** What each `order_status` means. */
const STANDING: Readonly<Record<string, Standing>> = {
  '-1': 'created',
  '0': 'paid',
  '1': 'paid', // the group is complete
  '2': 'completed', // received
  '3': 'completed', // audited
  '5': 'settled',
  '4': 'void', // the audit failed
  '8': 'void', // no order of 多多进宝
  '10': 'void', // punished
};

/** What `return_status` says of the whole order. */
const RETURN: Readonly<Record<string, 'open' | 'succeeded' | 'failed'>> = { '0': 'failed', '1': 'open', '2': 'succeeded' };

const text = z.string().nullish();
const code = z.union([z.string(), z.number()]).nullish();

const order = z.object({
  order_sn: unionId,
  goods_id: unionWord,
  goods_sign: unionWord,
  goods_quantity: units,
  order_amount: fen,
  promotion_amount: fen,
  order_status: unionId,
  order_create_time: unionSeconds,
  order_pay_time: unionSeconds,
  order_receive_time: unionSeconds,
  order_settle_time: unionSeconds,
  order_modify_at: unionSeconds,
  mall_id: unionWord,
  p_id: unionWord,
  pid: unionWord,
  custom_parameters: unionWord,
  return_status: code,
  price_compare_status: code,
  fail_reason: unionWord,
});

type Order = z.output<typeof order>;

/** An order has one product, so that what is said of its row is said of all of it. */
function map({ body }: KeptDelivery): MappedReport[] {
  const one = order.parse(parseJson(body));
  const standing = STANDING[one.order_status] ?? null;
  const completed = standing === 'completed' || standing === 'settled';
  const uid = uidOf(one.custom_parameters);
  const report = {
    order_id: one.order_sn,
    status: completed ? ('completed' as const) : standing === 'created' || standing === 'paid' ? standing : null,
    void:
      standing === null ? null : standing === 'void' ? { reason: one.fail_reason ?? `order_status ${one.order_status}` } : (false as const),
    currency: 'CNY',
    observed_at: one.order_modify_at,
    created_at: one.order_create_time,
    paid_at: one.order_pay_time,
    completed_at: completed ? one.order_receive_time : null,
    settled_at: standing === 'settled' ? (one.order_settle_time ?? one.order_modify_at) : null,
    link_code: codeInField(uid),
    // A shop's policy may let orders of a buyer who compared prices earn nothing.
    scene: String(one.price_compare_status) === '1' ? 'price_compare' : null,
    lines: [lineOf(one)],
    refunds: refundsOf(one, completed),
  };
  return [{ report, shop: one.mall_id ?? UNNAMED_SHOP, names: namesOf(one, uid), unknownCode: unknownIn(one) }];
}

function unknownIn({ order_status, return_status }: Order): string | null {
  if (STANDING[order_status] === undefined) return `order_status ${order_status}`;
  return RETURN[returnOf(return_status)] === undefined ? `return_status ${return_status}` : null;
}

const returnOf = (stated: Order['return_status']): string => String(stated ?? '') || '0';

function lineOf({ order_sn, goods_id, goods_sign, goods_quantity, order_amount, promotion_amount }: Order) {
  return {
    line_id: order_sn,
    product_id: goods_id ?? goods_sign,
    quantity: goods_quantity || 1,
    paid_amount: order_amount,
    platform_commission: promotion_amount,
  };
}

/**
 * The row says that goods came back and not for how much: while it is open, or says what nobody
 * knows, all of it waits, and afterwards all of it is gone. A finished one says, too, that nothing
 * came back: it may have been on its way.
 */
function refundsOf({ order_sn, order_amount, return_status }: Order, isCompleted: boolean) {
  const status = RETURN[returnOf(return_status)] ?? 'open';
  const isSaid = status !== 'failed' || (isCompleted && return_status != null);
  return isSaid ? [{ refund_id: `${order_sn}-return`, line_id: order_sn, amount: order_amount, status }] : [];
}

/**
 * Who shared, in the words of whoever made the link: the `uid` of its custom parameters, else the
 * position.
 */
function namesOf({ custom_parameters, p_id, pid }: Order, uid: string | null): MappedReport['names'] {
  if (codeInField(uid) !== null) return [];
  if (custom_parameters !== null) return [{ type: 'custom_parameters', value: uid ?? custom_parameters }];
  const stated = p_id ?? pid;
  return stated === null ? [] : [{ type: 'pid', value: stated }];
}

const customParameters = z.looseObject({ uid: unionId });

/** Custom parameters are whatever their maker wrote; PDD asks for JSON with a `uid`. */
function uidOf(stated: string | null | undefined): string | null {
  if (!stated?.startsWith('{')) return null;
  const parsed = customParameters.safeParse(readable(stated));
  return parsed.success ? parsed.data.uid : null;
}

function readable(json: string): unknown {
  try {
    return parseJson(Buffer.from(json));
  } catch {
    // Somebody wrote something else that begins with a brace: it is a name like any other.
    return null;
  }
}

const listAnswer = z.object({ order_list_get_response: z.object({ order_list: z.array(z.unknown()), total_count: z.int().min(0) }) });

/**
 * `pdd.ddk.order.list.increment.get`: a day at most. The last page is read first and the first one
 * last: a row that is updated meanwhile moves behind all pages, and those behind it move towards
 * the first.
 */
async function list({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const read = async (page: number) => {
    const question = {
      start_update_time: String(Math.floor(from.getTime() / 1000)),
      end_update_time: String(Math.ceil(until.getTime() / 1000)),
      page: String(page),
      page_size: String(PAGE_SIZE),
      return_count: 'true',
    };
    return listAnswer.parse(await ask('pdd.ddk.order.list.increment.get', question, asking)).order_list_get_response;
  };
  if (cursor === null) {
    const { total_count: total, order_list: orders } = await read(1);
    if (total > PAGE_SIZE) return { bodies: [], next: String(Math.ceil(total / PAGE_SIZE)) };
    return { bodies: orders.map(bodyOf), next: null };
  }
  const page = Number(cursor);
  const { order_list: orders } = await read(page);
  return { bodies: orders.map(bodyOf), next: page > 1 ? String(page - 1) : null };
}

const linkAnswer = z.object({
  goods_promotion_url_generate_response: z.object({ goods_promotion_url_list: z.array(z.object({ short_url: text, url: text })) }),
});

/** `pdd.ddk.goods.promotion.url.generate`; the product's id is its `goods_sign`. */
async function promote({ productId, code }: PromotionWish, asking: Asking): Promise<Promotion> {
  const { pid } = options.parse(asking.options);
  if (pid === undefined) throw new AskingFailed('refused', 'PDD makes links under a position only: state options.pid of the source');
  const question = {
    p_id: pid,
    goods_sign_list: JSON.stringify([productId]),
    custom_parameters: JSON.stringify({ uid: fieldOfCode(code) }),
    generate_short_url: 'true',
  };
  const answer = linkAnswer.parse(await ask('pdd.ddk.goods.promotion.url.generate', question, asking));
  const [link] = answer.goods_promotion_url_generate_response.goods_promotion_url_list;
  const url = link?.short_url ?? link?.url;
  if (!url) throw new AskingFailed('refused', `PDD knows no product ${productId}, or may not promote it`);
  return { url, expiresAt: null };
}

async function ask(type: string, business: Record<string, string>, asking: Asking): Promise<Record<string, unknown>> {
  const parameters = {
    ...business,
    type,
    client_id: secretOf(asking, 'client_id'),
    data_type: 'JSON',
    timestamp: String(Math.floor(asking.now.getTime() / 1000)),
  };
  const sign = topSign(secretOf(asking, 'client_secret'), parameters);
  return askGateway('/api/router', { ...parameters, sign }, asking, kindOf);
}

function kindOf({ error_code: errorCode }: GatewayError): NoAnswer {
  if (RATE_LIMITED.has(errorCode ?? '')) return 'rate_limited';
  return REFUSED.has(errorCode ?? '') ? 'refused' : 'temporary';
}
