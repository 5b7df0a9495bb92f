// What the page is built of. Everything that is shown goes in as text, so that no id, name or
// message can become markup.

import { addressOf, Refusal } from './api.js';
import { moment, partsOf, say } from './words.js';

/**
 * @typedef {Node | string | null} Child
 * @typedef {Record<string, string | boolean | EventListener>} Attributes
 * @typedef {{data: any[], next_cursor: string | null}} Page
 */

/**
 * An element. Functions among the attributes are listeners, false ones are left out, and text
 * becomes text.
 * @param {string} tag
 * @param {Attributes} attributes
 * @param {...Child} children
 */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * A link to a view of this page.
 * @param {readonly string[]} parts
 * @param {Child} text
 * @param {import('./api.js').Query} [query]
 */
export function linkTo(parts, text, query) {
  return element('a', { href: `#/${addressOf(parts, query)}` }, text);
}

/** @param {{source_id: string, order_id: string, merchant_id: string}} order */
export function linkToOrder({ source_id, order_id, merchant_id }) {
  return linkTo(['orders', source_id, order_id], order_id, { merchant_id });
}

/** @param {string | null} promoterId null is the platform */
export function linkToPromoter(promoterId) {
  return promoterId === null ? say('platform') : linkTo(['promoters', promoterId], promoterId);
}

/** @param {string | null} time */
export function timeOf(time) {
  return time === null ? '–' : element('time', { datetime: time, title: time }, moment(time));
}

/** @param {'good' | 'bad' | 'quiet'} tone @param {string} text */
export function mark(tone, text) {
  return element('span', { class: `mark ${tone}` }, text);
}

/** @param {string} text */
export function amount(text) {
  return element('span', { class: 'amount' }, text);
}

/**
 * A sentence of the dictionary; its values stand out, and are isolated from the direction of the
 * text around them.
 * @param {import('./words.js').Word} word
 * @param {import('./words.js').Values} values
 */
export function sentence(word, values) {
  const parts = partsOf(word, values).map(({ text, isValue }) => (isValue ? element('bdi', {}, text) : text));
  return element('p', {}, ...parts);
}

/** The heading of a view, where whoever arrives at it begins to read. @param {Child} text */
export function headingOf(text) {
  return element('h1', { tabindex: '-1' }, text);
}

/** @param {string} title @param {...Child} children */
export function section(title, ...children) {
  return element('section', {}, element('h2', {}, title), ...children);
}

/** Facts by name. @param {readonly (readonly [string, Child])[]} facts */
export function factsOf(facts) {
  return element('dl', {}, ...facts.map(([name, fact]) => element('div', {}, element('dt', {}, name), element('dd', {}, fact))));
}

/**
 * A table. On a narrow screen each row becomes a card, in which every cell says its heading.
 * @param {readonly string[]} headings
 * @param {readonly (readonly Child[])[]} rows
 */
export function tableOf(headings, rows) {
  const head = element('tr', {}, ...headings.map((heading) => element('th', { scope: 'col' }, heading)));
  return element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows.map((cells) => rowOf(headings, cells))));
}

/** @param {readonly string[]} headings @param {readonly Child[]} cells */
function rowOf(headings, cells) {
  return element('tr', {}, ...cells.map((cell, index) => element('td', { 'data-heading': headings[index] ?? '' }, cell)));
}

/**
 * What the API refused, with all that it said.
 * @param {unknown} error
 */
export function problemOf(error) {
  if (!(error instanceof Refusal)) throw error;
  const { title, detail, code, errors = [], request_id: requestId } = error.problem;
  return element(
    'div',
    { class: 'problem', role: 'alert' },
    element('strong', {}, title),
    element('p', {}, detail),
    errors.length === 0 ? null : element('ul', {}, ...errors.map(({ path, message }) => element('li', {}, `${path}: ${message}`))),
    element('p', {}, element('code', {}, code), requestId === undefined ? null : ` · ${requestId}`),
  );
}

/**
 * A place that says that it is loading until its content, or the refusal, is there.
 * @param {() => Promise<Child>} load
 */
export function loaded(load) {
  const place = element('div', { class: 'place', 'aria-busy': 'true' }, say('loading'));
  const show = (/** @type {Child} */ content) => {
    place.removeAttribute('aria-busy');
    place.replaceChildren(...(content === null ? [] : [content]));
  };
  load()
    .catch(problemOf)
    .then(show)
    .catch((/** @type {unknown} */ error) => {
      show(say('broken'));
      throw error;
    });
  return place;
}

/**
 * The button that was pressed is gone: whoever reads with a keyboard or by ear goes on where the
 * new rows begin.
 * @param {HTMLElement | undefined} row
 */
function goOnFrom(row) {
  row?.setAttribute('tabindex', '-1');
  row?.focus();
}

/**
 * A list of the API as a table, page by page: the next one is read when it is asked for.
 * @param {(cursor: string | null) => Promise<Page>} read
 * @param {readonly string[]} headings
 * @param {(row: any) => Child[]} cellsOf
 */
export function pagesOf(read, headings, cellsOf) {
  return loaded(async () => {
    const { data, next_cursor: cursor } = await read(null);
    if (data.length === 0) return element('p', { class: 'empty' }, say('nothing'));
    const table = tableOf(headings, data.map(cellsOf));
    return element('div', {}, table, cursor === null ? null : moreButton(cursor));

    /** @param {string} next */
    function moreButton(next) {
      const button = element('button', { type: 'button', click: () => button.replaceWith(loaded(() => append(next))) }, say('more'));
      return button;
    }

    /** @param {string} from */
    async function append(from) {
      const page = await read(from);
      const rows = page.data.map((row) => rowOf(headings, cellsOf(row)));
      table.querySelector('tbody')?.append(...rows);
      goOnFrom(rows[0]);
      return page.next_cursor === null ? null : moreButton(page.next_cursor);
    }
  });
}

/**
 * A form whose fields become an object of texts when it is sent.
 * @param {{name: string, label: string, field: HTMLElement}[]} fields
 * @param {string} action what its button says
 * @param {(values: Record<string, string>) => void} send
 */
export function formOf(fields, action, send) {
  const labels = fields.map(({ label, field }) => element('label', {}, element('span', {}, label), field));
  const form = element('form', {}, ...labels, element('button', { type: 'submit' }, action));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(Object.fromEntries(fields.map(({ name, field }) => [name, /** @type {HTMLInputElement} */ (field).value.trim()])));
  });
  return form;
}
