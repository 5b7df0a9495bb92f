import { expect, test } from 'vitest';

import { backoffMs, within } from '../../src/platform/waiting.ts';

test('work that ends in time is its result, and its failure', async () => {
  expect(await within(60_000, Promise.resolve('done'), 'late')).toBe('done');
  await expect(within(60_000, Promise.reject(new Error('broken')), 'late')).rejects.toThrow('broken');
});

test('work that does not end is late', async () => {
  expect(await within(1, new Promise(() => undefined), 'late')).toBe('late');
});

test('each failure waits twice as long, up to the longest wait, however many there are', () => {
  expect([1, 2, 3, 4, 5, 2000].map((failures) => backoffMs(failures, 100, 1000))).toEqual([100, 200, 400, 800, 1000, 1000]);
});
