import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { KEY_ROLES, SCOPES, type KeyRole, type Actor, type KeyScope } from '../../../src/platform/keys/actor.ts';
import { requireKeys } from '../../../src/platform/keys/auth.ts';
import { knownKeys } from '../../../src/platform/keys/known-keys.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { makeKey, revokeKey } from '../../../src/platform/keys/keys-store.ts';
import { collectOpenApi, serveOpenApi } from '../../../src/platform/http/openapi.ts';
import { testDatabase } from '../../harness.ts';
import { until } from '../sockets.ts';
import { buildHttp } from '../furnished.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let app: App;
const keys: Partial<Record<KeyScope, string>> = {};

beforeAll(async () => {
  database = await testDatabase();
  for (const scope of SCOPES) keys[scope] = (await make(scope)).key;
});

afterAll(() => database.close());

beforeEach(async () => {
  app = buildHttp();
  requireKeys(
    app,
    knownKeys(database.db, () => undefined),
  );
  app.get('/public', async (request) => ({ actor: request.actor ?? null }));
  app.get('/v1/shop', { config: { scopes: ['storefront'] } }, async (request) => request.actor);
  app.post('/v1/shop', { config: { scopes: ['storefront', 'promoter'], roles: ['operator'] } }, async (request) => request.actor);
  app.get('/v1/inner', { config: { scopes: [] } }, async (request) => request.actor);
  return () => app.close();
});

function make(scope: KeyScope, role: KeyRole | null = null) {
  const merchantId = scope === 'storefront' || scope === 'merchant' ? 'm1' : null;
  const wanted = { scope, role, label: '', merchantId, promoterId: scope === 'promoter' ? 'alice' : null };
  return inTransaction(database.db, ({ trx, now }) => makeKey(trx, wanted, null, now));
}

async function call(method: 'GET' | 'HEAD' | 'POST', url: string, authorization?: string): Promise<{ status: number; body: string }> {
  const answer = await app.inject({ method, url, headers: authorization === undefined ? {} : { authorization } });
  return { status: answer.statusCode, body: answer.body };
}

describe('who may come in', () => {
  test('a route under /v1 that declares no scopes keeps the server from starting', async () => {
    expect(() => app.get('/v1/forgotten', async () => ({}))).toThrow('GET /v1/forgotten does not declare its scopes');
    await expect(
      app
        .register(
          async (scope) => {
            scope.delete('/forgotten', async () => ({}));
          },
          { prefix: '/v1' },
        )
        .ready(),
    ).rejects.toThrow('DELETE /v1/forgotten');
  });

  test('a route that changes something and declares no roles keeps the server from starting', () => {
    expect(() => app.put('/v1/forgotten', { config: { scopes: [] } }, async () => ({}))).toThrow(
      'PUT /v1/forgotten does not declare its roles',
    );
  });

  test('a role reads what a route does not keep to others, and changes only what is opened to it', async () => {
    for (const role of KEY_ROLES) {
      const { key } = await make('admin', role);
      expect((await call('GET', '/v1/inner', `Bearer ${key}`)).status).toBe(200);
      const { status, body } = await call('POST', '/v1/shop', `Bearer ${key}`);
      expect([status, JSON.parse(body).code]).toEqual(role === 'operator' ? [200, undefined] : [403, 'role_forbidden']);
    }
  });

  test('the document says which routes ask for a key', async () => {
    const server = buildHttp();
    await collectOpenApi(server, { version: '1' });
    await serveOpenApi(server);
    requireKeys(
      server,
      knownKeys(database.db, () => undefined),
    );
    server.get('/v1/shop', { config: { scopes: [] } }, async () => ({}));
    server.get('/open', { schema: { summary: 'open' } }, async () => ({}));
    const { paths } = (await server.inject('/openapi.json')).json();
    expect([paths['/v1/shop'].get.security, paths['/open'].get.security]).toEqual([[{ key: [] }, { session: [] }], []]);
    expect(paths['/v1/shop'].get).toMatchObject({ 'x-scopes': ['admin', 'auditor'] });
    expect(paths['/open'].get).not.toHaveProperty('x-scopes');
    await server.close();
  });

  test.each([undefined, '', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', 'Token x', `bearer${' '.repeat(3)}`])(
    'without a key (%s) it is 401, and says how to bring one',
    async (authorization) => {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await app.inject({ url: '/v1/shop', headers });
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'unauthorized']);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    },
  );

  test('a key that is none is 401', async () => {
    expect((await call('GET', '/v1/shop', `Bearer fy_admin_${'x'.repeat(43)}`)).status).toBe(401);
    expect((await call('GET', '/v1/shop', `Bearer ${keys.storefront!.slice(0, -1)}`)).status).toBe(401);
  });

  test('a public route asks for nothing', async () => {
    expect(await call('GET', '/public')).toEqual({ status: 200, body: '{"actor":null}' });
    expect((await call('GET', '/public', 'Bearer wrong')).status).toBe(200);
  });

  test('every scope gets what routes grant it: admin all, auditor every reading, the others what is named', async () => {
    const routes = [
      ['GET', '/v1/shop'],
      ['HEAD', '/v1/shop'],
      ['POST', '/v1/shop'],
      ['GET', '/v1/inner'],
    ] as const;
    const table: Record<string, number[]> = {};
    for (const scope of SCOPES) {
      table[scope] = [];
      for (const [method, url] of routes) table[scope].push((await call(method, url, `Bearer ${keys[scope]}`)).status);
    }
    expect(table).toEqual({
      admin: [200, 200, 200, 200],
      storefront: [200, 200, 200, 403],
      merchant: [403, 403, 403, 403],
      promoter: [403, 403, 200, 403],
      auditor: [200, 200, 403, 200],
    });
  });

  test('the handler is told who calls, and whom the key is bound to', async () => {
    const actor = JSON.parse((await call('GET', '/v1/shop', `bearer ${keys.storefront}`)).body) as Actor;
    expect(actor).toEqual({
      keyId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      scope: 'storefront',
      role: null,
      person: expect.stringMatching(/^key:[0-9a-f-]{36}$/),
      merchantId: 'm1',
      promoterId: null,
    });
  });
});

describe('keys that are known', () => {
  test('a key that was revoked here stops at once, elsewhere when it is forgotten', async () => {
    const { key, row } = await make('admin');
    const here = knownKeys(database.db, () => undefined);
    expect(await here.find(key)).toMatchObject({ keyId: row.key_id });
    await inTransaction(database.db, ({ trx, now }) =>
      revokeKey(
        trx,
        row.key_id,
        { keyId: row.key_id, scope: 'admin', role: null, person: 'zhang', merchantId: null, promoterId: null },
        now,
      ),
    );
    expect(await here.find(key)).toMatchObject({ keyId: row.key_id });
    here.forget(row.key_id);
    expect(await here.find(key)).toBeNull();
    expect(await knownKeys(database.db, () => undefined).find(key)).toBeNull();
    await here.close();
  });

  test('the second request with a key asks no database', async () => {
    const known = knownKeys(database.db, () => undefined);
    await known.find(keys.admin!);
    expect(known.find(keys.admin!)).not.toBeInstanceOf(Promise);
    await known.close();
  });

  test('the use of a key is noted beside the request, once a minute', async () => {
    const { key, row } = await make('auditor');
    const usedAt = async (): Promise<Date | null> => {
      const { last_used_at: at } = await database.db
        .selectFrom('api_key')
        .select('last_used_at')
        .where('key_id', '=', row.key_id)
        .executeTakeFirstOrThrow();
      return at;
    };
    expect(await usedAt()).toBeNull();
    expect((await call('GET', '/v1/shop', `Bearer ${key}`)).status).toBe(200);
    await until(async () => (await usedAt()) !== null);
    const first = await usedAt();
    await sleep(5);
    const other = knownKeys(database.db, () => undefined);
    await other.find(key);
    await other.close();
    expect(await usedAt()).toEqual(first);
  });

  test('a lost database is 503 for a key that is not known, never 401', async () => {
    const lost = knownKeys(
      new Proxy(database.db, {
        get: () => () => {
          throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
        },
      }),
      () => undefined,
    );
    const server = buildHttp();
    requireKeys(server, lost);
    server.get('/v1/shop', { config: { scopes: [] } }, async () => ({}));
    const answer = await server.inject({ url: '/v1/shop', headers: { authorization: 'Bearer x' } });
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'unavailable']);
    await server.close();
  });
});
