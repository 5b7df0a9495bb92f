import { setImmediate as nextTurn } from 'node:timers/promises';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { groupCommit } from '../../../src/platform/postgres/group-commit.ts';

/** A commit that records its groups and finishes when the test says. */
function slowCommit() {
  const groups: number[][] = [];
  let release: (() => void) | undefined;
  const commit = async (items: number[]): Promise<string[]> => {
    groups.push(items);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return items.map((item) => `stored ${item}`);
  };
  return { groups, commit, release: () => release?.() };
}

const lostDatabase = Object.assign(new Error('no route'), { code: 'ECONNREFUSED' });

test('what arrives in one turn goes in one commit, and what arrives while it runs in the next', async () => {
  const { groups, commit, release } = slowCommit();
  const queue = groupCommit({ commit, itemsMax: 100, waitingMax: 100 });
  const first = [queue.push(1), queue.push(2)];
  await nextTurn();
  const second = [queue.push(3), queue.push(4), queue.push(5)];
  expect(groups).toEqual([[1, 2]]);
  expect(queue.waiting()).toBe(5);
  release();
  expect(await Promise.all(first)).toEqual(['stored 1', 'stored 2']);
  await nextTurn();
  expect(groups).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  release();
  expect(await Promise.all(second)).toEqual(['stored 3', 'stored 4', 'stored 5']);
  expect(queue.waiting()).toBe(0);
});

test('every item gets its own result, whatever the sizes of the groups', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 9 }),
      async (bursts, itemsMax) => {
        const sizes: number[] = [];
        const queue = groupCommit<number, number>({
          commit: async (items) => {
            sizes.push(items.length);
            await nextTurn();
            return items.map((item) => item * 2);
          },
          itemsMax,
          waitingMax: 10_000,
        });
        const pushed: Promise<number>[] = [];
        for (const burst of bursts) {
          for (let count = 0; count < burst; count++) pushed.push(queue.push(pushed.length));
          await nextTurn();
        }
        expect(await Promise.all(pushed)).toEqual(pushed.map((_, index) => index * 2));
        expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(itemsMax);
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(pushed.length);
      },
    ),
    { numRuns: 50 },
  );
});

test('a bad item fails alone, and those around it are stored once', async () => {
  const stored: number[] = [];
  const queue = groupCommit<number, number>({
    commit: async (items) => {
      if (items.includes(13) || items.includes(21)) throw new Error('bad item');
      stored.push(...items);
      return items;
    },
    itemsMax: 100,
    waitingMax: 100,
  });
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, item) => queue.push(item)));
  expect(outcomes.flatMap(({ status }, item) => (status === 'rejected' ? [item] : []))).toEqual([13, 21]);
  expect(stored).toEqual(Array.from({ length: 40 }, (_, item) => item).filter((item) => item !== 13 && item !== 21));
});

test('when the database is lost the group is not tried again in halves: all are told', async () => {
  let commits = 0;
  const queue = groupCommit<number, number>({
    commit: async () => {
      commits++;
      throw lostDatabase;
    },
    itemsMax: 100,
    waitingMax: 100,
  });
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map((item) => queue.push(item)));
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual(Array(4).fill(lostDatabase));
  expect(commits).toBe(1);
});

test('a commit that tells too few results fails its items, and stores none of them twice', async () => {
  let commits = 0;
  const queue = groupCommit<number, number>({
    commit: async () => {
      commits++;
      return [1];
    },
    itemsMax: 100,
    waitingMax: 100,
  });
  const outcomes = await Promise.allSettled([queue.push(1), queue.push(2)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(commits).toBe(1);
});

test('a commit that throws before it is asynchronous is a failure like any other', async () => {
  const queue = groupCommit<number, number>({
    commit: () => {
      throw new Error('at once');
    },
    itemsMax: 10,
    waitingMax: 10,
  });
  await expect(queue.push(1)).rejects.toThrow('at once');
  await expect(queue.push(2)).rejects.toThrow('at once');
});

test('over the limit an item is refused as unavailable, and there is room again after the commit', async () => {
  const { commit, release } = slowCommit();
  const queue = groupCommit({ commit, itemsMax: 2, waitingMax: 2 });
  const taken = [queue.push(1), queue.push(2)];
  await expect(queue.push(3)).rejects.toMatchObject({ code: 'unavailable' });
  await nextTurn();
  await expect(queue.push(3)).rejects.toMatchObject({ code: 'unavailable' });
  release();
  await Promise.all(taken);
  await nextTurn();
  const late = queue.push(4);
  await nextTurn();
  release();
  expect(await late).toBe('stored 4');
});

test('closing waits for all that was taken, and takes no more', async () => {
  const { commit, release } = slowCommit();
  const queue = groupCommit({ commit, itemsMax: 1, waitingMax: 10 });
  const taken = [queue.push(1), queue.push(2)];
  let closed = false;
  const close = async (): Promise<void> => {
    await queue.close();
    closed = true;
  };
  const closing = close();
  await expect(queue.push(3)).rejects.toMatchObject({ code: 'unavailable' });
  await nextTurn();
  release();
  await taken[0];
  await nextTurn();
  expect(closed).toBe(false);
  release();
  await closing;
  expect(await Promise.all(taken)).toEqual(['stored 1', 'stored 2']);
});

test('closing an idle queue is done at once', async () => {
  const queue = groupCommit({ commit: async (items: number[]) => items, itemsMax: 1, waitingMax: 1 });
  await queue.close();
  expect(queue.waiting()).toBe(0);
});
