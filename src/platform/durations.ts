// Lengths of time in milliseconds, for names that say how many of them.

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
/** Twenty-four hours; not the day of a calendar, which summer time makes longer and shorter. */
export const DAY_MS = 24 * HOUR_MS;
