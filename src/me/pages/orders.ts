// The promoter's orders: each with why it is this promoter's and when it is paid.

import type { components } from '../../../client/api.ts';
import type { Page, Visit } from './frame.ts';
import { html, type Markup } from './html.ts';
import { earningsOf, evidenceSentence, stepSentence, whenSentences, whySentences } from './sentences.ts';

type Order = components['schemas']['Order'];
type Balance = components['schemas']['Balance'];

const ORDERS_SHOWN = 20;
/** Signs beside the words of a state, so that no colour has to be told apart. */
const SIGNS: Readonly<Record<Order['award'], string>> = { none: '–', estimated: '…', confirmed: '◷', released: '✓', void: '✕' };

/** The orders of a list, the newest first. */
export function ordersList(orders: readonly Order[], balances: readonly Balance[], visit: Visit): Markup {
  if (orders.length === 0) return html`<p>${visit.say('none_yet')}</p>`;
  return html`<ul class="cards">
    ${orders.map((order) => html`<li>${orderCard(order, balances, visit)}</li>`)}
  </ul>`;
}

function orderCard(order: Order, balances: readonly Balance[], visit: Visit): Markup {
  const { say } = visit;
  const { source_id: sourceId, order_id: orderId } = order;
  const address = `/me/orders/${encodeURIComponent(sourceId)}/${encodeURIComponent(orderId)}?merchant_id=${encodeURIComponent(order.merchant_id)}`;
  return html`<h3><a href="${address}">${say('order_of', { order: orderId })}</a></h3>
    ${orderFacts(order, balances, visit)}`;
}

function orderFacts(order: Order, balances: readonly Balance[], visit: Visit): Markup {
  const { say, figures, promoterId } = visit;
  const { award, currency, attribution_at: attributedAt, merchant_id: merchantId } = order;
  const sentences = [...whySentences(order, visit), ...whenSentences(order, balances, visit)];
  const amount =
    currency === null
      ? null
      : html`<strong>${say('you_earn', { amount: figures.money(earningsOf(order, promoterId), currency) })}</strong>`;
  return html`<p class="amount">
      ${amount} <span class="state ${award}"><span aria-hidden="true">${SIGNS[award]}</span> ${say(`state_${award}`)}</span>
    </p>
    <p class="small">${merchantId}${attributedAt === null ? null : ` · ${figures.time(attributedAt)}`}</p>
    ${sentences.map((sentence) => html`<p>${sentence}</p>`)}`;
}

/** GET /me/orders. */
export async function ordersPage(visit: Visit): Promise<Page> {
  const { ask, say, promoterId, query } = visit;
  const [{ data: orders, next_cursor: next }, { data: balances }] = await Promise.all([
    ask('/v1/orders', { query: { limit: ORDERS_SHOWN, cursor: query['cursor'] } }),
    ask('/v1/promoters/{promoter_id}/balance', { path: { promoter_id: promoterId } }),
  ]);
  const main = html`<p><a class="button" href="/me/claims">${say('missing_order')} ${say('claim')}</a></p>
    ${ordersList(orders, balances, visit)}
    ${next === null ? null : html`<p><a class="button" href="/me/orders?cursor=${encodeURIComponent(next)}">${say('older')}</a></p>`}`;
  return { title: 'orders', main, isLive: true };
}

/** GET /me/orders/{source_id}/{order_id}. */
export async function orderPage(visit: Visit): Promise<Page> {
  const { ask, say, promoterId, params, query } = visit;
  const path = { source_id: params['source_id'] ?? '', order_id: params['order_id'] ?? '' };
  const [explanation, { data: balances }] = await Promise.all([
    ask('/v1/orders/{source_id}/{order_id}/explanation', { path, query: { merchant_id: query['merchant_id'] } }),
    ask('/v1/promoters/{promoter_id}/balance', { path: { promoter_id: promoterId } }),
  ]);
  const { order, lines } = explanation;
  const main = html`<h2>${say('order_of', { order: order.order_id })}</h2>
    ${orderFacts(order, balances, visit)}
    <h2>${say('why_heading')}</h2>
    ${lines.map((line) => explainedLine(order, line, visit))} ${explanation.next_cursor === null ? null : html`<p>${say('more_items')}</p>`}
    <p><a href="/me/orders">${say('back')}</a></p>`;
  return { title: 'orders', main };
}

function listOf(items: readonly string[]): Markup {
  return html`<ul>
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`;
}

function explainedLine(order: Order, line: components['schemas']['Explanation']['lines'][number], visit: Visit): Markup {
  const { say, figures } = visit;
  const productId = order.lines.find(({ line_id: lineId }) => lineId === line.line_id)?.product_id ?? null;
  const { currency } = order;
  const steps = currency === null ? [] : line.arithmetic.map((step) => stepSentence(step, currency, say, figures));
  const evidence = line.evidence.map((one) => evidenceSentence(one, visit));
  return html`<section class="card">
    <h3>${say('line_of', { line: line.line_id })}</h3>
    ${productId === null ? null : html`<p class="small">${say('product_of', { product: productId })}</p>`}
    <p>${say(`decision_${line.decision}`)}</p>
    ${
      evidence.length === 0
        ? null
        : html`<h4>${say('evidence')}</h4>
            ${listOf(evidence)}`
    }
    ${
      steps.length === 0
        ? null
        : html`<h4>${say('arithmetic')}</h4>
            ${listOf(steps)}`
    }
  </section>`;
}
