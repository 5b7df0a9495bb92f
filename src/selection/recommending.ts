// What a promoter is recommended to share: what it may share, by what a click on it would earn it.

import type { Kysely } from 'kysely';

import type { CampaignSpend, Campaign } from '../commission/campaigns/campaign.ts';
import { stateAt, versionAt } from '../commission/campaigns/campaign.ts';
import { currentCampaigns } from '../commission/campaigns/campaign-cache.ts';
import { readSpends } from '../commission/campaigns/campaign-store.ts';
import { readPaidProducts, type PaidProduct } from '../commission/offers/offered-products.ts';
import { mismatchOf } from '../core/programs/boost.ts';
import type { RuleCache } from '../commission/rules/rule-cache.ts';
import { dayOf } from '../platform/calendar.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { inSlices } from '../platform/slices.ts';
import { addLocalDays, localMidnight } from '../statistics/reading/buckets.ts';
import { EXCLUDED_MAX, readExcluded, type ExcludedProduct } from './excluded-store.ts';
import { productKey, type KnownProduct } from './history.ts';
import type { LearntMarket, learntMarkets } from './learnt-markets.ts';
import { intervalOf, listOf, type Candidate, type Placed } from './ranking.ts';
import { readReasons, type ProductFigures, type Window } from './reasons.ts';

/** Days of the merchant's zone that estimates and reasons are of, today included. */
const WINDOW_DAYS = 90;

/** What is asked for; merchants null: all. */
interface RecommendationWish {
  promoterId: string;
  merchantIds: readonly string[] | null;
  category: string | null;
  scene: string | null;
  limit: number;
  /** Of the first merchant that is named, else UTC. */
  timeZone: string;
}

interface RecommendationDeps {
  levelsMax: number;
  ruleCache: RuleCache;
  learnt: ReturnType<typeof learntMarkets>;
}

/** A product with what a click on it is expected to earn, in minor units of its currency. */
interface Offered extends Candidate {
  paid: PaidProduct;
  earnings: number;
}

export interface Recommendation extends ProductFigures {
  product: PaidProduct;
  earnings: { mean: number; low: number; high: number };
  place: Placed<Candidate>['place'];
}

export interface Recommendations {
  window: Window;
  list: Recommendation[];
  excluded: ExcludedProduct[];
}

/** Recommends; throws `unavailable` while older facts are being counted. */
export async function recommend(db: Kysely<DB>, deps: RecommendationDeps, wish: RecommendationWish, now: Date): Promise<Recommendations> {
  const { promoterId, scene, timeZone, limit } = wish;
  const window: Window = { from: addLocalDays(localMidnight(now, timeZone), 1 - WINDOW_DAYS, timeZone), to: now, timeZone, scene };
  const paid = await readPool(db, deps, wish, now);
  const unspent = await withoutSpent(db, deps, paid, { promoterId, now });
  const merchantIds = [...new Set(paid.map(({ merchantId }) => merchantId))];
  const market = merchantIds.length === 0 ? null : await deps.learnt({ merchantIds, scene, from: window.from, now });
  const offered = market === null ? [] : await inSlices(unspent, (one) => offeredOf(one, market, promoterId));
  const isBelowFloor = (one: KnownProduct) => market!.estimator.isBelowFloor(one);
  const shown = comparable(offered.filter((one) => !isBelowFloor(one)));
  const list = listOf(shown, { limit, seed: `${promoterId}\0${dayOf(now, timeZone)}` });
  const figures = await readReasons(db, { promoterId, products: list, window, merchantIds: wish.merchantIds });
  const keys = new Set(unspent.map(productKey));
  const others = await readExcluded(db, { ...wish, offered: paid.map(productKey), now });
  return {
    window,
    list: list.map(({ paid: product, place, earnings, spread }, index) => {
      return { ...figures[index]!, product, place, earnings: { mean: earnings, ...intervalOf(earnings, spread) } };
    }),
    excluded: [
      ...offered.filter(isBelowFloor).map((one) => excludedAs(one, 'below_quality_floor')),
      ...paid.filter((one) => !keys.has(productKey(one))).map((one) => excludedAs(one, 'budget_spent')),
      ...others,
    ].slice(0, EXCLUDED_MAX),
  };
}

const excludedAs = ({ merchantId, productId }: Pick<KnownProduct, 'merchantId' | 'productId'>, reason: ExcludedProduct['reason']) => ({
  merchantId,
  productId,
  reason,
});

/** What the promoter may share of each merchant that is named, or of all together. */
async function readPool(db: Kysely<DB>, deps: RecommendationDeps, wish: RecommendationWish, now: Date): Promise<PaidProduct[]> {
  const { promoterId, category } = wish;
  const pools: PaidProduct[][] = [];
  for (const merchantId of wish.merchantIds ?? [null]) {
    pools.push(await readPaidProducts(db, deps, { promoterId, merchantId, category, words: null }, now));
  }
  return pools.flat();
}

/**
 * Leaves out products that a campaign names for the promoter whose budget is spent, and no other
 * still pays.
 */
async function withoutSpent(
  db: Kysely<DB>,
  { ruleCache }: RecommendationDeps,
  products: readonly PaidProduct[],
  { promoterId, now }: { promoterId: string; now: Date },
): Promise<PaidProduct[]> {
  const { byMerchant } = await currentCampaigns(db, ruleCache);
  const merchantIds = [...new Set(products.map(({ merchantId }) => merchantId))];
  const naming = merchantIds.flatMap((id) => (byMerchant.get(id) ?? []).filter((one) => versionAt(one, now)?.scope.products != null));
  const spends = await readSpends(
    db,
    naming.map(({ campaignId }) => campaignId),
  );
  const isFor = (campaign: Campaign, { productId, merchantId }: PaidProduct) =>
    campaign.merchantId === merchantId &&
    mismatchOf({ ...versionAt(campaign, now)!.scope, scenes: null }, { productId, promoterId, scene: null }) === null;
  const statesOf = (product: PaidProduct) =>
    naming.filter((one) => isFor(one, product)).map((one) => stateAt(one, spends.get(one.campaignId) ?? NOTHING_SPENT, now));
  return naming.length === 0
    ? [...products]
    : products.filter((product) => {
        const states = statesOf(product);
        return !states.includes('exhausted') || states.includes('running');
      });
}

const NOTHING_SPENT: CampaignSpend = { spent: 0n, orders: 0, exhaustedTotal: null };

const PPM = 1_000_000;

/** Fixed amounts and caps count as they do for one unit at its price. */
function partPaid({ rule: { plan }, share, price }: PaidProduct): number {
  const isPlain = plan.fixed_per_unit === 0 && plan.cap_per_line === null && plan.cap_per_order === null;
  return isPlain || share.amount === null || price === null || price === 0n ? share.ratePpm / PPM : Number(share.amount) / Number(price);
}

function offeredOf(paid: PaidProduct, { estimator, platformParts }: LearntMarket, promoterId: string): Offered {
  const { merchantId, productId, category, price } = paid;
  const known = { merchantId, productId, category, price: price === null ? null : Number(price) };
  const { mean, spread } = estimator.keptPerClick(promoterId, known);
  const base = paid.rule.plan.base === 'platform_commission' ? (platformParts.get(merchantId) ?? 0) : 1;
  const earnings = mean * base * partPaid(paid);
  return { ...known, paid, earnings, worth: earnings, spread };
}

/** Of several currencies, each is measured by its middle product: no rate of exchange is known. */
function comparable(offered: readonly Offered[]): Offered[] {
  const currencies = [...new Set(offered.map(({ paid }) => paid.currency))];
  if (currencies.length < 2) return [...offered];
  const middles = new Map(
    currencies.map((currency) => {
      const all = offered.filter(({ paid }) => paid.currency === currency).map(({ earnings }) => earnings);
      return [currency, all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!];
    }),
  );
  return offered.map((one) => {
    const middle = middles.get(one.paid.currency)!;
    return { ...one, worth: middle > 0 ? one.earnings / middle : one.earnings };
  });
}
