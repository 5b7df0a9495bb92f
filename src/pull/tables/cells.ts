// What a cell of a file says: ids that a spreadsheet may have changed, amounts as people write
// them, times without a zone. Pure. A cell that is not certain is a fault with its reason, never a
// guess.
import { minorDigits } from '../../core/money.ts';
import { DomainError } from '../../core/errors.ts';
import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';

/** What a cell says, or why it cannot be read. */
export type CellReading<Value> = { value: Value } | { fault: string };

/** How platforms and people write that there is nothing. */
const NOTHING = /^(?:-{1,2}|—+|\\N|n\/a|null|none|无|暂无|空)$/i;

/**
 * The text of a cell without what only keeps a spreadsheet from changing it: `="370"` is a formula
 * whose value is certain, and a leading apostrophe or backquote, and tabs around a number, mean
 * text.
 */
export function textOf(cell: string): string {
  const text = cell.trim();
  const formula = /^=\s*"((?:[^"]|"")*)"$/.exec(text);
  if (formula !== null) return formula[1]!.replaceAll('""', '"').trim();
  const kept = /^['`‘’](?=[\dA-Za-z=+\-@])/.test(text) ? text.slice(1).trim() : text;
  return NOTHING.test(kept) ? '' : kept;
}

/** Why these digits are not the id that the platform wrote; null where they may well be. */
export function damageOf(id: string): string | null {
  if (/^\d(?:[.,]\d+)?E\+\d{1,3}$/i.test(id)) return 'is a number as a spreadsheet shortens it: its last digits are lost';
  if (/^\d{4,}[.,]0+$/.test(id)) return 'is a number with decimals: a spreadsheet or a program has changed it';
  if (/^\d{1,3}(?:,\d{3})+$/.test(id)) return 'is a number with separators: a spreadsheet has changed it';
  if (/^#(?:REF|N\/A|VALUE|NAME|NUM|DIV\/0|NULL)[!?]?$/i.test(id)) return 'is the error of a formula';
  if (id.startsWith('=')) return 'is a formula whose value is not in the file';
  if (/^#+$/.test(id) && id.length > 2) return 'is a column that was too narrow';
  return id.includes('\ufffd') ? 'has a character that could not be decoded' : null;
}

/**
 * Whether these digits may be what was left of others: a spreadsheet keeps fifteen and writes zeros
 * for the rest, a program that took an id for a number writes the shortest one that is as near. An
 * id may end so, too; it is believed where it names an order that is known, and never makes a new
 * one.
 */
export function mayBeRounded(id: string): boolean {
  return /^[1-9]\d{14}0+$/.test(id) || (/^[1-9]\d{16,20}$/.test(id) && String(Number(id)) === id);
}

/** Signs, codes and words of currencies around an amount. */
const MONEY_WORDS = /^(?:[A-Z]{3}|[A-Z]{0,3}\$|[¥￥€£₩₹৳฿₫₽₺]|Rs\.?|zł|Kč|kr\.?)\s*|\s*(?:[A-Z]{3}|[¥￥€£₩₹৳฿₫₽₺元]|zł|Kč|kr\.?)$/g;

/**
 * The minor units of an amount as people and exports write it: `¥1,234.50`, `12.5 USD`, `1.2E-1` of
 * a spreadsheet. What is finer than the minor unit is rounded once, half up. `comma`: the file
 * writes decimals with a comma.
 */
export function amountOf(cell: string, currency: string, { comma = false } = {}): CellReading<bigint> {
  const digits = digitsOf(currency);
  if (digits === null) return { fault: `${JSON.stringify(currency)} is no currency of ISO 4217` };
  const bare = cell
    .replace(/[\u00a0\u202f\u2009]/g, ' ')
    .replace(MONEY_WORDS, '')
    .replace(/^(-)\s*[¥￥$€£]\s*/, '$1')
    .trim();
  const plain = plainDecimal(bare, comma);
  if (plain === null) return { fault: `${JSON.stringify(cell)} is no amount in ${currency}` };
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = plain;
  if (Math.abs(Number(exponent)) > 20) return { fault: `${JSON.stringify(cell)} is no amount in ${currency}` };
  // All digits, and where the point stands in them; half of the minor unit is added before the rest
  // is cut off.
  const point = whole.length + Number(exponent);
  const all = (whole + fraction).padStart(whole.length + fraction.length + Math.max(0, -point), '0');
  const cut = Math.max(0, point) + digits;
  const kept = BigInt(all.slice(0, cut).padEnd(cut, '0') || '0');
  const amount = Number(all[cut] ?? '0') >= 5 ? kept + 1n : kept;
  return { value: sign === '-' ? -amount : amount };
}

const DECIMAL = /^([+-]?)(\d{1,30})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,2}))?$/;

function plainDecimal(text: string, comma: boolean): RegExpExecArray | null {
  if (!text.includes(',')) return DECIMAL.exec(text);
  if (comma && /^[+-]?\d{1,3}(?:\.\d{3})*,\d{1,2}$|^[+-]?\d+,\d{1,2}$/.test(text)) {
    return DECIMAL.exec(text.replaceAll('.', '').replace(',', '.'));
  }
  // With a decimal comma, 1,234 is one and a quarter to some and a thousand to others.
  if (comma && !text.includes('.')) return null;
  return /^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(text) ? DECIMAL.exec(text.replaceAll(',', '')) : null;
}

function digitsOf(currency: string): number | null {
  try {
    return minorDigits(currency);
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

/** A count of units: a whole number, also as a spreadsheet writes it. */
export function countOf(cell: string): CellReading<number> {
  const match = /^(\d{1,9})(?:\.0+)?$/.exec(cell);
  return match === null ? { fault: 'must be a whole number' } : { value: Number(match[1]) };
}

const ZERO_TIME = /^0(?:\.0+)?$|^0000|^1970-01-01 0[08]:00:00$/;
const TIME =
  /^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$/i;
/**
 * Day 0 of a spreadsheet's serial dates: 1900 had no 29 February, but the first spreadsheet thought
 * so.
 */
const SERIAL_EPOCH_MS = Date.UTC(1899, 11, 30);
const SERIAL = /^\d{5}(?:\.\d+)?$/;

/**
 * A time as RFC 3339; null where the cell says nothing. Without a zone it is of the clock of `zone`
 * (IANA, or an offset). A number is a serial date of a spreadsheet, or seconds or milliseconds
 * since 1970.
 */
export function cellTime(cell: string, zone: string): CellReading<string | null> {
  if (cell === '' || ZERO_TIME.test(cell)) return { value: null };
  if (/^\d{10}$/.test(cell)) return { value: new Date(Number(cell) * 1000).toISOString() };
  if (/^\d{13}$/.test(cell)) return { value: new Date(Number(cell)).toISOString() };
  if (SERIAL.test(cell)) return { value: fromClock(SERIAL_EPOCH_MS + Math.round(Number(cell) * 86_400) * 1000, zone) };
  const match = TIME.exec(cell);
  if (match === null) return { fault: `${JSON.stringify(cell)} is no time that is certain (write it as 2026-11-05 21:06:21)` };
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  const read = new Date(local);
  const isReal = read.getUTCMonth() === month - 1 && read.getUTCDate() === day && hour < 24 && minute < 60;
  if (!isReal) return { fault: `${JSON.stringify(cell)} is no time of the calendar` };
  const stated = match[7];
  if (stated === undefined) return { value: fromClock(local, zone) };
  return { value: new Date(local - offsetOf(stated)).toISOString() };
}

function offsetOf(stated: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(stated) ?? [];
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/**
 * The moment at which the clock of a zone shows this; in the hour that a clock shows twice, the
 * first one.
 */
function fromClock(local: number, zone: string): string {
  const before = local - offsetAt(local - DAY_MS, zone);
  if (before + offsetAt(before, zone) === local) return new Date(before).toISOString();
  return new Date(local - offsetAt(local + DAY_MS, zone)).toISOString();
}

/** How far the clock of a zone is before UTC at a moment, in milliseconds. */
function offsetAt(moment: number, zone: string): number {
  if (/^[+-]/.test(zone)) return offsetOf(zone);
  let clock = clocks.get(zone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
    clocks.set(zone, clock);
  }
  const name = clock.formatToParts(moment).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
  return offsetOf(name.replace('GMT', '') || 'Z');
}
