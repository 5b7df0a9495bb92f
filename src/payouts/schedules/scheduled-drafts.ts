// What schedules do by themselves: they draft, once a month; and they tell promoters when.

import type { Kysely, Transaction } from 'kysely';

import type { NextPayout } from '../../ledger/ledger-answers.ts';
import { monthAfter } from '../../platform/calendar.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import type { BatchWish } from '../batches/batch-store.ts';
import { draftBatch, payoutsPerBatchMax, startJudging, type DraftDeps } from '../batches/drafting.ts';
import { dueIn, nextDue, type DueMonth } from './due.ts';
import { countLastDrafted, dueSchedules, hasDrafted, moveOn, schedulesFor, takeDue, type Schedule } from './schedule-store.ts';

/**
 * Drafts what is due at `now`, a transaction for each schedule, and answers with how many batches
 * there are of it. Of several months that were missed the latest is drafted, since it takes the
 * money of them all. Where more promoters can be paid than one batch pays, the first by their ids
 * are drafted, and the schedule stays due for a batch of the others. One schedule that fails keeps
 * no other from its draft; it is thrown afterwards, and stays due.
 */
export async function draftScheduled(db: Kysely<DB>, deps: DraftDeps, now: Date): Promise<number> {
  const failures: unknown[] = [];
  let drafted = 0;
  for (const scheduleId of await dueSchedules(db, now)) {
    try {
      if (await inTransaction(db, ({ trx }) => draftOne(trx, deps, scheduleId, now))) drafted += 1;
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} schedules could not draft`);
  return drafted;
}

/**
 * Drafts the month, or who had no room in the batch before. The schedule stays due until a batch
 * has room for everybody.
 */
async function draftOne(trx: Transaction<DB>, deps: DraftDeps, scheduleId: string, now: Date): Promise<boolean> {
  const schedule = await takeDue(trx, scheduleId, now);
  if (schedule === null) return false;
  const month = lastDueMonth(schedule, now);
  const isFirst = !(await hasDrafted(trx, scheduleId, month));
  const isWanted = isFirst || (await countLastDrafted(trx, scheduleId)) >= payoutsPerBatchMax(deps);
  const batchId = uuidv7(now.getTime());
  const batch = { batchId, keyId: null, person: schedule.person, schedule: { scheduleId, month: isFirst ? month : null } };
  const { isFull } = isWanted ? await draftBatch(trx, deps, { ...wishOf(schedule), ...batch }, now) : { isFull: false };
  if (!isFull) await moveOn(trx, scheduleId, dueAfter(schedule, month, now));
  if (!isWanted) return false;
  const after = { batch_id: batchId, schedule_id: scheduleId, schedule_month: month, currency: schedule.currency, is_full: isFull };
  const subject = { subjectKind: 'payout_batch', subjectId: batchId, before: null, after };
  await recordChange(trx, { actor: null, now, action: 'payout_batch_drafted', ...subject });
  return true;
}

/** The latest month that is due, and none before the one that is waited for. */
function lastDueMonth({ next, ...day }: Schedule, now: Date): string {
  const latest = monthAfter(nextDue(day, now).month, -1);
  return latest > next.month ? latest : next.month;
}

function dueAfter(schedule: Schedule, month: string, now: Date): DueMonth {
  const next = nextDue(schedule, now);
  return next.month > month ? next : dueIn(monthAfter(month), schedule);
}

function wishOf({ currency, minimum, providerId }: Schedule): BatchWish {
  return { currency, minimum, providerId, promoterIds: null, requested: false, despiteDebts: false };
}

/**
 * When a promoter is drafted for next, by currency, and why it would be skipped if that were now.
 * Currencies without a schedule are absent.
 */
export async function nextPayouts(db: Kysely<DB>, deps: DraftDeps, promoterId: string): Promise<Map<string, NextPayout>> {
  const schedules = await schedulesFor(db, promoterId);
  if (schedules.length === 0) return new Map();
  return inTransaction(db, async ({ trx, now }) => {
    const found = new Map<string, NextPayout>();
    for (const schedule of schedules) {
      const judge = await startJudging(trx, deps, { ...wishOf(schedule), promoterIds: [promoterId] }, now);
      const [judged] = await judge([promoterId]);
      found.set(schedule.currency, { at: schedule.next.at, skip: judged?.reason ?? null });
    }
    return found;
  });
}
