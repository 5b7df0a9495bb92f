// Which bonuses are to be reckoned again: those that count a line which has changed.

import { sql, type Transaction } from 'kysely';

import { clockOf } from '../../platform/calendar.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { WonLine } from '../won-lines/won-line.ts';

/** The one period of a program that pays once. */
export const ONCE = 'once';

/** What names a bonus. */
export interface BonusName {
  programId: string;
  promoterId: string;
  /** A month, YYYY-MM in the program's zone, or `once`. */
  period: string;
}

interface ProgramRow {
  program_id: string;
  merchant_id: string;
  currency: string;
  period: string;
  time_zone: string;
}

/**
 * Marks the bonuses that count one of these lines as it was or as it is. Rows are taken in the
 * order of their names, so that two markers never wait crosswise.
 */
export async function markBonusesDue(trx: Transaction<DB>, lines: readonly WonLine[], now: Date): Promise<void> {
  const completed = lines.filter((line) => line.completedAt !== null);
  if (completed.length === 0) return;
  const merchantIds = [...new Set(completed.map(({ merchantId }) => merchantId))];
  const { rows: programs } = await sql<ProgramRow>`
    select program_id, merchant_id, currency, period, time_zone from bonus_program where merchant_id = any(${merchantIds}::text[])`.execute(
    trx,
  );
  const clocks = new Map(programs.map(({ time_zone: zone }) => [zone, clockOf(zone)]));
  const names = new Map<string, BonusName>();
  for (const line of completed) {
    for (const program of programs) {
      if (program.merchant_id !== line.merchantId || program.currency !== line.currency) continue;
      const period = program.period === ONCE ? ONCE : clocks.get(program.time_zone)!(line.completedAt!).slice(0, 7);
      const name = { programId: program.program_id, promoterId: line.promoterId, period };
      names.set(Object.values(name).join('\n'), name);
    }
  }
  await markNamed(trx, [...names.values()], now);
}

async function markNamed(trx: Transaction<DB>, names: readonly BonusName[], now: Date): Promise<void> {
  if (names.length === 0) return;
  const columns = {
    program_id: ['text', (name: BonusName) => name.programId],
    promoter_id: ['text', (name: BonusName) => name.promoterId],
    period: ['text', (name: BonusName) => name.period],
  } as const;
  await sql`
    insert into bonus (program_id, promoter_id, period, due_at)
    select program_id, promoter_id, period, ${now}::timestamptz from ${unnestOf(names, columns, 'name')}
    order by program_id, promoter_id, period
    on conflict (program_id, promoter_id, period) do update set due_at = least(bonus.due_at, excluded.due_at)`.execute(trx);
}

/** Marks every bonus of a program of which a line is kept. */
export async function markBonusesOfProgram(trx: Transaction<DB>, programId: string, now: Date): Promise<void> {
  await sql`
    insert into bonus (program_id, promoter_id, period, due_at)
    select distinct program_id, promoter_id, case period when ${ONCE} then ${ONCE}
      else to_char(completed_at at time zone time_zone, 'YYYY-MM') end as period, ${now}::timestamptz
    from bonus_program join won_line using (merchant_id, currency)
    where program_id = ${programId} and completed_at is not null
    order by program_id, promoter_id, period
    on conflict (program_id, promoter_id, period) do update set due_at = least(bonus.due_at, excluded.due_at)`.execute(trx);
}

/** Marks the bonuses that changed terms pay otherwise: of what has not ended. */
export async function markBonusesSince(trx: Transaction<DB>, programId: string, month: string, now: Date): Promise<void> {
  await sql`
    update bonus set due_at = least(due_at, ${now}::timestamptz)
    where program_id = ${programId} and (period = ${ONCE} or period >= ${month})`.execute(trx);
}
