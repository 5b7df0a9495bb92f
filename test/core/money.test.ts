// Money: exact parts, exact divisions, exact decimals.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocate, decimalOf, isCurrency, jsonAmount, minorDigits, parseDecimal, partOf, proportionOf } from '../../src/core/money.ts';

const amounts = fc.bigInt({ min: 0n, max: 10n ** 18n });

test('a part is rounded down', () => {
  expect(partOf(9999n, 100_000)).toBe(999n);
  expect(partOf(699n, 100_000)).toBe(69n);
  expect(partOf(1n, 999_999)).toBe(0n);
  expect(partOf(10n ** 18n, 1_000_000)).toBe(10n ** 18n);
});

test('a part of what is owed to us is never taken', () => {
  expect(() => partOf(-1n, 1)).toThrow('broken law');
});

test('a proportion is rounded down, and of nothing it is nothing', () => {
  expect(proportionOf(1000n, 6999n, 9999n)).toBe(699n);
  expect(proportionOf(1000n, 0n, 0n)).toBe(0n);
});

test('the largest remainders get what rounding left, ties the lower index', () => {
  expect(allocate(100n, [1n, 1n, 1n])).toEqual([34n, 33n, 33n]);
  expect(allocate(10n, [1n, 5n, 4n, 6n])).toEqual([1n, 3n, 2n, 4n]);
  expect(allocate(2n, [1n, 1n, 1n])).toEqual([1n, 1n, 0n]);
});

test('without any weight nobody gets anything', () => {
  expect(allocate(5n, [0n, 0n])).toEqual([0n, 0n]);
  expect(allocate(5n, [])).toEqual([]);
});

test('a division sums exactly, gives zero weights nothing and is within one of the ideal', () => {
  const weights = fc.array(fc.oneof(fc.constant(0n), amounts), { minLength: 1, maxLength: 12 }).filter((list) => list.some((w) => w > 0n));
  fc.assert(
    fc.property(amounts, weights, (total, weights) => {
      const parts = allocate(total, weights);
      const whole = weights.reduce((a, b) => a + b, 0n);
      expect(parts.reduce((a, b) => a + b, 0n)).toBe(total);
      for (const [index, part] of parts.entries()) {
        const weight = weights[index]!;
        const distance = part * whole - total * weight;
        expect(distance < whole && distance > -whole).toBe(true);
        if (weight === 0n) expect(part).toBe(0n);
      }
    }),
  );
});

test('dividing no more than the weights sum to gives nobody more than his weight', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 1000n }), { minLength: 1 }), fc.nat(1_000_000), (weights, ppm) => {
      const total = partOf(
        weights.reduce((a, b) => a + b, 0n),
        ppm,
      );
      for (const [index, part] of allocate(total, weights).entries()) expect(part <= weights[index]!).toBe(true);
    }),
  );
});

test('a currency is an active code of ISO 4217 in capitals', () => {
  for (const code of ['CNY', 'USD', 'EUR', 'JPY', 'KWD', 'XCG', 'ZWG']) expect(isCurrency(code), code).toBe(true);
  for (const code of ['cny', 'RMB', 'DEM', 'HRK', 'XAU', 'XXX', 'XTS', '', 'toString']) expect(isCurrency(code), code).toBe(false);
});

test('the digits of a currency are those of ISO 4217, not those of the locale data', () => {
  expect(['CNY', 'HUF', 'IDR', 'JPY', 'KRW', 'KWD', 'TND'].map(minorDigits)).toEqual([2, 2, 2, 0, 0, 3, 3]);
  expect(() => minorDigits('RMB')).toThrow(expect.objectContaining({ code: 'unknown_currency' }));
});

test('a decimal text is converted exactly', () => {
  expect(parseDecimal('109.99', 2)).toBe(10999n);
  expect(parseDecimal('-50.00', 2)).toBe(-5000n);
  expect(parseDecimal('0.5', 2)).toBe(50n);
  expect(parseDecimal('7', 3)).toBe(7000n);
  expect(parseDecimal('1200', 0)).toBe(1200n);
  expect(parseDecimal('-0.00', 2)).toBe(0n);
  expect(parseDecimal('90071992547409931.07', 2)).toBe(9007199254740993107n);
});

test('more decimals than the currency has are refused unless they are zeros', () => {
  expect(parseDecimal('1.2300', 2)).toBe(123n);
  expect(parseDecimal('1.235', 2)).toBe(null);
  expect(parseDecimal('1200.00', 0)).toBe(1200n);
  expect(parseDecimal('1200.50', 0)).toBe(null);
});

test('what is no plain decimal is refused', () => {
  const texts = ['', '1e2', '+1', '1.', '.5', '1,000', ' 1', '1 ', '0x10', '--1', 'NaN', 'Infinity', '１', '1\n', `1${'0'.repeat(40)}`];
  for (const text of texts) expect(parseDecimal(text, 2), text).toBe(null);
});

test('a decimal text says what it was made from', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.constantFrom(0, 2, 3), (amount, digits) => {
      const plain = String(amount < 0n ? -amount : amount).padStart(digits + 1, '0');
      const text = `${amount < 0n ? '-' : ''}${plain.slice(0, plain.length - digits)}${digits > 0 ? '.' : ''}${plain.slice(plain.length - digits)}`;
      expect(parseDecimal(text, digits)).toBe(amount);
    }),
  );
});

test('an amount is a JSON number as long as that is exact', () => {
  expect(jsonAmount(-9999n)).toBe(-9999);
  expect(jsonAmount(2n ** 53n - 1n)).toBe(9007199254740991);
  expect(jsonAmount(2n ** 53n + 1n)).toBe('9007199254740993');
});

test('a decimal has all digits of its currency, and is read as what it was', () => {
  const written = [
    decimalOf(100_000n, 'CNY'),
    decimalOf(1234n, 'JPY'),
    decimalOf(1234n, 'KWD'),
    decimalOf(-5n, 'CNY'),
    decimalOf(0n, 'KWD'),
  ];
  expect(written).toEqual(['1000.00', '1234', '1.234', '-0.05', '0.000']);
  for (const currency of ['CNY', 'JPY', 'KWD']) {
    for (const amount of [0n, 1n, -1n, 99n, -100n, 123_456_789_012_345_678_901n]) {
      expect(parseDecimal(decimalOf(amount, currency), minorDigits(currency))).toBe(amount);
    }
  }
});
