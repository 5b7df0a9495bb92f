// Why asking failed, in words and in one word, and for how long it is asked no more.
import { AskingFailed, type NoAnswer } from '../../sources/asking.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../platform/durations.ts';
import { messageOf } from '../../platform/error-text.ts';
import { backoffMs } from '../../platform/waiting.ts';

/**
 * `unreadable`: there was an answer, and nothing that an adapter could read or the database could
 * keep.
 */
export type Failure = NoAnswer | 'unreadable';

const FIRST_MS = 5000;
const ERROR_LENGTH_MAX = 1000;

export function failureOf(error: unknown): Failure {
  return error instanceof AskingFailed ? error.kind : 'unreadable';
}

/** The error as it is kept and shown; the database holds no NUL in a text. */
export function keptMessageOf(error: unknown): string {
  return messageOf(error).replaceAll('\0', '').slice(0, ERROR_LENGTH_MAX);
}

/**
 * For how long a list or a source rests after so many failures in a row, in milliseconds: what the
 * platform demands, and twice as long each time where it demands nothing.
 */
export function pauseMs(error: unknown, attempts: number, longestMs = 10 * MINUTE_MS): number {
  const demandedMs = error instanceof AskingFailed ? error.retryAfterMs : null;
  if (demandedMs !== null && demandedMs > 0) return demandedMs;
  return backoffMs(attempts, FIRST_MS, longestMs);
}

/**
 * The same for one thing that is fetched by itself: what the platform refuses to tell is asked for
 * once a day in the end.
 */
export function pauseOfOneMs(error: unknown, attempts: number): number {
  const failure = failureOf(error);
  const isOfOne = failure === 'item_refused' || failure === 'unreadable';
  return pauseMs(error, attempts, isOfOne ? DAY_MS : HOUR_MS);
}

/**
 * The same for all fetching by ids, after the keys of a source were refused: good ones do not wait
 * long behind what is refused.
 */
export const pauseOfFetchingMs = (error: unknown, attempts: number): number => pauseMs(error, attempts, MINUTE_MS);
