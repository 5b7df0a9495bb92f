// What is read equals a recount of all facts, whatever is asked, and however far the facts are
// folded.

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { DAY_MS } from '../../../src/platform/durations.ts';
import { bucketsOf, comparedSpan } from '../../../src/statistics/reading/buckets.ts';
import { BUCKET_SIZES, GROUPS, MEASURES, type Group, type KeyFilter, type StatisticsQuery } from '../../../src/statistics/reading/query.ts';
import { readStatistics } from '../../../src/statistics/reading/statistics.ts';
import { runs } from '../../runs.ts';
import { DAYS, foldAll, haveSecondThoughts, openMarket, reorganise, trade, type Market } from './market.ts';
import { readFacts, recount } from './recount.ts';

let market: Market;
const ORDERS = 24;

beforeAll(async () => {
  market = await openMarket();
  await trade(market, 'first', ORDERS);
  await reorganise(market);
  await foldAll(market);
  await haveSecondThoughts(market, 'first', ORDERS);
  await trade(market, 'second', ORDERS);
}, 120_000);
afterAll(() => market?.close());

/** Values of each key as they come in the market, and one that does not. */
const VALUES: Record<Group, (string | null)[]> = {
  merchant: ['m1', 'm2', 'm3'],
  promoter: ['alice', 'bob', 'carol', 'agency', null],
  product: ['p1', 'p2', 'q1', null],
  category: ['baby', 'toys', 'infant', null],
  scene: ['group', 'live', 'moments', null],
  campaign: ['spring', null],
  link: ['bobs', 'carols', 'alices', 'abroad', null],
  source: ['rest', null],
  agency: ['agency', null],
  level: ['1', '2', null],
};
const SPANS_MAX: Partial<Record<StatisticsQuery['bucket'], number>> = { minute: 1, '15m': 7 };

const filterOf = (group: Group): fc.Arbitrary<KeyFilter> =>
  fc.record({
    wanted: fc.uniqueArray(fc.constantFrom(...VALUES[group]), { maxLength: 2 }),
    unwanted: fc.uniqueArray(fc.constantFrom(...VALUES[group]), { maxLength: 1 }),
  });

const filters = fc
  .uniqueArray(fc.constantFrom(...GROUPS), { maxLength: 2 })
  .chain((groups) =>
    fc.record(Object.fromEntries(groups.map((group) => [group, filterOf(group)])) as Partial<Record<Group, fc.Arbitrary<KeyFilter>>>),
  );

/** Now is the same for all questions of a run: what is asked twice is asked of the same time. */
const NOW = Date.now();

const times = fc
  .tuple(fc.integer({ min: 0, max: DAYS * 96 }), fc.integer({ min: 1, max: DAYS * 96 }), fc.nat(900_000), fc.nat(2))
  .map(([begin, quarters, beside, isBeside]) => {
    const from = Math.floor((NOW - DAYS * DAY_MS) / 900_000) * 900_000 + begin * 900_000 + (isBeside > 0 ? beside : 0);
    return { from, to: from + quarters * 900_000 + (isBeside > 1 ? beside : 0) };
  });

const questions: fc.Arbitrary<StatisticsQuery> = fc
  .record({
    groupBy: fc.uniqueArray(fc.constantFrom(...GROUPS), { maxLength: 2 }),
    bucket: fc.constantFrom(...BUCKET_SIZES),
    times,
    timeZone: fc.constantFrom('Asia/Shanghai', 'Asia/Kathmandu', 'America/New_York', 'UTC'),
    basis: fc.constantFrom('order' as const, 'booking' as const),
    by: fc.constantFrom(...MEASURES, 'commission' as const),
    descending: fc.boolean(),
    filters,
    bounds: fc.constantFrom({}, {}, { merchant: 'm1' }, { promoter: 'bob' }, { promoter: 'alice' }),
    currency: fc.constantFrom(null, null, 'CNY'),
  })
  .map(({ times: { from, to }, by, descending, ...drawn }) => ({
    ...drawn,
    from: new Date(from),
    to: new Date(Math.min(to, from + (SPANS_MAX[drawn.bucket] ?? DAYS) * DAY_MS)),
    sort: { by, descending },
    measures: MEASURES,
    compare: null,
    align: 'date',
    limit: 200,
    after: null,
  }));

async function expectRecounted(query: StatisticsQuery): Promise<void> {
  const facts = await readFacts(market.db);
  const expected = recount(facts, query);
  const { rows, totals } = await readStatistics(market.db, query);
  const nothing = recount([], query);
  expect(nothing.rows.size).toBe(0);
  const read = new Map(rows.map((row) => [JSON.stringify([row.keys, row.currency, row.bucket?.toISOString() ?? null]), row.figures]));
  const zeros = new Map([...read].filter(([name]) => !expected.rows.has(name)));
  for (const [, figures] of zeros) expect(Object.values(figures).filter((figure) => figure !== 0n && figure !== null)).toEqual([]);
  for (const [name, figures] of expected.rows) {
    // A group of nothing but what a promoter has reversed and the like may have no figure at all.
    if (read.has(name)) expect([name, read.get(name)]).toEqual([name, figures]);
    else expect([name, Object.values(figures).filter((figure) => figure !== 0n && figure !== null)]).toEqual([name, []]);
  }
  const told = new Map(totals.map(({ currency, figures }) => [currency, figures]));
  for (const [currency, figures] of expected.totals) {
    const isThere = Object.values(figures).some((figure) => figure !== 0n && figure !== null);
    if (isThere || told.has(currency)) expect([currency, told.get(currency)]).toEqual([currency, figures]);
  }
  expectGroupsWhole(query, rows);
}

/** Each group has all buckets of the time in their order, and comes once. */
function expectGroupsWhole(query: StatisticsQuery, rows: Awaited<ReturnType<typeof readStatistics>>['rows']): void {
  const starts = query.bucket === 'none' ? [null] : bucketsOf(query);
  const groups = new Map<string, (Date | null)[]>();
  for (const { keys, currency, bucket } of rows) {
    const name = JSON.stringify([keys, currency]);
    groups.set(name, [...(groups.get(name) ?? []), bucket]);
  }
  for (const buckets of groups.values()) expect(buckets).toEqual(starts);
  expect(groups.size * starts.length).toBe(rows.length);
}

test('half of it folded and half not, orders changed since, it equals a recount', async () => {
  await fc.assert(fc.asyncProperty(questions, expectRecounted), { numRuns: runs(60) });
}, 120_000);

test('what is compared is what that time is answered by itself, bucket by bucket at the same place', async () => {
  const others = fc.tuple(
    questions,
    fc.constantFrom('previous' as const, 'year' as const),
    fc.constantFrom('date' as const, 'weekday' as const),
  );
  const property = fc.asyncProperty(others, async ([query, compare, align]) => {
    const asked = { ...query, compare, align };
    const { rows, totals } = await readStatistics(market.db, asked);
    const span = comparedSpan(asked);
    const alone = { ...query, ...span };
    const facts = await readFacts(market.db);
    const expected = recount(facts, alone);
    const [here, there] = [query, alone].map((one) => bucketsOf(one));
    for (const { keys, currency, bucket, compared } of rows) {
      const place = bucket === null ? null : here!.findIndex((start) => start.getTime() === bucket.getTime());
      const begin = place === null ? null : (there![place] ?? null);
      if (place !== null && begin === null) {
        expect(compared).toBeNull();
        continue;
      }
      expect(compared!.bucket).toEqual(begin);
      const name = JSON.stringify([keys, currency, begin?.toISOString() ?? null]);
      const figures = expected.rows.get(name) ?? {};
      for (const [measure, figure] of Object.entries(compared!.figures)) {
        expect([name, measure, figure ?? 0n]).toEqual([name, measure, (figures as Record<string, bigint | null>)[measure] ?? 0n]);
      }
    }
    for (const { currency, compared } of totals) {
      const figures = (expected.totals.get(currency) ?? {}) as Record<string, bigint | null>;
      for (const [measure, figure] of Object.entries(compared!.figures)) {
        expect([measure, figure ?? 0n]).toEqual([measure, figures[measure] ?? 0n]);
      }
    }
  });
  await fc.assert(property, { numRuns: runs(15) });
}, 120_000);

test('pages of any size are the same groups in the same order, as they are sorted', async () => {
  const property = fc.asyncProperty(questions, fc.integer({ min: 1, max: 4 }), async (drawn, limit) => {
    const query = drawn.groupBy.length === 0 ? { ...drawn, groupBy: ['promoter' as const] } : drawn;
    const whole = await readStatistics(market.db, { ...query, bucket: 'none' });
    const paged: (typeof whole.rows)[number][] = [];
    for (let page = { ...query, bucket: 'none' as const, limit }; ;) {
      const { rows, totals, next } = await readStatistics(market.db, page);
      expect(rows.length).toBeLessThanOrEqual(limit);
      expect(totals).toEqual(whole.totals);
      paged.push(...rows);
      if (next === null) break;
      page = { ...page, after: next };
    }
    expect(paged).toEqual(whole.rows);
    const values = whole.rows.map(({ figures: f }) =>
      query.sort.by === 'commission'
        ? f.commission_estimated! + (f.commission_confirmed ?? 0n) + f.commission_released!
        : f[query.sort.by]!,
    );
    const there = values.filter((value) => value !== null);
    expect(values.slice(there.length).every((value) => value === null)).toBe(true);
    expect(there).toEqual(there.toSorted((a, b) => Number(query.sort.descending ? b - a : a - b)));
  });
  await fc.assert(property, { numRuns: runs(15) });
}, 120_000);

test('when all is folded, everything is answered as it was before', async () => {
  const asked = fc.sample(questions, { numRuns: runs(25), seed: 11 });
  const before = [];
  for (const query of asked) before.push(await readStatistics(market.db, query));
  await foldAll(market);
  for (const [place, query] of asked.entries()) {
    const { watermark: _then, ...then } = before[place]!;
    const { watermark: _now, ...now } = await readStatistics(market.db, query);
    expect(now).toEqual(then);
  }
  await fc.assert(fc.asyncProperty(questions, expectRecounted), { numRuns: runs(15) });
}, 120_000);
