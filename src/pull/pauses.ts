// Why asking failed, in words and in one word, and for how long it is asked no more.
import { AskingFailed, type NoAnswer } from '../sources/asking.ts';

/** `unreadable`: there was an answer, and nothing that an adapter could read. */
export type Failure = NoAnswer | 'unreadable';

const FIRST_MS = 5000;
const MINUTE_MS = 60_000;
const ERROR_LENGTH_MAX = 1000;

/** The longest pause after failures of a kind; where only an operator can change something, soon enough after he has. */
const LONGEST_MS: Readonly<Record<Failure, number>> = {
  item_refused: 24 * 60 * MINUTE_MS,
  unreadable: 60 * MINUTE_MS,
  temporary: 10 * MINUTE_MS,
  stale_cursor: 10 * MINUTE_MS,
  rate_limited: 10 * MINUTE_MS,
  refused: MINUTE_MS,
};

export function failureOf(error: unknown): Failure {
  return error instanceof AskingFailed ? error.kind : 'unreadable';
}

/** The error as it is kept and shown; the database holds no NUL in a text. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\0', '').slice(0, ERROR_LENGTH_MAX);
}

/** After so many failures in a row: what the platform demands, and twice as long each time where it demands nothing. In milliseconds. */
export function pauseMs(error: unknown, attempts: number): number {
  const demandedMs = error instanceof AskingFailed ? error.retryAfterMs : null;
  if (demandedMs !== null && demandedMs > 0) return demandedMs;
  return Math.min(FIRST_MS * 2 ** Math.max(attempts - 1, 0), LONGEST_MS[failureOf(error)]);
}
