// Figures from what is counted: those that add up, and those that are quotients of them.

import { PPM_WHOLE } from '../../core/money.ts';
import { COUNTED_MEASURES, type CountedMeasure, type Figures, type Measure, type StatisticsQuery } from './query.ts';

/** What a cell counts, every figure of it. */
export type Counts = Readonly<Record<CountedMeasure | 'buyers', bigint>>;

const COLUMNS = [...COUNTED_MEASURES, 'buyers'] as const;

export const NO_COUNTS: Counts = countsOf(() => 0n);

/** Counts of what is read for each. */
export function countsOf(read: (measure: CountedMeasure | 'buyers') => bigint): Counts {
  return Object.fromEntries(COLUMNS.map((column) => [column, read(column)])) as Counts;
}

/** The figures that a query asks for. */
export function figuresOf(counts: Counts, { measures, basis }: Pick<StatisticsQuery, 'measures' | 'basis'>): Figures {
  return Object.fromEntries(measures.map((measure) => [measure, figureOf(measure, counts, basis)]));
}

function figureOf(measure: Measure, counts: Counts, basis: StatisticsQuery['basis']): bigint | null {
  if (measure === 'conversion_ppm') return floorOf(counts.orders * BigInt(PPM_WHOLE), counts.clicks);
  if (measure === 'earnings_per_click') return floorOf(commissionOf(counts), counts.clicks);
  // Nothing is booked when a commission is confirmed: it stays pending.
  if (measure === 'commission_confirmed' && basis === 'booking') return null;
  return counts[measure];
}

function commissionOf(counts: Counts): bigint {
  return counts.commission_estimated + counts.commission_confirmed + counts.commission_released;
}

function floorOf(amount: bigint, by: bigint): bigint | null {
  if (by === 0n) return null;
  const quotient = amount / by;
  return amount % by < 0n ? quotient - 1n : quotient;
}
