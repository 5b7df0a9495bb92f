// Decides tiers: at the end of a month each promoter's own kept figures of it set its tier of the
// next. What comes later changes nothing of that.

import type { Kysely, Transaction } from 'kysely';

import { highestReached } from '../../core/programs/steps.ts';
import { monthAfter, spanOfMonths } from '../../platform/calendar.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { markUnruledDue } from '../award/due-store.ts';
import { measured, readFiguresOfAll } from '../won-lines/figure-store.ts';
import { isReachDone } from '../won-lines/reach-store.ts';
import { isCountedUpTo } from '../won-lines/won-line-due-store.ts';
import { readTierMonths, setNextMonth, takeTierProgram, type TierProgram } from './tier-program-store.ts';
import { addTiers } from './tier-store.ts';

/** Months that one look decides of a program, after the service was away for long. */
const MONTHS_MAX = 120;

/**
 * Decides every month that has ended at `now` and is not decided yet, the earliest first, each in a
 * transaction of its own; answers how many. A month waits until all that was due before its end is
 * awarded and counted.
 */
export async function decideTiers(db: Kysely<DB>, now: Date): Promise<number> {
  let decided = 0;
  for (const { programId, timeZone, nextMonth } of await readTierMonths(db)) {
    if (spanOfMonths(nextMonth, timeZone).until > now) continue;
    for (let months = 0; months < MONTHS_MAX; months += 1) {
      if (!(await inTransaction(db, (work) => decideNext(work.trx, programId, { now, writtenAt: work.now })))) break;
      decided += 1;
    }
  }
  return decided;
}

async function decideNext(trx: Transaction<DB>, programId: string, { now, writtenAt }: { now: Date; writtenAt: Date }): Promise<boolean> {
  const program = await takeTierProgram(trx, programId);
  if (program === null) return false;
  const month = spanOfMonths(program.nextMonth, program.timeZone);
  if (month.until > now) return false;
  if (!(await isReachDone(trx, { kind: 'tier', programId })) || !(await isCountedUpTo(trx, month.until))) return false;
  const { merchantId, version, currency } = program;
  const figures = await readFiguresOfAll(trx, { merchantId, currency, ...month });
  const promoters = [...figures].flatMap(([promoterId, figure]) => tierOf(program, promoterId, measured(figure, program.measure)));
  const baseTier = highestReached(program.tiers, 0n)?.tier ?? null;
  await addTiers(trx, { programId, version, month: program.nextMonth, effectiveFrom: month.until, baseTier, promoters }, writtenAt);
  await setNextMonth(trx, programId, monthAfter(program.nextMonth));
  // Lines that found no rule since then may find one of a tier now; what is pinned stays.
  await markUnruledDue(trx, merchantId, month.until, writtenAt);
  return true;
}

function tierOf({ tiers }: TierProgram, promoterId: string, figure: bigint) {
  const step = highestReached(tiers, figure);
  return step === null ? [] : [{ promoterId, figure, tier: step.tier }];
}
