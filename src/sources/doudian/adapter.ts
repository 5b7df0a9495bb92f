// 抖店 and 精选联盟: the shop's own orders, which are pushed by name only and then fetched; or an
// institution's feed of alliance orders.
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import { reportOfRefund } from './after-sales.ts';
import { allianceOrder, mapAllianceOrder, mapSettlements, ALLIANCE_ROLES, settledOrder, type Ours } from './alliance.ts';
import {
  fetchOrder,
  listAlliance,
  listSettlements,
  listShopOrders,
  OF_COLONELS,
  OF_INSTITUTES,
  OF_KOLS,
  OF_KOLS_COMPARED,
  OF_MERCHANTS,
  orderKey,
  refundsKey,
  shareProduct,
} from './api.ts';
import { hasOpenAfterSale, mapShopOrder, needsAfterSales, shopOrder } from './orders.ts';
import { pullOptions } from '../source.ts';
import { keepHeaders, oneOf, oneOrMoreSecrets, sameText, secretsNamed } from '../signing.ts';
import type { Adapter, PushAnswer, Feed, KeptDelivery, MappedReport, Push, PushVerdict, WantedDetail } from '../source.ts';
import { unionId, unionWord, UNNAMED_SHOP } from '../unions/union.ts';
import { DAY_MS, HOUR_MS } from '../../platform/durations.ts';

const secret = z.string().min(1).max(256);

const digits = z.string().regex(/^\d{1,32}$/, 'must be digits');

const options = z.strictObject({
  pull: pullOptions,
  orders: z
    .enum(['shop', 'alliance', 'institution', 'talent'])
    .default('shop')
    .meta({
      description: `Whose orders: those of a shop (\`shop\`), what a merchant sees of them in the alliance (\`alliance\`), those of an
        institution (机构) there, or those of a talent or a 抖客.`,
    }),
  role: z
    .enum(ALLIANCE_ROLES)
    .optional()
    .meta({
      description: `Of an alliance order: whose commission is read. By default a merchant's talent (\`author\`), an institution as a 团长
        (\`colonel\`), and what a 抖客 gets of the kind of its promotion.`,
    }),
  colonel_buyin_id: digits.optional().meta({ description: 'The 百应 id of the institution, where an order may have two of them.' }),
  shop_id: z.string().max(32).optional().meta({ description: 'The shop that has authorised the application.' }),
  auth_id: z.string().max(64).optional().meta({ description: 'The institution or the 抖客 that has authorised the application.' }),
  auth_subject_type: z
    .enum(['Colonel', 'MCN', 'DouKe'])
    .optional()
    .meta({ description: 'As whom it has: by default what `orders` and `role` say.' }),
  pid: z.string().max(64).optional().meta({ description: 'The 抖客 position under which links are made.' }),
});

type Options = z.output<typeof options>;

/** Every list of the alliance goes back ninety days, and is read in days. */
function allianceFeed(name: string, list: Feed['list'], applies: (stated: Options) => boolean): Feed {
  const appliesTo: Feed['appliesTo'] = (stated) => applies(options.parse(stated));
  return { name, windowMs: () => DAY_MS, backMs: 90 * DAY_MS, overlapMs: HOUR_MS, appliesTo, list };
}

const COMPARED = 'talent-compared';

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
    allianceFeed('alliance', listAlliance(OF_MERCHANTS), ({ orders }) => orders === 'alliance'),
    allianceFeed('institution', listAlliance(OF_COLONELS), ({ orders, role }) => orders === 'institution' && role !== 'ads'),
    allianceFeed('settlements', listSettlements, ({ orders, role }) => orders === 'institution' && role !== 'ads'),
    allianceFeed('institution-ads', listAlliance(OF_INSTITUTES), ({ orders, role }) => orders === 'institution' && role === 'ads'),
    allianceFeed('talent', listAlliance(OF_KOLS), ({ orders }) => orders === 'talent'),
    allianceFeed(COMPARED, listAlliance(OF_KOLS_COMPARED), ({ orders }) => orders === 'talent'),
  ],
  detail: fetchOrder,
  promote: shareProduct,
  linkHosts: ['*.jinritemai.com'],
};

/**
 * 抖店 signs with `event-sign`, the MD5 of the application's key, the raw body and its secret; an
 * application of the open platform with `x-douyin-signature`, the SHA-1 of its secret and the raw
 * body. Neither signs a time.
 */
function verify({ headers, body, secrets }: Push): PushVerdict {
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

/**
 * How the open platform wants its question answered whether we are there; null for everything else
 * that it says.
 */
function challengeOf(body: Buffer): PushAnswer | null {
  if (!body.includes('"verify_webhook"')) return null;
  const asked = challenged.safeParse(readable(body));
  return asked.success ? { ...doudian.answer, body: JSON.stringify({ challenge: asked.data.content.challenge }) } : null;
}

const PING = '0';

const messages = z.array(z.object({ tag: unionId, msg_id: unionId.nullish(), data: z.union([z.string(), z.looseObject({})]).nullish() }));

/**
 * Whether this is only the question whether we are there. A signed body that cannot be read is
 * kept, and shows why later.
 */
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
/**
 * Messages of the shop's orders (made, paid, completed, cancelled, its amount changed, paid and to
 * be checked) and of their after-sales.
 */
const OF_ORDERS = new Set('100 101 103 106 109 110 200 201 202 203 204 205 206 207 208 209 212 214 215 216 217 224 225'.split(' '));

const event = z.object({ p_id: unionId, shop_id: unionWord });

/** An after-sale under way whose end is never told is looked at again after so long. */
const OPEN_AFTER_SALE_MS = 6 * HOUR_MS;

/**
 * A push names an order and says hardly anything of it; an order says of its after-sales no amount.
 */
function wanted({ body, options: stated }: KeptDelivery): WantedDetail[] {
  const value = parseJson(body);
  if (Array.isArray(value)) return eventsOf(value, options.parse(stated)).map(({ orderId }) => ({ key: orderKey(orderId) }));
  const order = shopOrder.safeParse(value);
  // What is no order of a shop names nothing; one that cannot be read fails where it is mapped.
  if (!order.success) return [];
  const key = refundsKey(order.data.order_id);
  if (needsAfterSales(order.data)) return [{ key }];
  return hasOpenAfterSale(order.data) ? [{ key, afterMs: OPEN_AFTER_SALE_MS }] : [];
}

function map({ body, headers, options: stated, receivedAt }: KeptDelivery): MappedReport[] {
  const value = parseJson(body);
  const parsed = options.parse(stated);
  if (Array.isArray(value)) {
    const refunds = eventsOf(value, parsed).filter(({ tag }) => tag === REFUNDED);
    return refunds.map(({ content, shop }) => ({ report: reportOfRefund(content), shop: shop ?? UNNAMED_SHOP, names: [] }));
  }
  const row = z.looseObject({}).parse(value);
  // Events of the open platform are of users and contents, not of orders.
  if (typeof row['event'] === 'string') return [];
  const ours: Ours = { role: roleOf(parsed), colonelId: parsed.colonel_buyin_id ?? null };
  if (row['settlements'] !== undefined) return [mapSettlements(settledOrder.parse(row), ours, receivedAt)];
  if (row['flow_point'] === undefined) return [mapShopOrder(shopOrder.parse(row), receivedAt)];
  return [mapAllianceOrder(allianceOrder.parse(row), ours, { compared: headers['feed'] === COMPARED, receivedAt })];
}

function roleOf({ orders, role }: Options): Ours['role'] {
  if (role !== undefined) return role;
  return orders === 'institution' ? 'colonel' : orders === 'talent' ? null : 'author';
}

/**
 * The messages about orders, with their data, which is JSON inside of a text. An application may be
 * authorised by many shops and gets the messages of all: where a source says which shop it is,
 * those of others are not its own.
 */
function eventsOf(value: unknown[], { shop_id: ours }: Options) {
  return messages.parse(value).flatMap(({ tag, data }) => {
    if (!OF_ORDERS.has(tag)) return [];
    const content: unknown = typeof data === 'string' ? parseJson(Buffer.from(data)) : data;
    const { p_id: orderId, shop_id: shop } = event.parse(content);
    return ours !== undefined && shop !== null && shop !== ours ? [] : [{ tag, content, orderId, shop }];
  });
}
