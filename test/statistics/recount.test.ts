// Every figure of the statistics equals a recount from the facts, whatever was told, and however
// much of it is folded.

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { foldStatistics } from '../../src/statistics/fold/fold.ts';
import { runs } from '../runs.ts';
import { openDesk, type Desk } from './histories/desk.ts';
import { readFacts, type Facts } from './histories/facts.ts';
import { histories } from './histories/history.ts';
import { openMarket, promoterIn, type Market } from './histories/market.ts';
import { openDoors, playAll } from './histories/playing.ts';
import { askedOf, questions, type Asked, type Parties, type Question } from './histories/questions.ts';
import { COMMISSION, GROUPS, recount, type Cell, type Measure } from './histories/recount.ts';
import { foldAll } from './recount.ts';

const QUESTIONS = 8;

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk.close());

/** Folds whatever other transactions of the server let it. */
async function fold(): Promise<void> {
  while ((await foldStatistics(desk.db))?.more === true);
}

/** All pages of an answer. */
async function answered({ search, query, by }: Asked, keys: Market['keys']): Promise<{ rows: Cell[]; totals: Cell[] }> {
  const rows: Cell[] = [];
  for (let cursor: string | null = null; ;) {
    const asked = new URLSearchParams({ ...search, ...(cursor !== null && { cursor }) });
    const {
      query: understood,
      data,
      totals,
      next_cursor: next,
    } = await desk.ask('GET', `/v1/statistics?${asked.toString()}`, undefined, by === 'admin' ? undefined : keys[by]);
    expect([Date.parse(understood.from), Date.parse(understood.to)]).toEqual([query.from, query.to]);
    rows.push(...data);
    if (next === null) return { rows, totals };
    cursor = next;
  }
}

const partiesIn = (market: Market): Parties => ({
  merchantIds: market.shops.map(({ merchantId }) => merchantId),
  promoterId: promoterIn(market, 2),
});

const byText = (cells: readonly Cell[]): string[] =>
  cells.map((cell) => JSON.stringify(Object.entries(cell).toSorted(([a], [b]) => (a < b ? -1 : 1)))).toSorted();

async function expectRecount(question: Question, facts: Facts, market: Market, when: string): Promise<void> {
  const asked = askedOf(question, facts, partiesIn(market));
  const expected = recount(facts, asked.query);
  const answer = await answered(asked, market.keys);
  const context = `${when}, ${asked.by}: ${new URLSearchParams(asked.search).toString()}`;
  expect([context, byText(answer.rows)]).toEqual([context, byText(expected.rows)]);
  expect([context, byText(answer.totals)]).toEqual([context, byText(expected.totals)]);
  expectOrder(answer.rows, asked, context);
}

/** Groups stand by what they were sorted by, over the whole time, where that is asked for. */
function expectOrder(rows: readonly Cell[], { query: { groupBy, measures }, sort, descends }: Asked, context: string): void {
  const sorted: readonly Measure[] = sort === 'commission' ? COMMISSION : [sort];
  if (groupBy.length === 0 || !sorted.every((measure) => measures.includes(measure))) return;
  const sums = new Map<string, number>();
  for (const row of rows) {
    const group = JSON.stringify([...groupBy.map((one) => row[GROUPS[one]]), row['currency']]);
    sums.set(
      group,
      sorted.reduce((sum, measure) => sum + Number(row[measure]), sums.get(group) ?? 0),
    );
  }
  const values = [...sums.values()];
  expect([context, values]).toEqual([context, values.toSorted((a, b) => (descends ? b - a : a - b))]);
}

test('every figure equals a recount: before the fold, half folded, and all folded', { timeout: runs(120_000) }, async () => {
  const asked = fc.array(questions, { minLength: QUESTIONS, maxLength: QUESTIONS });
  const property = fc.asyncProperty(histories, asked, async ({ model, first, later }, all) => {
    const market = await openMarket(desk, model);
    await openDoors(market);
    const expectAll = async (when: string): Promise<void> => {
      const facts = await readFacts(desk.db, partiesIn(market).merchantIds);
      for (const question of all) await expectRecount(question, facts, market, when);
    };
    await playAll(market, first, fold);
    await expectAll('nothing folded by itself');
    await foldAll(desk.db);
    await expectAll('all folded');
    await playAll(market, later, fold);
    await expectAll('half folded');
    await foldAll(desk.db);
    await expectAll('all folded again');
  });
  await fc.assert(property, { numRuns: runs(2) });
});
