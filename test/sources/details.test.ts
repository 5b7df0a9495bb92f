// One detail that is not told costs no other: what fetching the rows of a page gives back, whatever
// some of them are answered.
import { expect, test } from 'vitest';

import { AskingFailed, type NoAnswer } from '../../src/sources/asking.ts';
import { fetchEach } from '../../src/sources/details.ts';

/**
 * Fetches rows 0 to `count - 1`, of which some fail so; gives which were asked for, told, and kept
 * back with why.
 */
async function fetchRows(count: number, failing: Record<number, NoAnswer | 'unreadable'>) {
  const asked: number[] = [];
  const { bodies, unfetched } = await fetchEach(
    Array.from({ length: count }, (_, row) => row),
    (row) => `order/${row}`,
    (row) => {
      asked.push(row);
      const kind = failing[row];
      if (kind === undefined) return Promise.resolve([Buffer.from(String(row))]);
      return Promise.reject(kind === 'unreadable' ? new Error(kind) : new AskingFailed(kind, kind));
    },
  );
  const kept = unfetched.map(({ key, error }) => [key, error === null ? null : (error as Error).message]);
  return { asked: asked.length, told: bodies.map(String), kept };
}

test.each(['item_refused', 'temporary', 'unreadable'] as const)('a detail that is %s costs none of the others', async (kind) => {
  const { told, kept } = await fetchRows(20, { 3: kind });
  expect(told).toHaveLength(19);
  expect(kept).toEqual([['order/3', kind]]);
});

test('a page of one row that is refused ends, and the row is kept', async () => {
  expect(await fetchRows(1, { 0: 'item_refused' })).toEqual({ asked: 1, told: [], kept: [['order/0', 'item_refused']] });
});

test.each(['rate_limited', 'refused'] as const)('%s is of all: nothing more is asked, and no row is lost', async (kind) => {
  const { asked, told, kept } = await fetchRows(20, { 3: kind });
  expect(asked).toBe(8);
  expect(told).toHaveLength(7);
  expect(kept).toHaveLength(13);
  expect(kept.filter(([, error]) => error !== null)).toEqual([['order/3', kind]]);
});

const firstEight = (kind: NoAnswer) => Object.fromEntries(Array.from({ length: 8 }, (_, row) => [row, kind]));

test('a few of which none was answered end the questions; a few that are all refused do not', async () => {
  expect((await fetchRows(20, firstEight('temporary'))).asked).toBe(8);
  expect((await fetchRows(20, firstEight('item_refused'))).told).toHaveLength(12);
});
