// Where the buckets of a time zone begin, by the clock of the zone alone: nothing of the service.
// For zones whose clocks never skip a midnight.

export const BUCKETS = ['minute', '15m', 'hour', 'day', 'week', 'month', 'none'] as const;
export type Bucket = (typeof BUCKETS)[number];

const MINUTE_MS = 60_000;
const LENGTH_MS: Partial<Record<Bucket, number>> = { minute: MINUTE_MS, '15m': 15 * MINUTE_MS, hour: 60 * MINUTE_MS };

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const fields = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...fields });
  formats.set(timeZone, format);
  return format;
}

/** What the clock of the zone shows, as if it were one of UTC. */
function shownAt(at: number, timeZone: string): number {
  const part: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(at)) part[type] = Number(value);
  const millisecond = ((at % 1000) + 1000) % 1000;
  return Date.UTC(part['year']!, part['month']! - 1, part['day'], part['hour'], part['minute'], part['second'], millisecond);
}

const offsetAt = (at: number, timeZone: string): number => shownAt(at, timeZone) - at;

/** When the clock shows that midnight: the offset is asked for again where the first guess lies. */
function midnightOf(shown: number, timeZone: string): number {
  const guess = shown - offsetAt(shown, timeZone);
  return shown - offsetAt(guess, timeZone);
}

/** Midnight of the first day of the bucket around `at`, and that of the bucket after it. */
function daysAround(bucket: Bucket, at: number, timeZone: string): [number, number] {
  const shown = new Date(shownAt(at, timeZone));
  const [year, month, day] = [shown.getUTCFullYear(), shown.getUTCMonth(), shown.getUTCDate()];
  const midnight = (m: number, d: number): number => midnightOf(Date.UTC(year, m, d), timeZone);
  if (bucket === 'month') return [midnight(month, 1), midnight(month + 1, 1)];
  const first = bucket === 'week' ? day - ((shown.getUTCDay() + 6) % 7) : day;
  return [midnight(month, first), midnight(month, first + (bucket === 'week' ? 7 : 1))];
}

function around(bucket: Bucket, at: number, timeZone: string): [number, number] {
  const length = LENGTH_MS[bucket];
  if (length === undefined) return daysAround(bucket, at, timeZone);
  const start = at - (shownAt(at, timeZone) % length);
  return [start, start + length];
}

/**
 * Where the buckets begin that `from` to before `to` touches, epoch milliseconds; of `none` it is
 * one, which is null.
 */
export function bucketsBetween(bucket: Bucket, { from, to, timeZone }: { from: number; to: number; timeZone: string }): (number | null)[] {
  if (bucket === 'none') return [null];
  const starts: number[] = [];
  for (let at = from; at < to;) {
    const [start, end] = around(bucket, at, timeZone);
    starts.push(start);
    at = end;
  }
  return starts;
}

/** The beginning of the bucket around a moment. */
export function bucketOf(bucket: Bucket, at: number, timeZone: string): number | null {
  return bucket === 'none' ? null : around(bucket, at, timeZone)[0];
}

const two = (figure: number): string => String(figure).padStart(2, '0');

/** A moment as the zone writes it: 2026-06-01T00:00:00+08:00. */
export function localText(at: number, timeZone: string): string {
  const offset = Math.round(offsetAt(at, timeZone) / MINUTE_MS);
  const sign = offset < 0 ? '-' : '+';
  const text = new Date(shownAt(at, timeZone)).toISOString().slice(0, 19);
  return `${text}${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}
