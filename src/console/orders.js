// The list of orders, filtered by what stands in the page's address, and the marks of what orders
// and their lines have come to.

import { money, sumOf } from './amounts.js';
import { addressOf, get } from './api.js';
import { amount, element, formOf, headingOf, linkToOrder, linkToPromoter, mark, pagesOf, timeOf } from './page.js';
import { nameOf, say } from './words.js';

const DECISIONS = ['attributed', 'unattributed', 'no_rule', 'not_commissionable', 'duplicate_order', 'parent_earns', 'void', 'pending'];

/** @param {{query: Record<string, string>}} place */
export function ordersView({ query }) {
  const { merchant_id, promoter_id, decision } = query;
  const headings = [
    say('order'),
    say('merchant'),
    say('paid_at'),
    say('status'),
    say('decision'),
    say('promoter'),
    say('paid'),
    say('commission'),
  ];
  const read = (/** @type {string | null} */ cursor) => get(['orders'], { merchant_id, promoter_id, decision, cursor });
  return element('div', {}, headingOf(say('orders')), filterForm(query), pagesOf(read, headings, cellsOf));
}

/** @param {Record<string, string>} query */
function filterForm({ merchant_id = '', promoter_id = '', decision = '' }) {
  const chosen = DECISIONS.map((one) => element('option', { value: one, selected: one === decision }, nameOf('decision', one)));
  const fields = [
    { name: 'merchant_id', label: say('merchant'), field: element('input', { value: merchant_id, maxlength: '128' }) },
    { name: 'promoter_id', label: say('promoter'), field: element('input', { value: promoter_id, maxlength: '128' }) },
    { name: 'decision', label: say('decision'), field: element('select', {}, element('option', { value: '' }, say('all')), ...chosen) },
  ];
  return formOf(fields, say('filter'), (values) => {
    location.hash = `#/${addressOf(['orders'], values)}`;
  });
}

/** @param {any} order */
function cellsOf(order) {
  const paid = sumOf(order.lines.map((/** @type {any} */ line) => line.paid_amount));
  const commission = sumOf(order.totals.map((/** @type {any} */ total) => total.amount));
  const winners = new Set(order.lines.flatMap((/** @type {any} */ line) => line.promoter_id ?? []));
  return [
    linkToOrder(order),
    order.merchant_id,
    timeOf(order.paid_at),
    standingOf(order),
    order.lines.length === 0 ? '–' : decisionsOf(order.lines),
    winners.size === 0 ? '–' : element('span', { class: 'several' }, ...[...winners].map(linkToPromoter)),
    amount(money(paid, order.currency)),
    amount(money(commission, order.currency)),
  ];
}

/** What its lines were decided as, each decision once. @param {any[]} lines */
function decisionsOf(lines) {
  return element('span', { class: 'several' }, ...[...new Set(lines.map(({ decision }) => decision))].map(decisionMark));
}

/** How far an order is, and its award with it. @param {any} order */
export function standingOf({ status, award }) {
  return element(
    'span',
    { class: 'several' },
    mark('quiet', nameOf('status', status)),
    mark(award === 'released' ? 'good' : 'quiet', nameOf('award', award)),
  );
}

/** @param {string} decision */
export function decisionMark(decision) {
  return mark(
    decision === 'attributed' ? 'good' : decision === 'no_rule' || decision === 'unattributed' ? 'bad' : 'quiet',
    nameOf('decision', decision),
  );
}
