// The buckets of a time: where they begin by the clocks of a zone, whatever those do meanwhile, and
// which other time one is compared with.

import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../platform/durations.ts';
import { offsetSpans, type OffsetSpan } from '../../platform/zone-offsets.ts';
import type { BucketSize, StatisticsQuery } from './query.ts';

type ClockBucket = 'minute' | '15m' | 'hour';
type DayBucket = 'day' | 'week' | 'month';

const CLOCK_MS: Readonly<Record<ClockBucket, number>> = { minute: MINUTE_MS, '15m': 15 * MINUTE_MS, hour: HOUR_MS };
/** No zone is further from UTC, and no bucket longer, than what is looked at beside a time. */
const BESIDE_MS = 33 * DAY_MS;
const DAYS_PER_WEEK = 7;
const MONTHS_PER_YEAR = 12;
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/**
 * When the buckets of a time begin, in their order: the first holds `from` and may begin before it.
 * Empty for `none`. A day that a zone skips has no bucket.
 */
export function bucketsOf({ bucket, from, to, timeZone }: Pick<StatisticsQuery, 'bucket' | 'from' | 'to' | 'timeZone'>): Date[] {
  if (bucket === 'none') return [];
  const spans = offsetSpans(timeZone, from.getTime() - BESIDE_MS, to.getTime() + BESIDE_MS);
  const starts = isClockBucket(bucket) ? clockStarts(spans, CLOCK_MS[bucket], from, to) : dayStarts(spans, bucket, from, to);
  return starts.map((start) => new Date(start));
}

function isClockBucket(bucket: Exclude<BucketSize, 'none'>): bucket is ClockBucket {
  return bucket in CLOCK_MS;
}

/** An hour that the clocks show twice is two buckets; one that they leave early is a short one. */
function clockStarts(spans: readonly OffsetSpan[], size: number, from: Date, to: Date): number[] {
  const starts: number[] = [];
  for (const span of spans) {
    if (span.until <= from.getTime() || span.from >= to.getTime()) continue;
    const first = Math.max(span.from, from.getTime());
    const whole = Math.floor((first + span.offset) / size) * size - span.offset;
    for (let at = whole; at < Math.min(span.until, to.getTime()); at += size) starts.push(Math.max(at, span.from));
  }
  return starts;
}

/** Where the clocks show a day once more after the next has begun, the next goes on. */
function dayStarts(spans: readonly OffsetSpan[], bucket: DayBucket, from: Date, to: Date): number[] {
  const starts: number[] = [];
  for (let day = beginOf(clockAt(spans, from.getTime()), bucket); ; day = nextOf(day, bucket)) {
    const start = momentOf(spans, day);
    if (start >= to.getTime()) return starts;
    if (starts.length > 0 && (start <= from.getTime() || start === starts.at(-1))) starts.pop();
    starts.push(start);
  }
}

/** Local times are told as if the clocks of the zone were those of UTC, in milliseconds. */
function beginOf(local: number, bucket: DayBucket): number {
  const day = Math.floor(local / DAY_MS) * DAY_MS;
  if (bucket === 'day') return day;
  if (bucket === 'week') return day - modulo(day - FIRST_MONDAY_MS, DAYS_PER_WEEK * DAY_MS);
  return day - (new Date(day).getUTCDate() - 1) * DAY_MS;
}

function nextOf(begin: number, bucket: DayBucket): number {
  if (bucket === 'month') return addMonths(begin, 1);
  return begin + (bucket === 'week' ? DAYS_PER_WEEK : 1) * DAY_MS;
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

/** The same day of another month, or its last one, at the same time of day. */
function addMonths(local: number, months: number): number {
  const at = new Date(local);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth() + months];
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(at.getUTCDate(), last)) + modulo(local, DAY_MS);
}

function clockAt(spans: readonly OffsetSpan[], at: number): number {
  const span = spans.find(({ from, until }) => from <= at && at < until);
  return at + (span ?? spans.at(-1)!).offset;
}

/** The first moment at which the clocks show this or later. */
function momentOf(spans: readonly OffsetSpan[], local: number): number {
  for (const { from, until, offset } of spans) {
    const at = Math.max(local - offset, from);
    if (at < until) return at;
  }
  return local - spans.at(-1)!.offset;
}

/** A moment after so many local days, at the same time of day. */
export function addLocalDays(at: Date, days: number, timeZone: string): Date {
  return moved(at, timeZone, Math.abs(days) * DAY_MS, (local) => local + days * DAY_MS);
}

function moved(at: Date, timeZone: string, byAtMost: number, move: (local: number) => number): Date {
  const beside = byAtMost + BESIDE_MS;
  const spans = offsetSpans(timeZone, at.getTime() - beside, at.getTime() + beside);
  return new Date(momentOf(spans, move(clockAt(spans, at.getTime()))));
}

/** The midnight with which the local day of a moment begins. */
export function localMidnight(at: Date, timeZone: string): Date {
  return moved(at, timeZone, 0, (local) => beginOf(local, 'day'));
}

type Compared = Pick<StatisticsQuery, 'from' | 'to' | 'timeZone' | 'align'>;

/**
 * The time that another is compared with. The previous one: by months where it is whole months, by
 * as many days as it touches where it is a day or longer, else by its own length. The year before:
 * by twelve months. By weekday it is moved by whole weeks, for a year by 52.
 */
export function comparedSpan(query: Compared & { compare: 'previous' | 'year' }): { from: Date; to: Date } {
  const { from, to, timeZone, align, compare } = query;
  if (compare === 'year') {
    if (align === 'weekday') return movedByDays(query, 52 * DAYS_PER_WEEK);
    return movedByMonths(query, MONTHS_PER_YEAR);
  }
  const [begin, end] = [from, to].map((at) => clockOf(at, timeZone));
  const days = Math.ceil((end! - begin!) / DAY_MS);
  if (align === 'weekday') return movedByDays(query, Math.ceil(Math.max(days, 1) / DAYS_PER_WEEK) * DAYS_PER_WEEK);
  if (isMonthStart(begin!) && isMonthStart(end!)) return movedByMonths(query, monthsBetween(begin!, end!));
  if (end! - begin! >= DAY_MS) return movedByDays(query, days);
  const length = to.getTime() - from.getTime();
  return { from: new Date(from.getTime() - length), to: from };
}

function clockOf(at: Date, timeZone: string): number {
  return clockAt(offsetSpans(timeZone, at.getTime() - BESIDE_MS, at.getTime() + BESIDE_MS), at.getTime());
}

function movedByDays({ from, to, timeZone }: Compared, days: number): { from: Date; to: Date } {
  return { from: addLocalDays(from, -days, timeZone), to: addLocalDays(to, -days, timeZone) };
}

function movedByMonths({ from, to, timeZone }: Compared, months: number): { from: Date; to: Date } {
  const byAtMost = (months + 1) * BESIDE_MS;
  const [begin, end] = [from, to].map((at) => moved(at, timeZone, byAtMost, (local) => addMonths(local, -months)));
  return { from: begin!, to: end! };
}

function isMonthStart(local: number): boolean {
  return local === beginOf(local, 'month');
}

function monthsBetween(begin: number, end: number): number {
  const [first, last] = [new Date(begin), new Date(end)];
  return (last.getUTCFullYear() - first.getUTCFullYear()) * MONTHS_PER_YEAR + last.getUTCMonth() - first.getUTCMonth();
}

/** A moment as the zone's clocks show it, with their offset: `2026-06-01T00:00:00+08:00`. */
export function localTimes(timeZone: string): (at: Date) => string {
  return (at) => {
    const ms = at.getTime();
    const [span] = offsetSpans(timeZone, ms, ms + 1);
    const minutes = Math.round(span!.offset / MINUTE_MS);
    const sign = minutes < 0 ? '-' : '+';
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    const offset = `${sign}${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
    const local = new Date(ms + span!.offset).toISOString().slice(0, -1);
    return `${local.endsWith('.000') ? local.slice(0, -4) : local}${offset}`;
  };
}
