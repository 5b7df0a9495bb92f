// The arithmetic of commission: worked examples to the fen.

import { describe, expect, test } from 'vitest';
import { planSchema } from '../../src/core/plan.ts';
import type { Plan } from '../../src/core/plan.ts';
import { compareLineIds, splitOrder } from '../../src/core/split.ts';
import type { Parties } from '../../src/core/party.ts';
import type { LineSplit, Refund, SplitLine, SplitOrder } from '../../src/core/split.ts';

const WORKED = {
  to: 'agency',
  share_ppm: 1_000_000,
  pays: [{ to: 'promoter', share_ppm: 700_000, pays: [{ to: 'upline', level: 1, share_ppm: 100_000 }] }],
};
const PARTIES: Parties = { promoter: 'bob', uplines: ['alice'], agency: 'a1', talent: 'tina', talentAgency: 'a2' };

function plan(document: Record<string, unknown> = {}): Plan {
  return planSchema.parse({ rate_ppm: 100_000, split: [WORKED], ...document });
}

const whole = (to: string) => ({ rate_ppm: 1_000_000, split: [{ to, share_ppm: 1_000_000 }] });

function line(lineId: string, fields: Partial<SplitLine> & { plan?: Plan; parties?: Partial<Parties> } = {}): SplitLine {
  const { plan: given = plan(), parties = {}, ...rest } = fields;
  const winners = [{ promoterId: 'bob', weight: 1n, weightPpm: 1_000_000, parties: { ...PARTIES, ...parties } }];
  const rule = { ruleId: 'r1', version: 1, plan: given };
  return { lineId, paidAmount: 9999n, quantity: 1, platformCommission: null, rule, winners, barred: null, ...rest };
}

function split(lines: SplitLine[], refunds: Refund[] = [], fields: Partial<SplitOrder> = {}): LineSplit[] {
  return splitOrder({ currency: 'CNY', lines, refunds, ...fields });
}

const refund = (amount: bigint, lineId: string | null = null): Refund => ({ lineId, amount });
const amountsOf = (result: LineSplit) => result.shares.map((share) => share.amount);
const pools = (results: LineSplit[]) => results.map((result) => result.pool);

describe('an order line', () => {
  test('the worked example comes out to the fen', () => {
    const [result] = split([line('1')]);
    expect(result).toMatchObject({ lineId: '1', paidAmount: 9999n, refundedAmount: 0n, base: 9999n, pool: 999n });
    expect(result!.shares).toEqual([
      { role: 'agency', level: null, promoterId: 'a1', amount: 300n },
      { role: 'promoter', level: null, promoterId: 'bob', amount: 630n },
      { role: 'upline', level: 1, promoterId: 'alice', amount: 69n },
    ]);
  });

  test('and after a refund of 3000 again', () => {
    const [result] = split([line('1')], [refund(3000n, '1')]);
    expect(result).toMatchObject({ refundedAmount: 3000n, base: 6999n, pool: 699n });
    expect(amountsOf(result!)).toEqual([210n, 441n, 48n]);
  });

  test('what the top nodes leave is never charged', () => {
    const [result] = split([
      line('1', { paidAmount: 100n, plan: plan({ rate_ppm: 1_000_000, split: [{ to: 'promoter', share_ppm: 400_000 }] }) }),
    ]);
    expect(result!.pool).toBe(100n);
    expect(amountsOf(result!)).toEqual([40n]);
    expect(result!.arithmetic.at(-1)).toEqual({ step: 'uncharged', amount: 60 });
  });

  test('shares of zero are left out', () => {
    const [result] = split([line('1', { paidAmount: 10n })]);
    expect(result).toMatchObject({ pool: 1n, shares: [{ role: 'agency', amount: 1n }] });
  });
});

describe('the base', () => {
  test('refunds above what was paid leave a base of zero', () => {
    const [result] = split([line('1')], [refund(9000n, '1'), refund(5000n, '1')]);
    expect(result).toMatchObject({ refundedAmount: 14_000n, base: 0n, pool: 0n, shares: [] });
  });

  test('refunds of the whole order are taken together and spread over what the lines still have left', () => {
    const lines = [line('1', { paidAmount: 1000n }), line('2', { paidAmount: 1000n }), line('3', { paidAmount: 1000n })];
    const results = split(lines, [refund(50n), refund(1000n, '2'), refund(51n)]);
    expect(results.map((result) => result.refundedAmount)).toEqual([51n, 1000n, 50n]);
  });

  test('the unit that a spread refund cannot divide falls on the lower line, however the lines stand', () => {
    const lines = ['10', '9', '2'].map((id) => line(id, { paidAmount: 1000n }));
    expect(split(lines, [refund(100n)]).map((result) => result.refundedAmount)).toEqual([33n, 33n, 34n]);
  });

  test('a refund of the whole order falls on lines that earn nothing too, and takes no more than there is', () => {
    const lines = [line('1', { paidAmount: 300n }), line('2', { paidAmount: 100n, rule: null, winners: [] })];
    expect(split(lines, [refund(100n)]).map((result) => result.base)).toEqual([225n, 75n]);
    expect(split(lines, [refund(1000n)]).map((result) => result.refundedAmount)).toEqual([300n, 100n]);
  });

  test('a refund of a line that the order does not have falls on nobody', () => {
    expect(split([line('1')], [refund(100n, '9')])[0]!.base).toBe(9999n);
  });

  test('a removed line has nothing left', () => {
    const results = split([line('1', { quantity: 0 }), line('2')], [refund(99n)]);
    expect(results.map((result) => [result.refundedAmount, result.base])).toEqual([
      [0n, 0n],
      [99n, 9900n],
    ]);
  });

  test('a void order earns nothing, and still says what was refunded', () => {
    const document = plan({ fixed_per_unit: 100, currency: 'CNY' });
    const [result] = split([line('1', { plan: document, barred: 'void' })], [refund(10n, '1')]);
    expect(result).toMatchObject({ refundedAmount: 10n, base: 0n, pool: 0n, shares: [] });
  });

  test('the platform’s commission counts in the proportion that is kept of what was paid', () => {
    const document = plan({ ...whole('promoter'), base: 'platform_commission' });
    const based = (fields: Partial<SplitLine>) => line('1', { plan: document, platformCommission: 1000n, ...fields });
    expect(split([based({})])[0]!.base).toBe(1000n);
    expect(split([based({})], [refund(3000n, '1')])[0]!.base).toBe(699n);
    expect(split([based({ platformCommission: null })])[0]!.base).toBe(0n);
    expect(split([based({ paidAmount: 0n })])[0]!.base).toBe(0n);
  });

  test('a line without a rule or a winner has a base and no pool', () => {
    expect(split([line('1', { rule: null }), line('2', { winners: [] })]).map(({ base, pool }) => [base, pool])).toEqual([
      [9999n, 0n],
      [9999n, 0n],
    ]);
  });
});

const poolOf = (document: Record<string, unknown>, fields: Partial<SplitLine> = {}) =>
  split([line('1', { plan: plan({ currency: 'CNY', ...document }), paidAmount: 1000n, quantity: 3, ...fields })])[0]!.pool;

const winner = (promoterId: string, weightPpm: number, agency: string | null) => ({
  promoterId,
  weight: BigInt(weightPpm),
  weightPpm,
  parties: { ...PARTIES, promoter: promoterId, agency },
});

describe('the pool', () => {
  test('is the rate plus the fixed amount of every unit', () => {
    expect(poolOf({ fixed_per_unit: 20 })).toBe(160n);
    expect(poolOf({ rate_ppm: 0, fixed_per_unit: 20 })).toBe(60n);
  });

  test('is never above the cap of a line nor above the base', () => {
    expect(poolOf({ fixed_per_unit: 20, cap_per_line: 159 })).toBe(159n);
    expect(poolOf({ cap_per_line: 0 })).toBe(0n);
    expect(poolOf({ fixed_per_unit: 5000 })).toBe(1000n);
    expect(poolOf({ fixed_per_unit: 5000, cap_per_line: 2000 })).toBe(1000n);
  });

  test('has no fixed part when nothing is left of the line', () => {
    expect(poolOf({ fixed_per_unit: 20 }, { paidAmount: 0n })).toBe(0n);
    const [result] = split([line('1', { plan: plan({ currency: 'CNY', fixed_per_unit: 20 }) })], [refund(9999n, '1')]);
    expect(result!.arithmetic[1]).toMatchObject({ step: 'pool', fixed: 0, limited_by: null, pool: 0 });
  });

  test('knows fixed amounts and caps only in the currency of the plan', () => {
    expect(poolOf({ currency: 'USD', fixed_per_unit: 20, cap_per_line: 1, cap_per_order: 1 })).toBe(100n);
  });

  test('is scaled to the cap per order over the lines that the rule won, ties to the lower line', () => {
    const capped = plan({ currency: 'CNY', cap_per_order: 100 });
    const lines = ['10', '9', '2'].map((id) => line(id, { plan: capped, paidAmount: 1000n }));
    expect(pools(split(lines))).toEqual([33n, 33n, 34n]);
    const mixed = [...lines.slice(1), line('3', { paidAmount: 1000n, rule: { ruleId: 'r2', version: 1, plan: capped } })];
    expect(pools(split(mixed))).toEqual([50n, 50n, 100n]);
    expect(pools(split([...lines.slice(1), line('3', { plan: capped, paidAmount: 1000n, winners: [] })]))).toEqual([50n, 50n, 0n]);
  });

  test('is divided between several winners by weight, ties to the earlier click, and each has a tree of its own', () => {
    const document = plan({
      rate_ppm: 1_000_000,
      split: [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: 500_000 }] }],
    });
    const winners = [winner('ann', 333_334, 'a1'), winner('ben', 333_333, null), winner('cid', 333_333, 'a1')];
    const [result] = split([line('1', { paidAmount: 11n, plan: document, winners })]);
    expect(result!.shares.map(({ role, promoterId, amount }) => `${role} ${promoterId} ${amount}`)).toEqual([
      'agency a1 2',
      'promoter ann 2',
      'promoter ben 2',
      'agency a1 2',
      'promoter cid 1',
    ]);
    const even = [winner('ann', 500_000, 'a1'), winner('ben', 500_000, 'a1')];
    const [halves] = split([line('1', { paidAmount: 11n, plan: plan(whole('promoter')), winners: even })]);
    expect(amountsOf(halves!)).toEqual([6n, 5n]);
  });
});

test('the reckoning says every number, as JSON', () => {
  const [result] = split([line('1', { parties: { promoter: null } })], [refund(3000n, '1')]);
  expect(JSON.parse(JSON.stringify(result!.arithmetic))).toEqual([
    { step: 'base', paid: 9999, refunded: 3000, base: 6999 },
    { step: 'pool', rate_ppm: 100_000, rated: 699, fixed: 0, limited_by: null, pool: 699 },
    { step: 'share', role: 'agency', promoter_id: 'a1', payer: 'merchant', share_ppm: 1_000_000, gross: 699, net: 210, amount: 651 },
    { step: 'absent', role: 'promoter', payer: 'agency', share_ppm: 700_000, gross: 489, net: 441, kept_by: 'agency' },
    {
      step: 'share',
      role: 'upline',
      level: 1,
      promoter_id: 'alice',
      payer: 'promoter',
      share_ppm: 100_000,
      gross: 48,
      net: 48,
      amount: 48,
    },
  ]);
});

test.each(['pending', 'duplicate_order', 'parent_earns'] as const)(
  'an order that is %s has no base, and is not said to be void',
  (barred) => {
    const [result] = split([line('1', { barred })]);
    expect(result).toMatchObject({ base: 0n, pool: 0n, shares: [] });
    expect(result!.arithmetic[0]).toEqual({ step: 'base', paid: 9999, refunded: 0, withheld: barred, base: 0 });
    expect(split([line('1', { barred: 'void' })])[0]!.arithmetic[0]).toEqual({
      step: 'base',
      paid: 9999,
      refunded: 0,
      void: true,
      base: 0,
    });
  },
);

test('line ids of digits are compared as numbers of any length, before all others', () => {
  const ids = ['1a', '10', '2', 'b', '9007199254740993', '9007199254740992', '02', 'B', ''];
  const sorted = ['02', '2', '10', '9007199254740992', '9007199254740993', '', '1a', 'B', 'b'];
  expect(ids.toSorted(compareLineIds)).toEqual(sorted);
  expect(ids.toReversed().toSorted(compareLineIds)).toEqual(sorted);
  expect(compareLineIds('7', '7')).toBe(0);
});
