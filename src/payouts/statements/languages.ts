// The languages of a readable statement, and which one a browser asks for.

import { en } from './words-en.ts';
import { zh } from './words-zh.ts';
import type { StatementWords } from './words.ts';

export const LANGUAGES = ['zh', 'en'] as const;
type Language = (typeof LANGUAGES)[number];

export const WORDS: Readonly<Record<Language, StatementWords>> = { zh, en };

/**
 * Chinese where the header Accept-Language prefers it to English, the earlier one where it likes
 * both as well; English else.
 */
export function languageOf(header: string | undefined): Language {
  const wanted = (header ?? '').split(',').flatMap((range, place) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const language = LANGUAGES.find((one) => one === name.split('-')[0]);
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    return language !== undefined && quality > 0 ? [{ language, quality, place }] : [];
  });
  wanted.sort((a, b) => b.quality - a.quality || a.place - b.place);
  return wanted[0]?.language ?? 'en';
}
