// The guards over HTTP: what was kept, what is stale, and who may ask.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { alarm, law } from '../../src/guards/guard.ts';
import { guardRoutes } from '../../src/guards/guard-routes.ts';
import { runGuards } from '../../src/guards/run.ts';
import { readResults } from '../../src/guards/guard-result-store.ts';
import type { App } from '../../src/platform/http/app.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { keyedApp, keyOfEvery } from '../platform/callers.ts';
import { saying } from './wording.ts';

let database: TestDatabase;
let app: App;
let keys: Record<string, string>;

const guards = [
  law('present', 'a_law', `select 1 as one from setting where name = 'broken'`, saying('The books hold.')),
  alarm('present', 'an_alarm', 'select 1 as one', saying('The world is quiet.')),
];

beforeAll(async () => {
  database = await testDatabase();
  const { db } = database;
  app = keyedApp(db);
  guardRoutes(app, { db, guards });
  keys = await keyOfEvery(db);
});

beforeEach(async () => {
  await database.owner.deleteFrom('guard_result').execute();
  await database.owner.deleteFrom('setting').execute();
});

afterAll(async () => {
  await app.close();
  await database.close();
});

function get(url: string, scope = 'auditor') {
  return app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${keys[scope]}` } });
}

function post(url: string, headers: Record<string, string> = {}, scope = 'admin') {
  return app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${keys[scope]}`, ...headers } });
}

const ask = () => runGuards(database.db, guards, { now: new Date(), all: true });

const told = (says: string) => ({
  en: { says, broken: 'Something is wrong.', what_to_do: 'Look.' },
  zh: { says: '一切正常。', broken: '有问题。', what_to_do: '请查看。' },
});

test('what was found is told; an alarm does not break the books', async () => {
  await ask();
  const answer = await get('/v1/guards');
  expect(answer.statusCode).toBe(200);
  const times = { checked_at: expect.any(String), full_at: expect.any(String) };
  expect(answer.json()).toEqual({
    ok: true,
    data: [
      {
        name: 'a_law',
        kind: 'law',
        says: 'The books hold.',
        words: told('The books hold.'),
        ok: true,
        violations: 0,
        sample: [],
        ...times,
      },
      {
        name: 'an_alarm',
        kind: 'alarm',
        says: 'The world is quiet.',
        words: told('The world is quiet.'),
        ok: false,
        violations: 1,
        sample: [{ one: 1 }],
        ...times,
      },
    ],
  });
});

test('a law that nobody has asked yet is not said to hold, and is not asked by who reads', async () => {
  const answer = await get('/v1/guards');
  expect(answer.json()).toMatchObject({ ok: false, data: [{ name: 'a_law', ok: false, checked_at: null, full_at: null }, {}] });
  expect((await readResults(database.db)).size).toBe(0);
});

test('a broken law breaks the whole', async () => {
  await database.owner.insertInto('setting').values({ name: 'broken', value: '' }).execute();
  await ask();
  expect((await get('/v1/guards')).json()).toMatchObject({ ok: false, data: [{ name: 'a_law', ok: false, violations: 1 }, {}] });
});

test('who reads is told what was kept, so that reading costs nothing', async () => {
  await ask();
  await database.owner.insertInto('setting').values({ name: 'broken', value: '' }).execute();
  expect((await get('/v1/guards')).json()).toMatchObject({ ok: true });
});

test('a law that nobody has asked for an hour does not count as kept', async () => {
  await ask();
  await database.owner
    .updateTable('guard_result')
    .set({ checked_at: new Date(Date.now() - 3_600_000) })
    .execute();
  expect((await get('/v1/guards')).json()).toMatchObject({ ok: false, data: [{ name: 'a_law', ok: false, violations: 0 }, {}] });
});

test('a guard is asked now when that is asked for, and answers what it found', async () => {
  await database.owner.insertInto('setting').values({ name: 'broken', value: '' }).execute();
  const answer = await post('/v1/guards/a_law/runs');
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ name: 'a_law', ok: false, violations: 1, sample: [{ one: 1 }] });
  expect((await get('/v1/guards/a_law')).json()).toEqual(answer.json());
  expect((await post('/v1/guards/nothing/runs')).statusCode).toBe(404);
});

test('a retried run is answered as the first was', async () => {
  const first = await post('/v1/guards/a_law/runs', { 'idempotency-key': 'run-1' });
  const again = await post('/v1/guards/a_law/runs', { 'idempotency-key': 'run-1' });
  expect(again.headers['idempotent-replayed']).toBe('true');
  expect(again.payload).toBe(first.payload);
});

test('one guard is told by its name', async () => {
  await ask();
  expect((await get('/v1/guards/a_law')).json()).toMatchObject({ name: 'a_law', ok: true });
  expect((await get('/v1/guards/nothing')).statusCode).toBe(404);
});

test('only who answers for the whole may ask', async () => {
  expect((await get('/v1/guards', 'admin')).statusCode).toBe(200);
  for (const scope of ['storefront', 'promoter']) {
    for (const url of ['/v1/guards', '/v1/guards/a_law']) expect((await get(url, scope)).statusCode).toBe(403);
  }
  for (const scope of ['auditor', 'storefront', 'promoter']) {
    expect((await post('/v1/guards/a_law/runs', {}, scope)).statusCode).toBe(403);
  }
});
