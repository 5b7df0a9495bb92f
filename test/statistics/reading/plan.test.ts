// From which sums and edges a question is read.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { DAY_MS, MINUTE_MS } from '../../../src/platform/durations.ts';
import { bucketsOf } from '../../../src/statistics/reading/buckets.ts';
import { boundFilters, planOf, type Planned } from '../../../src/statistics/reading/plan.ts';
import { BUCKET_SIZES } from '../../../src/statistics/reading/query.ts';
import { runs } from '../../runs.ts';

const QUARTER_MS = 15 * MINUTE_MS;
const one = { wanted: ['a'], unwanted: [] };
const two = { wanted: ['a', 'b'], unwanted: [] };
const without = { wanted: [], unwanted: ['a'] };

const ofADay = (planned: Partial<Planned>) =>
  planOf({
    groupBy: [],
    filters: {},
    from: new Date('2026-06-01T00:00:00Z'),
    to: new Date('2026-06-02T00:00:00Z'),
    starts: [],
    ...planned,
  });

test('sums of merchants and promoters are read for what is asked of nothing else', () => {
  expect(ofADay({}).sums).toBe('merchant');
  expect(ofADay({ groupBy: ['merchant'], filters: { merchant: two } }).sums).toBe('merchant');
  expect(ofADay({ groupBy: ['promoter', 'merchant'], filters: { promoter: without } }).sums).toBe('promoter');
  expect(ofADay({ groupBy: ['merchant'], filters: { promoter: one } }).sums).toBe('promoter');
  expect(ofADay({ groupBy: ['promoter', 'product'] }).sums).toBe('link');
  expect(ofADay({ groupBy: ['merchant'], filters: { level: one } }).sums).toBe('link');
});

test('an order of several promoters would count twice in the sum of theirs', () => {
  expect(ofADay({ filters: { promoter: two } }).sums).toBe('link');
  expect(ofADay({ groupBy: ['merchant'], filters: { promoter: without } }).sums).toBe('link');
});

test('pieces and edges are the whole time, once, and no bucket begins inside a grain', () => {
  const moment = fc.integer({ min: Date.UTC(2026, 1) / 1000, max: Date.UTC(2026, 5) / 1000 });
  const zone = fc.constantFrom('UTC', 'Asia/Shanghai', 'Asia/Kathmandu', 'America/New_York', 'America/St_Johns');
  const property = fc.property(
    moment,
    fc.integer({ min: 1, max: 40 * 86_400 }),
    zone,
    fc.constantFrom(...BUCKET_SIZES),
    fc.boolean(),
    (...drawn) => {
      const [second, length, timeZone, bucket, isAligned] = drawn;
      const from = new Date(isAligned ? Math.floor(second / 900) * 900_000 : second * 1000);
      const to = new Date(from.getTime() + (bucket === 'minute' ? Math.min(length, 86_400) : length) * 1000);
      const starts = bucketsOf({ bucket, from, to, timeZone });
      const { pieces, edges } = planOf({ groupBy: [], filters: {}, from, to, starts });
      const parts = [...pieces, ...edges].toSorted((a, b) => a.from - b.from);
      expect(parts[0]!.from).toBe(from.getTime());
      expect(parts.at(-1)!.until).toBe(to.getTime());
      for (const [place, part] of parts.entries()) expect(parts[place + 1]?.from ?? to.getTime()).toBe(part.until);
      for (const { grain, from: begin, until } of pieces) {
        const length = grain * MINUTE_MS;
        expect([begin % length, until % length]).toEqual([0, 0]);
        const inside = starts.filter((start) => start.getTime() > begin && start.getTime() < until);
        expect(inside.filter((start) => start.getTime() % length !== 0)).toEqual([]);
      }
      for (const edge of edges) expect(edge.until - edge.from).toBeGreaterThan(0);
    },
  );
  fc.assert(property, { numRuns: runs(200) });
});

test('days of UTC are read as days, and quarters only where a bucket begins or the time ends', () => {
  expect(ofADay({ from: new Date('2026-05-31T16:00:00Z'), to: new Date('2026-06-30T16:00:00Z') }).pieces).toEqual([
    { grain: 15, from: Date.parse('2026-05-31T16:00:00Z'), until: Date.parse('2026-06-01') },
    { grain: 1440, from: Date.parse('2026-06-01'), until: Date.parse('2026-06-30') },
    { grain: 15, from: Date.parse('2026-06-30'), until: Date.parse('2026-06-30T16:00:00Z') },
  ]);
  const weeks = ['2026-05-31T16:00:00Z', '2026-06-07T16:00:00Z'].map((text) => new Date(text));
  expect(ofADay({ from: weeks[0]!, to: new Date('2026-06-14T16:00:00Z'), starts: weeks }).pieces.map(({ grain }) => grain)).toEqual([
    15, 1440, 15, 1440, 15,
  ]);
});

test('so many pieces are read in one, by quarters', () => {
  const from = new Date('2026-05-31T16:00:00Z');
  const starts = Array.from({ length: 20 }, (_, week) => new Date(from.getTime() + week * 7 * DAY_MS));
  const to = new Date(from.getTime() + 20 * 7 * DAY_MS);
  expect(ofADay({ from, to, starts }).pieces).toEqual([{ grain: 15, from: from.getTime(), until: to.getTime() }]);
});

test('minutes are counted one by one', () => {
  const [from, to] = [new Date('2026-06-01T00:00:30Z'), new Date('2026-06-01T02:00:00Z')];
  const { pieces, edges } = ofADay({ from, to, starts: bucketsOf({ bucket: 'minute', from, to, timeZone: 'UTC' }) });
  expect({ pieces, edges }).toEqual({ pieces: [], edges: [{ from: from.getTime(), until: to.getTime() }] });
  expect(edges[0]!.until % QUARTER_MS).toBe(0);
});

test('whoever is bound is held to it, whatever it asks for', () => {
  expect(boundFilters({ filters: { merchant: without, link: one }, bounds: { merchant: 'm1' } })).toEqual({
    merchant: { wanted: ['m1'], unwanted: ['a'] },
    link: one,
  });
  expect(boundFilters({ filters: { merchant: two }, bounds: { merchant: 'm1' } })).toEqual({
    merchant: { wanted: ['m1'], unwanted: ['m1'] },
  });
});
