// How 京东联盟 is asked: the rows of an hour, in parts that have one page each, and a link to a
// product.
import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import { AskingFailed, secretOf, type Asking, type NoAnswer } from '../asking.ts';
import type { FeedPage, Promotion, FeedQuestion, PromotionWish } from '../source.ts';
import { askGateway, bodyOf, chinaClock, fieldOfCode, topSign, unionId, type GatewayError } from './union.ts';
import { DAY_MS } from '../../platform/durations.ts';

const PAGE_SIZE = 500;
const BY_UPDATE_TIME = 3;
const LINK_LIFE_MS = 60 * DAY_MS;

/** What is read next: a page of a part of the window, which is told in seconds since 1970. */
const place = z.object({ from: z.int(), until: z.int(), page: z.int(), isOnWayBack: z.boolean() });

type Place = z.output<typeof place>;

/**
 * `jd.union.open.order.row.query` by update time: an hour at most, pages of 500 by their numbers.
 * While pages are read a row that is updated leaves its place, and one that JD tells late takes a
 * place, so that others move to pages that were read already. So a part of the window that has
 * several pages is halved until it has one, which is the state of one moment. A single second that
 * has several is read from its last page to its first: what leaves it moves its rows towards the
 * first.
 */
export async function listRows({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const end = Math.ceil(until.getTime() / 1000);
  const start = { from: Math.floor(from.getTime() / 1000), until: end, page: 1, isOnWayBack: false };
  const here = cursor === null ? start : place.parse(JSON.parse(cursor));
  const { data, hasMore } = await readPage(here, asking);
  if (hasMore === true && !here.isOnWayBack) return { bodies: [], next: JSON.stringify(finer(here)) };
  const next = here.page > 1 ? { ...here, page: here.page - 1, isOnWayBack: true } : partBehind(here, end);
  return { bodies: (data ?? []).map(bodyOf), next: next === null ? null : JSON.stringify(next) };
}

/**
 * Where to look instead of at what has more than a page: at the first half, or in a second, which
 * has none, for its last page.
 */
function finer(here: Place): Place {
  const seconds = here.until - here.from;
  return seconds > 1 ? { ...here, until: here.from + Math.floor(seconds / 2) } : { ...here, page: here.page + 1 };
}

/**
 * The next part, twice as long as the one that was read, so that one busy second does not make all
 * that follow short; null at the end.
 */
function partBehind({ from, until }: Place, end: number): Place | null {
  return until >= end ? null : { from: until, until: Math.min(until + 2 * (until - from), end), page: 1, isOnWayBack: false };
}

const rowsAnswer = z.object({ data: z.array(z.unknown()).nullish(), hasMore: z.boolean().nullish() });

/**
 * JD does not say whether the end belongs to what it answers: parts that meet in a second miss
 * nothing either way.
 */
async function readPage({ from, until, page }: Place, asking: Asking): Promise<z.output<typeof rowsAnswer>> {
  const orderReq = {
    pageIndex: page,
    pageSize: PAGE_SIZE,
    type: BY_UPDATE_TIME,
    startTime: chinaClock(new Date(from * 1000)),
    endTime: chinaClock(new Date(until * 1000)),
  };
  return rowsAnswer.parse(await ask('jd.union.open.order.row.query', { orderReq }, 'queryResult', asking));
}

const text = z.string().nullish();

const linkAnswer = z.object({ data: z.object({ shortURL: text, clickURL: text }) });

/** `jd.union.open.promotion.bysubunionid.get`: a short link of JD's, which lives sixty days. */
export async function promote({ landingUrl, productId, code }: PromotionWish, asking: Asking): Promise<Promotion> {
  const promotionCodeReq = {
    materialId: landingUrl ?? `https://item.jd.com/${productId}.html`,
    subUnionId: fieldOfCode(code),
    positionId: asking.options['position_id'],
  };
  const result = await ask('jd.union.open.promotion.bysubunionid.get', { promotionCodeReq }, 'getResult', asking, kindOfPromotion);
  const { data } = linkAnswer.parse(result);
  const url = data.shortURL ?? data.clickURL;
  if (!url) throw new AskingFailed('temporary', 'JD made no link and did not say why');
  return { url, expiresAt: new Date(asking.now.getTime() + LINK_LIFE_MS) };
}

const resultHead = z.object({ code: unionId, message: text });

/**
 * Asks a method. Its result is JSON inside of a text, in an envelope whose name JD spells
 * `_responce`.
 */
async function ask(method: string, business: object, resultName: string, asking: Asking, kindOfCode = kindOf): Promise<unknown> {
  const token = secretOf(asking, 'access_token');
  const parameters = {
    method,
    app_key: secretOf(asking, 'app_key'),
    ...(token === '' ? {} : { access_token: token }),
    timestamp: chinaClock(asking.now),
    v: '1.0',
    '360buy_param_json': JSON.stringify(business),
  };
  const sign = topSign(secretOf(asking, 'app_secret'), parameters);
  const answer = await askGateway('/routerjson', { ...parameters, sign }, asking, kindOf);
  const envelope = z.record(z.string(), z.unknown()).parse(answer[`${method.replaceAll('.', '_')}_responce`] ?? {});
  const result = envelope[resultName];
  if (typeof result !== 'string') throw new AskingFailed('temporary', `JD answered ${method} without its ${resultName}`);
  const value = parseJson(Buffer.from(result));
  const { code, message } = resultHead.parse(value);
  if (code !== '200') throw new AskingFailed(kindOfCode({ code, zh_desc: message }), `JD answered ${method} with ${code} ${message ?? ''}`);
  return value;
}

/**
 * What JD says of a product is not mended by asking again; only what it says of itself, in codes
 * like those of HTTP, is.
 */
function kindOfPromotion(error: GatewayError): NoAnswer {
  const kind = kindOf(error);
  return kind === 'temporary' && !/^5\d\d$/.test(error.code ?? '') ? 'refused' : kind;
}

/** The codes are many and change; their words are plain. */
function kindOf({ zh_desc, msg, sub_msg, code }: GatewayError): NoAnswer {
  const words = `${code ?? ''} ${zh_desc ?? ''} ${msg ?? ''} ${sub_msg ?? ''}`;
  if (/频率|限流|超限|too many|frequen|limit|qps/i.test(words)) return 'rate_limited';
  return /签名|sign|token|app_?key|权限|授权|unauthori|forbidden/i.test(words) ? 'refused' : 'temporary';
}
