// Tables that were large before they had partitions of a month are brought there while everything
// goes on: nothing is lost, nobody waits, and it can be cut off anywhere.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

import { sql, type Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { onClient, storeDeliveries, type NewDelivery } from '../../src/inbox/delivery-store.ts';
import { DAY_MS } from '../../src/platform/durations.ts';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import { keepPartitions } from '../../src/platform/postgres/partitions.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { copyClicks, type Click } from '../../src/promotion/clicks/click-store.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
const BEFORE = (await readdir(MIGRATIONS)).filter((file) => file < '0037').toSorted();
const TABLES = ['click', 'touch', 'delivery', 'order_report'];
/** More than are moved within one step. */
const MANY = 12_000;
const thirteenMonthsAgo = Date.now() - 395 * DAY_MS;

/** A database as it was before, with the rows of more than a year. */
async function earlierDatabase(): Promise<TestDatabase> {
  const database = await testDatabase({ migrated: false });
  const provider = {
    getMigrations: async () =>
      Object.fromEntries(
        await Promise.all(
          BEFORE.map(async (file) => {
            const text = await readFile(new URL(file, MIGRATIONS), 'utf8');
            return [file.replace('.sql', ''), { up: async (db: Kysely<unknown>) => void (await sql.raw(text).execute(db)) }] as const;
          }),
        ),
      ),
  };
  const { error } = await new Migrator({ db: database.owner, provider }).migrateToLatest();
  if (error !== undefined) throw error;
  await fill(database.owner);
  return database;
}

/** The id of a moment, so that the nth of a minute is told from the others. */
const idAt = (moment: string, n: string) =>
  sql.raw(`(lpad(to_hex((extract(epoch from ${moment}) * 1000)::bigint), 12, '0') || '7000800000' || lpad(to_hex(${n}), 10, '0'))::uuid`);

/** The worker did not run for some days, so that clicks lie outside of all partitions, too. */
async function fill(owner: Kysely<DB>): Promise<void> {
  const when = `now() - n * interval '48 minutes'`;
  await sql`insert into merchant values ('m', now())`.execute(owner);
  await sql`select make_click_partitions(current_date - 60, 20)`.execute(owner);
  await sql`insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, state, next_attempt_at,
      reports, finished_at)
    select ${idAt(when, 'n')}, 'rest', 'm', 'rest', n::text::bytea, sha256(n::text::bytea), '{}', ${sql.raw(when)}, 'processed', now(), 1, now()
    from generate_series(1, ${MANY}::int) as n`.execute(owner);
  await sql`insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency_conflict, made_at, changed_at)
    select 'm', 'rest', 'o' || n, '{"lines": []}', 'created', false, false, now(), now() from generate_series(1, ${MANY}::int) as n`.execute(
    owner,
  );
  await sql`insert into order_report select row_number() over (), delivery_id, 0 from delivery`.execute(owner);
  await sql`insert into reconciliation (reconciliation_id, source_id, merchant_id, origin, state, made_at)
    values (gen_random_uuid(), 'rest', 'm', 'upload', 'reading', now())`.execute(owner);
  await sql`insert into reconciled_order select reconciliation_id, 'm', 'o' || row_number() over (), 'known', delivery_id
    from reconciliation, (select delivery_id from delivery order by delivery_id limit 100) as old`.execute(owner);
  await sql`insert into click select ${idAt(when, 'n')}, 'code', ${sql.raw(when)}, null, false from generate_series(1, ${MANY}::int) as n`.execute(
    owner,
  );
  await sql`insert into touch select gen_random_uuid(), clicked_at, click_id from click`.execute(owner);
}

/** What the tables hold, as one sum for each. */
async function sums(owner: Kysely<DB>): Promise<Record<string, string>> {
  const selects = TABLES.map(
    (table) =>
      sql`select ${sql.lit(table)} as name, count(*) || ' ' || sum(hashtextextended((to_jsonb(t) - 'recorded_xid')::text, 0)) as sum
        from ${sql.table(table)} t`,
  );
  const { rows } = await sql<{ name: string; sum: string }>`${sql.join(selects, sql` union all `)}`.execute(owner);
  return Object.fromEntries(rows.map(({ name, sum }) => [name, sum]));
}

interface Range {
  partition: string;
  lower_key: string | null;
  upper_key: string | null;
  is_default: boolean;
}

async function rangesOf(owner: Kysely<DB>, table: string): Promise<Range[]> {
  return (await sql<Range>`select partition, lower_key, upper_key, is_default from partition_ranges(${table})`.execute(owner)).rows;
}

const never = new AbortController().signal;

function delivery(body: string, at = Date.now()): NewDelivery {
  const bytes = Buffer.from(body);
  return {
    deliveryId: uuidv7(at),
    sourceId: 'rest',
    merchantId: 'm',
    origin: 'rest',
    body: bytes,
    bodyHash: createHash('sha256').update(bytes).digest(),
    signedId: null,
    headers: {},
  };
}

const withClient = async <T>(database: TestDatabase, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client({ connectionString: database.connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

const store = (database: TestDatabase, told: NewDelivery[]) => withClient(database, (client) => storeDeliveries(onClient(client), told));

/** Writes clicks as the redirect does until it is ended, and tells how long one waited at most. */
function streamOfClicks(database: TestDatabase): { end: () => Promise<{ clicks: Click[]; longestMs: number }> } {
  const ending = new AbortController();
  const running = withClient(database, async (client) => {
    const clicks: Click[] = [];
    let longestMs = 0;
    while (!ending.signal.aborted) {
      const clickId = uuidv7(Date.now());
      const touches = [{ identity: uuidv7(Date.now()), clickId, clickedAt: Date.now() }];
      const click = { clickId, linkCode: 'code', merchantId: 'm', clickedAt: Date.now(), identity: null, bot: false, touches };
      const started = performance.now();
      await copyClicks(client, [click]);
      longestMs = Math.max(longestMs, performance.now() - started);
      clicks.push(click);
    }
    return { clicks, longestMs };
  });
  return {
    end: async () => {
      ending.abort();
      return running;
    },
  };
}

/** How a process of the version before stores a delivery; whether it was new. */
async function storeAsBefore(database: TestDatabase, { deliveryId, body, bodyHash }: NewDelivery): Promise<boolean> {
  const { rows } = await withClient(database, (client) =>
    client.query(
      `insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, signed_id, headers, received_at, next_attempt_at)
      select *, now(), now() from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::jsonb[])
      on conflict on constraint delivery_once do nothing returning delivery_id`,
      [[deliveryId], ['rest'], ['m'], ['rest'], [body], [bodyHash], [null], ['{}']],
    ),
  );
  return rows.length > 0;
}

describe('large tables of before', () => {
  let database: TestDatabase;
  let before: Record<string, string>;

  beforeAll(async () => {
    database = await earlierDatabase();
    before = await sums(database.owner);
  });
  afterAll(() => database.close());

  test('migrating reads none of them, and no click waits for a second', async () => {
    const stream = streamOfClicks(database);
    await migrate(database.connectionString);
    const { clicks, longestMs } = await stream.end();
    expect(clicks.length).toBeGreaterThan(0);
    expect(longestMs).toBeLessThan(1000);
    for (const table of ['touch', 'delivery', 'order_report']) {
      expect(await rangesOf(database.owner, table)).toMatchObject([{ partition: `${table}_other`, is_default: true }]);
    }
    await sql`delete from touch where click_id = any(${clicks.map((click) => click.clickId)}::uuid[])`.execute(database.owner);
    await sql`delete from click where click_id = any(${clicks.map((click) => click.clickId)}::uuid[])`.execute(database.owner);
    expect(await sums(database.owner)).toEqual(before);
  });

  test('processes of the version before go on, and none of their doubles is kept', async () => {
    const [fresh, older] = [delivery('told by the version before'), delivery('7')];
    expect(await storeAsBefore(database, fresh)).toBe(true);
    expect(await storeAsBefore(database, { ...fresh, deliveryId: uuidv7(Date.now()) })).toBe(false);
    expect(await storeAsBefore(database, older)).toBe(false);
    expect(await store(database, [delivery('told by the version before')])).toEqual([fresh.deliveryId]);
    const [ours] = [delivery('told by this version')];
    expect(await store(database, [ours])).toEqual([ours.deliveryId]);
    expect(await storeAsBefore(database, delivery('told by this version'))).toBe(false);
    await sql`delete from delivery where delivery_id in (${fresh.deliveryId}, ${ours.deliveryId})`.execute(database.owner);
    expect(await sums(database.owner)).toEqual(before);
  });

  test('a table that stays locked is left alone, and no click waits for a second', async () => {
    await withClient(database, async (reader) => {
      await reader.query('begin');
      await reader.query('lock table only click in access share mode');
      const stream = streamOfClicks(database);
      const steps = await keepPartitions(database.connectionString, never);
      expect(steps.length).toBeGreaterThan(0);
      expect(steps.filter((step) => step.endsWith('grouped'))).toEqual([]);
      expect((await stream.end()).longestMs).toBeLessThan(1000);
      await reader.query('rollback');
    });
    await sql`delete from touch where clicked_at > now() - interval '5 minutes'`.execute(database.owner);
    await sql`delete from click where clicked_at > now() - interval '5 minutes'`.execute(database.owner);
    expect(await sums(database.owner)).toEqual(before);
  });

  test('a step that is cut off has changed nothing', async () => {
    const kept = await Promise.all(TABLES.map((table) => rangesOf(database.owner, table)));
    const away = new Error('cut off');
    const cutOff = database.owner.transaction().execute(async (trx) => {
      expect((await sql<{ step: string }>`select keep_partitions(3) as step`.execute(trx)).rows[0]!.step).not.toBeNull();
      throw away;
    });
    await expect(cutOff).rejects.toBe(away);
    expect(await Promise.all(TABLES.map((table) => rangesOf(database.owner, table)))).toEqual(kept);
    expect(await sums(database.owner)).toEqual(before);
  });

  test('step by step all is brought into ranges without a gap, while clicks go on', async () => {
    const stream = streamOfClicks(database);
    const steps = await keepPartitions(database.connectionString, never);
    const { clicks, longestMs } = await stream.end();
    expect(longestMs).toBeLessThan(1000);
    expect(steps).toEqual(expect.arrayContaining(['delivery: bounded', 'delivery: compared', 'delivery: closed', 'known_body: filled']));
    for (const table of TABLES) {
      const ranges = (await rangesOf(database.owner, table)).filter(({ is_default }) => !is_default);
      expect(ranges[0]!.lower_key).toBeNull();
      expect(ranges.slice(1).map(({ lower_key }) => lower_key)).toEqual(ranges.slice(0, -1).map(({ upper_key }) => upper_key));
      const { rows } = await sql`select from ${sql.table(`${table}_other`)} limit 1`.execute(database.owner);
      expect(rows, table).toEqual([]);
    }
    const written = await sql`select from click where click_id = any(${clicks.map((click) => click.clickId)}::uuid[])`.execute(
      database.owner,
    );
    expect(written.rows).toHaveLength(clicks.length);
    await sql`delete from touch where click_id = any(${clicks.map((click) => click.clickId)}::uuid[])`.execute(database.owner);
    await sql`delete from click where click_id = any(${clicks.map((click) => click.clickId)}::uuid[])`.execute(database.owner);
    expect(await sums(database.owner)).toEqual(before);
    expect(await keepPartitions(database.connectionString, never)).toEqual([]);
    const numbers = await sql`select indisvalid from pg_index where indexrelid = 'click_numbers'::regclass`.execute(database.owner);
    expect(numbers.rows).toEqual([{ indisvalid: true }]);
  });

  test('a month of clicks is one partition, of which its days are parts', async () => {
    const names = (await rangesOf(database.owner, 'click')).map(({ partition }) => partition);
    expect(names.filter((name) => /^click_\d{8}$/.test(name))).toEqual([]);
    const month = `click_${new Date().toISOString().slice(0, 7).replace('-', '')}`;
    expect(names).toContain(month);
    expect((await rangesOf(database.owner, month)).length).toBeGreaterThan(1);
  });

  test('reports and reconciliations refer to deliveries as before', async () => {
    const gone = uuidv7(Date.now());
    const reports = sql`insert into order_report select order_key, ${gone}::uuid, 0 from orders limit 1`.execute(database.owner);
    await expect(reports).rejects.toThrow('violates foreign key constraint "order_report_');
    const reconciled =
      sql`insert into reconciled_order select reconciliation_id, 'm', 'x', 'known', ${gone}::uuid from reconciliation`.execute(
        database.owner,
      );
    await expect(reconciled).rejects.toThrow('violates foreign key constraint "reconciled_order_delivery"');
    const old = sql`delete from delivery where delivery_id in (select delivery_id from reconciled_order)`.execute(database.owner);
    await expect(old).rejects.toThrow('violates foreign key constraint');
    const { rows: loose } = await sql<{ conname: string }>`
      select conname from pg_constraint where contype = 'f' and not convalidated and conparentid = 0`.execute(database.owner);
    expect(loose).toEqual([]);
  });

  test('a body that was sent thirteen months ago is a double, and is the delivery of then', async () => {
    const { rows } = await sql<{ delivery_id: string; body: Buffer }>`
      select delivery_id, body from delivery where received_at < ${new Date(thirteenMonthsAgo)} order by received_at desc limit 1`.execute(
      database.owner,
    );
    const then = rows[0]!;
    expect(await store(database, [delivery(then.body.toString())])).toEqual([then.delivery_id]);
    expect(await sums(database.owner)).toEqual(before);
  });

  test('once no more come to the partition of before, its own index of bodies goes, and doubles are known all the same', async () => {
    const old = (await rangesOf(database.owner, 'delivery')).find(({ lower_key: lower, is_default: other }) => lower === null && !other)!;
    await sql`select forget_unlisted_bodies(${old.partition})`.execute(database.owner);
    const { rows } = await sql<{ delivery_id: string }>`select delivery_id from delivery where body = '7'`.execute(database.owner);
    expect(await store(database, [delivery('7')])).toEqual([rows[0]!.delivery_id]);
  });
});
