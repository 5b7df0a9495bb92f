import { afterAll, beforeAll, expect, test } from 'vitest';

import { listen } from '../outbound/listener.ts';
import { furnishedDoor, message, report, type Door } from './door.ts';

let door: Door;
let heard: () => Promise<{ type: string; data: Record<string, unknown> }[]>;

beforeAll(async () => {
  door = await furnishedDoor();
  const listener = await listen(door.database.owner);
  heard = () => listener.heard('order');
});

afterAll(() => door.close());

async function tell(orderId: string, more: Record<string, unknown> = {}) {
  await door.push('sw', message(report(orderId, more)));
  await door.work();
}

const types = async () => (await heard()).map(({ type }) => type);

test('an order is told of when it is reported, changed, paid, completed and voided', async () => {
  await tell('1', { status: 'created', paid_at: null, observed_at: '2026-06-01T10:00:01Z' });
  expect(await types()).toEqual(['order.reported']);
  await tell('1', { observed_at: '2026-06-01T10:00:02Z' });
  expect(await types()).toEqual(['order.changed', 'order.paid']);
  await tell('1', { observed_at: '2026-06-01T10:00:03Z', refunds: [{ refund_id: 'r1', line_id: '1', amount: 1000 }] });
  expect(await heard()).toMatchObject([{ type: 'order.changed', data: { refunded_amount: 1000 } }]);
  await tell('1', { status: 'completed', observed_at: '2026-06-01T10:00:04Z' });
  expect(await types()).toEqual(['order.changed', 'order.completed']);
  await tell('1', { status: 'completed', void: { reason: 'fraud' }, observed_at: '2026-06-01T10:00:05Z' });
  expect(await heard()).toMatchObject([
    { type: 'order.changed', data: { void: { reason: 'fraud' } } },
    { type: 'order.voided', data: { void: { reason: 'fraud' } } },
  ]);
});

test('an order that is first told of when all is over is told of as everything that it is', async () => {
  await tell('2', { status: 'completed' });
  expect(await types()).toEqual(['order.completed', 'order.paid', 'order.reported']);
});

test('what changes nothing is not told of, and two reports of one order in one batch are one event', async () => {
  await door.push('sw', message(report('3')));
  await door.push('sw', JSON.stringify(message(report('3', { observed_at: '2026-06-01T10:09:00Z' }))));
  await door.work();
  expect(await types()).toEqual(['order.paid', 'order.reported']);
  await door.push('sw', `${JSON.stringify(message(report('3', { observed_at: '2026-06-01T10:09:00Z' })))} `);
  await door.work();
  expect(await types()).toEqual([]);
});

test('the words of an order are those of the API, in minor units, and never its buyer', async () => {
  await tell('4', { buyer: { openid: 'o-secret' } });
  const paid = (await heard()).find(({ type }) => type === 'order.paid');
  expect(paid!.data).toEqual({
    merchant_id: 'm1',
    source_id: 'sw',
    order_id: '4',
    status: 'paid',
    void: false,
    currency: 'CNY',
    created_at: null,
    paid_at: '2026-06-01T10:05:20.000Z',
    completed_at: null,
    attribution_at: '2026-06-01T10:05:20.000Z',
    paid_amount: 9999,
    refunded_amount: 0,
  });
});

test('an order that only a storefront has told evidence of is no event, until its source reports it', async () => {
  const evidence = { ...report('5', { source_id: 'sw', status: undefined, paid_at: undefined }), merchant_id: 'm1', click_token: 'token' };
  expect((await door.call('POST', '/v1/orders', evidence)).status).toBe(202);
  await door.work();
  expect(await types()).toEqual([]);
  await tell('5');
  expect(await types()).toEqual(['order.paid', 'order.reported']);
});
