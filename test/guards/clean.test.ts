// All guards over books that are in order: none of them says a word.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { foldAll } from '../ledger/books.ts';
import { foldAll as countAll } from '../statistics/recount.ts';
import { bookWorld } from './books.ts';
import { foundWorld } from './world.ts';

let database: TestDatabase;
const guards = allGuards({ levelsMax: 2, spooled: () => 0 });

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database.close());

test('of empty books every guard is silent', async () => {
  for (const guard of guards) expect(await askGuard(database.db, guard), guard.name).toEqual({ violations: 0, sample: [] });
});

test('of books that are in order every guard is silent', async () => {
  await foundWorld(database.owner);
  await bookWorld(database.owner, () => foldAll(database.db));
  // However long ago this database was made, what stands in it is counted.
  await countAll(database.db);
  for (const guard of guards) expect(await askGuard(database.db, guard), guard.name).toEqual({ violations: 0, sample: [] });
});

test('no two guards have one name', () => {
  expect(new Set(guards.map(({ name }) => name)).size).toBe(guards.length);
  for (const { name } of guards) expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
});
