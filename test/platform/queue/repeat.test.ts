import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test, vi } from 'vitest';

import { repeat } from '../../../src/platform/queue/repeat.ts';

const LONG_MS = 60_000;

test('the work begins at once, and a wake during it is followed by a run that begins after it', async () => {
  const releases: (() => void)[] = [];
  const repeating = repeat({
    everyMs: LONG_MS,
    work: () => new Promise<void>((resolve) => releases.push(resolve)),
    onError: () => undefined,
  });
  expect(releases).toHaveLength(1);
  repeating.wake();
  repeating.wake();
  expect(releases).toHaveLength(1);
  releases[0]!();
  await sleep(0);
  expect(releases).toHaveLength(2);
  releases[1]!();
  await repeating.close();
  expect(releases).toHaveLength(2);
});

test('what the work throws is told, and does not end it', async () => {
  const told: unknown[] = [];
  const failure = new Error('not now');
  const runs: number[] = [];
  const work = async () => {
    runs.push(runs.length);
    if (runs.length === 1) throw failure;
  };
  const repeating = repeat({ everyMs: 1, work, onError: (error) => told.push(error) });
  await vi.waitUntil(() => runs.length >= 3);
  await repeating.close();
  expect(told).toEqual([failure]);
});

test('closing waits for what runs, and nothing begins after it', async () => {
  let running = 0;
  const work = async () => {
    running += 1;
    await sleep(5);
    running -= 1;
  };
  const repeating = repeat({ everyMs: 0, work, onError: () => undefined });
  repeating.wake();
  await repeating.close();
  expect(running).toBe(0);
  repeating.wake();
  expect(running).toBe(0);
});
