// The language of the page: which one is chosen, and what a key of the dictionaries says in it.

import { en } from './words-en.js';
import { zh } from './words-zh.js';

/**
 * @typedef {keyof typeof en} Word
 * @typedef {Record<string, string | number>} Values
 */

const LANGUAGE_PLACE = 'fenyong.language';

/** @type {Readonly<Record<'zh' | 'en', Record<Word, string>>>} */
const DICTIONARIES = { zh, en };

/** @type {'zh' | 'en'} */
let language = 'en';

/** Takes the language that was chosen here before, else the browser's. */
export function findLanguage() {
  const wanted = localStorage.getItem(LANGUAGE_PLACE) ?? navigator.language;
  language = wanted.startsWith('zh') ? 'zh' : 'en';
}

export function currentLanguage() {
  return language;
}

/** @param {'zh' | 'en'} wanted */
export function chooseLanguage(wanted) {
  language = wanted;
  localStorage.setItem(LANGUAGE_PLACE, wanted);
}

/**
 * A sentence with its values filled in.
 * @param {Word} word
 * @param {Values} [values]
 */
export function say(word, values) {
  return partsOf(word, values)
    .map(({ text }) => text)
    .join('');
}

/**
 * A sentence in parts, so that the values can be told from the words around them.
 * @param {Word} word
 * @param {Values} [values]
 * @returns {{text: string, isValue: boolean}[]}
 */
export function partsOf(word, values = {}) {
  // Splitting by a group gives the words and the names of the values in turn.
  return DICTIONARIES[language][word].split(/\{(\w+)\}/).map((text, index) => {
    return index % 2 === 1 ? { text: String(values[text] ?? ''), isValue: true } : { text, isValue: false };
  });
}

/**
 * What a code of the API is called, such as the decision `no_rule`. A code that the dictionary does
 * not have yet stands for itself.
 * @param {string} kind
 * @param {string | null} code
 */
export function nameOf(kind, code) {
  if (code === null) return '–';
  const word = `${kind}.${code}`;
  return Object.hasOwn(DICTIONARIES[language], word) ? DICTIONARIES[language][/** @type {Word} */ (word)] : code;
}

/**
 * A time of the API in the reader's own time zone.
 * @param {string | null} time
 */
export function moment(time) {
  if (time === null) return '–';
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en-GB', { dateStyle: 'medium', timeStyle: 'medium' }).format(
    new Date(time),
  );
}
