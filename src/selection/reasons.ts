// Why a product stands where it does, as figures that the statistics of the window give to anybody
// who asks them for the same.

import type { Kysely } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import type { Figures, Group, StatisticsQuery } from '../statistics/reading/query.ts';
import { readStatistics } from '../statistics/reading/statistics.ts';
import type { KnownProduct } from './history.ts';

export const REASONS = [
  'converts_above_category',
  'converts_below_category',
  'refunds_below_category',
  'refunds_above_category',
  'earns_above_category',
  'earns_below_category',
  'your_audience_above_usual',
  'your_audience_below_usual',
  'few_data',
] as const;

/** A figure and what it is compared with; null where there is nothing to compare it with. */
interface Reason {
  code: (typeof REASONS)[number];
  value: number;
  baseline: number | null;
}

/** What the statistics say of a product in the window. */
export interface ProductFigures {
  clicks: number;
  orders: number;
  conversionPpm: number | null;
  refundPpm: number | null;
  reasons: Reason[];
}

/** The time that figures are of, and of links of which scene. */
export interface Window {
  from: Date;
  to: Date;
  timeZone: string;
  scene: string | null;
}

/** With fewer orders than this the estimate is mostly that of its kind. */
const FEW_ORDERS = 10;

/** A page of the statistics has so many groups at most, and a filter so many values. */
const GROUPS_MAX = 200;

interface Quotients {
  clicks: number;
  orders: number;
  conversionPpm: number | null;
  refundPpm: number | null;
  earningsPerClick: number | null;
}

interface ReasonQuestion {
  promoterId: string;
  products: readonly KnownProduct[];
  window: Window;
  /** Where merchants are named, a promoter's audience is told of with them alone. */
  merchantIds: readonly string[] | null;
}

/** The figures of each product, in their order, with reasons for this promoter. */
export async function readReasons(
  db: Kysely<DB>,
  { promoterId, products, window, merchantIds }: ReasonQuestion,
): Promise<ProductFigures[]> {
  if (products.length === 0) return [];
  const values = (of: (one: KnownProduct) => string | null) => ({ wanted: [...new Set(products.map(of))], unwanted: [] });
  const merchant = values((one) => one.merchantId);
  const category = values((one) => one.category);
  const read = (groupBy: readonly Group[], filters: StatisticsQuery['filters']) => figuresBy(db, window, groupBy, filters);
  const ofProducts = await read(['merchant', 'product'], { merchant, product: values((one) => one.productId) });
  const ofCategories = await read(['merchant', 'category'], { merchant, category });
  const own = {
    promoter: { wanted: [promoterId], unwanted: [] },
    ...(merchantIds !== null && { merchant: { wanted: merchantIds, unwanted: [] } }),
  };
  const ofAudience = await read(['category'], { ...own, category });
  const ofPromoter = await read([], own);
  return products.map(({ merchantId, productId, category: kindOf }) => {
    const product = quotientsOf(ofProducts.get(keyOf([merchantId, productId])));
    const kind = quotientsOf(ofCategories.get(keyOf([merchantId, kindOf])));
    const audience = kindOf === null ? NOTHING : quotientsOf(ofAudience.get(keyOf([kindOf])));
    const reasons = reasonsOf({ product, kind, audience, promoter: quotientsOf(ofPromoter.get(keyOf([]))) });
    return { clicks: product.clicks, orders: product.orders, conversionPpm: product.conversionPpm, refundPpm: product.refundPpm, reasons };
  });
}

const keyOf = (keys: readonly (string | null)[]): string => JSON.stringify(keys);

async function figuresBy(
  db: Kysely<DB>,
  { from, to, timeZone, scene }: Window,
  groupBy: readonly Group[],
  filters: StatisticsQuery['filters'],
): Promise<Map<string, Figures>> {
  const query: StatisticsQuery = {
    groupBy,
    bucket: 'none',
    from,
    to,
    timeZone,
    compare: null,
    align: 'date',
    basis: 'order',
    sort: { by: 'clicks', descending: true },
    measures: ['clicks', 'orders', 'paid_amount', 'refunded_amount', 'conversion_ppm', 'earnings_per_click'],
    filters: { ...filters, ...(scene !== null && { scene: { wanted: [scene], unwanted: [] } }) },
    bounds: {},
    currency: null,
    limit: GROUPS_MAX,
    after: null,
  };
  const { rows } = await readStatistics(db, query);
  // Of several currencies the one with the most clicks stands first: it is the merchant's.
  return new Map(rows.toReversed().map(({ keys, figures }) => [keyOf(keys), figures]));
}

const NOTHING: Quotients = { clicks: 0, orders: 0, conversionPpm: null, refundPpm: null, earningsPerClick: null };

const numberOf = (value: bigint | null | undefined): number | null => (value === null || value === undefined ? null : Number(value));

function quotientsOf(figures: Figures | undefined): Quotients {
  if (figures === undefined) return NOTHING;
  const paid = figures.paid_amount ?? 0n;
  return {
    clicks: Number(figures.clicks ?? 0n),
    orders: Number(figures.orders ?? 0n),
    conversionPpm: numberOf(figures.conversion_ppm),
    refundPpm: paid === 0n ? null : Number(((figures.refunded_amount ?? 0n) * 1_000_000n) / paid),
    earningsPerClick: numberOf(figures.earnings_per_click),
  };
}

interface Comparison {
  product: Quotients;
  kind: Quotients;
  audience: Quotients;
  promoter: Quotients;
}

function reasonsOf({ product, kind, audience, promoter }: Comparison): Reason[] {
  return [
    ...compared(['converts_above_category', 'converts_below_category'], product.conversionPpm, kind.conversionPpm),
    ...compared(['refunds_above_category', 'refunds_below_category'], product.refundPpm, kind.refundPpm),
    ...compared(['earns_above_category', 'earns_below_category'], product.earningsPerClick, kind.earningsPerClick),
    ...compared(['your_audience_above_usual', 'your_audience_below_usual'], audience.conversionPpm, promoter.conversionPpm),
    ...(product.orders < FEW_ORDERS ? [{ code: 'few_data' as const, value: product.clicks, baseline: null }] : []),
  ];
}

/** Nothing where one of both is not known, or both are alike. */
function compared([above, below]: readonly [Reason['code'], Reason['code']], value: number | null, baseline: number | null): Reason[] {
  if (value === null || baseline === null || value === baseline) return [];
  return [{ code: value > baseline ? above : below, value, baseline }];
}
