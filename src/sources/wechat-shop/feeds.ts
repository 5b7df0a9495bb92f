// The lists of what changed at 微信小店, for each role its own. They give ids only, each of which is
// asked for by itself, so pages are small.
import { z } from 'zod';

import { AskingFailed, type Asking } from '../asking.ts';
import { fetchEach } from '../details.ts';
import type { FeedPage, FeedQuestion } from '../source.ts';
import { unionId } from '../unions/union.ts';
import { ask, unlessRefused } from './api.ts';
import { fetchWanted } from './details.ts';

const PAGE_SIZE = 20;
const TALENT_PAGE_SIZE_MAX = 10;

const more = { next_key: z.string().nullish(), has_more: z.boolean().nullish() };

const orderIds = z.object({ order_id_list: z.array(unionId).nullish(), ...more });

/** `channels/ec/order/list/get` by update time, seven days at most. */
export async function listOrders({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
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
export async function listAfterSales({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
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

/**
 * `channels/ec/aftersale/getpresentaftersalelist` by the time of making, a day at most. WeChat
 * takes the call from service; a shop that is refused it has no such after-sales, since theirs come
 * as those of single orders then.
 */
export async function listGiftAfterSales({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const { start_time, end_time } = rangeOf(from, until);
  const question = { begin_create_time: start_time, end_create_time: end_time, ...(cursor === null ? {} : { next_key: cursor }) };
  const path = '/channels/ec/aftersale/getpresentaftersalelist';
  const answer = await unlessRefused(askList(path, question, asking, 'after_sale_order_id_list'));
  if (answer === null) return { bodies: [], next: null };
  const { after_sale_order_id_list: ids, ...rest } = afterSaleIds.parse(answer);
  return pageOf(
    (ids ?? []).map((id) => `gift-after-sale/${id}`),
    rest,
    asking,
  );
}

const commissionIds = z.object({ list: z.array(z.object({ order_id: unionId, sku_id: unionId })).nullish(), ...more });

/** `channels/ec/league/headsupplier/order/list/get` by update time, thirty a page at most. */
export async function listCommissionOrders({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const question = { update_time_range: rangeOf(from, until), page_size: PAGE_SIZE, next_key: cursor ?? '' };
  const { list, ...rest } = commissionIds.parse(await askList('/channels/ec/league/headsupplier/order/list/get', question, asking, 'list'));
  return pageOf(
    (list ?? []).map(({ order_id, sku_id }) => `commission/${order_id}/${sku_id}`),
    rest,
    asking,
  );
}

const talentIds = z.object({
  order_list: z.array(z.object({ order_id: unionId, sku_id: unionId, special_id: unionId.nullish() })).nullish(),
  ...more,
});

/**
 * `channels/ec/talent/get_order_list` by update time, ten a page at most. Both ends of its range
 * are left out of it.
 */
export async function listTalentOrders({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const { start_time, end_time } = rangeOf(from, until);
  const range = { update_time_gt: start_time - 1, update_time_lt: end_time + 1 };
  const question = { ...range, page_size: TALENT_PAGE_SIZE_MAX, ...(cursor === null ? {} : { next_key: cursor }) };
  const { order_list: rows, ...rest } = talentIds.parse(
    await askList('/channels/ec/talent/get_order_list', question, asking, 'order_list'),
  );
  return pageOf(
    (rows ?? []).map(({ order_id, sku_id, special_id }) => `talent/${order_id}/${sku_id}${special_id ? `/${special_id}` : ''}`),
    rest,
    asking,
  );
}

/**
 * An empty list may be left out; but what says neither it nor that all is well is no answer, and
 * nothing must be missed for it.
 */
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
): Promise<FeedPage> {
  const told = await fetchEach(
    keys,
    (key) => key,
    (key) => fetchWanted(key, asking),
  );
  return { ...told, next: hasMore === true && next ? next : null };
}
