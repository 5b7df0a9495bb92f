// What cannot be processed holds nobody up, and several who process at once do not disturb each other.
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { processDeliveries } from '../../src/inbox/process.ts';
import { ADAPTERS, furnishedDoor, message, report, type Door } from './door.ts';

let door: Door;

beforeAll(async () => {
  door = await furnishedDoor();
});

afterAll(() => door.close());

describe('what cannot be processed', () => {
  afterEach(() => sql`drop trigger if exists poison on orders`.execute(door.database.owner));

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
    await sql`create or replace function poison() returns trigger language plpgsql as $$
      begin if new.order_id = 'poison' then raise exception 'this order cannot be written'; end if; return new; end $$`.execute(
      door.database.owner,
    );
    await sql`create trigger poison before insert on orders for each row execute function poison()`.execute(door.database.owner);
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

  test('a worker that dies in the middle leaves everything to the next one', async () => {
    await door.push('sw', message(report('interrupted')));
    await sql`create or replace function poison() returns trigger language plpgsql security definer as $$
      begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$`.execute(door.database.owner);
    await sql`create trigger poison before insert on orders for each row execute function poison()`.execute(door.database.owner);
    await expect(processDeliveries({ db: door.database.db, adapters: ADAPTERS, identityKey: door.identityKey })).rejects.toThrow();
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
    const deps = { db: door.database.db, adapters: ADAPTERS, identityKey: door.identityKey };
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
