// The rules with all their versions: to what each applies and when, how much it gives, and how that
// is split.

import { money, percent } from './amounts.js';
import { get } from './api.js';
import { roleOf } from './explanation.js';
import { element, factsOf, headingOf, loaded, timeOf } from './page.js';
import { nameOf, say } from './words.js';

export function rulesView() {
  return element('div', {}, headingOf(say('rules')), pageFrom(null));
}

/** @param {string | null} cursor */
function pageFrom(cursor) {
  return loaded(async () => {
    const { data, next_cursor: next } = await get(['rules'], { cursor });
    if (data.length === 0) return element('p', { class: 'empty' }, say('nothing'));
    return element('div', {}, ...data.map(ruleOf), next === null ? null : moreButton(next));
  });
}

/** @param {string} cursor */
function moreButton(cursor) {
  const button = element('button', { type: 'button', click: () => button.replaceWith(pageFrom(cursor)) }, say('more'));
  return button;
}

/** The last version is open, those before it are folded away. @param {any} rule */
function ruleOf({ rule_id, versions }) {
  const [last, ...earlier] = versions.toSorted((/** @type {any} */ a, /** @type {any} */ b) => b.version - a.version);
  return element(
    'section',
    {},
    element('h2', {}, last.name),
    element('p', { class: 'empty' }, element('code', {}, rule_id)),
    versionOf(last, true),
    ...earlier.map((/** @type {any} */ version) => versionOf(version, false)),
  );
}

/** @param {any} version @param {boolean} open */
function versionOf({ version, name, scope, priority, effective_from, effective_to, plan }, open) {
  const scopes = Object.entries(scope).map(([key, value]) => `${nameOf('scope', key)} ${value}`);
  const facts = factsOf([
    [say('name'), name],
    [say('applies_to'), scopes.length === 0 ? say('everything') : scopes.join(' · ')],
    [say('priority'), String(priority)],
    [say('effective_from'), timeOf(effective_from)],
    [say('effective_to'), timeOf(effective_to)],
    [say('gives'), givesOf(plan)],
  ]);
  return element('details', { open }, element('summary', {}, say('version', { version })), facts, splitOf(plan.split));
}

/** @param {any} plan */
function givesOf({ base, currency, rate_ppm, fixed_per_unit, cap_per_line, cap_per_order }) {
  const terms = [say('gives_rate', { rate: percent(rate_ppm), base: nameOf('base', base) })];
  if (fixed_per_unit > 0) terms.push(say('gives_fixed', { amount: money(fixed_per_unit, currency) }));
  if (cap_per_line !== null) terms.push(say('gives_cap_per_line', { amount: money(cap_per_line, currency) }));
  if (cap_per_order !== null) terms.push(say('gives_cap_per_order', { amount: money(cap_per_order, currency) }));
  return terms.join(' · ');
}

/**
 * The tree of the plan: each gets a part of the gross of whom it stands below.
 * @param {any[]} nodes
 * @returns {HTMLElement | null}
 */
function splitOf(nodes) {
  if (nodes.length === 0) return null;
  const items = nodes.map(({ to, level, share_ppm, pays }) => {
    const who = typeof to === 'string' ? roleOf({ role: to, level }) : to.account;
    return element('li', {}, say('split_share', { who, share: percent(share_ppm) }), splitOf(pays));
  });
  return element('ul', { class: 'tree' }, ...items);
}
