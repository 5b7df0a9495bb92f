// Guards that read by keys: only what is new for as long as nothing is found, and everything once a
// day.

import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { lookForChanges } from '../../src/guards/changes.ts';
import { law } from '../../src/guards/guard.ts';
import { runGuards } from '../../src/guards/run.ts';
import { readResults } from '../../src/guards/guard-result-store.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { deliver, tellOrder } from './signs.ts';
import { foundWorld } from './world.ts';
import { NOTHING_WRONG } from './wording.ts';
import { HOUR_MS } from '../../src/platform/durations.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await foundWorld(database.owner);
  await database.owner.transaction().execute(async (trx) => {
    for (const id of ['a', 'b', 'c']) await tellOrder(trx, id, [{ by: 'shop1', days: 3 }]);
  });
});

beforeEach(async () => {
  await database.owner.deleteFrom('guard_result').execute();
  await sql`update orders set changed_at = now() - interval '3 days', merged = '{}'`.execute(database.owner);
});

afterAll(() => database.close());

const orders = law('orders', 'orders_sound', `select order_id from orders where within(order_key) and merged ? 'bad'`, NOTHING_WRONG);
const others = law('orders', 'others_sound', `select order_id from orders where within(order_key) and merged ? 'bad'`, NOTHING_WRONG);
const reports = law(
  'deliveries',
  'reports_sound',
  `select delivery_id from delivery where within(delivery_id) and state = 'failed'`,
  NOTHING_WRONG,
);

/** Breaks an order: as something that we did, or behind our back. */
const breakOrder = (orderId: string, { seen }: { seen: boolean }) =>
  sql`update orders set merged = '{"bad":1}', changed_at = case when ${seen} then now() else changed_at end
    where order_id = ${orderId}`.execute(database.owner);

/** A run so many hours after the first. */
async function run(hours: number, guards = [orders]) {
  return runGuards(database.db, guards, { now: new Date(Date.UTC(2026, 5, 1) + hours * HOUR_MS) });
}

const violations = async (hours: number, guards = [orders]) => (await run(hours, guards)).map((result) => result.violations);

describe('a guard that found nothing', () => {
  test('reads what was changed since, and finds what is wrong in it', async () => {
    expect(await violations(0)).toEqual([0]);
    await breakOrder('b', { seen: true });
    expect(await violations(1)).toEqual([1]);
  });

  test('reads what was awarded anew', async () => {
    await run(0);
    await breakOrder('b', { seen: false });
    await sql`insert into award (order_key, merchant_id, revision, state, decisions, awarded_at)
      select order_key, merchant_id, 1, 'none', '{}', now() from orders where order_id = 'b'`.execute(database.owner);
    expect(await violations(1)).toEqual([1]);
    await sql`delete from award`.execute(database.owner);
  });

  test('reads the reports that came since', async () => {
    expect(await violations(0, [reports])).toEqual([0]);
    await database.owner.transaction().execute((trx) => deliver(trx, 3, { state: 'failed', error: 'old' }));
    expect(await violations(1, [reports])).toEqual([0]);
    await database.owner.transaction().execute((trx) => deliver(trx, 0, { state: 'failed', error: 'new' }));
    expect(await violations(2, [reports])).toEqual([1]);
    expect(await violations(3, [reports])).toEqual([2]);
  });

  test('reads everything once a day, so that what nobody changed by us is found, too', async () => {
    await run(0);
    await breakOrder('b', { seen: false });
    expect(await violations(23)).toEqual([0]);
    expect(await violations(24)).toEqual([1]);
  });

  test('has its day on record', async () => {
    await run(0);
    await run(1);
    const { fullAt, checkedAt } = (await readResults(database.db)).get('orders_sound')!;
    expect(checkedAt.getTime() - fullAt!.getTime()).toBeGreaterThan(HOUR_MS / 2);
  });

  test('of several whose day is over one reads everything in a run, so that none is held up for long', async () => {
    await run(0, [orders, others]);
    await breakOrder('b', { seen: false });
    expect((await violations(24, [orders, others])).toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(await violations(25, [orders, others])).toEqual([1, 1]);
  });
});

test('a guard that found something reads everything until it finds nothing any more', async () => {
  await run(0);
  await breakOrder('a', { seen: true });
  await breakOrder('c', { seen: false });
  expect(await violations(1)).toEqual([1]);
  expect(await violations(2)).toEqual([2]);
  await sql`update orders set merged = '{}'`.execute(database.owner);
  expect(await violations(3)).toEqual([0]);
});

test('a run that is asked for reads everything', async () => {
  await run(0);
  await breakOrder('b', { seen: false });
  expect(await runGuards(database.db, [orders], { now: new Date(), all: true })).toMatchObject([{ violations: 1 }]);
});

test('what began a minute ago may end only now, and is looked at once more', async () => {
  const { seenUpTo } = await lookForChanges(database.db, null);
  expect(Date.now() - seenUpTo.getTime()).toBeGreaterThan(55_000);
});
