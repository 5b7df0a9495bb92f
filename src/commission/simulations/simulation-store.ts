// The rows of rehearsals: asked for, taken by a worker under a lease, done, cancelled, forgotten.

import { sql, type Kysely, type Transaction } from 'kysely';

import { SECOND_MS } from '../../platform/durations.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Run } from './simulation-order-store.ts';
import type { SimulationResult } from './simulation-result.ts';

export const SIMULATION_STATES = ['running', 'done', 'cancelled', 'failed'] as const;
type SimulationState = (typeof SIMULATION_STATES)[number];

/** Longer than a worker is silent, unless it is gone. */
const LEASE_MS = 20 * SECOND_MS;
/** What has ended so many workers is not given to another. */
const ATTEMPTS_MAX = 5;

/** What a rehearsal was asked; the changes as they were understood. */
interface SimulationQuery {
  changes: unknown[];
  from: Date;
  to: Date;
  merchantId: string | null;
  currency: string;
}

export interface Simulation extends SimulationQuery, Run {
  state: SimulationState;
  madeAt: Date;
  /** When the run that is read was begun; null while it waits. */
  startedAt: Date | null;
  finishedAt: Date | null;
  ordersDone: bigint;
  ordersOf: bigint | null;
  result: SimulationResult | null;
  error: string | null;
}

interface SimulationRow {
  simulation_id: string;
  state: SimulationState;
  changes: unknown[];
  period_from: Date;
  period_to: Date;
  merchant_id: string | null;
  currency: string;
  made_at: Date;
  run: number;
  started_at: Date | null;
  finished_at: Date | null;
  orders_done: bigint;
  orders_of: bigint | null;
  result: SimulationResult | null;
  error: string | null;
}

const COLUMNS = sql`simulation_id, state, changes, period_from, period_to, merchant_id, currency, made_at, run, started_at, finished_at,
  orders_done, orders_of, result, error`;

const read = (row: SimulationRow): Simulation => ({
  simulationId: row.simulation_id,
  state: row.state,
  changes: row.changes,
  from: row.period_from,
  to: row.period_to,
  merchantId: row.merchant_id,
  currency: row.currency,
  madeAt: row.made_at,
  run: row.run,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  ordersDone: row.orders_done,
  ordersOf: row.orders_of,
  result: row.result,
  error: row.error,
});

/** Puts a rehearsal down for the workers. */
export async function addSimulation(
  trx: Transaction<DB>,
  simulationId: string,
  query: SimulationQuery,
  { actor, now }: { actor: Actor; now: Date },
): Promise<Simulation> {
  const { rows } = await sql<SimulationRow>`
    insert into rule_simulation (simulation_id, state, changes, period_from, period_to, merchant_id, currency, made_at, made_by)
    values (${simulationId}, 'running', ${JSON.stringify(query.changes)}::jsonb, ${query.from}, ${query.to}, ${query.merchantId},
      ${query.currency}, ${now}, ${actor.keyId})
    returning ${COLUMNS}`.execute(trx);
  return read(rows[0]!);
}

/** How many run or wait. */
export async function countUnfinished(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from rule_simulation where state = 'running'`.execute(db);
  return rows[0]!.count;
}

/** Null where there is no such rehearsal. */
export async function findSimulation(db: Kysely<DB>, simulationId: string): Promise<Simulation | null> {
  const { rows } = await sql<SimulationRow>`select ${COLUMNS} from rule_simulation where simulation_id = ${simulationId}`.execute(db);
  return rows[0] === undefined ? null : read(rows[0]);
}

/**
 * Takes a rehearsal that nobody runs, under a lease, and begins it anew; null where there is none.
 * Only the first `slots` that are not finished are ever run, so that there are never more at once.
 * One that has ended too many workers fails.
 */
export async function takeSimulation(trx: Transaction<DB>, now: Date, slots: number): Promise<Simulation | null> {
  const { rows } = await sql<SimulationRow & { attempts: number; is_free: boolean }>`
    select ${COLUMNS}, attempts, coalesce(leased_until <= ${now}, true) as is_free from rule_simulation where state = 'running'
    order by made_at, simulation_id limit ${slots} for update`.execute(trx);
  for (const row of rows) {
    if (!row.is_free) continue;
    if (row.attempts < ATTEMPTS_MAX) return beginRun(trx, row.simulation_id, now);
    await sql`
      update rule_simulation set state = 'failed', finished_at = ${now}, leased_until = null,
        error = ${`It was begun ${ATTEMPTS_MAX} times, and no worker came to its end.`}
      where simulation_id = ${row.simulation_id}`.execute(trx);
  }
  return null;
}

async function beginRun(trx: Transaction<DB>, simulationId: string, now: Date): Promise<Simulation> {
  const { rows } = await sql<SimulationRow>`
    update rule_simulation set run = run + 1, attempts = attempts + 1, started_at = ${now}, leased_until = ${leaseFrom(now)},
      orders_done = 0, orders_of = null
    where simulation_id = ${simulationId} returning ${COLUMNS}`.execute(trx);
  return read(rows[0]!);
}

const leaseFrom = (now: Date): Date => new Date(now.getTime() + LEASE_MS);

/** How far a run has come. */
export interface Progress {
  done: number;
  of: number | null;
}

/** Says that the run goes on; false where it does not any more: it was cancelled, or taken over. */
export async function renewLease(db: Kysely<DB>, { simulationId, run }: Run, { done, of }: Progress): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update rule_simulation set leased_until = now() + ${LEASE_MS}::int * interval '1 millisecond', orders_done = ${done}, orders_of = ${of}
    where simulation_id = ${simulationId} and run = ${run} and state = 'running'`.execute(db);
  return numAffectedRows === 1n;
}

/** Gives a run back that was not its own fault, so that another worker begins it anew at once. */
export async function releaseLease(db: Kysely<DB>, { simulationId, run }: Run): Promise<void> {
  await sql`
    update rule_simulation set leased_until = null, attempts = attempts - 1
    where simulation_id = ${simulationId} and run = ${run} and state = 'running'`.execute(db);
}

/** How a run ended. */
type RunEnd = { result: SimulationResult; done: number } | { error: string };

/** Ends a run, unless it was cancelled or taken over meanwhile. */
export async function endRun(db: Kysely<DB>, { simulationId, run }: Run, end: RunEnd): Promise<void> {
  const fields =
    'error' in end
      ? sql`state = 'failed', error = ${end.error}`
      : sql`state = 'done', result = ${JSON.stringify(end.result)}::jsonb, orders_done = ${end.done}, orders_of = ${end.done}`;
  await sql`
    update rule_simulation set ${fields}, finished_at = now(), leased_until = null
    where simulation_id = ${simulationId} and run = ${run} and state = 'running'`.execute(db);
}

/** Cancels a rehearsal that is not finished; false for one that is. */
export async function cancelSimulation(trx: Transaction<DB>, simulationId: string, now: Date): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update rule_simulation set state = 'cancelled', finished_at = ${now}, leased_until = null
    where simulation_id = ${simulationId} and state = 'running'`.execute(trx);
  return numAffectedRows === 1n;
}

/** Those that were finished before that, at most so many. */
export async function finishedBefore(db: Kysely<DB>, before: Date, limit: number): Promise<Run[]> {
  const { rows } = await sql<{ simulation_id: string; run: number }>`
    select simulation_id, run from rule_simulation where state <> 'running' and finished_at < ${before}
    order by finished_at limit ${limit}`.execute(db);
  return rows.map((row) => ({ simulationId: row.simulation_id, run: row.run }));
}

/** Removes a rehearsal of which nothing is left but its row. */
export async function removeSimulation(db: Kysely<DB>, simulationId: string): Promise<void> {
  await sql`delete from rule_simulation where simulation_id = ${simulationId} and state <> 'running'`.execute(db);
}
