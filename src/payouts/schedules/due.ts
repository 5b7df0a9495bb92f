// When a schedule drafts: once a month, at the first moment of its day in its zone.

import { dayInMonth, dayOf, monthAfter, startOfDay } from '../../platform/calendar.ts';

/** The day 29 to 31 is the last one of months that have fewer. */
interface ScheduleDay {
  dayOfMonth: number;
  /** IANA name. */
  timeZone: string;
}

/** A month, YYYY-MM, and the moment at which it is due. */
export interface DueMonth {
  month: string;
  at: Date;
}

export function dueIn(month: string, { dayOfMonth, timeZone }: ScheduleDay): DueMonth {
  return { month, at: startOfDay(dayInMonth(month, dayOfMonth), timeZone) };
}

/** The first month that is due after `now`. */
export function nextDue(day: ScheduleDay, now: Date): DueMonth {
  const own = dueIn(dayOf(now, day.timeZone).slice(0, 7), day);
  return own.at > now ? own : dueIn(monthAfter(own.month), day);
}
