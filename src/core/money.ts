// Money: whole minor units as bigint, ratios in parts per million, and the only places where
// anything is rounded.

import { assert, DomainError } from './errors.ts';

/** Parts per million, an integer from 0 to 1 000 000. */
export type Ppm = number;

export const PPM_WHOLE = 1_000_000;

const PPM_WHOLE_BIG = 1_000_000n;

/** floor(amount × ppm / 1 000 000), in the minor units of `amount`, which must not be negative. */
export function partOf(amount: bigint, ppm: Ppm): bigint {
  assert(amount >= 0n, 'a part is taken of what is there');
  return (amount * BigInt(ppm)) / PPM_WHOLE_BIG;
}

/** floor(amount × part / whole), none of them negative; of nothing (whole 0) it is 0. */
export function proportionOf(amount: bigint, part: bigint, whole: bigint): bigint {
  assert(amount >= 0n && part >= 0n && whole >= 0n, 'a proportion is taken of what is there');
  return whole === 0n ? 0n : (amount * part) / whole;
}

/**
 * Divides `total` by `weights` with the method of the largest remainder: every part is the ideal
 * one rounded down, and the units still left go one each to the largest remainders, ties to the
 * lower index. The parts sum to `total` exactly, except when every weight is zero: then nobody has
 * a claim and every part is zero.
 */
export function allocate(total: bigint, weights: readonly bigint[]): bigint[] {
  assert(total >= 0n, 'what is divided is not negative');
  let whole = 0n;
  for (const weight of weights) {
    assert(weight >= 0n, 'a weight is not negative');
    whole += weight;
  }
  if (whole === 0n) return weights.map(() => 0n);
  let left = total;
  const parts = weights.map((weight) => {
    const part = (total * weight) / whole;
    left -= part;
    return part;
  });
  if (left === 0n) return parts;
  const ranked = weights
    .map((weight, index) => ({ index, remainder: (total * weight) % whole }))
    .toSorted((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  for (const { index } of ranked) {
    if (left === 0n) break;
    parts[index]! += 1n;
    left -= 1n;
  }
  return parts;
}

// The active codes of ISO 4217 (list one of 2026-01-01) that somebody can pay with: no funds codes,
// metals, bonds or test codes. The digits are ISO's own; Intl answers those of CLDR, which differ
// (HUF, IDR and many others have 2 here and 0 there).
const CODES_BY_DIGITS: readonly [digits: number, codes: string][] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'],
  [
    2,
    `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD
    EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW
    ZWG`,
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
];

const DIGITS_BY_CODE: ReadonlyMap<string, number> = new Map(
  CODES_BY_DIGITS.flatMap(([digits, codes]) => codes.split(/\s+/).map((code): [string, number] => [code, digits])),
);

/** Whether `code` is an active ISO 4217 currency, in capitals. */
export function isCurrency(code: string): boolean {
  return DIGITS_BY_CODE.has(code);
}

/**
 * How many decimal digits the minor unit of a currency has: CNY 2, JPY 0, KWD 3. Throws
 * `unknown_currency`.
 */
export function minorDigits(currency: string): number {
  const digits = DIGITS_BY_CODE.get(currency);
  if (digits === undefined) throw new DomainError('unknown_currency', `${currency} is not a currency of ISO 4217.`);
  return digits;
}

// Thirty digits are far more than any amount has, and keep a hostile text from becoming a giant
// number.
const DECIMAL = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?$/;

/**
 * The minor units that a decimal text such as "109.99" or "-50.00" says, exactly, for a currency
 * with `digits` decimals. Null when the text is no plain decimal (exponents, signs +, spaces,
 * separators) or says more decimals than the currency has, unless those are zeros.
 */
export function parseDecimal(text: string, digits: number): bigint | null {
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (/[^0]/.test(fraction.slice(digits))) return null;
  return BigInt(sign + whole + fraction.slice(0, digits).padEnd(digits, '0'));
}

/**
 * Minor units as a decimal with all digits of the currency, for people and spreadsheets: CNY
 * -1000.00, JPY 1234, KWD 1.234.
 */
export function decimalOf(amount: bigint, currency: string): string {
  const digits = minorDigits(currency);
  const text = String(amount < 0n ? -amount : amount).padStart(digits + 1, '0');
  const sign = amount < 0n ? '-' : '';
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/**
 * An amount as it is written in JSON: a number as long as that is exact, else its digits as text.
 */
export function jsonAmount(amount: bigint): number | string {
  return amount <= BigInt(Number.MAX_SAFE_INTEGER) && amount >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(amount) : String(amount);
}
