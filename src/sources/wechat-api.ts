// How 微信小店 is asked: its access token, the lists of what changed, and one thing by its id. Lists give ids only, so pages are small.
import { z } from 'zod';

import { stringifyJson } from '../platform/json.ts';
import { askWithToken, TokenEnded } from './access-token.ts';
import { askJson, AskingFailed, secretOf, type Asking, type NoAnswer, type Token } from './asking.ts';
import { fetchEach } from './details.ts';
import type { Page, Question } from './source.ts';
import { unionId } from './union.ts';

const PAGE_SIZE = 20;
/** A token is renewed so long before it ends. */
const TOKEN_MARGIN_SECONDS = 300;
const TOKEN_ENDED = new Set([40001, 40014, 42001]);
const SYSTEM_ERROR = -1;
const PER_DAY = 45009;
const PER_MINUTE = 45011;
const MINUTE_MS = 60_000;
/**
 * What an operator has to change: the application, its secret, the addresses it may be asked from, its rights. Of the codes that are common
 * to all calls (developers.weixin.qq.com/doc/store/shop/dev_before/commErrCode), others are about one thing, or mended by themselves.
 */
const REFUSED = new Set([40013, 40125, 40164, 45035, 48001, 48004, 50001, 50002, 61004]);

const more = { next_key: z.string().nullish(), has_more: z.boolean().nullish() };

const orderIds = z.object({ order_id_list: z.array(unionId).nullish(), ...more });

/** `channels/ec/order/list/get` by update time, seven days at most. */
export async function listOrders({ from, until, cursor }: Question, asking: Asking): Promise<Page> {
  const question = { update_time_range: rangeOf(from, until), page_size: PAGE_SIZE, next_key: cursor ?? '' };
  const { order_id_list: ids, ...rest } = orderIds.parse(await askList('/channels/ec/order/list/get', question, asking, 'order_id_list'));
  return pageOf(
    (ids ?? []).map((id) => `order/${id}`),
    rest,
    asking,
  );
}

const afterSaleIds = z.object({ after_sale_order_id_list: z.array(unionId).nullish(), ...more });

/** `channels/ec/aftersale/getaftersalelist` by update time, a day at most. */
export async function listAfterSales({ from, until, cursor }: Question, asking: Asking): Promise<Page> {
  const { start_time, end_time } = rangeOf(from, until);
  const question = { begin_update_time: start_time, end_update_time: end_time, next_key: cursor ?? '' };
  const { after_sale_order_id_list: ids, ...rest } = afterSaleIds.parse(
    await askList('/channels/ec/aftersale/getaftersalelist', question, asking, 'after_sale_order_id_list'),
  );
  return pageOf(
    (ids ?? []).map((id) => `after-sale/${id}`),
    rest,
    asking,
  );
}

const commissionIds = z.object({ list: z.array(z.object({ order_id: unionId, sku_id: unionId })).nullish(), ...more });

/** `channels/ec/league/headsupplier/order/list/get` by update time, thirty a page at most. */
export async function listCommissionOrders({ from, until, cursor }: Question, asking: Asking): Promise<Page> {
  const question = { update_time_range: rangeOf(from, until), page_size: PAGE_SIZE, next_key: cursor ?? '' };
  const { list, ...rest } = commissionIds.parse(await askList('/channels/ec/league/headsupplier/order/list/get', question, asking, 'list'));
  return pageOf(
    (list ?? []).map(({ order_id, sku_id }) => `commission/${order_id}/${sku_id}`),
    rest,
    asking,
  );
}

/** An empty list may be left out; but what says neither it nor that all is well is no answer, and nothing must be missed for it. */
async function askList(path: string, question: object, asking: Asking, name: string): Promise<Record<string, unknown>> {
  const answer = await ask(path, question, asking);
  if (answer[name] !== undefined || answer['errcode'] !== undefined) return answer;
  throw new AskingFailed('temporary', `WeChat answered ${path} without its ${name}`);
}

function rangeOf(from: Date, until: Date) {
  return { start_time: Math.floor(from.getTime() / 1000), end_time: Math.ceil(until.getTime() / 1000) };
}

async function pageOf(
  keys: string[],
  { next_key: next, has_more: hasMore }: { next_key?: string | null | undefined; has_more?: boolean | null | undefined },
  asking: Asking,
): Promise<Page> {
  const told = await fetchEach(
    keys,
    (key) => key,
    (key) => fetchWanted(key, asking),
  );
  return { ...told, next: hasMore === true && next ? next : null };
}

/** One order, after-sale or commission order, by a key like `order/<id>`. */
export async function fetchWanted(key: string, asking: Asking): Promise<Buffer[]> {
  const [kind, id = '', skuId = ''] = key.split('/');
  if (kind === 'order') return [await fetchOne('/channels/ec/order/get', { order_id: id }, 'order', asking)];
  if (kind === 'after-sale')
    return [await fetchOne('/channels/ec/aftersale/getaftersaleorder', { after_sale_order_id: id }, 'after_sale_order', asking)];
  return [await fetchOne('/channels/ec/league/headsupplier/order/get', { order_id: id, sku_id: skuId }, 'commssion_order', asking)];
}

/** The answer without its code and message, so that the same thing is the same bytes. */
async function fetchOne(path: string, question: object, name: string, asking: Asking): Promise<Buffer> {
  const answer = await ask(path, question, asking);
  if (answer[name] === undefined) throw new AskingFailed('temporary', `WeChat answered ${path} without its ${name}`);
  return Buffer.from(stringifyJson({ [name]: answer[name] }));
}

/** Asks with the access token. `judge` says what an error code means. */
export async function ask(path: string, question: object, asking: Asking, judge = kindOf): Promise<Record<string, unknown>> {
  const obtain = () => obtainToken(asking);
  return askWithToken(asking, obtain, (token) => post(`${path}?access_token=${encodeURIComponent(token)}`, question, asking, judge));
}

const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.int() });

/** `cgi-bin/stable_token`: asking for it again gives the same token for as long as it is good, so that two processes do not end each other's. */
async function obtainToken(asking: Asking): Promise<Token> {
  const [appid, secret] = [secretOf(asking, 'app_id'), secretOf(asking, 'app_secret')];
  const answer = await post('/cgi-bin/stable_token', { grant_type: 'client_credential', appid, secret }, asking);
  const { access_token: value, expires_in } = tokenAnswer.parse(answer);
  return { value, expiresAt: new Date(asking.now.getTime() + (expires_in - TOKEN_MARGIN_SECONDS) * 1000) };
}

/** Some examples of the documentation write the code as a text. */
const code = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?\d+$/)
    .transform(Number),
]);
const envelope = z.looseObject({ errcode: code.optional(), errmsg: z.string().default('') });

async function post(pathAndQuery: string, question: object, asking: Asking, judge = kindOf): Promise<Record<string, unknown>> {
  const { value } = await askJson(asking.fetch, asking.baseUrl + pathAndQuery, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: stringifyJson(question),
  });
  const answer = envelope.parse(value);
  const { errcode = 0, errmsg } = answer;
  if (errcode === 0) return answer;
  const told = `WeChat answered ${pathAndQuery.split('?', 1)[0]} with ${errcode} ${errmsg}`;
  if (TOKEN_ENDED.has(errcode)) throw new TokenEnded('refused', told);
  throw new AskingFailed(judge(errcode), told, { retryAfterMs: errcode === PER_MINUTE ? MINUTE_MS : null });
}

function kindOf(errcode: number): NoAnswer {
  if (errcode === PER_DAY || errcode === PER_MINUTE) return 'rate_limited';
  return REFUSED.has(errcode) ? 'refused' : 'temporary';
}

/** What WeChat says of a 推客, a product or a shop is not mended by asking again; only what it says of itself is. */
export function kindOfLink(errcode: number): NoAnswer {
  const kind = kindOf(errcode);
  return kind === 'temporary' && errcode !== SYSTEM_ERROR ? 'refused' : kind;
}
