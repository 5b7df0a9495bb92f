import { createHash } from 'node:crypto';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { App } from '../../../src/platform/http/app.ts';
import { streamTicketRoutes } from '../../../src/platform/keys/stream-ticket-routes.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { callersOf, keyedApp } from '../callers.ts';

interface Body {
  ticket: string;
  expires_at: string;
  keyId: string;
  scope: string;
  code: string;
}

let database: TestDatabase;
/** Two processes on one database. */
let app: App;
let other: App;
let callers: Awaited<ReturnType<typeof callersOf<Body>>>;

beforeAll(async () => {
  database = await testDatabase();
  app = build();
  other = build();
  callers = await callersOf<Body>(app, database.db);
});

afterAll(async () => {
  await Promise.all([app.close(), other.close()]);
  await database.close();
});

function build(): App {
  const server = keyedApp(database.db);
  streamTicketRoutes(server, database);
  server.get('/v1/told', { config: { scopes: ['promoter'], isStream: true } }, async (request) => request.actor);
  server.get('/v1/listed', { config: { scopes: ['promoter'] } }, async (request) => request.actor);
  return server;
}

const make = (key?: string) => callers.post('/v1/stream-tickets', undefined, key === undefined ? {} : { key });

/** Opens a stream of a process, as a browser does, and tells with what status, and as whom. */
async function openWith(server: App, query: string, headers: Record<string, string> = {}) {
  const answer = await server.inject({ url: `/v1/told?${query}`, headers });
  return { status: answer.statusCode, body: answer.json<Body>(), headers: answer.headers };
}

describe('a ticket', () => {
  test('opens streams as the key that made it, in every process and as often as need be', async () => {
    const key = await callers.keyOf('promoter', { promoterId: 'alice' });
    const { status, body } = await make(key);
    expect([status, Object.keys(body)]).toEqual([201, ['ticket', 'expires_at']]);
    expect(body.ticket).toMatch(/^fy_ticket_[\w-]{43}$/);
    for (const server of [app, other, app]) {
      expect(await openWith(server, `ticket=${body.ticket}`)).toMatchObject({
        status: 200,
        body: { scope: 'promoter', promoterId: 'alice' },
      });
    }
  });

  test('is kept by its hash alone, for ten minutes', async () => {
    const { body } = await make();
    const hash = createHash('sha256').update(body.ticket).digest();
    const row = await database.owner.selectFrom('stream_ticket').selectAll().where('hash', '=', hash).executeTakeFirstOrThrow();
    expect(row.expires_at.getTime() - row.made_at.getTime()).toBe(600_000);
    expect(row.expires_at.toISOString()).toBe(body.expires_at);
    expect(JSON.stringify(await database.owner.selectFrom('stream_ticket').selectAll().execute())).not.toContain(body.ticket);
  });

  test('is shown once: a retry under its Idempotency-Key is answered without it', async () => {
    const headers = { 'idempotency-key': 'ticket-1' };
    const first = await callers.post('/v1/stream-tickets', undefined, { headers });
    const again = await callers.post('/v1/stream-tickets', undefined, { headers });
    expect(again).toMatchObject({ status: 201, body: { expires_at: first.body.expires_at } });
    expect([Object.keys(again.body), again.headers['idempotent-replayed']]).toEqual([['expires_at'], 'true']);
    const kept = await database.owner.selectFrom('idempotency_key').selectAll().execute();
    expect(JSON.stringify(kept)).not.toContain(first.body.ticket);
  });

  test('opens nothing but streams', async () => {
    const { body } = await make();
    for (const url of [`/v1/listed?ticket=${body.ticket}`, `/v1/stream-tickets?ticket=${body.ticket}`]) {
      expect((await app.inject({ url, method: url.includes('stream') ? 'POST' : 'GET' })).statusCode).toBe(401);
    }
    const asKey = await app.inject({ url: '/v1/told', headers: { authorization: `Bearer ${body.ticket}` } });
    expect(asKey.statusCode).toBe(401);
  });

  test('that nobody has made, or that has expired, is 401', async () => {
    const { body } = await make();
    expect((await openWith(app, `ticket=${body.ticket}`)).status).toBe(200);
    await sql`update stream_ticket set made_at = now() - interval '11 minutes', expires_at = now() - interval '1 millisecond'`.execute(
      database.owner,
    );
    const unknown = ['fy_ticket_none', '', 'a&ticket=b', '%F0%9F%8E%AB'];
    for (const ticket of [body.ticket, ...unknown]) {
      expect(await openWith(app, `ticket=${ticket}`)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    }
  });

  test('ends with its key, and is held to its scope', async () => {
    const key = await callers.keyOf('merchant');
    expect((await make(key)).status).toBe(403);
    const shop = await callers.keyOf('storefront', { merchantId: 'm1' });
    const { body } = await make(shop);
    expect((await openWith(app, `ticket=${body.ticket}`)).status).toBe(403);
    const auditor = await callers.keyOf('auditor');
    const { body: read } = await make(auditor);
    const { body: actor } = await openWith(app, `ticket=${read.ticket}`);
    expect(actor.scope).toBe('auditor');
    await sql`update api_key set revoked_at = now() where key_id = ${actor.keyId}`.execute(database.owner);
    expect((await openWith(app, `ticket=${read.ticket}`)).status).toBe(401);
  });

  test('counts for nothing beside a key', async () => {
    const key = await callers.keyOf('promoter', { promoterId: 'alice' });
    const { body } = await make();
    const beside = await openWith(app, `ticket=${body.ticket}`, { authorization: `Bearer ${key}` });
    expect(beside.body.scope).toBe('promoter');
  });
});
