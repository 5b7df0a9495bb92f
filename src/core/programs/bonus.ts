// What a bonus program pays for a figure: by steps, each for what lies on it or the highest for
// all, with one rounding.

import { assert } from '../errors.ts';
import { partOf, type Ppm } from '../money.ts';
import { highestReached } from './steps.ts';

/** `marginal`: each step pays for its own stretch. `whole`: the highest reached one for all. */
export const BONUS_MODES = ['marginal', 'whole'] as const;

export type BonusMode = (typeof BONUS_MODES)[number];

/** From a figure on, a part of what is counted, or an amount in minor units. */
export type BonusStep = { atLeast: bigint } & ({ ratePpm: Ppm } | { amount: bigint });

const PPM_WHOLE = 1_000_000n;

/**
 * The bonus of a figure, in minor units, rounded down once. A step is reached where the figure is
 * at least its `atLeast`. Marginal: a rate pays for what lies between its step and the next one
 * with a rate, and every amount reached is paid. Whole: of the highest step reached, its rate on
 * the whole figure or its amount. (Contract, "Tiers and bonuses".)
 */
export function bonusOf(steps: readonly BonusStep[], mode: BonusMode, figure: bigint): bigint {
  assert(figure >= 0n, 'what is counted is not negative');
  if (mode === 'marginal') return marginalBonus(steps, figure);
  const step = highestReached(steps, figure);
  if (step === null) return 0n;
  return 'amount' in step ? step.amount : partOf(figure, step.ratePpm);
}

function marginalBonus(steps: readonly BonusStep[], figure: bigint): bigint {
  const rates = steps.flatMap((step) => ('ratePpm' in step ? [step] : [])).toSorted(byThreshold);
  let [millionths, amounts] = [0n, 0n];
  for (const [index, { atLeast, ratePpm }] of rates.entries()) {
    const next = rates[index + 1]?.atLeast ?? figure;
    const upTo = next < figure ? next : figure;
    if (upTo > atLeast) millionths += (upTo - atLeast) * BigInt(ratePpm);
  }
  for (const step of steps) if ('amount' in step && step.atLeast <= figure) amounts += step.amount;
  return millionths / PPM_WHOLE + amounts;
}

function byThreshold(a: BonusStep, b: BonusStep): number {
  return a.atLeast < b.atLeast ? -1 : 1;
}
