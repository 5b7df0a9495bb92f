// Bonus programs in the database: what stays of them, and their versions, which are never changed.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { BonusMode, BonusStep } from '../../core/programs/bonus.ts';
import type { Measure } from '../../core/programs/steps.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { BonusBook, BonusProgram, BonusVersion } from './bonus-program.ts';

/** A step as it is kept: JSON integers, as it was stated. */
type WrittenStep = { at_least: number } & ({ rate_ppm: number } | { amount: number });

const toStep = (step: WrittenStep): BonusStep =>
  'amount' in step
    ? { atLeast: BigInt(step.at_least), amount: BigInt(step.amount) }
    : { atLeast: BigInt(step.at_least), ratePpm: step.rate_ppm };

/** A step as it is written and answered. */
export const showStep = (step: BonusStep): WrittenStep =>
  'amount' in step
    ? { at_least: Number(step.atLeast), amount: Number(step.amount) }
    : { at_least: Number(step.atLeast), rate_ppm: step.ratePpm };

interface ProgramRow {
  program_id: string;
  merchant_id: string;
  currency: string;
  period: BonusProgram['period'];
  time_zone: string;
  made_at: Date;
}

interface VersionRow {
  program_id: string;
  version: number;
  measure: Measure;
  steps: WrittenStep[];
  mode: BonusMode;
  starts_at: Date | null;
  ends_at: Date | null;
  recorded_at: Date;
}

const toVersion = (row: VersionRow): BonusVersion => ({
  version: row.version,
  measure: row.measure,
  steps: row.steps.map(toStep),
  mode: row.mode,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
  recordedAt: row.recorded_at,
});

/** The programs of these ids with all their versions, by id. */
export async function readBonusBooks(db: Kysely<DB>, programIds: readonly string[]): Promise<Map<string, BonusBook>> {
  const { rows } = await sql<ProgramRow>`
    select program_id, merchant_id, currency, period, time_zone, made_at from bonus_program
    where program_id = any(${programIds}::text[]) order by program_id`.execute(db);
  const books = new Map(
    rows.map((row): [string, BonusBook] => [
      row.program_id,
      {
        programId: row.program_id,
        merchantId: row.merchant_id,
        currency: row.currency,
        period: row.period,
        timeZone: row.time_zone,
        madeAt: row.made_at,
        versions: [],
      },
    ]),
  );
  const { rows: versions } = await sql<VersionRow>`
    select program_id, version, measure, steps, mode, starts_at, ends_at, recorded_at from bonus_program_version
    where program_id = any(${programIds}::text[]) order by program_id, version`.execute(db);
  for (const version of versions) books.get(version.program_id)!.versions.push(toVersion(version));
  return books;
}

/** One program; null where there is none. */
export async function findBonusBook(db: Kysely<DB>, programId: string): Promise<BonusBook | null> {
  return (await readBonusBooks(db, [programId])).get(programId) ?? null;
}

/** The program, which nobody else may change until the transaction ends; null: there is none. */
export async function lockBonusBook(trx: Transaction<DB>, programId: string): Promise<BonusBook | null> {
  await sql`select pg_advisory_xact_lock(hashtextextended('bonus program ' || ${programId}, 0))`.execute(trx);
  return findBonusBook(trx, programId);
}

export async function addBonusProgram(trx: Transaction<DB>, program: BonusProgram): Promise<void> {
  await trx
    .insertInto('bonus_program')
    .values({
      program_id: program.programId,
      merchant_id: program.merchantId,
      currency: program.currency,
      period: program.period,
      time_zone: program.timeZone,
      made_at: program.madeAt,
    })
    .execute();
}

export async function addBonusVersion(trx: Transaction<DB>, programId: string, version: BonusVersion): Promise<void> {
  await trx
    .insertInto('bonus_program_version')
    .values({
      program_id: programId,
      version: version.version,
      measure: version.measure,
      steps: JSON.stringify(version.steps.map(showStep)),
      mode: version.mode,
      starts_at: version.startsAt,
      ends_at: version.endsAt,
      recorded_at: version.recordedAt,
    })
    .execute();
}

/** Programs by id, of one merchant or of all, one more than asked for. */
export async function listBonusBooks(
  db: Kysely<DB>,
  { merchantId, after, limit }: { merchantId: string | null; after: string; limit: number },
): Promise<BonusBook[]> {
  const { rows } = await sql<{ program_id: string }>`
    select program_id from bonus_program
    where program_id > ${after} ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    order by program_id limit ${limit + 1}`.execute(db);
  return [
    ...(
      await readBonusBooks(
        db,
        rows.map((row) => row.program_id),
      )
    ).values(),
  ];
}

/** How many programs a merchant has. */
export async function countBonusPrograms(db: Kysely<DB>, merchantId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from bonus_program where merchant_id = ${merchantId}`.execute(db);
  return rows[0]!.count;
}
