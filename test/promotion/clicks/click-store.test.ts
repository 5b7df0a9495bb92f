// Clicks and touches as rows: each once, in the partition of its month, and unchangeable.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { uuidv7 } from '../../../src/platform/uuid.ts';
import { insertClicks, insertTouches, type Click } from '../../../src/promotion/clicks/click-store.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

function click(recordedAt: number, more: Partial<Click> = {}): Click {
  const clickId = uuidv7(recordedAt);
  const identity = uuidv7(recordedAt);
  const touches = [{ identity, clickId, clickedAt: recordedAt }];
  return { clickId, linkCode: 'abcdefghij', merchantId: 'm1', clickedAt: recordedAt, identity, bot: false, touches, ...more };
}

async function partitionOf({ clickId }: Click): Promise<string | undefined> {
  const { rows } = await sql<{ name: string }>`select tableoid::regclass::text as name from click where click_id = ${clickId}`.execute(
    database.db,
  );
  return rows[0]?.name;
}

/** Of the month of a moment, for the current month and those after it. */
const partitionName = (at: number) => `click_${new Date(at).toISOString().slice(0, 7).replaceAll('-', '')}`;
const monthFromNow = (months: number) => Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + months);

test('a click stands in the partition of the month of its id, to the millisecond', async () => {
  for (const at of [monthFromNow(0), monthFromNow(1) - 1, monthFromNow(1), monthFromNow(4) - 1, Date.now()]) {
    const made = click(at);
    await insertClicks(database.db, [made]);
    expect(await partitionOf(made)).toBe(partitionName(at));
  }
});

test('a click of a time for which no partition is made is kept all the same', async () => {
  const [early, late] = [click(monthFromNow(0) - 1), click(monthFromNow(4))];
  await insertClicks(database.db, [early, late]);
  expect(await partitionOf(early)).toBe(`click_until_${partitionName(Date.now()).slice('click_'.length)}`);
  expect(await partitionOf(late)).toBe('click_other');
});

test('a click that comes again is written once, with its touches', async () => {
  const [first, second] = [click(Date.now()), click(Date.now())];
  expect(await insertClicks(database.db, [first])).toEqual([first]);
  expect(await insertClicks(database.db, [first, second, second])).toEqual([second]);
  const touches = await database.db.selectFrom('touch').selectAll().where('click_id', 'in', [first.clickId, second.clickId]).execute();
  expect(touches).toHaveLength(2);
  expect(await insertTouches(database.db, first.touches)).toBe(0);
  expect(await insertTouches(database.db, [{ ...first.touches[0]!, identity: second.identity! }])).toBe(1);
});

test('a service cannot change or delete a click, in none of its partitions', async () => {
  const made = click(Date.now());
  await insertClicks(database.db, [made]);
  for (const table of ['click', 'click_other', partitionName(Date.now()), partitionName(monthFromNow(1))]) {
    await expect(sql`update ${sql.table(table)} set bot = true`.execute(database.db)).rejects.toThrow('permission denied');
    await expect(sql`delete from ${sql.table(table)}`.execute(database.db)).rejects.toThrow('permission denied');
  }
});
