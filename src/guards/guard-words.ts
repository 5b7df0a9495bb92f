// What guards say to people, in each language: one dictionary a language, and a guard without words
// there is none.

import { PAYOUT_GUARDS_EN } from './payout-words-en.ts';
import { PAYOUT_GUARDS_ZH } from './payout-words-zh.ts';
import { PROGRAM_GUARDS_EN } from './program-words-en.ts';
import { PROGRAM_GUARDS_ZH } from './program-words-zh.ts';
import { GUARDS_EN, type GuardWords } from './words-en.ts';
import { GUARDS_ZH } from './words-zh.ts';

const EN = { ...GUARDS_EN, ...PAYOUT_GUARDS_EN, ...PROGRAM_GUARDS_EN };
const ZH = { ...GUARDS_ZH, ...PAYOUT_GUARDS_ZH, ...PROGRAM_GUARDS_ZH };

export type GuardTexts = Readonly<Record<'en' | 'zh', GuardWords>>;

/**
 * The words of the guard of this name. Throws where a language has none: a guard is not finished
 * without.
 */
export function guardTexts(name: string): GuardTexts {
  const [en, zh] = [EN[name], ZH[name]];
  if (en === undefined || zh === undefined) throw new Error(`broken law: the guard ${name} has words in every language`);
  return { en, zh };
}

/** As they are answered and told outside. */
export function showTexts({ en, zh }: GuardTexts) {
  return { en: shown(en), zh: shown(zh) };
}

const shown = ({ says, broken, whatToDo }: GuardWords) => ({ says, broken, what_to_do: whatToDo });
