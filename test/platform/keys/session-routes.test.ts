// Sessions on a real server and database: what a browser may with its cookie, and until when.

import { parseSetCookie } from 'cookie';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { App } from '../../../src/platform/http/app.ts';
import { requireKeys } from '../../../src/platform/keys/auth.ts';
import { knownKeys } from '../../../src/platform/keys/known-keys.ts';
import { keysRoutes } from '../../../src/platform/keys/keys-routes.ts';
import { ensureAdminKey } from '../../../src/platform/keys/keys-store.ts';
import { meRoute, sessionRoutes } from '../../../src/platform/keys/session-routes.ts';
import { sweepSessions } from '../../../src/platform/keys/session-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { testDatabase } from '../../harness.ts';
import { buildHttp } from '../furnished.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let admin: string;
let app: App;
beforeAll(async () => {
  database = await testDatabase();
  admin = (await ensureAdminKey(database.db, { adminKey: null })).made!;
});
afterAll(() => database.close());
beforeEach(() => {
  app = openApp('https://go.example.com');
});
afterEach(() => app.close());

const isThere = async () => true;

/** A process: what it has seen lately is its own. */
function openApp(publicUrl: string): App {
  const server = buildHttp();
  const keys = knownKeys(database.db, () => undefined);
  const operations = requireKeys(server, keys);
  keysRoutes(server, { db: database.db, keys, parties: { merchantExists: isThere, promoterExists: isThere } });
  sessionRoutes(server, { db: database.db, keys, publicUrl });
  meRoute(server, operations);
  return server;
}

type Method = 'GET' | 'POST' | 'DELETE';
interface Shown {
  key?: string;
  cookie?: string;
  csrf?: string;
  retry?: string;
}

function call(method: Method, url: string, { key, cookie, csrf, retry }: Shown = {}, payload?: object, server = app) {
  const headers = {
    ...(key !== undefined && { authorization: key }),
    ...(cookie !== undefined && { cookie: `fy_vid=1; fy_session=${cookie}; other=%%` }),
    ...(csrf !== undefined && { 'x-csrf-token': csrf }),
    ...(retry !== undefined && { 'idempotency-key': retry }),
  };
  return server.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
}

async function makeKey(wanted: object): Promise<{ key: string; keyId: string }> {
  const made = (await call('POST', '/v1/keys', { key: `Bearer ${admin}` }, wanted)).json();
  return { key: `Bearer ${made.key}`, keyId: made.key_id };
}

async function signIn(
  key = `Bearer ${admin}`,
): Promise<Required<Pick<Shown, 'cookie' | 'csrf'>> & { sessionId: string; expiresAt: string }> {
  const answer = await call('POST', '/v1/sessions', { key });
  expect(answer.statusCode).toBe(201);
  const { session_id: sessionId, expires_at: expiresAt, csrf } = answer.json();
  return { cookie: parseSetCookie(String(answer.headers['set-cookie'])).value!, csrf, sessionId, expiresAt };
}

const meOf = async (shown: Shown, server = app) => (await call('GET', '/v1/me', shown, undefined, server)).json();
const days = (text: string) => Math.round((Date.parse(text) - Date.now()) / 86_400_000);

async function cookieOf(server: App) {
  const answer = await call('POST', '/v1/sessions', { key: `Bearer ${admin}` }, undefined, server);
  return parseSetCookie(String(answer.headers['set-cookie']));
}

describe('a session', () => {
  test('does what its key may, as the same person, and shows its csrf where it changes something', async () => {
    const { key } = await makeKey({ scope: 'admin', person: 'zhang' });
    const { cookie, csrf, expiresAt } = await signIn(key);
    expect(days(expiresAt)).toBe(7);
    expect(await meOf({ cookie })).toEqual({ ...(await meOf({ key })), csrf });
    const wish = { scope: 'auditor' };
    for (const wrong of [undefined, '', `${csrf}x`, csrf.toUpperCase()]) {
      const refused = await call('POST', '/v1/keys', { cookie, ...(wrong !== undefined && { csrf: wrong }) }, wish);
      expect([refused.statusCode, refused.json().code]).toEqual([403, 'csrf']);
    }
    expect((await call('POST', '/v1/keys', { cookie, csrf }, wish)).statusCode).toBe(201);
  });

  test('is in a cookie that scripts and other sites do not get, nor anybody on the way', async () => {
    const shown = { name: 'fy_session', httpOnly: true, sameSite: 'lax', path: '/' };
    expect(await cookieOf(app)).toMatchObject({ ...shown, secure: true });
    const plain = openApp('http://localhost:3000');
    const cookie = await cookieOf(plain);
    await plain.close();
    expect(cookie).toMatchObject(shown);
    expect(cookie.secure).toBeUndefined();
    const kept = await sql<{ row: string }>`select session::text as row from session`.execute(database.owner);
    expect(kept.rows.some(({ row }) => row.includes(cookie.value!))).toBe(false);
  });

  test('is not looked at beside a key, whatever that is', async () => {
    const { cookie, csrf } = await signIn();
    const { key } = await makeKey({ scope: 'promoter', promoter_id: 'alice' });
    expect(await meOf({ key, cookie })).toMatchObject({ promoter_id: 'alice', csrf: null });
    for (const wrong of ['Bearer fy_admin_none', 'Basic abc', 'Bearer']) {
      expect((await call('GET', '/v1/me', { key: wrong, cookie, csrf })).statusCode, wrong).toBe(401);
    }
    expect((await call('POST', '/v1/keys', { key: `Bearer ${admin}`, cookie }, { scope: 'auditor' })).statusCode).toBe(201);
  });

  test('makes no further one, and a retry is answered without what opens it', async () => {
    const { cookie, csrf } = await signIn();
    expect((await call('POST', '/v1/sessions', { cookie, csrf })).statusCode).toBe(403);
    const first = await call('POST', '/v1/sessions', { key: `Bearer ${admin}`, retry: 'r1' });
    const second = await call('POST', '/v1/sessions', { key: `Bearer ${admin}`, retry: 'r1' });
    const { csrf: told, ...rest } = first.json();
    expect([told.length, second.json()]).toEqual([43, rest]);
    expect([second.headers['idempotent-replayed'], second.headers['set-cookie']]).toEqual(['true', undefined]);
  });

  test('of a promoter lasts for 30 days', async () => {
    const { key } = await makeKey({ scope: 'promoter', promoter_id: 'alice' });
    expect(days((await signIn(key)).expiresAt)).toBe(30);
  });
});

const isIn = async (cookie: string, server = app) => (await call('GET', '/v1/me', { cookie }, undefined, server)).statusCode === 200;

describe('a session ends', () => {
  test('with its key, here at once', async () => {
    const { key, keyId } = await makeKey({ scope: 'auditor' });
    const { cookie } = await signIn(key);
    expect(await isIn(cookie)).toBe(true);
    await call('DELETE', `/v1/keys/${keyId}`, { key: `Bearer ${admin}` });
    expect(await isIn(cookie)).toBe(false);
  });

  test('when it is ended, by itself or by an admin, and its cookie is taken back', async () => {
    const { key } = await makeKey({ scope: 'storefront', merchant_id: 'm1' });
    const [mine, other] = [await signIn(key), await signIn(key)];
    const out = await call('DELETE', '/v1/sessions/current', { cookie: mine.cookie, csrf: mine.csrf });
    expect(out.statusCode).toBe(204);
    const { name, value, expires } = parseSetCookie(String(out.headers['set-cookie']));
    expect([name, value, expires]).toEqual(['fy_session', '', new Date(0)]);
    expect([await isIn(mine.cookie), await isIn(other.cookie)]).toEqual([false, true]);
    for (const _ of [1, 2]) {
      expect((await call('DELETE', `/v1/sessions/${other.sessionId}`, { key: `Bearer ${admin}` })).statusCode).toBe(204);
    }
    expect(await isIn(other.cookie)).toBe(false);
    expect((await call('DELETE', '/v1/sessions/current', { key })).statusCode).toBe(404);
  });

  test.each([
    ['twelve hours after its last use', `last_used_at = now() - interval '12 hours'`],
    ['after its last day', `made_at = now() - interval '8 days', expires_at = now()`],
  ])('%s', async (_when, change) => {
    const { cookie, sessionId } = await signIn();
    await sql`update session set ${sql.raw(change)} where session_id = ${sessionId}`.execute(database.owner);
    const fresh = openApp('http://localhost:3000');
    expect(await isIn(cookie, fresh)).toBe(false);
    await fresh.close();
    const listed = (await call('GET', '/v1/sessions', { key: `Bearer ${admin}` })).json().data;
    expect(listed.find((one: { session_id: string }) => one.session_id === sessionId).ended_at).not.toBeNull();
  });

  test('but goes on while it is used, also beyond twelve hours', async () => {
    const { cookie, sessionId } = await signIn();
    await sql`update session set last_used_at = now() - interval '11 hours' where session_id = ${sessionId}`.execute(database.owner);
    expect(await isIn(cookie)).toBe(true);
    const usedAt = async () =>
      (
        await sql<{ is: boolean }>`
      select last_used_at > now() - interval '1 minute' as is from session where session_id = ${sessionId}`.execute(database.owner)
      ).rows[0];
    await expect.poll(usedAt).toEqual({ is: true });
  });

  test('and is forgotten a month after its last possible day', async () => {
    const [old, young] = [await signIn(), await signIn()];
    await sql`
      update session set made_at = now() - interval '38 days', expires_at = now() - interval '31 days'
      where session_id = ${old.sessionId}`.execute(database.owner);
    expect(await inTransaction(database.db, ({ trx, now }) => sweepSessions(trx, now, 10))).toBe(1);
    const { rows } = await sql<{ id: string }>`select session_id as id from session`.execute(database.owner);
    expect(rows.map(({ id }) => id)).toContain(young.sessionId);
    expect(rows.map(({ id }) => id)).not.toContain(old.sessionId);
  });
});

test('one sees and ends the sessions of one’s own person; an admin without a role everybody’s, an auditor sees them', async () => {
  const li = [
    await makeKey({ scope: 'admin', role: 'operator', person: 'li' }),
    await makeKey({ scope: 'admin', role: 'finance', person: 'li' }),
  ];
  const wang = await makeKey({ scope: 'admin', role: 'risk', person: 'wang' });
  const auditor = await makeKey({ scope: 'auditor' });
  const made = [await signIn(li[0]!.key), await signIn(li[1]!.key), await signIn(wang.key)];
  const ids = made.map(({ sessionId }) => sessionId);
  const seen = async (shown: Shown) => {
    const { data } = (await call('GET', '/v1/sessions?limit=200', shown)).json() as { data: { session_id: string; is_current: boolean }[] };
    return data.filter(({ session_id: id }) => ids.includes(id)).map(({ session_id: id, is_current: is }) => [ids.indexOf(id), is]);
  };
  expect(await seen({ cookie: made[0]!.cookie })).toEqual([
    [1, false],
    [0, true],
  ]);
  expect(await seen({ key: wang.key })).toEqual([[2, false]]);
  for (const key of [`Bearer ${admin}`, auditor.key]) {
    expect((await seen({ key })).map(([place]) => place)).toEqual([2, 1, 0]);
  }
  for (const key of [wang.key, auditor.key]) expect((await call('DELETE', `/v1/sessions/${ids[0]}`, { key })).statusCode).toBe(404);
  const actions = await sql<{ action: string }>`select action from audit_log where subject_id = ${ids[0]}`.execute(database.owner);
  expect(actions.rows).toEqual([{ action: 'session_made' }]);
});

test('who calls is told what he may do', async () => {
  const { key } = await makeKey({ scope: 'admin', role: 'operator', person: 'li' });
  expect(await meOf({ key })).toEqual({
    person: 'li',
    scope: 'admin',
    role: 'operator',
    merchant_id: null,
    promoter_id: null,
    may: ['keys.list', 'me.get', 'sessions.end', 'sessions.list', 'sessions.make'],
    csrf: null,
  });
  const { person, may } = await meOf({ key: `Bearer ${admin}` });
  expect([person, may]).toEqual([
    null,
    ['keys.list', 'keys.make', 'keys.revoke', 'me.get', 'sessions.end', 'sessions.list', 'sessions.make'],
  ]);
  const shop = await makeKey({ scope: 'storefront', merchant_id: 'm1' });
  expect(await meOf({ key: shop.key })).toMatchObject({
    merchant_id: 'm1',
    may: ['me.get', 'sessions.end', 'sessions.list', 'sessions.make'],
  });
});
