// The answer to a question: the groups of a page, their buckets, the totals, and the same of
// another time, all of one snapshot.

import type { Kysely, Transaction } from 'kysely';

import { groupedBy } from '../../platform/grouped-by.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { TimeSpan } from '../counting/link-facts.ts';
import { bucketsOf, comparedSpan } from './buckets.ts';
import { readCells, readGroups, type Cell, type CellPage, type CellQuestion } from './cell-store.ts';
import { figuresOf, NO_COUNTS, sumOfCounts, type Counts } from './figures.ts';
import { boundFilters, planOf } from './plan.ts';
import type {
  ComparedFigures,
  Group,
  KeyFilter,
  PagePlace,
  StatisticsAnswer,
  StatisticsQuery,
  StatisticsRow,
  StatisticsTotal,
} from './query.ts';
import { inSnapshot, readSnapshot, type Snapshot } from './snapshot-store.ts';

/**
 * Reads statistics, exact as of a moment after the call. Throws `unavailable` while what came
 * before statistics were kept is being counted.
 */
export async function readStatistics(db: Kysely<DB>, query: StatisticsQuery): Promise<StatisticsAnswer> {
  return inSnapshot(db, async (trx) => {
    const asked = { trx, snapshot: await readSnapshot(trx, boundFilters(query)), query };
    const page = query.groupBy.length === 0 ? null : await readPage(asked);
    const here = await readSpan(asked, query, page);
    const groups = page?.groups ?? currenciesOf(query, here);
    const there = query.compare === null ? null : await readSpan(asked, comparedSpan({ ...query, compare: query.compare }), page);
    return {
      query,
      watermark: asked.snapshot.watermark,
      rows: rowsOf(query, groups, here, there),
      totals: totalsOf(query, here, there),
      next: page?.next ?? null,
    };
  });
}

interface Asked {
  trx: Transaction<DB>;
  snapshot: Snapshot;
  query: StatisticsQuery;
}

type GroupName = Pick<Cell, 'keys' | 'currency'>;

interface GroupsPage {
  groups: Cell[];
  next: PagePlace | null;
}

/** What was counted in a time: of each group by buckets, and of all by currency. */
interface CountedSpan {
  starts: Date[];
  cells: ReadonlyMap<string, Counts>;
  totals: ReadonlyMap<string, Counts>;
}

async function readPage({ trx, snapshot, query }: Asked): Promise<GroupsPage> {
  const { sort, after, limit } = query;
  const found = await readGroups(trx, snapshot, questionOf(query, query, { groupBy: query.groupBy, starts: [] }), {
    ...sort,
    after,
    limit,
    measures: countedIn(query),
  });
  const last = found.length > limit ? found[limit - 1]! : null;
  return {
    groups: found.slice(0, limit),
    next: last === null ? null : { value: last.value, keys: last.keys, currency: last.currency },
  };
}

/** Of the figures that are asked for, those that are counted: quotients are of them. */
function countedIn({ measures, basis }: StatisticsQuery): CellPage['measures'] {
  const counted = measures.flatMap((measure): CellPage['measures'] => {
    if (measure === 'conversion_ppm') return ['clicks', 'orders'];
    if (measure === 'earnings_per_click') return ['clicks', 'commission_estimated', 'commission_confirmed', 'commission_released'];
    return measure === 'commission_confirmed' && basis === 'booking' ? [] : [measure];
  });
  // Every figure of a row may be one that nothing is counted for.
  return counted.length === 0 ? ['commission_confirmed'] : [...new Set(counted)];
}

async function readSpan({ trx, snapshot, query }: Asked, span: TimeSpan, page: GroupsPage | null): Promise<CountedSpan> {
  const starts = bucketsOf({ ...query, ...span });
  const isCounted = page !== null && (page.groups.length === 0 || (starts.length === 0 && span === query));
  const question = pageQuestion(query, span, starts, page);
  const cells = isCounted ? page.groups : await readCells(trx, snapshot, question, page?.groups ?? null);
  // Buckets have no order in common, but they may have buyers.
  const addUp = page === null && (starts.length === 0 || !question.wantsBuyers);
  const totals = addUp ? cells : await readCells(trx, snapshot, questionOf(query, span, { groupBy: [], starts: [] }), null);
  const byCurrency = groupedBy(totals, ({ currency }) => currency);
  return {
    starts,
    cells: new Map(cells.map((cell) => [placeOf(cell, cell.bucket), cell.counts])),
    totals: new Map([...byCurrency].map(([currency, each]) => [currency, sumOfCounts(each.map(({ counts }) => counts))])),
  };
}

const placeOf = ({ keys, currency }: GroupName, bucket: number): string => JSON.stringify([...keys, currency, bucket]);

function questionOf(query: StatisticsQuery, span: TimeSpan, cells: Pick<CellQuestion, 'groupBy' | 'starts'>): CellQuestion {
  const { currency, basis, measures, sort } = query;
  const filters = boundFilters(query);
  const { from, to } = span;
  const wantsBuyers = measures.includes('buyers') || (sort.by === 'buyers' && cells.groupBy.length > 0);
  return { ...cells, from, to, filters, currency, basis, wantsBuyers, plan: planOf({ ...cells, from, to, filters }) };
}

/** Held to the groups of a page, so that nothing else is read. */
function pageQuestion(query: StatisticsQuery, span: TimeSpan, starts: Date[], page: GroupsPage | null): CellQuestion {
  const question = questionOf(query, span, { groupBy: query.groupBy, starts });
  const filters: Partial<Record<Group, KeyFilter>> = { ...question.filters };
  for (const [place, group] of query.groupBy.entries()) {
    const wanted = new Set((page?.groups ?? []).map(({ keys }) => keys[place]!));
    filters[group] = { wanted: [...wanted], unwanted: [] };
  }
  return { ...question, filters };
}

/** Without groups there is a row for each currency, and for one that is asked for in any case. */
function currenciesOf(query: StatisticsQuery, { totals }: CountedSpan): GroupName[] {
  if (query.currency !== null) return [{ keys: [], currency: query.currency }];
  return named(query, totals).map((currency) => ({ keys: [], currency }));
}

/** Currencies in which there is any of the figures that are asked for. */
function named(query: StatisticsQuery, totals: CountedSpan['totals']): string[] {
  const measures = countedIn(query);
  const there = [...totals].filter(([, counts]) => measures.some((measure) => counts[measure] !== 0n));
  return there.map(([currency]) => currency).toSorted();
}

function rowsOf(query: StatisticsQuery, groups: readonly GroupName[], here: CountedSpan, there: CountedSpan | null): StatisticsRow[] {
  const buckets = here.starts.length === 0 ? [null] : here.starts;
  return groups.flatMap((group) =>
    buckets.map((bucket, place) => ({
      bucket,
      keys: group.keys,
      currency: group.currency,
      figures: figuresOf(here.cells.get(placeOf(group, place)) ?? NO_COUNTS, query),
      compared: there === null ? null : comparedRow(query, group, place, there),
    })),
  );
}

/** The bucket at the same place of the other time; null where that has not as many. */
function comparedRow(query: StatisticsQuery, group: GroupName, place: number, there: CountedSpan): ComparedFigures | null {
  const bucket = there.starts[place] ?? null;
  if (bucket === null && query.bucket !== 'none') return null;
  return { bucket, figures: figuresOf(there.cells.get(placeOf(group, place)) ?? NO_COUNTS, query) };
}

function totalsOf(query: StatisticsQuery, here: CountedSpan, there: CountedSpan | null): StatisticsTotal[] {
  const currencies = query.currency === null ? named(query, here.totals) : [query.currency];
  return currencies.map((currency) => ({
    currency,
    figures: figuresOf(here.totals.get(currency) ?? NO_COUNTS, query),
    compared: there === null ? null : { bucket: null, figures: figuresOf(there.totals.get(currency) ?? NO_COUNTS, query) },
  }));
}
