// The books: the trial balance of the whole, and what one promoter has and how it came to that.

import { money } from './amounts.js';
import { addressOf, get } from './api.js';
import { roleOf } from './explanation.js';
import { amount, element, formOf, headingOf, linkToOrder, loaded, mark, pagesOf, section, tableOf, timeOf } from './page.js';
import { nameOf, say } from './words.js';

const BALANCES = ['pending', 'available', 'paying', 'withheld', 'paid'];

export function trialBalanceSection() {
  return section(say('trial_balance'), loaded(showTrialBalance));
}

async function showTrialBalance() {
  const { data } = await get(['ledger', 'trial-balance']);
  return data.length === 0 ? element('p', { class: 'empty' }, say('nothing')) : element('div', { class: 'cards' }, ...data.map(trialCard));
}

/** @param {any} trial */
function trialCard({ currency, accounts, sum }) {
  const rows = accounts.map((/** @type {any} */ account) => [nameOf('account', account.kind), amount(money(account.balance, currency))]);
  const verdict = BigInt(sum) === 0n ? mark('good', say('balanced')) : mark('bad', say('unbalanced'));
  const foot = element('p', {}, `${say('sum')}: `, amount(money(sum, currency)), ' ', verdict);
  return element('article', {}, element('h3', {}, currency), tableOf([say('account'), say('balance')], rows), foot);
}

/** A promoter, or the question which. @param {{parts: string[]}} place */
export function promoterView({ parts: [, promoterId = ''] }) {
  const field = element('input', { value: promoterId, maxlength: '128', required: true });
  const question = formOf([{ name: 'promoter_id', label: say('promoter'), field }], say('show'), ({ promoter_id = '' }) => {
    location.hash = `#/${addressOf(['promoters', promoter_id])}`;
  });
  const heading = headingOf(promoterId === '' ? say('promoters') : element('bdi', {}, promoterId));
  if (promoterId === '') return element('div', {}, heading, question);
  return element('div', {}, heading, question, balanceSection(promoterId), entriesSection(promoterId));
}

/** @param {string} promoterId */
function balanceSection(promoterId) {
  const load = async () => {
    const { data } = await get(['promoters', promoterId, 'balance']);
    if (data.length === 0) return element('p', { class: 'empty' }, say('nothing'));
    const rows = data.map((/** @type {any} */ row) => [row.currency, ...BALANCES.map((kind) => amount(money(row[kind], row.currency)))]);
    return tableOf([say('currency'), ...BALANCES.map((kind) => nameOf('account', kind))], rows);
  };
  return section(say('balance'), loaded(load));
}

/** @param {string} promoterId */
function entriesSection(promoterId) {
  const headings = [say('time'), say('why'), say('order'), say('role'), say('account'), say('amount'), say('balance')];
  const read = (/** @type {string | null} */ cursor) => get(['promoters', promoterId, 'entries'], { cursor });
  return section(say('entries'), pagesOf(read, headings, cellsOf));
}

/** @param {any} entry */
function cellsOf(entry) {
  return [
    timeOf(entry.booked_at),
    nameOf('transfer', entry.kind),
    linkToOrder(entry),
    roleOf({ role: entry.role, level: entry.level }),
    nameOf('account', entry.account),
    amount(money(entry.amount, entry.currency)),
    amount(money(entry.balance, entry.currency)),
  ];
}
