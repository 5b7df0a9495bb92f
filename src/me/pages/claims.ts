// An order that is missing: claimed with its number, and what became of earlier claims.

import type { components } from '../../../client/api.ts';
import type { Page, Visit } from './frame.ts';
import { html, type Markup } from './html.ts';

type Claim = components['schemas']['Claim'];

const CLAIMS_SHOWN = 20;
/** As many rows of each list are looked at for the merchants that a promoter works for. */
const ROWS_LOOKED_AT = 100;

/** GET /me/claims; `?order_id=` fills in the number. */
export async function claimsPage(visit: Visit): Promise<Page> {
  const { ask, say, query } = visit;
  const [{ data: claims }, merchantIds] = await Promise.all([ask('/v1/claims', { query: { limit: CLAIMS_SHOWN } }), merchantsOf(visit)]);
  const main = html`<p>${say('claim_words')}</p>
    <form data-send data-method="POST" action="/v1/claims" data-next="/me/claims">
      <p>
        <label for="order">${say('claim_order')}</label>
        <input
          id="order"
          name="order_id"
          required
          maxlength="128"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          value="${query['order_id'] ?? ''}"
        />
      </p>
      ${merchantField(merchantIds, visit)}
      <p>
        <label for="why">${say('claim_why')}</label>
        <textarea id="why" name="evidence" required maxlength="1000" rows="2">${say('claim_why_default')}</textarea>
      </p>
      <p><button class="main">${say('claim_send')}</button></p>
      <p role="alert"></p>
    </form>
    <h2>${say('claims')}</h2>
    ${
      claims.length === 0
        ? html`<p>${say('none_yet')}</p>`
        : html`<ul class="cards">
            ${claims.map((claim) => claimCard(claim, visit))}
          </ul>`
    }`;
  return { title: 'claim', main };
}

/** The merchants of this promoter's orders, offers and links, by their ids. */
async function merchantsOf({ ask }: Visit): Promise<string[]> {
  const query = { limit: ROWS_LOOKED_AT };
  const lists = await Promise.all([ask('/v1/orders', { query }), ask('/v1/offers', { query }), ask('/v1/links', { query })]);
  return [...new Set(lists.flatMap(({ data }) => data.map(({ merchant_id: merchantId }) => merchantId)))].toSorted();
}

function merchantField(merchantIds: readonly string[], { say }: Visit): Markup {
  const label = html`<label for="merchant">${say('claim_merchant')}</label>`;
  if (merchantIds.length === 0) return html`<p>${label}<input id="merchant" name="merchant_id" maxlength="128" autocapitalize="off" /></p>`;
  const options = merchantIds.map((merchantId) => html`<option>${merchantId}</option>`);
  return html`<p>
    ${label}<select id="merchant" name="merchant_id">
      ${options}
    </select>
  </p>`;
}

function claimCard(claim: Claim, { say, figures }: Visit): Markup {
  const { state, reason, due_at: dueAt, made_at: madeAt, order_id: orderId, merchant_id: merchantId } = claim;
  const became = say(`claim_${state}`, { date: figures.time(dueAt), reason: reason ?? '' });
  return html`<li>
    <h3>${say('order_of', { order: orderId })}</h3>
    <p class="small">${merchantId} · ${figures.time(madeAt)}</p>
    <p>${became}</p>
  </li>`;
}
