import { afterAll, beforeAll, expect, test } from 'vitest';

import { law } from '../../src/guards/guard.ts';
import { runGuards } from '../../src/guards/run.ts';
import { keepResults, readResults } from '../../src/guards/guard-result-store.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { listen } from '../outbound/listener.ts';
import { NOTHING_WRONG } from './wording.ts';

let database: TestDatabase;
let heard: () => Promise<unknown[]>;

beforeAll(async () => {
  database = await testDatabase();
  const listener = await listen(database.owner);
  heard = () => listener.heard('guard');
});

afterAll(() => database.close());

const sound = law('present', 'books', 'select 1 as one where false', NOTHING_WRONG);
const wrong = law('present', 'books', 'select n as number from generate_series(1, 12) as n', NOTHING_WRONG);
const minutes = (count: number) => new Date(Date.UTC(2026, 5, 1) + count * 60_000);
const run = (guard: typeof sound, now: Date) => runGuards(database.db, [guard], { now, all: true });

test('a guard is told of when it begins to find violations and when it finds none any more, not in between', async () => {
  await run(sound, minutes(0));
  expect(await heard()).toEqual([]);
  await run(wrong, minutes(1));
  expect(await heard()).toMatchObject([
    { type: 'guard.violated', data: { name: 'books', kind: 'law', says: 'Nothing is wrong.', ok: false, violations: 12 } },
  ]);
  await run(wrong, minutes(2));
  expect(await heard()).toEqual([]);
  await run(sound, minutes(3));
  expect(await heard()).toMatchObject([{ type: 'guard.healed', data: { name: 'books', ok: true, violations: 0 } }]);
  await run(wrong, minutes(4));
  expect(await heard()).toHaveLength(1);
});

test('a guard that finds violations the first time it is asked is told of', async () => {
  await database.owner.deleteFrom('guard_result').execute();
  await run(wrong, minutes(5));
  expect(await heard()).toMatchObject([{ type: 'guard.violated' }]);
});

test('what two processes find at once is one event', async () => {
  await database.owner.deleteFrom('guard_result').execute();
  await run(sound, minutes(6));
  const before = [...(await readResults(database.db)).values()];
  await run(wrong, minutes(7));
  await database.owner.deleteFrom('guard_result').execute();
  await keepResults(database.db, before);
  await run(wrong, minutes(8));
  expect(await heard()).toHaveLength(1);
});
