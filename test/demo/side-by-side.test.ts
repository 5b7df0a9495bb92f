// What stands beside each other is counted once, and where it belongs.

import { expect, test } from 'vitest';

import type { Delivery, Line, Order } from '../../src/demo/readings.ts';
import { sumsOf } from '../../src/demo/side-by-side.ts';

function lineOf(evidence: string | null, ...amounts: number[]): Line {
  const shares = amounts.map((amount) => ({ role: 'promoter', promoter_id: 'bob', amount }));
  const money = { paid_amount: 9_999, refunded_amount: 0, pool: 999, shares };
  const rule = { rule_id: null, rule_version: null };
  return { line_id: '1', product_id: 'p1', decision: 'attributed', evidence, promoter_id: 'bob', ...rule, ...money };
}

function orderOf(source_id: string, order_id: string, ...lines: Line[]): Order {
  return { source_id, order_id, merchant_id: 'm1', award: 'estimated', paid_at: null, releases_at: null, lines };
}

const deliveryOf = (source_id: string, origin: string, state = 'processed'): Delivery => ({ source_id, origin, state });

test('a system has its own reports, orders and shares, and an order of several lines counts once for its evidence', () => {
  const orders = [
    orderOf('shop', '1', lineOf('click', 300, 69), lineOf('click', 30)),
    orderOf('shop', '2', lineOf(null)),
    orderOf('union', '1', lineOf('platform', 7)),
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
