// How often anybody may call, and what he is told who calls more often.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { requireKeys } from '../../../src/platform/keys/auth.ts';
import { knownKeys } from '../../../src/platform/keys/known-keys.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { makeKey } from '../../../src/platform/keys/keys-store.ts';
import { rateCounts } from '../../../src/platform/http/rate-counts.ts';
import { limitRates, refusedCallers } from '../../../src/platform/http/rate-limit.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { buildHttp } from '../furnished.ts';

const LIMITS = { perKey: 5, perAddress: 3 };
const REFUSED_MAX = 4;

let database: TestDatabase;
let app: App;
let keys: string[];

beforeAll(async () => {
  database = await testDatabase();
  const wanted = { scope: 'admin' as const, label: '', merchantId: null, promoterId: null };
  keys = await Promise.all(
    [1, 2, 3].map(async () => (await inTransaction(database.db, ({ trx, now }) => makeKey(trx, wanted, null, now))).key),
  );
});

afterAll(() => database.close());

beforeEach(async () => {
  // The clock stands still: no minute ends within a test.
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-06-01T10:00:30Z') });
  app = buildHttp({ trustProxy: ['127.0.0.1'] });
  const counts = rateCounts(database.db, () => undefined);
  app.addHook('onClose', () => counts.close());
  requireKeys(
    app,
    knownKeys(database.db, () => undefined),
    refusedCallers(counts, 'key', REFUSED_MAX),
  );
  app.get('/healthz', async () => ({}));
  await limitRates(app, counts, LIMITS);
  app.get('/page', async () => ({}));
  app.get('/v1/a', { config: { scopes: [] } }, async () => ({}));
  app.post('/v1/b', { config: { scopes: [], roles: ['operator'] } }, async () => ({}));
  app.get('/measures', { config: { scopes: [], openToMachine: true } }, async () => ({}));
});

afterEach(async () => {
  await app.close();
  vi.useRealTimers();
  await database.owner.deleteFrom('rate_count').execute();
});

async function statuses(times: number, url: string, { key, from = '192.0.2.1' }: { key?: string; from?: string } = {}): Promise<number[]> {
  const told: number[] = [];
  for (let time = 0; time < times; time++) {
    const headers = { 'x-forwarded-for': from, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
    told.push((await app.inject({ url, headers })).statusCode);
  }
  return told;
}

test('a key has its number of calls a minute, over all routes, and another key has its own', async () => {
  expect(await statuses(4, '/v1/a', { key: keys[0]! })).toEqual([200, 200, 200, 200]);
  const last = await app.inject({ method: 'POST', url: '/v1/b', headers: { authorization: `Bearer ${keys[0]}` } });
  expect(last.statusCode).toBe(200);
  const over = await app.inject({ url: '/v1/a', headers: { authorization: `Bearer ${keys[0]}` } });
  expect([over.statusCode, over.json().code, over.headers['retry-after']]).toEqual([429, 'too_many_requests', '30']);
  expect(over.headers['content-type']).toContain('application/problem+json');
  expect(over.json().detail).toContain('More than 5 requests');
  expect(await statuses(1, '/v1/a', { key: keys[1]! })).toEqual([200]);
  vi.setSystemTime(new Date('2026-06-01T10:01:00Z'));
  expect(await statuses(1, '/v1/a', { key: keys[0]! })).toEqual([200]);
});

test('pages are counted by address, of which an IPv6 network is one', async () => {
  expect(await statuses(4, '/page')).toEqual([200, 200, 200, 429]);
  expect(await statuses(1, '/page', { from: '192.0.2.2' })).toEqual([200]);
  expect(await statuses(3, '/page', { from: '2001:db8:1:1::1' })).toEqual([200, 200, 200]);
  expect(await statuses(1, '/page', { from: '2001:db8:1:1:ffff::2' })).toEqual([429]);
  expect(await statuses(1, '/page', { from: '2001:db8:1:2::1' })).toEqual([200]);
  expect(await statuses(1, '/page', { from: '::ffff:192.0.2.1' })).toEqual([429]);
});

test('whoever watches the service is not limited', async () => {
  expect(new Set(await statuses(10, '/healthz'))).toEqual(new Set([200]));
});

test('an address whose keys are wrong is soon told so, and a key that is good is heard from it all the same', async () => {
  expect(await statuses(3, '/v1/a', { key: 'fy_guess' })).toEqual([401, 401, 401]);
  expect(await statuses(2, '/v1/a')).toEqual([401, 429]);
  expect(await statuses(1, '/v1/a', { key: 'fy_guess' })).toEqual([429]);
  // A key that this process has never seen, as all are after a start, behind a proxy that all
  // callers come by.
  expect(await statuses(2, '/v1/a', { key: keys[2]! })).toEqual([200, 200]);
  expect(await statuses(1, '/v1/a', { key: 'fy_guess', from: '192.0.2.2' })).toEqual([401]);
});

test('what may be asked without a key on this machine is counted by address', async () => {
  expect((await app.inject({ url: '/measures' })).statusCode).toBe(200);
});
