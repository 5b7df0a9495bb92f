// Every law against violations that are planted past all constraints: it finds its own, and leaves
// the others to theirs.

import type { Transaction } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import type { Guard } from '../../src/guards/guard.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { foldAll } from '../ledger/books.ts';
import { sampleOf } from '../runs.ts';
import { bookWorld } from './books.ts';
import { tampering } from './plant.ts';
import { PLANTS_OF_BOOKS } from './plants-of-books.ts';
import { PLANTS_OF_CAMPAIGNS } from './plants-of-campaigns.ts';
import { PLANTS_OF_DECISIONS } from './plants-of-decisions.ts';
import { PLANTS_OF_DATABASE } from './plants-of-database.ts';
import { PLANTS_OF_OFFERS } from './plants-of-offers.ts';
import { PLANTS_OF_ORDERS } from './plants-of-orders.ts';
import { payWorld } from './payouts.ts';
import { PLANTS_OF_PAYOUTS } from './plants-of-payouts.ts';
import { PLANTS_OF_PROGRAMS } from './plants-of-programs.ts';
import { PLANTS_OF_RE_RATINGS } from './plants-of-re-ratings.ts';
import { PLANTS_OF_STATISTICS } from './plants-of-statistics.ts';
import { foundWorld } from './world.ts';

let database: TestDatabase;
const laws = allGuards({ levelsMax: 2, spooled: () => 0 }).filter(({ kind }) => kind === 'law');
const plants = [
  ...PLANTS_OF_ORDERS,
  ...PLANTS_OF_DECISIONS,
  ...PLANTS_OF_BOOKS,
  ...PLANTS_OF_PAYOUTS,
  ...PLANTS_OF_PROGRAMS,
  ...PLANTS_OF_RE_RATINGS,
  ...PLANTS_OF_CAMPAIGNS,
  ...PLANTS_OF_OFFERS,
  ...PLANTS_OF_STATISTICS,
  ...PLANTS_OF_DATABASE,
];

beforeAll(async () => {
  database = await testDatabase();
  await foundWorld(database.owner);
  await bookWorld(database.owner, () => foldAll(database.db));
  await payWorld(database.db, 'cn_labor_service');
});

afterAll(() => database.close());

/** Which of the asked laws are broken. */
async function broken(trx: Transaction<DB>, asked: readonly Guard[]): Promise<string[]> {
  const names: string[] = [];
  for (const law of asked) {
    const { violations, sample } = await askGuard(trx, law);
    expect(sample.length > 0, law.name).toBe(violations > 0);
    if (violations > 0) names.push(law.name);
  }
  return names;
}

test('every law has a violation that is planted for it', () => {
  expect(new Set(plants.map(({ law }) => law))).toEqual(new Set(laws.map(({ name }) => name)));
});

describe('a planted violation is found by its law, and by no other', () => {
  const inTurn = plants.map((plant, turn) => ({ ...plant, turn }));
  test.each(inTurn)('$law: $plant', async ({ law, do: plant, also = [], turn }) => {
    const own = new Set([law, ...also]);
    const others = laws.filter(({ name }) => !own.has(name));
    const asked = [...laws.filter(({ name }) => own.has(name)), ...sampleOf(others, turn)];
    await tampering(database.owner, async (trx) => {
      await plant(trx);
      expect((await broken(trx, asked)).toSorted()).toEqual([...own].toSorted());
    });
  });
});
