// The statistics once more, added up from the facts each time: what a query must answer.

import { bucketOf, bucketsBetween, localText, type Bucket } from './local-buckets.ts';
import { countAll, KEYS, SUMS, type Basis, type Counted, type Keys } from './counted.ts';
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
} as const satisfies Record<string, (typeof KEYS)[number]>;
export type Group = keyof typeof GROUPS;

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
}

/** A cell: its keys, its bucket, its currency, and every figure by its name. */
export type Cell = Record<string, string | number | null>;

export interface Recounted {
  rows: Cell[];
  totals: Cell[];
}

/** What a query must answer, rows in no particular order. */
export function recount(facts: Facts, query: Query): Recounted {
  const counted = countAll(facts, query.basis).filter((one) => isAsked(one, query));
  const totals = [...groupedBy(counted, ({ currency }) => currency)].map(([currency, all]) => ({ currency, ...figuresOf(all, query.basis) }));
  const groups = groupedBy(counted, (one) => JSON.stringify([...query.groupBy.map((group) => one.keys[GROUPS[group]]), one.currency]));
  const buckets = bucketsBetween(query.bucket, query);
  const rows = [...groups.values()].filter(hasFigure).flatMap((all) => {
    const named = Object.fromEntries(query.groupBy.map((group) => [GROUPS[group], all[0]!.keys[GROUPS[group]]]));
    const cells = groupedBy(all, ({ at }) => bucketOf(query.bucket, at, query.timeZone));
    return buckets.map((bucket) => ({
      bucket: bucket === null ? null : localText(bucket, query.timeZone),
      ...named,
      currency: all[0]!.currency,
      ...figuresOf(cells.get(bucket) ?? [], query.basis),
    }));
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

const hasFigure = (counted: readonly Counted[]): boolean =>
  counted.some(({ sums, order, unattributed }) => order !== undefined || unattributed !== undefined || SUMS.some((sum) => (sums[sum] ?? 0) > 0));

const distinct = <Item>(items: readonly (Item | undefined)[]): number => new Set(items.filter((item) => item !== undefined)).size;

function figuresOf(counted: readonly Counted[], basis: Basis): Cell {
  const sums = Object.fromEntries(SUMS.map((sum) => [sum, counted.reduce((all, one) => all + (one.sums[sum] ?? 0), 0)]));
  const orders = distinct(counted.map(({ order }) => order));
  const clicks = sums['clicks']!;
  const commission = sums['commission_estimated']! + sums['commission_confirmed']! + sums['commission_released']!;
  return {
    ...sums,
    ...(basis === 'booking' && { commission_confirmed: null }),
    orders,
    orders_unattributed: distinct(counted.map(({ unattributed }) => unattributed)),
    buyers: distinct(counted.map(({ buyer }) => buyer)),
    conversion_ppm: clicks === 0 ? null : Math.floor((orders * 1_000_000) / clicks),
    earnings_per_click: clicks === 0 ? null : Math.floor(commission / clicks),
  };
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
