// How an attempt is judged: delivered, tried again and when, or given up. Pure.

import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../platform/durations.ts';

/**
 * How long is waited after each attempt but the last: the schedule of Standard Webhooks, 75 h 35
 * min in all.
 */
const WAITS_MS = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];
export const ATTEMPTS_MAX = WAITS_MS.length + 1;

/** Up to so much is added to a wait, so that what failed together does not come back together. */
const JITTER_PPM = 100_000;
const RETRY_AFTER_MS_MAX = 24 * HOUR_MS;
const GONE = 410;
const ASKS_FOR_TIME = new Set([429, 503]);

/** How an attempt went: answered with a status, or not answered. */
export type AttemptOutcome = { status: number; retryAfter: string | null } | { status: null; error: string };

/** What becomes of the message. `gone`: the receiver wants none of these any more. */
export type NextAttempt = { state: 'delivered' } | { state: 'pending'; waitMs: number } | { state: 'failed'; gone: boolean };

/**
 * Judges the nth attempt. `dice` is at least 0 and below 1, `now` what a date in `Retry-After` is
 * compared with.
 */
export function afterAttempt(outcome: AttemptOutcome, { attempt, dice, now }: { attempt: number; dice: number; now: Date }): NextAttempt {
  const { status } = outcome;
  if (status !== null && status >= 200 && status < 300) return { state: 'delivered' };
  if (status === GONE) return { state: 'failed', gone: true };
  const waitMs = WAITS_MS[attempt - 1];
  if (waitMs === undefined) return { state: 'failed', gone: false };
  const askedMs = status !== null && ASKS_FOR_TIME.has(status) ? retryAfterMs(outcome.retryAfter, now) : 0;
  const jitterMs = Math.floor((waitMs * Math.floor(dice * JITTER_PPM)) / 1_000_000);
  return { state: 'pending', waitMs: Math.max(waitMs, askedMs) + jitterMs };
}

/**
 * `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); what is neither asks for
 * nothing. A day is waited at the most.
 */
function retryAfterMs(header: string | null, now: Date): number {
  if (header === null) return 0;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * SECOND_MS : Date.parse(header) - now.getTime();
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
