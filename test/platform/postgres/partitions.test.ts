// Partitions of months: made ahead, and given to what came while there were none.

import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { keepPartitions } from '../../../src/platform/postgres/partitions.ts';
import { uuidv7 } from '../../../src/platform/uuid.ts';
import { insertDelivery } from '../../guards/deliveries.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { monthAgo, nameOf, openPastMonths } from '../months.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.close());

const UNBOUND = /other|until/;
const never = new AbortController().signal;
const keep = () => keepPartitions(database.connectionString, never);

async function namesOf(table: string): Promise<string[]> {
  const { rows } = await sql<{ partition: string }>`select partition from partition_ranges(${table}) order by lower_key`.execute(
    database.db,
  );
  return rows.map(({ partition }) => partition);
}

/** Of what was received at a moment, which partition holds it. */
async function receive(at: Date): Promise<() => Promise<string>> {
  const deliveryId = uuidv7(at.getTime());
  await database.db.transaction().execute((trx) =>
    insertDelivery(trx, {
      delivery_id: deliveryId,
      source_id: 'shop',
      origin: 'push',
      body: Buffer.from(deliveryId),
      body_hash: Buffer.from(deliveryId.replaceAll('-', '').repeat(2), 'hex'),
      headers: '{}',
      received_at: at,
      next_attempt_at: at,
    }),
  );
  return async () =>
    (
      await sql<{ name: string }>`select tableoid::regclass::text as name from delivery where delivery_id = ${deliveryId}`.execute(
        database.db,
      )
    ).rows[0]!.name;
}

test.each(['click', 'touch', 'delivery', 'order_report'])('%s has partitions of this month and of the next three', async (table) => {
  const ahead = [0, -1, -2, -3].map((ago) => `${table}_${nameOf(monthAgo(ago))}`);
  expect(await namesOf(table)).toEqual([...ahead, `${table}_other`, `${table}_until_${nameOf(monthAgo(0))}`].toSorted(byBound));
  expect(await keep()).toEqual([]);
});

/** The default partition and the first one have no lower bound, and come last. */
function byBound(a: string, b: string): number {
  return Number(UNBOUND.test(a)) - Number(UNBOUND.test(b)) || (a < b ? -1 : 1);
}

test('what came for months without partitions gets a range of its own, and its reports with it', async () => {
  await sql`insert into merchant values ('m', now())`.execute(database.owner);
  const partition = await receive(monthAgo(-6));
  expect(await partition()).toBe('delivery_other');
  await sql`with made as (
      insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency_conflict, made_at, changed_at)
      values ('m', 'shop', 'o', '{}', 'created', false, false, now(), now()) returning order_key
    ) insert into order_report select order_key, delivery_id, 0 from made, delivery`.execute(database.db);
  expect(await keep()).toContain('delivery: closed');
  expect(await partition()).toBe(`delivery_until_${nameOf(monthAgo(-7))}`);
  const { rows } = await sql<{ name: string }>`select tableoid::regclass::text as name from order_report`.execute(database.db);
  expect(rows).toEqual([{ name: `order_report_until_${nameOf(monthAgo(-7))}` }]);
  expect(await keep()).toEqual([]);
});

test('each month of reports refers to the deliveries of the same month alone', async () => {
  await openPastMonths(database.owner, 36);
  const { rows } = await sql<{ referring: string; referred: string }>`
    select conrelid::regclass::text as referring, confrelid::regclass::text as referred from pg_constraint
    where conrelid in (select inhrelid from pg_inherits where inhparent = 'order_report'::regclass) and confrelid <> 'orders'::regclass
      and contype = 'f'`.execute(database.owner);
  expect(rows).toHaveLength((await namesOf('order_report')).length);
  for (const { referring, referred } of rows) expect(referred).toMatch(new RegExp(`^${referring.replace('order_report', 'delivery')}$`));
});

test('no service may write into a partition past its table', async () => {
  for (const table of ['click', 'touch', 'delivery', 'order_report']) {
    for (const name of await namesOf(table)) {
      await expect(sql`delete from ${sql.table(name)}`.execute(database.db)).rejects.toThrow('permission denied');
      await expect(sql`truncate ${sql.table(name)}`.execute(database.db)).rejects.toThrow('permission denied');
    }
  }
});

test('whoever ends the worker does not wait for a step that takes long', async () => {
  const ending = new AbortController();
  const held = database.owner.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('fenyong partitions'))`.execute(trx);
    const keeping = keepPartitions(database.connectionString, ending.signal);
    const waiting = () =>
      sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(database.owner);
    await expect.poll(async () => (await waiting()).rows.length).toBe(1);
    ending.abort();
    return keeping;
  });
  expect(await held).toEqual([]);
});
