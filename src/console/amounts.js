// Amounts as the API tells them, whole minor units, and as people read them. No amount is ever a
// floating-point number here.

/**
 * The currencies of ISO 4217 whose minor unit is not a hundredth. Intl answers the digits of CLDR,
 * which differ.
 */
const WITHOUT_DECIMALS = new Set('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' '));
const WITH_THREE_DECIMALS = new Set('BHD IQD JOD KWD LYD OMR TND'.split(' '));

const PERCENT_DIGITS = 4;

/** Texts, which are kept, and numbers, of which those that a double may not hold become texts. */
const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;

/**
 * Parses JSON; integers of sixteen digits and more arrive as texts of their exact digits.
 * @param {string} text
 */
export function parseExactly(text) {
  return JSON.parse(text.replaceAll(TEXT_OR_NUMBER, (part) => (LONG_INTEGER.test(part) ? `"${part}"` : part)));
}

/**
 * How many decimals the minor unit of a currency has.
 * @param {string} currency
 */
export function minorDigits(currency) {
  if (WITHOUT_DECIMALS.has(currency)) return 0;
  return WITH_THREE_DECIMALS.has(currency) ? 3 : 2;
}

/**
 * An amount of minor units with its currency: `1,234.50 CNY`. Where no currency is known yet, the
 * bare minor units.
 * @param {number | string | bigint} units
 * @param {string | null} currency
 */
export function money(units, currency) {
  return currency === null ? decimal(BigInt(units), 0) : `${decimal(BigInt(units), minorDigits(currency))} ${currency}`;
}

/**
 * Parts per million as a percentage: 100000 is `10%`.
 * @param {number} ppm
 */
export function percent(ppm) {
  return `${decimal(BigInt(ppm), PERCENT_DIGITS).replace(/\.?0+$/, '')}%`;
}

/**
 * The sum of amounts of one currency.
 * @param {readonly (number | string | bigint)[]} amounts
 */
export function sumOf(amounts) {
  let sum = 0n;
  for (const amount of amounts) sum += BigInt(amount);
  return sum;
}

/** @param {bigint} units @param {number} digits */
function decimal(units, digits) {
  const text = String(units < 0n ? -units : units).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  const fraction = digits === 0 ? '' : `.${text.slice(-digits)}`;
  return `${units < 0n ? '-' : ''}${whole}${fraction}`;
}
