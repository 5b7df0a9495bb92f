// Nudges: none is lost, and many cost no more than a few.

import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test, vi } from 'vitest';

import { openProxy } from '../proxy.ts';
import { freshKind, useStores, work } from '../queue-stores.ts';

const stores = await useStores();

for (const { store, absent } of stores.all) {
  describe.skipIf(absent !== null)(`nudges through ${store}${absent === null ? '' : ` (${absent})`}`, () => {
    test('reach a handler in another process', async () => {
      const ours = freshKind();
      const handler = vi.fn(async () => undefined);
      work(stores.open(store), ours, handler);
      stores.open(store).nudge(ours);
      await vi.waitFor(() => expect(handler).toHaveBeenCalledWith(ours), { timeout: 10_000 });
    });

    test('that come in a burst are a few jobs, and the last of them is followed by a run from its beginning', async () => {
      const ours = freshKind();
      let written = 0;
      let seen = 0;
      let runs = 0;
      work(stores.open(store), ours, async () => {
        runs += 1;
        seen = written;
        await sleep(5);
      });
      const sender = stores.open(store);
      for (; written < 1000; written += 1) sender.nudge(ours);
      sender.nudge(ours);
      await expect.poll(() => seen, { timeout: 10_000 }).toBe(1000);
      await sleep(200);
      expect(runs).toBeLessThanOrEqual(3);
    });

    test('that come at any moment of a run are never lost, from several senders to several workers', async () => {
      const ours = freshKind();
      let written = 0;
      let seen = 0;
      const handler = async (): Promise<void> => {
        const now = written;
        await sleep(Math.random() * 15);
        seen = Math.max(seen, now);
      };
      work(stores.open(store), ours, handler);
      work(stores.open(store), ours, handler);
      const senders = [stores.open(store), stores.open(store)];
      for (let round = 0; round < 40; round += 1) {
        for (const sender of senders) {
          written += 1;
          sender.nudge(ours);
          await sleep(Math.random() * 12);
        }
        if (round % 8 === 7) await expect.poll(() => seen, { timeout: 4000 }).toBe(written);
      }
    });

    test('of one kind are worked on one after the other, those of two kinds beside each other', async () => {
      const ours = freshKind();
      const running = new Map<string, number>();
      let together = 0;
      work(stores.open(store), ours, async (given) => {
        running.set(given, (running.get(given) ?? 0) + 1);
        expect(running.get(given)).toBe(1);
        together = Math.max(
          together,
          [...running.values()].reduce((sum, value) => sum + value, 0),
        );
        await sleep(100);
        running.set(given, 0);
      });
      const senders = [stores.open(store), stores.open(store)];
      for (const sender of senders) for (const suffix of ['a', 'b', 'a']) sender.nudge(`${ours}-${suffix}`);
      await expect.poll(() => together, { timeout: 10_000 }).toBe(2);
    });

    test('go on after a handler that failed', async () => {
      const ours = freshKind();
      let runs = 0;
      work(stores.open(store), ours, async () => {
        runs += 1;
        if (runs === 1) throw new Error('no');
      });
      const sender = stores.open(store);
      sender.nudge(ours);
      await expect.poll(() => runs, { timeout: 10_000 }).toBe(1);
      sender.nudge(ours);
      await expect.poll(() => runs, { timeout: 10_000 }).toBe(2);
    });
  });
}

describe('nudges in a process that has a handler', () => {
  test('need no store at all', async () => {
    const ours = freshKind();
    const proxy = await openProxy(stores.ground().connectionString);
    await proxy.refuse();
    const queue = stores.open('PostgreSQL', proxy.url);
    const handler = vi.fn(async () => undefined);
    work(queue, ours, handler);
    queue.nudge(ours);
    await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1));
  });

  test('run it once for each burst, and once more for what came while it ran', async () => {
    const ours = freshKind();
    const queue = stores.open('PostgreSQL');
    const ends: (() => void)[] = [];
    work(queue, ours, () => new Promise((end) => ends.push(end)));
    for (let count = 0; count < 1000; count += 1) queue.nudge(ours);
    expect(ends).toHaveLength(1);
    ends[0]!();
    await vi.waitFor(() => expect(ends).toHaveLength(2));
    ends[1]!();
    await sleep(50);
    expect(ends).toHaveLength(2);
    queue.nudge(ours);
    await vi.waitFor(() => expect(ends).toHaveLength(3));
    ends[2]!();
  });

  test('let it finish before the process closes, and are not taken after', async () => {
    const ours = freshKind();
    const queue = stores.open('PostgreSQL');
    let finished = 0;
    work(queue, ours, async () => {
      await sleep(200);
      finished += 1;
    });
    queue.nudge(ours);
    await queue.close();
    expect(finished).toBe(1);
    queue.nudge(ours);
    await sleep(300);
    expect(finished).toBe(1);
  });
});
