// WooCommerce's list of orders (REST API v3), by when they were modified: in the shop's order, from the last time that was seen.
import { z } from 'zod';

import { askJson, AskingFailed, type Asking } from './asking.ts';
import { secretsNamed, type Page, type Question } from './source.ts';

const ORDERS_PER_PAGE = 100;

const cursorOf = z.object({ after: z.iso.datetime(), page: z.int().min(1) });
const orders = z.array(z.looseObject({ date_modified_gmt: z.string().nullish() }));

/**
 * One page. Pages are counted anew from the last modification that was seen: a row that moves to the end while the list is read would
 * shift all that follow it, and the first of a later page would be missed. Only within one second there is no other way than to count.
 */
export async function listOrders({ from, until, cursor }: Question, { baseUrl, secrets, fetch }: Asking): Promise<Page> {
  const [consumer] = secretsNamed(secrets, 'consumer_key');
  const [secret] = secretsNamed(secrets, 'consumer_secret');
  if (baseUrl === '') throw new AskingFailed('refused', 'woocommerce: options.url is not stated');
  if (consumer === undefined || secret === undefined) {
    throw new AskingFailed('refused', 'woocommerce: the secrets consumer_key and consumer_secret are not set');
  }
  const place = cursor === null ? { after: from.toISOString(), page: 1 } : cursorOf.parse(JSON.parse(cursor));
  const url = new URL(`${baseUrl}/wp-json/wc/v3/orders`);
  const query = {
    // Both ends are outside of what is listed, and times are of whole seconds.
    modified_after: seconds(new Date(Date.parse(place.after) - 1000)),
    modified_before: seconds(new Date(until.getTime() + 1000)),
    dates_are_gmt: 'true',
    orderby: 'modified',
    order: 'asc',
    per_page: String(ORDERS_PER_PAGE),
    page: String(place.page),
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const authorization = `Basic ${Buffer.from(`${consumer}:${secret}`).toString('base64')}`;
  const { value } = await askJson(fetch, url, { headers: { authorization } });
  const listed = orders.safeParse(value);
  if (!listed.success) throw new AskingFailed('temporary', 'woocommerce: the answer is no list of orders');
  return {
    bodies: listed.data.map((order) => Buffer.from(JSON.stringify(order))),
    next: listed.data.length < ORDERS_PER_PAGE ? null : JSON.stringify(placeAfter(place, listed.data.at(-1)?.date_modified_gmt)),
  };
}

function placeAfter(place: z.output<typeof cursorOf>, last: string | null | undefined): z.output<typeof cursorOf> {
  const seen = last ? new Date(`${last.replace(/Z$/, '')}Z`) : null;
  const moved = seen !== null && seen.getTime() - 1000 >= Date.parse(place.after);
  return moved ? { after: seen.toISOString(), page: 1 } : { ...place, page: place.page + 1 };
}

const seconds = (at: Date): string => at.toISOString().slice(0, 19);
