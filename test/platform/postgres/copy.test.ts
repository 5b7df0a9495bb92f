import * as fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { copyIn } from '../../../src/platform/postgres/copy.ts';
import { copyRow } from '../copy-rows.ts';
import { testDatabase } from '../../harness.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let client: Client;

beforeAll(async () => {
  database = await testDatabase();
  client = new Client({ connectionString: database.ownerConnectionString, query_timeout: 10_000 });
  await client.connect();
  await client.query('create table one (id integer primary key, word text); create table two (id integer primary key check (id > 0))');
});

afterAll(async () => {
  await client.end();
  await database.close();
});

beforeEach(() => client.query('truncate one, two'));

const ONE = 'copy one (id, word) from stdin';
const TWO = 'copy two (id) from stdin';

async function counts(): Promise<number[]> {
  const { rows } = await client.query('select (select count(*) from one)::int as one, (select count(*) from two)::int as two');
  return [rows[0].one, rows[0].two];
}

describe('copying', () => {
  test('two statements are stored together, each with its number of rows', async () => {
    const rows = [copyRow([1, 'a']), copyRow([2, null])].join('');
    expect(
      await copyIn(client, [
        { sql: ONE, rows },
        { sql: TWO, rows: Buffer.from('1\n2\n3\n') },
      ]),
    ).toEqual([2, 3]);
    expect(await counts()).toEqual([2, 3]);
  });

  test.each([
    ['a row that breaks a check', '1\n-1\n'],
    ['a row that was there before', '7\n'],
    ['a row of the wrong shape', '1\t2\n'],
    ['a row that is no number', 'x\n'],
  ])('%s in the second undoes the first, and the connection goes on', async (_, rows) => {
    await client.query('insert into two values (7)');
    await expect(
      copyIn(client, [
        { sql: ONE, rows: '1\ta\n' },
        { sql: TWO, rows },
      ]),
    ).rejects.toHaveProperty('severity', 'ERROR');
    expect(await counts()).toEqual([0, 1]);
    expect(await copyIn(client, [{ sql: ONE, rows: '1\ta\n' }])).toEqual([1]);
    expect(await counts()).toEqual([1, 1]);
  });

  test('an error in the first leaves nothing of the second', async () => {
    await expect(
      copyIn(client, [
        { sql: ONE, rows: 'x\ta\n' },
        { sql: TWO, rows: '1\n2\n' },
      ]),
    ).rejects.toHaveProperty('code', '22P02');
    expect(await counts()).toEqual([0, 0]);
  });

  test('a unique violation carries its constraint', async () => {
    await expect(copyIn(client, [{ sql: TWO, rows: '1\n1\n' }])).rejects.toMatchObject({ code: '23505', constraint: 'two_pkey' });
  });

  test('a statement that is wrong, or no COPY at all, is an error and nothing hangs', async () => {
    await expect(copyIn(client, [{ sql: 'copy nowhere from stdin', rows: '1\n' }])).rejects.toHaveProperty('code', '42P01');
    await copyIn(client, [{ sql: 'insert into two values (5)', rows: '1\n' }]);
    expect(await counts()).toEqual([0, 1]);
  });

  test('no rows are no rows', async () => {
    expect(
      await copyIn(client, [
        { sql: ONE, rows: '' },
        { sql: TWO, rows: '1\n' },
      ]),
    ).toEqual([0, 1]);
  });

  test('a thousand groups one after the other all arrive, with failures among them', async () => {
    let failed = 0;
    for (let group = 1; group <= 1000; group++) {
      const bad = group % 100 === 0;
      const rows = copyRow([bad ? 1 : group, `group ${group}`]);
      await copyIn(client, [
        { sql: ONE, rows },
        { sql: TWO, rows: `${group}\n` },
      ]).catch(() => failed++);
    }
    expect(failed).toBe(10);
    expect(await counts()).toEqual([990, 990]);
  });

  test('many megabytes in one statement arrive', async () => {
    const word = 'x'.repeat(1000);
    const rows = Array.from({ length: 20_000 }, (_, id) => copyRow([id, word])).join('');
    expect(await copyIn(client, [{ sql: ONE, rows }])).toEqual([20_000]);
  });

  test('inside a transaction of the caller it is part of it', async () => {
    await client.query('begin');
    await copyIn(client, [{ sql: TWO, rows: '1\n' }]);
    await client.query('rollback');
    expect(await counts()).toEqual([0, 0]);
  });

  test('a connection that breaks is an error, and so is one that is broken', async () => {
    const breaking = new Client(database.ownerConnectionString);
    breaking.on('error', () => undefined);
    await breaking.connect();
    const { rows } = await breaking.query('select pg_backend_pid() as pid');
    await client.query('begin; lock table one');
    const copying = copyIn(breaking, [{ sql: ONE, rows: '1\ta\n' }]);
    const outcome = expect(copying).rejects.toThrow();
    await client.query('select pg_terminate_backend($1)', [rows[0].pid]);
    await outcome;
    await expect(copyIn(breaking, [{ sql: ONE, rows: '1\ta\n' }])).rejects.toThrow();
    await client.query('rollback');
  });
});

describe('the text format', () => {
  test('any text comes back as it was', async () => {
    const texts = fc.array(
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
      { minLength: 1, maxLength: 20 },
    );
    const nasty = ['\\', '\\N', '\\.', '\n', '\r\n', '\t', '', '分佣 😀', '\\\\x', '\v\b\f'];
    await fc.assert(
      fc.asyncProperty(texts, async (words) => {
        await client.query('truncate one');
        await copyIn(client, [{ sql: ONE, rows: [...words, ...nasty].map((word, id) => copyRow([id, word])).join('') }]);
        const { rows } = await client.query('select word from one order by id');
        expect(rows.map(({ word }) => word)).toEqual([...words, ...nasty]);
      }),
      { numRuns: 20 },
    );
  });

  test('every kind of value is read as itself', async () => {
    await client.query('create temp table kinds (n bigint, b boolean, t timestamptz, y bytea, x text)');
    const at = new Date('2026-06-01T10:05:00.123Z');
    const row = copyRow([9223372036854775807n, true, at, Buffer.from([0, 1, 255, 92]), null]);
    await copyIn(client, [{ sql: 'copy kinds from stdin', rows: row }]);
    const { rows } = await client.query('select n::text, b, t, y, x from kinds');
    expect(rows).toEqual([{ n: '9223372036854775807', b: true, t: at, y: Buffer.from([0, 1, 255, 92]), x: null }]);
    expect(copyRow([null])).toBe('\\N\n');
  });
});
