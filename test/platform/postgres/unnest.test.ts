import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { unnestOf } from '../../../src/platform/postgres/unnest.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';

interface Thing {
  key: bigint | null;
  count: number | null;
  level: number | null;
  word: string | null;
  id: string | null;
  isOld: boolean | null;
  at: Date | null;
  told: unknown;
}

const NOTHING: Thing = { key: null, count: null, level: null, word: null, id: null, isOld: null, at: null, told: null };
const AT = new Date('2026-06-01T10:05:00.123Z');
const ID = '01900000-0000-7000-8000-000000000001';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase({ migrated: false });
});
afterAll(() => database.close());

async function read(things: readonly Thing[]) {
  const told = unnestOf(
    things,
    {
      order_key: ['bigint', (one) => one.key],
      count: ['int', (one) => one.count],
      level: ['smallint', (one) => one.level],
      word: ['text', (one) => one.word],
      id: ['uuid', (one) => one.id],
      is_old: ['boolean', (one) => one.isOld],
      at: ['timestamptz', (one) => one.at],
      told: ['jsonb', (one) => one.told],
    },
    'given',
  );
  const { rows } = await sql<object>`
    select order_key::text, count, level, word, id, is_old, at, told::text, pg_typeof(order_key)::text as type from ${told}`.execute(
    database.db,
  );
  return rows;
}

test('every type is read as it was given, a bigint to its last digit, in the order of the rows', async () => {
  const word = 'a,b {"} \\ NULL \n 分';
  const full = { key: 9223372036854775807n, count: -1, level: 7, word, id: ID, isOld: true, at: AT, told: { word, list: [1, null] } };
  expect(await read([full, { ...full, key: -1n, isOld: false, word: 'NULL', told: 'text' }])).toEqual([
    {
      order_key: '9223372036854775807',
      count: -1,
      level: 7,
      word,
      id: ID,
      is_old: true,
      at: AT,
      told: expect.stringContaining('"list": [1, null]') as string,
      type: 'bigint',
    },
    expect.objectContaining({ order_key: '-1', is_old: false, word: 'NULL', told: '"text"' }) as object,
  ]);
});

test('null is null in every type, also as JSON', async () => {
  const empty = { order_key: null, count: null, level: null, word: null, id: null, is_old: null, at: null, told: null };
  expect(await read([NOTHING, { ...NOTHING, told: undefined }])).toEqual([1, 2].map(() => ({ ...empty, type: 'bigint' })));
});

test('no rows are an empty table of the same columns', async () => {
  expect(await read([])).toEqual([]);
});
