// What 微信小店 pushes: messages in secure mode, of which the envelope is cut out before anything is
// believed, and the keys of what their events name.
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import type { WantedDetail } from '../source.ts';
import { time, wechatId } from './fields.ts';

/**
 * An event names things by their ids, so that a message is small; whatever is larger is not read.
 */
export const ENVELOPE_BYTES_MAX = 32 * 1024;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** The id of a gift's sheet (礼物单) begins so, and an order's does not for decades. */
const GIFT_SHEET = /^42\d{10,}$/;

/** The orders of one gift that are asked for; a group has fewer members. */
const GIFT_ORDERS_MAX = 500;

/**
 * The encrypted content of a message, or null where there is none. Anybody may send such a message,
 * so it is cut out by its marks in one pass: what else is in the body, or how deep it is nested,
 * costs nothing, and is signed as a part of nothing.
 */
export function envelopeOf(body: Buffer): string | null {
  if (body.length > ENVELOPE_BYTES_MAX) return null;
  const text = body.toString('latin1');
  const cut = /^\s*</.test(text.slice(0, 64)) ? cutXml(text) : cutJson(text);
  return cut !== null && BASE64.test(cut) ? cut : null;
}

/** `<Encrypt><![CDATA[…]]></Encrypt>`, or without the marks of CDATA. */
function cutXml(text: string): string | null {
  const from = text.indexOf('<Encrypt>');
  const until = text.indexOf('</Encrypt>', from);
  if (from < 0 || until < 0) return null;
  const inner = text.slice(from + '<Encrypt>'.length, until).trim();
  return inner.startsWith('<![CDATA[') && inner.endsWith(']]>') ? inner.slice('<![CDATA['.length, -']]>'.length).trim() : inner;
}

/** `"Encrypt": "…"`; some writers of JSON escape its slashes. */
function cutJson(text: string): string | null {
  const name = text.indexOf('"Encrypt"');
  if (name < 0) return null;
  const from = text.indexOf('"', name + '"Encrypt"'.length);
  const until = text.indexOf('"', from + 1);
  const isValue = from > 0 && until > 0 && text.slice(name + '"Encrypt"'.length, from).trim() === ':';
  return isValue ? text.slice(from + 1, until).replaceAll('\\/', '/') : null;
}

// Numbers stay text, so that no digit of an id is lost; entities are not expanded beyond the five
// of XML.
const xml = new XMLParser({ parseTagValue: false, ignoreAttributes: true, trimValues: true });

/**
 * What a message says, or what was fetched: in JSON or in XML, whichever the shop was told to send.
 * Only for what was believed.
 */
export function readMessage(bytes: Buffer): Record<string, unknown> {
  const text = bytes.toString('utf8').trimStart();
  if (!text.startsWith('<')) return z.looseObject({}).parse(parseJson(bytes));
  const parsed = xml.parse(text) as Record<string, unknown>;
  return z.looseObject({}).parse(parsed['xml']);
}

const event = z.looseObject({ Event: z.string(), CreateTime: time });
const orderNamed = z.looseObject({ order_id: wechatId });
const afterSaleNamed = z.looseObject({ after_sale_order_id: wechatId });
const commissionNamed = z.looseObject({ order_id: wechatId, sku_id: wechatId });

/** A message as an event, or null for anything else. */
export function eventOf(message: Record<string, unknown>): z.output<typeof event> | null {
  const read = event.safeParse(message);
  return read.success ? read.data : null;
}

/**
 * What an event names: an order, an after-sale, a commission order; or of a gift the sheet that all
 * its orders have in common.
 */
export function namedBy({ Event: name, ...rest }: z.output<typeof event>): WantedDetail[] {
  switch (name) {
    case 'channels_ec_aftersale_update':
      return [{ key: `after-sale/${afterSaleNamed.parse(rest['finder_shop_aftersale_status_update']).after_sale_order_id}` }];
    case 'channels_ec_present_aftersale_update':
      return [{ key: `gift-after-sale/${afterSaleNamed.parse(rest['finder_shop_present_aftersale_status_update']).after_sale_order_id}` }];
    case 'channels_ec_complaint_update':
      return [orderKey(orderNamed.parse(rest['finder_shop_complaint']).order_id)];
    case 'head_supplier_commission_order_update': {
      const { order_id, sku_id } = commissionNamed.parse(rest['order_info']);
      return [{ key: `commission/${order_id}/${sku_id}` }];
    }
    case 'talent_commission_order_update': {
      const { order_id, sku_id } = commissionNamed.parse(rest['order_info']);
      return [{ key: `talent/${order_id}/${sku_id}` }];
    }
    default: {
      const named = orderNamed.safeParse(rest['order_info']);
      return name.startsWith('channels_ec_order_') && named.success ? [orderKey(named.data.order_id)] : [];
    }
  }
}

const giftOrders = z.looseObject({ order_ids: z.array(wechatId) });

/**
 * The orders of a gift, which its sheet lists and which are asked for each by itself: the sheet is
 * no order.
 */
export function ordersOfGift(message: Record<string, unknown>): WantedDetail[] {
  const read = giftOrders.safeParse(message);
  return read.success ? read.data.order_ids.slice(0, GIFT_ORDERS_MAX).map((id) => ({ key: `order/${id}` })) : [];
}

const orderKey = (id: string): WantedDetail => ({ key: `${GIFT_SHEET.test(id) ? 'gift' : 'order'}/${id}` });
