// The console's frame: signing in with a key, the views and how they are reached, and the language.
// It starts the page.

import { get, keepKey, KEY_CHARACTERS, readKey, Refusal, UNAUTHORIZED } from './api.js';
import { promoterView } from './books.js';
import { orderView } from './order.js';
import { ordersView } from './orders.js';
import { overviewView } from './overview.js';
import { element, formOf, headingOf, linkTo, problemOf } from './page.js';
import { rulesView } from './rules.js';
import { chooseLanguage, currentLanguage, findLanguage, say } from './words.js';

/** @typedef {{parts: string[], query: Record<string, string>}} Place */

const VIEWS = /** @type {const} */ (['overview', 'orders', 'promoters', 'rules']);

/** Where the page's address says that we are. */
function readPlace() {
  const [path = '', search = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  return { parts: path.split('/').map(decoded), query: Object.fromEntries(new URLSearchParams(search)) };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    // Somebody typed a percent sign into the address; it means itself.
    return text;
  }
}

/** @param {Place} place */
function viewOf(place) {
  const [name, second] = place.parts;
  if (name === 'orders') return second === undefined ? ordersView(place) : orderView(place);
  if (name === 'promoters') return promoterView(place);
  return name === 'rules' ? rulesView() : overviewView();
}

/**
 * Shows the view of the page's address to whoever is signed in, and the question for the key to
 * whoever is not.
 */
function show() {
  document.documentElement.lang = currentLanguage() === 'zh' ? 'zh-CN' : 'en';
  const isSignedIn = readKey() !== null;
  const place = readPlace();
  const content = element('main', { id: 'content' }, isSignedIn ? viewOf(place) : signInView(null));
  document.body.replaceChildren(header(isSignedIn ? place : null), content);
}

/** @param {Place | null} place null before anybody signed in */
function header(place) {
  const name = VIEWS.find((view) => view === place?.parts[0]) ?? 'overview';
  const links = VIEWS.map((view) => {
    const link = linkTo([view], say(view));
    if (view === name) link.setAttribute('aria-current', 'page');
    return link;
  });
  const navigation = place === null ? null : element('nav', { 'aria-label': say('views') }, ...links);
  return element(
    'header',
    {},
    element('strong', {}, 'Fenyong 分佣'),
    navigation,
    element('div', { class: 'tools' }, languageButton(), place === null ? null : signOutButton()),
  );
}

/** It says the language that it leads to, in that language. */
function languageButton() {
  const other = currentLanguage() === 'zh' ? 'en' : 'zh';
  const switchTo = () => {
    chooseLanguage(other);
    show();
  };
  return element('button', { type: 'button', lang: other, click: switchTo }, other === 'zh' ? '中文' : 'English');
}

function signOutButton() {
  return element('button', { type: 'button', click: signOut }, say('sign_out'));
}

function signOut() {
  keepKey(null);
  show();
}

/** @param {HTMLElement | null} problem why there is no key any more */
function signInView(problem) {
  const field = element('input', { type: 'password', required: true, autocomplete: 'off', spellcheck: 'false' });
  const answer = element('div', { 'aria-live': 'polite' }, problem);
  const form = formOf([{ name: 'key', label: say('key'), field }], say('sign_in'), ({ key = '' }) => {
    answer.replaceChildren(say('loading'));
    signIn(key).catch((error) => answer.replaceChildren(problemOf(error)));
  });
  return element('section', { class: 'sign-in' }, headingOf(say('sign_in')), element('p', {}, say('key_promise')), form, answer);
}

/**
 * Keeps the key once the API has accepted it. Orders are what a key of any scope may list.
 * @param {string} key
 */
async function signIn(key) {
  if (!KEY_CHARACTERS.test(key)) throw new Refusal({ title: say('no_key'), detail: say('no_key_detail'), code: 'no_key' });
  keepKey(key);
  try {
    await get(['orders'], { limit: 1 });
  } catch (error) {
    keepKey(null);
    throw error;
  }
  show();
}

window.addEventListener('hashchange', () => {
  show();
  // Whoever reads with a keyboard or by ear goes on where the new view begins.
  document.querySelector('h1')?.focus();
});
window.addEventListener(UNAUTHORIZED, (event) => {
  keepKey(null);
  const problem = problemOf(new Refusal(/** @type {CustomEvent} */ (event).detail));
  document.body.replaceChildren(header(null), element('main', { id: 'content' }, signInView(problem)));
});
findLanguage();
show();
