import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { auditLogRoutes } from '../../../src/platform/keys/audit-log-routes.ts';
import { requireKeys } from '../../../src/platform/keys/auth.ts';
import { knownKeys } from '../../../src/platform/keys/known-keys.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { keysRoutes } from '../../../src/platform/keys/keys-routes.ts';
import { ensureAdminKey } from '../../../src/platform/keys/keys-store.ts';
import { testDatabase } from '../../harness.ts';
import { buildHttp } from '../furnished.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let app: App;
let admin: string;

beforeAll(async () => {
  database = await testDatabase();
  const { db } = database;
  admin = (await ensureAdminKey(db, { adminKey: null })).made!;
  app = buildHttp();
  const keys = knownKeys(db, () => undefined);
  requireKeys(app, keys);
  keysRoutes(app, { db, keys, parties: { merchantExists: known('m1'), promoterExists: known('alice') } });
  auditLogRoutes(app, db);
});

afterAll(async () => {
  await app.close();
  await database.close();
});

function known(...ids: string[]) {
  return async (_trx: unknown, id: string): Promise<boolean> => ids.includes(id);
}

async function countKeys(): Promise<number> {
  return (await database.owner.selectFrom('api_key').select('key_id').execute()).length;
}

type Method = 'GET' | 'POST' | 'DELETE';

function call(method: Method, url: string, payload?: object, { key = admin, headers = {} }: { key?: string; headers?: object } = {}) {
  return app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

describe('the first admin key', () => {
  test('is made once, however many processes start at once, and told to one of them', async () => {
    const other = await testDatabase();
    const told = await Promise.all(Array.from({ length: 5 }, () => ensureAdminKey(other.db, { adminKey: null })));
    expect(told.filter(({ made }) => made !== null)).toHaveLength(1);
    const { count } = await other.db
      .selectFrom('api_key')
      .select((select) => select.fn.countAll<bigint>().as('count'))
      .executeTakeFirstOrThrow();
    expect(count).toBe(1n);
    await other.close();
  });

  test('may be any string of the environment, and stays revoked once it was', async () => {
    const other = await testDatabase();
    expect(await ensureAdminKey(other.db, { adminKey: 'operator secret' })).toEqual({ made: null });
    const row = await other.db.selectFrom('api_key').selectAll().executeTakeFirstOrThrow();
    expect(row.hash).toEqual(createHash('sha256').update('operator secret').digest());
    expect(row.ending).toBeNull();
    await other.owner.updateTable('api_key').set({ revoked_at: new Date() }).execute();
    await ensureAdminKey(other.db, { adminKey: 'operator secret' });
    expect(await ensureAdminKey(other.db, { adminKey: null })).toEqual({ made: null });
    const keys = knownKeys(other.db, () => undefined);
    expect(await keys.find('operator secret')).toBeNull();
    await other.close();
  });
});

describe('making keys', () => {
  test('a key is shown once, has 256 random bits, and only its hash is kept', async () => {
    const answer = await call('POST', '/v1/keys', { scope: 'storefront', merchant_id: 'm1', label: 'shop' });
    expect(answer.statusCode).toBe(201);
    const made = answer.json();
    expect(made).toMatchObject({ scope: 'storefront', merchant_id: 'm1', promoter_id: null, label: 'shop', last_used_at: null });
    expect(made.key).toMatch(/^fy_storefront_[\w-]{43}$/);
    expect(made.ending).toBe(made.key.slice(-4));
    const rows = await database.owner.selectFrom('api_key').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(made.key);
    expect((await call('GET', '/v1/keys', undefined, { key: made.key })).statusCode).toBe(403);
  });

  test('a retry under its Idempotency-Key tells of the same key, but never shows it again', async () => {
    const headers = { 'idempotency-key': 'make-1' };
    const first = await call('POST', '/v1/keys', { scope: 'auditor', label: 'a' }, { headers });
    const again = await call('POST', '/v1/keys', { scope: 'auditor', label: 'a' }, { headers });
    expect([first.statusCode, again.statusCode, again.headers['idempotent-replayed']]).toEqual([201, 201, 'true']);
    const { key, ...rest } = first.json();
    expect(again.json()).toEqual(rest);
    const kept = await database.owner.selectFrom('idempotency_key').selectAll().execute();
    expect(JSON.stringify(kept)).not.toContain(key);
  });

  test.each([
    [{ scope: 'promoter' }, 'promoter_id'],
    [{ scope: 'admin', promoter_id: 'alice' }, 'promoter_id'],
    [{ scope: 'auditor', merchant_id: 'm1' }, 'merchant_id'],
    [{ scope: 'storefront', merchant_id: 'a\nb' }, 'merchant_id'],
    [{ scope: 'root' }, 'scope'],
    [{ scope: 'admin', expires: 1 }, 'expires'],
  ])('%j is refused at %s', async (payload, path) => {
    const answer = await call('POST', '/v1/keys', payload);
    expect([answer.statusCode, answer.json().errors[0].path]).toEqual([400, path]);
  });
});

test.each([
  [{ scope: 'storefront', merchant_id: 'nobody' }, 'unknown_merchant', 'merchant_id'],
  [{ scope: 'promoter', promoter_id: 'nobody' }, 'unknown_promoter', 'promoter_id'],
])('a key for somebody who is not there is refused: %j', async (payload, code, path) => {
  const before = await countKeys();
  const answer = await call('POST', '/v1/keys', payload);
  expect([answer.statusCode, answer.json().code, answer.json().errors[0].path]).toEqual([422, code, path]);
  expect(await countKeys()).toBe(before);
});

describe('listing and revoking keys', () => {
  test('keys are listed by pages from the newest, without themselves', async () => {
    for (const label of ['one', 'two', 'three']) await call('POST', '/v1/keys', { scope: 'auditor', label });
    const seen: string[] = [];
    let query: string | null = 'limit=2';
    while (query !== null) {
      const answer = await call('GET', `/v1/keys?${query}`);
      const page = answer.json<{ data: { key_id: string }[]; next_cursor: string | null }>();
      expect(page.data.length).toBeLessThanOrEqual(2);
      for (const key of page.data) {
        expect(key).not.toHaveProperty('key');
        expect(key).not.toHaveProperty('hash');
        seen.push(key.key_id);
      }
      query = page.next_cursor === null ? null : `limit=2&cursor=${page.next_cursor}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    const all = await database.db.selectFrom('api_key').select('key_id').orderBy('key_id', 'desc').execute();
    expect(seen).toEqual(all.map((row) => row.key_id));
    expect((await call('GET', '/v1/keys?cursor=abc')).json().code).toBe('invalid_cursor');
  });

  test('a revoked key stops at once, stays in the list, and may be revoked again', async () => {
    const made = (await call('POST', '/v1/keys', { scope: 'auditor' })).json();
    expect((await call('GET', '/v1/keys', undefined, { key: made.key })).statusCode).toBe(200);
    for (let times = 0; times < 2; times++) expect((await call('DELETE', `/v1/keys/${made.key_id}`)).statusCode).toBe(204);
    expect((await call('GET', '/v1/keys', undefined, { key: made.key })).statusCode).toBe(401);
    const listed = (await call('GET', '/v1/keys?limit=200')).json().data.find((key: { key_id: string }) => key.key_id === made.key_id);
    expect(listed.revoked_at).toMatch(/Z$/);
  });

  test('of the last two admin keys only one can be revoked, even at once', async () => {
    const second = (await call('POST', '/v1/keys', { scope: 'admin', label: 'second' })).json();
    const third = (await call('POST', '/v1/keys', { scope: 'admin', label: 'third' })).json();
    const first = await database.db.selectFrom('api_key').select('key_id').where('label', '=', 'first admin key').executeTakeFirstOrThrow();
    await call('DELETE', `/v1/keys/${third.key_id}`);
    const answers = await Promise.all([call('DELETE', `/v1/keys/${second.key_id}`), call('DELETE', `/v1/keys/${first.key_id}`)]);
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([204, 409]));
    if (answers[1].statusCode === 204) admin = second.key;
  });

  test('a key that is none is 404, and one that cannot be is 400', async () => {
    expect((await call('DELETE', '/v1/keys/01940000-0000-7000-8000-000000000000')).statusCode).toBe(404);
    expect((await call('DELETE', '/v1/keys/x')).statusCode).toBe(400);
  });
});

describe('the audit log', () => {
  test('tells who made and who revoked which key, and what it was before', async () => {
    const made = (await call('POST', '/v1/keys', { scope: 'auditor', label: 'watched' })).json();
    await call('DELETE', `/v1/keys/${made.key_id}`);
    const page = (await call('GET', `/v1/audit-log?subject_kind=key&subject_id=${made.key_id}`)).json();
    expect(page.data.map(({ action }: { action: string }) => action)).toEqual(['key_revoked', 'key_made']);
    const [revoked, recorded] = page.data;
    expect(recorded).toMatchObject({ before: null, after: { key_id: made.key_id, label: 'watched', revoked_at: null } });
    expect(revoked).toMatchObject({ before: { revoked_at: null }, after: { revoked_at: expect.any(String) } });
    expect(recorded.key_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(page)).not.toContain(made.key);
  });

  test('what the service did of itself has no key', async () => {
    const page = (await call('GET', '/v1/audit-log?limit=200')).json();
    expect(page.data.at(-1)).toMatchObject({ action: 'key_made', key_id: null, after: { label: 'first admin key' } });
  });

  test('is read by time and by pages, from the latest', async () => {
    const all = (await call('GET', '/v1/audit-log?limit=200')).json().data;
    const half = all[Math.floor(all.length / 2)];
    const later = (await call('GET', `/v1/audit-log?limit=200&from=${half.recorded_at}`)).json().data;
    const earlier = (await call('GET', `/v1/audit-log?limit=200&to=${half.recorded_at}`)).json().data;
    expect([...later, ...earlier]).toEqual(all);
    const first = (await call('GET', '/v1/audit-log?limit=1')).json();
    const second = (await call('GET', `/v1/audit-log?limit=1&cursor=${first.next_cursor}`)).json();
    expect([first.data[0], second.data[0]]).toEqual(all.slice(0, 2));
  });

  test('is for admins and auditors', async () => {
    const shop = (await call('POST', '/v1/keys', { scope: 'storefront' })).json();
    const auditor = (await call('POST', '/v1/keys', { scope: 'auditor' })).json();
    expect((await call('GET', '/v1/audit-log', undefined, { key: shop.key })).statusCode).toBe(403);
    expect((await call('GET', '/v1/audit-log', undefined, { key: auditor.key })).statusCode).toBe(200);
  });
});
