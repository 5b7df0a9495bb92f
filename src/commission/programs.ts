// What programs do by themselves: what promoters win is kept for them, bonuses are reckoned, tiers
// are decided.

import type { Kysely } from 'kysely';

import type { AccountCache } from '../ledger/booking-store.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { reckonDueBonuses } from './bonuses/reckoning.ts';
import { decideTiers } from './tiers/deciding.ts';
import { keepWonLinesDue, readEarlierOrders } from './won-lines/keeping.ts';

/** Batches of each kind before other kinds have their turn. */
const BATCHES_IN_A_ROW = 20;

interface ProgramDeps {
  db: Kysely<DB>;
  accounts: AccountCache;
}

/**
 * Keeps what was won and reckons what it pays, until nothing is due, and decides the tiers of
 * months that have ended at `now`. While there is no program it looks at empty tables.
 */
export async function countPrograms(deps: ProgramDeps, now: Date): Promise<void> {
  let done: number;
  do {
    done = await inARow(() => keepWonLinesDue(deps.db));
    done += await inARow(() => reckonDueBonuses(deps));
    // Earlier orders come behind: as many as are counted at once, when nothing else waits.
    if (done === 0) done += Number(await readEarlierOrders(deps.db));
  } while (done > 0);
  await decideTiers(deps.db, now);
}

async function inARow(batch: () => Promise<number>): Promise<number> {
  let all = 0;
  for (let batches = 0; batches < BATCHES_IN_A_ROW; batches += 1) {
    const taken = await batch();
    all += taken;
    if (taken === 0) break;
  }
  return all;
}
