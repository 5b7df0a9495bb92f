// Shrinkage: what few data say, drawn towards what many say, the further the fewer they are. How
// unlike the things of a kind are is taken from the data too, by moments. Pure.

import { logGamma } from './distributions.ts';

/**
 * What was seen of one thing, and what was to be expected of it; in the same unit. `spread` is how
 * unsure the expectation is: its variance over its square, 0 where nothing is said.
 */
export interface Ratio {
  seen: number;
  expected: number;
  spread?: number;
}

/**
 * A factor by which something is better than expected: its mean, and its variance over the mean's
 * square.
 */
export interface Factor {
  mean: number;
  spread: number;
}

export const NO_FACTOR: Factor = { mean: 1, spread: 0 };

/** How unlike things of a kind may be: the variance of their factors, whatever the data say. */
const LEAST = 0.01;
const MOST = 4;
/** What the assumption weighs beside the data, as so many things of which much is known. */
const ASSUMED_THINGS = 3;
/** Of a golden section: the variance is then known to two hundredths. */
const SECTIONS = 12;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The variance of the factors of a kind, of which one time of an expectation is seen with a
 * variance of `noise` (1: counts): that under which what is seen is likeliest (Gamma-Poisson),
 * beside what is assumed. Unlike moments this is no matter of the few things that stand out.
 */
export function variance(ratios: readonly Ratio[], assumed: number, noise = 1): number {
  const seen = ratios.filter(({ expected }) => expected > 0);
  const [counts, means, spreads] = [new Float64Array(seen.length), new Float64Array(seen.length), new Float64Array(seen.length)];
  for (const [index, ratio] of seen.entries()) {
    counts[index] = ratio.seen / noise;
    means[index] = ratio.expected / noise;
    spreads[index] = ratio.spread ?? 0;
  }
  const likelihoodOf = (logarithm: number) => {
    const value = Math.exp(logarithm);
    const beside = value / assumed;
    let sum = ASSUMED_THINGS * (Math.log(beside) - beside);
    for (let index = 0; index < counts.length; index += 1) sum += likelihood(counts[index]!, means[index]!, value + spreads[index]!);
    return sum;
  };
  let [low, high] = [Math.log(LEAST), Math.log(MOST)];
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [ofLeft, ofRight] = [likelihoodOf(left), likelihoodOf(right)];
  for (let section = 0; section < SECTIONS; section += 1) {
    if (ofLeft > ofRight) {
      [high, right, ofRight] = [right, left, ofLeft];
      left = high - GOLDEN * (high - low);
      ofLeft = likelihoodOf(left);
    } else {
      [low, left, ofLeft] = [left, right, ofRight];
      right = low + GOLDEN * (high - low);
      ofRight = likelihoodOf(right);
    }
  }
  return Math.exp((low + high) / 2);
}

/** Up to this a whole count is multiplied out, which is quicker than two Gammas. */
const MULTIPLIED_MAX = 12;

/** The logarithm of how likely a count is, but for what does not depend on the variance. */
function likelihood(count: number, mean: number, unlike: number): number {
  const c = 1 / unlike;
  const ofNone = -c * Math.log1p(mean * unlike);
  if (count === 0) return ofNone;
  if (count > MULTIPLIED_MAX || !Number.isInteger(count)) {
    return ofNone + logGamma(count + c) - logGamma(c) - count * Math.log(c + mean);
  }
  let rising = 1;
  for (let step = 0; step < count; step += 1) rising *= (c + step) / (c + mean);
  return ofNone + Math.log(rising);
}

/**
 * The factor of one thing of a kind whose factors have a mean of 1 and this variance:
 * Gamma-Poisson, (seen + c) / (expected + c) with c = noise / variance.
 */
export function shrunk({ seen, expected }: Ratio, unlike: number, noise = 1): Factor {
  const c = noise / unlike;
  return { mean: (seen + c) / (expected + c), spread: noise / (seen + c) };
}

/**
 * A group as one thing of its kind. Its members vary by themselves by `within`, and by how unsure
 * each expectation is: however much one of them says of itself, it says little of the others.
 * Weighed by noise / (noise + (within + spread) × expected), the sums vary again as counts of one
 * thing do.
 */
export function together(members: readonly Ratio[], within: number, noise = 1): Ratio {
  const group = { seen: 0, expected: 0 };
  for (const { seen, expected, spread = 0 } of members) {
    const weight = noise / (noise + (within + spread) * expected);
    group.seen += weight * seen;
    group.expected += weight * expected;
  }
  return group;
}

/** A sum without one of its parts. */
export const without = (sum: Ratio, part: Ratio): Ratio => ({ seen: sum.seen - part.seen, expected: sum.expected - part.expected });

/** What factors of groups are like: what is usual, and the variance around it over its square. */
export interface Usual {
  mean: number;
  unlike: number;
}

const USUAL_ROUNDS = 3;

/**
 * What is usual among groups, each counting about once however large it is, beside one that is as
 * expected; and how unlike they are.
 */
export function usualOf(groups: readonly Ratio[], assumed: number, noise = 1): Usual {
  let [mean, unlike] = [1, assumed];
  for (let round = 0; round < USUAL_ROUNDS; round += 1) {
    const c = noise / unlike;
    const each = [{ seen: c, expected: c }, ...groups].map((ratio) => ({ ...ratio, expected: ratio.expected * mean }));
    const all = together(each, unlike, noise);
    mean *= all.seen / all.expected;
    unlike = variance(
      groups.map((ratio) => ({ ...ratio, expected: ratio.expected * mean })),
      assumed,
      noise,
    );
  }
  return { mean, unlike };
}

/** The factor of a group among such; `spread` is how unsure its expectation is. */
export function groupFactor({ seen, expected, spread = 0 }: Ratio, { mean, unlike }: Usual, noise = 1): Factor {
  const own = shrunk({ seen, expected: expected * mean }, unlike + spread, noise);
  return { mean: own.mean * mean, spread: own.spread };
}
