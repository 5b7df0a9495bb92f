// Work on a batch of due rows in one transaction; where the batch fails as a whole, each of its
// rows is worked on by itself, and the one that fails is put off with its error.

import type { Kysely, Transaction } from 'kysely';

import { stackOf } from '../../platform/error-text.ts';
import { inTransaction, isOfQuery, isUnavailable } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';

interface BatchWork<Item> {
  /** Takes what is due, locked. */
  take: (trx: Transaction<DB>, now: Date) => Promise<Item[]>;
  /** Takes one of them again, unless somebody else has it. */
  takeOne: (trx: Transaction<DB>, item: Item, now: Date) => Promise<Item[]>;
  work: (trx: Transaction<DB>, items: readonly Item[], now: Date) => Promise<void>;
  postpone: (trx: Transaction<DB>, item: Item, now: Date, error: string) => Promise<void>;
}

/** Works on one batch, and answers how many rows it took. */
export async function workOnBatch<Item>(db: Kysely<DB>, batch: BatchWork<Item>): Promise<number> {
  let taken: Item[] = [];
  try {
    await inTransaction(db, async ({ trx, now }) => {
      taken = await batch.take(trx, now);
      if (taken.length > 0) await batch.work(trx, taken, now);
    });
  } catch (error) {
    if (taken.length === 0 || isAway(error)) throw error;
    for (const item of taken) await workApart(db, batch, item);
  }
  return taken.length;
}

async function workApart<Item>(db: Kysely<DB>, { takeOne, work, postpone }: BatchWork<Item>, item: Item): Promise<void> {
  try {
    await inTransaction(db, async ({ trx, now }) => {
      const own = await takeOne(trx, item, now);
      if (own.length > 0) await work(trx, own, now);
    });
  } catch (error) {
    if (isAway(error)) throw error;
    await inTransaction(db, ({ trx, now }) => postpone(trx, item, now, stackOf(error)));
  }
}

const isAway = (error: unknown): boolean => isUnavailable(error) && !isOfQuery(error);
