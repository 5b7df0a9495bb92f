// 京东联盟: orders by pull only, a row for each sku. An order that is split comes again as its parts, which name it as their parent.
import { z } from 'zod';

import { parseJson, stringifyJson } from '../platform/json.ts';
import { AskingFailed, type Asking } from './asking.ts';
import {
  pullOptions,
  secretsNamed,
  type Adapter,
  type Kept,
  type Mapped,
  type Page,
  type Promotion,
  type Question,
  type Wish,
} from './source.ts';
import {
  askGateway,
  chinaClock,
  chinaTime,
  codeInField,
  fieldOfCode,
  pullOnly,
  topSign,
  unionId,
  yuan,
  type GatewayError,
} from './union.ts';

const HOUR_MS = 3_600_000;
const PAGE_SIZE = 500;
const BY_UPDATE_TIME = 3;

const secret = z.string().min(1).max(256);

const options = z.strictObject({
  pull: pullOptions.prefault({}),
  position_id: z.string().max(64).optional().meta({ description: 'The promotion position under which links are made.' }),
});

export const jd: Adapter = {
  kind: 'jd',
  secrets: z.strictObject({ app_key: secret, app_secret: secret, access_token: secret.optional() }).transform(withoutAbsent),
  options,
  ...pullOnly,
  map,
  baseUrl: () => 'https://api.jd.com',
  feeds: [{ name: 'orders', windowMs: () => HOUR_MS, backMs: 90 * 24 * HOUR_MS, overlapMs: HOUR_MS / 4, list }],
  promote,
  linkHosts: ['u.jd.com', 'union-click.jd.com'],
};

function withoutAbsent(secrets: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

type Standing = 'created' | 'paid' | 'completed' | 'split' | 'invalid';

/** What each `validCode` of a row means. The list has grown over the years and will grow on: another code leaves the order as it was. */
const STANDING: Readonly<Record<string, Standing>> = {
  '-1': 'created',
  '15': 'created',
  '16': 'paid',
  '17': 'completed',
  '18': 'completed',
  '2': 'split',
  '3': 'invalid', // cancelled
  '4': 'invalid', // 京东帮帮主
  '5': 'invalid', // account
  '6': 'invalid', // gift
  '7': 'invalid', // campus
  '8': 'invalid', // company
  '9': 'invalid', // group
  '10': 'invalid', // VAT invoice
  '11': 'invalid', // village promoter
  '12': 'invalid', // self purchase, on rows of before July 2018
  '13': 'invalid', // against the rules
  '14': 'invalid', // from another site than the registered one
  '20': 'invalid', // repeat of an invalid first order
  '21': 'invalid', // cloud shop
  '22': 'invalid', // PLUS member without commission
  '27': 'invalid', // against the rules of the platform
};

const text = z.string().nullish();
const id = unionId.nullish();

const row = z.object({
  id: unionId,
  orderId: unionId,
  parentId: id,
  popId: id,
  orderTime: z.string(),
  finishTime: text,
  modifyTime: text,
  skuId: unionId,
  skuNum: z.int().min(0),
  skuReturnNum: z.int().min(0).nullish(),
  estimateCosPrice: yuan,
  estimateFee: yuan,
  actualCosPrice: yuan.nullish(),
  actualFee: yuan.nullish(),
  validCode: z.int(),
  payMonth: id,
  positionId: id,
  subUnionId: text,
});

type Row = z.output<typeof row>;

function map({ body }: Kept): Mapped[] {
  const one = row.parse(parseJson(body));
  const standing = STANDING[String(one.validCode)] ?? null;
  const completed = standing === 'completed';
  const parent = said(one.parentId);
  const report = {
    order_id: one.orderId,
    status: standing === 'split' || standing === 'invalid' ? null : standing,
    void: standing === 'split' ? { reason: 'split into its parts' } : null,
    currency: 'CNY',
    observed_at: chinaTime(one.modifyTime) ?? chinaTime(one.orderTime),
    created_at: chinaTime(one.orderTime),
    // A row does not say when it was paid; JD counts from the order.
    paid_at: standing === 'paid' || completed ? chinaTime(one.orderTime) : null,
    completed_at: completed ? chinaTime(one.finishTime) : null,
    settled_at: completed ? dayOf(one.payMonth) : null,
    link_code: codeInField(one.subUnionId),
    parent: parent === null ? null : { order_id: parent, kind: 'split' as const },
    lines: [lineOf(one, standing)],
  };
  const unknownCode = standing === null ? `validCode ${one.validCode}` : null;
  return [{ report, shop: said(one.popId), names: namesOf(one), unknownCode }];
}

/** Before completion JD estimates; afterwards it says what was really paid, and lowers that with every refund. */
function lineOf(one: Row, standing: Standing | null) {
  const isInvalid = standing === 'invalid' || standing === 'split';
  const paid = standing === 'completed' ? (one.actualCosPrice ?? 0) : one.estimateCosPrice;
  const commission = standing === 'completed' ? (one.actualFee ?? 0) : one.estimateFee;
  return {
    line_id: one.id,
    product_id: one.skuId,
    quantity: Math.max(1, one.skuNum - (one.skuReturnNum ?? 0)),
    paid_amount: isInvalid ? 0 : paid,
    platform_commission: isInvalid ? 0 : commission,
  };
}

/** Who shared: the finest word that the row has. The positions of an account are only its own when nobody used a finer one. */
function namesOf({ subUnionId, positionId }: Row): Mapped['names'] {
  if (codeInField(subUnionId) !== null) return [];
  if (subUnionId) return [{ type: 'sub_union_id', value: subUnionId }];
  const position = said(positionId);
  return position === null ? [] : [{ type: 'position_id', value: position }];
}

/** JD writes 0 where there is nothing. */
function said(value: string | null | undefined): string | null {
  return value && value !== '0' ? value : null;
}

/** `payMonth` is a day, 20240620: when the commission is paid, as JD expects while that lies ahead. */
function dayOf(payMonth: string | null | undefined): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(payMonth ?? '') ?? [];
  return year === undefined ? null : `${year}-${month}-${day}T00:00:00+08:00`;
}

const rowsAnswer = z.object({ data: z.array(z.unknown()).nullish(), hasMore: z.boolean().nullish() });

/** `jd.union.open.order.row.query` by update time: an hour at most, pages of 500. */
async function list({ from, until, cursor }: Question, asking: Asking): Promise<Page> {
  const page = cursor === null ? 1 : Number(cursor);
  const orderReq = {
    pageIndex: page,
    pageSize: PAGE_SIZE,
    type: BY_UPDATE_TIME,
    startTime: chinaClock(from),
    endTime: chinaClock(new Date(until.getTime() - 1)),
  };
  const result = await ask('jd.union.open.order.row.query', { orderReq }, 'queryResult', asking);
  const answer = rowsAnswer.parse(result);
  const bodies = (answer.data ?? []).map((one) => Buffer.from(stringifyJson(one)));
  return { bodies, next: answer.hasMore === true ? String(page + 1) : null };
}

const linkAnswer = z.object({ data: z.object({ shortURL: text, clickURL: text }) });

/** `jd.union.open.promotion.bysubunionid.get`: a short link of JD's, which lives sixty days. */
async function promote({ landingUrl, productId, code }: Wish, asking: Asking): Promise<Promotion> {
  const promotionCodeReq = {
    materialId: landingUrl ?? `https://item.jd.com/${productId}.html`,
    subUnionId: fieldOfCode(code),
    positionId: asking.options['position_id'],
  };
  const result = await ask('jd.union.open.promotion.bysubunionid.get', { promotionCodeReq }, 'getResult', asking, kindOfPromotion);
  const { data } = linkAnswer.parse(result);
  const url = data.shortURL ?? data.clickURL;
  if (!url) throw new AskingFailed('temporary', 'JD made no link and did not say why');
  return { url, expiresAt: new Date(asking.now.getTime() + 60 * 24 * HOUR_MS) };
}

const resultHead = z.object({ code: unionId, message: text });

/** Asks a method. Its result is JSON inside of a text, in an envelope whose name JD spells `_responce`. */
async function ask(method: string, business: object, resultName: string, asking: Asking, kindOfCode = kindOf): Promise<unknown> {
  const [appKey = '', appSecret = '', token] = ['app_key', 'app_secret', 'access_token'].map(
    (name) => secretsNamed(asking.secrets, name)[0],
  );
  const parameters = {
    method,
    app_key: appKey,
    ...(token === undefined ? {} : { access_token: token }),
    timestamp: chinaClock(asking.now),
    v: '1.0',
    '360buy_param_json': JSON.stringify(business),
  };
  const signed = { ...parameters, sign: topSign(appSecret, parameters) };
  const answer = await askGateway('/routerjson', signed, asking, kindOf);
  const envelope = z.record(z.string(), z.unknown()).parse(answer[`${method.replaceAll('.', '_')}_responce`] ?? {});
  const result = envelope[resultName];
  if (typeof result !== 'string') throw new AskingFailed('temporary', `JD answered ${method} without its ${resultName}`);
  const value = parseJson(Buffer.from(result));
  const { code, message } = resultHead.parse(value);
  if (code !== '200') throw new AskingFailed(kindOfCode({ code, zh_desc: message }), `JD answered ${method} with ${code} ${message ?? ''}`);
  return value;
}

/** What JD says of a product is not mended by asking again; only what it says of itself, in codes like those of HTTP, is. */
function kindOfPromotion(error: GatewayError): 'rate_limited' | 'refused' | 'temporary' {
  const kind = kindOf(error);
  return kind === 'temporary' && !/^5\d\d$/.test(error.code ?? '') ? 'refused' : kind;
}

/** The codes are many and change; their words are plain. */
function kindOf({ zh_desc, msg, sub_msg, code }: GatewayError): 'rate_limited' | 'refused' | 'temporary' {
  const words = `${code ?? ''} ${zh_desc ?? ''} ${msg ?? ''} ${sub_msg ?? ''}`;
  if (/频率|限流|超限|too many|frequen|limit|qps/i.test(words)) return 'rate_limited';
  return /签名|sign|token|app_?key|权限|授权|unauthori|forbidden/i.test(words) ? 'refused' : 'temporary';
}
