// Tier programs in the database: what stays of them, their versions, and which month is decided
// next.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { Measure } from '../../core/programs/steps.ts';
import type { DB } from '../../platform/postgres/tables.ts';

/** From which figure on a promoter has which tier. */
interface TierStep {
  tier: string;
  atLeast: bigint;
}

/** What may change of a program, each time as a new version. */
export interface TierTerms {
  measure: Measure;
  /** Null: orders in any currency. */
  currency: string | null;
  /** The lowest first. */
  tiers: TierStep[];
}

/** A program with its latest terms. */
export interface TierProgram extends TierTerms {
  programId: string;
  /** Null: of all merchants. */
  merchantId: string | null;
  timeZone: string;
  /** The month whose figures are looked at next, once it has ended. */
  nextMonth: string;
  version: number;
  madeAt: Date;
  recordedAt: Date;
}

interface TierProgramRow {
  program_id: string;
  merchant_id: string | null;
  time_zone: string;
  next_month: string;
  version: number;
  measure: Measure;
  currency: string | null;
  tiers: { tier: string; at_least: number }[];
  made_at: Date;
  recorded_at: Date;
}

const toProgram = (row: TierProgramRow): TierProgram => ({
  programId: row.program_id,
  merchantId: row.merchant_id,
  timeZone: row.time_zone,
  nextMonth: row.next_month,
  version: row.version,
  measure: row.measure,
  currency: row.currency,
  tiers: row.tiers.map(({ tier, at_least: atLeast }) => ({ tier, atLeast: BigInt(atLeast) })),
  madeAt: row.made_at,
  recordedAt: row.recorded_at,
});

/** As they are written and answered. */
export const showTierStep = ({ tier, atLeast }: TierStep) => ({ tier, at_least: Number(atLeast) });

const LATEST = sql`
  select program_id, merchant_id, time_zone, next_month, version, measure, currency, tiers, made_at, recorded_at
  from tier_program, lateral (
    select version, measure, currency, tiers, recorded_at from tier_program_version
    where tier_program_version.program_id = tier_program.program_id order by version desc limit 1
  ) as latest`;

/** One program; null where there is none. */
export async function findTierProgram(db: Kysely<DB>, programId: string): Promise<TierProgram | null> {
  const { rows } = await sql<TierProgramRow>`${LATEST} where program_id = ${programId}`.execute(db);
  return rows[0] === undefined ? null : toProgram(rows[0]);
}

/** The program of this merchant, or of all (null); null where there is none. */
export async function findTierProgramOf(db: Kysely<DB>, merchantId: string | null): Promise<TierProgram | null> {
  const { rows } = await sql<TierProgramRow>`${LATEST} where merchant_id is not distinct from ${merchantId}`.execute(db);
  return rows[0] === undefined ? null : toProgram(rows[0]);
}

/** Programs by id, of one merchant or of everybody, one more than asked for. */
export async function listTierPrograms(
  db: Kysely<DB>,
  { merchantId, after, limit }: { merchantId: string | null; after: string; limit: number },
): Promise<TierProgram[]> {
  const { rows } = await sql<TierProgramRow>`
    ${LATEST} where program_id > ${after} ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    order by program_id limit ${limit + 1}`.execute(db);
  return rows.map(toProgram);
}

/** Lets tier programs be stated one after the other: two of one merchant are refused in words. */
export async function lockTierPrograms(trx: Transaction<DB>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('tier programs', 0))`.execute(trx);
}

/** Locks the program, so that its month is decided once; null where somebody else has it. */
export async function takeTierProgram(trx: Transaction<DB>, programId: string): Promise<TierProgram | null> {
  const { rows } = await sql`
    select from tier_program where program_id = ${programId} for update skip locked`.execute(trx);
  return rows.length === 0 ? null : findTierProgram(trx, programId);
}

export async function addTierProgram(trx: Transaction<DB>, program: TierProgram): Promise<void> {
  await trx
    .insertInto('tier_program')
    .values({
      program_id: program.programId,
      merchant_id: program.merchantId,
      time_zone: program.timeZone,
      next_month: program.nextMonth,
      made_at: program.madeAt,
    })
    .execute();
}

export async function addTierVersion(trx: Transaction<DB>, program: TierProgram): Promise<void> {
  await trx
    .insertInto('tier_program_version')
    .values({
      program_id: program.programId,
      version: program.version,
      measure: program.measure,
      currency: program.currency,
      tiers: JSON.stringify(program.tiers.map(showTierStep)),
      recorded_at: program.recordedAt,
    })
    .execute();
}

export async function setNextMonth(trx: Transaction<DB>, programId: string, month: string): Promise<void> {
  await sql`update tier_program set next_month = ${month} where program_id = ${programId}`.execute(trx);
}

/** All programs by id, with the month that each decides next. */
export async function readTierMonths(db: Kysely<DB>): Promise<{ programId: string; timeZone: string; nextMonth: string }[]> {
  const { rows } = await sql<{ program_id: string; time_zone: string; next_month: string }>`
    select program_id, time_zone, next_month from tier_program order by program_id`.execute(db);
  return rows.map((row) => ({ programId: row.program_id, timeZone: row.time_zone, nextMonth: row.next_month }));
}
