// What one order may be, and how the times of its reports are read, whatever is sent.
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { furnishedDoor, message, report, type Door } from './door.ts';

let door: Door;

beforeAll(async () => {
  door = await furnishedDoor();
  await sql`insert into merchant_version (merchant_id, version, effective_from, recorded_at, name, currency, landing_hosts, hold_days, policy)
    select merchant_id, 1, '-infinity', now(), merchant_id, 'CNY', '{}', 7, '{"clock_skew_seconds": 300}'
    from merchant where merchant_id = 'm1' on conflict do nothing`.execute(door.database.owner);
});

afterAll(() => door.close());

const lines = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ line_id: `${from + index}`, product_id: 'p1', paid_amount: 100 }));

const isTooLarge = async (orderId: string) => {
  const { rows } = await sql<{ is_too_large: boolean }>`select is_too_large from orders where order_id = ${orderId}`.execute(
    door.database.owner,
  );
  return rows[0]?.is_too_large;
};

test('a report that would make its order too large waits, and so does the order, in whatever order they come', async () => {
  for (const [orderId, parts] of [
    ['forth', [lines(0, 400), lines(400, 400)]],
    ['back', [lines(400, 400), lines(0, 400)]],
  ] as const) {
    for (const [index, part] of parts.entries()) {
      await door.push('sw', message(report(orderId, { lines: part, observed_at: `2026-06-01T10:00:0${index}Z` })));
      await door.work();
    }
    expect(await door.latest('sw')).toMatchObject({ state: 'parked', reason: 'order_too_large' });
    expect(await isTooLarge(orderId)).toBe(true);
    // A whole report says what is there, and lets in what was too much.
    await door.push('sw', message(report(orderId, { whole: ['lines'], lines: lines(0, 10), observed_at: '2026-06-01T11:00:00Z' })));
    await door.work();
    expect((await door.deliveries(`source_id = 'sw' and state = 'parked'`)).length).toBe(0);
    expect(await isTooLarge(orderId)).toBe(false);
    expect((await door.order('sw', orderId))!.merged.lines).toHaveLength(800);
  }
});

test('a report of a thousand lines is taken and waits; one of more is refused', async () => {
  const key = await door.key('storefront');
  const send = (count: number) =>
    door.call('POST', '/v1/orders', { ...report('huge', {}), merchant_id: 'm1', lines: lines(0, count) }, { key });
  expect((await send(1001)).status).toBe(400);
  expect((await send(1000)).status).toBe(202);
  await door.work();
  expect(await door.latest('rest')).toMatchObject({ state: 'parked', reason: 'order_too_large' });
  expect(await door.order('rest', 'huge')).toBeUndefined();
});

test('an order is of no more money than books can hold', async () => {
  const key = await door.key('storefront');
  const paid = (orderId: string, ...amounts: number[]) => {
    const told = amounts.map((paid_amount, index) => ({ line_id: `${orderId}-${index}-${paid_amount}`, paid_amount }));
    return door.call('POST', '/v1/orders', { ...report('rich', {}), merchant_id: 'm1', lines: told }, { key });
  };
  expect((await paid('a', 2 ** 53 - 1)).status).toBe(400);
  expect((await paid('a', 10 ** 13, 10 ** 13)).status).toBe(400);
  for (const part of ['a', 'b']) expect((await paid(part, 10 ** 13)).status).toBe(202);
  await door.work();
  expect(await door.latest('rest')).toMatchObject({ state: 'parked', reason: 'order_too_large' });
});

test('a time beyond what clocks may differ counts as the receipt, the same in every replay', async () => {
  const ahead = new Date(Date.now() + 3_600_000).toISOString();
  await door.push('sw', message(report('ahead', { scene: 'later', observed_at: ahead })));
  await door.work();
  const stamp = async () => (await door.order('sw', 'ahead'))!.merged.scene![1];
  const first = await stamp();
  expect(first).toBeLessThan(Date.now());
  const { rows } = await sql<{ is_ahead: boolean; clock_skew_seconds: number }>`
    select is_ahead, clock_skew_seconds from delivery where is_ahead`.execute(door.database.owner);
  expect(rows).toEqual([{ is_ahead: true, clock_skew_seconds: 300 }]);
  await sql`insert into merchant_version (merchant_id, version, effective_from, recorded_at, name, currency, landing_hosts, hold_days, policy)
    values ('m1', 2, '2020-01-01', now(), 'm1', 'CNY', '{}', 7, '{"clock_skew_seconds": 7200}')`.execute(door.database.owner);
  await sql`update delivery set state = 'received', finished_at = null, next_attempt_at = now() where is_ahead`.execute(
    door.database.owner,
  );
  await door.work();
  expect(await stamp()).toBe(first);
});

test('an uploaded row without a time of its own brings back nothing that a whole report did not list', async () => {
  const told = report('gone', { whole: ['lines'], lines: lines(2, 1), observed_at: new Date(Date.now() - 60_000).toISOString() });
  await door.push('sw', message(told));
  await door.work();
  const row = JSON.stringify({ order_id: 'gone', merchant_id: 'm1', whole: true, lines: lines(1, 1) });
  await sql`
    insert into delivery (delivery_id, source_id, origin, body, body_hash, headers, received_at, next_attempt_at)
    values (gen_random_uuid(), 'sw', 'upload', ${Buffer.from(row)}, sha256(${Buffer.from(row)}), '{}', now(), now())`.execute(
    door.database.owner,
  );
  await door.work();
  const { merged } = (await door.order('sw', 'gone'))!;
  const [row1, row2] = merged.lines;
  expect([row1!.lineId, row2!.lineId]).toEqual(['1', '2']);
  expect(row1!.toldAt).toBe(merged.whole.lines! - 1);
  expect(merged.whole.lines).toBe(row2!.toldAt);
});
