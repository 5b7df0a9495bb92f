// What earlier versions have made, brought up to date: nothing of it may read otherwise afterwards,
// and it goes on.

import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

import { sql, type Kysely, type Transaction } from 'kysely';
import { Migrator } from 'kysely/migration';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { auditCommand } from '../../src/audit/commands.ts';
import { openGround, type Ground } from '../../src/ground.ts';
import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { readConfig } from '../../src/platform/process/config.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { testDatabase, testLog, type TestDatabase } from '../harness.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';
import { recordingOf, type Answers, type Recording } from './recording.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
const NAMES = (await readdir(new URL('.', import.meta.url))).flatMap((file) => /^(.*)\.json\.gz$/.exec(file)?.[1] ?? []).toSorted();
const laws = allGuards({ levelsMax: 2, spooled: () => 0 }).filter(({ kind }) => kind === 'law');

/**
 * The database as that version had it: made by the migrations that it had run, and filled with its
 * rows.
 */
async function restore(owner: Kysely<DB>, { migrations, tables }: Recording): Promise<void> {
  const provider = {
    getMigrations: async () =>
      Object.fromEntries(
        await Promise.all(
          migrations.map(async (name) => {
            const text = await readFile(new URL(`${name}.sql`, MIGRATIONS), 'utf8');
            return [name, { up: async (db: Kysely<unknown>) => void (await sql.raw(text).execute(db)) }] as const;
          }),
        ),
      ),
  };
  const { error } = await new Migrator({ db: owner, provider }).migrateToLatest();
  if (error !== undefined) throw error;
  await owner.transaction().execute(async (trx) => {
    // As a restore of a dump does: what refers to each other comes in any order, and no trigger
    // judges it again.
    await sql`set local session_replication_role = replica`.execute(trx);
    for (const [table, rows] of Object.entries(tables)) {
      await sql`delete from ${sql.table(table)}`.execute(trx);
      await sql`
        insert into ${sql.table(table)} overriding system value
        select * from json_populate_recordset(null::${sql.table(table)}, ${rows}::json)`.execute(trx);
    }
    await continueCounts(trx);
  });
}

async function continueCounts(trx: Transaction<DB>): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select attrelid::regclass::text as table, attname::text as column from pg_attribute join pg_class on pg_class.oid = attrelid
    where attidentity <> '' and relnamespace = 'public'::regnamespace and relkind = 'r'`.execute(trx);
  for (const { table, column } of rows) {
    await sql`select setval(pg_get_serial_sequence(${table}, ${column}), coalesce(max(${sql.ref(column)}), 0) + 1, false)
      from ${sql.table(table)}`.execute(trx);
  }
}

describe.each(NAMES)('what was made by the version %s', (name) => {
  let database: TestDatabase;
  let ground: Ground;
  let service: Service;
  let recorded: Recording;

  beforeAll(async () => {
    recorded = JSON.parse(gunzipSync(await readFile(fileURLToPath(recordingOf(name)))).toString('utf8')) as Recording;
    database = await testDatabase({ migrated: false });
    await restore(database.owner, recorded);
    // As a process of a fleet is started: with nothing but what the old installation has.
    const config = readConfig({ DATABASE_URL: database.connectionString, DATA_DIR: '/nonexistent' });
    ground = await openGround(config, testLog, { mayMakeSecrets: false });
    service = await openService({ works: false, listens: false, database, secrets: ground });
  });
  afterAll(async () => {
    await service?.close();
    await ground?.close();
  });

  const get = async <Answer>(url: string): Promise<Answer> => {
    const answer = await service.app.inject({ url, headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect(answer.statusCode, `${url}: ${answer.payload}`).toBe(200);
    return answer.json() as Answer;
  };

  const balanceOf = async (promoterId: string) => (await get<{ data: object[] }>(`/v1/promoters/${promoterId}/balance`)).data;

  /** The differences that audit finds. */
  async function differences(): Promise<string[]> {
    let printed = '';
    await auditCommand({ ...ground, adapters: ADAPTERS, levelsMax: 2 }, (text) => (printed += text));
    expect(printed).toMatch(/\n(all agrees|\d+ differences)\n$/);
    return printed.split('\n').filter((line) => line.includes('\texpected '));
  }

  test('orders, balances and the book read as they did', async () => {
    const { orders, balances, trialBalance } = recorded.answers;
    expect(orders.length).toBeGreaterThan(10);
    for (const order of orders) {
      const { source_id, order_id, merchant_id } = order;
      const now = await get<object>(`/v1/orders/${source_id}/${encodeURIComponent(order_id)}?merchant_id=${merchant_id}`);
      expect(now, order_id).toMatchObject(order);
    }
    for (const [promoterId, then] of Object.entries(balances)) expect(await balanceOf(promoterId), promoterId).toEqual(then);
    expect((await get<{ data: object[] }>('/v1/ledger/trial-balance')).data).toEqual(trialBalance);
  });

  test('audit agrees', async () => {
    expect(await differences()).toEqual([]);
  });

  test('it goes on: what is reported now is merged and awarded, every law holds, and audit agrees again', async () => {
    await service.close();
    const again = await reopened(recorded.answers);
    database = again.database;
    service = again.service;
    for (const law of laws) expect(await askGuard(database.db, law), law.name).toEqual({ violations: 0, sample: [] });
    expect(await differences()).toEqual([]);
  });

  /**
   * The same data once more, with a worker; an old order is refunded and a new one comes for the
   * same link.
   */
  async function reopened({ orders }: Answers): Promise<{ database: TestDatabase; service: Service }> {
    const fresh = await testDatabase({ migrated: false });
    await restore(fresh.owner, recorded);
    const config = readConfig({ DATABASE_URL: fresh.connectionString, DATA_DIR: '/nonexistent' });
    await ground.close();
    ground = await openGround(config, testLog, { mayMakeSecrets: false });
    const working = await openService({ works: true, listens: false, database: fresh, secrets: ground });
    const post = async (payload: object) => {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      const answer = await working.app.inject({ method: 'POST', url: '/v1/orders', headers, payload });
      expect(answer.statusCode, answer.payload).toBe(202);
    };
    const read = async (orderId: string) =>
      (
        await working.app.inject({ url: `/v1/orders/rest/${orderId}?merchant_id=old`, headers: { authorization: `Bearer ${ADMIN_KEY}` } })
      ).json();
    expect(orders).toContainEqual(expect.objectContaining({ order_id: 'o-2' }));
    await post({ merchant_id: 'old', order_id: 'o-2', refunds: [{ refund_id: 'now', amount: 9999 }] });
    await post({
      merchant_id: 'old',
      order_id: 'new',
      status: 'paid',
      currency: 'CNY',
      promoter_id: 'ben',
      lines: [{ line_id: '1', paid_amount: 1000 }],
    });
    await expect.poll(() => read('o-2'), { timeout: 60_000 }).toMatchObject({ award: 'void', lines: [{ refunded_amount: 9999, pool: 0 }] });
    await expect.poll(() => read('new'), { timeout: 60_000 }).toMatchObject({ award: 'estimated', lines: [{ pool: 123 }] });
    await expect.poll(async () => (await sql`select from award_due`.execute(fresh.owner)).rows.length, { timeout: 60_000 }).toBe(0);
    await working.stopWork();
    return { database: fresh, service: working };
  }
});
