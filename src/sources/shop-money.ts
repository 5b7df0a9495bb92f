// Amounts of shops, exact until they are rounded. A shop's setting decides how many decimals it
// writes, in every currency; our unit is the currency's, so every amount is rounded once, at the
// end.
import { z } from 'zod';

import { minorDigits } from '../core/money.ts';

/** An amount before it is rounded, in units of 10^-20 of the currency. */
export type Exact = bigint;

const FRACTION_DIGITS = 20;

/** One of anything: a rate of 0.2 is a fifth of it. */
export const ONE: Exact = 10n ** BigInt(FRACTION_DIGITS);

// Numbers of JSON may come with an exponent. Thirty digits are more than any amount has.
const DECIMAL = /^([+-]?)(\d{0,30})(?:\.(\d{0,60}))?(?:[eE]([+-]?\d{1,2}))?$/;

/**
 * What a decimal text or a number says; null where it is none. Digits beyond the twentieth decimal
 * are left out, which no rounding to a minor unit can see.
 */
export function readExact(value: unknown): Exact | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const match = DECIMAL.exec(String(value).trim());
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  if (whole + fraction === '') return null;
  const places = FRACTION_DIGITS - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction);
  const size = places >= 0 ? digits * 10n ** BigInt(places) : digits / 10n ** BigInt(-places);
  return sign === '-' ? -size : size;
}

/** An amount that money needs: a decimal text, or a number. */
export const exact = z
  .unknown()
  .optional()
  .transform((value, context): Exact => {
    const amount = readExact(value);
    if (amount !== null) return amount;
    const error = value == null ? 'is not stated' : 'is no amount';
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });

/** An amount that may be absent; what is no amount counts as nothing. */
export const exactOrNothing = z
  .unknown()
  .optional()
  .transform((value): Exact => readExact(value) ?? 0n);

/** The minor units of an amount, rounded half up by its size. Throws `unknown_currency`. */
export function toMinor(amount: Exact, currency: string): bigint {
  const unit = 10n ** BigInt(FRACTION_DIGITS - minorDigits(currency));
  const size = (sizeOf(amount) * 2n + unit) / (unit * 2n);
  return amount < 0n ? -size : size;
}

/** One minor unit of a currency. Throws `unknown_currency`. */
export function minorUnit(currency: string): Exact {
  return 10n ** BigInt(FRACTION_DIGITS - minorDigits(currency));
}

/**
 * amount × part / whole, rounded half up; of nothing (whole 0) it is 0. None of them is negative.
 */
export function shareOf(amount: bigint, part: bigint, whole: bigint): bigint {
  return whole === 0n ? 0n : (amount * part * 2n + whole) / (whole * 2n);
}

export function sizeOf(amount: bigint): bigint {
  return amount < 0n ? -amount : amount;
}

export function atLeastNothing(amount: bigint): bigint {
  return amount < 0n ? 0n : amount;
}

export function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

export function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
