// Replays the held-out time of a market: what each ranking would have earned, whether what was
// expected came to be, and how often an interval held the truth.

import { groupedBy } from '../../src/platform/grouped-by.ts';
import { DELAYS_MAX } from '../../src/selection/history-store.ts';
import { countDelays, productKey, ripeness, type History, type KnownProduct, type Outcome } from '../../src/selection/history.ts';
import { learn } from '../selection/learn.ts';
import { intervalOf, listOf } from '../../src/selection/ranking.ts';
import { makeMarket, type Market, type MarketProduct, type MarketSettings } from './market.ts';

export const RIVALS = ['by rate', 'by sales', 'raw earnings per click'] as const;
export type Ranking = 'ours' | (typeof RIVALS)[number];

/** What one seed says. Earnings are parts of what the best ten could have earned. */
export interface Replayed {
  earnings: Record<Ranking, number>;
  /**
   * Expected and realised earnings of the same clicks, by what was expected of one, in ten parts.
   */
  deciles: { expected: number; realised: number; orders: number }[];
  /** Which part of the intervals held what was to be expected in truth. */
  coverage: number;
}

const PLACES = 10;
/** Clicks on the first place; the n-th gets so many / n. */
const CLICKS_FIRST = 600;
/** Clicks by which each pair of promoter and product is judged. */
const CLICKS_JUDGED = 300;

/** One market, made, learnt from and judged. */
export function replay(settings: MarketSettings, seed: number): Replayed {
  const market = makeMarket(settings, seed);
  const estimator = learn(historyOf(market));
  const known = new Map(market.products.map((product) => [product.productId, product]));
  const earnings: Record<Ranking, number> = { ours: 0, 'by rate': 0, 'by sales': 0, 'raw earnings per click': 0 };
  let best = 0;
  const rivals = rivalLists(market);
  const judged: { expected: number; kept: number; orders: number; holds: boolean }[] = [];
  for (const promoterId of market.promoterIds) {
    const candidates = market.products.map((product) => {
      const { mean, spread } = estimator.keptPerClick(promoterId, toKnown(product));
      return { ...toKnown(product), worth: mean * product.paidPpm, kept: mean, spread };
    });
    for (const { productId, kept, spread } of candidates) {
      const { low, high } = intervalOf(kept, spread);
      const truth = market.keptPerClick(promoterId, productId);
      const came = market.replay(promoterId, productId, CLICKS_JUDGED);
      judged.push({ expected: kept * CLICKS_JUDGED, ...came, holds: low <= truth && truth <= high });
    }
    const offered = candidates.filter((product) => !estimator.isBelowFloor(product));
    const ours = listOf(offered, { limit: PLACES, seed: `${promoterId} ${seed}` }).map(({ productId }) => known.get(productId)!);
    const earned = (list: readonly MarketProduct[]) =>
      list.reduce((sum, { productId, paidPpm }, place) => {
        const clicks = Math.round(CLICKS_FIRST / (place + 1));
        return sum + (market.replay(promoterId, productId, clicks).kept * paidPpm) / 1e6;
      }, 0);
    earnings.ours += earned(ours);
    for (const rival of RIVALS) earnings[rival] += earned(rivals[rival]);
    const byTruth = market.products.toSorted(
      (a, b) => market.keptPerClick(promoterId, b.productId) * b.paidPpm - market.keptPerClick(promoterId, a.productId) * a.paidPpm,
    );
    best += earned(byTruth.slice(0, PLACES));
  }
  for (const ranking of ['ours', ...RIVALS] as const) earnings[ranking] /= best;
  return { earnings, deciles: decilesOf(judged), coverage: judged.filter(({ holds }) => holds).length / judged.length };
}

const toKnown = ({ merchantId, productId, category, price }: MarketProduct): KnownProduct => ({ merchantId, productId, category, price });

function decilesOf(judged: readonly { expected: number; kept: number; orders: number }[]): Replayed['deciles'] {
  const sorted = judged.toSorted((a, b) => a.expected - b.expected);
  return Array.from({ length: 10 }, (_, index) => {
    const decile = sorted.slice(Math.floor((index * sorted.length) / 10), Math.floor(((index + 1) * sorted.length) / 10));
    const total = { expected: 0, realised: 0, orders: 0 };
    for (const { expected, kept, orders } of decile) {
      total.expected += expected;
      total.realised += kept;
      total.orders += orders;
    }
    return total;
  });
}

/** What a shop's list shows first today. The same for every promoter; ties by id. */
function rivalLists({ products, clicks, orders, settings }: Market): Record<(typeof RIVALS)[number], MarketProduct[]> {
  const seen = new Map(products.map(({ productId }) => [productId, { clicks: 0, orders: 0, kept: 0 }]));
  for (const { productId } of clicks) seen.get(productId)!.clicks += 1;
  for (const { productId, at, paid, refunded, refundedAt } of orders) {
    if (at >= settings.historyDays) continue;
    const sum = seen.get(productId)!;
    sum.orders += 1;
    sum.kept += paid - (refundedAt < settings.historyDays ? refunded : 0);
  }
  const top = (scoreOf: (product: MarketProduct, sums: { clicks: number; orders: number; kept: number }) => number) => {
    const scored = products.map((product) => ({ product, score: scoreOf(product, seen.get(product.productId)!) }));
    return scored
      .toSorted((a, b) => b.score - a.score)
      .slice(0, PLACES)
      .map(({ product }) => product);
  };
  return {
    'by rate': top(({ paidPpm }) => paidPpm),
    'by sales': top((_, sums) => sums.orders),
    'raw earnings per click': top(({ paidPpm }, sums) => (sums.clicks === 0 ? 0 : (sums.kept * paidPpm) / sums.clicks)),
  };
}

/** The history as it is known at its end. */
export function historyOf({ products, merchants, clicks, orders, settings: { historyDays } }: Market): History {
  const byId = new Map(products.map((product) => [product.productId, product]));
  const returnDays = new Map(merchants.map((merchant) => [merchant.merchantId, merchant.returnDays]));
  const visible = orders.filter(({ at }) => at < historyDays);
  const latest = groupedBy(
    visible.toSorted((a, b) => b.at - a.at),
    ({ productId }) => byId.get(productId)!.merchantId,
  );
  const { shared, ofMerchant } = countDelays(
    [...latest].flatMap(([merchantId, own]) =>
      own.slice(0, DELAYS_MAX).map(({ at, clickedAt }) => ({ merchantId, hours: (at - clickedAt) * 24 })),
    ),
  );
  const ripe = new Map(merchants.map(({ merchantId }) => [merchantId, ripeness(ofMerchant(merchantId), shared)]));
  const outcomes = new Map<string, Outcome>();
  const outcomeOf = (promoterId: string, productId: string): Outcome => {
    const { merchantId } = byId.get(productId)!;
    const key = `${productKey({ merchantId, productId })} ${promoterId}`;
    const nothing = { settled: { orders: 0, paid: 0, kept: 0 }, young: { orders: 0, paid: 0 }, paidSquares: 0 };
    const outcome = outcomes.get(key) ?? { merchantId, productId, promoterId, clicks: 0, ripeClicks: 0, ...nothing };
    outcomes.set(key, outcome);
    return outcome;
  };
  for (const { promoterId, productId, at } of clicks) {
    const outcome = outcomeOf(promoterId, productId);
    outcome.clicks += 1;
    outcome.ripeClicks += ripe.get(outcome.merchantId)!((historyDays - at) * 24);
  }
  for (const { promoterId, productId, at, paid, refunded, refundedAt } of visible) {
    const outcome = outcomeOf(promoterId, productId);
    outcome.paidSquares += paid ** 2;
    if (at > historyDays - returnDays.get(outcome.merchantId)!) {
      outcome.young.orders += 1;
      outcome.young.paid += paid;
      continue;
    }
    outcome.settled.orders += 1;
    outcome.settled.paid += paid;
    outcome.settled.kept += paid - (refundedAt < historyDays ? refunded : 0);
  }
  return { products: products.map(toKnown), outcomes: [...outcomes.values()] };
}
