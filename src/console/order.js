// One order: what is known of it, what each line earns and why, and everything that was booked for
// it.

import { money } from './amounts.js';
import { get } from './api.js';
import { roleOf, storyOf, verdictOn } from './explanation.js';
import { decisionMark, standingOf } from './orders.js';
import { amount, element, factsOf, headingOf, linkToPromoter, loaded, section, sentence, tableOf, timeOf } from './page.js';
import { nameOf, say } from './words.js';

/** @param {{parts: string[], query: Record<string, string>}} place */
export function orderView({ parts: [, sourceId = '', orderId = ''], query: { merchant_id } }) {
  const load = async () => {
    const explanation = await get(['orders', sourceId, orderId, 'explanation'], { merchant_id });
    return element('div', {}, ...chaptersOf(explanation));
  };
  return element('div', {}, headingOf(element('bdi', {}, orderId)), loaded(load));
}

/** @param {any} explanation */
function chaptersOf({ order, lines, deliveries, transfers }) {
  const why = new Map(lines.map((/** @type {any} */ line) => [line.line_id, line]));
  return [
    headOf(order),
    ...order.lines.map((/** @type {any} */ line) => lineOf(line, why.get(line.line_id), order.currency)),
    section(say('transfers'), transfers.length === 0 ? nothing() : transfersOf(transfers)),
    section(say('deliveries'), deliveries.length === 0 ? nothing() : deliveriesOf(deliveries)),
  ];
}

function nothing() {
  return element('p', { class: 'empty' }, say('nothing'));
}

/** @param {any} order */
function headOf(order) {
  const totals = order.totals.map((/** @type {any} */ total) => {
    return element('li', {}, linkToPromoter(total.promoter_id), ' ', amount(money(total.amount, order.currency)));
  });
  return factsOf([
    [say('merchant'), order.merchant_id],
    [say('source'), order.source_id],
    [say('status'), standingOf(order)],
    ...(order.void === false ? [] : [/** @type {const} */ ([say('void_because'), order.void.reason])]),
    [say('created_at'), timeOf(order.created_at)],
    [say('paid_at'), timeOf(order.paid_at)],
    [say('completed_at'), timeOf(order.completed_at)],
    order.released_at === null ? [say('releases_at'), timeOf(order.releases_at)] : [say('released_at'), timeOf(order.released_at)],
    [say('earned'), totals.length === 0 ? '–' : element('ul', { class: 'plain' }, ...totals)],
  ]);
}

/**
 * @param {any} line
 * @param {any} why undefined until the line was decided for the first time
 * @param {string | null} currency
 */
function lineOf(line, why, currency) {
  const facts = factsOf([
    [say('product'), line.product_id ?? '–'],
    [say('quantity'), String(line.quantity)],
    [say('paid'), amount(money(line.paid_amount, currency))],
    [say('refunded'), amount(money(line.refunded_amount, currency))],
    [say('decision'), decisionMark(line.decision)],
    [say('pool'), amount(money(line.pool, currency))],
  ]);
  const rows = line.shares.map((/** @type {any} */ share) => [
    roleOf(share),
    linkToPromoter(share.promoter_id),
    amount(money(share.amount, currency)),
  ]);
  const shares = rows.length === 0 ? null : tableOf([say('role'), say('promoter'), say('net')], rows);
  return section(say('line', { line: line.line_id }), facts, shares, why === undefined ? null : storyIn(why, currency));
}

/** @param {any} why @param {string | null} currency */
function storyIn(why, currency) {
  const chapters = storyOf(why, currency).map(({ title, sentences }) => {
    const told = sentences.map(([word, values]) => element('li', {}, sentence(word, values)));
    return element('div', {}, element('h3', {}, say(title)), element('ol', {}, ...told));
  });
  const verdict = verdictOn(why).map(([word, values]) => sentence(word, values));
  return element('div', { class: 'story' }, ...verdict, ...chapters);
}

/** @param {any[]} transfers */
function transfersOf(transfers) {
  const headings = [say('time'), say('why'), say('line_short'), say('role'), say('promoter'), say('from_to'), say('amount')];
  return tableOf(
    headings,
    transfers.map((transfer) => [
      timeOf(transfer.booked_at),
      nameOf('transfer', transfer.kind),
      transfer.line_id,
      roleOf(transfer),
      linkToPromoter(transfer.promoter_id),
      `${nameOf('account', transfer.from)} → ${nameOf('account', transfer.to)}`,
      amount(money(transfer.amount, transfer.currency)),
    ]),
  );
}

/** @param {any[]} deliveries */
function deliveriesOf(deliveries) {
  const rows = deliveries.map(({ received_at, source_id, origin, state, delivery_id }) => [
    timeOf(received_at),
    source_id,
    nameOf('origin', origin),
    nameOf('state', state),
    element('code', {}, delivery_id),
  ]);
  return tableOf([say('received_at'), say('source'), say('origin'), say('state'), say('delivery')], rows);
}
