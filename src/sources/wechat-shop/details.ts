// One thing of 微信小店 by its id: an order, an after-sale, a commission order of an institution or of
// a talent, the orders of a gift.
import { z } from 'zod';

import { stringifyJson } from '../../platform/http/json.ts';
import { AskingFailed, type Asking } from '../asking.ts';
import { ask } from './api.ts';
import { commissionTypeOf } from './sharers.ts';

/** One thing by a key like `order/<id>`: see `wechat-events.ts` for where the keys come from. */
export async function fetchWanted(key: string, asking: Asking): Promise<Buffer[]> {
  const [kind, id = '', skuId = '', ...special] = key.split('/');
  switch (kind) {
    case 'order':
      return [await fetchOne('/channels/ec/order/get', { order_id: id }, 'order', asking)];
    case 'gift':
      return [await fetchOne('/channels/ec/order/presentsuborder/get', { present_order_id: id }, 'order_ids', asking)];
    case 'after-sale':
      return [await fetchOne('/channels/ec/aftersale/getaftersaleorder', { after_sale_order_id: id }, 'after_sale_order', asking)];
    case 'gift-after-sale':
      return [await fetchOne('/channels/ec/aftersale/getpresentaftersaleorder', { after_sale_order_id: id }, 'after_sale_order', asking)];
    case 'talent':
      return [
        await fetchTalentOrder({ order_id: id, sku_id: skuId, ...(special.length > 0 ? { special_id: special.join('/') } : {}) }, asking),
      ];
    default:
      return [await fetchCommissionOrder({ order_id: id, sku_id: skuId }, asking)];
  }
}

/** The answer without its code and message, so that the same thing is the same bytes. */
async function fetchOne(path: string, question: object, name: string, asking: Asking): Promise<Buffer> {
  const answer = await ask(path, question, asking);
  if (answer[name] === undefined) throw new AskingFailed('temporary', `WeChat answered ${path} without its ${name}`);
  return Buffer.from(stringifyJson({ [name]: answer[name] }));
}

const ofSharer = z.looseObject({
  order_detail: z.looseObject({
    commission_info: z.looseObject({ sharer_info: z.looseObject({ sharer_appid: z.string().min(1), amount: z.int().positive() }) }),
  }),
});

/**
 * A commission order, and beside it who pays its 推客, where it has a part for one and that decides
 * something.
 */
async function fetchCommissionOrder(question: object, asking: Asking): Promise<Buffer> {
  const path = '/channels/ec/league/headsupplier/order/get';
  // WeChat spells it so.
  const { commssion_order: row } = await ask(path, question, asking);
  if (row === undefined) throw new AskingFailed('temporary', `WeChat answered ${path} without its commssion_order`);
  const shared = ofSharer.safeParse(row);
  if (!shared.success || asking.options['sharer_paid_by'] !== 'as_bound') return Buffer.from(stringifyJson({ commssion_order: row }));
  const commissionType = await commissionTypeOf(shared.data.order_detail.commission_info.sharer_info.sharer_appid, asking);
  return Buffer.from(stringifyJson({ commssion_order: row, sharer_binding: { commission_type: commissionType } }));
}

/** The answer of a talent's call has no name around it. */
async function fetchTalentOrder(question: object, asking: Asking): Promise<Buffer> {
  const path = '/channels/ec/talent/get_order_detail';
  const { errcode, errmsg, ...told } = await ask(path, question, asking);
  if (told['base_info'] === undefined) {
    throw new AskingFailed('temporary', `WeChat answered ${path} with ${String(errcode)} ${String(errmsg)} only`);
  }
  return Buffer.from(stringifyJson(told));
}
