// Reports merged into orders, set-wise, by whoever comes first.
import { createHash } from 'node:crypto';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { lift } from '../../src/core/merge.ts';
import type { MergedOrder } from '../../src/core/merged.ts';
import { canonicalReport } from '../../src/core/report.ts';
import { mergeIntoOrders, relativesOf, type OrderReport } from '../../src/orders/merge-store.ts';
import { lockOrders, type OrderId } from '../../src/orders/order-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { BOUNDS, readAs } from '../core/reading.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await sql`insert into merchant (merchant_id, made_at) values ('m1', now()), ('m2', now())`.execute(database.db);
});

afterAll(() => database.close());

function mergedOf(orderId: string, fields: object): MergedOrder {
  const parsed = canonicalReport.parse({ merchant_id: 'm1', order_id: orderId, observed_at: '2026-06-01T10:00:00Z', ...fields });
  const report = readAs(parsed, { receivedAt: new Date() });
  return lift(report, createHash('sha256').update(JSON.stringify(fields)).digest('hex'), 'all');
}

async function reportOf(orderId: string, fields: object = {}, { merchantId = 'm1', sourceId = 'rest' } = {}): Promise<OrderReport> {
  const deliveryId = uuidv7(Date.now());
  const hash = createHash('sha256').update(deliveryId).digest();
  await sql`
    insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, next_attempt_at)
    values (${deliveryId}, ${sourceId}, ${merchantId}, 'rest', '', ${hash}, '{}', now(), now())`.execute(database.db);
  return { merchantId, sourceId, orderId, merged: mergedOf(orderId, fields), deliveryId, ordinal: 0 };
}

const mergeAll = async (reports: OrderReport[]) =>
  (await inTransaction(database.db, ({ trx, now }) => mergeIntoOrders(trx, reports, now, BOUNDS))).touched;

const locked = async (names: OrderId[]) => [...(await inTransaction(database.db, ({ trx }) => lockOrders(trx, names))).values()];

const found = async (orderId: string) => (await locked([{ merchantId: 'm1', sourceId: 'rest', orderId }]))[0]!;

test('several reports of one order in a batch are one order', async () => {
  const touched = await mergeAll([await reportOf('several', { status: 'paid' }), await reportOf('several', { status: 'completed' })]);
  expect(touched).toHaveLength(1);
  expect((await found('several')).merged.status).toBe('completed');
});

test('an order of one id is another order of another merchant and of another source', async () => {
  const places = [{}, { merchantId: 'm2' }, { sourceId: 's1' }];
  const touched = await mergeAll(await Promise.all(places.map((place) => reportOf('same', { status: 'paid' }, place))));
  expect(new Set(touched.map((order) => order.orderKey)).size).toBe(3);
  const ofMerchants = ['m1', 'm2'].map((merchantId) => ({ merchantId, sourceId: 'rest', orderId: 'same' }));
  expect(await locked(ofMerchants)).toHaveLength(2);
});

test('a report that says nothing new leaves its order unchanged', async () => {
  const report = await reportOf('unchanged', { status: 'paid', lines: [{ line_id: '1', paid_amount: 5 }] });
  await mergeAll([report]);
  const before = await found('unchanged');
  const [touched] = await mergeAll([{ ...(await reportOf('unchanged')), merged: report.merged }]);
  expect(touched).toMatchObject({ orderKey: before.orderKey, changed: false });
  expect(await found('unchanged')).toEqual(before);
});

test('two who make the same order at the same moment both have their say', async () => {
  for (let round = 0; round < 10; round++) {
    const id = `race-${round}`;
    const reports = await Promise.all([
      reportOf(id, { status: 'paid', click_token: 'a' }),
      reportOf(id, { status: 'paid', click_token: 'b' }),
      reportOf(id, { refunds: [{ refund_id: 'r1', amount: 1 }] }),
    ]);
    const touched = await Promise.all(reports.map((report) => mergeAll([report])));
    expect(new Set(touched.flat().map((order) => order.orderKey)).size).toBe(1);
    const { merged } = await found(id);
    expect(merged.clickTokens.map(([token]) => token)).toEqual(['a', 'b']);
    expect(merged.refunds).toHaveLength(1);
  }
});

test('two who merge the same orders in opposite order do not lock each other out', async () => {
  const ids = Array.from({ length: 30 }, (_, i) => `crossed-${i}`);
  const made = await Promise.all(ids.map((id) => reportOf(id, { status: 'created' })));
  const paid = await Promise.all(ids.map((id) => reportOf(id, { status: 'paid' })));
  await Promise.all([mergeAll(made), mergeAll(paid.toReversed())]);
  await Promise.all([mergeAll(made.toReversed()), mergeAll(paid)]);
  for (const id of ids) expect((await found(id)).merged.status).toBe('paid');
});

test('the columns say what the merged state says', async () => {
  await mergeAll([
    await reportOf('columns', {
      status: 'paid',
      currency: 'CNY',
      paid_at: '2026-06-02T00:00:00Z',
      deposit_paid_at: '2026-06-01T00:00:00Z',
      void: { reason: 'r' },
      parent: { order_id: 'p', kind: 'gift' },
    }),
    await reportOf('columns', { currency: 'USD' }),
  ]);
  const { rows } = await sql`
    select status, is_void, currency, currency_conflict, attribution_at, parent_order_id, parent_kind from orders where order_id = 'columns'`.execute(
    database.db,
  );
  expect(rows).toEqual([
    {
      status: 'paid',
      is_void: true,
      currency: null,
      currency_conflict: true,
      attribution_at: new Date('2026-06-01T00:00:00Z'),
      parent_order_id: 'p',
      parent_kind: 'gift',
    },
  ]);
});

test('ids and texts with quotes, backslashes, commas and braces arrive as they are', async () => {
  const odd = String.raw`"a",{b}\c NULL 'd' 订单`;
  await mergeAll([await reportOf(odd, { status: 'paid', link_code: odd, void: { reason: `${odd}\n` } })]);
  const { merged } = await found(odd);
  expect(merged).toMatchObject({ linkCodes: [[odd, expect.any(Number)]], void: [`${odd}\n`, expect.any(Number), expect.any(String)] });
});

test('nothing to merge touches nothing', async () => {
  expect(await mergeAll([])).toEqual([]);
  expect(await relativesOf(database.db, [])).toEqual([]);
});
