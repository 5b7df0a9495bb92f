// What there is to share, with what it earns now and soon; and the links that were made.

import type { components } from '../../../client/api.ts';
import type { Page, Visit } from './frame.ts';
import { html, type Markup } from './html.ts';

type Product = components['schemas']['SharedProduct'];
type Link = components['schemas']['Link'];

const PRODUCTS_SHOWN = 20;
const LINKS_SHOWN = 30;

/** GET /me/share; `?q=` looks for a product. */
export async function sharePage(visit: Visit): Promise<Page> {
  const { ask, say, query } = visit;
  const { q, cursor } = query;
  const { data: products, next_cursor: next } = await ask('/v1/offers', { query: { limit: PRODUCTS_SHOWN, sort: 'earnings', q, cursor } });
  const more = new URLSearchParams({ ...(q !== undefined && { q }), cursor: next ?? '' });
  const main = html`<form method="get" action="/me/share" role="search">
      <p>
        <label for="q">${say('search_words')}</label><input id="q" name="q" maxlength="100" value="${q ?? ''}" />
        <button>${say('search')}</button>
      </p>
    </form>
    <p><a class="button" href="/me/links">${say('my_links')}</a></p>
    ${products.length === 0 ? html`<p>${say(q === undefined ? 'no_offers' : 'no_offers_found')}</p>` : null}
    <ul class="cards">
      ${products.map((product) => html`<li>${productCard(product, visit)}</li>`)}
    </ul>
    ${next === null ? null : html`<p><a class="button" href="/me/share?${more.toString()}">${say('more')}</a></p>`}`;
  return { title: 'share_heading', main };
}

function productCard(product: Product, visit: Visit): Markup {
  const { say, figures, promoterId } = visit;
  const { title, merchant_id: merchantId, product_id: productId, price, currency, note } = product;
  return html`<h3>${title}</h3>
    <p class="small">
      ${merchantId} · ${productId}${price === null ? null : ` · ${say('price', { amount: figures.money(price, currency) })}`}
    </p>
    ${ratesOf(product, visit).map((sentence) => html`<p>${sentence}</p>`)} ${note === null ? null : html`<p class="small">${note}</p>`}
    <form data-send data-method="POST" action="/v1/links" data-next="/me/links/{code}">
      <input type="hidden" name="merchant_id" value="${merchantId}" /><input type="hidden" name="product_id" value="${productId}" />
      <input type="hidden" name="promoter_id" value="${promoterId}" /><input type="hidden" name="scene" value="chat" />
      <p>
        <button class="main">${say('make_link')}<span class="unseen"> ${title}</span></button>
      </p>
      <p role="alert"></p>
    </form>`;
}

/** What a product earns this promoter now, and what will change. */
function ratesOf(
  { my_share_now: share, rate_now: now, rate_coming: coming, lock_until: lockUntil, currency }: Product,
  visit: Visit,
): string[] {
  const { say, figures } = visit;
  const rate = figures.percent(share.rate_ppm);
  const mine =
    share.amount === null ? say('my_rate_now', { rate }) : say('my_share_now', { amount: figures.money(share.amount, currency), rate });
  const soon =
    coming === null
      ? null
      : say('rate_coming', { date: figures.time(coming.from), now: figures.percent(now), coming: figures.percent(coming.rate_ppm) });
  const locked = lockUntil === null ? null : say('rate_locked', { date: figures.time(lockUntil) });
  return [mine, soon, locked].filter((sentence) => sentence !== null);
}

/** GET /me/links. */
export async function linksPage(visit: Visit): Promise<Page> {
  const { ask, say, query } = visit;
  const { data: links, next_cursor: next } = await ask('/v1/links', { query: { limit: LINKS_SHOWN, cursor: query['cursor'] } });
  const main = html`${links.length === 0 ? html`<p>${say('none_yet')}</p>` : null}
    <ul class="cards">
      ${links.map((link) => html`<li>${linkCard(link, visit)}</li>`)}
    </ul>
    ${next === null ? null : html`<p><a class="button" href="/me/links?cursor=${encodeURIComponent(next)}">${say('older')}</a></p>`}
    <p><a href="/me/share">${say('back')}</a></p>`;
  return { title: 'my_links', main };
}

function linkCard({ code, merchant_id: merchantId, product_id: productId, made_at: madeAt }: Link, { say, figures }: Visit): Markup {
  const of = productId === null ? merchantId : `${merchantId} · ${productId}`;
  return html`<h3><a href="/me/links/${encodeURIComponent(code)}">${say('link_of', { code })}</a></h3>
    <p class="small">${of} · ${say('link_made', { date: figures.time(madeAt) })}</p>`;
}
