// One link: to copy, as a QR code, and as a poster that a long press saves.

import type { components } from '../../../client/api.ts';
import type { Page, Visit } from './frame.ts';
import { html, type Markup } from './html.ts';

type Link = components['schemas']['Link'];

const QR_PIXELS = 512;

/** GET /me/links/{code}. */
export async function linkPage(visit: Visit): Promise<Page> {
  const { ask, say, figures, params } = visit;
  const link = await ask('/v1/links/{code}', { path: { code: params['code'] ?? '' } });
  const { code, url, expires_at: expiresAt, tracking } = link;
  const qr = `/v1/links/${encodeURIComponent(code)}/qr.png?size=${QR_PIXELS}`;
  const main = html`<p><label for="link">${say('link_to_copy')}</label> <input id="link" readonly value="${url}" /></p>
    <p><button type="button" class="main" data-copy="link">${say('copy')}</button> <span role="status"></span></p>
    ${tracking?.state === 'waiting' ? html`<p>${say('link_waiting')}</p>` : null}
    ${expiresAt === null ? null : html`<p>${say('link_expires', { date: figures.time(expiresAt) })}</p>`}
    <h2>${say('qr')}</h2>
    <p><img class="qr" src="${qr}" width="256" height="256" alt="${say('qr_alt')}" /></p>
    ${await posterSection(link, qr, visit)}
    <p><a href="/me/links">${say('back')}</a></p>`;
  return { title: 'link_heading', main };
}

/** What the poster says is in the page; its script draws it. It names no commission. */
async function posterSection(link: Link, qr: string, visit: Visit): Promise<Markup> {
  const { say } = visit;
  const { heading, price } = await productOf(link, visit);
  return html`<h2>${say('poster')}</h2>
    <div data-poster data-qr="${qr}" data-heading="${heading}" data-price="${price}">
      <p><button type="button" data-draw>${say('make_poster')}</button></p>
      <p role="status"></p>
      <p class="small">${say('poster_words')}</p>
    </div>`;
}

/** The product of a link as it is offered to this promoter, else what the link says of itself. */
async function productOf(
  { merchant_id: merchantId, product_id: productId }: Link,
  { ask, figures }: Visit,
): Promise<{ heading: string; price: string }> {
  if (productId === null) return { heading: merchantId, price: '' };
  const { data } = await ask('/v1/offers', { query: { merchant_id: merchantId, q: productId, limit: 1 } });
  const found = data.find((one) => one.product_id === productId);
  if (found === undefined) return { heading: productId, price: '' };
  return { heading: found.title, price: found.price === null ? '' : figures.money(found.price, found.currency) };
}
