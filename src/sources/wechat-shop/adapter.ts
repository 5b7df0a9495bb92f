// 微信小店: pushes in secure mode that name orders only, which are then fetched; or the commission
// orders of an institution or a talent.
import { z } from 'zod';

import { pullOptions } from '../source.ts';
import { oneOf, oneOrMoreSecrets, sameText, secretsNamed } from '../signing.ts';
import type { Adapter, KeptDelivery, MappedReport, Push, PushVerdict, WantedDetail } from '../source.ts';
import { afterSale, complaint, giftAfterSale, mapAfterSale, mapComplaint, mapGiftAfterSale } from './after-sales.ts';
import { commissionOrder, COMMISSIONS, mapCommissionOrder, SHARER_PAID_BY, sharerBinding } from './commission.ts';
import { wechatDecrypt, wechatKey, wechatSign } from './crypt.ts';
import { fetchWanted } from './details.ts';
import { ENVELOPE_BYTES_MAX, envelopeOf, eventOf, namedBy, ordersOfGift, readMessage } from './events.ts';
import { listAfterSales, listCommissionOrders, listGiftAfterSales, listOrders, listTalentOrders } from './feeds.ts';
import { fetchLockDays, shareProduct } from './links.ts';
import { mapOrder, shopOrder, wantedByOrder } from './orders.ts';
import { mapTalentOrder, talentOrder } from './talent.ts';
import { DAY_MS, SECOND_MS } from '../../platform/durations.ts';

/**
 * A question is asked in whole seconds, the first one and the last one included, and may not span a
 * second more than WeChat says.
 */
/** SHA-1 in hexadecimal digits. */
const SIGNATURE = /^[0-9a-f]{40}$/i;

const secret = z.string().min(1).max(256);

/** Who has the account: each is answered by calls of its own only. */
const ROLES = ['shop', 'institution', 'talent'] as const;

const options = z.strictObject({
  pull: pullOptions,
  orders: z
    .enum(ROLES)
    .default('shop')
    .meta({ description: 'Whose orders: those of the shop itself, or the commission orders of an institution or of a talent.' }),
  commission: z.enum(COMMISSIONS).default('service').meta({ description: 'Of a commission order: which part is the institution’s.' }),
  sharer_paid_by: z
    .enum(SHARER_PAID_BY)
    .default('as_bound')
    .meta({ description: 'Who pays the 推客 of a commission order; nothing is earned here on a line whose 推客 WeChat pays.' }),
});

const of =
  (role: (typeof ROLES)[number]) =>
  (stated: Record<string, unknown>): boolean =>
    options.parse(stated).orders === role;

export const wechatShop: Adapter = {
  kind: 'wechat-shop',
  pushBytesMax: ENVELOPE_BYTES_MAX,
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
    { name: 'orders', windowMs: () => 7 * DAY_MS - SECOND_MS, backMs: null, overlapMs: DAY_MS, appliesTo: of('shop'), list: listOrders },
    {
      name: 'after-sales',
      windowMs: () => DAY_MS - SECOND_MS,
      backMs: null,
      overlapMs: DAY_MS / 4,
      appliesTo: of('shop'),
      list: listAfterSales,
    },
    {
      name: 'gift-after-sales',
      windowMs: () => DAY_MS - SECOND_MS,
      backMs: null,
      // They are listed by when they were made, and are paid back within hours.
      overlapMs: DAY_MS,
      appliesTo: of('shop'),
      list: listGiftAfterSales,
    },
    {
      name: 'commission-orders',
      windowMs: () => 7 * DAY_MS - SECOND_MS,
      backMs: null,
      overlapMs: DAY_MS,
      appliesTo: of('institution'),
      list: listCommissionOrders,
    },
    {
      name: 'talent-orders',
      windowMs: () => 7 * DAY_MS - 3 * SECOND_MS,
      backMs: null,
      overlapMs: DAY_MS,
      appliesTo: of('talent'),
      list: listTalentOrders,
    },
  ],
  detail: fetchWanted,
  promote: shareProduct,
  linkHosts: ['store.weixin.qq.com'],
  lockDays: fetchLockDays,
};

/**
 * A handshake signs its time; a push signs its encrypted content too. Plain mode signs no body, so
 * that anybody could write it.
 */
function verify({ method, query, body, secrets }: Push): PushVerdict {
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
  const encrypted = envelopeOf(body);
  if (signature === undefined || encrypted === null) return { ok: false, reason: 'missing_signature' };
  if (!SIGNATURE.test(signature)) return { ok: false, reason: 'wrong_signature' };
  const isSigned = tokens.some((token) => sameText(signature, wechatSign(token, timestamp, nonce, encrypted)));
  if (!isSigned) return { ok: false, reason: 'wrong_signature' };
  const content = keys.map((key) => wechatDecrypt(encrypted, key, appId)).find((one) => one !== null);
  return content === undefined ? { ok: false, reason: 'wrong_signature' } : { ok: true, signedId: null, keep: {}, content };
}

/**
 * Events name what is to be fetched; an order that was fetched may want itself again, and its
 * after-sales.
 */
function wanted({ body, receivedAt }: KeptDelivery): WantedDetail[] {
  const message = readMessage(body);
  if (message['order'] !== undefined) return wantedByOrder(shopOrder.parse(message['order']), receivedAt);
  const event = eventOf(message);
  return event === null ? ordersOfGift(message) : namedBy(event);
}

/**
 * What was fetched tells of an order; of the events only that of a dispute says what nothing else
 * does.
 */
function map({ body, options: stated }: KeptDelivery): MappedReport[] {
  const message = readMessage(body);
  if (message['order'] !== undefined) return [mapOrder(shopOrder.parse(message['order']))];
  const after = message['after_sale_order'];
  if (after !== undefined) return isOfGift(after) ? mapGiftAfterSale(giftAfterSale.parse(after)) : [mapAfterSale(afterSale.parse(after))];
  if (message['commssion_order'] !== undefined) {
    const binding = sharerBinding.parse(message['sharer_binding']);
    return [mapCommissionOrder(commissionOrder.parse(message['commssion_order']), binding, options.parse(stated))];
  }
  if (message['base_info'] !== undefined) return [mapTalentOrder(talentOrder.parse(message))];
  const event = eventOf(message);
  if (event?.Event !== 'channels_ec_complaint_update') return [];
  return [mapComplaint(complaint.parse(event['finder_shop_complaint']), event.CreateTime)];
}

/** The after-sale of a gift lists what came back of each of its orders. */
const isOfGift = (after: unknown): boolean => typeof after === 'object' && after !== null && 'order_info_list' in after;
