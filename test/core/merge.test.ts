// The laws of the join, over reports drawn from so few ids, times and hashes that they collide all
// the time.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lift, merge } from '../../src/core/merge.ts';
import { NOTHING_TOLD } from '../../src/core/merged.ts';
import type { MergedOrder } from '../../src/core/merged.ts';
import { viewOrder } from '../../src/core/order.ts';
import { DISPUTE_STATES, ORDER_STATUSES, PARENT_KINDS, REFUND_STATUSES, WHOLE_LISTS } from '../../src/core/report.ts';
import type { Report, ReportDispute, ReportEvidence, ReportLine, ReportRefund } from '../../src/core/report.ts';
import { NO_EVIDENCE } from './reading.ts';

const oneOf = <Value>(...values: Value[]) => fc.constantFrom<Value | null>(null, ...values);
const time = oneOf(1000, 2000, 3000);
const amount = oneOf(0, 1, 9999, 10 ** 13);
// Ids on which a careless object or sort would stumble.
const key = fc.constantFrom('1', '2', '10', 'a', '__proto__', 'constructor', '分佣');
const text = oneOf('1', '2', '__proto__', 'é');

const evidence: fc.Arbitrary<ReportEvidence> = fc.record({
  clickToken: text,
  linkCode: text,
  couponCodes: fc.array(key, { maxLength: 3 }),
  promoterIds: fc.array(key, { maxLength: 2 }),
  namedLinkCodes: fc.array(key, { maxLength: 2 }),
  talentId: text,
  scene: text,
});
const line: fc.Arbitrary<ReportLine> = fc.record({
  lineId: key,
  productId: text,
  category: text,
  quantity: oneOf(0, 1, 3),
  paidAmount: amount,
  platformCommission: amount,
  completedAt: time,
  settledAt: time,
  holdUntil: time,
  notCommissionable: oneOf<string | false>('tip', 'gift_card', false),
  evidence: fc.oneof(fc.constant(NO_EVIDENCE), evidence),
});

const refund: fc.Arbitrary<ReportRefund> = fc.record({
  refundId: key,
  lineId: text,
  amount,
  status: oneOf(...REFUND_STATUSES),
  reason: text,
  refundedAt: time,
});

const dispute: fc.Arbitrary<ReportDispute> = fc.record({ disputeId: key, lineId: text, kind: text, state: oneOf(...DISPUTE_STATES) });

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
  holdUntil: time,
  test: oneOf(true, false),
  sample: oneOf(true, false),
  whole: fc.subarray([...WHOLE_LISTS]),
  identities: fc.array(key, { maxLength: 3 }),
  evidence,
  parent: fc.option(fc.record({ orderId: key, kind: fc.constantFrom(...PARENT_KINDS) })),
  lines: fc.uniqueArray(line, { maxLength: 4, selector: (line) => line.lineId }),
  refunds: fc.uniqueArray(refund, { maxLength: 4, selector: (refund) => refund.refundId }),
  disputes: fc.uniqueArray(dispute, { maxLength: 3, selector: (dispute) => dispute.disputeId }),
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

const reversedEvidence = (evidence: ReportEvidence): ReportEvidence => ({
  ...evidence,
  couponCodes: evidence.couponCodes.toReversed(),
  promoterIds: evidence.promoterIds.toReversed(),
  namedLinkCodes: evidence.namedLinkCodes.toReversed(),
});

const reversed = (report: Report): Report => ({
  ...report,
  lines: report.lines.map((line) => ({ ...line, evidence: reversedEvidence(line.evidence) })).toReversed(),
  refunds: report.refunds.toReversed(),
  disputes: report.disputes.toReversed(),
  whole: report.whole.toReversed(),
  evidence: reversedEvidence(report.evidence),
  identities: report.identities.toReversed(),
});

const rank = (state: MergedOrder) => (state.status === null ? -1 : ORDER_STATUSES.indexOf(state.status));
const stated = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

/**
 * The last writer's fields, found the slow way: the reports in the order of their writing, each
 * overwriting what it states.
 */
function overwritten(reports: Report[]) {
  const head: Record<string, unknown> = {};
  const lines = new Map<string, Partial<ReportLine>>();
  const refunds = new Map<string, Partial<ReportRefund>>();
  for (const report of reports.toSorted((a, b) => a.observedAt - b.observedAt)) {
    const { void: voided, evidence, parent } = report;
    Object.assign(head, stated({ voided, scene: evidence.scene, parent }));
    for (const { evidence: _evidence, completedAt: _completed, settledAt: _settled, ...one } of report.lines) {
      lines.set(one.lineId, { ...lines.get(one.lineId), ...stated(one) });
    }
    for (const one of report.refunds) {
      refunds.set(one.refundId, { ...refunds.get(one.refundId), ...stated({ ...one, refundedAt: null }) });
    }
  }
  return { head, lines, refunds };
}

/** The fields of a line that the last report which states one decides. */
function asLine({ lineId, productId = null, category = null, ...told }: Partial<ReportLine>) {
  const { quantity = 1, paidAmount, platformCommission: commission, holdUntil = null, notCommissionable } = told;
  const amounts = { paidAmount: BigInt(paidAmount ?? 0), platformCommission: typeof commission === 'number' ? BigInt(commission) : null };
  return { lineId, productId, category, quantity, ...amounts, holdUntil, notCommissionable: notCommissionable || null };
}

function asRefund({ refundId, lineId = null, amount, status = 'succeeded' }: Partial<ReportRefund>) {
  return { refundId, lineId, amount: BigInt(amount ?? 0), status };
}

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

  test('no line, refund or piece of evidence is ever lost: a piece keeps the time it was first told, a word of the source the last', () => {
    const lists = [
      ...(['identities', 'clickTokens', 'linkCodes', 'couponCodes'] as const).map((list) => [list, Math.min] as const),
      ...(['promoterIds', 'namedLinkCodes'] as const).map((list) => [list, Math.max] as const),
    ];
    fc.assert(
      fc.property(state, state, (a, b) => {
        const both = merge(a, b);
        for (const [list, which] of lists) {
          const told = new Map<string, number>();
          for (const [value, at] of [...a[list], ...b[list]]) told.set(value, which(at, told.get(value) ?? at));
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
  test('it never touches money, status, times or who is paid by the word of the source', () => {
    fc.assert(
      fc.property(state, report, hash, (order, report, hash) => {
        const both = merge(order, lift(report, hash, 'evidence'));
        const { identities, clickTokens, linkCodes, couponCodes } = both;
        const { lines, ...rest } = both;
        const { lines: before, ...restBefore } = merge(order, order);
        same({ ...rest, lines: [] }, { ...restBefore, identities, clickTokens, linkCodes, couponCodes, lines: [] });
        expect(lines.filter((one) => one.toldAt !== null).map(bare)).toEqual(
          before
            .filter((one) => one.toldAt !== null)
            .map((one) => {
              const after = lines.find(({ lineId }) => lineId === one.lineId)!;
              return { ...bare(one), words: one.evidence === null && after.evidence !== null ? wordsOf(after.evidence) : bare(one).words };
            }),
        );
      }),
    );
  });

  test('it adds the buyer, the token and the codes that the full report would add, of the order and of its lines', () => {
    fc.assert(
      fc.property(report, hash, (report, hash) => {
        const [word, full] = [lift(report, hash, 'evidence'), lift(report, hash, 'all')];
        const { identities, clickTokens, linkCodes, couponCodes } = full;
        expect({ ...word, lines: [] }).toEqual({ ...NOTHING_TOLD, identities, clickTokens, linkCodes, couponCodes });
        expect(pieces(word)).toEqual(pieces(full));
        expect(word.lines.every((one) => one.toldAt === null)).toBe(true);
      }),
    );
  });
});

const bare = ({ evidence: own, ...line }: MergedOrder['lines'][number]) => ({ ...line, words: own && wordsOf(own) });

const pieces = ({ lines }: MergedOrder) =>
  lines.flatMap(({ lineId, evidence: own }) =>
    own === null ? [] : [...own.clickTokens, ...own.linkCodes, ...own.couponCodes].map(([value]) => `${lineId} ${value}`),
  );

const wordsOf = ({ promoterIds, namedLinkCodes, talentId }: Pick<MergedOrder, 'promoterIds' | 'namedLinkCodes' | 'talentId'>) => {
  return { promoterIds, namedLinkCodes, talentId };
};

/**
 * Which lines, refunds and words are there, found the slow way: those that a report tells which is
 * not older than the last whole one.
 */
function thereBy(reports: readonly Report[]) {
  const from = (list: (typeof WHOLE_LISTS)[number]) =>
    Math.max(0, ...reports.filter((one) => one.whole.includes(list)).map((one) => one.observedAt));
  const since = (list: (typeof WHOLE_LISTS)[number]) => reports.filter((one) => one.observedAt >= from(list));
  const words = since('evidence').flatMap((one) => [
    ...one.evidence.promoterIds.map((value) => ` ${value}`),
    ...one.lines.flatMap((line) => line.evidence.promoterIds.map((value) => `${line.lineId} ${value}`)),
  ]);
  return {
    lines: new Set(since('lines').flatMap((one) => one.lines.map(({ lineId }) => lineId))),
    refunds: new Set(since('refunds').flatMap((one) => one.refunds.map(({ refundId }) => refundId))),
    words: new Set(words),
  };
}

describe('whole reports', () => {
  test('what a later one does not list is gone, in any order of arrival, and a later report brings it back', () => {
    const arrivals = fc
      .array(report, { minLength: 1, maxLength: 6 })
      .chain((reports) => fc.tuple(fc.constant(reports), fc.shuffledSubarray(reports, { minLength: reports.length })));
    fc.assert(
      fc.property(arrivals, ([reports, arrived]) => {
        const order = viewOrder(fold(arrived.map((one) => lift(one, 'c', 'all'))));
        const { lines, refunds, words } = thereBy(reports);
        expect(new Set(order.lines.filter((one) => !one.isGone).map((one) => one.lineId))).toEqual(lines);
        expect(new Set(order.refunds.map((one) => one.refundId))).toEqual(refunds);
        const told = order.evidence.filter(({ kind }) => kind === 'platform').map(({ lineId, value }) => `${lineId ?? ''} ${value}`);
        expect(new Set(told)).toEqual(words);
      }),
    );
  });

  test('reports of one moment take nothing from each other', () => {
    fc.assert(
      fc.property(report, report, (a, b) => {
        const moment = { observedAt: 1500 };
        const order = viewOrder(fold([a, b].map((one) => lift({ ...one, ...moment, whole: [...WHOLE_LISTS] }, 'c', 'all'))));
        expect(order.lines.every((one) => !one.isGone)).toBe(true);
        expect(order.lines).toHaveLength(new Set([...a.lines, ...b.lines].map(({ lineId }) => lineId)).size);
      }),
    );
  });
});

/** Nothing of it is stated in full, and nothing of an order's is a line's. */
function plainOrder(report: Report, observedAt: number): Report {
  return { ...report, observedAt, whole: [], holdUntil: null, test: null, sample: null };
}

describe('the last writer wins, field by field', () => {
  const distinct = fc
    .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 5 }), report), { maxLength: 5, selector: ([observedAt]) => observedAt })
    .map((reports) => reports.map(([observedAt, one]): Report => plainOrder(one, observedAt)));

  test('a report with an older observed_at never overrides a newer field but adds what the newer left unsaid', () => {
    fc.assert(
      fc.property(distinct, (reports) => {
        const order = viewOrder(fold(reports.map((one) => lift(one, 'c', 'all'))));
        const { head, lines, refunds } = overwritten(reports);
        const { voided, ...others } = head;
        const { scene, parent } = order;
        expect({ scene, parent }).toEqual({ scene: null, parent: null, ...others });
        expect(order.void ?? false).toEqual(voided ?? false);
        for (const one of order.lines) expect(one).toMatchObject(asLine(lines.get(one.lineId)!));
        for (const one of order.refunds) expect(one).toMatchObject(asRefund(refunds.get(one.refundId)!));
      }),
    );
  });

  test('of two reports of one moment the one with the greater content hash is taken', () => {
    fc.assert(
      fc.property(report, key, key, (one, scene, other) => {
        const greater = lift({ ...one, evidence: { ...one.evidence, scene } }, 'b0', 'all');
        const lesser = lift({ ...one, evidence: { ...one.evidence, scene: other } }, 'a9', 'all');
        expect(viewOrder(merge(greater, lesser)).scene).toBe(scene);
        expect(viewOrder(merge(lesser, greater)).scene).toBe(scene);
      }),
    );
  });
});
