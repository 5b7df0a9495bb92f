// The habits of sources, learned from planted histories, and what is a silence by them.

import { sql, type Transaction } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ALARMS_OF_SOURCES } from '../../../src/guards/alarms/alarms-of-sources.ts';
import { askGuard } from '../../../src/guards/check.ts';
import { foldHabits } from '../../../src/guards/alarms/habits.ts';
import type { DB } from '../../../src/platform/postgres/tables.ts';
import { testDatabase, type TestDatabase } from '../../harness.ts';
import { tampering } from '../plant.ts';
import { tellPairs } from '../signs-of-sources.ts';
import { deliver, tellOrder } from '../signs.ts';
import { foundWorld } from '../world.ts';
import { HOUR_MS } from '../../../src/platform/durations.ts';

const MINUTE = 1 / 1440;
const WEEK_HOURS = 168;

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await foundWorld(database.owner);
});

afterAll(() => database.close());

const hourBegins = (time: number) => Math.floor(time / HOUR_MS) * HOUR_MS;
const hourOfWeek = (time: number) => Math.floor(time / HOUR_MS) % WEEK_HOURS;

/** Reports of shop1 at these moments. */
async function deliverAt(trx: Transaction<DB>, times: readonly number[]): Promise<void> {
  for (const time of times) await deliver(trx, (Date.now() - time) / (24 * HOUR_MS));
}

async function foldAll(trx: Transaction<DB>, now: number): Promise<void> {
  for (let folded = true; folded;) folded = await foldHabits(trx, new Date(now));
}

async function habitOf(trx: Transaction<DB>, hour: number) {
  const { rows } = await sql<{ hours: number; busy: number; deliveries: bigint }>`
    select hours, busy, deliveries from source_habit where source_id = 'shop1' and hour_of_week = ${hour}`.execute(trx);
  return rows[0];
}

async function silences(trx: Transaction<DB>): Promise<unknown[]> {
  const silent = ALARMS_OF_SOURCES.find(({ name }) => name === 'silent_sources')!;
  return (await askGuard(trx, silent)).sample.map(({ source_id: sourceId }) => sourceId);
}

async function violations(trx: Transaction<DB>, alarm: string): Promise<number> {
  return (
    await askGuard(
      trx,
      ALARMS_OF_SOURCES.find(({ name }) => name === alarm)!,
    )
  ).violations;
}

/**
 * Four weeks in which shop1 sent so much in an hour of the week, learned; the weeks are those
 * before the hour that runs now.
 */
async function learn(trx: Transaction<DB>, perHour: (hour: number) => { hours: number; busy: number; deliveries: number }): Promise<void> {
  for (let hour = 0; hour < WEEK_HOURS; hour++) {
    await trx
      .insertInto('source_habit')
      .values({ source_id: 'shop1', hour_of_week: hour, ...perHour(hour), deliveries: BigInt(perHour(hour).deliveries) })
      .execute();
  }
}

describe('folding', () => {
  test('counts every hour that is over once, silent ones too, however often it is done', async () => {
    await tampering(database.owner, async (trx) => {
      const now = Date.now();
      const lastHour = hourBegins(now) - 30 * HOUR_MS;
      await deliverAt(trx, [lastHour + 1000, lastHour + 2000, lastHour + HOUR_MS - 1000, lastHour - 7 * 24 * HOUR_MS + 1000]);
      await foldAll(trx, now);
      const learned = { hours: 4, busy: 2, deliveries: 4n };
      expect(await habitOf(trx, hourOfWeek(lastHour))).toEqual(learned);
      expect(await habitOf(trx, hourOfWeek(lastHour + HOUR_MS))).toEqual({ hours: 4, busy: 0, deliveries: 0n });
      await foldAll(trx, now);
      expect(await habitOf(trx, hourOfWeek(lastHour))).toEqual(learned);
    });
  });

  test('begins where the last fold ended, and leaves an hour that may still be written', async () => {
    await tampering(database.owner, async (trx) => {
      const hour = hourBegins(Date.now()) - 50 * HOUR_MS;
      await foldAll(trx, hour + 10 * 60_000);
      const before = await habitOf(trx, hourOfWeek(hour));
      await deliverAt(trx, [hour + HOUR_MS - 1000]);
      expect(await foldHabits(trx, new Date(hour + HOUR_MS + 4 * 60_000))).toBe(false);
      expect(await foldHabits(trx, new Date(hour + HOUR_MS + 6 * 60_000))).toBe(true);
      expect(await habitOf(trx, hourOfWeek(hour))).toEqual({
        hours: before!.hours + 1,
        busy: 1,
        deliveries: 1n,
      });
    });
  });

  test('forgets: what is long ago counts ever less', async () => {
    await tampering(database.owner, async (trx) => {
      await learn(trx, () => ({ hours: 8, busy: 8, deliveries: 800 }));
      const now = hourBegins(Date.now()) + 10 * 60_000;
      await sql`insert into habit_fold (up_to) values (${new Date(hourBegins(now) - HOUR_MS)})`.execute(trx);
      await foldAll(trx, now);
      expect(await habitOf(trx, hourOfWeek(now - HOUR_MS))).toEqual({ hours: 5, busy: 4, deliveries: 400n });
    });
  });

  test('does not count hours in which a source was not there yet', async () => {
    await tampering(database.owner, async (trx) => {
      await sql`update source set made_at = ${new Date(hourBegins(Date.now()) - 3 * HOUR_MS)} where source_id = 'shop1'`.execute(trx);
      await foldAll(trx, hourBegins(Date.now()) + 10 * 60_000);
      const { rows } = await sql`select from source_habit where source_id = 'shop1'`.execute(trx);
      expect(rows).toHaveLength(3);
    });
  });
});

describe('a source that is known', () => {
  test('is missed when ten of its reports should have come', async () => {
    await tampering(database.owner, async (trx) => {
      await learn(trx, () => ({ hours: 4, busy: 4, deliveries: 4 * 10 }));
      await deliver(trx, 70 * MINUTE);
      expect(await silences(trx)).toEqual(['shop1']);
    });
  });

  test('is not missed while fewer should have come', async () => {
    await tampering(database.owner, async (trx) => {
      await learn(trx, () => ({ hours: 4, busy: 4, deliveries: 4 * 10 }));
      await deliver(trx, 50 * MINUTE);
      expect(await silences(trx)).toEqual([]);
    });
  });

  test('may sleep in the hours in which it always sleeps, however busy its days are', async () => {
    await tampering(database.owner, async (trx) => {
      const sleeps = new Set(Array.from({ length: 9 }, (_, back) => hourOfWeek(Date.now() - back * HOUR_MS)));
      await learn(trx, (hour) => (sleeps.has(hour) ? { hours: 4, busy: 0, deliveries: 0 } : { hours: 4, busy: 4, deliveries: 4000 }));
      for (let n = 0; n < 30; n++) await deliver(trx, (8 * 60 + n) * MINUTE);
      expect(await silences(trx)).toEqual([]);
    });
  });

  test('has no habit of one busy evening', async () => {
    await tampering(database.owner, async (trx) => {
      await learn(trx, () => ({ hours: 4, busy: 2, deliveries: 4000 }));
      await deliver(trx, 120 * MINUTE);
      expect(await silences(trx)).toEqual([]);
    });
  });

  test('is measured by its last gaps until each hour of the week was seen three times', async () => {
    await tampering(database.owner, async (trx) => {
      await learn(trx, (hour) => ({ hours: hour === 0 ? 2 : 4, busy: hour === 0 ? 2 : 4, deliveries: 4000 }));
      await deliver(trx, 120 * MINUTE);
      expect(await silences(trx)).toEqual([]);
      for (let n = 1; n < 30; n++) await deliver(trx, (120 + n) * MINUTE);
      expect(await silences(trx)).toEqual(['shop1']);
    });
  });
});

test('a source that never had a habit is not missed', async () => {
  await tampering(database.owner, async (trx) => {
    for (let n = 0; n < 15; n++) await deliver(trx, 3 + n * MINUTE);
    expect(await silences(trx)).toEqual([]);
  });
});

test('a source that takes its time is given twice as much before an order of its is missed', async () => {
  await tampering(database.owner, async (trx) => {
    await tellPairs(trx, 20, 30);
    await tellOrder(trx, 'soon', [{ by: 'rest', days: 55 * MINUTE }], { paid: false });
    expect(await violations(trx, 'missing_webhooks')).toBe(0);
    await tellOrder(trx, 'late', [{ by: 'rest', days: 65 * MINUTE }], { paid: false });
    expect(await violations(trx, 'missing_webhooks')).toBe(1);
  });
});

test('a source that never pushed has no subscription to lose', async () => {
  await tampering(database.owner, async (trx) => {
    for (let n = 0; n < 9; n++) await tellOrder(trx, `o${n}`, [{ by: 'shop1', days: 60 * MINUTE, origin: 'pull' }]);
    expect(await violations(trx, 'subscriptions_alive')).toBe(0);
  });
});

test('what a pull tells anew of orders that were pushed says nothing about the subscription', async () => {
  await tampering(database.owner, async (trx) => {
    for (let n = 0; n < 9; n++) {
      await tellOrder(trx, `o${n}`, [
        { by: 'shop1', days: 120 * MINUTE },
        { by: 'shop1', days: 60 * MINUTE, origin: 'pull' },
      ]);
    }
    expect(await violations(trx, 'subscriptions_alive')).toBe(0);
  });
});
