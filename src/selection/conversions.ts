// How often a click of a promoter on a product becomes an order. Products are compared with what
// those promoters usually convert, promoters with what those products usually do. Pure.

import { groupedBy } from '../platform/grouped-by.ts';
import { expect, type Expectation, type Expectations } from './expectation.ts';
import { productKey, type KnownProduct, type Outcome } from './history.ts';
import { groupFactor, NO_FACTOR, shrunk, together, usualOf, variance, without, type Factor, type Ratio, type Usual } from './shrinkage.ts';

/** A product with what came of clicks on it. */
export interface ClickedProduct extends KnownProduct {
  outcomes: readonly Outcome[];
}

/** P(order | click): its mean, and its variance over the mean's square. */
export type Conversions = (promoterId: string, product: KnownProduct) => Factor;

/** Assumed where nobody knows anything: two orders of a hundred clicks. */
const ASSUMED = { noise: 'counts', assumed: { seen: 2, tries: 100 }, unlike: 0.5 } as const;
/** The variance of a promoter's factor over all, over a category, and over a single product. */
const AUDIENCE = { strength: 0.25, affinity: 0.2, fit: 0.05 };
const MOST_CONVERTED = 0.5;
/** Products and promoters are each measured by the other: after so many rounds nothing moves. */
const ROUNDS = 4;

/** The clicks and orders of one promoter and product. */
interface Cell {
  promoterId: string;
  state: State;
  /** Clicks, as far as their orders have come. */
  tries: number;
  orders: number;
  /** What all others say of its product. */
  conversion: Factor;
  /** What all others say of its promoter with products of the category. */
  usual: Factor;
}

/** A product's conversion, as it would be with a promoter like any other. */
interface State {
  product: KnownProduct;
  cells: Cell[];
  conversion: Factor;
}

/**
 * Learns from all outcomes; their order is the caller's to keep. A cell tells its product what it
 * sold beside what the promoter usually does, and its promoter what it sold beside what the product
 * usually does; what it is told in turn leaves itself out, so that nothing is heard twice (belief
 * propagation). It yields where others may have their turn.
 */
export function* learnConversions(products: readonly ClickedProduct[]): Generator<void, Conversions> {
  const states = products.map((product) => stateOf(product));
  const cells = states.flatMap((state) => state.cells);
  const bandOf = priceBands(products);
  let audiences = learnAudiences([], { fit: AUDIENCE.fit, affinity: AUDIENCE.affinity });
  let fit = AUDIENCE.fit;
  /** What a product converts of which nobody knows anything. */
  let unknown: (product: KnownProduct) => Factor = nothingYet;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { of, unlike } = learnProducts(states, fit, bandOf);
    unknown = (product) => converted(of({ ...product, priceBand: bandOf(product) }), unlike, { seen: 0, tries: 0 });
    yield;
    audiences = learnAudiences(cells, { fit, affinity: audiences.affinity.unlike });
    for (const cell of cells) cell.usual = audiences.usual(cell.promoterId, cell.state.product, cell);
    yield;
    fit = variance(cells.map(ofPair), AUDIENCE.fit);
    yield;
  }
  return conversionsOf(states, { audiences, fit, unknown });
}

const nothingYet = (): Factor => ({ mean: 0, spread: 0 });

function stateOf(product: ClickedProduct): State {
  const conversion = { mean: ASSUMED.assumed.seen / ASSUMED.assumed.tries, spread: ASSUMED.unlike };
  const state: State = { product, cells: [], conversion };
  state.cells = product.outcomes.map(({ promoterId, ripeClicks: tries, clicks, settled, young }) => {
    // What was ordered without a click says nothing of clicks.
    const orders = Math.min(settled.orders + young.orders, clicks);
    return { promoterId, state, tries, orders, conversion, usual: NO_FACTOR };
  });
  return state;
}

/** A cell as it tells of its product: its promoter is taken for known, as far as it is. */
const ofProduct = ({ orders, tries, state, usual }: Cell): Ratio => ({
  seen: orders,
  expected: tries * usual.mean * state.conversion.mean,
  spread: usual.spread,
});
/** A cell as it tells of its promoter: its product is taken for known, as far as it is. */
const ofPromoter = ({ orders, tries, conversion }: Cell): Ratio => ({
  seen: orders,
  expected: tries * conversion.mean,
  spread: conversion.spread,
});
/** A cell as it tells of itself. */
const ofPair = ({ orders, tries, conversion, usual }: Cell): Ratio => ({
  seen: orders,
  expected: tries * conversion.mean * usual.mean,
  spread: conversion.spread + usual.spread,
});

/** What products convert, by all cells and by all but each. */
function learnProducts(states: readonly State[], fit: number, bandOf: (product: KnownProduct) => string | null): Expectations {
  const sums = states.map(({ cells, conversion }) => ({ ...together(cells.map(ofProduct), fit), scale: conversion.mean }));
  const expectations = expect(
    states.map(({ product }, index) => {
      const { seen, expected, scale } = sums[index]!;
      const { merchantId, category } = product;
      return { merchantId, category, priceBand: bandOf(product), seen, tries: expected / scale };
    }),
    ASSUMED,
  );
  for (const [index, state] of states.entries()) {
    const { scale, ...sum } = sums[index]!;
    const expectation = expectations.of({ ...state.product, priceBand: bandOf(state.product) });
    const conversionBy = ({ seen, expected }: Ratio) => converted(expectation, expectations.unlike, { seen, tries: expected / scale });
    for (const cell of state.cells) cell.conversion = conversionBy(without(sum, together([ofProduct(cell)], fit)));
    state.conversion = conversionBy(sum);
  }
  return expectations;
}

/** Beta-Binomial: the expectation as a prior, with the variance of products around it. */
function converted({ mean, spread }: Expectation, unlike: number, { seen, tries }: { seen: number; tries: number }): Factor {
  const prior = Math.min(mean, MOST_CONVERTED);
  const weight = Math.max((1 - prior) / (prior * unlike) - 1, 1);
  const a = prior * weight + seen;
  const b = (1 - prior) * weight + Math.max(tries - seen, 0);
  const priorPart = weight / (tries + weight);
  return { mean: a / (a + b), spread: b / (a * (a + b + 1)) + priorPart ** 2 * spread };
}

/** Dearer and cheaper than this many doublings are one band. */
const BANDS = 2;

/**
 * How many times twice as dear as usual in its category a product is: what is dear converts less
 * often than what is cheap, by how much is for the history to say.
 */
function priceBands(products: readonly KnownProduct[]): (product: KnownProduct) => string | null {
  const priced = products.filter(({ price }) => price !== null && price > 0);
  const usual = new Map(
    [...groupedBy(priced, ({ category }) => category)].map(([category, all]) => {
      const prices = all.map(({ price }) => price!).toSorted((a, b) => a - b);
      return [category, prices[Math.floor(prices.length / 2)]!];
    }),
  );
  return ({ category, price }) => {
    if (price === null || price <= 0) return null;
    const ofCategory = usual.get(category);
    if (ofCategory === undefined) return null;
    const doublings = Math.round(Math.log2(price / ofCategory));
    return String(Math.min(Math.max(doublings, -BANDS), BANDS));
  };
}

/** How much better than products let expect promoters convert. */
interface Audiences {
  /** That of a promoter with products like this one, with all that its cells say or all but one. */
  usual: (promoterId: string, product: KnownProduct, but?: Cell) => Factor;
  affinity: Usual;
}

/** What has no category is of one kind: nothing more is known of it. */
const categoryOf = ({ category }: KnownProduct): string => category ?? '';

interface PromoterSums {
  all: Ratio;
  categories: Map<string, Ratio & { products: number }>;
  products: number;
}

function learnAudiences(cells: readonly Cell[], { fit, affinity: affinityBefore }: { fit: number; affinity: number }): Audiences {
  const sums = new Map<string, PromoterSums>();
  for (const [promoterId, own] of groupedBy(cells, (cell) => cell.promoterId)) {
    const byCategory = groupedBy(own, ({ state }) => categoryOf(state.product));
    const categories = new Map(
      [...byCategory].map(([category, some]) => [category, { ...together(some.map(ofPromoter), fit), products: some.length }]),
    );
    sums.set(promoterId, { all: together([...categories.values()], affinityBefore), categories, products: own.length });
  }
  const strength = usualOf(
    [...sums.values()].map(({ all }) => all),
    AUDIENCE.strength,
  );
  /** A promoter by what it does in all other categories. */
  const strengthBeside = (of: PromoterSums | undefined, own: Ratio) =>
    groupFactor(of === undefined ? NOTHING : without(of.all, together([own], affinityBefore)), strength);
  const familiarity = familiarities(cells, sums);
  const groups = [...sums].flatMap(([promoterId, of]) =>
    [...of.categories].map(([category, own]) => {
      const { mean, spread } = strengthBeside(of, own);
      return { seen: own.seen, expected: own.expected * mean, spread, familiar: familiarity(promoterId, category) };
    }),
  );
  const pull = pullOf(groups, affinityBefore);
  const affinity = usualOf(
    groups.map(({ familiar, ...group }) => ({ ...group, expected: group.expected * familiar ** pull })),
    AUDIENCE.affinity,
  );
  return {
    affinity,
    usual: (promoterId, product, but) => {
      const of = sums.get(promoterId);
      const category = categoryOf(product);
      const all = of?.categories.get(category) ?? NOTHING;
      const { mean: alone, spread } = strengthBeside(of, all);
      const mean = alone * familiarity(promoterId, category) ** pull;
      const own = but === undefined ? all : without(all, together([ofPromoter(but)], fit));
      const factor = groupFactor({ seen: own.seen, expected: own.expected * mean, spread }, affinity);
      return { mean: mean * factor.mean, spread: factor.spread };
    },
  };
}

/**
 * How many products of a category a promoter shares, beside how many it would if it shared as all
 * do.
 */
function familiarities(cells: readonly Cell[], sums: ReadonlyMap<string, PromoterSums>): (promoterId: string, category: string) => number {
  const ofCategory = new Map(
    [...groupedBy(cells, ({ state }) => categoryOf(state.product))].map(([category, own]) => [category, own.length]),
  );
  return (promoterId, category) => {
    const of = sums.get(promoterId);
    if (of === undefined) return 1;
    const usual = (of.products * (ofCategory.get(category) ?? 0)) / cells.length;
    return ((of.categories.get(category)?.products ?? 0) + 1) / (usual + 1);
  };
}

/** No more than in proportion; and how sure it is taken to be that it is nothing. */
const PULL = { most: 1, spread: 0.25 };

/**
 * Promoters share what suits their audience: by which power of their familiarity with a category
 * they convert better. Zero where the history does not show it.
 */
function pullOf(groups: readonly (Ratio & { familiar: number })[], affinity: number): number {
  const isTooLow = (pull: number) => {
    let excess = -pull / PULL.spread;
    for (const { seen, expected, spread = 0, familiar } of groups) {
      const here = expected * familiar ** pull;
      excess += ((seen - here) / (1 + (affinity + spread) * here)) * Math.log(familiar);
    }
    return excess > 0;
  };
  let [low, high] = [0, PULL.most];
  for (let round = 0; round < 20; round += 1) {
    const middle = (low + high) / 2;
    if (isTooLow(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const NOTHING = { seen: 0, expected: 0, products: 0 };

/** What all others say of a promoter with a product, and then its own clicks on it. */
function conversionsOf(
  states: readonly State[],
  { audiences, fit, unknown }: { audiences: Audiences; fit: number; unknown: (product: KnownProduct) => Factor },
): Conversions {
  const byKey = new Map(
    states.map((state) => [productKey(state.product), { state, cells: new Map(state.cells.map((cell) => [cell.promoterId, cell])) }]),
  );
  return (promoterId, product) => {
    const known = byKey.get(productKey(product));
    const own = known?.cells.get(promoterId);
    const conversion = own?.conversion ?? known?.state.conversion ?? unknown(product);
    const usual = own?.usual ?? audiences.usual(promoterId, product);
    const expected = { mean: Math.min(conversion.mean * usual.mean, 1), spread: conversion.spread + usual.spread + fit };
    if (own === undefined) return expected;
    const { mean, spread } = shrunk({ seen: own.orders, expected: own.tries * expected.mean }, expected.spread);
    return { mean: Math.min(expected.mean * mean, 1), spread };
  };
}
