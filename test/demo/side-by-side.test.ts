// What stands beside each other is counted once, and where it belongs.

import { expect, test } from 'vitest';

import type { Delivery, Line } from '../../src/demo/readings.ts';
import { sumsOf } from '../../src/demo/side-by-side.ts';

const lineOf = (evidence: Line['evidence'], ...amounts: number[]) => ({
  evidence,
  shares: amounts.map((amount) => ({ role: 'promoter' as const, promoter_id: 'bob', amount })),
});

const deliveryOf = (source_id: string, origin: Delivery['origin'], state: Delivery['state'] = 'processed') => ({
  source_id,
  origin,
  state,
});

test('a system has its own reports, orders and shares, and an order of several lines counts once for its evidence', () => {
  const orders = [
    { source_id: 'shop', lines: [lineOf('click', 300, 69), lineOf('click', 30)] },
    { source_id: 'shop', lines: [lineOf(null)] },
    { source_id: 'union', lines: [lineOf('platform', 7)] },
  ];
  const deliveries = [deliveryOf('shop', 'push'), deliveryOf('union', 'pull'), deliveryOf('shop', 'push'), deliveryOf('shop', 'pull')];
  expect(sumsOf({ orders, deliveries }, ['union', 'shop'])).toEqual([
    { source_id: 'union', deliveries: { pull: 1 }, orders: 1, evidence: { platform: 1 }, commission: 7 },
    { source_id: 'shop', deliveries: { pull: 1, push: 2 }, orders: 2, evidence: { click: 1, nobody: 1 }, commission: 399 },
  ]);
});

test('a report that was not processed says so', () => {
  const deliveries = [deliveryOf('shop', 'push', 'parked'), deliveryOf('shop', 'push')];
  expect(sumsOf({ orders: [], deliveries }, ['shop'])[0]!.deliveries).toEqual({ push: 1, 'push parked': 1 });
});
