// What guards say to people: all of it, in each language, and nothing of the one in the other.

import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import { allGuards } from '../../src/guards/catalogue.ts';
import { guardTexts } from '../../src/guards/guard-words.ts';
import { PAYOUT_GUARDS_EN } from '../../src/guards/payout-words-en.ts';
import { PAYOUT_GUARDS_ZH } from '../../src/guards/payout-words-zh.ts';
import { PROGRAM_GUARDS_EN } from '../../src/guards/program-words-en.ts';
import { PROGRAM_GUARDS_ZH } from '../../src/guards/program-words-zh.ts';
import { GUARDS_EN } from '../../src/guards/words-en.ts';
import { GUARDS_ZH } from '../../src/guards/words-zh.ts';

const guards = allGuards({ levelsMax: 2, spooled: () => 0 });
const HAN = /\p{Script=Han}/u;
/** What stays as it is in every language: addresses, commands, names of code and of products. */
const NAMES =
  /`[^`]*`|(?:GET|PUT|POST) \/\S+|\/metrics|\b[A-Z][A-Z_]+(?:\/\w+)?\b|\b[a-z]+(?:_[a-z]+)+\b|\bPostgreSQL\b|\bwebhook\b|\bworker\b/g;

test('every guard has words in every language, and no word is without a guard', () => {
  const names = guards.map(({ name }) => name).toSorted();
  expect(Object.keys({ ...GUARDS_EN, ...PAYOUT_GUARDS_EN, ...PROGRAM_GUARDS_EN }).toSorted()).toEqual(names);
  expect(Object.keys({ ...GUARDS_ZH, ...PAYOUT_GUARDS_ZH, ...PROGRAM_GUARDS_ZH }).toSorted()).toEqual(names);
  expect(() => guardTexts('of_tomorrow')).toThrow('the guard of_tomorrow has words in every language');
});

test('what holds and what is broken are two sentences, and what to do is one more', () => {
  for (const { name, words } of guards) {
    for (const { says, broken, whatToDo } of Object.values(words)) {
      expect(new Set([says, broken, whatToDo]).size, name).toBe(3);
      for (const sentence of [says, broken, whatToDo]) expect(sentence.length, name).toBeGreaterThan(8);
    }
    for (const sentence of Object.values(words.en)) expect(sentence, name).toMatch(/^[A-Z`].*\.$/);
    expect(words.en.says, name).toMatch(/^[^.]*\.$/);
    for (const sentence of Object.values(words.zh)) expect(sentence, name).toMatch(/[。]$/);
  }
});

test('the English is English, and the Chinese is Chinese', () => {
  for (const { name, words } of guards) {
    for (const sentence of Object.values(words.en)) expect(sentence, name).not.toMatch(HAN);
    for (const sentence of Object.values(words.zh)) {
      const foreign = sentence.replaceAll(NAMES, '').match(/[A-Za-z]{3,}(?:[ ,]+[A-Za-z]{3,})+/g);
      expect(foreign, `${name}: ${sentence}`).toBeNull();
    }
  }
});

test('a command that a guard names is one that there is', async () => {
  const usage = await readFile(new URL('../../src/main.ts', import.meta.url), 'utf8');
  const cures = guards.flatMap(({ words }) => Object.values(words).map(({ whatToDo }) => whatToDo));
  const named = new Set(cures.flatMap((cure) => [...cure.matchAll(/src\/start\.mjs ([\w-]+)/g)].map(([, command]) => command!)));
  for (const command of named) expect(usage).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  expect(named).toContain('rebuild-balances');
});
