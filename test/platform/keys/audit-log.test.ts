import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { listChanges, recordChanges, type Change } from '../../../src/platform/keys/audit-log.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { testDatabase } from '../../harness.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
const nobody = { subjectKind: null, subjectId: null, from: null, to: null };

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database.close());

function change(subjectId: string, now: Date): Change {
  return { actor: null, now, action: 'rule_ended', subjectKind: 'rule', subjectId, before: { rate: 2n ** 60n }, after: null };
}

test('changes stand in their order, with every digit of what was before', async () => {
  await inTransaction(database.db, ({ trx, now }) => recordChanges(trx, [change('a', now), change('b', now)]));
  const rows = await listChanges(database.db, nobody, { limit: 10, before: null });
  expect(rows.map((row) => [row.subject_id, row.after])).toEqual([
    ['b', null],
    ['a', null],
  ]);
  const { rows: exact } = await sql<{ rate: string }>`select before ->> 'rate' as rate from audit_log`.execute(database.db);
  expect(exact).toEqual([{ rate: '1152921504606846976' }, { rate: '1152921504606846976' }]);
});

test('a change that is rolled back was never recorded', async () => {
  const before = await listChanges(database.db, nobody, { limit: 10, before: null });
  const failing = inTransaction(database.db, async ({ trx, now }) => {
    await recordChanges(trx, [change('c', now)]);
    throw new Error('the change failed');
  });
  await expect(failing).rejects.toThrow('the change failed');
  expect(await listChanges(database.db, nobody, { limit: 10, before: null })).toEqual(before);
});

test('no row is ever changed: not by the application, and not by the owner', async () => {
  const attempts = ['update audit_log set action = action', 'delete from audit_log', 'truncate audit_log'];
  for (const attempt of attempts) {
    await expect(sql.raw(attempt).execute(database.db)).rejects.toThrow('permission denied');
    await expect(sql.raw(attempt).execute(database.owner)).rejects.toThrow('rows of audit_log are never changed');
  }
});
