// How 淘宝客 is asked: its signed calls, the lists of orders and of refunds by update time, and its
// links.
import { z } from 'zod';

import { AskingFailed, secretOf, type Asking, type NoAnswer } from '../asking.ts';
import { pullOptions, type FeedPage, type Promotion, type FeedQuestion, type PromotionWish } from '../source.ts';
import { askGateway, bodyOf, chinaClock, fieldOfCode, topSign, TOP_SIGN_METHODS, unionId, type GatewayError } from './union.ts';

const PAGE_SIZE = 100;
const ORDERS_BY_UPDATE = '4';
const REFUNDS_BY_UPDATE = 5;
const ALL_ORDERS = 1;
const ALL_PARTIES = 4;

/**
 * Of one part of a purchase an account may get two rows: as the first owner of its commission (二方),
 * and as a taker of a part (三方).
 */
const PARTIES = ['second', 'third'] as const;

export type Party = (typeof PARTIES)[number];

const digits = z.string().regex(/^\d{1,20}$/, 'must be digits');

export const options = z.strictObject({
  pull: pullOptions.prefault({}),
  order_scene: z
    .enum(['1', '2', '3'])
    .default('1')
    .meta({ description: 'Which orders are listed: all (1), those of channels (2), those of members (3).' }),
  party: z
    .enum(PARTIES)
    .default('second')
    .meta({ description: 'Whose rows earn: those of the first owner of a commission (二方), or of who takes a part of it (三方).' }),
  sign_method: z.enum(TOP_SIGN_METHODS).default('md5').meta({ description: 'How calls are signed.' }),
  site_id: digits.optional().meta({
    description:
      'The medium (媒体) under which each link gets a position (推广位) of its own, whose name is our code and comes back with orders.',
  }),
  adzone_id: digits.optional().meta({
    description:
      'Without a `site_id`: the position under which links are made for promoters that a `relation_id` or `special_id` is mapped to.',
  }),
});

const text = z.string().nullish();
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((said) => said === 'true')]).nullish();
/** Named after the type of the rows, which the gateway and the documentation spell differently. */
const rowsNamed = z.record(z.string(), z.array(z.unknown())).nullish();

const ordersAnswer = z.object({
  tbk_order_details_get_response: z.object({ data: z.object({ results: rowsNamed, has_next: flag, position_index: text }) }),
});

/**
 * Where a page begins: its number, and behind the first one the position that the page before gave.
 */
const place = z.tuple([z.int(), z.string()]);
const FIRST: z.output<typeof place> = [1, ''];

const placeIn = (cursor: string | null) => (cursor === null ? FIRST : place.parse(JSON.parse(cursor)));

function nextOf(
  page: number,
  { has_next: more, position_index: position }: { has_next?: unknown; position_index?: string | null | undefined },
) {
  return more === true && position ? JSON.stringify([page + 1, position]) : null;
}

/** `taobao.tbk.order.details.get` by update time. */
export async function listOrders({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const [page, position] = placeIn(cursor);
  const question = {
    query_type: ORDERS_BY_UPDATE,
    start_time: chinaClock(from),
    end_time: chinaClock(until),
    page_size: String(PAGE_SIZE),
    page_no: String(page),
    ...(position === '' ? {} : { position_index: position, jump_type: '1' }),
    order_scene: options.parse(asking.options).order_scene,
  };
  const { data } = ordersAnswer.parse(await ask('taobao.tbk.order.details.get', question, asking)).tbk_order_details_get_response;
  return { bodies: rowsIn(data.results), next: nextOf(page, data) };
}

const refundsAnswer = z.object({
  tbk_order_refund_get_response: z.object({
    data: z.object({ result: rowsNamed, has_next: flag, position_index: text }).nullish(),
    biz_error_desc: text,
  }),
});

/**
 * `taobao.tbk.order.refund.get` by update time: the refunds after the settlement of all orders, not
 * only of channels and members.
 */
export async function listRefunds({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const [page, position] = placeIn(cursor);
  const question = {
    query_type: REFUNDS_BY_UPDATE,
    start_time: chinaClock(from),
    end_time: chinaClock(until),
    page_size: PAGE_SIZE,
    page_no: page,
    ...(position === '' ? {} : { position_index: position, jump_type: 1 }),
    order_scene: ALL_ORDERS,
    member_type: ALL_PARTIES,
  };
  const business = { publisher_refund_order_query_option: JSON.stringify(question) };
  const answer = refundsAnswer.parse(await ask('taobao.tbk.order.refund.get', business, asking)).tbk_order_refund_get_response;
  const { data } = answer;
  if (data == null) throw new AskingFailed('temporary', `淘宝客 listed no refunds: ${answer.biz_error_desc ?? 'it did not say why'}`);
  return { bodies: rowsIn(data.result), next: nextOf(page, data) };
}

const rowsIn = (rows: z.output<typeof rowsNamed>): Buffer[] =>
  Object.values(rows ?? {})
    .flat()
    .map(bodyOf);

const links = z.object({ coupon_long_url: text, coupon_short_url: text, cps_long_url: text, cps_short_url: text });

const linkAnswer = z.object({
  tbk_dg_general_link_convert_response: z.object({
    data: z.object({
      item_url_list: z
        .object({ item_url_list: z.array(z.object({ code: unionId.nullish(), msg: text, link_info_dto: links.nullish() })) })
        .nullish(),
    }),
  }),
});

/**
 * `taobao.tbk.dg.general.link.convert` for one product; of its links the one that brings a coupon,
 * and the long one, because short ones end some day. (open.taobao.com, apiId 65409)
 */
export async function convertLink(wish: PromotionWish, asking: Asking): Promise<Promotion> {
  const question = {
    ...(await whoseLink(wish, asking)),
    item_id_list: wish.productId,
    required_link_type: Object.keys(links.shape).join(','),
  };
  const answer = linkAnswer.parse(await ask('taobao.tbk.dg.general.link.convert', question, asking));
  const [made] = answer.tbk_dg_general_link_convert_response.data.item_url_list?.item_url_list ?? [];
  const found = made?.link_info_dto;
  const url = found?.coupon_long_url || found?.cps_long_url || found?.coupon_short_url || found?.cps_short_url;
  if (url) return { url, expiresAt: null };
  throw new AskingFailed('refused', `淘宝客 makes no link to ${wish.productId}: ${made?.code ?? ''} ${made?.msg ?? 'it did not say why'}`);
}

/** What a promoter may be called: the position, the channel or the member. */
const WHOSE = ['adzone_id', 'relation_id', 'special_id'];

/**
 * What says whose link it is. The row of an order has no field for a word of ours (its `unid` is
 * kept back), but it has the name of the position that the link was made under. Without a position
 * for each link it has the channel, the member or the position of the promoter.
 */
async function whoseLink({ code, names }: PromotionWish, asking: Asking): Promise<Record<string, string>> {
  const { site_id: site, adzone_id: position } = options.parse(asking.options);
  if (site !== undefined) return { adzone_id: await makePosition(site, code, asking) };
  const word = WHOSE.flatMap((type) => names.filter((name) => name.type === type))[0];
  if (word === undefined) {
    const words = 'or map the promoter as an `adzone_id`, a `relation_id` or a `special_id`';
    throw refusal(`has our code on an order only where each link has a position of its own: state options.site_id, ${words}`);
  }
  if (word.type === 'adzone_id') return { adzone_id: word.value };
  if (position === undefined) throw refusal(`makes links under a position: state options.adzone_id for promoters with a ${word.type}`);
  return { adzone_id: position, [word.type]: word.value };
}

function refusal(words: string): AskingFailed {
  return new AskingFailed('refused', `淘宝客 ${words}`);
}

const positionAnswer = z.object({
  tbk_adzone_create_response: z.object({ data: z.object({ model: z.string().regex(/^mm_\d+_\d+_\d+$/) }) }),
});

/**
 * `taobao.tbk.adzone.create`: a position under a medium, by its whole PID, whose last part is its
 * id. (open.taobao.com, apiId 31372)
 */
async function makePosition(site: string, code: string, asking: Asking): Promise<string> {
  const answer = await ask('taobao.tbk.adzone.create', { site_id: site, adzone_name: fieldOfCode(code) }, asking);
  return positionAnswer.parse(answer).tbk_adzone_create_response.data.model.split('_').at(-1)!;
}

async function ask(method: string, business: Record<string, string>, asking: Asking): Promise<Record<string, unknown>> {
  const { sign_method } = options.parse(asking.options);
  const parameters = {
    ...business,
    method,
    app_key: secretOf(asking, 'app_key'),
    timestamp: chinaClock(asking.now),
    format: 'json',
    v: '2.0',
    sign_method,
  };
  return askGateway(
    '/router/rest',
    { ...parameters, sign: topSign(secretOf(asking, 'app_secret'), parameters, sign_method) },
    asking,
    kindOf,
  );
}

/** TOP's own: limits of the user, the session, the partner and the application. */
const LIMITED = new Set(['4', '5', '6', '7', '8']);
/**
 * Of the service behind TOP: an account that asks too often, on the order lists and on the others.
 */
const ACCOUNT_LIMITED = new Set(['3000', '9100', '50002']);

/**
 * What TOP says itself is in `code`, and what the service behind it says in `sub_code`: `isp`
 * passes, `isv` is for the caller to change. (open.taobao.com, docId 114)
 */
function kindOf({ code, sub_code: subCode }: GatewayError): NoAnswer {
  const sub = subCode ?? '';
  if (LIMITED.has(code ?? '') || ACCOUNT_LIMITED.has(sub) || /limited-by|call-limited/.test(sub)) return 'rate_limited';
  if (sub.startsWith('isp.')) return 'temporary';
  if (sub.startsWith('isv.')) return 'refused';
  const number = Number(code);
  return number === 9 || (number >= 11 && number <= 13) || (number >= 21 && number <= 43) ? 'refused' : 'temporary';
}
