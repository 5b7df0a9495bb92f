// Reckons bonuses that are due: what a program pays for a promoter's period, beside what is booked
// of it, and books the difference.

import type { Kysely, Transaction } from 'kysely';

import { differences } from '../../core/posting.ts';
import { bookCaused, type AccountCache, type CausedTransfer } from '../../ledger/booking-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { workOnBatch } from '../won-lines/batch-work.ts';
import { measured, readFigures, type Figure } from '../won-lines/figure-store.ts';
import { readBonusBooks } from './bonus-program-store.ts';
import { paidFor, reckoningOf, type BonusBook, type Reckoning } from './bonus-program.ts';
import {
  causeIdOf,
  postponeBonus,
  readBookedBonuses,
  takeBonus,
  takeDueBonuses,
  writeBonuses,
  type Bonus,
  type BookedBonus,
  type ReckonedBonus,
} from './bonus-store.ts';

const BONUSES_PER_BATCH = 500;
const NOTHING: BookedBonus = { pending: 0n, available: 0n };

interface ReckoningDeps {
  db: Kysely<DB>;
  accounts: AccountCache;
}

/** Reckons one batch of due bonuses, and answers how many there were. */
export function reckonDueBonuses({ db, accounts }: ReckoningDeps, limit = BONUSES_PER_BATCH): Promise<number> {
  return workOnBatch<Bonus>(db, {
    take: (trx, now) => takeDueBonuses(trx, now, limit),
    takeOne: takeBonus,
    work: (trx, bonuses, now) => reckon(trx, bonuses, { accounts, now }),
    postpone: postponeBonus,
  });
}

/**
 * Brings what is booked of these bonuses, which the transaction holds, to what their lines pay. The
 * figures are read after the lock: whoever changes a line marks its bonus in the same transaction.
 */
async function reckon(trx: Transaction<DB>, bonuses: readonly Bonus[], { accounts, now }: { accounts: AccountCache; now: Date }) {
  const books = await readBonusBooks(trx, [...new Set(bonuses.map(({ programId }) => programId))]);
  const asked = bonuses.map((bonus) => {
    const book = books.get(bonus.programId)!;
    return { bonus, book, reckoning: reckoningOf(book, bonus.period) };
  });
  const figures = await readFigures(
    trx,
    asked.map(({ bonus: { promoterId }, book: { merchantId, currency }, reckoning: { from, until } }) => {
      return { promoterId, merchantId, currency, from, until };
    }),
  );
  const booked = await readBookedBonuses(trx, bonuses.map(causeIdOf));
  const results = asked.map((one, index) =>
    bringTo({ ...one, figure: figures[index]!, booked: booked.get(causeIdOf(one.bonus)) ?? NOTHING, now }),
  );
  await bookCaused(
    trx,
    results.flatMap(({ transfers }) => transfers),
    accounts,
    now,
  );
  await writeBonuses(
    trx,
    results.map(({ reckoned }) => reckoned),
  );
}

interface BonusQuestion {
  bonus: Bonus;
  book: BonusBook;
  reckoning: Reckoning;
  figure: Figure;
  booked: BookedBonus;
  now: Date;
}

/**
 * How one bonus is to stand, and the transfers to it. It is released when its period has ended and
 * every line that it counts is released; from then on later differences go to where the money is.
 */
function bringTo({ bonus, book, reckoning, figure, booked, now }: BonusQuestion): { reckoned: ReckonedBonus; transfers: CausedTransfer[] } {
  const { terms, endsAt } = reckoning;
  const amount = paidFor(terms, figure);
  const hasEnded = endsAt === null || endsAt <= now;
  const mayRelease = hasEnded && amount > 0n && figure.isReleased;
  // Without an end there is no release for good: the next line waits as the first one did.
  const releasedAt = bonus.releasedAt ?? (mayRelease && endsAt !== null ? now : null);
  const isReleased = releasedAt !== null || mayRelease;
  const slot = { lineId: '', role: 'promoter', level: null, promoterId: bonus.promoterId } as const;
  const postings = differences({ booked: [{ ...slot, ...booked }], target: [{ ...slot, amount }], isReleased: () => isReleased });
  const transfers = postings.map(({ kind, from, to, amount: moved }, index): CausedTransfer => {
    const cause = { cause: 'bonus', causeId: causeIdOf(bonus), position: bonus.revision + index } as const;
    return { ...cause, kind, merchantId: book.merchantId, promoterId: bonus.promoterId, currency: book.currency, from, to, amount: moved };
  });
  const reckoned: ReckonedBonus = {
    ...bonus,
    version: terms.version,
    figure: measured(figure, terms.measure),
    amount,
    revision: bonus.revision + transfers.length,
    releasedAt,
    dueAt: hasEnded ? null : endsAt,
  };
  return { reckoned, transfers };
}
