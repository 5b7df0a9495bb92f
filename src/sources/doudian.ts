// 抖店 and 精选联盟: the shop's own orders, which are pushed by name only and then fetched; or an institution's feed of alliance orders.
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { parseJson } from '../platform/json.ts';
import { fetchOrder, listAllianceOrders, listShopOrders, shareProduct } from './doudian-api.ts';
import { allianceOrder, mapAllianceOrder, mapShopOrder, ROLES, shopOrder } from './doudian-orders.ts';
import { keepHeaders, oneOf, oneOrMoreSecrets, pullOptions, sameText, secretsNamed } from './source.ts';
import type { Adapter, Answer, Kept, Mapped, Push, Verified, Wanted } from './source.ts';
import { secondsTime, unionId } from './union.ts';

const DAY_MS = 24 * 3_600_000;

const secret = z.string().min(1).max(256);

const options = z.strictObject({
  pull: pullOptions,
  orders: z
    .enum(['shop', 'alliance'])
    .default('shop')
    .meta({ description: 'Whose orders: those of the shop itself, or those of an institution in the alliance.' }),
  role: z.enum(ROLES).default('author').meta({ description: 'Of an alliance order: whose commission is the institution’s.' }),
  shop_id: z.string().max(32).optional().meta({ description: 'The shop that has authorised the application.' }),
  pid: z.string().max(64).optional().meta({ description: 'The 抖客 position under which links are made.' }),
});

export const doudian: Adapter = {
  kind: 'doudian',
  pushBytesMax: 256 * 1024,
  secrets: z.strictObject({ app_key: secret, app_secret: oneOrMoreSecrets }),
  options,
  verify,
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"code":0,"msg":"success"}' },
  map,
  wanted,
  baseUrl: () => 'https://openapi-fxg.jinritemai.com',
  feeds: [
    {
      name: 'orders',
      windowMs: () => DAY_MS,
      backMs: 90 * DAY_MS,
      overlapMs: 600_000,
      appliesTo: (stated) => options.parse(stated).orders === 'shop',
      list: listShopOrders,
    },
    {
      name: 'alliance',
      windowMs: () => DAY_MS,
      backMs: 90 * DAY_MS,
      overlapMs: 3_600_000,
      appliesTo: (stated) => options.parse(stated).orders === 'alliance',
      list: listAllianceOrders,
    },
  ],
  detail: fetchOrder,
  promote: shareProduct,
  linkHosts: ['*.jinritemai.com'],
};

/**
 * 抖店 signs with `event-sign`, the MD5 of the application's key, the raw body and its secret; an application of the open platform with
 * `x-douyin-signature`, the SHA-1 of its secret and the raw body. Neither signs a time.
 */
function verify({ headers, body, secrets }: Push): Verified {
  const [appKey] = secretsNamed(secrets, 'app_key');
  const appSecrets = secretsNamed(secrets, 'app_secret');
  if (appKey === undefined || appSecrets.length === 0) return { ok: false, reason: 'no_secret' };
  const ofShop = oneOf(headers, 'event-sign')?.toLowerCase();
  const ofOpen = oneOf(headers, 'x-douyin-signature')?.toLowerCase();
  if (ofShop === undefined && ofOpen === undefined) return { ok: false, reason: 'missing_signature' };
  const signs = (appSecret: string) =>
    ofShop === undefined
      ? sameText(ofOpen!, createHash('sha1').update(appSecret).update(body).digest('hex'))
      : sameText(ofShop, createHash('md5').update(appKey).update(body).update(appSecret).digest('hex'));
  if (!appSecrets.some(signs)) return { ok: false, reason: 'wrong_signature' };
  const answer = isPing(body) ? doudian.answer : challengeOf(body);
  return answer === null ? { ok: true, signedId: null, keep: keepHeaders(headers, ['app-id', 'msg-id']) } : { ok: true, answer };
}

const challenged = z.object({ event: z.literal('verify_webhook'), content: z.object({ challenge: z.union([z.number(), z.string()]) }) });

/** How the open platform wants its question answered whether we are there; null for everything else that it says. */
function challengeOf(body: Buffer): Answer | null {
  if (!body.includes('"verify_webhook"')) return null;
  const asked = challenged.safeParse(readable(body));
  return asked.success ? { ...doudian.answer, body: JSON.stringify({ challenge: asked.data.content.challenge }) } : null;
}

const PING = '0';

const messages = z.array(z.object({ tag: unionId, msg_id: unionId.nullish(), data: z.union([z.string(), z.looseObject({})]).nullish() }));

/** Whether this is only the question whether we are there. A signed body that cannot be read is kept, and shows why later. */
function isPing(body: Buffer): boolean {
  if (!body.includes('"0"') && !body.includes(':0')) return false;
  const told = messages.safeParse(readable(body));
  return told.success && told.data.length > 0 && told.data.every(({ tag }) => tag === PING);
}

function readable(body: Buffer): unknown {
  try {
    return parseJson(body);
  } catch {
    // It is kept as it came; `map` says what is wrong with it.
    return null;
  }
}

const REFUNDED = '206';
/** Messages of the shop's orders: made, paid, completed, cancelled, refunded. */
const OF_ORDERS = new Set(['100', '101', '103', '106', REFUNDED]);

const event = z.object({ p_id: unionId });

/** A push names an order and says hardly anything of it. */
function wanted({ body }: Kept): Wanted[] {
  const value = parseJson(body);
  if (!Array.isArray(value)) return [];
  return eventsOf(value).map(({ content }) => ({ key: `order/${event.parse(content).p_id}` }));
}

function map({ body, options: stated }: Kept): Mapped[] {
  const value = parseJson(body);
  // The order itself brings its refunds; this only brings them a little sooner.
  if (Array.isArray(value)) return eventsOf(value).flatMap(({ tag, content }) => (tag === REFUNDED ? [mapRefund(content)] : []));
  const row = z.looseObject({}).parse(value);
  // Events of the open platform are of users and contents, not of orders.
  if (typeof row['event'] === 'string') return [];
  if (row['flow_point'] !== undefined) return [mapAllianceOrder(allianceOrder.parse(row), options.parse(stated).role)];
  return [mapShopOrder(shopOrder.parse(row))];
}

/** The messages about orders, with their data, which is JSON inside of a text. */
function eventsOf(value: unknown[]): { tag: string; content: unknown }[] {
  return messages
    .parse(value)
    .filter(({ tag }) => OF_ORDERS.has(tag))
    .map(({ tag, data }) => ({ tag, content: typeof data === 'string' ? parseJson(Buffer.from(data)) : data }));
}

const refunded = z.object({
  p_id: unionId,
  s_id: unionId,
  aftersale_id: unionId,
  refund_amount: z.int().min(0),
  success_time: z.int().nullish(),
  shop_id: unionId.nullish(),
});

function mapRefund(content: unknown): Mapped {
  const { p_id, s_id, aftersale_id, refund_amount, success_time, shop_id } = refunded.parse(content);
  const at = secondsTime(success_time);
  const refund = { refund_id: aftersale_id, line_id: s_id, amount: refund_amount, status: 'succeeded' as const, refunded_at: at };
  return { report: { order_id: p_id, observed_at: at, refunds: [refund] }, shop: shop_id ?? null, names: [] };
}
