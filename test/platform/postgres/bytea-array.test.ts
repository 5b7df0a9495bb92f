// Byte strings reach PostgreSQL as they are.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client } from 'pg';

import { byteaArray } from '../../../src/platform/postgres/bytea-array.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await testDatabase({ migrated: false });
  client = new Client({ connectionString: database.connectionString });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.close();
});

test.each([
  ['none', []],
  ['an empty one', [Buffer.alloc(0)]],
  ['every byte', [Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), Buffer.from('NULL'), Buffer.from('{"a\\"}')]],
])('%s comes back in its order', async (_name, elements) => {
  const { rows } = await client.query<{ element: Buffer }>(
    'select element from unnest($1::bytea[]) with ordinality as told (element, at) order by at',
    [byteaArray(elements)],
  );
  expect(rows.map((row) => row.element.toString('hex'))).toEqual(elements.map((element) => element.toString('hex')));
});
