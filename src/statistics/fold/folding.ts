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
  let isHistoryDone = false;

  async function foldAll(): Promise<void> {
    const { rows } = await sql<{ oldest: bigint }>`
      select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset as oldest from ledger_fold`.execute(db);
    const { oldest } = rows[0]!;
    if (oldest === lookedBelow) return;
    if (await hasFacts(db, { from: lookedBelow, below: oldest })) {
      for (let more = true; more && !signal.aborted;) {
        const fold = await foldStatistics(db);
        // What another process has begun it may not end: so it is looked for again.
        if (fold === null) return;
        ({ more } = fold);
      }
    }
    lookedBelow = oldest;
  }

  return async () => {
    await foldAll();
    while (!isHistoryDone && !signal.aborted) {
      const step = await countHistory(db);
      isHistoryDone = step === 'done';
      if (step === 'elsewhere') return;
      await foldAll();
    }
  };
}
