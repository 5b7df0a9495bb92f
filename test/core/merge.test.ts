// The laws of the join, over reports drawn from so few ids, times and hashes that they collide all the time.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lift, merge, NOTHING_TOLD } from '../../src/core/merge.ts';
import type { MergedOrder } from '../../src/core/merge.ts';
import { viewOrder } from '../../src/core/order.ts';
import { ORDER_STATUSES, PARENT_KINDS, REFUND_STATUSES } from '../../src/core/report.ts';
import type { Report, ReportLine, ReportRefund } from '../../src/core/report.ts';

const oneOf = <Value>(...values: Value[]) => fc.constantFrom<Value | null>(null, ...values);
const time = oneOf(1000, 2000, 3000);
const amount = oneOf(0, 1, 9999, 2 ** 53 - 1);
// Ids on which a careless object or sort would stumble.
const key = fc.constantFrom('1', '2', '10', 'a', '__proto__', 'constructor', '分佣');
const text = oneOf('1', '2', '__proto__', 'é');

const line: fc.Arbitrary<ReportLine> = fc.record({
  lineId: key,
  productId: text,
  category: text,
  quantity: oneOf(0, 1, 3),
  paidAmount: amount,
  platformCommission: amount,
});

const refund: fc.Arbitrary<ReportRefund> = fc.record({
  refundId: key,
  lineId: text,
  amount,
  status: oneOf(...REFUND_STATUSES),
  refundedAt: time,
});

const report: fc.Arbitrary<Report> = fc.record({
  merchantId: fc.constant('m1'),
  orderId: fc.constant('1'),
  sourceId: fc.constant(null),
  status: oneOf(...ORDER_STATUSES),
  void: oneOf<false | { reason: string }>(false, { reason: 'cancelled' }, { reason: '' }),
  currency: oneOf('CNY', 'USD'),
  observedAt: fc.constantFrom(1500, 2500, 3500),
  createdAt: time,
  depositPaidAt: time,
  paidAt: time,
  completedAt: time,
  settledAt: time,
  identities: fc.array(key, { maxLength: 3 }),
  clickToken: text,
  linkCode: text,
  couponCodes: fc.array(key, { maxLength: 3 }),
  promoterId: text,
  talentId: text,
  scene: text,
  parent: fc.option(fc.record({ orderId: key, kind: fc.constantFrom(...PARENT_KINDS) })),
  lines: fc.uniqueArray(line, { maxLength: 4, selector: (line) => line.lineId }),
  refunds: fc.uniqueArray(refund, { maxLength: 4, selector: (refund) => refund.refundId }),
});

const hash = fc.constantFrom('a'.repeat(64), 'b'.repeat(64));
const state = fc.tuple(report, hash, fc.constantFrom('all', 'all', 'evidence')).map(([report, hash, says]) => lift(report, hash, says));

function same(a: MergedOrder, b: MergedOrder): void {
  expect(JSON.stringify(a)).toBe(JSON.stringify(b));
}

const fold = (states: readonly MergedOrder[]) => states.reduce(merge, NOTHING_TOLD);

/** What a database that orders the keys of objects its own way gives back. */
const stored = (state: unknown) => JSON.parse(JSON.stringify(state), (_key, value) => (isRecord(value) ? reordered(value) : value));
const isRecord = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
const reordered = (record: object) =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)));

const reversed = (report: Report): Report => ({
  ...report,
  lines: report.lines.toReversed(),
  refunds: report.refunds.toReversed(),
  couponCodes: report.couponCodes.toReversed(),
  identities: report.identities.toReversed(),
});

const rank = (state: MergedOrder) => (state.status === null ? -1 : ORDER_STATUSES.indexOf(state.status));
const stated = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

/** The last writer's fields, found the slow way: the reports in the order of their writing, each overwriting what it states. */
function overwritten(reports: Report[]) {
  const head: Record<string, unknown> = {};
  const lines = new Map<string, Partial<ReportLine>>();
  const refunds = new Map<string, Partial<ReportRefund>>();
  for (const report of reports.toSorted((a, b) => a.observedAt - b.observedAt)) {
    const { void: voided, talentId, scene, parent } = report;
    Object.assign(head, stated({ voided, talentId, scene, parent }));
    for (const line of report.lines) lines.set(line.lineId, { ...lines.get(line.lineId), ...stated(line) });
    for (const one of report.refunds) {
      refunds.set(one.refundId, { ...refunds.get(one.refundId), ...stated({ ...one, refundedAt: null }) });
    }
  }
  return { head, lines, refunds };
}

function asLine(stated: Partial<ReportLine>) {
  const { paidAmount, platformCommission: commission } = stated;
  const amounts = { paidAmount: BigInt(paidAmount ?? 0), platformCommission: typeof commission === 'number' ? BigInt(commission) : null };
  return { productId: null, category: null, quantity: 1, ...stated, ...amounts };
}

const asRefund = (stated: Partial<ReportRefund>) => ({ lineId: null, status: 'succeeded', ...stated, amount: BigInt(stated.amount ?? 0) });

describe('merge is a join', () => {
  test('it commutes', () => {
    fc.assert(fc.property(state, state, (a, b) => same(merge(a, b), merge(b, a))));
  });

  test('it associates', () => {
    fc.assert(fc.property(state, state, state, (a, b, c) => same(merge(merge(a, b), c), merge(a, merge(b, c)))));
  });

  test('it is idempotent', () => {
    fc.assert(fc.property(state, state, (a, b) => same(merge(merge(a, b), b), merge(a, b))));
  });

  test('nothing told changes nothing', () => {
    fc.assert(fc.property(state, (a) => same(merge(NOTHING_TOLD, a), a)));
  });
});

describe('the state does not depend on the way it came about', () => {
  test('any order of any duplicates of the same reports gives the same text', () => {
    const deliveries = fc
      .array(state, { minLength: 1, maxLength: 6 })
      .chain((states) => fc.tuple(fc.constant(states), fc.shuffledSubarray([...states, ...states], { minLength: states.length })));
    fc.assert(
      fc.property(deliveries, ([states, arrivals]) => {
        const missing = states.filter((one) => !arrivals.includes(one));
        same(fold([...arrivals, ...missing]), fold(states));
        expect(viewOrder(fold([...arrivals, ...missing]))).toEqual(viewOrder(fold(states)));
      }),
    );
  });

  test('a state that was stored and read back between two reports gives the same text', () => {
    fc.assert(
      fc.property(state, state, (a, b) => {
        const readBack: MergedOrder = stored(JSON.parse(JSON.stringify(a)));
        same(merge(readBack, b), merge(a, b));
        expect(JSON.parse(JSON.stringify(a))).toStrictEqual(a);
      }),
    );
  });

  test('the order in which a report lists things says nothing', () => {
    fc.assert(fc.property(report, hash, (report, hash) => same(lift(report, hash, 'all'), lift(reversed(report), hash, 'all'))));
  });
});

describe('what only grows', () => {
  test('the status never falls', () => {
    fc.assert(fc.property(state, state, (a, b) => rank(merge(a, b)) === Math.max(rank(a), rank(b))));
  });

  test('a time once known never gets later', () => {
    const times = ['createdAt', 'depositPaidAt', 'paidAt', 'completedAt', 'settledAt'] as const;
    fc.assert(
      fc.property(state, state, (a, b) => {
        const both = merge(a, b);
        for (const field of times) expect(both[field] ?? Infinity).toBe(Math.min(a[field] ?? Infinity, b[field] ?? Infinity));
      }),
    );
  });

  test('no line, refund or piece of evidence is ever lost, and evidence keeps the time it was first told', () => {
    const lists = ['identities', 'clickTokens', 'linkCodes', 'couponCodes', 'promoterIds'] as const;
    fc.assert(
      fc.property(state, state, (a, b) => {
        const both = merge(a, b);
        for (const list of lists) {
          const told = new Map<string, number>();
          for (const [value, at] of [...a[list], ...b[list]]) told.set(value, Math.min(at, told.get(value) ?? at));
          expect(new Map(both[list])).toEqual(told);
        }
        const union = <Item>(list: (state: MergedOrder) => readonly Item[]) => new Set([...list(a), ...list(b)]);
        expect(both.lines.map((line) => line.lineId)).toEqual([...union((state) => state.lines.map((line) => line.lineId))].toSorted());
        expect(both.refunds.map((one) => one.refundId)).toEqual([...union((state) => state.refunds.map((one) => one.refundId))].toSorted());
      }),
    );
  });
});

describe('evidence of another source', () => {
  test('it never touches money, status, times or who is paid', () => {
    fc.assert(
      fc.property(state, report, hash, (order, report, hash) => {
        const both = merge(order, lift(report, hash, 'evidence'));
        const { identities, clickTokens, linkCodes, couponCodes } = both;
        same(both, { ...merge(order, order), identities, clickTokens, linkCodes, couponCodes });
      }),
    );
  });

  test('it adds the buyer, the token and the codes that the full report would add', () => {
    fc.assert(
      fc.property(report, hash, (report, hash) => {
        const { identities, clickTokens, linkCodes, couponCodes } = lift(report, hash, 'all');
        same(lift(report, hash, 'evidence'), { ...NOTHING_TOLD, identities, clickTokens, linkCodes, couponCodes });
      }),
    );
  });
});

describe('the last writer wins, field by field', () => {
  const distinct = fc
    .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 5 }), report), { maxLength: 5, selector: ([observedAt]) => observedAt })
    .map((reports) => reports.map(([observedAt, one]): Report => Object.assign({}, one, { observedAt })));

  test('a report with an older observed_at never overrides a newer field but adds what the newer left unsaid', () => {
    fc.assert(
      fc.property(distinct, (reports) => {
        const order = viewOrder(fold(reports.map((one) => lift(one, 'c', 'all'))));
        const { head, lines, refunds } = overwritten(reports);
        const { voided, ...others } = head;
        const { talentId, scene, parent } = order;
        expect({ talentId, scene, parent }).toEqual({ talentId: null, scene: null, parent: null, ...others });
        expect(order.void ?? false).toEqual(voided ?? false);
        for (const one of order.lines) expect(one).toEqual(asLine(lines.get(one.lineId)!));
        for (const { refundedAt: _, ...one } of order.refunds) expect(one).toEqual(asRefund(refunds.get(one.refundId)!));
      }),
    );
  });

  test('of two reports of one moment the one with the greater content hash is taken', () => {
    fc.assert(
      fc.property(report, key, key, (one, scene, other) => {
        const greater = lift({ ...one, scene }, 'b0', 'all');
        const lesser = lift({ ...one, scene: other }, 'a9', 'all');
        expect(viewOrder(merge(greater, lesser)).scene).toBe(scene);
        expect(viewOrder(merge(lesser, greater)).scene).toBe(scene);
      }),
    );
  });
});
