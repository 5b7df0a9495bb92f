// What is asked of the statistics and what is answered, as types: the routes, the stream and
// whoever quotes a figure build a query and read an answer.

/** What figures may be grouped and filtered by. */
export const GROUPS = ['merchant', 'promoter', 'product', 'category', 'scene', 'campaign', 'link', 'source', 'agency', 'level'] as const;
export type Group = (typeof GROUPS)[number];

/** What a group's key is called in a row and as a filter. */
export const KEY_OF = {
  merchant: 'merchant_id',
  promoter: 'promoter_id',
  product: 'product_id',
  category: 'category',
  scene: 'scene',
  campaign: 'campaign_id',
  link: 'link_code',
  source: 'source_id',
  agency: 'agency_id',
  level: 'level',
} as const satisfies Record<Group, string>;

export const BUCKET_SIZES = ['minute', '15m', 'hour', 'day', 'week', 'month', 'none'] as const;
export type BucketSize = (typeof BUCKET_SIZES)[number];

/** What is counted: these add up over groups and buckets, `orders` over buckets alone. */
export const COUNTED_MEASURES = [
  'clicks',
  'bot_clicks',
  'links_made',
  'orders',
  'orders_unattributed',
  'units',
  'paid_amount',
  'refunded_amount',
  'refunds',
  'commission_estimated',
  'commission_confirmed',
  'commission_released',
  'commission_reversed',
] as const;
export type CountedMeasure = (typeof COUNTED_MEASURES)[number];

/** In the order in which a row has them; all but `buyers` are there when none is named. */
export const MEASURES = [
  'clicks',
  'bot_clicks',
  'buyers',
  'links_made',
  'orders',
  'orders_unattributed',
  'units',
  'paid_amount',
  'refunded_amount',
  'refunds',
  'commission_estimated',
  'commission_confirmed',
  'commission_released',
  'commission_reversed',
  'conversion_ppm',
  'earnings_per_click',
] as const;
export type Measure = (typeof MEASURES)[number];

/** `commission` is the sum of what is estimated, confirmed and released. */
export type SortKey = Measure | 'commission';

/**
 * Values of one key: those that are wanted, all where none is named, and those that are not. Null
 * is what has none.
 */
export interface KeyFilter {
  wanted: readonly (string | null)[];
  unwanted: readonly (string | null)[];
}

/** Where a page begins: after this group. */
export interface PagePlace {
  /** What it was sorted by; null where that was not there. */
  value: bigint | null;
  keys: readonly (string | null)[];
  currency: string;
}

/**
 * A question with every default filled in. What is counted lies in `from` inclusive, `to`
 * exclusive; buckets are those of the zone's clocks.
 */
export interface StatisticsQuery {
  groupBy: readonly Group[];
  bucket: BucketSize;
  from: Date;
  to: Date;
  timeZone: string;
  compare: 'previous' | 'year' | null;
  align: 'date' | 'weekday';
  basis: 'order' | 'booking';
  sort: { by: SortKey; descending: boolean };
  measures: readonly Measure[];
  filters: Readonly<Partial<Record<Group, KeyFilter>>>;
  /** What the caller is held to, beside its filters; never told. */
  bounds: Readonly<Partial<Record<'merchant' | 'promoter', string>>>;
  currency: string | null;
  /** Of groups, when grouped. */
  limit: number;
  after: PagePlace | null;
}

/**
 * The figures that were asked for; amounts in minor units of the currency. Null where there is
 * none: a quotient without clicks, and confirmed commission by booking.
 */
export type Figures = Readonly<Partial<Record<Measure, bigint | null>>>;

/** Figures of another time; the bucket as a moment, null where figures are not of one. */
export interface ComparedFigures {
  bucket: Date | null;
  figures: Figures;
}

export interface StatisticsRow {
  /** When the bucket begins, which may lie before `from`; null for figures of the whole time. */
  bucket: Date | null;
  /** A value for each group of the query, in its order. */
  keys: readonly (string | null)[];
  currency: string;
  figures: Figures;
  /** Null where nothing is compared, or the other time has no bucket at this place. */
  compared: ComparedFigures | null;
}

export interface StatisticsTotal {
  currency: string;
  figures: Figures;
  compared: ComparedFigures | null;
}

/** The rows of one page: group after group, each with its buckets in their order. */
export interface StatisticsAnswer {
  query: StatisticsQuery;
  /** Every transaction below this number of the ledger's count is in the figures. */
  watermark: bigint;
  rows: readonly StatisticsRow[];
  /** By currency, in their order; over all groups, those of other pages too. */
  totals: readonly StatisticsTotal[];
  /** The group after which the next page begins; null on the last. */
  next: PagePlace | null;
}
