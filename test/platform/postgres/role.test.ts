// Whom the service acts as, on every PostgreSQL that is promised, whatever its login may do there.

import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { allGuards } from '../../../src/guards/catalogue.ts';
import { askGuard } from '../../../src/guards/check.ts';
import { migrate, migrateQueue } from '../../../src/platform/postgres/migrate.ts';
import { cureOf, rightsIn, roleStandingOf, withoutRole } from '../../../src/platform/postgres/role.ts';
import { StartFailure } from '../../../src/platform/process/start-failure.ts';
import { opened, type TestDatabase } from '../../harness.ts';
import { MAJORS, startMajor, type Server } from '../../majors.ts';
import { ADMIN_KEY, openService } from '../../running.ts';
import { errorOf, run } from '../answers.ts';

const MIGRATIONS = fileURLToPath(new URL('../../../migrations/', import.meta.url));
const guards = allGuards({ levelsMax: 2, spooled: () => 0 });

/** What the right to the privileges of the application is asked of. */
const PRIVILEGES = `
  select relname::text as name, attname::text as column, privilege_type as privilege from pg_class
  left join lateral (
    select attname, privilege_type, grantee from pg_attribute, aclexplode(attacl) where attrelid = pg_class.oid
    union all select null, privilege_type, grantee from aclexplode(relacl)
  ) as given on true
  join pg_roles on pg_roles.oid = grantee and rolname = 'fenyong_app'
  where relnamespace = 'public'::regnamespace order by 1, 2 nulls first, 3`;

const KEPT_OF_DELIVERIES = `
  select attname::text as name from pg_attribute where attrelid = 'delivery'::regclass and attnum > 0 and not attisdropped
    and not has_column_privilege('fenyong_app', attrelid, attnum, 'update') order by attnum`;
const PROOF = [
  'delivery_id',
  'source_id',
  'merchant_id',
  'origin',
  'body',
  'body_hash',
  'signed_id',
  'headers',
  'received_at',
  'content_hashes',
  'redacted_at',
];

async function statements(url: string, ...texts: string[]): Promise<void> {
  const client = new Client(url);
  await client.connect();
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
}

/** A database of its own for a login of these rights; both have one name. */
async function databaseFor(server: Server, name: string, rights: string): Promise<TestDatabase> {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  await statements(server.url, `create role ${quoted} login password 'secret' ${rights}`, `create database ${quoted} owner ${quoted}`);
  const [superuser, url] = [new URL(server.url), new URL(server.url)];
  superuser.pathname = url.pathname = name;
  [url.username, url.password] = [name, 'secret'];
  return opened(url.href, superuser.href, async () => undefined);
}

/** An order, from a link to its commission, on this database. */
async function earn(database: TestDatabase): Promise<void> {
  await migrateQueue(database.connectionString);
  const service = await openService({ works: true, listens: false, database });
  const call = async (method: 'GET' | 'PUT' | 'POST', url: string, payload: object = {}) => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    const answer = await service.app.inject({ method, url, headers, ...(method !== 'GET' && { payload }) });
    expect(answer.statusCode, answer.payload).toBeLessThan(300);
    return answer.json() as Record<string, unknown>;
  };
  try {
    await call('PUT', '/v1/merchants/m1', { name: 'M', currency: 'CNY', landing_hosts: ['m.example.com'], hold_days: 0 });
    await call('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person' });
    await call('POST', '/v1/rules', {
      name: 'r',
      scope: {},
      plan: { rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
    });
    const { code } = await call('POST', '/v1/links', { promoter_id: 'bob', merchant_id: 'm1', landing_url: 'https://m.example.com/' });
    const lines = [{ line_id: '1', quantity: 1, paid_amount: 9999 }];
    const report = { merchant_id: 'm1', order_id: 'o1', status: 'completed', currency: 'CNY', link_code: code, lines };
    await call('POST', '/v1/orders', report);
    const award = async () =>
      (await service.app.inject({ url: '/v1/orders/rest/o1', headers: { authorization: `Bearer ${ADMIN_KEY}` } })).json();
    await expect.poll(award, { timeout: 20_000 }).toMatchObject({ award: 'released', totals: [{ promoter_id: 'bob', amount: 999 }] });
    for (const guard of guards) expect(await askGuard(database.db, guard), guard.name).toEqual({ violations: 0, sample: [] });
  } finally {
    await service.close();
  }
}

describe.each(MAJORS)('on PostgreSQL $major', ({ major, isHere }) => {
  let server: Server;
  beforeAll(async () => {
    if (isHere) server = await startMajor(major);
  });
  afterAll(() => server?.stop());

  test.skipIf(!isHere)(
    'a plain owner works as itself, and the triggers refuse what the role could not have done',
    async () => {
      const database = await databaseFor(server, 'plain "owner', '');
      const { db, connectionString } = database;
      expect(await migrate(connectionString)).not.toEqual([]);
      expect(await migrate(connectionString)).toEqual([]);
      expect(await run(db, 'select current_user as role')).toEqual([{ role: 'plain "owner' }]);
      const standing = await roleStandingOf(db);
      expect(cureOf(standing)).toMatch(/^create role fenyong_app nologin; grant fenyong_app to "plain ""owner"/);
      await sql`insert into merchant (merchant_id, made_at) values ('m0', now())`.execute(db);
      await sql`
      insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, next_attempt_at, state, finished_at)
      select gen_random_uuid(), 'rest', 'm0', 'rest', 'x', sha256('x'), '{}', now(), now(), 'processed', now()`.execute(db);
      const proof = await errorOf(run(db, `update delivery set body = 'y'`));
      expect(proof).toMatchObject({ message: expect.stringMatching(/^rows of delivery\w* are never changed$/) });
      const redacted = await run(db, `select redact_delivery(delivery_id, 'erased', '{}', null) as done from delivery`);
      expect([redacted, await run(db, `select body = 'erased' as is_redacted from delivery`)]).toEqual([
        [{ done: null }],
        [{ is_redacted: true }],
      ]);
      await run(db, `delete from delivery`);
      await earn(database);
    },
    60_000,
  );

  test.skipIf(!isHere)(
    'an owner who may make roles acts as one that owns nothing',
    async () => {
      const database = await databaseFor(server, 'maker', 'createrole');
      await Promise.all([1, 2, 3].map(() => migrate(database.connectionString)));
      expect(await run(database.db, 'select current_user as role')).toEqual([{ role: 'fenyong_app' }]);
      await earn(database);
      const { db, owner, close } = opened(database.connectionString, database.connectionString, async () => undefined);
      for (const change of [
        'update transfer set amount = 1',
        `update delivery set body = ''`,
        'delete from decision',
        'create table mine ()',
      ]) {
        expect(await errorOf(run(db, change)), change).toMatchObject({ code: '42501' });
      }
      // Whoever gives deliveries a further column decides here whether the application may change
      // it.
      expect((await run(owner, KEPT_OF_DELIVERIES)).map(({ name }) => name)).toEqual(PROOF);
      const refused = await errorOf(run(owner, 'update transfer set amount = 1'));
      expect(refused).toMatchObject({ message: 'rows of transfer are never changed' });
      await close();
    },
    60_000,
  );

  test.skipIf(!isHere)('a role that comes later has the very privileges of one that was there from the first', async () => {
    // The role was made by the test before, and nobody may give it to this one.
    const late = await databaseFor(server, 'late', '');
    await migrate(late.connectionString);
    expect(await run(late.db, 'select current_user as role')).toEqual([{ role: 'late' }]);
    await late.close();

    await statements(server.url, cureOf({ ...(await cured(server)), login: 'late' }));
    expect(await migrate(late.connectionString)).toEqual([]);
    const again = opened(late.connectionString, late.ownerConnectionString, async () => undefined);
    expect(await run(again.db, 'select current_user as role')).toEqual([{ role: 'fenyong_app' }]);
    const first = await databaseFor(server, 'first', 'superuser');
    await migrate(first.connectionString);
    expect(await run(again.owner, PRIVILEGES)).toEqual(await run(first.owner, PRIVILEGES));
    await Promise.all([again.close(), first.close()]);
  });

  test.skipIf(!isHere)(
    'a login that neither owns the tables nor may take the role is refused with the statement that lets it',
    async () => {
      const database = await databaseFor(server, 'owning', 'superuser');
      await migrate(database.connectionString);
      await statements(database.ownerConnectionString, `create role stranger login password 'secret'`);
      const url = new URL(database.connectionString);
      url.username = 'stranger';
      const stranger = opened(url.href, database.ownerConnectionString, async () => undefined);
      const error = await errorOf(run(stranger.db, 'select 1'));
      expect(error).toMatchObject({ hint: 'Let an administrator run: grant fenyong_app to stranger' });
      await Promise.all([stranger.close(), database.close()]);
    },
  );

  test.skipIf(!isHere)('a login that may make no tables, or no schema, is told the statement that lets it', async () => {
    const owner = await databaseFor(server, 'landlord', '');
    await statements(server.url, `create role guest login password 'secret'`);
    await statements(owner.ownerConnectionString, 'revoke create on schema public from public');
    const url = new URL(owner.connectionString);
    url.username = 'guest';
    const error = await errorOf(migrate(url.href));
    expect(error).toBeInstanceOf(StartFailure);
    expect(error).toMatchObject({ message: expect.stringMatching(/run in this database: grant all on schema public to guest$/) });
    expect(await errorOf(migrateQueue(url.href))).toMatchObject({
      message: expect.stringMatching(/run: grant create on database landlord to guest$/),
    });
    await statements(owner.ownerConnectionString, 'grant all on schema public to guest');
    expect(await migrate(url.href)).not.toEqual([]);
    await owner.close();
  });
});

/** How the superuser's own login stands, for what a version calls the cure. */
async function cured(server: Server) {
  const database = opened(server.url, server.url, async () => undefined);
  const standing = await roleStandingOf(database.owner);
  await database.close();
  return { ...standing, exists: true };
}

test('what a migration says of the role can be left out of it', async () => {
  for (const name of (await readdir(MIGRATIONS)).toSorted()) {
    const text = withoutRole(await readFile(`${MIGRATIONS}${name}`, 'utf8')).replaceAll(/--.*/g, '');
    const named = text.split('\n').filter((line) => line.includes('fenyong_app'));
    // The function that makes partitions asks first whether there is such a role.
    if (name !== '0021-owners.sql') expect(named, name).toEqual([]);
  }
  expect(rightsIn('revoke update on a,\n  b from fenyong_app;\ngrant select on a to other;')).toEqual([
    'revoke update on a,\n  b from fenyong_app;',
  ]);
});
