// The types of the tables are what the migrated database says they are. UPDATE=1 writes them anew.

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { generate, getDialect } from 'kysely-codegen';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { testDatabase, type TestDatabase } from '../../harness.ts';

const TABLES = fileURLToPath(new URL('../../../src/platform/postgres/tables.ts', import.meta.url));

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database.close());

/**
 * As kysely-codegen writes them: without the partitions, which come and go, and
 * without the queue's own schema.
 */
async function typesOf(connectionString: string): Promise<string> {
  const dialect = getDialect('postgres');
  const db = await dialect.introspector.connect({ connectionString, dialect });
  try {
    return await generate({
      db,
      dialect,
      outFile: null,
      includePattern: 'public.*',
      excludePattern: '(click|touch|delivery|order_report)_{other,until,2}*',
      typeMapping: { int8: 'bigint' },
    });
  } finally {
    await db.destroy();
  }
}

test('the types of the tables are those of the migrated database', async () => {
  const made = await typesOf(database.ownerConnectionString);
  if (process.env['UPDATE'] === '1') await writeFile(TABLES, made);
  expect(await readFile(TABLES, 'utf8'), 'UPDATE=1 npx vitest run test/platform/postgres/tables.test.ts writes them anew').toBe(made);
});
