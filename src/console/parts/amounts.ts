// Amounts as the API tells them, whole minor units, and as people read them. No amount is ever a
// floating-point number here.

/** Minor units as the API tells them: a text where a number would not be exact. */
export type Units = number | string | bigint;

/**
 * The currencies of ISO 4217 whose minor unit is not a hundredth. Intl answers the digits of CLDR,
 * which differ.
 */
const WITHOUT_DECIMALS = new Set('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' '));
const WITH_THREE_DECIMALS = new Set('BHD IQD JOD KWD LYD OMR TND'.split(' '));

const PERCENT_DIGITS = 4;

/** How many decimals the minor unit of a currency has. */
export function minorDigits(currency: string): number {
  if (WITHOUT_DECIMALS.has(currency)) return 0;
  return WITH_THREE_DECIMALS.has(currency) ? 3 : 2;
}

/**
 * An amount of minor units with its currency: `1,234.50 CNY`. Where no currency is known yet, the
 * bare minor units.
 */
export function money(units: Units, currency: string | null): string {
  return currency === null ? decimal(BigInt(units), 0) : `${decimal(BigInt(units), minorDigits(currency))} ${currency}`;
}

/** An amount for a table that others reckon with: `1234.50`, without its currency. */
export function plainDecimal(units: Units, currency: string | null): string {
  return decimal(BigInt(units), currency === null ? 0 : minorDigits(currency)).replaceAll(',', '');
}

/** Parts per million as a percentage: 100000 is `10%`. */
export function percent(ppm: number): string {
  return `${plainPercent(ppm)}%`;
}

/** Parts per million as the number of a percentage: 100000 is `10`. */
function plainPercent(ppm: number): string {
  return decimal(BigInt(ppm), PERCENT_DIGITS).replace(/\.?0+$/, '');
}

/** The sum of amounts of one currency. */
export function sumOf(amounts: readonly Units[]): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += BigInt(amount);
  return sum;
}

/** A whole number with thousands, as `12,345`. */
export function count(number: number): string {
  return decimal(BigInt(number), 0);
}

/**
 * What somebody typed, `1,234.5` of a currency or of percents, as whole units of so many digits;
 * null where it is no such number.
 */
export function unitsOf(text: string, digits: number): number | null {
  const match = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(text.replaceAll(',', '').trim());
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (fraction.replace(/0+$/, '').length > digits) return null;
  return Number(`${sign}${whole}${fraction.slice(0, digits).padEnd(digits, '0')}`);
}

function decimal(units: bigint, digits: number): string {
  const text = String(units < 0n ? -units : units).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  const fraction = digits === 0 ? '' : `.${text.slice(-digits)}`;
  return `${units < 0n ? '-' : ''}${whole}${fraction}`;
}
