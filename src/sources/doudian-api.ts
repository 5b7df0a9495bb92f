// How 抖店 is asked: its signature, its access token, the lists of orders and one order by its id.
import { createHmac } from 'node:crypto';

import { z } from 'zod';

import { stringifyJson } from '../platform/json.ts';
import { askWithToken, TokenEnded } from './access-token.ts';
import { askJson, AskingFailed, type Asking, type NoAnswer, type Token } from './asking.ts';
import { secretsNamed, type Page, type Promotion, type Question, type Wish } from './source.ts';
import { chinaClock, fieldOfCode, unionId } from './union.ts';

const SHOP_PAGE_SIZE = 99;
const ALLIANCE_PAGE_SIZE = 20;
const NO_MORE = new Set(['', '-1', '0']);
/** A token is renewed so long before it ends. */
const TOKEN_MARGIN_SECONDS = 600;
const DONE = '10000';

const word = unionId.nullish();

/** What is signed of a call: between twice the secret the names and values of the five parameters, in the order of the names. */
export function doudianText(secret: string, call: { appKey: string; method: string; json: string; timestamp: number }): string {
  const { appKey, method, json, timestamp } = call;
  return `${secret}app_key${appKey}method${method}param_json${json}timestamp${timestamp}v2${secret}`;
}

/** The signature of a call: HMAC-SHA256 under the secret. The business parameters are JSON with sorted keys. */
export function doudianSign(secret: string, call: Parameters<typeof doudianText>[1]): string {
  return createHmac('sha256', secret).update(doudianText(secret, call)).digest('hex');
}

const shopAnswer = z.object({ shop_order_list: z.array(z.unknown()).nullish(), total: z.int().nullish() });

/**
 * `order.searchList` by update time, the last page first: an order that changes meanwhile moves behind all pages, and those behind it
 * towards the first.
 */
export async function listShopOrders({ from, until, cursor }: Question, asking: Asking): Promise<Page> {
  const read = async (page: number) => {
    const question = {
      order_asc: true,
      order_by: 'update_time',
      page,
      size: SHOP_PAGE_SIZE,
      update_time_end: Math.ceil(until.getTime() / 1000),
      update_time_start: Math.floor(from.getTime() / 1000),
    };
    return shopAnswer.parse(await ask('order.searchList', question, asking));
  };
  if (cursor === null) {
    const { shop_order_list: orders, total } = await read(0);
    if ((total ?? 0) > SHOP_PAGE_SIZE) return { bodies: [], next: String(Math.ceil(total! / SHOP_PAGE_SIZE) - 1) };
    return { bodies: (orders ?? []).map(bodyOf), next: null };
  }
  const page = Number(cursor);
  const { shop_order_list: orders } = await read(page);
  return { bodies: (orders ?? []).map(bodyOf), next: page > 0 ? String(page - 1) : null };
}

const allianceAnswer = z.object({ orders: z.array(z.unknown()).nullish(), cursor: word });

/** `buyin.instituteOrderColonel`'s kind of list: twenty rows a page, by a cursor that begins at 0. */
export async function listAllianceOrders({ from, until, cursor }: Question, asking: Asking): Promise<Page> {
  const question = {
    cursor: cursor ?? '0',
    end_time: chinaClock(until),
    size: ALLIANCE_PAGE_SIZE,
    start_time: chinaClock(from),
    time_type: 'update',
  };
  const { orders, cursor: next } = allianceAnswer.parse(await ask('buyin.queryShopAllianceOrder', question, asking));
  const isLast = (orders ?? []).length < ALLIANCE_PAGE_SIZE || NO_MORE.has(next ?? '');
  return { bodies: (orders ?? []).map(bodyOf), next: isLast ? null : next! };
}

const detailAnswer = z.object({ shop_order_detail: z.unknown() });

/** `order.orderDetail` for a key `order/<id>`. */
export async function fetchOrder(key: string, asking: Asking): Promise<Buffer[]> {
  const { shop_order_detail: order } = detailAnswer.parse(
    await ask('order.orderDetail', { shop_order_id: key.slice('order/'.length) }, asking),
  );
  return order === null || order === undefined ? [] : [bodyOf(order)];
}

const shareAnswer = z.object({ share_link: z.string().min(1) });

/** `buyin.kolProductShare`: the alliance's link of a product, under a position of a 抖客, with our code in its `external_info`. */
export async function shareProduct({ landingUrl, productId, code }: Wish, asking: Asking): Promise<Promotion> {
  const { pid } = z.object({ pid: z.string().optional() }).parse(asking.options);
  if (pid === undefined) throw new AskingFailed('refused', '精选联盟 makes links under a position only: state options.pid of the source');
  const question = {
    external_info: fieldOfCode(code),
    need_share_link: true,
    need_zlink: false,
    pid,
    product_url: landingUrl ?? `https://haohuo.jinritemai.com/views/product/item2?id=${productId}`,
  };
  const { share_link: url } = shareAnswer.parse(await ask('buyin.kolProductShare', question, asking));
  return { url, expiresAt: null };
}

const bodyOf = (row: unknown): Buffer => Buffer.from(stringifyJson(row));

async function ask(method: string, question: object, asking: Asking): Promise<unknown> {
  const obtain = () => obtainToken(asking);
  return askWithToken(asking, obtain, (token) => call(method, question, asking, token));
}

const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.int() });

/** `token.create` for an application of the shop's own. */
async function obtainToken(asking: Asking): Promise<Token> {
  const { shop_id: shopId } = z.object({ shop_id: z.string().optional() }).parse(asking.options);
  if (shopId === undefined) throw new AskingFailed('refused', '抖店 gives its token to a shop: state options.shop_id of the source');
  const question = { code: '', grant_type: 'authorization_self', shop_id: shopId };
  const { access_token: value, expires_in } = tokenAnswer.parse(await call('token.create', question, asking, null));
  return { value, expiresAt: new Date(asking.now.getTime() + (expires_in - TOKEN_MARGIN_SECONDS) * 1000) };
}

const envelope = z.object({ code: unionId, msg: word, sub_code: word, sub_msg: word, data: z.unknown().optional() });

async function call(method: string, question: object, asking: Asking, token: string | null): Promise<unknown> {
  const [appKey = ''] = secretsNamed(asking.secrets, 'app_key');
  const [secret = ''] = secretsNamed(asking.secrets, 'app_secret');
  const json = stringifyJson(question);
  const timestamp = Math.floor(asking.now.getTime() / 1000);
  const query = new URLSearchParams({
    method,
    app_key: appKey,
    ...(token === null ? {} : { access_token: token }),
    timestamp: String(timestamp),
    v: '2',
    sign_method: 'hmac-sha256',
    sign: doudianSign(secret, { appKey, method, json, timestamp }),
  });
  const url = `${asking.baseUrl}/${method.replaceAll('.', '/')}?${query.toString()}`;
  const { value } = await askJson(asking.fetch, url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: json });
  const { code, msg, sub_code: subCode, sub_msg: subMsg, data } = envelope.parse(value);
  if (code === DONE) return data;
  const words = [code, msg, subCode, subMsg].filter(Boolean).join(' ');
  const message = `抖店 answered ${method} with ${words}`;
  if (/access.?token.*(expired|invalid)|token.*过期/i.test(words)) throw new TokenEnded('refused', message);
  if (/limit|限流|频率|too many/i.test(words)) throw new AskingFailed('rate_limited', message);
  throw new AskingFailed(kindOf(words), message);
}

/**
 * `isp` is what the platform has to mend and `isv` what the caller has to, but only what is about
 * keys and rights is about everything: the rest is about the one thing that was asked for, such as
 * `isv.business-failed` for the order of another shop.
 */
function kindOf(words: string): NoAnswer {
  if (/isv\.(auth|sign|app|access|permission)|sign invalid|permission|unauthori[sz]ed|权限|授权|签名/i.test(words)) return 'refused';
  return /isp\./.test(words) ? 'temporary' : 'item_refused';
}
