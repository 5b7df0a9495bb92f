// What the served page reckons and says, as far as it needs no browser: exact amounts, both
// languages, and nothing that becomes markup.

import { readdir, readFile } from 'node:fs/promises';

import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { isCurrency, minorDigits, parseDecimal } from '../../src/core/money.ts';

type Units = number | string | bigint;

interface Amounts {
  parseExactly: (text: string) => unknown;
  minorDigits: (currency: string) => number;
  money: (units: Units, currency: string | null) => string;
  percent: (ppm: number) => string;
  sumOf: (amounts: Units[]) => bigint;
}

const FOLDER = new URL('../../src/console/', import.meta.url);

let amounts: Amounts;
let dictionaries: { en: Record<string, string>; zh: Record<string, string> };
let sources: { name: string; text: string }[];

/** The scripts of the page are plain JavaScript, which the compiler does not look at. */
async function load<Module>(name: string): Promise<Module> {
  return (await import(new URL(name, FOLDER).href)) as Module;
}

beforeAll(async () => {
  amounts = await load<Amounts>('amounts.js');
  const { en } = await load<{ en: Record<string, string> }>('words-en.js');
  const { zh } = await load<{ zh: Record<string, string> }>('words-zh.js');
  dictionaries = { en, zh };
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.js'));
  sources = await Promise.all(names.map(async (name) => ({ name, text: await readFile(new URL(name, FOLDER), 'utf8') })));
});

describe('amounts', () => {
  test('an amount says what it is, to the last minor unit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom('CNY', 'JPY', 'KWD'), (units, currency) => {
        const [text, code] = amounts.money(units, currency).split(' ');
        expect(code).toBe(currency);
        expect(parseDecimal(text!.replaceAll(',', ''), minorDigits(currency))).toBe(units);
      }),
    );
  });

  test('every currency has the digits that the service reckons with', () => {
    const currencies = Intl.supportedValuesOf('currency').filter(isCurrency);
    expect(currencies.length).toBeGreaterThan(100);
    for (const currency of currencies) expect(amounts.minorDigits(currency), currency).toBe(minorDigits(currency));
  });

  test('whole parts are grouped, and amounts below one have a zero before the point', () => {
    expect(amounts.money(123456789, 'CNY')).toBe('1,234,567.89 CNY');
    expect(amounts.money(-5, 'CNY')).toBe('-0.05 CNY');
    expect(amounts.money(123456, 'JPY')).toBe('123,456 JPY');
    expect(amounts.money('1', 'KWD')).toBe('0.001 KWD');
    expect(amounts.money(99, null)).toBe('99');
  });

  test('amounts beyond a double are read from JSON and added without losing a digit', () => {
    const row = amounts.parseExactly('{"amount": 9007199254740993, "negative":-9223372036854775808, "few": [1, -2.5, 1e3]}');
    expect(row).toEqual({ amount: '9007199254740993', negative: '-9223372036854775808', few: [1, -2.5, 1000] });
    expect(amounts.sumOf(['9007199254740993', 1, -2n])).toBe(9007199254740992n);
  });

  test('digits inside a text are left as they are', () => {
    const value = { id: '3705115058471208928', 'key 1234567890123456789': 'a "1234567890123456789" \\ 1234567890123456789' };
    expect(amounts.parseExactly(JSON.stringify(value))).toEqual(value);
  });

  test('parts per million are told as percentages', () => {
    expect([0, 1, 5000, 100_000, 333_333, 1_000_000].map(amounts.percent)).toEqual(['0%', '0.0001%', '0.5%', '10%', '33.3333%', '100%']);
  });
});

function valuesOf(text: string): Set<string> {
  return new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!));
}

describe('the words', () => {
  test('both languages say the same things with the same values', () => {
    const { en, zh } = dictionaries;
    expect(Object.keys(zh)).toEqual(Object.keys(en));
    for (const [key, text] of Object.entries(en)) expect(valuesOf(zh[key]!), key).toEqual(valuesOf(text));
  });

  test('every word that the page names is in the dictionary', () => {
    const named = sources.flatMap(({ text }) => [...text.matchAll(/\bsay\(\s*'([\w.]+)'/g)].map(([, word]) => word!));
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((word) => dictionaries.en[word] === undefined)).toEqual([]);
  });

  test('every word of the dictionary is used somewhere', () => {
    const texts = sources.filter(({ name }) => !name.startsWith('words-')).map(({ text }) => text);
    const code = texts.join('\n');
    const isUsed = (key: string) => code.includes(`'${key}'`) || code.includes(`nameOf('${key.split('.')[0]!}'`);
    expect(Object.keys(dictionaries.en).filter((key) => !isUsed(key))).toEqual([]);
  });
});

test('nothing that the page shows can become markup or code', () => {
  const ways = /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|eval|new Function)\b/;
  expect(ways.test('place.innerHTML = name')).toBe(true);
  expect(sources.filter(({ text }) => ways.test(text)).map(({ name }) => name)).toEqual([]);
});
