import { expect, test } from 'vitest';

import { isBic, isIban } from '../../../../src/payouts/providers/file/bank-codes.ts';

/** Examples of the IBAN registry. */
const IBANS = [
  'DE89370400440532013000',
  'GB29NWBK60161331926819',
  'FR1420041010050500013M02606',
  'NO9386011117947',
  'MT84MALT011000012345MTLCAST001S',
];

test.each(IBANS)('%s is an IBAN, and no other account by one digit', (iban) => {
  expect(isIban(iban)).toBe(true);
  const digit = iban.at(-2)!;
  const other = digit === '1' ? '2' : '1';
  expect(isIban(iban.slice(0, -2) + other + iban.at(-1))).toBe(false);
  expect(isIban(iban.slice(0, 2) + iban[3] + iban[2] + iban.slice(4))).toBe(iban[2] === iban[3]);
});

test.each(['', 'DE', 'de89370400440532013000', 'DE89 3704 0044 0532 0130 00', '6222021234567890123', `DE89${'1'.repeat(40)}`])(
  '%j is no IBAN',
  (text) => {
    expect(isIban(text)).toBe(false);
  },
);

test('a BIC has eight or eleven characters', () => {
  expect(['COBADEFF', 'COBADEFFXXX', 'NWBKGB2L'].map(isBic)).toEqual([true, true, true]);
  expect(['', 'COBADEF', 'COBADEFFX', 'cobadeff', 'COBA12FF', 'COBADEFFXXXX'].map(isBic)).toEqual(Array.from({ length: 6 }, () => false));
});
