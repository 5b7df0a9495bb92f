// The statistics once more, added up from the facts each time: what a query must answer.

import { bucketOf, bucketsBetween, localText, type Bucket } from './local-buckets.ts';
import { countAll, SUMS, type Basis, type Counted, type Keys, type Sum } from './counted.ts';
import type { Facts } from './facts.ts';

export const GROUPS = {
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
} as const satisfies Record<string, keyof Keys>;
export type Group = keyof typeof GROUPS;

export const MEASURES = [...SUMS, 'orders', 'orders_unattributed', 'conversion_ppm', 'earnings_per_click', 'buyers'] as const;
export type Measure = (typeof MEASURES)[number];

/** Values of a key that are wanted, all where none is named, and those that are not; null: none. */
export interface Filter {
  group: Group;
  wanted: readonly (string | null)[];
  unwanted: readonly (string | null)[];
}

export interface Query {
  groupBy: readonly Group[];
  bucket: Bucket;
  from: number;
  to: number;
  timeZone: string;
  basis: Basis;
  currency: string | null;
  filters: readonly Filter[];
  measures: readonly Measure[];
}

/** A cell: its keys, its bucket, its currency, and every figure by its name. */
export type Cell = Record<string, string | number | null>;

interface Recounted {
  rows: Cell[];
  totals: Cell[];
}

/**
 * What a query must answer, rows in no particular order. Groups, and currencies of a question that
 * names none, are there where a figure is that was asked for.
 */
export function recount(facts: Facts, query: Query): Recounted {
  const { groupBy, basis, bucket: size, timeZone } = query;
  const counted = countAll(facts, basis).filter((one) => isAsked(one, query));
  const byCurrency = groupedBy(counted, ({ currency }) => currency);
  const currencies =
    query.currency === null ? [...byCurrency.keys()].filter((one) => hasFigure(byCurrency.get(one)!, query)) : [query.currency];
  const totals = currencies.map((currency) => ({ currency, ...cellOf(byCurrency.get(currency) ?? [], query) }));
  const keysOf = ({ keys }: Counted) => groupBy.map((group) => keys[GROUPS[group]]);
  const groups = [...groupedBy(counted, (one) => JSON.stringify([...keysOf(one), one.currency])).values()]
    .filter((all) => hasFigure(all, query))
    .map((all) => ({ keys: keysOf(all[0]!), currency: all[0]!.currency, all }));
  const alone = currencies.map((currency) => ({ keys: [], currency, all: byCurrency.get(currency) ?? [] }));
  const rows = (groupBy.length === 0 ? alone : groups).flatMap(({ keys, currency, all }) => {
    const named = Object.fromEntries(groupBy.map((group, place) => [GROUPS[group], keys[place]!]));
    const cells = groupedBy(all, ({ at }) => bucketOf(size, at, timeZone));
    return bucketsBetween(size, query).map((bucket) => {
      const begin = bucket === null ? null : localText(bucket, timeZone);
      return { bucket: begin, ...named, currency, ...cellOf(cells.get(bucket) ?? [], query) };
    });
  });
  return { rows, totals };
}

function isAsked({ at, currency, keys }: Counted, query: Query): boolean {
  if (at < query.from || at >= query.to) return false;
  if (query.currency !== null && query.currency !== currency) return false;
  return query.filters.every((filter) => isLetThrough(keys, filter));
}

function isLetThrough(keys: Keys, { group, wanted, unwanted }: Filter): boolean {
  const value = keys[GROUPS[group]];
  const text = value === null ? null : String(value);
  return (wanted.length === 0 || wanted.includes(text)) && !unwanted.includes(text);
}

const distinct = (items: readonly unknown[]): number => new Set(items.filter((item) => item !== undefined)).size;

type Figures = Record<Measure, number | null>;

function figuresOf(counted: readonly Counted[], basis: Basis): Figures {
  const sums = Object.fromEntries(SUMS.map((sum) => [sum, counted.reduce((all, one) => all + (one.sums[sum] ?? 0), 0)])) as Record<
    Sum,
    number
  >;
  const orders = distinct(counted.map(({ order }) => order));
  const commission = COMMISSION.reduce((sum, measure) => sum + sums[measure], 0);
  const perClick = (figure: number): number | null => (sums.clicks === 0 ? null : Math.floor(figure / sums.clicks));
  return {
    ...sums,
    // Nothing is booked when a commission is confirmed.
    commission_confirmed: basis === 'booking' ? null : sums.commission_confirmed,
    orders,
    orders_unattributed: distinct(counted.map(({ unattributed }) => unattributed)),
    buyers: distinct(counted.map(({ buyer }) => buyer)),
    conversion_ppm: perClick(orders * 1_000_000),
    earnings_per_click: perClick(commission),
  };
}

/** What `commission` is the sum of. */
export const COMMISSION = ['commission_estimated', 'commission_confirmed', 'commission_released'] as const;

function cellOf(counted: readonly Counted[], { basis, measures }: Query): Cell {
  const figures = figuresOf(counted, basis);
  return Object.fromEntries(measures.map((measure) => [measure, figures[measure]]));
}

/** Quotients are there where what they are of is. */
const PARTS: Partial<Record<Measure, readonly Measure[]>> = {
  conversion_ppm: ['clicks', 'orders'],
  earnings_per_click: ['clicks', ...COMMISSION],
};

function hasFigure(counted: readonly Counted[], { basis, measures }: Query): boolean {
  const figures = figuresOf(counted, basis);
  return measures.flatMap((measure) => PARTS[measure] ?? [measure]).some((measure) => (figures[measure] ?? 0) !== 0);
}

function groupedBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
