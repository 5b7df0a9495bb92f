// How a question is read: from which sums, in which whole pieces of time, and which of its edges
// have to be counted one by one.

import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';
import type { Group, KeyFilter, StatisticsQuery } from './query.ts';

const QUARTER_MINUTES = 15;
const DAY_MINUTES = 1440;
const QUARTER_MS = QUARTER_MINUTES * MINUTE_MS;
/** Each piece is a scan of its own: beyond this, more and smaller sums are read in one. */
const PIECES_MAX = 12;

/** Sums of this grain whose time lies from `from` until before `until`, as UTC milliseconds. */
export interface Piece {
  grain: typeof QUARTER_MINUTES | typeof DAY_MINUTES;
  from: number;
  until: number;
}

export interface Edge {
  from: number;
  until: number;
}

export interface Plan {
  /**
   * Whose sums: those of merchants or of promoters hold every figure; of anything else the clicks
   * are summed by link, and orders are counted one by one.
   */
  sums: 'merchant' | 'promoter' | 'link';
  pieces: Piece[];
  /** What lies between them. */
  edges: Edge[];
}

/** What a plan is made of: the groups, all filters, and where the buckets begin. */
export interface Planned {
  groupBy: readonly Group[];
  filters: Readonly<Partial<Record<Group, KeyFilter>>>;
  from: Date;
  to: Date;
  starts: readonly Date[];
}

export function planOf({ groupBy, filters, from, to, starts }: Planned): Plan {
  const cuts = starts.map((start) => start.getTime()).filter((start) => start > from.getTime());
  return { sums: sumsFor(groupBy, filters), ...cutAt([from.getTime(), ...cuts, to.getTime()]) };
}

/** An order of several promoters counts once in what is not said of one promoter alone. */
function sumsFor(groupBy: readonly Group[], filters: Planned['filters']): Plan['sums'] {
  const keys = new Set<Group>([...groupBy, ...(Object.keys(filters) as Group[])]);
  keys.delete('merchant');
  if (keys.size === 0) return 'merchant';
  keys.delete('promoter');
  if (keys.size > 0) return 'link';
  return groupBy.includes('promoter') || isOne(filters.promoter) ? 'promoter' : 'link';
}

function isOne(filter: KeyFilter | undefined): boolean {
  return filter !== undefined && filter.wanted.length === 1;
}

/**
 * Pieces of whole grains between the cuts, and the quarters of an hour that hold one, as far as
 * they lie inside.
 */
function cutAt(cuts: readonly number[]): Pick<Plan, 'pieces' | 'edges'> {
  const [begin, end] = [cuts[0]!, cuts.at(-1)!];
  const edges: Edge[] = [];
  const stretches: Edge[] = [];
  let reached = begin;
  for (const cut of cuts) {
    if (cut % QUARTER_MS === 0) continue;
    const from = Math.max(floorTo(cut, QUARTER_MS), reached);
    const until = Math.min(floorTo(cut, QUARTER_MS) + QUARTER_MS, end);
    if (until <= reached) continue;
    if (from > reached) stretches.push({ from: reached, until: from });
    const last = edges.at(-1);
    if (last?.until === from) last.until = until;
    else edges.push({ from, until });
    reached = until;
  }
  if (reached < end) stretches.push({ from: reached, until: end });
  const byDay = stretches.flatMap((stretch) => piecesOf(stretch, cuts));
  if (byDay.length <= PIECES_MAX) return { pieces: byDay, edges };
  return { pieces: stretches.map((stretch) => ({ grain: QUARTER_MINUTES, ...stretch })), edges };
}

/** Days of UTC that no cut divides, and the quarters between them. */
function piecesOf(stretch: Edge, cuts: readonly number[]): Piece[] {
  const pieces: Piece[] = [];
  const add = (grain: Piece['grain'], from: number, until: number): void => {
    if (from < until) pieces.push({ grain, from, until });
  };
  let [reached, divided] = [stretch.from, stretch.from];
  const inside = cuts.filter((cut) => cut > stretch.from && cut < stretch.until && cut % DAY_MS !== 0);
  for (const until of [...inside, stretch.until]) {
    const [first, last] = [floorTo(divided + DAY_MS - 1, DAY_MS), floorTo(until, DAY_MS)];
    if (first < last) {
      add(QUARTER_MINUTES, reached, first);
      add(DAY_MINUTES, first, last);
      reached = last;
    }
    divided = until;
  }
  add(QUARTER_MINUTES, reached, stretch.until);
  return pieces;
}

const floorTo = (at: number, length: number): number => Math.floor(at / length) * length;

/** The filters of a query, with what its caller is held to. */
export function boundFilters({ filters, bounds }: Pick<StatisticsQuery, 'filters' | 'bounds'>): StatisticsQuery['filters'] {
  const bound = { ...filters };
  for (const [group, id] of Object.entries(bounds) as ['merchant' | 'promoter', string][]) {
    const { wanted, unwanted } = filters[group] ?? { wanted: [], unwanted: [] };
    const isNamed = wanted.length === 0 || wanted.includes(id);
    // Whoever asks for others alone is told of nothing.
    bound[group] = { wanted: [id], unwanted: isNamed ? unwanted : [...unwanted, id] };
  }
  return bound;
}
