// The words of the promoter's page: complete in both languages, Chinese where it is Chinese, and
// those that the field uses.

import { readFileSync, readdirSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { languageOf, sayingIn, wordOf } from '../../../src/me/words/words.ts';
import { en, type Word } from '../../../src/me/words/words-en.ts';
import { zh } from '../../../src/me/words/words-zh.ts';

const WORDS = Object.keys(en) as Word[];
const isLatin = (text: string) => /[A-Za-z]/.test(text.replaceAll(/\{\w+\}/g, ''));
const valuesOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).toSorted();

describe('the words', () => {
  test('are the same ones in both languages, with the same values', () => {
    expect(Object.keys(zh)).toEqual(WORDS);
    for (const word of WORDS) expect(valuesOf(zh[word]), word).toEqual(valuesOf(en[word]));
  });

  test('are Chinese in Chinese: no Latin letter stands in one', () => {
    expect(isLatin('订单 order')).toBe(true);
    expect(WORDS.filter((word) => isLatin(zh[word]))).toEqual([]);
  });

  test('are English in English', () => {
    expect(WORDS.filter((word) => /\p{Script=Han}/u.test(en[word]))).toEqual([]);
  });

  test('are those of the field', () => {
    const said: Partial<Record<Word, string>> = {
      state_estimated: '预估',
      state_confirmed: '待结算',
      state_released: '已结算',
      state_void: '已失效',
      available: '可提现',
      withheld: '代扣个税',
      claim: '丢单找回',
    };
    expect(said).toEqual(Object.fromEntries(Object.keys(said).map((word) => [word, zh[word as Word]])));
    expect(zh.when_confirmed).toContain('售后期');
    expect(zh.skip_frozen).toContain('核查冻结');
    expect(zh.not_a_promoter).toContain('推广者');
  });

  test('promise nothing for sharing', () => {
    expect(WORDS.filter((word) => /解锁|分享后|unlock/i.test(`${zh[word]} ${en[word]}`))).toEqual([]);
  });

  test('are each used somewhere', () => {
    const folder = new URL('../../../src/me/', import.meta.url);
    const files = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts') && !/words-/.test(name));
    const code = files.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
    const isUsed = (word: Word) => {
      const made = /^(skip|why|by|decision|kind|lost|state|claim|payout|payee|refused)_/.exec(word)?.[1];
      return code.includes(`'${word}'`) || (made !== undefined && code.includes(`${made}_\${`));
    };
    expect(WORDS.filter((word) => !isUsed(word))).toEqual([]);
  });
});

test('a language is the one that the browser prefers', () => {
  expect(languageOf('zh-TW')).toBe('zh');
  expect(languageOf('en;q=0.5, zh;q=0.9')).toBe('zh');
  expect(languageOf('zh;q=0, en')).toBe('en');
  expect(languageOf('fr')).toBe('en');
  expect(languageOf(undefined)).toBe('en');
});

test('a sentence has all its values, or none is said', () => {
  const say = sayingIn('en');
  expect(say('debt', { amount: '1.00 CNY' })).toContain('You owe 1.00 CNY');
  expect(() => say('debt')).toThrow('debt lacks amount');
  expect(() => wordOf('toString')).toThrow('there is no word toString');
});
