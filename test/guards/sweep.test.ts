// The sweep, and how much it says is due.

import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { readDueWork } from '../../src/guards/due-work.ts';
import { sweep } from '../../src/guards/sweep.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { deliver, tellOrder } from './signs.ts';
import { foundWorld, KEY_ID } from './world.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await foundWorld(database.owner);
});

beforeEach(async () => {
  for (const table of ['award_due', 'award', 'order_report', 'orders', 'delivery', 'idempotency_key']) {
    await database.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`delete from ${sql.table(table)}`.execute(trx);
    });
  }
});

afterAll(() => database.close());

/** Awards whose holds ended an hour ago. */
async function endHolds(count: number): Promise<void> {
  await sql`
    with made as (
      insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency_conflict, made_at, changed_at)
      select 'm1', 'shop1', 'o' || n, '{}', 'completed', false, false, now(), now() from generate_series(1, ${count}::integer) as n
      returning order_key, merchant_id
    )
    insert into award (order_key, merchant_id, revision, state, decisions, releases_at, awarded_at)
    select order_key, merchant_id, 1, 'confirmed', '{attributed}', now() - interval '1 hour', now() from made`.execute(database.owner);
}

const answerKeys = (count: number) =>
  sql`insert into idempotency_key (key_id, key, fingerprint, made_at)
    select ${KEY_ID}, 'k' || n, decode(repeat('00', 32), 'hex'), now() - interval '31 days'
    from generate_series(1, ${count}::integer) as n`.execute(database.owner);

const rowsOf = async (table: 'award_due' | 'idempotency_key' | 'stream_ticket' | 'habit_fold') =>
  (await sql`select from ${sql.table(table)}`.execute(database.owner)).rows.length;

async function due(work: string) {
  return (await readDueWork(database.db)).find((one) => one.work === work)!;
}

test('one sweep finds more than one batch of what time has made due', async () => {
  await endHolds(2500);
  await answerKeys(2500);
  await sweep(database.db);
  expect(await rowsOf('award_due')).toBe(2500);
  expect(await rowsOf('idempotency_key')).toBe(0);
});

test('a sweep is bounded: what is left over is found by the next', async () => {
  await answerKeys(11_000);
  await sweep(database.db);
  expect(await rowsOf('idempotency_key')).toBe(1000);
  await sweep(database.db);
  expect(await rowsOf('idempotency_key')).toBe(0);
});

test('the sweep takes tickets that have expired', async () => {
  await sql`
    insert into stream_ticket (hash, key_id, made_at, expires_at)
    select sha256(n::text::bytea), ${KEY_ID}, now() - interval '1 hour', now() + (n - 2) * interval '1 minute'
    from generate_series(1, 3) as n`.execute(database.owner);
  await sweep(database.db);
  expect(await rowsOf('stream_ticket')).toBe(1);
});

test('the sweep learns the habits of sources', async () => {
  await sweep(database.db);
  expect(await rowsOf('habit_fold')).toBe(1);
});

test('how much is due is told for each kind of work, with the age of the oldest', async () => {
  await endHolds(3);
  await answerKeys(2);
  await database.owner.transaction().execute(async (trx) => {
    const waiting = { state: 'received', finished_at: null, reports: null };
    await deliver(trx, 1, waiting);
    await deliver(trx, 2, waiting);
    await deliver(trx, -1, waiting);
    await deliver(trx, 4, { state: 'failed', error: 'unreadable', reports: null });
    await tellOrder(trx, 'due', [{ by: 'shop1', days: 3 }]);
    await sql`insert into award_due select order_key, now() - interval '3 days' from orders where order_id = 'due'`.execute(trx);
  });
  const days = async (work: string) => Math.round((await due(work)).ageSeconds / 86_400);
  expect([(await due('deliveries')).depth, await days('deliveries')]).toEqual([2, 2]);
  expect([(await due('awards')).depth, await days('awards')]).toEqual([1, 3]);
  expect([(await due('holds')).depth, Math.round((await due('holds')).ageSeconds / 3600)]).toEqual([3, 1]);
  expect([(await due('idempotency_keys')).depth, await days('idempotency_keys')]).toEqual([2, 1]);
  expect([(await due('dead_letters')).depth, await days('dead_letters')]).toEqual([1, 4]);
  expect(await due('rechecks')).toEqual({ work: 'rechecks', depth: 0, ageSeconds: 0 });
});

test('what is due is not counted without end', async () => {
  await answerKeys(10_500);
  expect((await due('idempotency_keys')).depth).toBe(10_000);
});
