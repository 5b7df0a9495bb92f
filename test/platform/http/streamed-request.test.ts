// Files under an Idempotency-Key: taken once, though nobody knows the whole request before its end.

import { PassThrough, Readable } from 'node:stream';

import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { DomainError } from '../../../src/core/errors.ts';
import { requireKeys } from '../../../src/platform/keys/auth.ts';
import { knownKeys } from '../../../src/platform/keys/known-keys.ts';
import { streamScope } from '../../../src/platform/http/bodies.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { makeKey } from '../../../src/platform/keys/keys-store.ts';
import { NDJSON_TYPES, readNdjson } from '../../../src/platform/lines/ndjson.ts';
import { answerStreamOnce, sweepStreamedRequests } from '../../../src/platform/http/streamed-request.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { until } from '../sockets.ts';
import { buildHttp } from '../furnished.ts';

let database: TestDatabase;
let app: App;
let callers: string[];
/** The lines that were taken, by whichever request. */
let taken: unknown[] = [];
let refusing = false;

beforeAll(async () => {
  database = await testDatabase();
  app = buildHttp();
  requireKeys(
    app,
    knownKeys(database.db, () => undefined),
  );
  void app.register(async (scope) => {
    streamScope(scope, NDJSON_TYPES, { bytesMax: 1000 });
    for (const url of ['/v1/files', '/v1/others']) {
      scope.post(url, { config: { scopes: [], roles: ['operator'] } }, (request, reply) =>
        answerStreamOnce(request, reply, database.db, async (stream) => {
          for await (const line of readNdjson(stream)) taken.push('value' in line ? line.value : line.error);
          if (refusing) throw new DomainError('unprocessable', 'Not these.');
          return { status: 200, body: { taken: taken.length } };
        }),
      );
    }
  });
  const wanted = { scope: 'admin' as const, merchantId: null, promoterId: null, label: '' };
  const make = () => inTransaction(database.db, ({ trx, now }) => makeKey(trx, wanted, null, now));
  callers = [(await make()).key, (await make()).key];
});

afterAll(async () => {
  await app.close();
  await database.close();
});

beforeEach(async () => {
  await sql`delete from idempotency_key; delete from streamed_request`.execute(database.owner);
  taken = [];
  refusing = false;
});

interface Call {
  key?: string;
  caller?: number;
  url?: string;
}

async function post(payload: string | Readable, { key, caller = 0, url = '/v1/files' }: Call = {}) {
  const given = key === undefined ? {} : { 'idempotency-key': key };
  const headers = { authorization: `Bearer ${callers[caller]}`, 'content-type': 'application/x-ndjson', ...given };
  const answer = await app.inject({ method: 'POST', url, headers, payload });
  const replayed = answer.headers['idempotent-replayed'] === 'true';
  return { status: answer.statusCode, text: answer.body, body: answer.json() as Record<string, unknown>, replayed };
}

const running = async () => (await database.db.selectFrom('streamed_request').select('alive_at').execute()).length;

/** A request whose body is still coming in: its first line was taken. */
async function begin(key: string) {
  const body = new PassThrough();
  const answer = post(body, { key });
  body.write('1\n');
  await until(() => taken.length === 1);
  return {
    /** Sends the rest. */
    end: async (rest = '2\n') => {
      body.end(rest);
      return answer;
    },
  };
}

test('the same file under the same key is taken once, and answered byte for byte as it was', async () => {
  const first = await post('1\n2\n', { key: 'k' });
  const again = await post(Readable.from([Buffer.from('1'), Buffer.from('\n2\n')]), { key: 'k' });
  expect([first.status, first.replayed, first.body]).toEqual([200, false, { taken: 2 }]);
  expect([again.status, again.replayed, again.text]).toEqual([200, true, first.text]);
  expect(taken).toEqual([1, 2]);
  expect(await running()).toBe(0);
});

test('another file, or another address, under the key is refused, and nothing of it is taken', async () => {
  await post('1\n', { key: 'k' });
  for (const other of ['2\n', '1\n\n', '1', '1\n2\n', '']) {
    expect(await post(other, { key: 'k' })).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  }
  expect(await post('1\n', { key: 'k', url: '/v1/others' })).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  expect(taken).toEqual([1]);
});

test('without a key, and under another caller’s, a file is taken every time', async () => {
  await post('1\n');
  await post('1\n');
  await post('1\n', { key: 'k' });
  expect(await post('1\n', { key: 'k', caller: 1 })).toMatchObject({ status: 200, replayed: false });
  expect(taken).toEqual([1, 1, 1, 1]);
});

test('while the first is coming in, a second is told to wait, and another request that the key is taken', async () => {
  const first = await begin('k');
  expect(await post('1\n2\n', { key: 'k' })).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } });
  expect(await post('1\n2\n', { key: 'k', url: '/v1/others' })).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  const done = await first.end();
  expect(done).toMatchObject({ status: 200, body: { taken: 2 } });
  expect(await post('1\n2\n', { key: 'k' })).toMatchObject({ status: 200, replayed: true, text: done.text });
  expect(taken).toEqual([1, 2]);
});

test('a file that was refused or too large leaves its key free', async () => {
  refusing = true;
  expect((await post('1\n', { key: 'k' })).status).toBe(422);
  refusing = false;
  expect((await post(Readable.from(Array.from({ length: 30 }, () => Buffer.from(`${'1'.repeat(99)}\n`))), { key: 'k' })).status).toBe(413);
  expect(await running()).toBe(0);
  expect(await post('3\n', { key: 'k' })).toMatchObject({ status: 200, replayed: false });
});

test('a file whose process has died is taken over after a minute, and if it was not dead after all, only one answer is kept', async () => {
  const first = await begin('k');
  await sql`update streamed_request set alive_at = alive_at - interval '61 seconds'`.execute(database.owner);
  const second = await post('7\n', { key: 'k' });
  expect(second).toMatchObject({ status: 200, replayed: false });
  expect((await first.end()).status).toBe(200);
  expect(await post('7\n', { key: 'k' })).toMatchObject({ replayed: true, text: second.text });
  expect(await running()).toBe(0);
});

test('after thirty days the key is free for any file', async () => {
  await post('1\n', { key: 'k' });
  await sql`update idempotency_key set made_at = made_at - interval '31 days'`.execute(database.owner);
  expect(await post('2\n', { key: 'k' })).toMatchObject({ status: 200, replayed: false });
  expect(await post('2\n', { key: 'k' })).toMatchObject({ status: 200, replayed: true });
});

test('the sweep deletes the taken keys of the dead, and no others', async () => {
  const living = await begin('living');
  await sql`
    insert into streamed_request select key_id, 'dead', address, alive_at - interval '61 seconds' from streamed_request`.execute(
    database.owner,
  );
  await inTransaction(database.db, ({ trx, now }) => sweepStreamedRequests(trx, now));
  expect(await database.db.selectFrom('streamed_request').select('key').execute()).toEqual([{ key: 'living' }]);
  await living.end();
});
