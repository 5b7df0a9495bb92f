import { describe, expect, test } from 'vitest';

import { ATTEMPTS_MAX, afterAttempt, type AttemptOutcome } from '../../src/outbound/retry-schedule.ts';

const now = new Date('2026-06-01T00:00:00Z');
const answered = (status: number, retryAfter: string | null = null): AttemptOutcome => ({ status, retryAfter });
const silent: AttemptOutcome = { status: null, error: 'no answer' };
const after = (attempt: number, outcome: AttemptOutcome, dice = 0) => afterAttempt(outcome, { attempt, dice, now });

const SECONDS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

describe('an attempt', () => {
  test('that is answered 2xx has delivered', () => {
    for (const status of [200, 201, 204, 299]) expect(after(1, answered(status))).toEqual({ state: 'delivered' });
  });

  test('that is answered otherwise, or not at all, is tried again along the schedule, and given up after the tenth', () => {
    for (const outcome of [answered(301), answered(302), answered(400), answered(404), answered(500), silent]) {
      expect(SECONDS.map((_, index) => after(index + 1, outcome))).toEqual(
        SECONDS.map((seconds) => ({ state: 'pending', waitMs: seconds * 1000 })),
      );
      expect(after(ATTEMPTS_MAX, outcome)).toEqual({ state: 'failed', gone: false });
      expect(after(ATTEMPTS_MAX + 1, outcome)).toEqual({ state: 'failed', gone: false });
    }
  });

  test('all attempts together take 75 hours 35 minutes and 5 seconds', () => {
    expect(SECONDS.reduce((sum, seconds) => sum + seconds)).toBe(75 * 3600 + 35 * 60 + 5);
  });

  test('waits up to a tenth longer by chance', () => {
    expect(after(2, silent, 0.5)).toEqual({ state: 'pending', waitMs: 315_000 });
    const most = after(2, silent, 0.999_999_9);
    expect(most).toEqual({ state: 'pending', waitMs: 329_999 });
  });

  test('that is answered 410 is the last one', () => {
    expect(after(1, answered(410))).toEqual({ state: 'failed', gone: true });
  });
});

describe('a receiver who asks for time', () => {
  test('in seconds or by a date gets it', () => {
    expect(after(1, answered(429, '60'))).toEqual({ state: 'pending', waitMs: 60_000 });
    expect(after(1, answered(503, 'Mon, 01 Jun 2026 00:02:00 GMT'))).toEqual({ state: 'pending', waitMs: 120_000 });
  });

  test('never gets less than the schedule, nor more than a day', () => {
    expect(after(2, answered(429, '1'))).toEqual({ state: 'pending', waitMs: 300_000 });
    expect(after(1, answered(503, 'Mon, 01 Jun 2020 00:00:00 GMT'))).toEqual({ state: 'pending', waitMs: 5000 });
    expect(after(1, answered(429, '999999999'))).toEqual({ state: 'pending', waitMs: 86_400_000 });
  });

  test('is not understood in other words, and is heard with 429 and 503 only', () => {
    for (const words of ['soon', '-5', '1.5e3', '']) {
      expect(after(1, answered(429, words))).toEqual({ state: 'pending', waitMs: 5000 });
    }
    expect(after(1, answered(500, '3600'))).toEqual({ state: 'pending', waitMs: 5000 });
  });

  test('does not get an eleventh attempt', () => {
    expect(after(ATTEMPTS_MAX, answered(429, '60'))).toEqual({ state: 'failed', gone: false });
  });
});
