// What 抖店 is asked: the lists of a shop's orders and of the alliance, one order by its id, and
// links.
import { z } from 'zod';

import { parseJson } from '../../platform/http/json.ts';
import { AskingFailed, type Asking } from '../asking.ts';
import { ask, askOfOne } from './call.ts';
import type { FeedPage, Promotion, FeedQuestion, PromotionWish } from '../source.ts';
import { bodyOf, chinaClock, fieldOfCode, said, unionId, unionWord } from '../unions/union.ts';

const SHOP_PAGE_SIZE = 99;
const NO_MORE = '-1';

const shopAnswer = z.object({ shop_order_list: z.array(z.unknown()).nullish(), total: z.int().nullish() });

/**
 * `order.searchList` by update time, the last page first: an order that changes meanwhile moves
 * behind all pages, and those behind it towards the first.
 */
export async function listShopOrders({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const read = async (page: number) => {
    const question = {
      order_asc: true,
      order_by: 'update_time',
      page,
      size: SHOP_PAGE_SIZE,
      update_time_end: Math.ceil(until.getTime() / 1000),
      update_time_start: Math.floor(from.getTime() / 1000),
    };
    return shopAnswer.parse(await ask('order.searchList', question, asking));
  };
  if (cursor === null) {
    const { shop_order_list: orders, total } = await read(0);
    if ((total ?? 0) > SHOP_PAGE_SIZE) return { bodies: [], next: String(Math.ceil(total! / SHOP_PAGE_SIZE) - 1) };
    return { bodies: (orders ?? []).map(bodyOf), next: null };
  }
  const page = Number(cursor);
  const { shop_order_list: orders } = await read(page);
  return { bodies: (orders ?? []).map(bodyOf), next: page > 0 ? String(page - 1) : null };
}

/** One of the lists of the alliance by its own update time: who may ask it is another role each. */
interface AllianceList {
  method: string;
  /** So many rows are asked for at once; each method has its own limit. */
  size: number;
  more?: Record<string, number>;
}

/** What a merchant sees of its orders in the alliance. */
export const OF_MERCHANTS: AllianceList = { method: 'buyin.queryShopAllianceOrder', size: 20 };
/** What an institution sees as a 团长, and as the institution of channels. */
export const OF_COLONELS: AllianceList = { method: 'buyin.instituteOrderColonel', size: 100 };
export const OF_INSTITUTES: AllianceList = { method: 'buyin.instituteOrderAds', size: 20 };
/** What a 抖客 sees, of whom a buyer who compared prices is listed by another question. */
export const OF_KOLS: AllianceList = { method: 'buyin.kolOrderAds', size: 20 };
export const OF_KOLS_COMPARED: AllianceList = { ...OF_KOLS, more: { query_order_type: 1 } };

const alliancePage = z.object({ orders: z.array(z.unknown()).nullish(), cursor: unionWord });
/** Some methods put their page into another `data`. */
const allianceAnswer = z.union([z.object({ data: alliancePage }).transform(({ data }) => data), alliancePage]);

/**
 * Rows by a cursor that begins at 0. Nothing says which page is the last one: it is empty, or leads
 * nowhere.
 */
export const listAlliance = ({ method, size, more }: AllianceList) => {
  return async ({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> => {
    const { rows, next } = await askAlliance(
      method,
      {
        cursor: cursor ?? '0',
        end_time: chinaClock(until),
        ...more,
        size,
        start_time: chinaClock(from),
        time_type: 'update',
      },
      asking,
    );
    return { bodies: rows.map(bodyOf), next };
  };
};

async function askAlliance(method: string, question: Record<string, unknown> & { cursor: string; size: number }, asking: Asking) {
  const { orders, cursor } = allianceAnswer.parse(await ask(method, question, asking));
  const rows = orders ?? [];
  const standsStill = cursor === said(question.cursor) && rows.length < question.size;
  const isLast = rows.length === 0 || cursor === null || cursor === NO_MORE || standsStill;
  return { rows, next: isLast ? null : cursor };
}

const SETTLEMENTS = 'buyin.colonelMultiSettlementOrders';
const SETTLEMENTS_SIZE = 100;
/**
 * An order is settled in a few parts; so many pages of a hundred orders' parts are more than there
 * can be.
 */
const SETTLEMENT_PAGES_MAX = 50;

const settledRow = z.looseObject({ order_id: unionId });

/**
 * `buyin.colonelMultiSettlementOrders`: what was settled, in parts. A row says of one part what
 * that part was, so that of each order that a page names all parts are asked for, and make one
 * body.
 */
export async function listSettlements(question: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const { bodies, next } = await listAlliance({ method: SETTLEMENTS, size: SETTLEMENTS_SIZE })(question, asking);
  const orderIds = [...new Set(bodies.map((body) => settledRow.parse(parseJson(body)).order_id))];
  if (orderIds.length === 0) return { bodies, next };
  const settlements = await askSettlements(orderIds, asking);
  const ofOrder = (orderId: string) => settlements.filter((row) => row.order_id === orderId);
  return { bodies: orderIds.map((orderId) => bodyOf({ settlements: ofOrder(orderId) })), next };
}

async function askSettlements(orderIds: readonly string[], asking: Asking) {
  const settlements: z.output<typeof settledRow>[] = [];
  let cursor: string | null = '0';
  for (let page = 0; cursor !== null; page++) {
    if (page === SETTLEMENT_PAGES_MAX) throw new AskingFailed('temporary', `抖店 does not end ${SETTLEMENTS}`);
    const question = { cursor, order_ids: orderIds.join(','), size: SETTLEMENTS_SIZE, time_type: 'update' };
    const { rows, next } = await askAlliance(SETTLEMENTS, question, asking);
    settlements.push(...rows.map((row) => settledRow.parse(row)));
    cursor = next;
  }
  return settlements;
}

const ORDER_KEY = 'order/';
const REFUNDS_KEY = 'refunds/';

/**
 * The key under which an order is wanted, and the one under which it is wanted with its
 * after-sales.
 */
export const orderKey = (orderId: string): string => ORDER_KEY + orderId;
export const refundsKey = (orderId: string): string => REFUNDS_KEY + orderId;

const detailAnswer = z.object({ shop_order_detail: z.looseObject({}).nullish() });

/**
 * `order.orderDetail` for a key of an order; with what `afterSale.List` says of it where the key
 * asks for its refunds.
 */
export async function fetchOrder(key: string, asking: Asking): Promise<Buffer[]> {
  const orderId = key.slice(key.indexOf('/') + 1);
  const { shop_order_detail: order } = detailAnswer.parse(await askOfOne('order.orderDetail', { shop_order_id: orderId }, asking));
  if (!order) return [];
  if (!key.startsWith(REFUNDS_KEY)) return [bodyOf(order)];
  return [bodyOf({ ...order, after_sales: await listAfterSales(orderId, asking) })];
}

const AFTER_SALES_SIZE = 100;
/** A report takes a thousand refunds. */
const AFTER_SALE_PAGES_MAX = 10;

const afterSalesAnswer = z.object({ items: z.array(z.unknown()).nullish(), has_more: z.boolean().nullish() });

async function listAfterSales(orderId: string, asking: Asking): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let page = 0; page < AFTER_SALE_PAGES_MAX; page++) {
    const question = { order_id: orderId, page, size: AFTER_SALES_SIZE };
    const { items, has_more: hasMore } = afterSalesAnswer.parse(await askOfOne('afterSale.List', question, asking));
    found.push(...(items ?? []));
    if (hasMore !== true || (items ?? []).length === 0) return found;
  }
  throw new AskingFailed(
    'item_refused',
    `抖店 has more than ${AFTER_SALE_PAGES_MAX * AFTER_SALES_SIZE} after-sales of the order ${orderId}`,
  );
}

const shareAnswer = z.object({ share_link: z.string().min(1) });

/**
 * `buyin.kolProductShare`: the alliance's link of a product, under a position of a 抖客, with our
 * code in its `external_info`.
 */
export async function shareProduct({ landingUrl, productId, code }: PromotionWish, asking: Asking): Promise<Promotion> {
  const { pid } = z.object({ pid: z.string().optional() }).parse(asking.options);
  if (pid === undefined) throw new AskingFailed('refused', '精选联盟 makes links under a position only: state options.pid of the source');
  const question = {
    external_info: fieldOfCode(code),
    need_share_link: true,
    need_zlink: false,
    pid,
    product_url: landingUrl ?? `https://haohuo.jinritemai.com/views/product/item2?id=${productId}`,
  };
  const { share_link: url } = shareAnswer.parse(await ask('buyin.kolProductShare', question, asking));
  return { url, expiresAt: null };
}
