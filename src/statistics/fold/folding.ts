// The work of the fold, again and again: it looks whether anything came at all before it locks or
// writes anything.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { foldStatistics, hasFacts } from './fold.ts';
import { countHistory } from './history.ts';

/**
 * What a worker does every now and then: folds until nothing is left, and counts what is of before.
 * Where no transaction of anybody has ended since it looked last, it asks for nothing but that.
 */
export function foldingStatistics(db: Kysely<DB>, signal: AbortSignal): () => Promise<void> {
  /** Below it is nothing that is not folded. */
  let lookedBelow = 0n;

  /** False where another process folds, which may not end what it has begun. */
  async function foldBelow(oldest: bigint): Promise<boolean> {
    if (oldest === lookedBelow) return true;
    if (await hasFacts(db, { from: lookedBelow, below: oldest })) {
      for (let more = true; more && !signal.aborted;) {
        const fold = await foldStatistics(db);
        if (fold === null) return false;
        ({ more } = fold);
      }
    }
    lookedBelow = oldest;
    return true;
  }

  return async () => {
    for (let goesOn = true; goesOn && !signal.aborted;) {
      const { oldest, has_history: hasHistory } = await look(db);
      // It may have been told to count everything again.
      if (hasHistory) lookedBelow = 0n;
      goesOn = (await foldBelow(oldest)) && hasHistory && (await countHistory(db)) === 'counted';
    }
  };
}

async function look(db: Kysely<DB>): Promise<{ oldest: bigint; has_history: boolean }> {
  const { rows } = await sql<{ oldest: bigint; has_history: boolean }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset as oldest, history_done_at is null as has_history
    from ledger_fold, statistics_fold`.execute(db);
  return rows[0]!;
}
