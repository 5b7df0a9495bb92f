// Asking a WooCommerce shop (REST API v3): its list of orders by when they were modified, in its
// own order from the last time that was seen, and single orders. An order that gave money back is
// told with its refunds in full.
import { z } from 'zod';

import { askJson, AskingFailed, type Asking, type JsonAnswer } from '../asking.ts';
import { fetchEach } from '../details.ts';
import { entriesOf, fieldOf, gmtOf } from '../shop-words.ts';
import type { FeedPage, FeedQuestion } from '../source.ts';
import { secretsNamed } from '../signing.ts';
import { isRefundTold } from './refund.ts';

const ORDERS_PER_PAGE = 100;
const REFUNDS_PER_PAGE = 100;
const REFUNDS_MAX = 1000;

const cursorOf = z.object({ after: z.iso.datetime(), page: z.int().min(1) });
const order = z.looseObject({ id: z.union([z.string(), z.number()]) });
const orders = z.array(order);
const refunds = z.array(z.looseObject({}));

type Order = z.output<typeof order>;

/**
 * One page. Pages are counted anew from the last modification that was seen: a row that moves to
 * the end while the list is read would shift all that follow it, and the first of a later page
 * would be missed. Only within one second there is no other way than to count.
 */
export async function listOrders({ from, until, cursor }: FeedQuestion, asking: Asking): Promise<FeedPage> {
  const place = cursor === null ? { after: from.toISOString(), page: 1 } : cursorOf.parse(JSON.parse(cursor));
  const { value } = await ask(asking, '/orders', {
    // Both ends are outside of what is listed, and times are of whole seconds.
    modified_after: seconds(new Date(Date.parse(place.after) - 1000)),
    modified_before: seconds(new Date(until.getTime() + 1000)),
    dates_are_gmt: 'true',
    orderby: 'modified',
    order: 'asc',
    per_page: String(ORDERS_PER_PAGE),
    page: String(place.page),
  });
  const listed = orders.safeParse(value);
  if (!listed.success) throw new AskingFailed('temporary', 'woocommerce: the answer is no list of orders');
  return {
    ...(await fetchEach(listed.data, keyOf, async (one) => [await bodyOf(one, asking)])),
    next: listed.data.length < ORDERS_PER_PAGE ? null : JSON.stringify(placeAfter(place, gmtOf(listed.data.at(-1)?.['date_modified_gmt']))),
  };
}

const keyOf = ({ id }: Order) => `order/${id}`;

/**
 * A listed order; one whose refunds are not told stands as it was listed, and is wanted by itself.
 */
async function bodyOf(listed: Order, asking: Asking): Promise<Buffer> {
  try {
    return Buffer.from(JSON.stringify(await withRefunds(listed, asking)));
  } catch (error) {
    if (!(error instanceof AskingFailed) || error.kind === 'rate_limited') throw error;
    return Buffer.from(JSON.stringify(listed));
  }
}

/** The order of that id as `map` reads it: with its refunds, or that the shop has it no more. */
export async function askOrder(orderId: string, asking: Asking): Promise<Buffer> {
  const { status, value } = await ask(asking, `/orders/${orderId}`, {}, [404]);
  const isGone = status === 404 && fieldOf(value, 'code') === 'woocommerce_rest_shop_order_invalid_id';
  if (isGone) return Buffer.from(JSON.stringify({ id: orderId, gone: true, asked_at: asking.now.toISOString() }));
  const told = order.safeParse(value);
  if (status === 404 || !told.success) throw new AskingFailed('temporary', `woocommerce: the answer is no order ${orderId}`);
  return Buffer.from(JSON.stringify(await withRefunds(told.data, asking)));
}

/** The order with its own list of refunds replaced by what the shop tells of each. */
async function withRefunds(one: Order, asking: Asking): Promise<Order> {
  if (entriesOf(one['refunds']).every(isRefundTold)) return one;
  const told: z.output<typeof refunds> = [];
  for (let page = 1; told.length < REFUNDS_MAX; page++) {
    const query = { per_page: String(REFUNDS_PER_PAGE), page: String(page) };
    const { value } = await ask(asking, `/orders/${one.id}/refunds`, query);
    const listed = refunds.safeParse(value);
    if (!listed.success || !listed.data.every(isRefundTold)) {
      throw new AskingFailed('temporary', `woocommerce: the answer is no list of refunds of the order ${one.id}`);
    }
    told.push(...listed.data);
    if (listed.data.length < REFUNDS_PER_PAGE) break;
  }
  return { ...one, refunds: told };
}

function ask(
  { baseUrl, secrets, fetch }: Asking,
  path: string,
  query: Record<string, string>,
  answers: number[] = [],
): Promise<JsonAnswer> {
  const [consumer] = secretsNamed(secrets, 'consumer_key');
  const [secret] = secretsNamed(secrets, 'consumer_secret');
  if (baseUrl === '') throw new AskingFailed('refused', 'woocommerce: options.url is not stated');
  if (consumer === undefined || secret === undefined) {
    throw new AskingFailed('refused', 'woocommerce: the secrets consumer_key and consumer_secret are not set');
  }
  const url = new URL(`${baseUrl}/wp-json/wc/v3${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const authorization = `Basic ${Buffer.from(`${consumer}:${secret}`).toString('base64')}`;
  return askJson(fetch, url, { headers: { authorization } }, answers);
}

function placeAfter(place: z.output<typeof cursorOf>, last: string | null): z.output<typeof cursorOf> {
  const seen = last === null ? null : new Date(last);
  const moved = seen !== null && seen.getTime() - 1000 >= Date.parse(place.after);
  return moved ? { after: seen.toISOString(), page: 1 } : { ...place, page: place.page + 1 };
}

const seconds = (at: Date): string => at.toISOString().slice(0, 19);
