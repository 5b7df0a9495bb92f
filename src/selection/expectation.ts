// What is to be expected of a product before it is looked at by itself: what its category says,
// drawn towards its merchant's, drawn towards all. Pure.

import { groupedBy } from '../platform/grouped-by.ts';
import { groupFactor, NO_FACTOR, together, usualOf, variance, type Factor, type Ratio } from './shrinkage.ts';

/** What a product is one of. */
interface Circles {
  merchantId: string;
  category: string | null;
  /** How dear it is among its kind, where that matters; null: nobody knows, or it does not. */
  priceBand: string | null;
}

/**
 * What was seen of a product in so many tries: orders of clicks, money of orders, returns of
 * orders.
 */
export interface Tried extends Circles {
  seen: number;
  tries: number;
}

/** How something is measured, and what is assumed of it where nothing is known. */
interface Measurement {
  /**
   * Counts vary as their own mean; of amounts, `noise` is the variance of one of them over the
   * square of the mean.
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

/** What is to be expected of products, and how unlike they are. */
export interface Expectations {
  of: (product: Circles) => Expectation;
  /**
   * The variance of products around it, over its square: how much a product's own tries are to
   * weigh.
   */
  unlike: number;
}

type Kind = 'merchant' | 'category' | 'priceBand';

/** Learns what is to be expected of products, these and others, from what was seen of these. */
export function expect(tried: readonly Tried[], { noise, assumed, unlike }: Measurement): Expectations {
  const amountNoise = noise === 'counts' ? 1 : noise;
  const ratioOf = ({ seen, tries }: Pick<Tried, 'seen' | 'tries'>, mean: number): Ratio =>
    noise === 'counts' ? { seen, expected: tries * mean } : { seen: seen / mean, expected: tries };
  let within = unlike;
  let mean = assumed.seen / assumed.tries;
  let means = tried.map(() => mean);
  const factorsOf: Record<Kind, (one: Circles) => Factor> = { merchant: noFactor, category: noFactor, priceBand: noFactor };
  for (let round = 0; round < ROUNDS; round += 1) {
    const all = together(
      [assumed, ...tried].map((one) => ratioOf(one, mean)),
      within,
      amountNoise,
    );
    mean *= all.seen / all.expected;
    means = tried.map(() => mean);
    for (const kind of ['merchant', 'category', 'priceBand'] as const) {
      const members = tried.flatMap((one, index) => {
        const key = KEYS[kind](one);
        return key === null ? [] : [{ key, ...ratioOf(one, means[index]!) }];
      });
      factorsOf[kind] = groupFactors(members, kind, { within, noise: amountNoise });
      means = means.map((one, index) => one * factorsOf[kind](tried[index]!).mean);
    }
    within = variance(
      tried.map((one, index) => ratioOf(one, means[index]!)),
      unlike,
      amountNoise,
    );
  }
  return {
    unlike: within,
    of: (product) => {
      const factors = [factorsOf.merchant(product), factorsOf.category(product), factorsOf.priceBand(product)];
      return {
        mean: factors.reduce((whole, factor) => whole * factor.mean, mean),
        spread: factors.reduce((sum, { spread }) => sum + spread, 0),
      };
    },
  };
}

const noFactor = (): Factor => NO_FACTOR;

const KEYS: Readonly<Record<Kind, (one: Circles) => string | null>> = {
  merchant: ({ merchantId }) => merchantId,
  category: ({ category }) => category,
  priceBand: ({ priceBand }) => priceBand,
};

/** The factors of a kind of groups; one of which nothing is known is as usual. */
function groupFactors(
  members: readonly (Ratio & { key: string })[],
  kind: Kind,
  { within, noise }: { within: number; noise: number },
): (one: Circles) => Factor {
  const groups = [...groupedBy(members, ({ key }) => key)].map(([key, own]) => ({ key, ...together(own, within, noise) }));
  const usual = usualOf(groups, GROUPS_UNLIKE, noise);
  const factors = new Map(groups.map((group) => [group.key, groupFactor(group, usual, noise)]));
  const unknown = { mean: usual.mean, spread: usual.unlike };
  return (one) => {
    const key = KEYS[kind](one);
    return key === null ? NO_FACTOR : (factors.get(key) ?? unknown);
  };
}
