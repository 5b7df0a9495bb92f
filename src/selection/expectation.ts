// What is to be expected of a product before it is looked at by itself: what its category says,
// drawn towards its merchant's, drawn towards all. Pure.

import { groupedBy } from '../platform/grouped-by.ts';
import { groupFactor, NO_FACTOR, together, usualOf, variance, type Ratio } from './shrinkage.ts';

/** What was seen of a product in so many tries: orders of clicks, money of orders, returns of orders. */
export interface Tried {
  merchantId: string;
  category: string | null;
  /** How dear it is among its kind, where that matters; null: nobody knows, or it does not. */
  priceBand: string | null;
  seen: number;
  tries: number;
}

/** How something is measured, and what is assumed of it where nothing is known. */
export interface Measurement {
  /**
   * Counts vary as their own mean; of amounts, `noise` is the variance of one of them over the square
   * of the mean.
   */
  noise: number | 'counts';
  /** As if that had been seen of a product of its own. */
  assumed: { seen: number; tries: number };
  /** The variance of products around what is expected of them, over its square. */
  unlike: number;
}

/** The expectation of one product: its mean for one try, and how sure that is. */
export interface Expectation {
  mean: number;
  /** Variance over the mean's square, of the expectation itself. */
  spread: number;
}

/** How unlike merchants and categories are taken to be. */
const GROUPS_UNLIKE = 0.1;
const ROUNDS = 3;

/**
 * Expectations of products, in their order, and the variance of products around them over the
 * square: how much one product's own tries are to weigh.
 */
export function expect(tried: readonly Tried[], { noise, assumed, unlike }: Measurement): { each: Expectation[]; unlike: number } {
  const amountNoise = noise === 'counts' ? 1 : noise;
  const ratioOf = ({ seen, tries }: Pick<Tried, 'seen' | 'tries'>, mean: number): Ratio =>
    noise === 'counts' ? { seen, expected: tries * mean } : { seen: seen / mean, expected: tries };
  let within = unlike;
  let mean = assumed.seen / assumed.tries;
  let means = tried.map(() => mean);
  const factors = tried.map(() => ({ merchant: NO_FACTOR, category: NO_FACTOR, priceBand: NO_FACTOR }));
  const learnGroups = (kind: 'merchant' | 'category' | 'priceBand', keyOf: (one: Tried) => string | null) => {
    const members = tried.map((one, index) => ({ index, key: keyOf(one), ratio: ratioOf(one, means[index]!) }));
    const groups = [
      ...groupedBy(
        members.filter(({ key }) => key !== null),
        ({ key }) => key,
      ).values(),
    ].map((own) => ({
      own,
      ratio: together(
        own.map(({ ratio }) => ratio),
        within,
        amountNoise,
      ),
    }));
    const usual = usualOf(
      groups.map(({ ratio }) => ratio),
      GROUPS_UNLIKE,
      amountNoise,
    );
    for (const { own, ratio } of groups) {
      const factor = groupFactor(ratio, usual, amountNoise);
      for (const { index } of own) {
        factors[index]![kind] = factor;
        means[index]! *= factor.mean;
      }
    }
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const all = together(
      [assumed, ...tried].map((one) => ratioOf(one, mean)),
      within,
      amountNoise,
    );
    mean *= all.seen / all.expected;
    means = tried.map(() => mean);
    learnGroups('merchant', ({ merchantId }) => merchantId);
    learnGroups('category', ({ category }) => category);
    learnGroups('priceBand', ({ priceBand }) => priceBand);
    within = variance(
      tried.map((one, index) => ratioOf(one, means[index]!)),
      unlike,
      amountNoise,
    );
  }
  const each = factors.map(({ merchant, category, priceBand }, index) => ({
    mean: means[index]!,
    spread: merchant.spread + category.spread + priceBand.spread,
  }));
  return { each, unlike: within };
}
