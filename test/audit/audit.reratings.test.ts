// The audit agrees with books in which orders were re-rated, and with what comes after.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { bookedBy, EIGHT_PERCENT, openDesk, republish } from '../commission/re-ratings/stage.ts';
import { openMarket, trade, type Market } from './market.ts';

let market: Market;

beforeAll(async () => {
  market = await openMarket();
  await trade(market);
}, 60_000);

afterAll(() => market.close());

test('orders that were re-rated are what their pins say, before and after a refund', async () => {
  const desk = await openDesk(market);
  const { rule_id: ruleId } = await market.db
    .selectFrom('decision')
    .select('rule_id')
    .where('promoter_id', '=', 'bob')
    .where('rule_id', 'is not', null)
    .executeTakeFirstOrThrow();
  await republish(market, ruleId!, EIGHT_PERCENT);
  const done = await desk.reRate({ merchantId: 'm1' });
  expect([done.state, (await bookedBy(market, done.reRatingId)).length > 3]).toEqual(['executed', true]);
  const { lines, differences } = await market.audit();
  expect([lines, differences]).toEqual([[], 0]);
  const { order_id: orderId, source_id: sourceId } = await market.db
    .selectFrom('re_rating_order')
    .innerJoin('orders', 'orders.order_key', 're_rating_order.order_key')
    .select(['orders.order_id', 'orders.source_id'])
    .where('re_rating_order.state', '=', 'booked')
    .where('orders.source_id', '=', 'sw')
    .executeTakeFirstOrThrow();
  await market.push(sourceId, orderId, { refunds: [{ refund_id: 'later', line_id: '1', amount: 1000 }] });
  expect((await market.audit()).lines).toEqual([]);
});
