// Amounts as the desk shows them: exact, in the digits of their currency.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { minorDigits as digitsShown, money, percent, plainDecimal, sumOf } from '../../../src/console/parts/amounts.ts';
import { isCurrency, minorDigits, parseDecimal } from '../../../src/core/money.ts';

test('an amount says what it is, to the last minor unit', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom('CNY', 'JPY', 'KWD'), (units, currency) => {
      const [text, code] = money(units, currency).split(' ');
      expect(code).toBe(currency);
      expect(parseDecimal(text!.replaceAll(',', ''), minorDigits(currency))).toBe(units);
      expect(plainDecimal(units, currency)).toBe(text!.replaceAll(',', ''));
    }),
  );
});

test('every currency has the digits that the service reckons with', () => {
  const currencies = Intl.supportedValuesOf('currency').filter(isCurrency);
  expect(currencies.length).toBeGreaterThan(100);
  for (const currency of currencies) expect(digitsShown(currency), currency).toBe(minorDigits(currency));
});

test('whole parts are grouped, and amounts below one have a zero before the point', () => {
  expect(money(123456789, 'CNY')).toBe('1,234,567.89 CNY');
  expect(money(-5, 'CNY')).toBe('-0.05 CNY');
  expect(money(123456, 'JPY')).toBe('123,456 JPY');
  expect(money('1', 'KWD')).toBe('0.001 KWD');
  expect(money(99, null)).toBe('99');
});

test('amounts beyond a double are added without losing a digit', () => {
  expect(sumOf(['9007199254740993', 1, -2n])).toBe(9007199254740992n);
});

test('parts per million are told as percentages', () => {
  expect([0, 1, 5000, 100_000, 333_333, 1_000_000].map(percent)).toEqual(['0%', '0.0001%', '0.5%', '10%', '33.3333%', '100%']);
});
