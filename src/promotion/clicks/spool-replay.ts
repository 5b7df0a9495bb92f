// Brings what lies in the spool into the database, once it is there again.

import { sql, type Kysely } from 'kysely';
import type { Logger } from 'pino';

import { inTransaction, isUnavailable } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Click } from './click-store.ts';
import type { Nudge, OnEvidence } from '../listeners.ts';
import { replaySpool, spoolDepth, type SpoolDepth } from './spool.ts';
import { writeClicks } from './reported-clicks.ts';

interface ReplayDeps {
  db: Kysely<DB>;
  onEvidence: OnEvidence;
  nudge: Nudge;
  dir: string;
  log: Logger;
}

/**
 * Replays the spool of clicks unless the database is away, and tells what lies in it after that.
 * Any number of processes may do so.
 */
export async function replayClicks({ dir, db, log, onEvidence, nudge }: ReplayDeps): Promise<SpoolDepth> {
  const before = await spoolDepth(dir);
  // Asked first, so that a file is not taken in vain, over and over, while it is being written.
  if (before.waiting === 0 || !(await isThere(db))) return before;
  const write = (batch: Click[]): Promise<void> => inTransaction(db, ({ trx, now }) => writeClicks(trx, batch, onEvidence, now));
  const { clicks, torn, damaged } = await replaySpool({ dir, write });
  if (clicks > 0) nudge('awards');
  if (damaged > 0) log.error({ clicks, torn, damaged }, 'the spool had lines that cannot be read; their file is kept');
  else if (clicks > 0) log.info({ clicks, torn }, 'clicks came back from the spool');
  return spoolDepth(dir);
}

async function isThere(db: Kysely<DB>): Promise<boolean> {
  try {
    await sql`select 1`.execute(db);
    return true;
  } catch (error) {
    if (isUnavailable(error)) return false;
    throw error;
  }
}
