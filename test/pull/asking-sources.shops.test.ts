// What a shop pushes and does not tell is asked for, from the push to the merged order, at the
// double of a WooCommerce shop.
import { hash } from 'node:crypto';

import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { MergedOrder } from '../../src/core/merged.ts';
import { viewOrder } from '../../src/core/order.ts';
import { inTrx, storeDeliveries } from '../../src/inbox/delivery-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { wooDouble } from '../sources/doubles/woocommerce.ts';
import { subject } from '../sources/subjects/woocommerce.ts';
import { openPuller, SOURCE, type Puller } from './puller.ts';

const line = (id: number) => ({ id, product_id: id, variation_id: 0, quantity: 1, total: '100.00', total_tax: '20.00' });
const item = { id: 900, total: '-100.00', total_tax: '-20.00', meta_data: [{ key: '_refunded_item_id', value: '2' }] };
const TOLD = { id: 800, date_created_gmt: '2026-06-01T11:00:00', amount: '120.00', line_items: [item], shipping_lines: [], fee_lines: [] };

function order(hour: number, refunds: object[]) {
  const at = `2026-06-01T${hour}:00:00`;
  return {
    id: 727,
    status: 'processing',
    currency: 'CNY',
    date_modified_gmt: at,
    date_paid_gmt: '2026-06-01T10:00:00',
    line_items: [line(1), line(2)],
    refunds,
  };
}

const REFUNDED = order(11, [{ id: 800, reason: '', total: '-120.00' }]);
let puller: Puller;

const open = () =>
  wooDouble(
    'ck_1:cs_1',
    () => REFUNDED,
    () => [TOLD],
  );

beforeEach(async () => {
  puller = await openPuller({ ...subject, open }, null);
});
afterEach(() => puller.close());

async function push(value: object, topic = 'order.updated'): Promise<void> {
  const body = Buffer.from(JSON.stringify(value));
  const headers = { 'x-wc-webhook-topic': topic, 'x-wc-webhook-resource': topic.split('.')[0]! };
  const delivery = {
    deliveryId: uuidv7(Date.now()),
    sourceId: SOURCE,
    merchantId: null,
    origin: 'push' as const,
    body,
    signedId: null,
    headers,
  };
  await inTransaction(puller.database.db, ({ trx }) =>
    storeDeliveries(inTrx(trx), [{ ...delivery, bodyHash: hash('sha256', body, 'buffer') }]),
  );
  await puller.work();
}

async function seen() {
  const { rows } = await sql<{ merged: MergedOrder }>`select merged from orders where order_id = '727'`.execute(puller.database.owner);
  const { void: voided, refunds } = viewOrder(rows[0]!.merged);
  return { voided: voided?.reason ?? null, refunds: Object.fromEntries(refunds.map((one) => [one.refundId, Number(one.amount)])) };
}

test('a refund that a push tells only gross is taken from its line as soon as the shop has told of which', async () => {
  puller.double.put('727', new Date());
  await push(order(10, []));
  await push(REFUNDED);
  expect(await seen()).toEqual({ voided: null, refunds: { 800: 10_000 } });
  expect(await puller.ask()).toEqual([]);
  await puller.work();
  const exact = { voided: null, refunds: { 800: 0, '800-2': 10_000 } };
  expect(await seen()).toEqual(exact);
  // Pushed once more, as shops do within a second.
  await push({ ...REFUNDED, number: '727' });
  expect(await seen()).toEqual(exact);
});

test('a deletion is not believed: the shop is asked, and an order that it still has stays', async () => {
  puller.double.put('727', new Date());
  await push(order(10, []));
  await push({ id: 727 }, 'order.deleted');
  expect((await seen()).voided).toBeNull();
  await puller.ask();
  await puller.work();
  expect((await seen()).voided).toBeNull();
});

test('an order that its shop has deleted is void, and restored when the shop tells of it again', async () => {
  await push(order(10, []));
  await push({ id: 727 }, 'order.deleted');
  await puller.ask();
  await puller.work();
  expect((await seen()).voided).toBe('deleted');
  const later = new Date(Date.now() + 60_000).toISOString().slice(0, 19);
  await push({ ...order(10, []), date_modified_gmt: later });
  expect((await seen()).voided).toBeNull();
});
