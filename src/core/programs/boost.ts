// What a campaign would pay beside the pool of a line: how much, and for which lines at all.

import { partOf, type Ppm } from '../money.ts';

/** `add`: the boost comes on top of the pool. `max`: only what it is above the pool. */
export const COMBINATIONS = ['add', 'max'] as const;

export type Combination = (typeof COMBINATIONS)[number];

/** A part of the base, or an amount in minor units for each unit that is kept. */
export type BoostTerms = { combine: Combination } & ({ ratePpm: Ppm } | { fixedPerUnit: bigint });

/** A line as it was split by its rule; amounts in minor units. */
interface SplitOfLine {
  base: bigint;
  pool: bigint;
  /** How many units are kept where something of the line is. */
  quantity: number;
}

/**
 * What a boost wants of a line, in minor units: never below 0, and never more than the base has
 * above the pool. (Contract, "Campaigns".)
 */
export function wantedBoost(terms: BoostTerms, { base, pool, quantity }: SplitOfLine): bigint {
  const boost = boostOf(terms, { base, quantity });
  const above = terms.combine === 'add' ? boost : boost - pool;
  const most = base - pool;
  if (above <= 0n) return 0n;
  return above < most ? above : most;
}

/** The boost by itself, before it is laid beside the pool. */
export function boostOf(terms: BoostTerms, { base, quantity }: Omit<SplitOfLine, 'pool'>): bigint {
  if ('ratePpm' in terms) return partOf(base, terms.ratePpm);
  return base > 0n ? terms.fixedPerUnit * BigInt(quantity) : 0n;
}

/** Whom and what a campaign is for; null is anybody and anything. */
export interface BoostScope {
  products: ReadonlySet<string> | null;
  promoters: ReadonlySet<string> | null;
  scenes: ReadonlySet<string> | null;
}

/** A line as a scope asks of it: its product, its heaviest winner, the scene it came from. */
interface BoostableLine {
  productId: string | null;
  promoterId: string;
  scene: string | null;
}

/** What of the line the campaign is not for; null where it is for the line. */
export function mismatchOf(scope: BoostScope, line: BoostableLine): 'product' | 'promoter' | 'scene' | null {
  if (!allows(scope.products, line.productId)) return 'product';
  if (!allows(scope.promoters, line.promoterId)) return 'promoter';
  return allows(scope.scenes, line.scene) ? null : 'scene';
}

function allows(some: ReadonlySet<string> | null, one: string | null): boolean {
  return some === null || (one !== null && some.has(one));
}

/** A campaign that wants something of a line. */
interface BoostWish {
  campaignId: string;
  /** Epoch milliseconds. */
  startsAt: number;
  wanted: bigint;
}

/** In the order in which campaigns are asked: who wants most, who began earlier, the lower id. */
export function compareWishes(a: BoostWish, b: BoostWish): number {
  if (a.wanted !== b.wanted) return a.wanted > b.wanted ? -1 : 1;
  if (a.startsAt !== b.startsAt) return a.startsAt - b.startsAt;
  return a.campaignId < b.campaignId ? -1 : 1;
}
