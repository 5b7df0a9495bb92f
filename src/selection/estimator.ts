// What a promoter can expect of one click on a product: P(order | click) × the kept base of an
// order. What it is paid of that is for the rules to say. Pure: the order of the history does not
// matter.

import { groupedBy } from '../platform/grouped-by.ts';
import { learnAmounts } from './amounts.ts';
import { learnConversions, type Conversions } from './conversions.ts';
import { productKey, type History, type KnownProduct } from './history.ts';

/** Of a click, as a mean and its variance over the mean's square. */
interface Estimate {
  /** Minor units of kept base. */
  mean: number;
  spread: number;
}

/** What a history teaches, of its products and of others. */
export interface Estimator {
  keptPerClick: (promoterId: string, product: KnownProduct) => Estimate;
  /** P(order | click). */
  conversion: Conversions;
  /** Whether so much of the product goes back that nobody should share it. */
  isBelowFloor: (product: KnownProduct) => boolean;
}

/** Learns from a history, and yields where others may have their turn. */
export function* learning(history: History): Generator<void, Estimator> {
  const outcomes = groupedBy(history.outcomes, productKey);
  const products = history.products
    .map((product) => ({ ...product, key: productKey(product) }))
    .toSorted((a, b) => compareText(a.key, b.key))
    .map((product) => ({
      ...product,
      outcomes: (outcomes.get(product.key) ?? []).toSorted((a, b) => compareText(a.promoterId, b.promoterId)),
    }));
  const conversions = yield* learnConversions(products);
  const amounts = learnAmounts(products);
  return {
    conversion: conversions,
    keptPerClick: (promoterId, product) => {
      const [conversion, amount] = [conversions(promoterId, product), amounts(product)];
      return { mean: conversion.mean * amount.mean, spread: conversion.spread + amount.spread };
    },
    isBelowFloor: (product) => amounts(product).isBelowFloor,
  };
}

const compareText = (a: string, b: string) => (a === b ? 0 : a < b ? -1 : 1);
