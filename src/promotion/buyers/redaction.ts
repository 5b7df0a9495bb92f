// The words of erased buyers in texts of any kind: found by their hashes, since nobody keeps the
// words, and replaced in place.
import type { KeyObject } from 'node:crypto';

import { erasedWord, identityOf } from './identity.ts';

const EMAIL = /[\w.%+-]+@[\w-]+(?:\.[\w-]+)+/g;
/** Digits as people write a phone, with what they put between them. */
const PHONE = /\+?\d[\d\s().-]{4,22}\d/g;
/** What may be an id inside of a sentence. */
const RUN = /[\w@.+-]{6,128}/g;
const WORD_LENGTH_MAX = 128;
/**
 * A shorter word means something else in too many places: it counts only where it is all that
 * stands there.
 */
const WORD_LENGTH_MIN = 6;
/** The texts and numbers of a JSON text. */
const LITERAL = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Who is erased of a merchant: what the identities are of, and which they are. */
export interface Erased {
  merchantId: string;
  types: ReadonlySet<string>;
  identities: ReadonlySet<string>;
}

/** What is to be replaced, and by what. */
export type Replacements = ReadonlyMap<string, string>;

/** What an erased buyer may be known by among these words, with what is to stand there instead. */
export function erasedAmong(words: Iterable<string>, erased: Erased, identityKey: KeyObject): Map<string, string> {
  const found = new Map<string, string>();
  for (const word of words) {
    for (const identity of identitiesOfWord(word, erased, identityKey)) {
      if (erased.identities.has(identity) && erasedWord(identity) !== word) found.set(word, erasedWord(identity));
    }
  }
  return found;
}

/** The identities that a word would be, were it of one of these types. */
export function identitiesOfWord(
  word: string,
  { merchantId, types }: Pick<Erased, 'merchantId' | 'types'>,
  identityKey: KeyObject,
): string[] {
  return [...types].flatMap((type) => identityOf(identityKey, merchantId, type, word) ?? []);
}

/** Everything in a text that may be a word of a buyer, each once. */
export function wordsIn(text: string): Set<string> {
  const words = new Set<string>();
  for (const { value } of partsOf(text)) {
    if (value.length <= WORD_LENGTH_MAX) words.add(value).add(value.trim());
    if (value.length < WORD_LENGTH_MIN) continue;
    for (const form of [EMAIL, PHONE, RUN]) for (const [word] of value.matchAll(form)) words.add(word);
  }
  words.delete('');
  return words;
}

/** One place of a text where something is replaced. */
export interface Edit {
  from: number;
  until: number;
  text: string;
  /** The word is so short that it may be another thing of the same spelling. */
  isDoubtful: boolean;
}

/**
 * Where these words stand in a text, of a JSON text as its own texts and numbers. In the order of
 * their places.
 */
export function editsOf(text: string, words: Replacements): Edit[] {
  if (words.size === 0) return [];
  const replace = replacing(words);
  return partsOf(text).flatMap(({ from, until, value, isLiteral }) => {
    const replaced = words.get(value) ?? words.get(value.trim()) ?? replace(value);
    if (replaced === value) return [];
    return [{ from, until, text: isLiteral ? JSON.stringify(replaced) : replaced, isDoubtful: value.trim().length < WORD_LENGTH_MIN }];
  });
}

/** The text with these edits made. */
export function edited(text: string, edits: readonly Edit[]): string {
  let at = 0;
  let made = '';
  for (const { from, until, text: replaced } of edits) {
    made += text.slice(at, from) + replaced;
    at = until;
  }
  return made + text.slice(at);
}

/** The text without the words of these buyers; the very text where it has none. */
export function redacted(text: string, erased: readonly Erased[], identityKey: KeyObject): string {
  return erased.reduce((rest, one) => {
    return edited(rest, editsOf(rest, erasedAmong(wordsIn(rest), one, identityKey)));
  }, text);
}

interface Part {
  from: number;
  until: number;
  value: string;
  /** It stands in a JSON text, as a text in quotes or as a number. */
  isLiteral: boolean;
}

/** What is looked at by itself: the literals of a JSON text, else the text as one. */
function partsOf(text: string): Part[] {
  if (!isJson(text)) return [{ from: 0, until: text.length, value: text, isLiteral: false }];
  return [...text.matchAll(LITERAL)].map(({ 0: literal, index }) => ({
    from: index,
    until: index + literal.length,
    value: literal.startsWith('"') ? (JSON.parse(literal) as string) : literal,
    isLiteral: true,
  }));
}

function isJson(text: string): boolean {
  if (!/^\uFEFF?\s*[[{"]/.test(text)) return false;
  try {
    JSON.parse(text.replace(/^\uFEFF/, ''));
    return true;
  } catch {
    return false;
  }
}

/**
 * Replaces words inside of a text, whole ones only: no phone inside of a longer number, no address
 * inside of a longer address. Of addresses alone it does not matter how they are cased.
 */
function replacing(words: Replacements): (text: string) => string {
  const inside = [...words.keys()].filter((word) => word.length >= WORD_LENGTH_MIN).toSorted((a, b) => b.length - a.length);
  const addresses = inside.filter((word) => word.includes('@'));
  const numbers = inside.filter((word) => /^\+?\d/.test(word) && !word.includes('@'));
  const others = inside.filter((word) => !/^\+?\d/.test(word) && !word.includes('@'));
  const folded = new Map(addresses.map((word) => [word.toLowerCase(), words.get(word)!]));
  const forms = [
    {
      pattern: patternOf(addresses, ['(?<![\\w@.+-])', '(?![\\w@-]|\\.\\w)'], 'gi'),
      by: (word: string) => folded.get(word.toLowerCase())!,
    },
    { pattern: patternOf(others, ['(?<![\\w@.+-])', '(?![\\w@-]|\\.\\w)'], 'g'), by: (word: string) => words.get(word)! },
    { pattern: patternOf(numbers, ['(?<!\\w)', '(?!\\w)'], 'g'), by: (word: string) => words.get(word)! },
  ];
  return (text) => forms.reduce((rest, { pattern, by }) => (pattern === null ? rest : rest.replaceAll(pattern, by)), text);
}

function patternOf(words: readonly string[], [before, behind]: readonly [string, string], flags: string): RegExp | null {
  return words.length === 0 ? null : new RegExp(`${before}(?:${words.map(escaped).join('|')})${behind}`, flags);
}

const escaped = (word: string): string => word.replaceAll(/[\\^$.*+?()[\]{}|-]/g, '\\$&');
