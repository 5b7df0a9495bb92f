// How long is waited: for work that may not end, and before what failed is tried again.

import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the work comes to, or `late` when it takes longer than so many milliseconds; the work itself
 * goes on. The waiting keeps no process alive.
 */
export function within<Result, Late>(ms: number, work: Promise<Result>, late: Late): Promise<Result | Late> {
  return Promise.race([work, sleep(ms, late, { ref: false })]);
}

/**
 * How many milliseconds to wait after so many failures in a row, 1 and more: `firstMs` after the
 * first, twice as long each time, never longer than `longestMs`.
 */
export function backoffMs(failures: number, firstMs: number, longestMs: number): number {
  return Math.min(firstMs * 2 ** Math.max(failures - 1, 0), longestMs);
}
