// The arithmetic of the laws in SQL against that of the core, over random orders.

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { splitOrder } from '../../src/core/split.ts';
import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { writeOrder, type OrderSpec } from './orders.ts';
import { tampering } from './plant.ts';
import { foundWorld } from './world.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await foundWorld(database.owner);
});

afterAll(() => database.close());

const amount = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 9_000_000_000_000_000 }));
const lineId = fc.constantFrom('1', '2', '10', '010', 'a', 'b1');
const line = fc.record({ lineId, paidAmount: amount, quantity: fc.integer({ min: 0, max: 3 }) });
const refund = fc.record({ lineId: fc.option(lineId), amount, status: fc.constantFrom('open', 'succeeded', 'failed') });
const order = fc.record({
  lines: fc.uniqueArray(line, { selector: (one) => one.lineId, minLength: 1, maxLength: 6 }),
  refunds: fc.array(refund, { maxLength: 5 }),
});

type Told = typeof order extends fc.Arbitrary<infer Value> ? Value : never;

/** The order as the core reckons it, every line of it unattributed. */
function reckoned({ lines, refunds }: Told, orderId: string): OrderSpec {
  const split = splitOrder({
    currency: 'CNY',
    lines: lines.map((one) => ({
      lineId: one.lineId,
      paidAmount: BigInt(one.paidAmount),
      quantity: one.quantity,
      platformCommission: null,
      rule: null,
      winners: [],
      barred: null,
    })),
    refunds: refunds.filter(({ status }) => status === 'succeeded').map((one) => ({ lineId: one.lineId, amount: BigInt(one.amount) })),
  });
  const decisions = split.map((one) => ({
    line_id: one.lineId,
    decision: 'unattributed',
    base: one.base,
    pool: 0,
    refunded_amount: one.refundedAmount,
  }));
  const named = refunds.map((one, index) => ({ ...one, refundId: `r${index}` }));
  return { orderId, says: {}, lines, refunds: named, revisions: [{ decisions, state: 'none' }] };
}

test('what the law adds up in SQL is what the core reckons, whatever lines and refunds an order has', async () => {
  const law = allGuards({ levelsMax: 2, spooled: () => 0 }).find(({ name }) => name === 'amounts_recomputed')!;
  const orders = fc.sample(order, 500);
  await tampering(database.owner, async (trx) => {
    for (const [index, told] of orders.entries()) await writeOrder(trx, reckoned(told, `o${index}`));
    const { violations, sample } = await askGuard(trx, law);
    expect({ violations, sample }, JSON.stringify(sample)).toEqual({ violations: 0, sample: [] });
  });
});
