// The query of a request: its fields as the document tells them, and what they mean once every
// default is filled in and every limit is kept.

import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import { mayActAs, mayActFor, type Actor } from '../../platform/keys/actor.ts';
import { HOUR_MS } from '../../platform/durations.ts';
import { cursorNumber, cursorText, cursorTime, decodeCursor, encodeCursor, pageQuery } from '../../platform/http/paging.ts';
import { text, time, timeZone } from '../../platform/http/fields.ts';
import { addLocalDays, bucketsOf, localMidnight } from './buckets.ts';
import { BUCKET_SIZES, GROUPS, KEY_OF, MEASURES } from './query.ts';
import type { BucketSize, Group, KeyFilter, Measure, PagePlace, SortKey, StatisticsQuery } from './query.ts';

const GROUPS_MAX = 2;
const LIMIT_MAX = 200;
const LIMIT_DEFAULT = 50;
/** Of a page. */
export const ROWS_MAX = 20_000;
const DAYS_DEFAULT = 30;
const BUYERS_DAYS_MAX = 31;
const FILTER_CHARACTERS_MAX = 4096;
const FILTER_VALUES_MAX = 200;
/** Two ids of 128 characters, each of four bytes, and what else a place says. */
const CURSOR_CHARACTERS_MAX = 4096;
const DAYS_MAX: Readonly<Partial<Record<BucketSize, number>>> = { minute: 1, '15m': 7, hour: 92 };

const levelText = z.string().regex(/^\d{1,2}$/);
const valueText = text(FILTER_CHARACTERS_MAX);

const filter = z.string().max(FILTER_CHARACTERS_MAX);
const wordsOf = (names: readonly string[]): string => `(${names.join('|')})`;
const listOf = (names: readonly string[], max: number): RegExp => new RegExp(`^${wordsOf(names)}(,${wordsOf(names)}){0,${max - 1}}$`);
const sortKeys = [...MEASURES, 'commission'] as const;

/** The filters, one for each group: the fields of everything that looks at a part of the facts. */
const filterFields = {
  merchant_id: filter.optional().meta({
    description:
      'Of these only, several by comma; a `-` before one leaves it out, an empty value is what has none, `\\` makes the sign after it plain.',
    example: 'm1,m2',
  }),
  promoter_id: filter.optional().meta({ description: 'Alike, as all of these.' }),
  product_id: filter.optional(),
  category: filter.optional(),
  scene: filter.optional(),
  campaign_id: filter.optional(),
  link_code: filter.optional(),
  source_id: filter.optional(),
  agency_id: filter.optional(),
  level: filter.optional().meta({ description: 'How far up the chain of referrals; empty for whoever is not of it.' }),
};

const spanFields = {
  from: time
    .optional()
    .meta({ description: 'From this time on; where it is left out, the last 30 local days until `to`, the last of them included.' }),
  to: time.optional().meta({ description: 'Until before this time; now where it is left out.' }),
  time_zone: timeZone.default('Asia/Shanghai').meta({ description: 'Whose days and hours the buckets are.' }),
};

/** The query of what is counted over a time without groups. */
export const spanQuery = z.strictObject({
  ...filterFields,
  ...spanFields,
  currency: z.string().refine(isCurrency, 'is no currency of ISO 4217').optional().meta({ description: 'Of this only.' }),
});

/** The query of the statistics. */
export const statisticsFields = spanQuery.extend({
  group_by: z
    .string()
    .regex(listOf(GROUPS, GROUPS_MAX), `must be one or two of ${GROUPS.join(', ')}, by comma`)
    .optional()
    .meta({ description: 'One or two, by comma; left out, everything is counted together.', example: 'promoter' }),
  bucket: z
    .enum(BUCKET_SIZES)
    .default('day')
    .meta({ description: 'How long a bucket is: `minute` over a day at most, `15m` over 7, `hour` over 92.' }),
  compare: z
    .enum(['previous', 'year'])
    .optional()
    .meta({ description: 'Puts beside each figure that of the time before, or of a year ago.' }),
  align: z.enum(['date', 'weekday']).default('date').meta({ description: 'By weekday, the other time is whole weeks away.' }),
  basis: z.enum(['order', 'booking']).default('order').meta({
    description: '`order`: commission counts when its order was attributed, and may change; `booking`: when it was booked, for ever.',
  }),
  sort: z
    .string()
    .regex(new RegExp(`^-?${wordsOf(sortKeys)}$`), 'must be a figure or commission, with - before it for the greatest first')
    .default('-commission')
    .meta({ description: 'Of groups; `-` is the greatest first. `commission` is estimated, confirmed and released together.' }),
  measures: z
    .string()
    .regex(listOf(MEASURES, MEASURES.length), `must be of ${MEASURES.join(', ')}, by comma`)
    .optional()
    .meta({ description: 'The figures wanted, by comma; all but `buyers` where it is left out.', example: 'clicks,orders' }),
  stale: z.enum(['allowed']).optional().meta({
    description: 'That an answer may be some seconds old. It never is here: there is one database, and it is asked.',
  }),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).optional().meta({
    description: 'How many groups a page has: 50, or as many as have 20,000 rows. Without groups there is one page.',
  }),
  cursor: z
    .string()
    .max(CURSOR_CHARACTERS_MAX)
    .optional()
    .meta({ description: `${pageQuery.shape.cursor.meta()!.description} The time is that of the first page.` }),
});
type SpanFields = z.output<typeof spanQuery>;
export type StatisticsFields = z.output<typeof statisticsFields>;

/**
 * The question that is asked. `now` is where a time without an end ends. Throws
 * `malformed_request`, `invalid_cursor`, `unprocessable` for a time that ends before it begins,
 * `range_too_long`, `too_many_rows`, and `forbidden` where a key names what it is not bound to.
 */
export function understandQuery(fields: StatisticsFields, { actor, now }: { actor: Actor; now: Date }): StatisticsQuery {
  const groupBy = listed<Group>('group_by', fields.group_by);
  const sort = { by: fields.sort.replace('-', '') as SortKey, descending: fields.sort.startsWith('-') };
  const place = fields.cursor === undefined ? null : readPlace(fields.cursor, { groupBy, sort: fields.sort });
  const { from, to } = place ?? understandSpan(fields, now);
  const wanted = listed<Measure>('measures', fields.measures);
  const query: StatisticsQuery = {
    groupBy,
    bucket: fields.bucket,
    from,
    to,
    timeZone: fields.time_zone,
    compare: fields.compare ?? null,
    align: fields.align,
    basis: fields.basis,
    sort,
    measures: MEASURES.filter((measure) => (wanted.length === 0 ? measure !== 'buyers' : wanted.includes(measure))),
    filters: understandFilters(fields, actor),
    bounds: boundsOf(actor),
    currency: fields.currency ?? null,
    limit: fields.limit ?? LIMIT_DEFAULT,
    after: place === null ? null : place.after,
  };
  return withinLimits(query, fields.limit !== undefined);
}

/** The time that is asked for. */
export function understandSpan(fields: Pick<SpanFields, 'from' | 'to' | 'time_zone'>, now: Date): { from: Date; to: Date } {
  // What was recorded in this very millisecond is committed, and counts.
  const to = fields.to ?? new Date(now.getTime() + 1);
  const lastDay = localMidnight(new Date(to.getTime() - 1), fields.time_zone);
  const from = fields.from ?? addLocalDays(lastDay, 1 - DAYS_DEFAULT, fields.time_zone);
  if (from >= to) throw refused('unprocessable', 'to', 'must lie after from');
  return { from, to };
}

/** What a key is held to, whatever it asks for. */
export function boundsOf({ merchantId, promoterId }: Actor): StatisticsQuery['bounds'] {
  return { ...(merchantId !== null && { merchant: merchantId }), ...(promoterId !== null && { promoter: promoterId }) };
}

/** The filters of a request; a key that is bound may name only what it is bound to. */
export function understandFilters(fields: SpanFields, actor: Actor): StatisticsQuery['filters'] {
  const filters: Partial<Record<Group, KeyFilter>> = {};
  for (const group of GROUPS) {
    const value = fields[KEY_OF[group]];
    if (value !== undefined) filters[group] = readFilter(group, value);
  }
  for (const merchantId of filters.merchant?.wanted ?? []) mayActFor(actor, merchantId);
  for (const promoterId of filters.promoter?.wanted ?? []) mayActAs(actor, promoterId ?? '');
  return filters;
}

function listed<Word extends string>(field: string, value: string | undefined): Word[] {
  const words = value === undefined ? [] : (value.split(',') as Word[]);
  if (new Set(words).size < words.length) throw refused('malformed_request', field, 'must not say one thing twice');
  return words;
}

function readFilter(group: Group, value: string): KeyFilter {
  const field = KEY_OF[group];
  const read = valuesOf(value);
  if (read === null) throw refused('malformed_request', field, 'must not end with a \\ that makes nothing plain');
  const { wanted, unwanted } = read;
  const values = [...wanted, ...unwanted];
  if (values.length > FILTER_VALUES_MAX) throw refused('malformed_request', field, `must not name more than ${FILTER_VALUES_MAX}`);
  const [form, fault] = group === 'level' ? [levelText, 'must be levels'] : [valueText, 'must not contain control characters'];
  if (values.some((one) => one !== null && !form.safeParse(one).success)) throw refused('malformed_request', field, fault);
  return read;
}

/** Null for a list whose last sign would make plain what does not follow. */
function valuesOf(list: string): KeyFilter | null {
  const wanted: (string | null)[] = [];
  const unwanted: (string | null)[] = [];
  let [value, isUnwanted, isPlain, isEmpty] = ['', false, false, true];
  // The comma after the last value ends it as any other does.
  for (const sign of `${list},`) {
    if (isPlain || (sign !== '\\' && sign !== ',' && !(sign === '-' && isEmpty))) {
      value += sign;
      [isPlain, isEmpty] = [false, false];
    } else if (sign === '\\') {
      [isPlain, isEmpty] = [true, false];
    } else if (sign === '-') {
      [isUnwanted, isEmpty] = [true, false];
    } else {
      (isUnwanted ? unwanted : wanted).push(value === '' ? null : value);
      [value, isUnwanted, isEmpty] = ['', false, true];
    }
  }
  return isEmpty && value === '' ? { wanted, unwanted } : null;
}

function withinLimits(query: StatisticsQuery, isLimitGiven: boolean): StatisticsQuery {
  const { bucket, groupBy, measures, sort } = query;
  refuseLonger(query, DAYS_MAX[bucket], `Buckets of ${bucket}`);
  if (measures.includes('buyers') || sort.by === 'buyers') refuseLonger(query, BUYERS_DAYS_MAX, 'Buyers');
  const buckets = Math.max(bucketsOf(query).length, 1);
  const limit = groupBy.length === 0 ? 1 : isLimitGiven ? query.limit : Math.min(query.limit, Math.floor(ROWS_MAX / buckets));
  if (Math.max(limit, 1) * buckets <= ROWS_MAX) return { ...query, limit: groupBy.length === 0 ? query.limit : limit };
  const rows = groupBy.length === 0 ? `${buckets} buckets` : `${Math.max(limit, 1)} groups of ${buckets} buckets each`;
  throw refused('too_many_rows', 'limit', `must be lower, or buckets longer: these are ${rows}, and a page has ${ROWS_MAX} rows at most`);
}

/** A day that a zone makes longer than 24 hours is a day all the same. */
function refuseLonger({ from, to, timeZone: zone }: StatisticsQuery, days: number | undefined, what: string): void {
  if (days === undefined) return;
  const last = Math.max(addLocalDays(from, days, zone).getTime(), from.getTime() + days * 24 * HOUR_MS);
  if (to.getTime() <= last) return;
  throw refused('range_too_long', 'from', `must lie at most ${days} days before to: ${what} are told of no longer time`);
}

function refused(
  code: 'malformed_request' | 'unprocessable' | 'too_many_rows' | 'range_too_long',
  path: string,
  message: string,
): DomainError {
  return new DomainError(code, `${path} ${message}.`, { errors: [{ path, message }] });
}

const placeShape = z.tuple([
  z.string(),
  cursorTime,
  cursorTime,
  z
    .string()
    .regex(/^-?\d{1,40}$/)
    .nullable(),
  cursorText.nullable(),
  cursorText.nullable(),
  z.string(),
  cursorNumber,
]);

/** Where the next page begins, of the same time, and as of when this one was read. */
export function writePlace({ groupBy, sort, from, to }: StatisticsQuery, { value, keys, currency }: PagePlace, watermark: bigint): string {
  const form = formOf({ groupBy, sort: `${sort.descending ? '-' : ''}${sort.by}` });
  return encodeCursor([form, from, to, value, keys[0] ?? null, keys[1] ?? null, currency, watermark]);
}

function readPlace(cursor: string, asked: { groupBy: readonly Group[]; sort: string }): { from: Date; to: Date; after: PagePlace } {
  const [form, from, to, value, first, second, currency] = decodeCursor(cursor, placeShape);
  if (form !== formOf(asked) || asked.groupBy.length === 0) throw new DomainError('invalid_cursor', 'The cursor is not one of this list.');
  const keys = [first, second].slice(0, asked.groupBy.length);
  return { from: new Date(from), to: new Date(to), after: { value: value === null ? null : BigInt(value), keys, currency } };
}

const formOf = ({ groupBy, sort }: { groupBy: readonly Group[]; sort: string }): string => `${groupBy.join(',')} ${sort}`;
