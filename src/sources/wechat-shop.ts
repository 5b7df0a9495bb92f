// 微信小店: pushes in secure mode that name orders only, which are then fetched; or an institution's feed of commission orders.
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

import { parseJson } from '../platform/json.ts';
import { oneOf, oneOrMoreSecrets, pullOptions, sameText, secretsNamed } from './source.ts';
import type { Adapter, Kept, Mapped, Push, Verified, Wanted } from './source.ts';
import { unionId } from './union.ts';
import { fetchWanted, listAfterSales, listCommissionOrders, listOrders } from './wechat-api.ts';
import { wechatDecrypt, wechatKey, wechatSign } from './wechat-crypt.ts';
import { commissionOrder, COMMISSIONS, mapCommissionOrder } from './wechat-commission.ts';
import { fetchLockDays, shareProduct } from './wechat-links.ts';
import { afterSale, isStillParsed, mapAfterSale, mapOrder, shopOrder } from './wechat-orders.ts';

const DAY_MS = 24 * 3_600_000;
/** A question is asked in whole seconds, the first one and the last one included, and may not span a second more than WeChat says. */
const SECOND_MS = 1000;
/** Who shared is found out after the order is there; it is asked for again so much later. */
const ASK_AGAIN_MS = 5 * 60_000;

const secret = z.string().min(1).max(256);

const options = z.strictObject({
  pull: pullOptions,
  orders: z
    .enum(['shop', 'institution'])
    .default('shop')
    .meta({ description: 'Whose orders: those of the shop itself, or the commission orders of an institution.' }),
  commission: z.enum(COMMISSIONS).default('service').meta({ description: 'Of a commission order: which part is the institution’s.' }),
});

const ofShop = (stated: Record<string, unknown>) => options.parse(stated).orders === 'shop';

export const wechatShop: Adapter = {
  kind: 'wechat-shop',
  pushBytesMax: 32 * 1024,
  secrets: z.strictObject({
    app_id: secret,
    app_secret: secret,
    token: oneOrMoreSecrets,
    encoding_aes_key: oneOrMoreSecrets.refine((key) => [key].flat().every((one) => wechatKey(one) !== null), {
      error: 'must be the 43 letters and digits of the EncodingAESKey',
    }),
  }),
  options,
  verify,
  answer: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'success' },
  map,
  wanted,
  baseUrl: () => 'https://api.weixin.qq.com',
  feeds: [
    { name: 'orders', windowMs: () => 7 * DAY_MS - SECOND_MS, backMs: null, overlapMs: DAY_MS, appliesTo: ofShop, list: listOrders },
    {
      name: 'after-sales',
      windowMs: () => DAY_MS - SECOND_MS,
      backMs: null,
      overlapMs: DAY_MS / 4,
      appliesTo: ofShop,
      list: listAfterSales,
    },
    {
      name: 'commission-orders',
      windowMs: () => 7 * DAY_MS - SECOND_MS,
      backMs: null,
      overlapMs: DAY_MS,
      appliesTo: (stated) => !ofShop(stated),
      list: listCommissionOrders,
    },
  ],
  detail: fetchWanted,
  promote: shareProduct,
  linkHosts: ['store.weixin.qq.com'],
  lockDays: fetchLockDays,
};

/** A handshake signs its time; a push signs its encrypted content too. Plain mode signs no body, so that anybody could write it. */
function verify({ method, query, body, secrets }: Push): Verified {
  const tokens = secretsNamed(secrets, 'token');
  const keys = secretsNamed(secrets, 'encoding_aes_key').flatMap((text) => wechatKey(text) ?? []);
  const [appId] = secretsNamed(secrets, 'app_id');
  if (tokens.length === 0 || keys.length === 0 || appId === undefined) return { ok: false, reason: 'no_secret' };
  const [timestamp, nonce] = [oneOf(query, 'timestamp') ?? '', oneOf(query, 'nonce') ?? ''];
  if (method === 'GET') {
    const [signature, echo] = [oneOf(query, 'signature'), oneOf(query, 'echostr')];
    if (signature === undefined || echo === undefined) return { ok: false, reason: 'missing_signature' };
    if (!tokens.some((token) => sameText(signature, wechatSign(token, timestamp, nonce)))) return { ok: false, reason: 'wrong_signature' };
    return { ok: true, answer: { status: 200, contentType: 'text/plain; charset=utf-8', body: echo } };
  }
  const signature = oneOf(query, 'msg_signature');
  const encrypted = encryptedOf(body);
  if (signature === undefined || encrypted === null) return { ok: false, reason: 'missing_signature' };
  const isSigned = tokens.some((token) => sameText(signature, wechatSign(token, timestamp, nonce, encrypted)));
  if (!isSigned) return { ok: false, reason: 'wrong_signature' };
  const content = keys.map((key) => wechatDecrypt(encrypted, key, appId)).find((one) => one !== null);
  return content === undefined ? { ok: false, reason: 'wrong_signature' } : { ok: true, signedId: null, keep: {}, content };
}

// Numbers stay text, so that no digit of an id is lost; entities are not expanded beyond the five of XML.
const xml = new XMLParser({ parseTagValue: false, ignoreAttributes: true, trimValues: true });

/** A message in JSON or in XML, whichever the shop was told to send. */
function readMessage(bytes: Buffer): unknown {
  const text = bytes.toString('utf8').trimStart();
  if (!text.startsWith('<')) return parseJson(bytes);
  const parsed = xml.parse(text) as Record<string, unknown>;
  return parsed['xml'];
}

const envelope = z.looseObject({ Encrypt: z.string().min(1) });

function encryptedOf(body: Buffer): string | null {
  try {
    return envelope.parse(readMessage(body)).Encrypt;
  } catch {
    // Whatever else it is, it is nothing that was encrypted for us.
    return null;
  }
}

const message = z.looseObject({ Event: z.string() });
const orderNamed = z.looseObject({ order_id: unionId });
const afterSaleNamed = z.looseObject({ after_sale_order_id: unionId });
const commissionNamed = z.looseObject({ order_id: unionId, sku_id: unionId });

/** Events name an order, an after-sale or a commission order; an order whose sharer is still being looked for is asked for again. */
function wanted({ body }: Kept): Wanted[] {
  const value = z.looseObject({}).parse(readMessage(body));
  if (value['order'] !== undefined) {
    const order = shopOrder.parse(value['order']);
    return isStillParsed(order) ? [{ key: `order/${order.order_id}`, afterMs: ASK_AGAIN_MS }] : [];
  }
  const event = message.safeParse(value);
  return event.success ? namedBy(event.data) : [];
}

function namedBy({ Event: event, ...rest }: z.output<typeof message>): Wanted[] {
  if (event === 'channels_ec_aftersale_update') {
    const { after_sale_order_id: id } = afterSaleNamed.parse(rest['finder_shop_aftersale_status_update']);
    return [{ key: `after-sale/${id}` }];
  }
  if (event === 'head_supplier_commission_order_update' || event === 'talent_commission_order_update') {
    const { order_id, sku_id } = commissionNamed.parse(rest['order_info']);
    return [{ key: `commission/${order_id}/${sku_id}` }];
  }
  const named = orderNamed.safeParse(rest['order_info']);
  return event.startsWith('channels_ec_order_') && named.success ? [{ key: `order/${named.data.order_id}` }] : [];
}

/** What was fetched tells of an order; an event tells nothing that the order does not. */
function map({ body, options: stated }: Kept): Mapped[] {
  const value = z.looseObject({}).parse(readMessage(body));
  if (value['order'] !== undefined) return [mapOrder(shopOrder.parse(value['order']))];
  if (value['after_sale_order'] !== undefined) return [mapAfterSale(afterSale.parse(value['after_sale_order']))];
  // The platform spells it so.
  const row = value['commssion_order'];
  return row === undefined ? [] : [mapCommissionOrder(commissionOrder.parse(row), options.parse(stated).commission)];
}
