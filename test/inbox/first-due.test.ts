// From where on due deliveries are looked for: never beyond one that is due.

import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { firstDue, settleFirstDue } from '../../src/inbox/first-due.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { DAY_MS } from '../../src/platform/durations.ts';
import { uuidTime, uuidv7 } from '../../src/platform/uuid.ts';
import { openDoor, report, type Door } from './door.ts';

let door: Door;

beforeAll(async () => {
  door = await openDoor();
  await door.merchant('m1');
});
afterAll(() => door.close());

const YEAR_AGO = Date.now() - 365 * DAY_MS;

/** Puts down what was received so long ago. */
async function receivedAt(at: number, name: string, state: 'received' | 'processed'): Promise<string> {
  const deliveryId = uuidv7(at);
  const body = Buffer.from(JSON.stringify(report(name)));
  await sql`
    insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, next_attempt_at, state, reports,
      finished_at)
    values (${deliveryId}, 'rest', 'm1', 'rest', ${body}, sha256(${body}), '{}', ${new Date(at)}, now(), ${state},
      ${state === 'processed' ? 1 : null}, ${state === 'processed' ? new Date(at) : null})`.execute(door.database.owner);
  return deliveryId;
}

/** When the first that is looked for was received, at the earliest. */
async function lookedFrom(): Promise<number> {
  return Number.parseInt((await firstDue(door.database.db)).replace('-', '').slice(0, 12), 16);
}

beforeEach(() => settleFirstDue(door.database.db));

test('where nothing old is due it is yesterday', async () => {
  expect(await lookedFrom()).toBe(Math.floor(Date.now() / DAY_MS - 1) * DAY_MS);
});

test('an old delivery that is replayed is processed at once', async () => {
  const deliveryId = await receivedAt(YEAR_AGO, 'replayed', 'processed');
  expect((await door.call('POST', `/v1/deliveries/${deliveryId}/replays`)).status).toBe(202);
  expect(await firstDue(door.database.db)).toBe(deliveryId);
  expect(await door.work()).toBe(1);
  expect(await door.order('rest', 'replayed')).toBeDefined();
});

test('what lies before it without having been told of, as of a clock that is late, is found by the next sweep', async () => {
  const deliveryId = await receivedAt(YEAR_AGO, 'late clock', 'received');
  expect(await door.work()).toBe(0);
  await settleFirstDue(door.database.db);
  expect(uuidTime(deliveryId)).toBe(await lookedFrom());
  expect(await door.work()).toBe(1);
  await settleFirstDue(door.database.db);
  expect(await lookedFrom()).toBeGreaterThan(YEAR_AGO);
});

test('it is not raised while an old one is being made due', async () => {
  const deliveryId = await receivedAt(YEAR_AGO, 'being replayed', 'processed');
  await sql`update due_delivery set first_id = ${deliveryId}`.execute(door.database.owner);
  let settled = Promise.resolve();
  await inTransaction(door.database.db, async ({ trx }) => {
    await sql`update delivery set state = 'received', finished_at = null where delivery_id = ${deliveryId}`.execute(trx);
    settled = settleFirstDue(door.database.db);
    const waiting = () =>
      sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(door.database.owner);
    await expect.poll(async () => (await waiting()).rows.length).toBe(1);
  });
  await settled;
  expect(await firstDue(door.database.db)).toBe(deliveryId);
  expect(await door.work()).toBe(1);
});
