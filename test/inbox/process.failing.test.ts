// What cannot be processed holds nobody up, and several who process at once do not disturb each
// other.
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { processDeliveries } from '../../src/inbox/process.ts';
import { ADAPTERS, furnishedDoor, message, report, type Door } from './door.ts';
import { BOUNDS } from '../core/reading.ts';

let door: Door;

beforeAll(async () => {
  door = await furnishedDoor();
});

afterAll(() => door.close());

/** Lets every new order whose id begins with `poison` fail in this way when it is written. */
async function poison(how: string): Promise<void> {
  await sql`create or replace function poison() returns trigger language plpgsql as $$
    begin if new.order_id like 'poison%' then ${sql.raw(how)}; end if; return new; end $$`.execute(door.database.owner);
  await sql`create trigger poison before insert on orders for each row execute function poison()`.execute(door.database.owner);
}

describe('what cannot be processed', () => {
  afterEach(async () => {
    await sql`drop trigger if exists poison on orders`.execute(door.database.owner);
    await sql`update delivery set next_attempt_at = now() where state = 'received'`.execute(door.database.owner);
    await door.work();
  });

  test.each([
    ['no JSON', '{"type":', 'JSON'],
    ['a report with faults', message({ order_id: 'x', status: 'shipped' }), 'status'],
    ['a report of another merchant', message(report('x', { merchant_id: 'm2' })), 'm2'],
    ['a report about another source', message(report('x', { source_id: 'shop' })), 'shop'],
  ])('%s fails at once, with its reason, and can be replayed', async (_, body, reason) => {
    expect((await door.push('sw', body)).status).toBe(200);
    await door.work();
    const failed = await door.latest('sw');
    expect(failed).toMatchObject({ state: 'failed', attempts: 0 });
    expect(failed.error).toContain(reason);
    await door.call('POST', `/v1/deliveries/${failed.delivery_id}/replays`);
    await door.work();
    expect((await door.latest('sw')).state).toBe('failed');
  });

  test('a delivery that fails unexpectedly holds nobody up, is tried again, and is given up in the end', async () => {
    await poison(`raise exception 'this order cannot be written'`);
    for (let i = 0; i < 10; i++) await door.push('sw', message(report(i === 4 ? 'poison' : `neighbour-${i}`)));
    await door.work();
    for (let i = 0; i < 10; i++) if (i !== 4) expect(await door.order('sw', `neighbour-${i}`)).toBeDefined();
    const [poisoned] = await door.deliveries("error like '%this order cannot be written%'");
    expect(poisoned).toMatchObject({ state: 'received', attempts: 1 });
    for (let attempt = 2; attempt <= 8; attempt++) {
      await sql`update delivery set next_attempt_at = now() where delivery_id = ${poisoned!.delivery_id}`.execute(door.database.owner);
      await door.work();
    }
    expect(await door.deliveries(`delivery_id = '${poisoned!.delivery_id}'`)).toMatchObject([{ state: 'failed', attempts: 8 }]);

    await sql`drop trigger poison on orders`.execute(door.database.owner);
    await door.call('POST', `/v1/deliveries/${poisoned!.delivery_id}/replays`);
    await door.work();
    expect(await door.order('sw', 'poison')).toBeDefined();
    expect(await door.deliveries(`delivery_id = '${poisoned!.delivery_id}'`)).toMatchObject([{ state: 'processed', error: null }]);
  });

  test('a delivery that is tried again is tried by itself, so that its new neighbours do not wait for it', async () => {
    await poison(`raise exception 'this order cannot be written'`);
    await door.push('sw', message(report('poison-again')));
    await door.work();
    await sql`update delivery set next_attempt_at = now() where attempts = 1 and state = 'received'`.execute(door.database.owner);
    for (let i = 0; i < 3; i++) await door.push('sw', message(report(`later-${i}`)));
    await sql`create table batch_of (order_id text, xid text)`.execute(door.database.owner);
    await sql`create or replace function note_batch() returns trigger language plpgsql security definer as $$
      begin insert into batch_of values (new.order_id, pg_current_xact_id()::text); return new; end $$`.execute(door.database.owner);
    await sql`create trigger note_batch before insert on orders for each row execute function note_batch()`.execute(door.database.owner);
    await door.work();
    const { rows } = await sql<{ order_id: string; xid: string }>`select * from batch_of`.execute(door.database.owner);
    await sql`drop trigger note_batch on orders; drop table batch_of`.execute(door.database.owner);
    expect(rows.map((row) => row.order_id).toSorted()).toEqual(['later-0', 'later-1', 'later-2']);
    expect(new Set(rows.map((row) => row.xid)).size).toBe(1);
    expect(await door.deliveries(`state = 'received'`)).toMatchObject([{ attempts: 2 }]);
  });

  test('a delivery that takes too long is parted from its neighbours, and is tried longer than others before it is given up', async () => {
    await poison(`raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled'`);
    for (let i = 0; i < 5; i++) await door.push('sw', message(report(i === 2 ? 'poison-slow' : `quick-${i}`)));
    await door.work();
    for (let i = 0; i < 5; i++) if (i !== 2) expect(await door.order('sw', `quick-${i}`)).toBeDefined();
    const [slow] = await door.deliveries(`error like '%statement timeout%'`);
    expect(slow).toMatchObject({ state: 'received', attempts: 1 });
    for (const [attempts, state] of [
      [8, 'received'],
      [23, 'failed'],
    ] as const) {
      await sql`update delivery set next_attempt_at = now(), attempts = ${attempts} where delivery_id = ${slow!.delivery_id}`.execute(
        door.database.owner,
      );
      await door.work();
      expect(await door.deliveries(`delivery_id = '${slow!.delivery_id}'`)).toMatchObject([{ state, attempts: attempts + 1 }]);
    }
  });

  test('a delivery that stands in the way of another is put off, and nothing is given up for it', async () => {
    await poison(`raise exception 'canceling statement due to lock timeout' using errcode = 'lock_not_available'`);
    for (const id of ['poison-lock', 'bystander']) await door.push('sw', message(report(id)));
    await processDeliveries({ db: door.database.db, adapters: ADAPTERS, identityKey: door.identityKey, bounds: BOUNDS });
    expect(await door.deliveries(`error like '%lock timeout%'`)).toMatchObject([
      { state: 'received', attempts: 0 },
      { state: 'received', attempts: 0 },
    ]);
    await sql`drop trigger poison on orders`.execute(door.database.owner);
    await sql`update delivery set next_attempt_at = now() where state = 'received'`.execute(door.database.owner);
    await door.work();
    expect(await door.order('sw', 'bystander')).toBeDefined();
  });

  test('a worker that dies in the middle leaves everything to the next one', async () => {
    await door.push('sw', message(report('interrupted')));
    await sql`create or replace function poison() returns trigger language plpgsql security definer as $$
      begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$`.execute(door.database.owner);
    await sql`create trigger poison before insert on orders for each row execute function poison()`.execute(door.database.owner);
    await expect(
      processDeliveries({ db: door.database.db, adapters: ADAPTERS, identityKey: door.identityKey, bounds: BOUNDS }),
    ).rejects.toThrow();
    await sql`drop trigger poison on orders`.execute(door.database.owner);
    expect(await door.latest('sw')).toMatchObject({ state: 'received', attempts: 0 });
    await door.work();
    expect(await door.order('sw', 'interrupted')).toBeDefined();
  });
});

describe('several workers', () => {
  test('at once lose no report and do none twice', async () => {
    const orders = Array.from({ length: 20 }, (_, i) => `crowd-${i}`);
    const statuses = ['created', 'paid', 'completed'];
    await Promise.all(
      orders.flatMap((id) =>
        statuses.map((status, n) =>
          door.push(
            'sw',
            message(report(id, { status, refunds: [{ refund_id: `r${n}`, amount: 100 }], observed_at: `2026-06-01T10:00:0${n}Z` })),
          ),
        ),
      ),
    );
    const deps = { db: door.database.db, adapters: ADAPTERS, identityKey: door.identityKey, bounds: BOUNDS };
    const taken = await Promise.all(
      Array.from({ length: 4 }, async () => {
        let all = 0;
        for (let batch = 1; batch > 0; all += batch) batch = await processDeliveries(deps, 7);
        return all;
      }),
    );
    expect(taken.reduce((all, one) => all + one, 0)).toBeGreaterThanOrEqual(60);
    for (const id of orders) {
      const { merged } = (await door.order('sw', id))!;
      expect(merged).toMatchObject({ status: 'completed', refunds: [{ refundId: 'r0' }, { refundId: 'r1' }, { refundId: 'r2' }] });
    }
    const { rows } = await sql`
      select from order_report join orders using (order_key) where order_id like 'crowd-%'`.execute(door.database.owner);
    expect(rows).toHaveLength(60);
  });
});
