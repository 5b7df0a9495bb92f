// How statistics look to the world: as JSON, and as a table of the same.

import { z } from 'zod';

import { decimalOf } from '../../core/money.ts';
import { csvRow } from '../../platform/lines/csv-row.ts';
import { localTimes } from './buckets.ts';
import { boundFilters } from './plan.ts';
import { BUCKET_SIZES, GROUPS, KEY_OF, MEASURES } from './query.ts';
import type { Figures, Group, KeyFilter, Measure, StatisticsAnswer, StatisticsQuery, StatisticsRow, StatisticsTotal } from './query.ts';
import { writePlace } from './query-fields.ts';

const WORDS: Readonly<Record<Measure, string>> = {
  clicks: 'Clicks through links, without bots.',
  bot_clicks: 'Those of bots.',
  buyers: 'Distinct buyers of the clicks, as they were known then; its total is not the sum of its rows.',
  links_made: 'Links that were made.',
  orders: 'Orders of which something was won. One of several promoters counts for each, and once in the totals.',
  orders_unattributed: 'Orders that nobody has won anything of.',
  units: 'Pieces of what was won, before refunds.',
  paid_amount: 'What was paid for it, before refunds.',
  refunded_amount: 'What of it was refunded.',
  refunds: 'How many refunds that were.',
  commission_estimated: 'Commission of promoters that may still fall; by booking, all that was booked then.',
  commission_confirmed: 'Commission of completed orders that waits; null by booking.',
  commission_released: 'Commission that can be paid out.',
  commission_reversed: 'What was booked and taken back.',
  conversion_ppm: 'Orders by clicks, in parts per million; null without clicks.',
  earnings_per_click: 'Estimated, confirmed and released commission by clicks; null without clicks.',
};

/** Those in minor units of a currency. */
export const AMOUNTS: ReadonlySet<Measure> = new Set(
  MEASURES.filter((measure) => /^(commission_|earnings_|paid_amount|refunded_amount)/.test(measure)),
);

const key = z.string().nullable().optional();
const keys = {
  merchant_id: key,
  promoter_id: key,
  product_id: key,
  category: key,
  scene: key,
  campaign_id: key,
  link_code: key,
  source_id: key,
  agency_id: key,
  level: z.int().nullable().optional(),
};

const figure = (measure: Measure) => z.bigint().nullable().optional().meta({ description: WORDS[measure] });
const figures = Object.fromEntries(MEASURES.map((measure) => [measure, figure(measure)])) as Record<Measure, ReturnType<typeof figure>>;

const bucket = z.string().nullable().meta({ description: 'When the bucket begins, by the clocks of the zone; null for the whole time.' });
const currency = z.string().meta({ description: 'ISO 4217; all amounts are in its minor units.' });
const compared = z
  .object({ bucket, ...figures })
  .nullable()
  .optional()
  .meta({ description: 'The same of the other time: null where it has no bucket at this place, left out where nothing is compared.' });

const filters = Object.fromEntries(GROUPS.map((group) => [KEY_OF[group], z.string().optional()])) as Record<
  (typeof KEY_OF)[Group],
  z.ZodOptional<z.ZodString>
>;

const queryAnswer = z
  .object({
    group_by: z.array(z.enum(GROUPS)),
    bucket: z.enum(BUCKET_SIZES),
    from: z.date(),
    to: z.date(),
    time_zone: z.string(),
    compare: z.enum(['previous', 'year']).nullable(),
    align: z.enum(['date', 'weekday']),
    basis: z.enum(['order', 'booking']),
    sort: z.string(),
    measures: z.array(z.enum(MEASURES)),
    limit: z.int(),
    currency: z.string().nullable(),
    ...filters,
  })
  .meta({
    id: 'StatisticsQuery',
    description: 'What was asked, as it was understood: every default is filled in, and what the key is held to.',
  });

const rowAnswer = z
  .object({ bucket, ...keys, currency, ...figures, compared })
  .meta({ id: 'StatisticsRow', description: 'The keys are those that were grouped by: null is what has none.' });
const totalAnswer = z.object({ currency, ...figures, compared }).meta({ id: 'StatisticsTotal' });

export const watermark = z.string().meta({ description: 'As of when this is: whatever was committed before is in it.' });

export const statisticsAnswer = z
  .object({
    query: queryAnswer,
    watermark,
    data: z.array(rowAnswer),
    totals: z.array(totalAnswer).meta({ description: 'By currency, of all pages.' }),
    next_cursor: z.string().nullable().meta({ description: 'Null on the last page.' }),
  })
  .meta({ id: 'Statistics' });

/** The body of the answer. */
export function showStatistics({ query, watermark: below, rows, totals, next }: StatisticsAnswer): z.input<typeof statisticsAnswer> {
  const shown = localTimes(query.timeZone);
  return {
    query: showQuery(query),
    watermark: String(below),
    data: rows.map((row) => showRow(row, query, shown)),
    totals: totals.map((total) => ({ currency: total.currency, ...total.figures, ...comparedIn(total, query, shown) })),
    next_cursor: next === null ? null : writePlace(query, next, below),
  };
}

/** One row of the body. */
function showRow(row: StatisticsRow, query: StatisticsQuery, shown: (at: Date) => string): z.input<typeof rowAnswer> {
  const named = Object.fromEntries(query.groupBy.map((group, place) => [KEY_OF[group], showKey(group, row.keys[place] ?? null)]));
  const begin = row.bucket === null ? null : shown(row.bucket);
  return { bucket: begin, ...named, currency: row.currency, ...row.figures, ...comparedIn(row, query, shown) };
}

const showKey = (group: Group, value: string | null): string | number | null =>
  group === 'level' && value !== null ? Number(value) : value;

function comparedIn({ compared: other }: StatisticsRow | StatisticsTotal, { compare }: StatisticsQuery, shown: (at: Date) => string) {
  if (compare === null) return {};
  if (other === null) return { compared: null };
  return { compared: { bucket: other.bucket === null ? null : shown(other.bucket), ...other.figures } };
}

/** A question as its caller might have asked it. */
function showQuery(query: StatisticsQuery): z.input<typeof queryAnswer> {
  const { groupBy, bucket: size, from, to, timeZone, compare, align, basis, sort, measures, limit, currency: of } = query;
  const asked = Object.entries(boundFilters(query)) as [Group, KeyFilter][];
  return {
    group_by: [...groupBy],
    bucket: size,
    from,
    to,
    time_zone: timeZone,
    compare,
    align,
    basis,
    sort: `${sort.descending ? '-' : ''}${sort.by}`,
    measures: [...measures],
    limit,
    currency: of,
    ...Object.fromEntries(asked.map(([group, filter]) => [KEY_OF[group], showFilter(filter)])),
  };
}

const plain = (value: string | null): string => (value ?? '').replaceAll(/[\\,]/g, '\\$&');

/** A filter as it is written in an address, but for what an address itself must escape. */
export function showFilter({ wanted, unwanted }: KeyFilter): string {
  return [...wanted.map((value) => plain(value).replace(/^-/, '\\-')), ...unwanted.map((value) => `-${plain(value)}`)].join(',');
}

/**
 * The columns of the table: a row of totals has no keys, and what is compared has columns of its
 * own.
 */
function columnsOf({ groupBy, measures, compare }: StatisticsQuery): string[] {
  const others = compare === null ? [] : ['compared_bucket', ...measures.map((measure) => `compared_${measure}`)];
  return ['record', 'bucket', ...groupBy.map((group) => KEY_OF[group]), 'currency', ...measures, ...others];
}

export const statisticsHead = (query: StatisticsQuery): string => csvRow(columnsOf(query));

/** The rows of a page as lines. Amounts are decimals of the currency. */
export function statisticsLines({ query, rows }: StatisticsAnswer): string {
  const shown = localTimes(query.timeZone);
  return rows.map((row) => line('row', row, row.keys, row.bucket === null ? null : shown(row.bucket), query, shown)).join('');
}

/** The totals as lines. Where there are none, one that says so: a table without one was cut off. */
export function totalLines({ query, totals }: StatisticsAnswer): string {
  const none = query.groupBy.map(() => null);
  if (totals.length === 0) return csvRow(columnsOf(query).map((column) => (column === 'record' ? 'total' : null)));
  const shown = localTimes(query.timeZone);
  return totals.map((total) => line('total', total, none, null, query, shown)).join('');
}

function line(
  record: 'row' | 'total',
  { currency: of, figures: own, compared: other }: StatisticsRow | StatisticsTotal,
  named: readonly (string | null)[],
  begin: string | null,
  { measures, compare }: StatisticsQuery,
  shown: (at: Date) => string,
): string {
  const cells = (told: Figures): (string | bigint | null)[] => measures.map((measure) => cellOf(measure, told[measure] ?? null, of));
  const empty = measures.map(() => null);
  const others = other === null ? [null, ...empty] : [other.bucket === null ? null : shown(other.bucket), ...cells(other.figures)];
  return csvRow([record, begin, ...named, of, ...cells(own), ...(compare === null ? [] : others)]);
}

function cellOf(measure: Measure, value: bigint | null, of: string): string | bigint | null {
  return value !== null && AMOUNTS.has(measure) ? decimalOf(value, of) : value;
}
