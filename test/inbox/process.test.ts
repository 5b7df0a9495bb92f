// Deliveries become orders: whatever their order, and however often.
import * as fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { MergedOrder } from '../../src/core/merged.ts';
import { identityHash } from '../../src/promotion/buyers/identity.ts';
import { makeVisitor, visitorTag } from '../../src/promotion/clicks/visitor.ts';
import { runs } from '../runs.ts';
import { furnishedDoor, message, report, SECRET, type Door } from './door.ts';

let door: Door;

beforeAll(async () => {
  door = await furnishedDoor();
});

afterAll(() => door.close());

describe('merging', () => {
  const line = { line_id: '1', product_id: 'p1', category: 'baby', quantity: 1, paid_amount: 9999 };
  const story = (id: string) => [
    report(id, { status: 'created', paid_at: null, observed_at: '2026-06-01T10:00:01Z', lines: [{ ...line, paid_amount: 12_000 }] }),
    report(id, { observed_at: '2026-06-01T10:00:02Z', click_token: 'token', buyer: { openid: 'o1' } }),
    report(id, { observed_at: '2026-06-01T10:00:03Z', refunds: [{ refund_id: 'r1', line_id: '1', amount: 1000 }] }),
    report(id, {
      status: 'completed',
      observed_at: '2026-06-01T10:00:04Z',
      refunds: [{ refund_id: 'r2', amount: 2000 }],
      coupon_codes: ['X'],
    }),
    report(id, { void: { reason: 'other' }, lines: [], observed_at: '2026-06-01T10:00:04Z', currency: 'USD', buyer: { openid: 'o2' } }),
  ];
  // How the deliveries come: which of the story, and after which of them the worker works.
  const arrival = fc.array(fc.record({ index: fc.nat(4), works: fc.boolean() }), { maxLength: 8 });

  test('any order of any duplicates of the same deliveries gives the same order', async () => {
    let run = 0;
    // Each run is told to a source of its own, of the very same order.
    const tell = async (sequence: { index: number; works: boolean }[]): Promise<MergedOrder> => {
      const sourceId = `story-${run++}`;
      await door.call('PUT', `/v1/sources/${sourceId}`, { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });
      const told = story('story');
      for (const [place, { index, works }] of sequence.entries()) {
        // The same report in other bytes is another delivery, so that it is merged once more.
        const body = `${JSON.stringify(message(told[index]))}${' '.repeat(place)}`;
        expect((await door.push(sourceId, body)).status).toBe(200);
        if (works) await door.work();
      }
      await door.work();
      return (await door.order(sourceId, 'story'))!.merged;
    };
    const all = [0, 1, 2, 3, 4].map((index) => ({ index, works: false }));
    const expected = await tell(all);
    const rest = fc.shuffledSubarray(all, { minLength: all.length });
    await fc.assert(
      fc.asyncProperty(arrival, rest, async (some, others) => {
        expect(await tell([...some, ...others])).toEqual(expected);
      }),
      { numRuns: runs(10) },
    );
  });

  test('a delivery is done once: its effect is noted, its order is due, and nothing is due any more', async () => {
    await door.clearDue();
    await door.push('sw', message(report('once', { buyer: { openid: 'once' } })));
    expect(await door.work()).toBeGreaterThan(0);
    expect(await door.work()).toBe(0);
    const order = (await door.order('sw', 'once'))!;
    expect(order).toMatchObject({ merchant_id: 'm1', status: 'paid', is_void: false, currency: 'CNY' });
    expect(order.attribution_at).toEqual(new Date('2026-06-01T10:05:20Z'));
    expect(await door.latest('sw')).toMatchObject({ state: 'processed', reports: 1, error: null });
    expect(await door.dueOrders()).toContain('once');
    const effects = await sql`select from order_report where order_key = ${order.order_key}`.execute(door.database.owner);
    expect(effects.rows).toHaveLength(1);
    const identity = identityHash(door.identityKey, 'm1', 'openid', 'once');
    const identities = await sql`select identity from order_identity where order_key = ${order.order_key}`.execute(door.database.owner);
    expect(identities.rows).toEqual([{ identity }]);
  });

  test('a replay changes nothing and makes the order due again', async () => {
    await door.push('sw', message(report('replayed')));
    await door.work();
    const before = await door.order('sw', 'replayed');
    await door.clearDue();
    const { delivery_id } = await door.latest('sw');
    const answer = await door.call('POST', `/v1/deliveries/${delivery_id}/replays`);
    expect(answer).toMatchObject({ status: 202, body: { delivery_id, state: 'received' } });
    await door.work();
    expect(await door.order('sw', 'replayed')).toEqual(before);
    expect(await door.dueOrders()).toEqual(['replayed']);
    const audit = await sql`select action from audit_log where subject_id = ${delivery_id}`.execute(door.database.owner);
    expect(audit.rows).toEqual([{ action: 'delivery_replayed' }]);
  });

  test('ids of 64 bits that came without quotes are told apart', async () => {
    for (const id of ['9007199254740993123', '9007199254740993124']) {
      await door.push('sw', `{"type":"order.paid","timestamp":"2026-06-01T10:06:00Z","data":{"order_id":${id},"status":"paid"}}`);
    }
    await door.work();
    expect(await door.order('sw', '9007199254740993123')).toBeDefined();
    expect(await door.order('sw', '9007199254740993124')).toBeDefined();
  });

  test('a Shopify order and the refund that comes alone are one order', async () => {
    const order =
      '{"id":9007199254740993001,"currency":"CNY","created_at":"2026-06-01T10:00:00Z","updated_at":"2026-06-01T10:01:00Z",' +
      '"processed_at":"2026-06-01T10:00:30Z","financial_status":"paid","note_attributes":[{"name":"fy_click","value":"t"}],' +
      '"line_items":[{"id":9007199254740994001,"product_id":"p1","quantity":2,"price":"109.99","total_discount":"0.00",' +
      '"discount_allocations":[{"amount":"20.00"}]}],"refunds":[]}';
    const refund =
      '{"id":77,"order_id":9007199254740993001,"created_at":"2026-06-02T10:00:00Z","refund_line_items":[{"id":1,' +
      '"line_item_id":9007199254740994001,"quantity":1,"subtotal":"99.99","total_tax":"0.00",' +
      '"subtotal_set":{"shop_money":{"amount":"99.99","currency_code":"CNY"}}}]}';
    await door.pushShopify('shop', refund);
    await door.pushShopify('shop', order);
    await door.work();
    const { merged } = (await door.order('shop', '9007199254740993001'))!;
    expect(merged.lines).toMatchObject([{ lineId: '9007199254740994001', paidAmount: [19_998, expect.any(Number), expect.any(String)] }]);
    expect(merged.refunds).toMatchObject([{ refundId: '77-9007199254740994001', amount: [9999, expect.any(Number), expect.any(String)] }]);
    expect(merged.clickTokens).toHaveLength(1);
  });

  test('a message that tells of no order is processed into nothing', async () => {
    await door.push('sw', { type: 'ping', timestamp: '2026-06-01T10:06:00Z', data: {} });
    await door.work();
    expect(await door.latest('sw')).toMatchObject({ state: 'processed', reports: 0 });
  });

  test('the first click of a named visitor becomes evidence', async () => {
    const clickId = '01970000-0000-7000-8000-000000000001';
    const visitor = makeVisitor(visitorTag('m1'), clickId);
    for (const status of ['created', 'paid']) await door.push('sw', message(report('visited', { status, buyer: { visitor } })));
    await door.work();
    const identity = identityHash(door.identityKey, 'm1', 'visitor', visitor);
    const { rows } = await sql`select click_id from touch where identity = ${identity}`.execute(door.database.owner);
    expect(rows).toEqual([{ click_id: clickId }]);
  });
});

describe("a storefront's word about another source's order", () => {
  test('said before or after the webhook adds the same evidence, and nothing else', async () => {
    await door.call('POST', '/v1/orders', evidence('before'));
    await door.work();
    expect(await door.order('sw', 'before')).toMatchObject({ status: 'created', attribution_at: null, currency: null });
    await door.push('sw', message(report('before')));
    await door.work();
    await door.push('sw', message(report('after')));
    await door.work();
    await door.call('POST', '/v1/orders', evidence('after'));
    await door.work();
    const [before, after] = await Promise.all(['before', 'after'].map((id) => door.order('sw', id)));
    for (const order of [before!, after!]) {
      expect(order).toMatchObject({ status: 'paid', currency: 'CNY' });
      expect(order.merged).toMatchObject({ refunds: [], clickTokens: [['from the storefront', Date.parse('2026-06-01T10:05:30Z')]] });
    }
    expect(before!.merged.identities).toEqual(after!.merged.identities);
    expect(await door.order('rest', 'before')).toBeUndefined();
  });
});

describe('relatives', () => {
  beforeEach(async () => {
    await door.work();
    await door.clearDue();
  });

  test('a child makes its parent due, and the parent its children, in either order of arrival', async () => {
    await door.push('sw', message(report('child', { parent: { order_id: 'parent', kind: 'split' } })));
    await door.work();
    expect(await door.dueOrders()).toEqual(['child']);
    await door.clearDue();
    await door.push('sw', message(report('parent')));
    await door.work();
    expect(await door.dueOrders()).toEqual(['child', 'parent']);
    await door.clearDue();
    await door.push('sw', message(report('child', { status: 'completed', parent: { order_id: 'parent', kind: 'split' } })));
    await door.work();
    expect(await door.dueOrders()).toEqual(['child', 'parent']);
  });

  test('a child that leaves its parent makes both parents due', async () => {
    for (const id of ['old-parent', 'new-parent']) await door.push('sw', message(report(id)));
    await door.push('sw', child('old-parent', '2026-06-01T11:00:00Z'));
    await door.work();
    await door.clearDue();
    await door.push('sw', child('new-parent', '2026-06-01T12:00:00Z'));
    await door.work();
    expect(await door.dueOrders()).toEqual(['mover', 'new-parent', 'old-parent']);
  });

  test('an order that another source of the merchant reports under the same id is due with it', async () => {
    await door.push('sw', message(report('shared')));
    await door.work();
    await door.clearDue();
    await door.call('POST', '/v1/orders', report('shared'));
    await door.work();
    expect(await door.dueOrders()).toEqual(['shared', 'shared']);
  });
});

function evidence(id: string) {
  return report(id, {
    source_id: 'sw',
    click_token: 'from the storefront',
    buyer: { openid: 'o9' },
    status: 'completed',
    refunds: [{ refund_id: 'r', amount: 1 }],
  });
}

function child(order_id: string, observed_at: string) {
  return message(report('mover', { observed_at, parent: { order_id, kind: 'gift' } }));
}
