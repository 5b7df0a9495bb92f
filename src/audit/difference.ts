// What an audit finds: one place where what stands is not what it should be.

import { isDeepStrictEqual } from 'node:util';

/**
 * `subject` is an order as merchant/source/order, a delivery, an account or a link; `expected` and
 * `found` are texts.
 */
export interface Difference {
  subject: string;
  field: string;
  expected: string;
  found: string;
}

/** A value as a difference shows it, on one line. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));
}

/**
 * The fields of `expected` in which `found` is not equal; the order of keys inside of a value does
 * not matter.
 */
export function differingFields<Fields extends object>(subject: string, path: string, expected: Fields, found: Fields): Difference[] {
  return (Object.keys(expected) as (keyof Fields & string)[])
    .filter((field) => !isDeepStrictEqual(expected[field], found[field]))
    .map((field) => ({ subject, field: `${path}${field}`, expected: shown(expected[field]), found: shown(found[field]) }));
}

/** One line of text; no part of it can begin another. */
export function differenceLine({ subject, field, expected, found }: Difference): string {
  return [subject, field, `expected ${expected}`, `found ${found}`].map((part) => part.replaceAll(/\p{Cc}+/gu, ' ')).join('\t');
}
