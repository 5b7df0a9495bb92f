import { setTimeout as sleep } from 'node:timers/promises';

import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { DomainError } from '../../../src/core/errors.ts';
import { requireKeys } from '../../../src/platform/keys/auth.ts';
import { knownKeys } from '../../../src/platform/keys/known-keys.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { answerOnce, sweepIdempotencyKeys } from '../../../src/platform/http/idempotency.ts';
import { makeKey } from '../../../src/platform/keys/keys-store.ts';
import type { DB } from '../../../src/platform/postgres/tables.ts';
import { testDatabase } from '../../harness.ts';
import { until } from '../sockets.ts';
import { buildHttp } from '../furnished.ts';
import { DAY_MS } from '../../../src/platform/durations.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let servers: App[];
let callers: string[];
let failing = false;
let slowMs = 0;
/** How often the work was begun; what of it lasted stands in the table. */
let begun = 0;

beforeAll(async () => {
  database = await testDatabase();
  await sql`create table effect (name text); grant all on effect to fenyong_app`.execute(database.owner);
  servers = [await build(database.db), await build(database.db)];
  const wanted = { scope: 'admin' as const, merchantId: null, promoterId: null, label: '' };
  const make = () => inTransaction(database.db, ({ trx, now }) => makeKey(trx, wanted, null, now));
  callers = [(await make()).key, (await make()).key];
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await database.close();
});

beforeEach(async () => {
  await sql`delete from effect; delete from idempotency_key`.execute(database.owner);
  failing = false;
  slowMs = 0;
  begun = 0;
});

async function build(db: Kysely<DB>): Promise<App> {
  const app = buildHttp();
  requireKeys(
    app,
    knownKeys(db, () => undefined),
  );
  const body = z.object({ name: z.string() });
  for (const url of ['/v1/effects', '/v1/others']) {
    app.post(url, { config: { scopes: [], roles: ['operator'] }, schema: { body } }, (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        begun++;
        const { name } = request.body;
        await sql`insert into effect values (${name})`.execute(trx);
        await sleep(slowMs);
        if (failing) throw new Error('a fault of ours');
        if (name === 'refused') throw new DomainError('rule_conflict', 'Two rules overlap.');
        if (name === 'forbidden') throw new DomainError('forbidden', 'Not with this key.');
        if (name === 'broken') await sql`insert into effect values (${1n}::bigint / 0)`.execute(trx).catch(refuse);
        if (name === 'empty') return { status: 204, body: null };
        const { rows } = await sql<{ timeout: string }>`select current_setting('lock_timeout') as timeout`.execute(trx);
        return { status: 201, body: { name, at: now, amount: 2n ** 60n, timeout: rows[0]!.timeout } };
      }),
    );
  }
  return app;
}

function refuse(cause: unknown): never {
  throw new DomainError('unprocessable', 'That cannot be divided.', { cause });
}

interface Call {
  key?: string;
  server?: number;
  caller?: number;
  url?: string;
}

function post(payload: object | string, { key, server = 0, caller = 0, url = '/v1/effects' }: Call = {}) {
  const headers = {
    authorization: `Bearer ${callers[caller]}`,
    'content-type': 'application/json',
    ...(key === undefined ? {} : { 'idempotency-key': key }),
  };
  return servers[server]!.inject({ method: 'POST', url, headers, payload });
}

async function effects(): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from effect`.execute(database.owner);
  return rows.map(({ name }) => name);
}

async function age(days: number): Promise<void> {
  await database.owner
    .updateTable('idempotency_key')
    .set({ made_at: new Date(Date.now() - days * DAY_MS) })
    .execute();
}

describe('once', () => {
  test('fifty calls at once over two servers have one effect, and every answer is the first or in progress', async () => {
    slowMs = 50;
    const calls = Array.from({ length: 50 }, (_, at) => post({ name: 'a' }, { key: 'k', server: at % 2 }));
    const answers = await Promise.all(calls);
    expect(await effects()).toEqual(['a']);
    const firsts = answers.filter((answer) => answer.statusCode === 201 && answer.headers['idempotent-replayed'] === undefined);
    expect(firsts).toHaveLength(1);
    for (const answer of answers) {
      if (answer.statusCode === 201) expect(answer.body).toBe(firsts[0]!.body);
      else expect([answer.statusCode, answer.json().code]).toEqual([409, 'idempotency_in_progress']);
    }
    const again = await post({ name: 'a' }, { key: 'k' });
    expect([again.body, again.headers['idempotent-replayed']]).toEqual([firsts[0]!.body, 'true']);
  });

  test('without a key every call has its effect', async () => {
    await post({ name: 'a' });
    await post({ name: 'a' });
    expect(await effects()).toEqual(['a', 'a']);
  });

  test('an answer without a body is repeated without one', async () => {
    const first = await post({ name: 'empty' }, { key: 'k' });
    const again = await post({ name: 'empty' }, { key: 'k' });
    expect([first.statusCode, first.body, again.statusCode, again.body, begun]).toEqual([204, '', 204, '', 1]);
  });

  test('while the first runs for more than a second, the second is told to come back in one', async () => {
    slowMs = 1500;
    const first = post({ name: 'a' }, { key: 'k' });
    await until(() => begun === 1);
    const second = await post({ name: 'a' }, { key: 'k', server: 1 });
    expect([second.statusCode, second.json().code, second.headers['retry-after']]).toEqual([409, 'idempotency_in_progress', '1']);
    expect((await first).statusCode).toBe(201);
    expect(await effects()).toEqual(['a']);
  });

  test('only waiting for the key is cut short: the work waits for locks as usual', async () => {
    const { rows } = await sql<{ usual: string }>`select current_setting('lock_timeout') as usual`.execute(database.db);
    expect((await post({ name: 'a' }, { key: 'k' })).json().timeout).toBe(rows[0]!.usual);
    expect(rows[0]!.usual).not.toBe('1s');
  });
});

describe('what is another request', () => {
  test('one byte more, equal as JSON or not, is refused and changes nothing', async () => {
    const first = await post('{"name":"a"}', { key: 'k' });
    for (const payload of ['{"name":"b"}', '{"name":"a"} ', '{ "name":"a"}']) {
      const other = await post(payload, { key: 'k' });
      expect([other.statusCode, other.json().code]).toEqual([422, 'idempotency_key_reused']);
    }
    expect((await post('{"name":"a"}', { key: 'k' })).body).toBe(first.body);
    expect(await effects()).toEqual(['a']);
  });

  test('another address or another query under the key is refused', async () => {
    await post({ name: 'a' }, { key: 'k' });
    expect((await post({ name: 'a' }, { key: 'k', url: '/v1/others' })).json().code).toBe('idempotency_key_reused');
    expect((await post({ name: 'a' }, { key: 'k', url: '/v1/effects?x=1' })).json().code).toBe('idempotency_key_reused');
  });

  test('another caller has keys of his own', async () => {
    await post({ name: 'a' }, { key: 'k' });
    const other = await post({ name: 'a' }, { key: 'k', caller: 1 });
    expect([other.statusCode, other.headers['idempotent-replayed']]).toEqual([201, undefined]);
    expect(await effects()).toEqual(['a', 'a']);
  });
});

describe('what is kept', () => {
  test.each([
    ['refused', 409, 'rule_conflict'],
    ['broken', 422, 'unprocessable'],
  ])('a refusal of the work (%s) is an answer: it undoes what the work did, and is repeated', async (name, status, code) => {
    const first = await post({ name }, { key: 'k' });
    const again = await post({ name }, { key: 'k' });
    expect([first.statusCode, first.json().code, first.headers['content-type']]).toEqual([
      status,
      code,
      'application/problem+json; charset=utf-8',
    ]);
    expect([again.statusCode, again.body, again.headers['content-type']]).toEqual([status, first.body, first.headers['content-type']]);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed'], begun]).toEqual([undefined, 'true', 1]);
    expect(await effects()).toEqual([]);
  });

  test('a fault of ours is not: the next try runs', async () => {
    failing = true;
    expect((await post({ name: 'a' }, { key: 'k' })).statusCode).toBe(500);
    expect(await effects()).toEqual([]);
    failing = false;
    const again = await post({ name: 'a' }, { key: 'k' });
    expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([201, undefined]);
    expect(await effects()).toEqual(['a']);
  });

  test('what was refused before the work is not: a corrected body runs under the same key', async () => {
    expect((await post({ name: 7 }, { key: 'k' })).statusCode).toBe(400);
    expect((await post({ name: 'forbidden' }, { key: 'k' })).statusCode).toBe(403);
    expect((await post({ name: 'a' }, { key: 'k' })).statusCode).toBe(201);
    expect(await effects()).toEqual(['a']);
  });
});

describe('the key', () => {
  test('has 1 to 255 visible ASCII characters', async () => {
    for (const key of ['', '""', 'x'.repeat(256), 'a b', 'schlüssel', '\u007f']) {
      const answer = await post({ name: 'a' }, { key });
      expect([key, answer.statusCode, answer.json().code]).toEqual([key, 400, 'invalid_idempotency_key']);
    }
    expect((await post({ name: 'a' }, { key: 'x'.repeat(255) })).statusCode).toBe(201);
    expect((await post({ name: 'a' }, { key: `"${'y'.repeat(255)}"` })).statusCode).toBe(201);
  });

  test('is the same with and without the quotes of the standard', async () => {
    const bare = await post({ name: 'a' }, { key: '8e03978e' });
    const quoted = await post({ name: 'a' }, { key: '"8e03978e"' });
    expect([quoted.body, quoted.headers['idempotent-replayed']]).toEqual([bare.body, 'true']);
  });
});

describe('thirty days', () => {
  test('after 29 days the answer is repeated, after 31 the key is free for any request', async () => {
    await post({ name: 'a' }, { key: 'k' });
    await age(29);
    expect((await post({ name: 'a' }, { key: 'k' })).headers['idempotent-replayed']).toBe('true');
    await age(31);
    const answers = await Promise.all(Array.from({ length: 5 }, (_, at) => post({ name: 'b' }, { key: 'k', server: at % 2 })));
    expect(answers.map((answer) => answer.statusCode)).toEqual([201, 201, 201, 201, 201]);
    expect(await effects()).toEqual(['a', 'b']);
  });

  test('the sweep deletes what is older, the oldest first, so many at a time', async () => {
    for (const key of ['a', 'b', 'c']) await post({ name: key }, { key });
    await age(31);
    await post({ name: 'd' }, { key: 'd' });
    const sweep = () => inTransaction(database.db, ({ trx, now }) => sweepIdempotencyKeys(trx, now, 2));
    expect([await sweep(), await sweep(), await sweep()]).toEqual([2, 1, 0]);
    const left = await database.db.selectFrom('idempotency_key').select('key').execute();
    expect(left).toEqual([{ key: 'd' }]);
  });
});
