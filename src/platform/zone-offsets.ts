// What a zone's clocks are away from UTC, and since when: from it any number of local days or hours
// are told without asking the clock for each.

import { clockOf } from './calendar.ts';
import { DAY_MS, SECOND_MS } from './durations.ts';

/** A time within which a zone's clocks are the same distance from UTC; in milliseconds. */
export interface OffsetSpan {
  from: number;
  until: number;
  offset: number;
}

/** The changes of a zone within a year of UTC: at which second, and to which offset. */
interface Year {
  atStart: number;
  changes: { at: number; offset: number }[];
}

/** Asked-for years of asked-for zones: at most 100 of at most 600. */
const years = new Map<string, Year>();
const clocks = new Map<string, (at: Date) => string>();

/**
 * The spans of a zone that touch a time, in their order; the first and the last are cut to it. Two
 * changes within one day, which no zone has had since 2000, would not be seen.
 */
export function offsetSpans(timeZone: string, from: number, until: number): OffsetSpan[] {
  const spans: OffsetSpan[] = [];
  const lastYear = new Date(until).getUTCFullYear();
  for (let year = new Date(from).getUTCFullYear(); year <= lastYear; year += 1) {
    const { atStart, changes } = yearOf(timeZone, year);
    if (spans.length === 0) spans.push({ from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, offset: atStart });
    for (const { at, offset } of changes) {
      spans.at(-1)!.until = at;
      spans.push({ from: at, until: Number.POSITIVE_INFINITY, offset });
    }
  }
  return spans.flatMap((span) => {
    const cut = { from: Math.max(span.from, from), until: Math.min(span.until, until), offset: span.offset };
    return cut.from < cut.until ? [cut] : [];
  });
}

function yearOf(timeZone: string, year: number): Year {
  const key = `${timeZone} ${year}`;
  const known = years.get(key);
  if (known !== undefined) return known;
  const start = Date.UTC(year);
  const end = Date.UTC(year + 1);
  const found: Year = { atStart: offsetAt(timeZone, start), changes: [] };
  let last = found.atStart;
  for (let day = start; day < end; day += DAY_MS) {
    const next = Math.min(day + DAY_MS, end);
    // The first moment of the next year is told there.
    const offset = offsetAt(timeZone, next === end ? end - SECOND_MS : next);
    if (offset !== last) found.changes.push({ at: changeBetween(timeZone, day, next), offset });
    last = offset;
  }
  if (offsetAt(timeZone, end) !== last) found.changes.push({ at: end, offset: offsetAt(timeZone, end) });
  years.set(key, found);
  return found;
}

/** The second from which on the clocks are what they are at the end of this time. */
function changeBetween(timeZone: string, from: number, until: number): number {
  const before = offsetAt(timeZone, from);
  let [low, high] = [from / SECOND_MS, until / SECOND_MS];
  while (high - low > 1) {
    const between = Math.floor((low + high) / 2);
    if (offsetAt(timeZone, between * SECOND_MS) === before) low = between;
    else high = between;
  }
  return high * SECOND_MS;
}

function offsetAt(timeZone: string, at: number): number {
  const clock = clocks.get(timeZone) ?? clockOf(timeZone);
  clocks.set(timeZone, clock);
  return Date.parse(`${clock(new Date(at)).replace(' ', 'T')}Z`) - at;
}
