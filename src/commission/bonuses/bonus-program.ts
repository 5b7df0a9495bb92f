// A bonus program: what it counts of whom, when its periods begin and end, and by which of its
// versions a period is reckoned. Pure.

import { bonusOf, type BonusMode, type BonusStep } from '../../core/programs/bonus.ts';
import type { Measure } from '../../core/programs/steps.ts';
import { dayOf, spanOfMonths } from '../../platform/calendar.ts';
import { measured, type Figure } from '../won-lines/figure-store.ts';
import { ONCE } from './bonus-due-store.ts';

export const BONUS_PERIODS = ['month', 'once'] as const;

/** What may change of a program, each time as a new version. */
export interface BonusTerms {
  measure: Measure;
  /** The lowest step first. */
  steps: BonusStep[];
  mode: BonusMode;
  /** Lines that were completed before do not count; null: all do. */
  startsAt: Date | null;
  /** Lines that are completed then or later do not count; null: all do. */
  endsAt: Date | null;
}

export interface BonusVersion extends BonusTerms {
  version: number;
  recordedAt: Date;
}

/** What stays of a program. */
export interface BonusProgram {
  programId: string;
  merchantId: string;
  currency: string;
  period: (typeof BONUS_PERIODS)[number];
  timeZone: string;
  madeAt: Date;
}

/** Every version of a program, the first one first. */
export interface BonusBook extends BonusProgram {
  versions: BonusVersion[];
}

/** The period of a program that a moment is in. */
export function periodAt({ period, timeZone }: BonusProgram, at: Date): string {
  return period === 'once' ? ONCE : dayOf(at, timeZone).slice(0, 7);
}

/** How a period is reckoned. */
export interface Reckoning {
  terms: BonusVersion;
  /** Lines that were completed at or after this count; null: since ever. */
  from: Date | null;
  /** Lines that were completed before this count; null: for ever. */
  until: Date | null;
  /** When the period ends, after which it is released; null: it has no end to wait for. */
  endsAt: Date | null;
}

/**
 * How a period is reckoned: a month by the last version that was recorded before it ended, else by
 * the first; the period of a program that pays once by the latest.
 */
export function reckoningOf({ timeZone, versions }: BonusBook, period: string): Reckoning {
  if (period === ONCE) {
    const terms = versions.at(-1)!;
    return { terms, from: terms.startsAt, until: terms.endsAt, endsAt: terms.endsAt };
  }
  const month = spanOfMonths(period, timeZone);
  const terms = versions.findLast(({ recordedAt }) => recordedAt < month.until) ?? versions[0]!;
  const from = terms.startsAt !== null && terms.startsAt > month.from ? terms.startsAt : month.from;
  const until = terms.endsAt !== null && terms.endsAt < month.until ? terms.endsAt : month.until;
  return { terms, from, until, endsAt: month.until };
}

/** What a figure pays by these terms: nothing at all where there is no line. */
export function paidFor({ steps, mode, measure }: BonusTerms, figure: Pick<Figure, 'paidAmount' | 'orders'>): bigint {
  return figure.orders === 0n ? 0n : bonusOf(steps, mode, measured(figure, measure));
}
