// What guards say that only tests make.

import type { GuardTexts } from '../../src/guards/guard-words.ts';
import type { GuardWords } from '../../src/guards/words-en.ts';

/** Words of which one sentence matters. */
export function saying(says: string): GuardTexts {
  const words: GuardWords = { says, broken: 'Something is wrong.', whatToDo: 'Look.' };
  return { en: words, zh: { says: '一切正常。', broken: '有问题。', whatToDo: '请查看。' } };
}

export const NOTHING_WRONG = saying('Nothing is wrong.');
