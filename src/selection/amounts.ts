// What an order of a product keeps of its base after what goes back, and how much goes back. Pure.

import { betaQuantile } from './distributions.ts';
import { expect, type Tried } from './expectation.ts';
import type { ClickedProduct } from './conversions.ts';
import { productKey, type KnownProduct } from './history.ts';
import { shrunk, type Factor } from './shrinkage.ts';

/** E(kept base | order) of a product, in minor units, and whether it is below the floor. */
interface KeptAmount extends Factor {
  isBelowFloor: boolean;
}

/** Assumed where nobody knows anything: three of twenty-five orders come back. */
const RETURNS = { noise: 'counts', assumed: { seen: 3, tries: 25 }, unlike: 0.2 } as const;
/**
 * A refund share is below the floor where its 80 % interval begins above so many times its
 * category's.
 */
const FLOOR = { times: 2, below: 0.1 };
const MOST_RETURNED = 0.95;
const MOST_EXPECTED = 0.5;

/** How unlike products are in what an order of them keeps: beside their price, and by itself. */
const AMOUNTS_UNLIKE = { priced: 0.1, unpriced: 0.6 };
/**
 * Where no order of anything is known, an order keeps what one unit costs, or a hundred of the
 * currency.
 */
const ASSUMED_AMOUNT = { priced: { seen: 1, tries: 1 }, unpriced: { seen: 10_000, tries: 1 } };
/** The noise of amounts where there are few orders, as if of so many. */
const ASSUMED_NOISE = { noise: 0.8, orders: 10 };

interface Returns {
  share: number;
  isBelowFloor: boolean;
}

/**
 * What an order keeps, of these products and others: Gamma shrinkage, (kept + c × expected) /
 * (orders + c). Of products with a price it is measured in prices, so that dear and cheap ones tell
 * of each other; of the others in minor units, and those learn from all.
 */
export function learnAmounts(products: readonly ClickedProduct[]): (product: KnownProduct) => KeptAmount {
  const returns = learnReturns(products);
  const all = products.map((product, index) => ({ product, returns: returns[index]! }));
  const ofPriced = keptAmounts(
    all.filter(({ product }) => isPriced(product)),
    ({ price }) => price!,
    'priced',
  );
  const ofUnpriced = keptAmounts(all, () => 1, 'unpriced');
  const below = new Set(all.filter(({ returns: { isBelowFloor } }) => isBelowFloor).map(({ product }) => productKey(product)));
  return (product) => ({ ...(isPriced(product) ? ofPriced : ofUnpriced)(product), isBelowFloor: below.has(productKey(product)) });
}

const isPriced = ({ price }: KnownProduct): boolean => price !== null && price > 0;

interface Returned {
  product: ClickedProduct;
  returns: Returns;
}

/** Which part of what is paid goes back, by orders whose time to be returned is over. */
function learnReturns(products: readonly ClickedProduct[]): Returns[] {
  const tried = products.map(({ merchantId, category, outcomes }) => {
    const sum = { orders: 0, paid: 0, kept: 0 };
    for (const { settled } of outcomes) {
      sum.orders += settled.orders;
      sum.paid += settled.paid;
      sum.kept += settled.kept;
    }
    const seen = sum.paid === 0 ? 0 : sum.orders * (1 - sum.kept / sum.paid);
    return { merchantId, category, priceBand: null, tries: sum.orders, seen };
  });
  const { of, unlike } = expect(tried, RETURNS);
  const usual = usualReturns(tried);
  return tried.map((one) => {
    const { a, b } = returned(one, of(one).mean, unlike);
    // The quantile is worth its time only where the share itself is above.
    const limit = FLOOR.times * usual(one);
    const ofUsual = returned(one, usual(one), unlike);
    const isBelowFloor = ofUsual.a / (ofUsual.a + ofUsual.b) > limit && betaQuantile(FLOOR.below, ofUsual.a, ofUsual.b) > limit;
    return { share: Math.min(a / (a + b), MOST_RETURNED), isBelowFloor };
  });
}

/** Beta-Binomial: the expectation as a prior, with this variance of products around it. */
function returned({ seen, tries }: Pick<Tried, 'seen' | 'tries'>, expected: number, unlike: number): { a: number; b: number } {
  const prior = Math.min(expected, MOST_EXPECTED);
  const weight = Math.max((1 - prior) / (prior * unlike) - 1, 1);
  return { a: prior * weight + seen, b: (1 - prior) * weight + Math.max(tries - seen, 0) };
}

/** As many orders of the wider circle weigh as much as all of the narrower. */
const CIRCLE_ORDERS = 10;

/** All, the merchant, and its category: from the widest circle to the narrowest. */
const circlesOf = ({ merchantId, category }: Tried): string[] => [
  '',
  merchantId,
  ...(category === null ? [] : [`${merchantId}\0${category}`]),
];

/**
 * The refund share of all other products of a product's category at its merchant, drawn to that of
 * the merchant's others, and that to all others: a product is not measured by itself.
 */
function usualReturns(tried: readonly Tried[]): (one: Tried) => number {
  const sums = new Map<string, { seen: number; tries: number }>();
  for (const one of tried) {
    for (const circle of circlesOf(one)) {
      const sum = sums.get(circle) ?? { seen: 0, tries: 0 };
      sums.set(circle, { seen: sum.seen + one.seen, tries: sum.tries + one.tries });
    }
  }
  return (one) => {
    let share = RETURNS.assumed.seen / RETURNS.assumed.tries;
    for (const circle of circlesOf(one)) {
      const { seen, tries } = sums.get(circle)!;
      share = (Math.max(seen - one.seen, 0) + CIRCLE_ORDERS * share) / (tries - one.tries + CIRCLE_ORDERS);
    }
    return share;
  };
}

function keptAmounts(
  products: readonly Returned[],
  scaleOf: (product: KnownProduct) => number,
  kind: keyof typeof ASSUMED_AMOUNT,
): (product: KnownProduct) => Factor {
  const measured = products.map(({ product, returns }) => ({ product, returns, ...amountsOf(product, returns, scaleOf(product)) }));
  const noise = noiseOf(measured);
  const { of, unlike } = expect(
    measured.map(({ product: { merchantId, category }, kept, orders }) => ({
      merchantId,
      category,
      priceBand: null,
      seen: kept,
      tries: orders,
    })),
    { noise, assumed: ASSUMED_AMOUNT[kind], unlike: AMOUNTS_UNLIKE[kind] },
  );
  const own = new Map(measured.map(({ product, kept, orders }) => [productKey(product), { kept, orders }]));
  return (product) => {
    const { kept, orders } = own.get(productKey(product)) ?? { kept: 0, orders: 0 };
    const { mean, spread } = of({ ...product, priceBand: null });
    const factor = shrunk({ seen: kept / mean, expected: orders }, unlike, noise);
    const priorPart = noise / (noise + unlike * orders);
    return { mean: mean * factor.mean * scaleOf(product), spread: factor.spread + priorPart ** 2 * spread };
  };
}

interface Amounts {
  orders: number;
  paid: number;
  kept: number;
  squares: number;
}

/** What was paid and kept, in units of `scale`; of young orders what will be kept. */
function amountsOf({ outcomes }: ClickedProduct, { share }: Returns, scale: number): Amounts {
  const sum = { orders: 0, paid: 0, kept: 0, squares: 0 };
  for (const { settled, young, paidSquares } of outcomes) {
    sum.orders += settled.orders + young.orders;
    sum.paid += (settled.paid + young.paid) / scale;
    sum.kept += (settled.kept + young.paid * (1 - share)) / scale;
    sum.squares += paidSquares / scale ** 2;
  }
  return sum;
}

/**
 * The variance of what one order keeps over the square of its mean: that of what is paid within
 * products, and that of whether it comes back.
 */
function noiseOf(measured: readonly (Amounts & Pick<Returned, 'returns'>)[]): number {
  let [above, below] = [ASSUMED_NOISE.noise * ASSUMED_NOISE.orders, ASSUMED_NOISE.orders];
  for (const { orders, paid, squares, returns } of measured) {
    if (orders < 2 || paid <= 0) continue;
    const mean = paid / orders;
    const within = Math.max(squares / (mean * mean) - orders, 0) / (orders - 1);
    above += (orders - 1) * ((1 + within) / (1 - returns.share) - 1);
    below += orders - 1;
  }
  return above / below;
}
