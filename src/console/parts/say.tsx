// The language of the desk: which one is chosen, and what a word of its dictionaries says in it.

import { useSyncExternalStore, type ReactNode } from 'react';

import type { Word } from '../words/en.ts';
import { visible } from './visible.ts';

type Language = 'en' | 'zh';
export type Values = Record<string, string | number>;

const LANGUAGE_PLACE = 'fenyong.language';

let language: Language = 'en';
let dictionary: Readonly<Record<Word, string>>;
const listeners = new Set<() => void>();

/** Takes the language that was chosen here before, else that in which the page was served. */
export async function findLanguage(): Promise<void> {
  const wanted = localStorage.getItem(LANGUAGE_PLACE) ?? document.documentElement.lang;
  await speak(wanted.startsWith('zh') ? 'zh' : 'en');
}

export async function chooseLanguage(wanted: Language): Promise<void> {
  localStorage.setItem(LANGUAGE_PLACE, wanted);
  await speak(wanted);
}

async function speak(wanted: Language): Promise<void> {
  dictionary = wanted === 'zh' ? (await import('../words/zh.ts')).zh : (await import('../words/en.ts')).en;
  language = wanted;
  document.documentElement.lang = localeOf(wanted);
  for (const listener of listeners) listener();
}

export function currentLanguage(): Language {
  return language;
}

/** The locale in which the reader's dates are written. */
export function localeOf(wanted: Language): string {
  return wanted === 'zh' ? 'zh-CN' : 'en-GB';
}

/** The language, for what must be shown anew when it changes. */
export function useLanguage(): Language {
  return useSyncExternalStore(listen, currentLanguage);
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A sentence with its values filled in. */
export function say(word: Word, values: Values = {}): string {
  return partsOf(dictionary[word], values)
    .map(({ text }) => text)
    .join('');
}

/**
 * A sentence whose values stand out, isolated from the direction of the text around them.
 */
export function Say({ word, values }: { word: Word; values?: Values }): ReactNode {
  return partsOf(dictionary[word], values ?? {}).map(({ text, isValue }, index) => (isValue ? <bdi key={index}>{text}</bdi> : text));
}

function partsOf(sentence: string, values: Values): { text: string; isValue: boolean }[] {
  // Splitting by a group gives the words and the names of the values in turn.
  return sentence.split(/\{(\w+)\}/).map((text, index) => {
    return index % 2 === 1 ? { text: visible(String(values[text] ?? '')), isValue: true } : { text, isValue: false };
  });
}

/**
 * What a code of the API is called, such as the decision `no_rule`: the word `decision.no_rule`. A
 * code that the dictionary does not have yet stands for itself.
 */
export function nameOf(kind: string, code: string | null | undefined): string {
  if (code === null || code === undefined) return '–';
  const word = `${kind}.${code}`;
  return Object.hasOwn(dictionary, word) ? dictionary[word as Word] : code;
}
