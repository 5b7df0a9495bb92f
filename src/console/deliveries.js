// Deliveries that are not done: those that wait for their turn, those that wait for something, and
// those that failed.

import { get, newIdempotencyKey, post } from './api.js';
import { element, loaded, pagesOf, section, timeOf } from './page.js';
import { nameOf, say } from './words.js';

const STATES = /** @type {const} */ (['received', 'parked', 'failed']);
const PAGE_LENGTH = 20;

export function deliveriesSection() {
  const headings = [say('received_at'), say('source'), say('merchant'), say('because'), say('attempts'), say('action')];
  const lists = STATES.map((state) => {
    const read = (/** @type {string | null} */ cursor) => get(['deliveries'], { state, limit: PAGE_LENGTH, cursor });
    return element('div', {}, element('h3', {}, nameOf('state', state)), pagesOf(read, headings, cellsOf));
  });
  return section(say('deliveries'), ...lists);
}

/** @param {any} delivery */
function cellsOf(delivery) {
  return [
    timeOf(delivery.received_at),
    delivery.source_id,
    delivery.merchant_id ?? '–',
    reasonOf(delivery),
    String(delivery.attempts),
    delivery.state === 'received' ? '–' : replayButton(delivery.delivery_id),
  ];
}

/** @param {any} delivery */
function reasonOf({ reason, waits_for: waitsFor, error, next_attempt_at: nextAttemptAt }) {
  const lines = [
    reason === null ? null : nameOf('parked', reason),
    waitsFor === null ? null : element('code', {}, waitsFor),
    error,
    nextAttemptAt === null ? null : element('span', {}, say('next_attempt_at'), ' ', timeOf(nextAttemptAt)),
  ].filter((line) => line !== null);
  return lines.length === 0 ? '–' : element('ul', { class: 'plain' }, ...lines.map((line) => element('li', {}, line)));
}

/**
 * One key for one button: however often it is pressed, and whatever is lost on the way, the
 * delivery is replayed once.
 * @param {string} deliveryId
 */
function replayButton(deliveryId) {
  const idempotencyKey = newIdempotencyKey();
  const replay = async () => {
    await post(['deliveries', deliveryId, 'replays'], idempotencyKey);
    return say('replayed');
  };
  const button = element('button', { type: 'button', click: () => place.replaceChildren(button, loaded(replay)) }, say('replay'));
  const place = element('div', { class: 'several' }, button);
  return place;
}
