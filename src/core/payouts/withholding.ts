// The tax that is held back from a payment to a person, as the Chinese rules for 劳务报酬 reckon it.
// Whole fen; one rounding, at the end. What earlier payments of the taxpayer were is an argument.

import { z } from 'zod';

import { assert } from '../errors.ts';
import { jsonAmount, PPM_WHOLE, type Ppm } from '../money.ts';

/**
 * - `none`: nothing is held back.
 * - `cn_labor_service`: ordinary 劳务报酬 (STA Announcement 2018 No. 61): all income of one month is
 *   one "time".
 * - `cn_platform_cumulative`: practitioners of an internet platform enterprise (STA Announcement
 *   2025 No. 16): the year's income, less the basic deduction of each month of continuous income.
 */
export const WITHHOLDING_SCHEMES = ['none', 'cn_labor_service', 'cn_platform_cumulative'] as const;
export type WithholdingScheme = (typeof WITHHOLDING_SCHEMES)[number];

/**
 * What a month without income does to the cumulative scheme, which its text leaves open: `restart`
 * begins anew behind it, `keep` goes on with the year and counts the months that have income.
 */
export const WITHHOLDING_GAPS = ['restart', 'keep'] as const;
export type WithholdingGap = (typeof WITHHOLDING_GAPS)[number];

/** A payout of the taxpayer that is neither failed, cancelled nor returned. */
export interface LivePayout {
  /** YYYY-MM, in the deployment's time zone of taxes. */
  approvedMonth: string;
  /** Fen. */
  gross: bigint;
  withheld: bigint;
}

/** What a taxpayer had before a payment, as far as it counts for its tax. Fen. */
interface EarlierIncome {
  income: bigint;
  withheld: bigint;
  /** Months that the basic deduction is granted for, that of the payment among them. */
  months: number;
}

const amount = z.union([z.int(), z.string()]);
const tenths = z.string().meta({ description: 'Fen as a decimal, exact: a fifth of a fen is never rounded away.' });

/** One line of the reckoning, for the payee and its accountant to follow. */
export const withholdingStep = z
  .discriminatedUnion('step', [
    z.object({
      step: z.literal('income'),
      before: amount.meta({ description: 'Income of the same month, or of the counted months of the year, before this payment.' }),
      gross: amount,
      income: amount,
    }),
    z.object({
      step: z.literal('taxable'),
      cost: tenths.meta({ description: '800 yuan up to an income of 4,000 yuan, else 20 %; 20 % in the cumulative scheme.' }),
      months: z.int().optional().meta({ description: 'Months that the basic deduction of 5,000 yuan is granted for.' }),
      deduction: amount,
      taxable: tenths,
    }),
    z.object({
      step: z.literal('tax'),
      rate_ppm: z.int(),
      quick_deduction: amount,
      tax: amount.meta({ description: 'taxable × rate − quick deduction, half up to the fen.' }),
    }),
    z.object({
      step: z.literal('withheld'),
      before: amount.meta({ description: 'Already held back from the same income.' }),
      limited_by: z.enum(['zero', 'gross']).nullable().meta({ description: '`zero`: nothing is paid back within the year.' }),
      withheld: amount,
    }),
  ])
  .meta({ id: 'WithholdingStep' });
export type WithholdingStep = z.output<typeof withholdingStep>;

interface Withholding {
  /** Fen; from 0 to the gross. */
  withheld: bigint;
  /** Empty where no tax is reckoned. */
  steps: WithholdingStep[];
}

interface Bracket {
  /** The greatest taxable income of the bracket, in fen; null for the last. */
  upTo: bigint | null;
  ratePpm: Ppm;
  quickDeduction: bigint;
}

/** 预扣率表二 of Announcement 2018 No. 61. */
const LABOR_BRACKETS: readonly Bracket[] = [
  { upTo: 20_000_00n, ratePpm: 200_000, quickDeduction: 0n },
  { upTo: 50_000_00n, ratePpm: 300_000, quickDeduction: 2_000_00n },
  { upTo: null, ratePpm: 400_000, quickDeduction: 7_000_00n },
];

/** 预扣率表一 of the same, which Announcement 2025 No. 16 refers to. */
const CUMULATIVE_BRACKETS: readonly Bracket[] = [
  { upTo: 36_000_00n, ratePpm: 30_000, quickDeduction: 0n },
  { upTo: 144_000_00n, ratePpm: 100_000, quickDeduction: 2_520_00n },
  { upTo: 300_000_00n, ratePpm: 200_000, quickDeduction: 16_920_00n },
  { upTo: 420_000_00n, ratePpm: 250_000, quickDeduction: 31_920_00n },
  { upTo: 660_000_00n, ratePpm: 300_000, quickDeduction: 52_920_00n },
  { upTo: 960_000_00n, ratePpm: 350_000, quickDeduction: 85_920_00n },
  { upTo: null, ratePpm: 450_000, quickDeduction: 181_920_00n },
];

const FLAT_COST = 800_00n;
const FLAT_COST_UP_TO = 4_000_00n;
const BASIC_DEDUCTION = 5_000_00n;

/** The scheme that a payment falls under: people only, and in yuan only. */
export function schemeOf(
  configured: WithholdingScheme,
  { payeeKind, currency }: { payeeKind: 'individual' | 'sole_trader' | 'company'; currency: string },
): WithholdingScheme {
  return payeeKind === 'individual' && currency === 'CNY' ? configured : 'none';
}

/**
 * What to hold back from a payment of `gross` fen, given what the taxpayer had before. Never below
 * zero, never above the gross.
 */
export function withholdingOf(scheme: WithholdingScheme, before: EarlierIncome, gross: bigint): Withholding {
  assert(gross >= 0n && before.income >= 0n && before.withheld >= 0n && before.months >= 1, 'tax is reckoned on what was earned');
  if (scheme === 'none') return { withheld: 0n, steps: [] };
  const income = before.income + gross;
  const isCumulative = scheme === 'cn_platform_cumulative';
  const months = isCumulative ? before.months : null;
  const costTenths = !isCumulative && income <= FLAT_COST_UP_TO ? FLAT_COST * 10n : income * 2n;
  const deduction = months === null ? 0n : BASIC_DEDUCTION * BigInt(months);
  const taxableTenths = atLeastZero(income * 10n - costTenths - deduction * 10n);
  const { ratePpm, quickDeduction, tax } = taxOn(taxableTenths, isCumulative ? CUMULATIVE_BRACKETS : LABOR_BRACKETS);
  const due = tax - before.withheld;
  const withheld = due < 0n ? 0n : due > gross ? gross : due;
  return {
    withheld,
    steps: [
      { step: 'income', before: jsonAmount(before.income), gross: jsonAmount(gross), income: jsonAmount(income) },
      {
        step: 'taxable',
        cost: tenthsText(costTenths),
        ...(months !== null && { months }),
        deduction: jsonAmount(deduction),
        taxable: tenthsText(taxableTenths),
      },
      { step: 'tax', rate_ppm: ratePpm, quick_deduction: jsonAmount(quickDeduction), tax: jsonAmount(tax) },
      {
        step: 'withheld',
        before: jsonAmount(before.withheld),
        limited_by: due < 0n ? 'zero' : due > gross ? 'gross' : null,
        withheld: jsonAmount(withheld),
      },
    ],
  };
}

const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;
const MONTHS_OF_YEAR = ['01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12'];

/**
 * What a taxpayer had before a payment that is approved in `month` (YYYY-MM), from its payouts that
 * are live at that approval. Payouts of later months do not count. A month counts for the basic
 * deduction if it has income, and that of the payment always does; January begins anew.
 */
export function earlierIncome(
  scheme: WithholdingScheme,
  payouts: readonly LivePayout[],
  month: string,
  gap: WithholdingGap,
): EarlierIncome {
  assert(MONTH.test(month), 'a month is written YYYY-MM');
  const incomeByMonth = new Map<string, bigint>();
  for (const { approvedMonth, gross } of payouts) {
    assert(MONTH.test(approvedMonth), 'a month is written YYYY-MM');
    incomeByMonth.set(approvedMonth, (incomeByMonth.get(approvedMonth) ?? 0n) + gross);
  }
  const hasIncome = (each: string): boolean => (incomeByMonth.get(each) ?? 0n) > 0n;
  const counted = new Set(scheme === 'cn_platform_cumulative' ? countedMonths(month, gap, hasIncome) : [month]);
  const before: EarlierIncome = { income: 0n, withheld: 0n, months: counted.size };
  for (const { approvedMonth, gross, withheld } of payouts) {
    if (!counted.has(approvedMonth)) continue;
    before.income += gross;
    before.withheld += withheld;
  }
  return before;
}

/** The months of the year whose income is added up for a payment in `month`. */
function countedMonths(month: string, gap: WithholdingGap, hasIncome: (month: string) => boolean): string[] {
  const [year = '', own = ''] = month.split('-');
  const earlier = MONTHS_OF_YEAR.filter((each) => each < own).map((each) => `${year}-${each}`);
  if (gap === 'keep') return [...earlier.filter(hasIncome), month];
  const lastGap = earlier.findLastIndex((each) => !hasIncome(each));
  return [...earlier.slice(lastGap + 1), month];
}

const TENTHS_PER_PPM = 10n * BigInt(PPM_WHOLE);

/** The tax on a taxable income in tenths of a fen, half up to the fen. */
function taxOn(taxableTenths: bigint, brackets: readonly Bracket[]): { ratePpm: Ppm; quickDeduction: bigint; tax: bigint } {
  const bracket = brackets.find(({ upTo }) => upTo === null || taxableTenths <= upTo * 10n);
  assert(bracket !== undefined, 'the last bracket has no end');
  const { ratePpm, quickDeduction } = bracket;
  const exact = taxableTenths * BigInt(ratePpm) - quickDeduction * TENTHS_PER_PPM;
  return { ratePpm, quickDeduction, tax: (exact + TENTHS_PER_PPM / 2n) / TENTHS_PER_PPM };
}

function atLeastZero(value: bigint): bigint {
  return value < 0n ? 0n : value;
}

function tenthsText(tenthsOfFen: bigint): string {
  const rest = tenthsOfFen % 10n;
  return rest === 0n ? String(tenthsOfFen / 10n) : `${tenthsOfFen / 10n}.${rest}`;
}
