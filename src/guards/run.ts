// Runs the guards that are due and keeps what they found. A guard that cannot be run is broken, too: nothing is silently in order.

import { Gauge, type Registry } from '@prometheus-io/client';
import type { Kysely } from 'kysely';

import { isUnavailable } from '../platform/database.ts';
import type { DB } from '../platform/tables.ts';
import { askGuard, type Found } from './check.ts';
import type { Guard } from './guard.ts';
import { keepResults, readResults, type GuardResult } from './store.ts';

/** A guard rests fifty times as long as it took, half of which was rest already: it takes a hundredth of the time, whatever the books. */
const REST_RATIO = 50;
const STALE_MS = 15 * 60_000;
const QUERY_CANCELED = '57014';

/** What is told to Prometheus; made once per process. */
export interface GuardMetrics {
  violations: Gauge<'guard' | 'kind'>;
  checkedAt: Gauge<'guard'>;
}

export function guardMetrics(registry: Registry): GuardMetrics {
  return {
    violations: new Gauge({
      name: 'fenyong_guard_violations',
      help: 'How many violations a guard last found. A law should have none, ever.',
      labelNames: ['guard', 'kind'],
      registers: [registry],
    }),
    checkedAt: new Gauge({
      name: 'fenyong_guard_checked_timestamp_seconds',
      help: 'When a guard was last asked.',
      labelNames: ['guard'],
      registers: [registry],
    }),
  };
}

export interface GuardRun {
  now: Date;
  /** Asks all of them, also those that were asked only just. */
  all?: boolean;
  /** No guard is asked more often, whoever runs them. */
  intervalMs?: number;
  metrics?: GuardMetrics;
}

/** Asks the guards that are due, one after the other, and answers with what was found. Throws only when the database is not there. */
export async function runGuards(
  db: Kysely<DB>,
  guards: readonly Guard[],
  { now, all = false, intervalMs = 0, metrics }: GuardRun,
): Promise<GuardResult[]> {
  const kept = await readResults(db);
  const due = all ? guards : guards.filter((guard) => isDue(kept.get(guard.name), now, intervalMs));
  const started = performance.now();
  const results: GuardResult[] = [];
  for (const guard of due) {
    const checkedAt = new Date(now.getTime() + Math.round(performance.now() - started));
    results.push(await check(db, guard, checkedAt));
  }
  await keepResults(db, results);
  for (const { name, kind, violations, checkedAt } of results) {
    metrics?.violations.set({ guard: name, kind }, violations);
    metrics?.checkedAt.set({ guard: name }, checkedAt.getTime() / 1000);
  }
  return results;
}

async function check(db: Kysely<DB>, guard: Guard, checkedAt: Date): Promise<GuardResult> {
  const started = performance.now();
  const found = await askGuard(db, guard).catch(asFound);
  const { name, kind } = guard;
  return { name, kind, ...found, checkedAt, tookMs: Math.round(performance.now() - started) };
}

/** What a guard that failed has found: that it failed. */
function asFound(error: unknown): Found {
  const isTooSlow = error instanceof Error && 'code' in error && error.code === QUERY_CANCELED;
  if (isUnavailable(error) && !isTooSlow) throw error;
  return { violations: 1, sample: [{ error: error instanceof Error ? error.message : String(error) }] };
}

/** Half of the interval, so that a timer that comes a little early does not skip a whole round. */
function isDue(last: GuardResult | undefined, now: Date, intervalMs: number): boolean {
  if (last === undefined) return true;
  return now.getTime() >= last.checkedAt.getTime() + Math.max(intervalMs / 2, restMs(last));
}

function restMs({ tookMs }: GuardResult): number {
  return tookMs * REST_RATIO;
}

/** Whether a result is so old that nobody can be running the guards: then it says nothing any more. */
export function isStale(result: GuardResult, now: Date): boolean {
  return now.getTime() > result.checkedAt.getTime() + STALE_MS + 2 * restMs(result);
}
