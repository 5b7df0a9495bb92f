// The languages of the promoter's page, which one a browser asks for, and sentences with values.

import { en, type Word, type Words } from './words-en.ts';
import { zh } from './words-zh.ts';

export type Language = 'en' | 'zh';

const WORDS: Readonly<Record<Language, Words>> = { en, zh };

/**
 * Chinese where the header Accept-Language prefers it to English, the earlier one where it likes
 * both as well; English else.
 */
export function languageOf(header: string | undefined): Language {
  const wanted = (header ?? '').split(',').flatMap((range, place) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const primary = name.split('-')[0];
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    return (primary === 'zh' || primary === 'en') && quality > 0 ? [{ language: primary, quality, place } as const] : [];
  });
  wanted.sort((a, b) => b.quality - a.quality || a.place - b.place);
  return wanted[0]?.language ?? 'en';
}

/** The words of one language, with values put where `{name}` stands. */
export type Say = (word: Word, values?: Readonly<Record<string, string | number>>) => string;

/** How a language says its words. Throws for a value that nobody gave: it would be read as one. */
export function sayingIn(language: Language): Say {
  const words = WORDS[language];
  return (word, values = {}) =>
    words[word].replaceAll(/\{(\w+)\}/g, (_match, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`${word} lacks ${name}`);
      return String(value);
    });
}

/** The word of this name, which some list of the domain makes. Throws where there is none. */
export function wordOf(name: string): Word {
  if (!Object.hasOwn(en, name)) throw new Error(`there is no word ${name}`);
  return name as Word;
}
