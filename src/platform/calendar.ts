// Days and months of a time zone as instants. What is due or counted "on a day" is so between two
// instants, whatever the clocks of the zone do that day.

/** No zone of the IANA database is further from UTC than this, east or west. */
const EAST_MS = 15 * 3_600_000;
const WEST_MS = 13 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

/** Whether a name is one of the IANA database: offsets and names in small letters are none. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '' && /^[A-Z]/.test(name);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * What the clocks of a zone show, as `YYYY-MM-DD HH:MM:SS`. To be kept for many moments: making one
 * takes longer than a thousand answers.
 */
export function clockOf(timeZone: string): (at: Date) => string {
  const format = new Intl.DateTimeFormat('en', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  let last = { ms: Number.NaN, text: '' };
  return (at) => {
    // What was booked at once has one time.
    if (at.getTime() === last.ms) return last.text;
    const part: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(at)) part[type] = value;
    const text = `${part['year']}-${part['month']}-${part['day']} ${part['hour']}:${part['minute']}:${part['second']}`;
    last = { ms: at.getTime(), text };
    return text;
  };
}

/** Those of days that were asked for: no more than there are zones. */
const clocks = new Map<string, (at: Date) => string>();

/** The day of a moment in a zone, YYYY-MM-DD. */
export function dayOf(at: Date, timeZone: string): string {
  const clock = clocks.get(timeZone) ?? clockOf(timeZone);
  clocks.set(timeZone, clock);
  return clock(at).slice(0, 10);
}

/**
 * The first moment of a day (YYYY-MM-DD) in a zone. Where the clocks skip midnight it is the moment
 * of the skip; a day that a zone skips begins with the next one.
 */
export function startOfDay(day: string, timeZone: string): Date {
  const clock = clockOf(timeZone);
  const midnight = Date.parse(`${day}T00:00:00Z`);
  let [before, reached] = [midnight - EAST_MS, midnight + WEST_MS];
  while (reached - before > 1) {
    const between = Math.floor((before + reached) / 2);
    if (clock(new Date(between)).slice(0, 10) < day) before = between;
    else reached = between;
  }
  return new Date(reached);
}

/**
 * The first midnight of a zone that is at that time or later: a day begins with its first moment.
 */
export function midnightFrom(at: Date, timeZone: string): Date {
  for (let day = dayOf(at, timeZone); ; day = dayAfter(day)) {
    const start = startOfDay(day, timeZone);
    if (start >= at) return start;
  }
}

function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}

/** A span of time: from `from` on, until before `until`. */
export interface Span {
  from: Date;
  until: Date;
}

/** The month YYYY-MM after so many others; below zero, before them. */
export function monthAfter(month: string, months = 1): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return new Date(Date.UTC(year, number - 1 + months)).toISOString().slice(0, 7);
}

/** Months of a zone, the first of them YYYY-MM, as a span. */
export function spanOfMonths(month: string, timeZone: string, months = 1): Span {
  return { from: startOfDay(`${month}-01`, timeZone), until: startOfDay(`${monthAfter(month, months)}-01`, timeZone) };
}

/** The day of a month (YYYY-MM), or its last day where it has not as many. */
export function dayInMonth(month: string, dayOfMonth: number): string {
  const last = new Date(Date.parse(`${monthAfter(month)}-01T00:00:00Z`) - 1).getUTCDate();
  return `${month}-${String(Math.min(dayOfMonth, last)).padStart(2, '0')}`;
}
