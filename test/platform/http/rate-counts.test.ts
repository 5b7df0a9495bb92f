// Calls counted in one process and known to all.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { rateCounts, type RateCounts } from '../../../src/platform/http/rate-counts.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { until } from '../sockets.ts';

const LIMIT = 80;
const opened: RateCounts[] = [];
let database: TestDatabase;
let errors: unknown[];

beforeAll(async () => {
  database = await testDatabase();
});

// Only the clock stands still, in the middle of a minute; timers go on.
beforeEach(() => {
  errors = [];
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-06-01T10:00:30Z') });
});

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((counts) => counts.close()));
  await database.owner.deleteFrom('rate_count').execute();
});

afterAll(() => database.close());

/** The counts of a process of its own. */
function open(db = database.db): RateCounts {
  const counts = rateCounts(db, (error) => void errors.push(error), 5);
  opened.push(counts);
  return counts;
}

function add(counts: RateCounts, subject: string, times: number): number {
  let count = 0;
  for (let time = 0; time < times; time++) count = counts.add(subject, LIMIT);
  return count;
}

/** Whose calls are told to the other processes. */
async function subjects(): Promise<string[]> {
  const rows = await database.owner.selectFrom('rate_count').select('subject').execute();
  return rows.map(({ subject }) => subject);
}

test('calls are counted for each subject, until the minute is over', () => {
  const counts = open();
  expect(add(counts, 'a', 3)).toBe(3);
  expect([counts.count('a'), counts.count('b'), counts.msLeft()]).toEqual([3, 0, 30_000]);
  vi.setSystemTime(new Date('2026-06-01T10:01:00Z'));
  expect([counts.count('a'), counts.msLeft()]).toEqual([0, 60_000]);
  expect(counts.add('a', LIMIT)).toBe(1);
});

test('what several processes have counted is added up, each call once', async () => {
  const [one, two] = [open(), open()];
  add(one, 'a', 40);
  add(two, 'a', 30);
  await until(() => one.count('a') === 70 && two.count('a') === 70);
  add(two, 'a', 5);
  await until(() => one.count('a') === 75);
  add(one, 'a', 1);
  await until(() => two.count('a') === 76 && one.count('a') === 76);
  expect(errors).toEqual([]);
});

test('a subject that is far below its limit costs no row', async () => {
  const counts = open();
  add(counts, 'rare', LIMIT / 8 - 1);
  add(counts, 'often', LIMIT / 8);
  await until(async () => (await subjects()).length > 0);
  expect(await subjects()).toEqual(['often']);
});

test('rows of minutes that are over are swept away', async () => {
  const counts = open();
  add(counts, 'a', LIMIT);
  await until(async () => (await subjects()).length === 1);
  vi.setSystemTime(new Date('2026-06-01T10:02:30Z'));
  await until(async () => (await subjects()).length === 0);
});

test('without its database a process goes on counting alone', async () => {
  const lost = await testDatabase();
  await lost.close();
  const counts = open(lost.db);
  expect(add(counts, 'a', LIMIT + 1)).toBe(LIMIT + 1);
  await until(() => errors.length > 0);
  expect(add(counts, 'a', 1)).toBe(LIMIT + 2);
});
