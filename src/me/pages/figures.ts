// Amounts, rates and times as people read them.

import { decimalOf, minorDigits } from '../../core/money.ts';
import { clockOf } from '../../platform/calendar.ts';
import type { Language } from '../words/words.ts';

/** Whole minor units as the API tells them: those beyond a double are texts. */
type Units = number | string;

/** How one visitor reads figures. */
export interface Figures {
  /** An amount with its currency: `1,234.50 CNY`, and in Chinese yuan as 元. */
  money: (units: Units, currency: string) => string;
  /** Parts per million as a percentage: 100000 is `10%`. */
  percent: (ppm: number) => string;
  /** A moment by the clocks of the zone, to the minute. */
  time: (at: string) => string;
  /** Its day. */
  day: (at: string) => string;
}

const MINUTE_LENGTH = 'YYYY-MM-DD HH:MM'.length;
const DAY_LENGTH = 'YYYY-MM-DD'.length;

export function figuresOf(language: Language, timeZone: string): Figures {
  const clock = clockOf(timeZone);
  return {
    money: (units, currency) => {
      const name = language === 'zh' && currency === 'CNY' ? '元' : currency;
      return `${grouped(decimalOf(BigInt(units), currency), minorDigits(currency))} ${name}`;
    },
    percent: (ppm) => `${Number((ppm / 10_000).toFixed(4))}%`,
    time: (at) => clock(new Date(at)).slice(0, MINUTE_LENGTH),
    day: (at) => clock(new Date(at)).slice(0, DAY_LENGTH),
  };
}

function grouped(decimal: string, digits: number): string {
  const end = digits === 0 ? decimal.length : decimal.length - digits - 1;
  return `${decimal.slice(0, end).replaceAll(/\B(?=(\d{3})+$)/g, ',')}${decimal.slice(end)}`;
}
