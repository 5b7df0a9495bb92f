// How guards are asked and when, and what becomes of one that fails.

import { Registry } from '@prometheus-io/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { askGuard } from '../../src/guards/check.ts';
import { law, type Guard } from '../../src/guards/guard.ts';
import { guardMetrics, isStale, runGuards } from '../../src/guards/run.ts';
import { keepResults, readResults, type GuardResult } from '../../src/guards/guard-result-store.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { earningOrder } from './books.ts';
import { writeOrder } from './orders.ts';
import { foundWorld } from './world.ts';
import { NOTHING_WRONG } from './wording.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

beforeEach(() => database.owner.deleteFrom('guard_result').execute());

afterAll(() => database.close());

const sound = law('present', 'sound', 'select 1 as one where false', NOTHING_WRONG);
const wrong = law('present', 'wrong', 'select n as number from generate_series(1, 12) as n', NOTHING_WRONG);
const failing = law('present', 'failing', 'select 1 / 0 as one', NOTHING_WRONG);

/** Of a guard that does not read by keys. */
const never = { seenUpTo: null, fullAt: null };
const seconds = (count: number) => new Date(Date.UTC(2026, 5, 1) + count * 1000);

describe('a guard', () => {
  test('counts its violations and shows five of them', async () => {
    const { violations, sample } = await askGuard(database.db, wrong);
    expect(violations).toBe(12);
    expect(sample).toEqual([1, 2, 3, 4, 5].map((number) => ({ number })));
  });

  test('counts a row as often as it says', async () => {
    const often = law('present', 'often', 'select n * 10 as times from generate_series(1, 3) as n', NOTHING_WRONG);
    expect((await askGuard(database.db, often)).violations).toBe(60);
  });

  test('stops counting at ten thousand', async () => {
    const many = law('present', 'many', 'select n from generate_series(1, 20000) as n', NOTHING_WRONG);
    expect((await askGuard(database.db, many)).violations).toBe(10_000);
  });

  test('cannot write', async () => {
    const writing = law('present', 'writing', `select nextval(pg_get_serial_sequence('orders', 'order_key')) as n`, NOTHING_WRONG);
    await expect(askGuard(database.db, writing)).rejects.toThrow('read-only');
  });

  test('reads every order in ranges of keys, each once', async () => {
    const other = await testDatabase();
    await foundWorld(other.owner);
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      await other.owner.transaction().execute((trx) => writeOrder(trx, earningOrder(id, { revisions: [] })));
    }
    const all = law('orders', 'all', `select order_id, count(*) over () as read from orders where within(order_key)`, NOTHING_WRONG);
    const found = await askGuard(other.db, all, { keysPerRange: 2 });
    expect(found.violations).toBe(5);
    expect(found.sample.map(({ order_id: id, read }) => [id, read])).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 2],
      ['d', 2],
      ['e', 1],
    ]);
    const reports = law('deliveries', 'reports', 'select delivery_id from delivery where within(delivery_id)', NOTHING_WRONG);
    expect((await askGuard(other.db, reports, { keysPerRange: 2 })).violations).toBe(5);
    await other.close();
  });
});

describe('a run', () => {
  test('keeps what it found, with its kind and when', async () => {
    const now = seconds(0);
    const results = await runGuards(database.db, [sound, wrong], { now });
    expect(results.map(({ name, violations }) => [name, violations])).toEqual([
      ['sound', 0],
      ['wrong', 12],
    ]);
    const kept = await readResults(database.db);
    expect(kept.get('wrong')).toMatchObject({ kind: 'law', violations: 12, sample: [{ number: 1 }, {}, {}, {}, {}] });
    expect(kept.get('wrong')!.checkedAt.getTime()).toBeGreaterThanOrEqual(now.getTime());
  });

  test('shows a guard that cannot be run as broken, with the error, and goes on with the others', async () => {
    const results = await runGuards(database.db, [failing, sound], { now: seconds(0) });
    expect(results).toMatchObject([
      { name: 'failing', violations: 1, sample: [{ error: 'division by zero' }] },
      { name: 'sound', violations: 0 },
    ]);
  });

  test('shows a guard that takes too long as broken', async () => {
    const slow: Guard = {
      name: 'slow',
      kind: 'law',
      scope: 'process',
      words: NOTHING_WRONG,
      rows: () => Promise.reject(Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' })),
    };
    expect(await runGuards(database.db, [slow], { now: seconds(0) })).toMatchObject([{ violations: 1 }]);
  });

  test('is not about a database that is away: that is no violation', async () => {
    const other = await testDatabase();
    await other.close();
    await expect(runGuards(other.db, [sound], { now: seconds(0) })).rejects.toThrow();
  });

  test('asks once more when a connection broke, and shows what breaks again as broken', async () => {
    let asked = 0;
    const breaking = (times: number): Guard => ({
      name: 'breaking',
      kind: 'law',
      scope: 'process',
      words: NOTHING_WRONG,
      rows: () => {
        asked += 1;
        return asked > times ? [] : Promise.reject(Object.assign(new Error('cut'), { code: 'ECONNRESET' }));
      },
    });
    expect(await runGuards(database.db, [breaking(1)], { now: seconds(0), all: true })).toMatchObject([{ violations: 0 }]);
    asked = 0;
    expect(await runGuards(database.db, [breaking(2)], { now: seconds(1), all: true })).toMatchObject([
      { violations: 1, sample: [{ error: 'cut' }] },
    ]);
  });

  test('leaves a guard to rest fifty times as long as it took, unless all are asked', async () => {
    const earlier: GuardResult = { name: 'sound', kind: 'law', violations: 3, sample: [], checkedAt: seconds(0), tookMs: 400, ...never };
    await keepResults(database.db, [earlier]);
    expect(await runGuards(database.db, [sound], { now: seconds(19) })).toEqual([]);
    expect(await runGuards(database.db, [sound], { now: seconds(19), all: true })).toHaveLength(1);
    await database.owner.deleteFrom('guard_result').execute();
    await keepResults(database.db, [earlier]);
    expect(await runGuards(database.db, [sound], { now: seconds(20) })).toHaveLength(1);
  });

  test('asks nothing twice within half its interval, whichever process runs it', async () => {
    await keepResults(database.db, [{ name: 'sound', kind: 'law', violations: 0, sample: [], checkedAt: seconds(0), tookMs: 0, ...never }]);
    expect(await runGuards(database.db, [sound], { now: seconds(2), intervalMs: 5000 })).toEqual([]);
    expect(await runGuards(database.db, [sound], { now: seconds(3), intervalMs: 5000 })).toHaveLength(1);
  });

  test('does not put an older result in the place of a later one', async () => {
    const result = { name: 'sound', kind: 'law' as const, sample: [], tookMs: 0, ...never };
    await keepResults(database.db, [{ ...result, violations: 2, checkedAt: seconds(9) }]);
    await keepResults(database.db, [{ ...result, violations: 1, checkedAt: seconds(5) }]);
    expect((await readResults(database.db)).get('sound')!.violations).toBe(2);
  });

  test('tells Prometheus', async () => {
    const registry = new Registry();
    await runGuards(database.db, [wrong], { now: seconds(0), metrics: guardMetrics(registry) });
    const text = await registry.metrics();
    expect(text).toContain('fenyong_guard_violations{guard="wrong",kind="law"} 12');
    expect(text).toMatch(/fenyong_guard_checked_timestamp_seconds\{guard="wrong"\} 17802720\d\d/);
    expect(text).toMatch(/fenyong_guard_full_timestamp_seconds\{guard="wrong"\} 17802720\d\d/);
    expect(text).toContain('fenyong_due_work{work="deliveries"} 0');
  });

  test('tells Prometheus also what another process has found', async () => {
    await runGuards(database.db, [wrong], { now: seconds(0) });
    const registry = new Registry();
    await runGuards(database.db, [], { now: seconds(0), metrics: guardMetrics(registry) });
    expect(await registry.metrics()).toContain('fenyong_guard_violations{guard="wrong",kind="law"} 12');
  });
});

test('a result is stale once nobody can be running the guards any more', () => {
  const result: GuardResult = { name: 'x', kind: 'law', violations: 0, sample: [], checkedAt: seconds(0), tookMs: 1000, ...never };
  expect(isStale(result, seconds(15 * 60 + 100))).toBe(false);
  expect(isStale(result, seconds(15 * 60 + 101))).toBe(true);
});
