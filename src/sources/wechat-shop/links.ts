// What an institution asks of 微信小店 besides its orders: links for its 推客, and for how long a shop
// locks a buyer to one of them.
import { z } from 'zod';

import { AskingFailed, type Asking } from '../asking.ts';
import type { LockDays, Promotion, PromotionWish } from '../source.ts';
import { ask } from './api.ts';
import { SHARER_APPID } from './commission.ts';

const PRODUCT_ID = /^\d{1,20}$/;
const text = z.string().nullish();

const linkAnswer = z.object({ http_short_link: text });

/**
 * `channels/ec/promoter/get_product_promotion_link_info`: the link of one 推客 to one product of one
 * shop, which WeChat opens. It has no field for a code of ours: its orders say whose link it was,
 * by the appid that a mapping means.
 * (developers.weixin.qq.com/doc/store/leagueheadsupplier/api/sharer/getshop/api_getproductpromotionlinkinfo)
 */
export async function shareProduct({ productId, names, shops }: PromotionWish, asking: Asking): Promise<Promotion> {
  const sharer = names.find(({ type }) => type === SHARER_APPID)?.value;
  const [shop] = shops;
  if (sharer === undefined) {
    throw refusal('makes a link for a 推客 and carries no code of ours: map the appid of the 推客 to the promoter, as a `sharer_appid`');
  }
  if (shop === undefined) throw refusal('makes links to products of a shop: map the appid of the shop to the merchant, as a `shop`');
  if (!PRODUCT_ID.test(productId)) throw refusal(`numbers its products, and ${productId} is no number`);
  const question = { sharer_appid: sharer, product_id: BigInt(productId), shop_appid: shop };
  const answer = await askAsInstitution('/channels/ec/promoter/get_product_promotion_link_info', question, asking);
  const { http_short_link: url } = linkAnswer.parse(answer);
  if (!url) throw new AskingFailed('temporary', '微信小店 made no link and did not say why');
  return { url, expiresAt: null };
}

const days = z.int().min(0).nullish();

const lockAnswer = z.object({
  shopsetting_product_click_lock_day: days,
  shopsetting_product_order_lock_day: days,
  shopsetting_content_click_lock_day: days,
  shopsetting_content_order_lock_day: days,
  default_product_click_lock_day: days,
  default_product_order_lock_day: days,
  default_content_click_lock_day: days,
  default_content_order_lock_day: days,
});

/**
 * `channels/ec/league/headsupplier/lockcustomertime/getlocktime`: what the shop has set counts
 * before WeChat's own numbers; 0 is not set.
 * (developers.weixin.qq.com/doc/store/leagueheadsupplier/api/headsupplier/api_getshoplocktime)
 */
export async function fetchLockDays(shop: string, asking: Asking): Promise<LockDays> {
  const answer = await askAsInstitution('/channels/ec/league/headsupplier/lockcustomertime/getlocktime', { shop_appid: shop }, asking);
  const told = lockAnswer.parse(answer);
  return {
    productClick: told.shopsetting_product_click_lock_day || (told.default_product_click_lock_day ?? null),
    productOrder: told.shopsetting_product_order_lock_day || (told.default_product_order_lock_day ?? null),
    contentClick: told.shopsetting_content_click_lock_day || (told.default_content_click_lock_day ?? null),
    contentOrder: told.shopsetting_content_order_lock_day || (told.default_content_order_lock_day ?? null),
  };
}

const ofInstitution = z.object({ orders: z.literal('institution') });

function askAsInstitution(path: string, question: object, asking: Asking): Promise<Record<string, unknown>> {
  if (!ofInstitution.safeParse(asking.options).success) {
    throw refusal('has 推客 for institutions only, and this source is of a shop: see options.orders');
  }
  return ask(path, question, asking);
}

function refusal(words: string): AskingFailed {
  return new AskingFailed('refused', `微信小店 ${words}`);
}
