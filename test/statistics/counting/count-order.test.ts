// What orders count for, by figures that were reckoned by hand.

import { describe, expect, test } from 'vitest';

import type {
  AwardedLine,
  AwardedOrder,
  AwardedShare,
  AwardedTransfer,
  AwardedWinner,
} from '../../../src/statistics/counting/awarded-order.ts';
import { countBonus, countOrder } from '../../../src/statistics/counting/count-order.ts';
import { SUMS, type Counted } from '../../../src/statistics/counting/counted.ts';

const PAID = new Date('2026-06-01T03:00:00Z');
const LATER = new Date('2026-06-20T03:00:00Z');

const winner = (promoterId: string, more: Partial<AwardedWinner> = {}): AwardedWinner => ({
  promoterId,
  weight: 1n,
  linkCode: `${promoterId}s-link`,
  scene: 'group',
  campaignId: null,
  agencyId: 'agency',
  ...more,
});

const share = (promoterId: string, amount: bigint, more: Partial<AwardedShare> = {}): AwardedShare => ({
  lineId: '1',
  role: 'promoter',
  level: null,
  promoterId,
  campaignId: null,
  winner: 0,
  amount,
  ...more,
});

const line = (more: Partial<AwardedLine> = {}): AwardedLine => ({
  revision: 1,
  lineId: '1',
  productId: 'p1',
  category: 'baby',
  decision: 'attributed',
  quantity: 1n,
  paidAmount: 9999n,
  refundedAmount: 0n,
  winners: [winner('bob')],
  shares: [share('bob', 999n)],
  ...more,
});

const transfer = (
  promoterId: string,
  kind: AwardedTransfer['kind'],
  amount: bigint,
  more: Partial<AwardedTransfer> = {},
): AwardedTransfer => ({
  lineId: '1',
  role: 'promoter',
  level: null,
  promoterId,
  campaignId: null,
  revision: 1,
  kind,
  currency: 'CNY',
  amount,
  bookedAt: PAID,
  ...more,
});

const order = (more: Partial<AwardedOrder> = {}): AwardedOrder => ({
  orderKey: 7n,
  merchantId: 'm1',
  sourceId: 'shop1',
  currency: 'CNY',
  attributionAt: PAID,
  revision: 1,
  lines: [line()],
  transfers: [transfer('bob', 'accrue', 999n)],
  progress: new Map(),
  ...more,
});

/** Rows by what tells them apart here, with the sums that are not zero. */
function shown(rows: readonly Counted[], keys: (keyof Counted)[] = ['basis', 'promoterId']) {
  return rows.map((row) => {
    const sums = SUMS.flatMap((sum) => (row[sum] === 0n ? [] : [[sum, Number(row[sum])]]));
    const flags = { ...(row.winsOrder && { winsOrder: true }), ...(row.unattributed && { unattributed: true }) };
    return [...keys.map((key) => row[key]), { ...Object.fromEntries(sums), ...flags }];
  });
}

test('an order counts for its winner at its attribution time, and its booking when it was booked', () => {
  expect(countOrder(order({ transfers: [transfer('bob', 'accrue', 999n, { bookedAt: LATER })] }))).toEqual([
    {
      orderKey: 7n,
      lineId: '1',
      basis: 'order',
      at: PAID,
      merchantId: 'm1',
      currency: 'CNY',
      promoterId: 'bob',
      productId: 'p1',
      category: 'baby',
      scene: 'group',
      campaignId: null,
      linkCode: 'bobs-link',
      sourceId: 'shop1',
      agencyId: 'agency',
      level: null,
      units: 1n,
      paidAmount: 9999n,
      refundedAmount: 0n,
      refunds: 0n,
      commissionEstimated: 999n,
      commissionConfirmed: 0n,
      commissionReleased: 0n,
      commissionReversed: 0n,
      winsOrder: true,
      unattributed: false,
    },
    expect.objectContaining({
      basis: 'booking',
      at: LATER,
      promoterId: 'bob',
      linkCode: 'bobs-link',
      commissionEstimated: 999n,
      units: 0n,
    }),
  ]);
});

/** What the one row of an order says whose line has come so far. */
const comeTo = (progress: { isCompleted: boolean; isReleased: boolean }) =>
  shown(countOrder(order({ transfers: [], progress: new Map([['1', { ...progress, refunds: 0 }]]) })))[0]![2];

describe('a line', () => {
  test('counts as estimated, confirmed once it is completed, and released', () => {
    expect(comeTo({ isCompleted: false, isReleased: false })).toMatchObject({ commissionEstimated: 999 });
    expect(comeTo({ isCompleted: true, isReleased: false })).toMatchObject({ commissionConfirmed: 999 });
    expect(comeTo({ isCompleted: true, isReleased: true })).toMatchObject({ commissionReleased: 999 });
  });

  test('is divided among its winners by weight, the largest remainders first, and each has won the order', () => {
    const winners = [winner('ann', { weight: 2n }), winner('bob', { weight: 2n }), winner('cid', { weight: 1n, agencyId: null })];
    const shares = [share('ann', 400n), share('bob', 400n, { winner: 1 }), share('cid', 200n, { winner: 2 })];
    const sold = line({ quantity: 3n, paidAmount: 10_001n, refundedAmount: 4n, winners, shares });
    const progress = new Map([['1', { isCompleted: false, isReleased: false, refunds: 1 }]]);
    // Of 3 units 1.2, 1.2 and 0.6; of 10001 4000.4, 4000.4 and 2000.2; of 4 1.6, 1.6 and 0.8.
    expect(shown(countOrder(order({ lines: [sold], transfers: [], progress })), ['promoterId', 'linkCode', 'agencyId'])).toEqual([
      [
        'ann',
        'anns-link',
        'agency',
        { units: 1, paidAmount: 4001, refundedAmount: 2, refunds: 1, commissionEstimated: 400, winsOrder: true },
      ],
      ['bob', 'bobs-link', 'agency', { units: 1, paidAmount: 4000, refundedAmount: 1, commissionEstimated: 400, winsOrder: true }],
      ['cid', 'cids-link', null, { units: 1, paidAmount: 2000, refundedAmount: 1, commissionEstimated: 200, winsOrder: true }],
    ]);
  });

  test('has a row for every holder of a share under the keys of the winner, with a level for uplines alone', () => {
    const shares = [
      share('agency', 300n, { role: 'agency' }),
      share('bob', 630n),
      share('alice', 69n, { role: 'upline', level: 1 }),
      share('bob', 50n, { role: 'boost', campaignId: 'double' }),
    ];
    expect(shown(countOrder(order({ lines: [line({ shares })], transfers: [] })), ['promoterId', 'level', 'linkCode'])).toEqual([
      ['bob', null, 'bobs-link', { units: 1, paidAmount: 9999, commissionEstimated: 680, winsOrder: true }],
      ['agency', null, 'bobs-link', { commissionEstimated: 300 }],
      ['alice', 1, 'bobs-link', { commissionEstimated: 69 }],
    ]);
  });

  test('that nobody won counts once for the order, unless another line was won', () => {
    const nobodys = line({ lineId: '2', productId: 'p2', category: null, decision: 'unattributed', winners: [], shares: [] });
    const alone = { basis: 'order', promoterId: null, productId: 'p2' };
    expect(countOrder(order({ lines: [nobodys], transfers: [] }))).toEqual([
      expect.objectContaining({ ...alone, unattributed: true, units: 0n }),
    ]);
    expect(shown(countOrder(order({ lines: [line(), nobodys], transfers: [] })))).toHaveLength(1);
    for (const decision of ['no_rule', 'not_commissionable', 'duplicate_order', 'parent_earns', 'pending', 'void'] as const) {
      expect(countOrder(order({ lines: [{ ...nobodys, decision }], transfers: [] }))).toEqual([]);
    }
  });
});

describe('what was taken back', () => {
  const voided = line({ revision: 2, decision: 'void', winners: [], shares: [], category: null });
  const transfers = [transfer('bob', 'accrue', 999n), transfer('bob', 'reverse', 999n, { revision: 2, bookedAt: LATER })];

  test('counts for a void order under the keys of the decision in which it stood, and nothing else does', () => {
    const rows = countOrder(order({ revision: 2, lines: [line(), voided], transfers }));
    expect(shown(rows, ['basis', 'at', 'linkCode', 'category'])).toEqual([
      ['booking', PAID, 'bobs-link', 'baby', { commissionEstimated: 999 }],
      ['booking', LATER, 'bobs-link', 'baby', { commissionReversed: 999 }],
      ['order', PAID, 'bobs-link', 'baby', { commissionReversed: 999 }],
    ]);
  });

  test('stays with the former winner when the order goes to another', () => {
    const alices = line({ revision: 2, winners: [winner('alice')], shares: [share('alice', 999n)] });
    const moved = [...transfers, transfer('alice', 'accrue', 999n, { revision: 2, bookedAt: LATER })];
    expect(
      shown(countOrder(order({ revision: 2, lines: [line(), alices], transfers: moved })), ['basis', 'promoterId', 'linkCode']),
    ).toEqual([
      ['order', 'alice', 'alices-link', { units: 1, paidAmount: 9999, commissionEstimated: 999, winsOrder: true }],
      ['booking', 'bob', 'bobs-link', { commissionEstimated: 999 }],
      ['booking', 'bob', 'bobs-link', { commissionReversed: 999 }],
      ['order', 'bob', 'bobs-link', { commissionReversed: 999 }],
      ['booking', 'alice', 'alices-link', { commissionEstimated: 999 }],
    ]);
  });

  test('by a re-rating counts beside what is left', () => {
    const less = line({ revision: 2, shares: [share('bob', 500n)] });
    const reRated = [transfer('bob', 'accrue', 999n), transfer('bob', 'reverse', 499n, { revision: 2, bookedAt: LATER })];
    expect(shown(countOrder(order({ revision: 2, lines: [line(), less], transfers: reRated })))).toEqual([
      ['order', 'bob', { units: 1, paidAmount: 9999, commissionEstimated: 500, commissionReversed: 499, winsOrder: true }],
      ['booking', 'bob', { commissionEstimated: 999 }],
      ['booking', 'bob', { commissionReversed: 499 }],
    ]);
  });
});

describe('a booking', () => {
  test('keeps the keys that it had, whatever the same promoter wins the line by later', () => {
    const other = line({ revision: 2, winners: [winner('bob', { linkCode: 'other', scene: 'live' })], shares: [share('bob', 999n)] });
    const released = transfer('bob', 'release', 999n, { revision: 3, bookedAt: LATER });
    const lines = [line(), other, { ...other, revision: 3 }];
    const rows = countOrder(order({ revision: 3, lines, transfers: [transfer('bob', 'accrue', 999n), released] }));
    expect(shown(rows, ['basis', 'linkCode', 'scene'])).toEqual([
      ['order', 'other', 'live', { units: 1, paidAmount: 9999, commissionEstimated: 999, winsOrder: true }],
      ['booking', 'bobs-link', 'group', { commissionEstimated: 999 }],
      ['booking', 'other', 'live', { commissionReleased: 999 }],
    ]);
  });

  test('of one agency of several winners is divided as its shares are', () => {
    const winners = [winner('ann'), winner('bob')];
    const agency = { role: 'agency' } as const;
    const shares = [share('agency', 31n, agency), share('agency', 20n, { ...agency, winner: 1 })];
    const transfers = [transfer('agency', 'accrue', 51n, agency), transfer('agency', 'reverse', 10n, agency)];
    const rows = countOrder(order({ lines: [line({ winners, shares })], transfers }));
    expect(shown(rows, ['basis', 'promoterId', 'linkCode']).filter(([, promoterId]) => promoterId === 'agency')).toEqual([
      ['order', 'agency', 'anns-link', { commissionEstimated: 31, commissionReversed: 6 }],
      ['order', 'agency', 'bobs-link', { commissionEstimated: 20, commissionReversed: 4 }],
      ['booking', 'agency', 'anns-link', { commissionEstimated: 31, commissionReversed: 6 }],
      ['booking', 'agency', 'bobs-link', { commissionEstimated: 20, commissionReversed: 4 }],
    ]);
  });

  test('of a share that stood in no decision counts under the product of its line', () => {
    const rows = countOrder(order({ lines: [line({ shares: [] })] }));
    expect(shown(rows, ['basis', 'promoterId', 'productId', 'linkCode'])).toContainEqual([
      'booking',
      'bob',
      'p1',
      null,
      { commissionEstimated: 999 },
    ]);
  });

  test('of an order that is not paid any more counts, and the order does not', () => {
    const rows = countOrder(order({ attributionAt: null, transfers: [transfer('bob', 'accrue', 999n), transfer('bob', 'reverse', 999n)] }));
    expect(new Set(rows.map(({ basis }) => basis))).toEqual(new Set(['booking']));
  });

  test('of a bonus counts for its promoter, under nothing else', () => {
    const bonus = { merchantId: 'm1', promoterId: 'bob', currency: 'CNY', amount: 500n, bookedAt: LATER } as const;
    expect(countBonus({ ...bonus, kind: 'accrue' })).toMatchObject({
      orderKey: null,
      lineId: null,
      basis: 'booking',
      at: LATER,
      sourceId: null,
      linkCode: null,
      commissionEstimated: 500n,
    });
    expect(countBonus({ ...bonus, kind: 'release' })).toMatchObject({ commissionReleased: 500n, commissionEstimated: 0n });
    expect(countBonus({ ...bonus, kind: 'reverse' })).toMatchObject({ commissionReversed: 500n });
  });
});
