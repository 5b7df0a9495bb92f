// The first view: whether the laws of the books hold, what is alarming, whether the books balance,
// and what was not processed.

import { get } from './api.js';
import { trialBalanceSection } from './books.js';
import { deliveriesSection } from './deliveries.js';
import { element, headingOf, loaded, mark, section, timeOf } from './page.js';
import { currentLanguage, nameOf, say } from './words.js';

export function overviewView() {
  return element(
    'div',
    {},
    headingOf(say('overview')),
    section(say('guards'), loaded(showGuards)),
    trialBalanceSection(),
    deliveriesSection(),
  );
}

async function showGuards() {
  const { ok, data } = await get(['guards']);
  const verdict = element('p', { class: 'verdict' }, ok ? mark('good', say('laws_hold')) : mark('bad', say('law_broken')));
  return element('div', {}, verdict, ...['law', 'alarm'].map((kind) => guardsOf(kind, data)));
}

/**
 * The guards of a kind; those that found nothing are folded away.
 * @param {string} kind
 * @param {any[]} guards
 */
function guardsOf(kind, guards) {
  const ofKind = guards.filter((guard) => guard.kind === kind);
  const raised = ofKind.filter((guard) => !guard.ok);
  const quiet = ofKind.filter((guard) => guard.ok);
  const folded = element('details', {}, element('summary', {}, say('quiet_guards', { count: quiet.length })), ...quiet.map(guardOf));
  return element('div', {}, element('h3', {}, nameOf('guard', kind)), ...raised.map(guardOf), folded);
}

/** @param {any} guard */
function guardOf({ name, words, ok, violations, sample, checked_at: checkedAt }) {
  // A guard that found nothing and is not well was not asked for too long.
  const isStale = !ok && violations === 0;
  const state = ok ? mark('good', say('holds')) : mark('bad', isStale ? say('stale') : say('violations', { count: violations }));
  const { says, broken, what_to_do: whatToDo } = words[currentLanguage()];
  const sentence = isStale ? say('stale_means', { says }) : ok ? says : broken;
  const cure = ok ? null : element('p', {}, element('strong', {}, say('what_to_do')), ' ', isStale ? say('stale_cure') : whatToDo);
  return element(
    'article',
    {},
    element('p', {}, element('code', {}, name), ' ', state),
    element('p', {}, sentence),
    cure,
    sample.length === 0 ? null : element('ul', { class: 'samples' }, ...sample.map(sampleOf)),
    element('p', { class: 'empty' }, say('checked_at'), ' ', timeOf(checkedAt)),
  );
}

/** @param {Record<string, unknown>} violation */
function sampleOf(violation) {
  const fields = Object.entries(violation).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return element('li', {}, fields.join(' · '));
}
