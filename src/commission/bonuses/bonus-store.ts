// Bonuses in the database: taking those that are due, what is booked of them, and writing down how
// they stand.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { BonusName } from './bonus-due-store.ts';

/** A bonus as it stands. */
export interface Bonus extends BonusName {
  /** How many transfers it has: the next takes this position. */
  revision: number;
  releasedAt: Date | null;
}

interface BonusRow {
  program_id: string;
  promoter_id: string;
  period: string;
  revision: number;
  released_at: Date | null;
}

const toBonus = (row: BonusRow): Bonus => ({
  programId: row.program_id,
  promoterId: row.promoter_id,
  period: row.period,
  revision: row.revision,
  releasedAt: row.released_at,
});

const COLUMNS = sql`program_id, promoter_id, period, revision, released_at`;

/** Locks up to `limit` due bonuses that nobody else has, the longest due first. */
export async function takeDueBonuses(trx: Transaction<DB>, now: Date, limit: number): Promise<Bonus[]> {
  const { rows } = await sql<BonusRow>`
    select ${COLUMNS} from bonus where due_at <= ${now} order by due_at, program_id, promoter_id, period
    limit ${limit} for update skip locked`.execute(trx);
  return rows.map(toBonus);
}

/** Locks just this bonus where it is due still, unless somebody else has it. */
export async function takeBonus(trx: Transaction<DB>, { programId, promoterId, period }: BonusName, now: Date): Promise<Bonus[]> {
  const { rows } = await sql<BonusRow>`
    select ${COLUMNS} from bonus
    where program_id = ${programId} and promoter_id = ${promoterId} and period = ${period} and due_at <= ${now}
    for update skip locked`.execute(trx);
  return rows.map(toBonus);
}

const POSTPONED_MINUTES = 10;

export async function postponeBonus(trx: Transaction<DB>, { programId, promoterId, period }: BonusName, now: Date): Promise<void> {
  await sql`
    update bonus set due_at = ${now}::timestamptz + ${POSTPONED_MINUTES} * interval '1 minute'
    where program_id = ${programId} and promoter_id = ${promoterId} and period = ${period}`.execute(trx);
}

/** How a bonus stands once it was reckoned. */
export interface ReckonedBonus extends Bonus {
  version: number;
  figure: bigint;
  amount: bigint;
  /** When it is to be reckoned again by itself; null: only when what it counts changes. */
  dueAt: Date | null;
}

/** Writes down how bonuses stand, which the transaction holds. */
export async function writeBonuses(trx: Transaction<DB>, bonuses: readonly ReckonedBonus[]): Promise<void> {
  if (bonuses.length === 0) return;
  const reckoned = unnestOf(
    bonuses,
    {
      program_id: ['text', (one) => one.programId],
      promoter_id: ['text', (one) => one.promoterId],
      period: ['text', (one) => one.period],
      version: ['int', (one) => one.version],
      figure: ['bigint', (one) => one.figure],
      amount: ['bigint', (one) => one.amount],
      revision: ['int', (one) => one.revision],
      released_at: ['timestamptz', (one) => one.releasedAt],
      due_at: ['timestamptz', (one) => one.dueAt],
    },
    'reckoned',
  );
  await sql`
    update bonus set version = reckoned.version, figure = reckoned.figure, amount = reckoned.amount, revision = reckoned.revision,
      released_at = reckoned.released_at, due_at = reckoned.due_at
    from ${reckoned}
    where bonus.program_id = reckoned.program_id and bonus.promoter_id = reckoned.promoter_id and bonus.period = reckoned.period`.execute(
    trx,
  );
}

/** What is booked of a bonus: what waits, and what was released. */
export interface BookedBonus {
  pending: bigint;
  available: bigint;
}

/** What names a bonus in the books. */
export const causeIdOf = ({ programId, promoterId, period }: BonusName): string => `${programId}/${promoterId}/${period}`;

/** What the transfers of bonuses sum to, by their cause; those without transfers are absent. */
export async function readBookedBonuses(db: Kysely<DB>, causeIds: readonly string[]): Promise<Map<string, BookedBonus>> {
  const { rows } = await sql<{ cause_id: string; pending: string; available: string }>`
    select cause_id,
      coalesce(sum(case 'pending' when target.kind then amount when source.kind then -amount end), 0) as pending,
      coalesce(sum(case 'available' when target.kind then amount when source.kind then -amount end), 0) as available
    from transfer join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id
    where cause = 'bonus' and order_key is null and cause_id = any(${causeIds}::text[])
    group by cause_id`.execute(db);
  return new Map(rows.map((row) => [row.cause_id, { pending: BigInt(row.pending), available: BigInt(row.available) }]));
}
