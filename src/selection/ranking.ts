// Which products a promoter is shown, in which order: by what is expected of them, with two places
// of ten for what may be better than is known, and no ten of one merchant or one kind. Pure.

import { drawsOf, gammaDraw, gammaQuantile } from './distributions.ts';
import { productKey, type KnownProduct } from './history.ts';

/** A product with what one click on it is expected to earn. */
export interface Candidate extends KnownProduct {
  /**
   * Compared with other candidates only: of several currencies, in parts of what is usual in each.
   */
  worth: number;
  /** Variance of the worth over its square. */
  spread: number;
}

/** What is asked for. */
interface ListWish {
  limit: number;
  /** The same words draw the same list. */
  seed: string;
}

export type Placed<One extends Candidate> = One & { place: 'ranked' | 'explored' };

const TEN = 10;
/** In each ten places so many are of one merchant, and of one category, at most. */
const MOST_OF_MERCHANT = 3;
const MOST_OF_CATEGORY = 4;
/** The last of each ten places are for exploring. */
const EXPLORED = 2;

/** The shape of the Gamma that has this variance over the square of its mean. */
const shapeOf = (spread: number) => 1 / Math.max(spread, 1e-4);

/** The interval that holds the worth with 80 %: a Gamma of the estimate's mean and variance. */
export function intervalOf(mean: number, spread: number): { low: number; high: number } {
  const shape = shapeOf(spread);
  const [low, high] = [0.1, 0.9].map((part) => (mean * gammaQuantile(part, shape)) / shape);
  return { low: low!, high: high! };
}

/**
 * The list, the best first. Of each ten places that can be filled the 9th and 10th go to the best
 * of one draw each (Thompson sampling). Where all that is offered is of one merchant or one
 * category, nothing could stand beside it, and it may fill the list.
 */
export function listOf<One extends Candidate>(candidates: readonly One[], { limit, seed }: ListWish): Placed<One>[] {
  const ranked = candidates.toSorted((a, b) => b.worth - a.worth || compareKeys(a, b));
  const left = new Set(ranked);
  const caps = capsFor(candidates);
  let drawn: One[] = [];
  const list: Placed<One>[] = [];
  while (list.length < limit) {
    const wanted = Math.min(TEN, limit - list.length);
    if (wanted === TEN && drawn.length === 0) drawn = drawnOrder(candidates, seed);
    const ten = (wanted === TEN ? mixedTen(ranked, drawn, left, caps) : null) ?? pick(ranked, wanted, { among: left, beside: [], caps });
    for (const one of ten) left.delete(one.candidate);
    list.push(...ten.map(({ candidate, place }) => ({ ...candidate, place })));
    if (ten.length < wanted) break;
  }
  return list;
}

const compareKeys = (a: KnownProduct, b: KnownProduct) => (productKey(a) < productKey(b) ? -1 : 1);

interface Pick<One> {
  candidate: One;
  place: 'ranked' | 'explored';
}

/** Eight by what is expected and two by draws; null where that fills no ten. */
function mixedTen<One extends Candidate>(
  ranked: readonly One[],
  drawn: readonly One[],
  left: ReadonlySet<One>,
  caps: Caps,
): Pick<One>[] | null {
  const first = pick(ranked, TEN - EXPLORED, { among: left, beside: [], caps });
  const others = pick(drawn, EXPLORED, { among: left, beside: first, caps });
  const ten = [...first, ...others.map((one) => ({ ...one, place: 'explored' as const }))];
  return ten.length === TEN ? ten : null;
}

/**
 * One draw for each candidate, the highest first. A candidate's draw is its own, whoever else is
 * there.
 */
function drawnOrder<One extends Candidate>(candidates: readonly One[], seed: string): One[] {
  const draws = candidates.map((candidate) => {
    const shape = shapeOf(candidate.spread);
    const draw = gammaDraw(shape, drawsOf(`${seed}\0${productKey(candidate)}`));
    return { candidate, value: (candidate.worth * draw) / shape };
  });
  return draws.toSorted((a, b) => b.value - a.value || compareKeys(a.candidate, b.candidate)).map(({ candidate }) => candidate);
}

/** How many of a merchant and of a category may stand in ten places. */
interface Caps {
  merchant: number;
  category: number;
}

const isVaried = (values: readonly (string | null)[]): boolean => new Set(values).size > 1;

function capsFor(candidates: readonly KnownProduct[]): Caps {
  return {
    merchant: isVaried(candidates.map(({ merchantId }) => merchantId)) ? MOST_OF_MERCHANT : TEN,
    category: isVaried(candidates.map(({ category }) => category)) ? MOST_OF_CATEGORY : TEN,
  };
}

interface PickQuestion<One> {
  among: ReadonlySet<One>;
  /** What stands in the same ten already. */
  beside: readonly Pick<One>[];
  caps: Caps;
}

/** The first of these that the caps allow. Products without a category are of no category. */
function pick<One extends Candidate>(order: readonly One[], count: number, { among, beside, caps }: PickQuestion<One>): Pick<One>[] {
  const ten = beside.map(({ candidate }) => candidate);
  const picked: Pick<One>[] = [];
  for (const candidate of order) {
    if (picked.length === count) break;
    if (!among.has(candidate) || ten.includes(candidate)) continue;
    const ofMerchant = ten.filter(({ merchantId }) => merchantId === candidate.merchantId).length;
    const ofCategory = ten.filter(({ category }) => category !== null && category === candidate.category).length;
    if (ofMerchant >= caps.merchant || ofCategory >= caps.category) continue;
    ten.push(candidate);
    picked.push({ candidate, place: 'ranked' });
  }
  return picked;
}
