// The figures are those that the tax administration published, or that were computed apart from
// this program, in yuan as they stand there; all others are fen.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseDecimal } from '../../../src/core/money.ts';
import {
  earlierIncome,
  schemeOf,
  withholdingOf,
  withholdingStep,
  WITHHOLDING_GAPS,
  WITHHOLDING_SCHEMES,
} from '../../../src/core/payouts/withholding.ts';
import type { LivePayout, WithholdingGap, WithholdingScheme } from '../../../src/core/payouts/withholding.ts';

const fen = (yuan: string): bigint => parseDecimal(yuan.replaceAll(',', ''), 2)!;
const NOTHING = { income: 0n, withheld: 0n, months: 1 };
const RESTART: WithholdingGap = 'restart';

/** Pays one after the other, each after what is live of those before it. */
function paid(
  scheme: WithholdingScheme,
  payments: readonly (readonly [month: string, gross: bigint])[],
  gap: WithholdingGap = RESTART,
): LivePayout[] {
  const live: LivePayout[] = [];
  for (const [month, gross] of payments) {
    const { withheld } = withholdingOf(scheme, earlierIncome(scheme, live, month, gap), gross);
    live.push({ approvedMonth: month, gross, withheld });
  }
  return live;
}

const monthOf = (index: number): string => `2026-${String(index + 1).padStart(2, '0')}`;
const withheldOf = (payouts: readonly LivePayout[]): bigint[] => payouts.map(({ withheld }) => withheld);
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

test.each([
  ['800.00', '0', '0', '800.00'],
  ['1,000.00', '200', '40.00', '960.00'],
  ['3,000.00', '2,200', '440.00', '2,560.00'],
  ['4,000.00', '3,200', '640.00', '3,360.00'],
  ['6,000.00', '4,800', '960.00', '5,040.00'],
  ['25,000.00', '20,000', '4,000.00', '21,000.00'],
  ['30,000.00', '24,000', '5,200.00', '24,800.00'],
  ['62,500.00', '50,000', '13,000.00', '49,500.00'],
  ['100,000.00', '80,000', '25,000.00', '75,000.00'],
])('of a month of %s yuan by labour service, %s are taxable and %s are held back', (income, taxable, tax, net) => {
  const { withheld, steps } = withholdingOf('cn_labor_service', NOTHING, fen(income));
  expect(withheld).toBe(fen(tax));
  expect(fen(income) - withheld).toBe(fen(net));
  expect(steps.find(({ step }) => step === 'taxable')).toMatchObject({ taxable: String(fen(taxable)) });
});

test.each(['4,000.00', '25,000.00', '62,500.00'])('a fen above the edge of %s yuan is taxed as the edge is', (edge) => {
  const at = withholdingOf('cn_labor_service', NOTHING, fen(edge)).withheld;
  expect(withholdingOf('cn_labor_service', NOTHING, fen(edge) + 1n).withheld).toBe(at);
});

test('the second payment of a month is taxed on the sum of the month, less what the month withheld', () => {
  const payouts = paid('cn_labor_service', [
    ['2026-05', 300_000n],
    ['2026-05', 300_000n],
    ['2026-06', 300_000n],
  ]);
  expect(withheldOf(payouts)).toEqual([44_000n, 52_000n, 44_000n]);
});

test('the steps of labour service say the whole arithmetic', () => {
  const { steps } = withholdingOf('cn_labor_service', { income: 300_000n, withheld: 44_000n, months: 1 }, 300_001n);
  expect(steps).toEqual([
    { step: 'income', before: 300_000, gross: 300_001, income: 600_001 },
    { step: 'taxable', cost: '120000.2', deduction: 0, taxable: '480000.8' },
    { step: 'tax', rate_ppm: 200_000, quick_deduction: 0, tax: 96_000 },
    { step: 'withheld', before: 44_000, limited_by: null, withheld: 52_000 },
  ]);
});

const months = (count: number, yuan: string): [string, string][] => Array.from({ length: count }, (_, index) => [monthOf(index), yuan]);

test.each<[string, [string, string][], string[]]>([
  ['7,140 a month', months(5, '7140'), ['21.36', '21.36', '21.36', '21.36', '21.36']],
  ['6,250 a month', months(12, '6250'), months(12, '0').map(() => '0')],
  ['6,251 once', months(1, '6251'), ['0.02']],
  ['10,000 a month, which ends exactly at the first edge', months(12, '10000'), months(12, '0').map(() => '90.00')],
  ['30,000 a month', months(4, '30000'), ['570.00', '710.00', '1900.00', '1900.00']],
  [
    '8,000 and 4,000 in the same month',
    [
      ['2026-01', '8000'],
      ['2026-01', '4000'],
    ],
    ['42.00', '96.00'],
  ],
  [
    'a great month and small ones, of which nothing is paid back',
    [
      ['2026-01', '30000'],
      ['2026-02', '1000'],
      ['2026-03', '1000'],
      ['2026-04', '10000'],
    ],
    ['570.00', '0', '0', '0'],
  ],
  [
    '20,000, then 10,000 of which 5,000 were clawed back',
    [
      ['2026-01', '20000'],
      ['2026-02', '5000'],
    ],
    ['330.00', '0'],
  ],
  [
    '20,000, then 10,000',
    [
      ['2026-01', '20000'],
      ['2026-02', '10000'],
    ],
    ['330.00', '90.00'],
  ],
])('the cumulative scheme withholds as published: %s', (_, payments, expected) => {
  const payouts = paid(
    'cn_platform_cumulative',
    payments.map(([month, yuan]) => [month, fen(yuan)]),
  );
  expect(withheldOf(payouts)).toEqual(expected.map(fen));
});

test.each([
  ['51250', '1080'],
  ['186250', '11880'],
  ['381250', '43080'],
  ['531250', '73080'],
  ['831250', '145080'],
  ['1206250', '250080'],
  ['1256250', '268080'],
])('a first month of %s yuan, at the edge of a bracket of the year, owes %s, and a fen more the same', (income, tax) => {
  expect(withholdingOf('cn_platform_cumulative', NOTHING, fen(income)).withheld).toBe(fen(tax));
  expect(withholdingOf('cn_platform_cumulative', NOTHING, fen(income) + 1n).withheld).toBe(fen(tax));
});

test('the published worker owes 5,712 yuan by the old method and 106.80 by the new one', () => {
  const payments = months(5, '7140').map(([month, yuan]): [string, bigint] => [month, fen(yuan)]);
  expect(sum(withheldOf(paid('cn_labor_service', payments)))).toBe(fen('5712'));
  expect(sum(withheldOf(paid('cn_platform_cumulative', payments)))).toBe(fen('106.80'));
});

test('the cumulative tax falls below what was withheld, and its steps say so', () => {
  const taxes = [1, 2, 3].map((index) => {
    const income = [0n, fen('31000'), fen('32000'), fen('42000')][index]!;
    const { steps } = withholdingOf('cn_platform_cumulative', { income: income - 1n, withheld: fen('570'), months: index + 1 }, 1n);
    expect(steps.at(-1)).toEqual({ step: 'withheld', before: 57_000, limited_by: 'zero', withheld: 0 });
    const tax = steps.find(({ step }) => step === 'tax')!;
    return 'tax' in tax ? tax.tax : null;
  });
  expect(taxes).toEqual([44_400, 31_800, 40_800]);
});

test('a payment that failed is not live, and its next try withholds the same', () => {
  const payments = months(4, '30000').map(([month, yuan]): [string, bigint] => [month, fen(yuan)]);
  const live = paid('cn_platform_cumulative', payments).slice(0, 3);
  const before = earlierIncome('cn_platform_cumulative', live, '2026-04', RESTART);
  expect(withholdingOf('cn_platform_cumulative', before, fen('30000')).withheld).toBe(190_000n);
});

test('a month without income restarts the reckoning, or is passed over, as is configured', () => {
  const january: LivePayout[] = [{ approvedMonth: '2026-01', gross: fen('20000'), withheld: fen('330') }];
  const restarted = earlierIncome('cn_platform_cumulative', january, '2026-03', 'restart');
  const kept = earlierIncome('cn_platform_cumulative', january, '2026-03', 'keep');
  expect(restarted).toEqual({ income: 0n, withheld: 0n, months: 1 });
  expect(kept).toEqual({ income: fen('20000'), withheld: fen('330'), months: 2 });
  for (const before of [restarted, kept]) expect(withholdingOf('cn_platform_cumulative', before, fen('5000')).withheld).toBe(0n);
});

test.each(WITHHOLDING_GAPS)('January begins anew, and neither later months nor another year count (%s)', (gap) => {
  const payouts: LivePayout[] = ['2025-11', '2025-12', '2026-03', '2027-01'].map((approvedMonth) => ({
    approvedMonth,
    gross: 100n,
    withheld: 1n,
  }));
  expect(earlierIncome('cn_platform_cumulative', payouts, '2026-01', gap)).toEqual({ income: 0n, withheld: 0n, months: 1 });
  expect(earlierIncome('cn_platform_cumulative', payouts, '2025-12', gap)).toEqual({ income: 200n, withheld: 2n, months: 2 });
});

test('months count once however many payments they have, that of the payment among them', () => {
  const payouts = ['2026-01', '2026-03', '2026-03', '2026-04'].map((approvedMonth) => ({ approvedMonth, gross: 100n, withheld: 1n }));
  expect(earlierIncome('cn_platform_cumulative', payouts, '2026-04', 'restart')).toEqual({ income: 300n, withheld: 3n, months: 2 });
  expect(earlierIncome('cn_platform_cumulative', payouts, '2026-04', 'keep')).toEqual({ income: 400n, withheld: 4n, months: 3 });
  expect(earlierIncome('cn_labor_service', payouts, '2026-03', 'keep')).toEqual({ income: 200n, withheld: 2n, months: 1 });
});

test.each([
  ['individual', 'CNY', 'cn_platform_cumulative'],
  ['individual', 'JPY', 'none'],
  ['sole_trader', 'CNY', 'none'],
  ['company', 'CNY', 'none'],
] as const)('only people are taxed here, and only in yuan: %s, %s: %s', (payeeKind, currency, scheme) => {
  expect(schemeOf('cn_platform_cumulative', { payeeKind, currency })).toBe(scheme);
});

test('without a scheme nothing is held back', () => {
  expect(withholdingOf('none', NOTHING, fen('100000'))).toEqual({ withheld: 0n, steps: [] });
});

test('a month that is none, and income below zero, are faults of the caller', () => {
  expect(() => earlierIncome('cn_labor_service', [], '2026-13', RESTART)).toThrow('a month is written YYYY-MM');
  expect(() => withholdingOf('cn_labor_service', { ...NOTHING, income: -1n }, 1n)).toThrow('tax is reckoned on what was earned');
});

const grosses = fc.bigInt({ min: 1n, max: 200_000_00n });
const schemes = fc.constantFrom(...WITHHOLDING_SCHEMES);
const gaps = fc.constantFrom(...WITHHOLDING_GAPS);
const befores = fc.record({
  income: fc.bigInt({ min: 0n, max: 2_000_000_00n }),
  withheld: fc.bigInt({ min: 0n, max: 600_000_00n }),
  months: fc.integer({ min: 1, max: 12 }),
});

test('what is withheld lies between nothing and the gross, and its steps fit their schema', () => {
  fc.assert(
    fc.property(schemes, befores, grosses, (scheme, before, gross) => {
      const { withheld, steps } = withholdingOf(scheme, before, gross);
      expect(withheld >= 0n && withheld <= gross).toBe(true);
      expect(steps.map((step) => withholdingStep.parse(step))).toEqual(steps);
    }),
    { numRuns: 300 },
  );
});

test('more income withholds no less, and leaves no less', () => {
  fc.assert(
    fc.property(schemes, befores, grosses, grosses, (scheme, before, gross, more) => {
      const [less, greater] = [withholdingOf(scheme, before, gross).withheld, withholdingOf(scheme, before, gross + more).withheld];
      expect(greater >= less).toBe(true);
      expect(gross + more - greater >= gross - less).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('more withheld before and more months of deduction never withhold more', () => {
  fc.assert(
    fc.property(schemes, befores, grosses, grosses, (scheme, before, gross, more) => {
      const { withheld } = withholdingOf(scheme, before, gross);
      expect(withholdingOf(scheme, { ...before, withheld: before.withheld + more }, gross).withheld <= withheld).toBe(true);
      expect(withholdingOf(scheme, { ...before, months: before.months + 1 }, gross).withheld <= withheld).toBe(true);
    }),
  );
});

test('payments of a month withhold in all what one payment of their sum would', () => {
  const monthly = fc.array(fc.array(grosses, { minLength: 0, maxLength: 4 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(schemes, gaps, monthly, (scheme, gap, grossesByMonth) => {
      const parts = grossesByMonth.flatMap((own, index) => own.map((gross): [string, bigint] => [monthOf(index), gross]));
      const wholes = grossesByMonth.flatMap((own, index): [string, bigint][] => (own.length === 0 ? [] : [[monthOf(index), sum(own)]]));
      const inParts = paid(scheme, parts, gap);
      for (const { approvedMonth, withheld } of paid(scheme, wholes, gap)) {
        expect(sum(withheldOf(inParts.filter((payout) => payout.approvedMonth === approvedMonth)))).toBe(withheld);
      }
    }),
    { numRuns: 200 },
  );
});

test('the order in which live payouts are listed does not matter', () => {
  const payouts = fc.array(
    fc.record({ approvedMonth: fc.integer({ min: 0, max: 11 }).map(monthOf), gross: grosses, withheld: fc.constant(7n) }),
  );
  fc.assert(
    fc.property(schemes, gaps, payouts, fc.integer({ min: 0, max: 11 }).map(monthOf), (scheme, gap, live, month) => {
      expect(earlierIncome(scheme, live.toReversed(), month, gap)).toEqual(earlierIncome(scheme, live, month, gap));
    }),
  );
});
