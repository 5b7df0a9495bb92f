// The order as the award reads it, made from reports as they come over the wire.
import { describe, expect, test } from 'vitest';
import { lift, merge } from '../../src/core/merge.ts';
import { NOTHING_TOLD } from '../../src/core/merged.ts';
import type { MergedOrder } from '../../src/core/merged.ts';
import { viewOrder } from '../../src/core/order.ts';
import { canonicalReport } from '../../src/core/report.ts';
import { readAs } from './reading.ts';

const start = Date.UTC(2026, 5, 1, 10);
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
const ms = (seconds: number) => start + seconds * 1000;

function told(fields: object, says: 'all' | 'evidence' = 'all', identities: string[] = []): MergedOrder {
  const parsed = canonicalReport.parse({ merchant_id: 'm1', order_id: '1', observed_at: at(0), ...fields });
  const report = readAs(parsed, { receivedAt: new Date(ms(100)), identities });
  return lift(report, 'c0ffee', says);
}

const orderOf = (...states: MergedOrder[]) => viewOrder(states.reduce(merge, NOTHING_TOLD));

function timesOf(fields: object) {
  const { paidAt, completedAt } = orderOf(told(fields));
  return [paidAt, completedAt];
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => rest.toSpliced(0, 0, item)));
}

test('every report in any order gives the same order', () => {
  const base = (fields: object) =>
    told({
      status: 'paid',
      currency: 'CNY',
      created_at: at(-5),
      paid_at: at(0),
      click_token: 'token',
      lines: [{ line_id: '1', product_id: 'p1', category: 'baby', quantity: 1, paid_amount: 9999 }],
      ...fields,
    });
  const refund = (n: number, amount: number) => ({ refund_id: `r${n}`, line_id: '1', amount, refunded_at: at(n) });
  const news = [
    base({ status: 'created', paid_at: null, observed_at: at(1), lines: [{ line_id: '1', paid_amount: 12000 }] }),
    base({ observed_at: at(2) }),
    base({ observed_at: at(3), refunds: [refund(1, 1000)] }),
    base({ status: 'completed', completed_at: at(4), observed_at: at(4), refunds: [refund(2, 2000)] }),
  ];
  const sequences = permutations(news).flatMap((all) => [all, [...all, all[0]!, all[2]!]]);
  expect(new Set(sequences.map((all) => JSON.stringify(all.reduce(merge)))).size).toBe(1);
  expect(orderOf(...news)).toMatchObject({
    status: 'completed',
    createdAt: ms(-5),
    paidAt: ms(0),
    completedAt: ms(4),
    attributionAt: ms(0),
    lines: [{ lineId: '1', productId: 'p1', category: 'baby', quantity: 1, paidAmount: 9999n, platformCommission: null }],
    refunds: [
      { refundId: 'r1', lineId: '1', amount: 1000n, status: 'succeeded', refundedAt: ms(1) },
      { refundId: 'r2', lineId: '1', amount: 2000n, status: 'succeeded', refundedAt: ms(2) },
    ],
    evidence: [{ kind: 'click_token', value: 'token', toldAt: ms(1), lineId: null }],
  });
});

describe('status and times', () => {
  test('an order of which nobody told the status is created, and says that it was not told', () => {
    expect(orderOf(told({}))).toMatchObject({ status: 'created', statusStated: false, createdAt: null, paidAt: null });
    expect(orderOf(told({ status: 'created' }))).toMatchObject({ status: 'created', statusStated: true, createdAt: ms(0) });
  });

  test('a status without its time takes observed_at', () => {
    expect(orderOf(told({ status: 'paid', observed_at: at(7) }))).toMatchObject({ createdAt: null, paidAt: ms(7), completedAt: null });
  });

  test('a time that the report states is not replaced by observed_at', () => {
    const stated = told({ status: 'paid', paid_at: at(3), observed_at: at(9) });
    expect(orderOf(stated).paidAt).toBe(ms(3));
    expect(orderOf(told({ status: 'paid', observed_at: at(7) }), stated).paidAt).toBe(ms(3));
  });

  test('a completed order was paid: when told, else by its completion, else by when it was observed', () => {
    const completed = { status: 'completed', completed_at: at(4) };
    expect(timesOf({ ...completed, paid_at: at(1), observed_at: at(9) })).toEqual([ms(1), ms(4)]);
    expect(timesOf({ ...completed, observed_at: at(9) })).toEqual([ms(4), ms(4)]);
    expect(timesOf({ ...completed, observed_at: at(3) })).toEqual([ms(3), ms(4)]);
    expect(timesOf({ status: 'completed', observed_at: at(9) })).toEqual([ms(9), ms(9)]);
  });

  test('a time without its status does not raise the status', () => {
    expect(orderOf(told({ status: 'created', paid_at: at(1), completed_at: at(2) }))).toMatchObject({ status: 'created', paidAt: ms(1) });
  });

  test('a late report of an earlier status changes nothing', () => {
    const completed = told({ status: 'completed', paid_at: at(1), completed_at: at(4), observed_at: at(4) });
    expect(orderOf(completed, told({ status: 'paid', observed_at: at(20) }))).toEqual(orderOf(completed));
  });

  test('an order is attributed as of its deposit, else of its payment', () => {
    expect(orderOf(told({ status: 'created', deposit_paid_at: at(1) })).attributionAt).toBe(ms(1));
    expect(orderOf(told({ status: 'paid', deposit_paid_at: at(1), paid_at: at(5) })).attributionAt).toBe(ms(1));
    expect(orderOf(told({ status: 'paid', paid_at: at(5) })).attributionAt).toBe(ms(5));
    expect(orderOf(told({ status: 'created' })).attributionAt).toBeNull();
  });

  test('an order is void until a newer report says that it is not', () => {
    const voided = told({ void: { reason: 'cancelled' }, observed_at: at(5) });
    expect(orderOf(voided, told({ void: false, observed_at: at(4) })).void).toEqual({ reason: 'cancelled' });
    expect(orderOf(voided, told({ observed_at: at(6) })).void).toEqual({ reason: 'cancelled' });
    expect(orderOf(voided, told({ void: false, observed_at: at(6) })).void).toBeNull();
  });
});

describe('lines', () => {
  test('a partial report says nothing of what it leaves out', () => {
    const line = { line_id: '1', product_id: 'p1', category: 'baby', quantity: 2, paid_amount: 500, platform_commission: 50 };
    const whole = told({ lines: [line] });
    const before = orderOf(whole);
    expect(orderOf(whole, told({ observed_at: at(9) }))).toEqual(before);
    expect(orderOf(whole, told({ observed_at: at(9), lines: [], refunds: [], coupon_codes: [], buyer: {} }))).toEqual(before);
    expect(orderOf(whole, told({ observed_at: at(9), lines: [{ line_id: '1', paid_amount: null }] }))).toEqual(before);
    expect(orderOf(whole, told({ observed_at: at(9), lines: [{ line_id: '1', paid_amount: 400 }] })).lines).toMatchObject([
      { lineId: '1', productId: 'p1', category: 'baby', quantity: 2, paidAmount: 400n, platformCommission: 50n },
    ]);
  });

  test('a line of which only the id is told is one piece, paid nothing', () => {
    expect(orderOf(told({ lines: [{ line_id: '1' }] })).lines).toMatchObject([
      { lineId: '1', productId: null, category: null, quantity: 1, paidAmount: 0n, platformCommission: null },
    ]);
  });

  test('a removed line stays, with quantity 0, and may come back', () => {
    const line = told({ lines: [{ line_id: '1', quantity: 2, paid_amount: 500 }] });
    const removed = told({ observed_at: at(1), lines: [{ line_id: '1', quantity: 0 }] });
    const back = told({ observed_at: at(2), lines: [{ line_id: '1', quantity: 1 }] });
    expect(orderOf(removed, line).lines).toMatchObject([{ lineId: '1', quantity: 0, paidAmount: 500n }]);
    expect(orderOf(back, removed, line).lines).toMatchObject([{ lineId: '1', quantity: 1, paidAmount: 500n }]);
  });

  test('lines of several reports are one list, lower numbers first', () => {
    const order = orderOf(told({ lines: [{ line_id: '10' }, { line_id: '2' }] }), told({ lines: [{ line_id: 1 }, { line_id: '2' }] }));
    expect(order.lines.map((line) => line.lineId)).toEqual(['1', '2', '10']);
  });
});

describe('refunds', () => {
  const open = told({ observed_at: at(1), refunds: [{ refund_id: 'r', line_id: '1', amount: 100, status: 'open' }] });
  const succeeded = told({ observed_at: at(2), refunds: [{ refund_id: 'r', amount: 90, status: 'succeeded', refunded_at: at(2) }] });
  const failed = told({ observed_at: at(2), refunds: [{ refund_id: 'r', status: 'failed' }] });

  test('a refund of which only the id is told succeeded and counts 0 until its amount is told', () => {
    expect(orderOf(told({ refunds: [{ refund_id: 'r' }] })).refunds).toEqual([
      { refundId: 'r', lineId: null, amount: 0n, status: 'succeeded', refundedAt: null },
    ]);
  });

  test('refunds in any order are one list', () => {
    const other = told({ refunds: [{ refund_id: 'q', amount: 5 }] });
    for (const states of permutations([open, succeeded, other])) {
      expect(orderOf(...states).refunds).toEqual([
        { refundId: 'q', lineId: null, amount: 5n, status: 'succeeded', refundedAt: null },
        { refundId: 'r', lineId: '1', amount: 90n, status: 'succeeded', refundedAt: ms(2) },
      ]);
    }
  });

  test('a line is held by its open refund until that one succeeds or fails', () => {
    const lines = told({ lines: [{ line_id: '1' }, { line_id: '2' }] });
    const heldBy = (...states: MergedOrder[]) => orderOf(lines, ...states).lines.flatMap((line) => (line.isHeld ? [line.lineId] : []));
    expect(heldBy(open)).toEqual(['1']);
    expect(heldBy(succeeded, open)).toEqual([]);
    expect(heldBy(failed, open)).toEqual([]);
  });
});

describe('currency', () => {
  test('reports that agree on it, or say nothing of it, give it', () => {
    expect(orderOf(told({ currency: 'CNY' }), told({}), told({ currency: 'CNY' }))).toMatchObject({
      currency: 'CNY',
      currencyConflict: false,
    });
    expect(orderOf(told({}))).toMatchObject({ currency: null, currencyConflict: false });
  });

  test('reports that disagree give none, whichever came first', () => {
    const [yuan, dollars] = [told({ currency: 'CNY' }), told({ currency: 'USD', observed_at: at(9) })];
    expect(orderOf(yuan, dollars)).toMatchObject({ currency: null, currencyConflict: true });
    expect(orderOf(dollars, yuan)).toMatchObject({ currency: null, currencyConflict: true });
  });
});

describe('evidence', () => {
  test("a storefront's word about another source's order adds evidence before and after the order itself", () => {
    const order = told({ status: 'paid', currency: 'CNY', lines: [{ line_id: '1', paid_amount: 100 }], observed_at: at(5) });
    const word = told(
      {
        source_id: 'shopify',
        status: 'completed',
        void: { reason: 'x' },
        currency: 'USD',
        paid_at: at(-50),
        settled_at: at(1),
        click_token: 'token',
        link_code: 'link',
        coupon_codes: ['B', 'A'],
        promoter_id: 'mallory',
        talent_id: 'mallory',
        scene: 'live',
        parent: { order_id: '2', kind: 'gift' },
        lines: [{ line_id: '1', paid_amount: 999_999 }],
        refunds: [{ refund_id: 'r', amount: 100 }],
        observed_at: at(9),
      },
      'evidence',
      ['hash'],
    );
    const expected = {
      ...orderOf(order),
      identities: ['hash'],
      evidence: [
        { kind: 'coupon_code', value: 'A', toldAt: ms(9), lineId: null },
        { kind: 'coupon_code', value: 'B', toldAt: ms(9), lineId: null },
        { kind: 'link_code', value: 'link', toldAt: ms(9), lineId: null },
        { kind: 'click_token', value: 'token', toldAt: ms(9), lineId: null },
      ],
    };
    expect(orderOf(order, word)).toEqual(expected);
    expect(orderOf(word, order)).toEqual(expected);
    expect(orderOf(word)).toMatchObject({ status: 'created', statusStated: false, lines: [], attributionAt: null });
  });

  test('a code keeps when it was first told, a word of the source when it was last told, and they stand in that order', () => {
    const order = orderOf(
      told({ coupon_codes: ['A'], promoter_id: 'alice', observed_at: at(3) }),
      told({ coupon_codes: ['B', 'A'], promoter_id: 'bob', observed_at: at(1) }),
      told({ coupon_codes: ['B'], observed_at: at(8) }),
      told({ promoter_id: 'bob', observed_at: at(4) }),
    );
    expect(order.evidence.map(({ kind, value, toldAt }) => [kind, value, toldAt])).toEqual([
      ['coupon_code', 'A', ms(1)],
      ['coupon_code', 'B', ms(1)],
      ['platform', 'alice', ms(3)],
      ['platform', 'bob', ms(4)],
    ]);
  });

  test('a raw identity of the buyer never enters the state', () => {
    const state = told({ buyer: { phone: '13800000000' } }, 'all', ['hash']);
    expect(JSON.stringify(state)).not.toContain('13800000000');
    expect(viewOrder(state).identities).toEqual(['hash']);
  });

  test('the parent of a split or a gift is read with its kind', () => {
    expect(orderOf(told({ parent: { order_id: 77, kind: 'split' } })).parent).toEqual({ orderId: '77', kind: 'split' });
  });
});
