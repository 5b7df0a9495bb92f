// Keeps won lines as they are awarded: takes what awards have marked, and reads the orders from
// before a program for it.

import type { Kysely } from 'kysely';

import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { markBonusesDue, markBonusesOfProgram } from '../bonuses/bonus-due-store.ts';
import { workOnBatch } from './batch-work.ts';
import { endReach, moveReach, readOn, takeUndoneReach } from './reach-store.ts';
import { keepWonLines, readAwardedOrders } from './won-line-store.ts';
import { postponeWonLines, takeWonLinesDue, takeWonLinesOf } from './won-line-due-store.ts';
import { wonLinesOf } from './won-line.ts';

const ORDERS_PER_BATCH = 500;
const EARLIER_ORDERS_PER_BATCH = 1000;

/**
 * Makes the won lines of one batch of marked orders those of their awards, and marks the bonuses
 * that they change; answers how many orders it took.
 */
export async function keepWonLinesDue(db: Kysely<DB>, limit = ORDERS_PER_BATCH): Promise<number> {
  return workOnBatch<bigint>(db, {
    take: (trx, now) => takeWonLinesDue(trx, now, limit),
    takeOne: (trx, orderKey) => takeWonLinesOf(trx, orderKey),
    work: async (trx, orderKeys, now) => {
      const lines = (await readAwardedOrders(trx, orderKeys)).flatMap(wonLinesOf);
      await markBonusesDue(trx, await keepWonLines(trx, orderKeys, lines), now);
    },
    postpone: postponeWonLines,
  });
}

/**
 * Puts down the next earlier orders of a new program, so that what was won before it came is
 * counted; answers whether there may be more to do.
 */
export async function readEarlierOrders(db: Kysely<DB>, limit = EARLIER_ORDERS_PER_BATCH): Promise<boolean> {
  return inTransaction(db, async ({ trx, now }) => {
    const reach = await takeUndoneReach(trx);
    if (reach === null) return false;
    const readTo = await readOn(trx, reach, limit);
    if (readTo === null) {
      await endReach(trx, reach, now);
      // Lines that are kept already for another program change no more, and are marked here.
      if (reach.kind === 'bonus') await markBonusesOfProgram(trx, reach.programId, now);
    } else await moveReach(trx, reach, readTo);
    return true;
  });
}
