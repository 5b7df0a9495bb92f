// Random questions to the statistics: as numbers, and then about what is really there.

import * as fc from 'fast-check';

import { countAll, type Counted } from './counted.ts';
import type { Facts } from './facts.ts';
import { BUCKETS, type Bucket } from './local-buckets.ts';
import { GROUPS, MEASURES, type Filter, type Group, type Query } from './recount.ts';

const ZONES = ['Asia/Shanghai', 'America/New_York', 'Asia/Kathmandu'] as const;
const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
/** How long a question is at most: no page of fifty groups has more rows than pages may have. */
const SPAN_MS: Readonly<Record<Bucket, number>> = {
  minute: 300 * MINUTE_MS,
  '15m': 3 * DAY_MS,
  hour: 12 * DAY_MS,
  day: 100 * DAY_MS,
  week: 200 * DAY_MS,
  month: 400 * DAY_MS,
  none: 400 * DAY_MS,
};
/** Of a multiple of these a question may begin and end, so that whole buckets are asked for too. */
const GRIDS_MS = [1, 1000, MINUTE_MS, 15 * MINUTE_MS, 60 * MINUTE_MS, DAY_MS];

const USUAL = MEASURES.filter((measure) => measure !== 'buyers');
const BUYERS_MS_MAX = 31 * DAY_MS;
const SORTS = ['commission', 'clicks', 'orders', 'paid_amount', 'commission_reversed', 'units'] as const;

const groupNames = Object.keys(GROUPS) as Group[];
const pick = fc.nat(9999);

export const questions = fc.record({
  groupBy: fc.uniqueArray(fc.constantFrom(...groupNames), { maxLength: 2, size: 'max' }),
  bucket: fc.constantFrom(...BUCKETS),
  timeZone: fc.constantFrom(...ZONES),
  basis: fc.constantFrom('order' as const, 'booking' as const),
  around: pick,
  before: fc.nat(1000),
  length: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 600, max: 1000 })),
  grid: fc.constantFrom(...GRIDS_MS),
  filters: fc.array(
    fc.record({ group: fc.constantFrom(...groupNames), values: fc.array(pick, { minLength: 1, maxLength: 2 }), isWanted: fc.boolean() }),
    {
      maxLength: 2,
    },
  ),
  isOfOne: fc.boolean(),
  by: fc.constantFrom('admin' as const, 'admin' as const, 'admin' as const, 'promoter' as const, 'storefront' as const),
  currency: fc.constantFrom(null, null, null, 'USD', 'CNY'),
  measures: fc.option(fc.subarray(USUAL, { minLength: 1 })),
  asksBuyers: fc.boolean(),
  limit: fc.constantFrom(3, 7, 50, 50),
  sort: fc.constantFrom(...SORTS),
  descends: fc.boolean(),
});
export type Question = typeof questions extends fc.Arbitrary<infer Value> ? Value : never;

export interface Asked {
  query: Query;
  /** As the address says it, without a cursor. */
  search: Record<string, string>;
  by: Question['by'];
  sort: (typeof SORTS)[number];
  descends: boolean;
}

/**
 * Of whom is asked: the keys of promoters and storefronts see that promoter or the first of these
 * merchants.
 */
export interface Parties {
  merchantIds: readonly string[];
  promoterId: string;
}

/** The question about what these merchants have. */
export function askedOf(question: Question, facts: Facts, { merchantIds, promoterId }: Parties): Asked {
  const { groupBy, bucket, timeZone, basis, currency, sort, descends, by } = question;
  const counted = countAll(facts, basis);
  const span = spanOf(question, counted);
  const isOfOne = question.isOfOne || by === 'storefront';
  const merchants: Filter = { group: 'merchant', wanted: isOfOne ? merchantIds.slice(0, 1) : merchantIds, unwanted: [] };
  const bound: Filter[] = by === 'promoter' ? [{ group: 'promoter', wanted: [promoterId], unwanted: [] }] : [];
  const isFree = ({ group }: Filter): boolean => group !== 'merchant' && (by !== 'promoter' || group !== 'promoter');
  const filters = [merchants, ...bound, ...filtersOf(question, counted).filter(isFree)];
  // What a key is held to need not be said.
  const said = filters.filter(
    ({ group }) => !(by === 'promoter' && group === 'promoter') && !(by === 'storefront' && group === 'merchant'),
  );
  const named = question.measures ?? USUAL;
  const measures = question.asksBuyers && span.to - span.from <= BUYERS_MS_MAX ? [...named, 'buyers' as const] : named;
  const query: Query = { groupBy, bucket, ...span, timeZone, basis, currency, filters, measures };
  const search = {
    ...(groupBy.length > 0 && { group_by: groupBy.join(',') }),
    bucket,
    from: new Date(query.from).toISOString(),
    to: new Date(query.to).toISOString(),
    time_zone: timeZone,
    basis,
    sort: `${descends ? '-' : ''}${sort}`,
    limit: String(question.limit),
    ...(currency !== null && { currency }),
    ...(measures !== USUAL && { measures: measures.join(',') }),
    ...Object.fromEntries(said.map((one) => [GROUPS[one.group], filterText(one)])),
  };
  return { query, search, by, sort, descends };
}

/** About something that is there, most often. */
function spanOf({ around, before, length, bucket, grid }: Question, counted: readonly Counted[]): { from: number; to: number } {
  const at = counted.length === 0 ? Date.now() : counted[around % counted.length]!.at;
  const whole = Math.min(grid, SPAN_MS[bucket] / 2);
  const onGrid = (moment: number): number => Math.floor(moment / whole) * whole;
  const long = Math.ceil((SPAN_MS[bucket] * length) / 1000);
  const from = onGrid(at - Math.floor((long * before) / 1000));
  return { from, to: Math.max(onGrid(from + long), from + whole) };
}

function filtersOf({ filters }: Question, counted: readonly Counted[]): Filter[] {
  const byGroup = new Map<Group, Filter>();
  for (const { group, values, isWanted } of filters) {
    const known = [...new Set(counted.map(({ keys }) => keys[GROUPS[group]]))];
    const chosen = values
      .map((value) => known[value % Math.max(known.length, 1)] ?? null)
      .map((value) => (value === null ? null : String(value)));
    byGroup.set(group, { group, wanted: isWanted ? chosen : [], unwanted: isWanted ? [] : chosen });
  }
  return [...byGroup.values()];
}

const filterText = ({ wanted, unwanted }: Filter): string =>
  [...wanted.map((value) => value ?? ''), ...unwanted.map((value) => `-${value ?? ''}`)].join(',');
