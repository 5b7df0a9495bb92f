// What waits for a merchant or for the meaning of a word, and goes on by itself when that is there.
import { afterAll, beforeAll, expect, test } from 'vitest';

import { viewOrder } from '../../src/core/order.ts';
import { unparkExplained } from '../../src/inbox/parking.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { shopify } from '../../src/sources/shopify/adapter.ts';
import type { Adapter } from '../../src/sources/source.ts';
import { furnishedDoor, message, report, workUntilDone, type Door } from './door.ts';
import { BOUNDS } from '../core/reading.ts';

let door: Door;

beforeAll(async () => {
  door = await furnishedDoor();
});

afterAll(() => door.close());

test('a report of a merchant that is not there yet waits, and goes on when the merchant is made', async () => {
  await door.push('union', message(report('early', { merchant_id: 'm9' })));
  await door.work();
  expect(await door.latest('union')).toMatchObject({ state: 'parked', reason: 'unknown_merchant', waits_for: 'merchant:m9' });
  await door.merchant('m9');
  await door.work();
  expect(await door.order('union', 'early')).toMatchObject({ merchant_id: 'm9' });
  expect(await door.latest('union')).toMatchObject({ state: 'processed', waits_for: null });
});

test('a shop that nobody has mapped waits for its mapping, which counts for what was before', async () => {
  await door.push('union', message(report('unmapped', { merchant_id: 'shop-77' })));
  await door.work();
  expect((await door.latest('union')).state).toBe('parked');
  const nudges = door.nudges();
  const put = await door.call('PUT', '/v1/sources/union/mappings/shop/shop-77', { merchant_id: 'm2' });
  expect(put.status).toBe(201);
  expect(door.nudges()).toBe(nudges + 1);
  await door.work();
  expect(await door.order('union', 'unmapped')).toMatchObject({ merchant_id: 'm2' });
});

test('one that is unmapped does not keep the others of its delivery from their orders', async () => {
  const many: Adapter = {
    ...shopify,
    map: () => ['known', 'unknown'].map((shop) => ({ report: { order_id: `${shop}-order`, status: 'paid' as const }, shop, names: [] })),
  };
  await door.call('PUT', '/v1/sources/many', { kind: 'shopify', secrets: { secret: 'hush' } });
  await door.call('PUT', '/v1/sources/many/mappings/shop/known', { merchant_id: 'm1' });
  await door.pushShopify('many', '{"many":1}');
  const deps = { db: door.database.db, adapters: [many], identityKey: door.identityKey, bounds: BOUNDS };
  await workUntilDone(deps);
  expect(await door.order('many', 'known-order')).toBeDefined();
  expect(await door.latest('many')).toMatchObject({ state: 'parked', reason: 'unmapped_shop', waits_for: 'mapping:many/shop/unknown' });
  await door.call('PUT', '/v1/sources/many/mappings/shop/unknown', { merchant_id: 'm2' });
  await workUntilDone(deps);
  expect(await door.order('many', 'unknown-order')).toMatchObject({ merchant_id: 'm2' });
  expect(await door.latest('many')).toMatchObject({ state: 'processed', reports: 2 });
});

test('a report that names no shop is of whoever has the order, and waits for an order that nobody has told yet', async () => {
  const many: Adapter = {
    ...shopify,
    map: ({ body }) => [
      { report: { order_id: 'of-m2', status: 'paid' as const }, shop: body.includes('nameless') ? null : 'second', names: [] },
    ],
  };
  await door.call('PUT', '/v1/sources/shops', { kind: 'shopify', secrets: { secret: 'hush' } });
  await door.call('PUT', '/v1/sources/shops/mappings/shop/second', { merchant_id: 'm2' });
  const deps = { db: door.database.db, adapters: [many], identityKey: door.identityKey, bounds: BOUNDS };
  await door.pushShopify('shops', '{"nameless":1}');
  await workUntilDone(deps);
  const early = await door.latest('shops');
  expect(early).toMatchObject({ state: 'parked', reason: 'unmapped_shop', waits_for: 'owner:shops/of-m2' });
  await door.pushShopify('shops', '{"order":1}');
  await workUntilDone(deps);
  await inTransaction(door.database.db, ({ trx }) => unparkExplained(trx, 100));
  await workUntilDone(deps);
  await door.pushShopify('shops', '{"nameless":2}');
  await workUntilDone(deps);
  expect(await door.deliveries("source_id = 'shops' and state <> 'processed'")).toEqual([]);
  expect(await door.order('shops', 'of-m2')).toMatchObject({ merchant_id: 'm2' });
});

test('what was parked at the very moment in which it was explained is found by the sweep', async () => {
  for (let i = 0; i < 15; i++) {
    await door.push('union', message(report(`race-${i}`, { merchant_id: `race-${i}` })));
    await Promise.all([door.work(), door.merchant(`race-${i}`)]);
  }
  await inTransaction(door.database.db, ({ trx }) => unparkExplained(trx, 100));
  await door.work();
  expect(await door.deliveries("source_id = 'union' and state <> 'processed'")).toEqual([]);
});

test('a promoter in words of the platform is who the mapping says, from when it says so', async () => {
  await door.call('PUT', '/v1/sources/sw/mappings/promoter/kol-1', { promoter_id: 'alice' });
  await door.call('PUT', '/v1/sources/sw/mappings/promoter/kol-1', { promoter_id: 'bob', effective_from: '2026-06-10T00:00:00Z' });
  await door.push('sw', message(report('june-1', { promoter_id: 'kol-1' })));
  await door.push('sw', message(report('june-11', { promoter_id: 'kol-1', paid_at: '2026-06-11T00:00:00Z' })));
  await door.push('sw', message(report('ours', { promoter_id: 'bob' })));
  await door.work();
  const named = async (id: string) => (await door.order('sw', id))!.merged.promoterIds.map(([value]) => value);
  expect(await named('june-1')).toEqual(['alice']);
  expect(await named('june-11')).toEqual(['bob']);
  expect(await named('ours')).toEqual(['bob']);
});

test("a line whose sharer nobody has explained is not the order's sharer's meanwhile, and heals when the mapping arrives", async () => {
  const paid = { status: 'paid' as const, lines: ['1', '2'].map((line_id) => ({ line_id, paid_amount: 100 })) };
  const adapter: Adapter = {
    ...shopify,
    map: () => [
      {
        report: { order_id: 'shared', ...paid, whole: ['evidence'] as const satisfies string[] },
        shop: null,
        names: [
          { type: 'sharer', value: 'of the order' },
          { type: 'sharer', value: 'of the line', lineId: '2' },
        ],
      },
    ],
  };
  await door.call('PUT', '/v1/sources/sharing', { kind: 'shopify', merchant_id: 'm1', secrets: { secret: 'hush' } });
  await door.call('PUT', '/v1/sources/sharing/mappings/sharer/of%20the%20order', { promoter_id: 'alice' });
  const deps = { db: door.database.db, adapters: [adapter], identityKey: door.identityKey, bounds: BOUNDS };
  const platformWords = async () => {
    const { evidence } = viewOrder((await door.order('sharing', 'shared'))!.merged);
    return evidence.map(({ lineId, value }) => `${lineId} ${value}`).toSorted();
  };
  await door.pushShopify('sharing', '{"shared":1}');
  await workUntilDone(deps);
  expect(await platformWords()).toEqual(['2 sharer\tof the line', 'null alice']);
  await door.call('PUT', '/v1/sources/sharing/mappings/sharer/of%20the%20line', { promoter_id: 'bob' });
  await workUntilDone(deps);
  expect(await platformWords()).toContain('2 bob');
});

test('an unknown promoter does not hold the order up, and heals when the mapping arrives', async () => {
  await door.push('sw', message(report('unknown-kol', { promoter_id: 'kol-2', talent_id: 'star-2' })));
  await door.work();
  expect((await door.order('sw', 'unknown-kol'))!.merged).toMatchObject({ promoterIds: [['kol-2', expect.any(Number)]], talentId: null });
  await door.clearDue();
  await door.call('PUT', '/v1/sources/sw/mappings/promoter/kol-2', { promoter_id: 'alice' });
  await door.call('PUT', '/v1/sources/sw/mappings/talent/star-2', { promoter_id: 'bob' });
  await door.work();
  const { merged } = (await door.order('sw', 'unknown-kol'))!;
  expect(merged.promoterIds.map(([value]) => value)).toEqual(['alice', 'kol-2']);
  expect(merged.talentId?.[0]).toBe('bob');
  expect(await door.dueOrders()).toEqual(['unknown-kol']);
});

test('a talent who was not there yet is taken once made', async () => {
  await door.push('sw', message(report('late-talent', { talent_id: 'star-3' })));
  await door.work();
  expect((await door.order('sw', 'late-talent'))!.merged.talentId).toBeNull();
  await door.promoter('star-3');
  await door.work();
  expect((await door.order('sw', 'late-talent'))!.merged.talentId?.[0]).toBe('star-3');
});
