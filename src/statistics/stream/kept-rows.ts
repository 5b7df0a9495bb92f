// The rows of a query as its readers know them: which of them a new answer has changed, and since
// when.

import type { Figures, StatisticsAnswer, StatisticsQuery, StatisticsRow } from '../reading/query.ts';

/** A row, the revision that brought it as it is, and the last answer that it stood in. */
interface KeptRow {
  row: StatisticsRow;
  revision: number;
  seenIn: number;
}

/** What one evaluation has left: every fact below the watermark is in it. */
interface Evaluation {
  revision: number;
  watermark: bigint;
  /** No fact above the watermark is in it. */
  isExact: boolean;
  at: number;
}

export interface KeptRows {
  /** Of the last evaluation, 0 before the first. */
  revision(): number;
  size(): number;
  /** Takes an answer, and tells whether anything is otherwise than it was. */
  take(answer: StatisticsAnswer, evaluation: Pick<Evaluation, 'isExact' | 'at'>): boolean;
  /** The rows that came or changed after a revision. */
  since(revision: number): StatisticsRow[];
  /**
   * The last revision in which there is nothing that a reader has not seen who has seen all below
   * this watermark; null where none of the last hour is known to be so.
   */
  revisionSeenAt(watermark: bigint, now: number): number | null;
}

/** For so long a reader that comes back is told only what has changed. */
const REMEMBERED_MS = 60 * 60 * 1000;

/** Keeps nothing yet. */
export function keptRows(): KeptRows {
  const rows = new Map<string, KeptRow>();
  let evaluations: Evaluation[] = [];
  let revision = 0;

  /** Keeps a row, and tells whether it is otherwise than it was. */
  function keep(key: string, row: StatisticsRow): boolean {
    const kept = rows.get(key);
    if (kept === undefined) rows.set(key, { row, revision, seenIn: revision });
    else {
      kept.seenIn = revision;
      if (isSame(kept.row.figures, row.figures)) return false;
      Object.assign(kept, { row, revision });
    }
    return true;
  }

  return {
    revision: () => revision,
    size: () => rows.size,
    take(answer, { isExact, at }) {
      revision += 1;
      evaluations = evaluations.filter((one) => at - one.at < REMEMBERED_MS);
      evaluations.push({ revision, watermark: answer.watermark, isExact, at });
      let isChanged = false;
      for (const row of answer.rows) if (keep(keyOf(row), row)) isChanged = true;
      // An answer leaves out a group that has nothing any more; who has seen it must be told so.
      for (const [key, { row, seenIn }] of rows) if (seenIn < revision && keep(key, emptied(row, answer.query))) isChanged = true;
      return isChanged;
    },
    since: (earlier) => [...rows.values()].flatMap((kept) => (kept.revision > earlier ? [kept.row] : [])),
    revisionSeenAt(watermark, now) {
      const seen = evaluations.findLast(
        (one) => now - one.at < REMEMBERED_MS && (one.watermark < watermark || (one.watermark === watermark && one.isExact)),
      );
      return seen?.revision ?? null;
    },
  };
}

function keyOf({ bucket, keys, currency }: StatisticsRow): string {
  // No id holds a control character.
  let key = `${bucket === null ? '' : bucket.getTime()} ${currency}`;
  for (const value of keys) key += value === null ? '\0' : `\u0001${value}`;
  return key;
}

function isSame(some: Figures, others: Figures): boolean {
  for (const measure in some) if (some[measure as keyof Figures] !== others[measure as keyof Figures]) return false;
  return true;
}

/** The row with every figure that counts at 0, and none of those that need clicks. */
function emptied({ bucket, keys, currency, figures }: StatisticsRow, { basis }: StatisticsQuery): StatisticsRow {
  const empty = Object.keys(figures).map((measure): [string, bigint | null] => {
    const isQuotient = measure === 'conversion_ppm' || measure === 'earnings_per_click';
    return [measure, isQuotient || (basis === 'booking' && measure === 'commission_confirmed') ? null : 0n];
  });
  return { bucket, keys, currency, figures: Object.fromEntries(empty), compared: null };
}
