// Sign-in links on a service that listens: who makes them, and what their codes do, once.

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { inTransaction } from '../../src/platform/postgres/database.ts';
import { sweepSignInLinks } from '../../src/sign-in/link-store.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';
import { browserAt } from './browser.ts';

const REFUSED_MAX = 40;

let service: Service;
beforeAll(async () => {
  service = await openService({
    works: false,
    listens: true,
    env: { PUBLIC_URL: 'https://go.example.com', RATE_REFUSED: String(REFUSED_MAX) },
  });
  for (const name of ['alice', 'bob', 'carol', 'dora', 'eve']) await ask('PUT', `/v1/promoters/${name}`, { name, kind: 'person' });
  await ask('PUT', '/v1/merchants/m1', { name: 'm1', currency: 'CNY' });
});
afterAll(() => service.close());

interface Told {
  status: number;
  body: Record<string, unknown> & { data: Record<string, unknown>[] };
  headers: Headers;
}

async function ask(method: string, path: string, body?: object, key = ADMIN_KEY, headers: Record<string, string> = {}): Promise<Told> {
  const answer = await fetch(service.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Told['body'], headers: answer.headers };
}

const linkOf = (promoter: string, key = ADMIN_KEY) => ask('POST', `/v1/promoters/${promoter}/sign-in-links`, undefined, key);

async function codeOf(promoter: string): Promise<string> {
  const { status, body } = await linkOf(promoter);
  expect(status).toBe(201);
  return new URL(String(body['url'])).hash.slice(1);
}

function sendCode(code: unknown, browser = browserAt(service.url)): Promise<Response> {
  return browser.open('/sign-in/link', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code }) });
}

async function signedIn(promoter: string) {
  const browser = browserAt(service.url);
  const answer = await sendCode(await codeOf(promoter), browser);
  expect(answer.status).toBe(201);
  const { session_id: sessionId, csrf } = (await answer.json()) as { session_id: string; csrf: string };
  return { ...browser, sessionId, csrf };
}

const makeKey = async (wanted: object) => String((await ask('POST', '/v1/keys', wanted)).body['key']);

const keysOf = async (promoter: string) =>
  (await ask('GET', '/v1/keys?limit=200')).body.data.filter((key) => key['promoter_id'] === promoter && key['sign_in'] === 'link');

describe('a sign-in link', () => {
  test('leads to the page, with its code where no log has it, for 15 minutes', async () => {
    const { body } = await linkOf('alice');
    expect(body['url']).toMatch(/^https:\/\/go\.example\.com\/me#[\w-]{43}$/);
    expect(Date.parse(String(body['expires_at'])) - Date.now()).toBeCloseTo(15 * 60_000, -4);
    const code = new URL(String(body['url'])).hash.slice(1);
    for (const table of ['sign_in_link', 'audit_log']) {
      const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(table)} t`.execute(service.database.owner);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.filter(({ row }) => row.includes(code))).toEqual([]);
    }
  });

  test('is made by admins who set up and by a storefront of all merchants, for a promoter who is there', async () => {
    for (const wanted of [{ scope: 'storefront' }, { scope: 'admin', role: 'operator' }]) {
      expect((await linkOf('alice', await makeKey(wanted))).status).toBe(201);
    }
    const refused = [
      { scope: 'storefront', merchant_id: 'm1' },
      { scope: 'merchant', merchant_id: 'm1' },
      { scope: 'promoter', promoter_id: 'alice' },
      { scope: 'admin', role: 'finance' },
      { scope: 'admin', role: 'risk' },
      { scope: 'auditor' },
    ];
    for (const wanted of refused) expect((await linkOf('alice', await makeKey(wanted))).status, JSON.stringify(wanted)).toBe(403);
    const { status, body } = await linkOf('nobody');
    expect([status, body['code']]).toEqual([404, 'not_found']);
  });

  test('is told once: a retry is answered without its url', async () => {
    const retry = { 'idempotency-key': 'r1' };
    const first = await ask('POST', '/v1/promoters/alice/sign-in-links', undefined, ADMIN_KEY, retry);
    const second = await ask('POST', '/v1/promoters/alice/sign-in-links', undefined, ADMIN_KEY, retry);
    const { url, ...rest } = first.body;
    expect([typeof url, second.body, second.headers.get('idempotent-replayed')]).toEqual(['string', rest, 'true']);
  });

  test('waits beside at most nineteen others of its promoter', async () => {
    for (let made = 0; made < 20; made += 1) await codeOf('eve');
    const { status, body, headers } = await linkOf('eve');
    expect([status, body['code']]).toEqual([429, 'too_many_requests']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(800);
    expect((await linkOf('alice')).status).toBe(201);
  });
});

describe('its code', () => {
  test('signs the promoter in, as whom the browser then reads and makes', async () => {
    const { me, open, csrf, sessionId } = await signedIn('alice');
    expect(await me()).toMatchObject({ scope: 'promoter', promoter_id: 'alice', csrf });
    const sessions = (await (await open('/v1/sessions')).json()) as Told['body'];
    expect(sessions.data.find((one) => one['is_current'] === true)).toMatchObject({ session_id: sessionId });
    const days = (Date.parse(String(sessions.data[0]!['expires_at'])) - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(30, 2);
    expect((await open('/v1/promoters/bob')).status).toBe(403);
    expect((await open('/v1/promoters/alice')).status).toBe(200);
  });

  test('works once, also when many send it at once', async () => {
    const code = await codeOf('bob');
    const answers = await Promise.all(Array.from({ length: 12 }, () => sendCode(code)));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([201, ...Array.from({ length: 11 }, () => 401)]);
    expect(await keysOf('bob')).toHaveLength(1);
  });

  test('works no more after its time, and what has expired is swept', async () => {
    const code = await codeOf('alice');
    await sql`update sign_in_link set made_at = made_at - interval '1 hour', expires_at = now()`.execute(service.database.owner);
    const answer = await sendCode(code);
    expect([answer.status, ((await answer.json()) as Told['body'])['code']]).toEqual([401, 'unauthorized']);
    const swept = await inTransaction(service.database.db, ({ trx, now }) => sweepSignInLinks(trx, now, 1000));
    expect(swept).toBeGreaterThan(20);
    const fresh = await codeOf('alice');
    expect(await inTransaction(service.database.db, ({ trx, now }) => sweepSignInLinks(trx, now, 1000))).toBe(0);
    expect((await sendCode(fresh)).status).toBe(201);
  });

  test('of a suspended promoter signs in to read, and to make nothing', async () => {
    await ask('PUT', '/v1/promoters/dora', { name: 'dora', kind: 'person', status: 'suspended' });
    const { open, csrf } = await signedIn('dora');
    expect((await open('/v1/promoters/dora/balance')).status).toBe(200);
    const init = { method: 'POST', headers: { 'content-type': 'application/json', 'x-csrf-token': csrf } };
    const made = await open('/v1/links', { ...init, body: JSON.stringify({ promoter_id: 'dora', merchant_id: 'm1' }) });
    expect([made.status, ((await made.json()) as Told['body'])['code']]).toEqual([403, 'suspended']);
  });
});

describe('the key of its sessions', () => {
  test('is one for each promoter, listed with what it is for, and nobody can present it', async () => {
    const [first, second] = [await signedIn('carol'), await signedIn('carol')];
    const keys = await keysOf('carol');
    expect(keys).toEqual([expect.objectContaining({ scope: 'promoter', label: 'Sign-in links', ending: null, revoked_at: null })]);
    const { rows } = await sql<{ hash: Buffer | null }>`
      select hash from api_key where key_id = ${keys[0]!['key_id']}`.execute(service.database.owner);
    expect(rows).toEqual([{ hash: null }]);

    expect((await ask('DELETE', `/v1/keys/${String(keys[0]!['key_id'])}`)).status).toBe(204);
    expect([await first.me(), await second.me()]).toEqual([401, 401]);
    const third = await signedIn('carol');
    expect(await third.me()).toMatchObject({ promoter_id: 'carol' });
    expect([await first.me(), (await keysOf('carol')).length]).toEqual([401, 2]);
  });

  test('is in the audit log, as are its links and sessions', async () => {
    const { sessionId } = await signedIn('carol');
    const { rows } = await sql<{ action: string; key_id: string }>`
      select action, key_id from audit_log where (subject_kind, subject_id) in (('promoter', 'carol'), ('session', ${sessionId}))
      order by audit_id desc limit 2`.execute(service.database.owner);
    const live = (await keysOf('carol')).find((key) => key['revoked_at'] === null)!;
    expect(rows.map(({ action }) => action)).toEqual(['session_made', 'sign_in_link_made']);
    expect(rows[0]!.key_id).toBe(live['key_id']);
  });
});

test('who guesses codes is kept out for a while, as who guesses keys is', async () => {
  const statuses = new Set<number>();
  for (let tried = 0; tried <= REFUSED_MAX; tried += 1) {
    const answer = await sendCode('guessed');
    statuses.add(answer.status);
    if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect([...statuses]).toEqual([401, 429]);
  expect((await fetch(`${service.url}/v1/me`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(429);
  expect((await sendCode(await codeOf('alice'))).status).toBe(429);
});

test.each([[undefined], [''], ['x'.repeat(129)], [1], [null]])('%j is no code', async (code) => {
  expect((await sendCode(code)).status).toBe(400);
});
