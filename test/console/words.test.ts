// The words of the desk: both languages have all of them, and each speaks its own.

import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { en } from '../../src/console/words/en.ts';
import { zh } from '../../src/console/words/zh.ts';
import { pathsBelow } from '../tidy/files.ts';

const sources = pathsBelow('src/console')
  .filter((path) => /\.tsx?$/.test(path) && !path.includes('/words/'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
const code = sources.map(({ text }) => text).join('\n');

function valuesOf(text: string): Set<string> {
  return new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!));
}

test('both languages say the same things with the same values', () => {
  expect(Object.keys(zh).toSorted()).toEqual(Object.keys(en).toSorted());
  for (const [key, text] of Object.entries(en)) expect(valuesOf(zh[key as keyof typeof zh]), key).toEqual(valuesOf(text));
});

/** What is written in Latin letters in Chinese too. */
const NAMES = /\b(API|CSV|ID|QR|URL|URN|OIDC|JSON|SHA-256|HTTP|worker|webhook|Webhook|webhooks)\b|\{\w+\}/g;
const LATIN_WORDS = /[A-Za-z]{2,}(\s+[A-Za-z]{2,})+/;

function isLatinSentence(text: string): boolean {
  return LATIN_WORDS.test(text.replaceAll(NAMES, ''));
}

test('no Latin sentence stands in Chinese', () => {
  expect(isLatinSentence('nothing was found')).toBe(true);
  expect(Object.entries(zh).filter(([, text]) => isLatinSentence(text))).toEqual([]);
});

function isUsed(key: string): boolean {
  const kind = key.split('.')[0]!;
  // A code of the API is named by its kind.
  return code.includes(`'${key}'`) || (key.includes('.') && new RegExp(`(nameOf\\(|kind=)\\s*['"]${kind}['"]`).test(code));
}

test('every word is used somewhere', () => {
  expect(Object.keys(en).filter((key) => !isUsed(key))).toEqual([]);
});

test('the words of the field are those that the field uses', () => {
  const terms: Partial<Record<keyof typeof zh, string>> = {
    promoter: '推广者',
    'award.estimated': '预估',
    'award.confirmed': '待结算',
    'award.released': '已结算',
    'award.void': '已失效',
    'account.available': '可提现',
    'account.withheld': '代扣个税',
    releases_at: '售后期结束',
    claim: '丢单找回',
  };
  expect(zh).toMatchObject(terms);
});

test('nothing that the desk shows can become markup or code', () => {
  const ways =
    /\b(dangerouslySetInnerHTML|(inner|outer)HTML|insertAdjacentHTML|createContextualFragment|DOMParser|srcdoc|eval|new Function)\b/;
  expect(ways.test('<p dangerouslySetInnerHTML={{ __html: name }} />')).toBe(true);
  expect(sources.filter(({ text }) => ways.test(text)).map(({ path }) => path)).toEqual([]);
});
