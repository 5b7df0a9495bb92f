// A rehearsal from its beginning to its end: the orders of the period are listed in one snapshot
// and given in slices to simulators, whose sums are laid together. A worker that takes over from
// another one begins anew; what stands for it in the database are rows that nothing else reads.

import type { KeyObject } from 'node:crypto';

import type { Kysely } from 'kysely';
import type { Logger } from 'pino';

import { DomainError } from '../../core/errors.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../platform/durations.ts';
import { messageOf } from '../../platform/error-text.ts';
import { inTransaction, isUnavailable, openDatabase } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { repeat } from '../../platform/queue/repeat.ts';
import { readCampaigns } from '../campaigns/campaign-store.ts';
import { replayOf } from './boosts/replayed-budgets.ts';
import { readRules } from '../rules/rule-cache.ts';
import { applyChanges, readChange } from './changes.ts';
import { listOrders, readEnds, type Exclusion, type OrderSlice } from './recorded-store.ts';
import { addSums, removeFound, type Run } from './simulation-order-store.ts';
import { resultOf, type SimulationResult, type Totals } from './simulation-result.ts';
import {
  endRun,
  finishedBefore,
  releaseLease,
  removeSimulation,
  renewLease,
  takeSimulation,
  type Progress,
  type Simulation,
} from './simulation-store.ts';
import { openSimulatorPool, ownSimulators, type SimulatorPool } from './simulator-pool.ts';
import { mostOf, type MostChanged, type SimulationTask, type SliceOutcome } from './simulator.ts';
import { Tally } from './tally.ts';

const ORDERS_PER_SLICE = 500;
/** Below it the threads would take longer to start than they save. */
const ORDERS_OF_THREADS = 5000;
/** Their keys are held in memory, some bytes each. */
const ORDERS_MAX = 5_000_000;
/** Sums beyond that are written and forgotten. */
const SUMS_HELD_MAX = 50_000;
const BEAT_MS = 2 * SECOND_MS;
/** Listing all orders of a long period is one statement. */
const LISTING_MS = 10 * MINUTE_MS;
const CONNECTIONS = 3;
/** So long the results are kept. */
const KEPT_DAYS = 30;
const REMOVED_AT_ONCE = 10_000;
const FORGOTTEN_AT_ONCE = 10;

export interface SimulationDeps {
  db: Kysely<DB>;
  connectionString: string;
  log: Logger;
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
  levelsMax: number;
  /** How many may run at once, in all processes. */
  slots: number;
  /** How many orders are worth threads, where that is not what it is everywhere. */
  ordersOfThreads?: number;
}

/**
 * Takes a rehearsal that waits, and brings it to its end; false where none waits. What ends it
 * before, the signal or a database that is away, leaves it to be begun anew.
 */
export async function simulateNext(deps: SimulationDeps, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const taken = await inTransaction(deps.db, ({ trx, now }) => takeSimulation(trx, now, deps.slots));
  if (taken === null) return false;
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  signal.addEventListener('abort', stop);
  const progress: Progress = { done: 0, of: null };
  const beat = repeat({
    everyMs: BEAT_MS,
    work: async () => (await renewLease(deps.db, taken, progress)) || stop(),
    onError: (error) => deps.log.debug({ err: error }, 'a rehearsal could not say that it goes on'),
  });
  try {
    const result = await simulate(deps, taken, progress, ending.signal);
    if (result === null) await releaseLease(deps.db, taken);
    else await endRun(deps.db, taken, { result, done: result.orders });
  } catch (error) {
    await endBadly(deps, taken, error);
  } finally {
    signal.removeEventListener('abort', stop);
    await beat.close();
  }
  return true;
}

/** What is not the doing of the rehearsal leaves its lease to run out. */
async function endBadly({ db, log }: SimulationDeps, run: Run, error: unknown): Promise<void> {
  if (isUnavailable(error)) throw error;
  if (!(error instanceof DomainError)) log.error({ err: error, simulation_id: run.simulationId }, 'a rehearsal failed');
  await endRun(db, run, { error: messageOf(error).slice(0, 2000) });
}

/** Null where it was stopped. */
async function simulate(
  deps: SimulationDeps,
  taken: Simulation,
  progress: Progress,
  signal: AbortSignal,
): Promise<SimulationResult | null> {
  const { connectionString, log } = deps;
  const options = { connectionString, poolSize: CONNECTIONS, applicationName: 'fenyong-simulation', log };
  const { db, close } = openDatabase({ ...options, queryMs: LISTING_MS, silenceMs: LISTING_MS });
  try {
    while (await removeFound(db, taken, REMOVED_AT_ONCE));
    const { task, slices, excluded } = await begin(deps, db, taken);
    progress.of = slices.reduce((sum, slice) => sum + slice.orderKeys.length, 0);
    const isSmall = progress.of < (deps.ordersOfThreads ?? ORDERS_OF_THREADS);
    // Budgets are replayed one order after the other.
    const pool = isSmall || task.replay !== null ? ownSimulators(db, task) : openSimulatorPool(connectionString, task);
    const sums = new RunningSums(db, taken, excluded);
    await drive(pool, { slices, sums, progress, signal });
    return signal.aborted ? null : await sums.close();
  } finally {
    await close();
  }
}

interface Beginning {
  task: SimulationTask;
  slices: PackedSlice[];
  excluded: Map<Exclusion, number>;
}

/** Keys of a slice, as small as they can be held. */
interface PackedSlice {
  orderKeys: BigInt64Array;
  revisions: Int32Array;
}

const unpack = ({ orderKeys, revisions }: PackedSlice): OrderSlice => ({ orderKeys: [...orderKeys], revisions: [...revisions] });

/** The rules and the orders, as one snapshot has them. */
async function begin(deps: SimulationDeps, db: Kysely<DB>, taken: Simulation): Promise<Beginning> {
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  return snapshot.execute(async (trx) => {
    const versions = await readRules(trx);
    const campaigns = await readCampaigns(trx);
    const changes = taken.changes.map(readChange);
    const { levelsMax, tokenKeys, identityKey } = deps;
    const changed = applyChanges(changes, {
      versions,
      ends: await readEnds(trx),
      campaigns,
      period: taken,
      levelsMax,
      now: taken.madeAt,
    });
    const replay = await replayOf(trx, taken, campaigns, changed.campaigns);
    const { simulationId, run, currency } = taken;
    const task = { simulationId, run, currency, versions, changed, replay, levelsMax, tokenKeys, identityKey };
    const slices: PackedSlice[] = [];
    const excluded = new Map<Exclusion, number>();
    let orders = 0;
    for await (const one of listOrders(trx, taken, { ordersPerSlice: ORDERS_PER_SLICE, byTime: replay !== null })) {
      if ('reason' in one) {
        excluded.set(one.reason, one.orders);
        continue;
      }
      orders += one.orderKeys.length;
      if (orders > ORDERS_MAX) throw tooManyOrders();
      slices.push({ orderKeys: BigInt64Array.from(one.orderKeys), revisions: Int32Array.from(one.revisions) });
    }
    return { task, slices, excluded };
  });
}

const tooManyOrders = (): DomainError =>
  new DomainError('unprocessable', `The period has more than ${ORDERS_MAX} orders: choose a shorter one.`);

interface Drive {
  slices: readonly PackedSlice[];
  sums: RunningSums;
  progress: Progress;
  signal: AbortSignal;
}

/** Gives slice after slice to whoever is free, until there are no more or it is stopped. */
async function drive(pool: SimulatorPool, { slices, sums, progress, signal }: Drive): Promise<void> {
  let next = 0;
  const stop = (): void => void pool.kill();
  signal.addEventListener('abort', stop);
  try {
    await Promise.all(
      pool.simulators.map(async (simulator) => {
        while (next < slices.length && !signal.aborted) {
          const slice = slices[next]!;
          next += 1;
          const outcome = await simulator(unpack(slice));
          await sums.add(outcome);
          progress.done += outcome.listed;
        }
      }),
    );
  } catch (error) {
    await pool.kill();
    // Whoever was stopped says that a thread has ended.
    if (!signal.aborted) throw error;
    return;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (!signal.aborted) await pool.close();
}

/** The sums of a run, of which no more are held than fit. */
class RunningSums {
  private readonly db: Kysely<DB>;
  private readonly run: Run;
  private readonly totals: Totals & { excluded: Map<Exclusion, number> };
  private readonly tally = new Tally();
  private readonly most: MostChanged[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(db: Kysely<DB>, run: Run, excluded: Map<Exclusion, number>) {
    this.db = db;
    this.run = run;
    this.totals = { orders: 0, lines: 0, changed: 0, before: 0n, after: 0n, excluded };
  }

  async add(outcome: SliceOutcome): Promise<void> {
    const { totals } = this;
    for (const count of ['orders', 'lines', 'changed'] as const) totals[count] += outcome[count];
    totals.before += outcome.before;
    totals.after += outcome.after;
    const moved = outcome.listed - outcome.orders;
    if (moved > 0) totals.excluded.set('changed_meanwhile', (totals.excluded.get('changed_meanwhile') ?? 0) + moved);
    for (const sum of outcome.sums) this.tally.add(sum);
    this.most.push(...outcome.most);
    mostOf(this.most);
    if (this.tally.size > SUMS_HELD_MAX) await this.flush();
  }

  async close(): Promise<SimulationResult> {
    await this.flush();
    return resultOf(this.db, this.run, this.totals, this.most);
  }

  /** One after the other, so that no two wait for each other's rows crosswise. */
  private flush(): Promise<void> {
    const sums = this.tally.take();
    this.writing = this.writing.then(() => this.db.transaction().execute((trx) => addSums(trx, this.run, sums)));
    return this.writing;
  }
}

/** Removes what was found more than thirty days ago, a part of it at a time. */
export async function forgetSimulations(db: Kysely<DB>, now: Date): Promise<void> {
  const before = new Date(now.getTime() - KEPT_DAYS * DAY_MS);
  for (const { simulationId, run } of await finishedBefore(db, before, FORGOTTEN_AT_ONCE)) {
    if (await removeFound(db, { simulationId, run: run + 1 }, REMOVED_AT_ONCE)) return;
    await removeSimulation(db, simulationId);
  }
}
