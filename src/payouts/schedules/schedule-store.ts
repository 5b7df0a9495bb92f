// Schedules of payouts in the database, with the month that each drafts next.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import type { DueMonth } from './due.ts';

/** What is stated of a schedule. */
export interface ScheduleTerms {
  currency: string;
  dayOfMonth: number;
  timeZone: string;
  minimum: bigint;
  providerId: string | null;
}

export interface Schedule extends ScheduleTerms {
  scheduleId: string;
  next: DueMonth;
  madeAt: Date;
  changedAt: Date;
  /** Who stated it last. */
  person: string;
}

interface ScheduleRecord {
  schedule_id: string;
  currency: string;
  day_of_month: number;
  time_zone: string;
  minimum: bigint;
  provider_id: string | null;
  next_at: Date;
  next_month: string;
  made_at: Date;
  changed_at: Date;
  stated_person: string;
}

const COLUMNS = sql`schedule_id, currency, day_of_month, time_zone, minimum, provider_id, next_at, next_month, made_at, changed_at, stated_person`;

function toSchedule(row: ScheduleRecord): Schedule {
  return {
    scheduleId: row.schedule_id,
    currency: row.currency,
    dayOfMonth: row.day_of_month,
    timeZone: row.time_zone,
    minimum: row.minimum,
    providerId: row.provider_id,
    next: { month: row.next_month, at: row.next_at },
    madeAt: row.made_at,
    changedAt: row.changed_at,
    person: row.stated_person,
  };
}

export async function findSchedule(db: Kysely<DB>, scheduleId: string): Promise<Schedule | null> {
  const { rows } = await sql<ScheduleRecord>`select ${COLUMNS} from payout_schedule where schedule_id = ${scheduleId}`.execute(db);
  return rows[0] === undefined ? null : toSchedule(rows[0]);
}

/** Schedules by id, one more than asked for. */
export async function listSchedules(db: Kysely<DB>, { after, limit }: { after: string; limit: number }): Promise<Schedule[]> {
  const { rows } = await sql<ScheduleRecord>`
    select ${COLUMNS} from payout_schedule where schedule_id > ${after} order by schedule_id limit ${limit + 1}`.execute(db);
  return rows.map(toSchedule);
}

/**
 * The schedule, locked until the transaction ends; null where there is none. Schedules are stated
 * one after the other, and none while it drafts.
 */
export async function lockSchedule(trx: Transaction<DB>, scheduleId: string): Promise<Schedule | null> {
  await sql`select pg_advisory_xact_lock(hashtextextended('payouts: schedules', 0))`.execute(trx);
  const { rows } = await sql<ScheduleRecord>`
    select ${COLUMNS} from payout_schedule where schedule_id = ${scheduleId} for update`.execute(trx);
  return rows[0] === undefined ? null : toSchedule(rows[0]);
}

export async function countSchedules(trx: Transaction<DB>): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`select count(*) as count from payout_schedule`.execute(trx);
  return Number(rows[0]!.count);
}

export async function saveSchedule(
  trx: Transaction<DB>,
  { scheduleId, next, madeAt, changedAt, person, ...terms }: Schedule,
  keyId: string,
): Promise<void> {
  const stated = {
    currency: terms.currency,
    day_of_month: terms.dayOfMonth,
    time_zone: terms.timeZone,
    minimum: terms.minimum,
    provider_id: terms.providerId,
    next_at: next.at,
    next_month: next.month,
    changed_at: changedAt,
    stated_by: keyId,
    stated_person: person,
  };
  await trx
    .insertInto('payout_schedule')
    .values({ schedule_id: scheduleId, made_at: madeAt, ...stated })
    .onConflict((conflict) => conflict.column('schedule_id').doUpdateSet(stated))
    .execute();
}

export async function removeSchedule(trx: Transaction<DB>, scheduleId: string): Promise<void> {
  await trx.deleteFrom('payout_schedule').where('schedule_id', '=', scheduleId).execute();
}

/** Whether the schedule, or an earlier one of its id, has drafted the month. */
export async function hasDrafted(trx: Transaction<DB>, scheduleId: string, month: string): Promise<boolean> {
  const { rows } = await sql`
    select from payout_batch where schedule_id = ${scheduleId} and schedule_month = ${month}`.execute(trx);
  return rows.length > 0;
}

/**
 * How many promoters the newest batch of the schedule was drafted for, those that were dropped
 * since among them.
 */
export async function countLastDrafted(trx: Transaction<DB>, scheduleId: string): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from payout
    where batch_id = (select batch_id from payout_batch where schedule_id = ${scheduleId} order by drafted_at desc, batch_id desc limit 1)`.execute(
    trx,
  );
  return Number(rows[0]!.count);
}

/** The schedules that are due, the longest due first. */
export async function dueSchedules(db: Kysely<DB>, now: Date): Promise<string[]> {
  const { rows } = await sql<{ schedule_id: string }>`
    select schedule_id from payout_schedule where next_at <= ${now} order by next_at, schedule_id`.execute(db);
  return rows.map(({ schedule_id: scheduleId }) => scheduleId);
}

/** The schedule, locked, where it is still due and nobody else is drafting it. */
export async function takeDue(trx: Transaction<DB>, scheduleId: string, now: Date): Promise<Schedule | null> {
  const { rows } = await sql<ScheduleRecord>`
    select ${COLUMNS} from payout_schedule where schedule_id = ${scheduleId} and next_at <= ${now} for update skip locked`.execute(trx);
  return rows[0] === undefined ? null : toSchedule(rows[0]);
}

export async function moveOn(trx: Transaction<DB>, scheduleId: string, next: DueMonth): Promise<void> {
  await sql`update payout_schedule set next_at = ${next.at}, next_month = ${next.month} where schedule_id = ${scheduleId}`.execute(trx);
}

/** Of each currency that the promoter has an account in, the schedule that is due next. */
export async function schedulesFor(db: Kysely<DB>, promoterId: string): Promise<Schedule[]> {
  const { rows } = await sql<ScheduleRecord>`
    select distinct on (currency) ${COLUMNS} from payout_schedule
    where currency in (select currency from account where promoter_id = ${promoterId})
    order by currency, next_at, schedule_id`.execute(db);
  return rows.map(toSchedule);
}
