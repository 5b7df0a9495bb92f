// A master key that is rotated: what the old one sealed is sealed by the new one, at its own place,
// and the old one is needed no more.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { reseal, type SealedColumn } from '../../../src/platform/keys/reseal.ts';
import { masterKeys, open, seal } from '../../../src/platform/keys/secrets.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';

const OLD = 'the first master key of them all';
const NEW = 'the second master key of them all';
/** More than one batch. */
const SOURCES = 250;

const sources: SealedColumn = { table: 'source', ids: ['source_id'], column: 'secrets', placeOf: (id) => `source|${id}` };
const tokens: SealedColumn = {
  table: 'pull_token',
  ids: ['source_id', 'name'],
  column: 'sealed',
  placeOf: (id, name) => `token|${id}|${name}`,
};

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  const old = masterKeys([OLD]);
  for (let at = 0; at < SOURCES; at++) {
    const id = `s${at}`;
    const sealed = at % 10 === 0 ? null : seal(old, `secret of ${id}`, `source|${id}`);
    await sql`
      insert into source (source_id, kind, secrets, secrets_set, options, made_at, changed_at)
      values (${id}, 'standard-webhooks', ${sealed}, '{}', '{}', now(), now())`.execute(database.owner);
  }
  for (const name of ['a', 'b']) {
    await sql`
      insert into pull_token (source_id, name, sealed, expires_at)
      values ('s1', ${name}, ${seal(old, `token ${name}`, `token|s1|${name}`)}, now())`.execute(database.owner);
  }
});

afterAll(() => database.close());

test('everything is sealed by the new key, once, and each change is written down without a secret', async () => {
  const both = masterKeys([NEW, OLD]);
  expect(await reseal(database.db, both, [sources, tokens])).toEqual([
    { table: 'source', resealed: 225, kept: 0 },
    { table: 'pull_token', resealed: 2, kept: 0 },
  ]);
  const { rows } = await sql<{ id: string; sealed: Buffer | null }>`select source_id as id, secrets as sealed from source`.execute(
    database.owner,
  );
  for (const { id, sealed } of rows) {
    if (sealed !== null) expect(open(masterKeys([NEW]), sealed, `source|${id}`)).toBe(`secret of ${id}`);
  }
  expect(rows.filter(({ sealed }) => sealed === null)).toHaveLength(25);

  expect(await reseal(database.db, both, [sources, tokens])).toEqual([
    { table: 'source', resealed: 0, kept: 225 },
    { table: 'pull_token', resealed: 0, kept: 2 },
  ]);
  const audit = await database.owner.selectFrom('audit_log').selectAll().where('action', '=', 'secrets_resealed').execute();
  expect(audit).toHaveLength(227);
  expect(JSON.stringify(audit, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).not.toContain('secret of');
});

test('a text that none of the keys opens ends it, and is left as it is', async () => {
  const stranger = masterKeys(['a key that has sealed nothing here']);
  await expect(reseal(database.db, stranger, [tokens])).rejects.toThrow('is not among SECRETS_KEY');
  expect((await reseal(database.db, masterKeys([NEW]), [tokens]))[0]).toMatchObject({ kept: 2 });
});
