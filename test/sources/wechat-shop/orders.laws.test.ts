// The states of an order at 微信小店, in whatever order they arrive and however often: what it said
// last holds, and nothing that it took back.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { lift, merge } from '../../../src/core/merge.ts';
import { NOTHING_TOLD, type MergedOrder } from '../../../src/core/merged.ts';
import { viewOrder } from '../../../src/core/order.ts';
import { canonicalReport, type NamedEvidence } from '../../../src/core/report.ts';
import { stableJson } from '../../../src/inbox/read.ts';
import type { MappedReport } from '../../../src/sources/source.ts';
import { readAs } from '../../core/reading.ts';
import { PAID_AT } from '../subjects/wechat-shop.ts';
import { mapAll, orderBody } from '../wechat.ts';

const RUNS = { numRuns: 50 };

/** A report whose names are mapped: each is the promoter of that name. */
function lifted({ report, names }: MappedReport): MergedOrder {
  const parsed = canonicalReport.parse({ ...report, merchant_id: 'm1' });
  const named = new Map<string | null, NamedEvidence>();
  for (const { lineId = null, value } of names) {
    const before = named.get(lineId)?.promoterIds ?? [];
    named.set(lineId, { promoterIds: [...before, value], linkCodes: [], talentId: null });
  }
  return lift(readAs(parsed, { receivedAt: new Date(), named }), stableJson(parsed), 'all');
}

const mergedOf = (bodies: readonly string[]): MergedOrder =>
  bodies
    .flatMap((body) => mapAll(body))
    .map(lifted)
    .reduce(merge, NOTHING_TOLD);

const sharer = fc.constantFrom('alice', 'bob', null);
const state = fc.record({
  sharer,
  skus: fc.uniqueArray(fc.record({ skuId: fc.constantFrom('111', '112', '113'), price: fc.nat({ max: 10_000 }), sharer }), {
    selector: ({ skuId }) => skuId,
    minLength: 1,
  }),
});
type State = typeof state extends fc.Arbitrary<infer Value> ? Value : never;

const bodyOf = (one: State, second: number): string =>
  orderBody({
    update_time: PAID_AT + second,
    detail: {
      product_infos: one.skus.map(({ skuId, price }) => ({ product_id: 'p1', sku_id: skuId, sku_cnt: 1, real_price: price })),
      price_info: {},
      sharer_info: one.sharer === null ? null : { sharer_openid: one.sharer, handling_progress: 1 },
      sku_sharer_infos: one.skus.flatMap(({ skuId, sharer }) => (sharer === null ? [] : [{ sku_id: skuId, sharer_openid: sharer }])),
    },
  });

function seen(merged: MergedOrder) {
  const { lines, evidence } = viewOrder(merged);
  const there = lines.filter(({ quantity, isGone }) => quantity > 0 && !isGone);
  return {
    lines: there.map(({ lineId, paidAmount }) => [lineId, Number(paidAmount)]),
    sharers: evidence.flatMap(({ kind, lineId, value }) => (kind === 'platform' ? [`${lineId ?? ''} ${value}`] : [])).toSorted(),
  };
}

test('its last state holds: its skus at their prices, and whom it names, be it nobody', () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), fc.infiniteStream(fc.nat()), (states, order) => {
      const bodies = states.map(bodyOf);
      const shuffled = [...bodies, ...bodies].map((body) => ({ body, at: order.next().value as number })).toSorted((a, b) => a.at - b.at);
      const merged = mergedOf(shuffled.map(({ body }) => body));
      expect(merged).toEqual(mergedOf(bodies));
      const last = states.at(-1)!;
      const skus = last.skus.toSorted((a, b) => (a.skuId < b.skuId ? -1 : 1));
      const named = [{ skuId: '', sharer: last.sharer }, ...skus].flatMap((one) =>
        one.sharer === null ? [] : [`${one.skuId} ${one.sharer}`],
      );
      expect(seen(merged)).toEqual({ lines: skus.map(({ skuId, price }) => [skuId, price]), sharers: named.toSorted() });
    }),
    RUNS,
  );
});

test('while WeChat still looks for the sharer, nobody who was named before is forgotten', () => {
  const named = bodyOf({ sharer: 'alice', skus: [{ skuId: '111', price: 1, sharer: null }] }, 0);
  const looking = orderBody({
    update_time: PAID_AT + 1,
    detail: { product_infos: [{ sku_id: '111', sku_cnt: 1, real_price: 1 }], sharer_info: { handling_progress: 0 } },
  });
  for (const bodies of [
    [named, looking],
    [looking, named],
  ]) {
    expect(seen(mergedOf(bodies)).sharers).toEqual([' alice']);
  }
});

const afterSale = (id: string, status: string, second: number): string =>
  JSON.stringify({
    after_sale_order: {
      after_sale_order_id: id,
      order_id: '37',
      status,
      type: 'REFUND',
      update_time: PAID_AT + second,
      product_info: { sku_id: '1526589' },
      refund_info: { amount: 100 },
    },
  });

test('an after-sale is what it was last, and holds its line for as long as money may still come back', () => {
  const states = fc.array(
    fc.constantFrom('MERCHANT_PROCESSING', 'MERCHANT_REJECT_REFUND', 'PLATFORM_REFUNDING', 'MERCHANT_REFUND_SUCCESS'),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  fc.assert(
    fc.property(states, (statuses) => {
      const bodies = [orderBody(), ...statuses.map((status, index) => afterSale('1', status, index + 1))];
      const merged = mergedOf(bodies.toReversed());
      expect(merged).toEqual(mergedOf(bodies));
      const { lines, refunds } = viewOrder(merged);
      const last = statuses.at(-1)!;
      const isOpen = last === 'MERCHANT_PROCESSING' || last === 'PLATFORM_REFUNDING';
      expect(refunds).toMatchObject([
        { status: isOpen ? 'open' : last === 'MERCHANT_REFUND_SUCCESS' ? 'succeeded' : 'failed', amount: 100n },
      ]);
      expect(lines).toMatchObject([{ lineId: '1526589', isHeld: isOpen }]);
      const refused = statuses.lastIndexOf('MERCHANT_REJECT_REFUND');
      expect(lines[0]!.holdUntil).toBe(refused < 0 ? null : (PAID_AT + refused + 1 + 7 * 86_400) * 1000);
    }),
    RUNS,
  );
});

test('an after-sale that is told before its order waits for it, and adds no line of its own to it', () => {
  const merged = mergedOf([afterSale('1', 'MERCHANT_REJECT_REFUND', -1), orderBody()]);
  expect(seen(merged).lines).toEqual([['1526589', 9999]]);
});
