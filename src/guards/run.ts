// Runs the guards that are due and keeps what they found. A guard that cannot be run is broken,
// too: nothing is silently in order.

import { Gauge, type Registry } from '@prometheus-io/client';
import { sql, type Kysely } from 'kysely';

import { announce } from '../outbound/announce.ts';
import { inTransaction, isUnavailable } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { lookForChanges, type Look } from './changes.ts';
import { askGuard, type GuardFinding } from './check.ts';
import { dueMetrics, measureDue, type DueMetrics } from './due-work.ts';
import { guardEvents } from './guard-events.ts';
import type { Guard } from './guard.ts';
import { keepResults, readResults, type GuardResult } from './guard-result-store.ts';
import { DAY_MS, MINUTE_MS } from '../platform/durations.ts';
import { messageOf } from '../platform/error-text.ts';

/**
 * A guard rests fifty times as long as it took, half of which was rest already: it takes a
 * hundredth of the time, whatever the books.
 */
const REST_RATIO = 50;
const STALE_MS = 15 * MINUTE_MS;
/**
 * What reads only what is new in between reads everything once a day: a row may be damaged without
 * being changed by us.
 */
const FULL_MS = DAY_MS;
/**
 * What was found is kept at least so often, so that slow guards do not hold back what others have
 * found.
 */
const KEEP_MS = 1000;
const QUERY_CANCELED = '57014';

/** What is told to Prometheus; made once per process. */
export interface GuardMetrics {
  violations: Gauge<'guard' | 'kind'>;
  checkedAt: Gauge<'guard'>;
  fullAt: Gauge<'guard'>;
  due: DueMetrics;
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
    fullAt: new Gauge({
      name: 'fenyong_guard_full_timestamp_seconds',
      help: 'When a guard last read everything; in between it may read what is new.',
      labelNames: ['guard'],
      registers: [registry],
    }),
    due: dueMetrics(registry),
  };
}

interface GuardRun {
  now: Date;
  /** Asks all of them about everything, also those that were asked only just. */
  all?: boolean;
  /** No guard is asked more often, whoever runs them. */
  intervalMs?: number;
  metrics?: GuardMetrics;
}

/**
 * Asks the guards that are due, one after the other, and answers with what was found. Those that
 * read by keys read only what is new, for as long as they find nothing, and everything once a day,
 * one of them in a run. Throws only when the database is not there.
 */
export async function runGuards(
  db: Kysely<DB>,
  guards: readonly Guard[],
  { now, all = false, intervalMs = 0, metrics }: GuardRun,
): Promise<GuardResult[]> {
  const kept = await readResults(db);
  const due = all ? guards : guards.filter((guard) => isDue(kept.get(guard.name), now, intervalMs));
  const partial = new Set(all ? [] : partialOf(due, kept, now));
  const look = await lookForChanges(db, earliest([...partial].map((guard) => kept.get(guard.name)!.seenUpTo!)));
  const started = performance.now();
  const results: GuardResult[] = [];
  let keptUpTo = 0;
  const keep = async (): Promise<void> => {
    const fresh = results.slice(keptUpTo);
    await keepAndTell(db, { fresh, kept, guards: due });
    keptUpTo = results.length;
    if (metrics !== undefined) showResults(metrics, [...kept.values(), ...results]);
  };
  let keptAt = started;
  try {
    for (const guard of due) {
      const checkedAt = new Date(now.getTime() + Math.round(performance.now() - started));
      results.push(await check(db, guard, { checkedAt, look, last: partial.has(guard) ? kept.get(guard.name)! : null }));
      if (performance.now() - keptAt < KEEP_MS) continue;
      await keep();
      keptAt = performance.now();
    }
  } finally {
    await keep();
  }
  if (metrics !== undefined) await measureDue(db, metrics.due);
  return results;
}

interface Findings {
  fresh: readonly GuardResult[];
  /** What was found before. */
  kept: ReadonlyMap<string, GuardResult>;
  guards: readonly Guard[];
}

async function keepAndTell(db: Kysely<DB>, { fresh, kept, guards }: Findings): Promise<void> {
  if (fresh.length === 0) return;
  await inTransaction(db, async ({ trx, now }) => {
    await keepResults(trx, fresh);
    await announce(trx, () => guardEvents(fresh, kept, guards), now);
  });
}

/**
 * Shows what was kept, whichever process has found it; of two results of one guard the later in the
 * list.
 */
function showResults({ violations, checkedAt, fullAt }: GuardMetrics, results: readonly GuardResult[]): void {
  for (const result of results) {
    const { name: guard, kind } = result;
    violations.set({ guard, kind }, result.violations);
    checkedAt.set({ guard }, result.checkedAt.getTime() / 1000);
    if (result.fullAt !== null) fullAt.set({ guard }, result.fullAt.getTime() / 1000);
  }
}

/**
 * The due guards that need to look only at what is new. Of those whose day is over one reads
 * everything, the others have their turn.
 */
function partialOf(due: readonly Guard[], kept: ReadonlyMap<string, GuardResult>, now: Date): Guard[] {
  const able = due.filter(({ name, scope }) => {
    const last = kept.get(name);
    return (scope === 'orders' || scope === 'deliveries') && last?.violations === 0 && last.seenUpTo !== null && last.fullAt !== null;
  });
  const fullAt = ({ name }: Guard): number => kept.get(name)!.fullAt!.getTime();
  const [oldest] = able.toSorted((a, b) => fullAt(a) - fullAt(b));
  return able.filter((guard) => guard !== oldest || now.getTime() < fullAt(guard) + FULL_MS);
}

function earliest(times: readonly Date[]): Date | null {
  return times.length === 0 ? null : new Date(Math.min(...times.map((time) => time.getTime())));
}

interface Check {
  checkedAt: Date;
  look: Look;
  /** What was found before, where only what is new since then is to be read. */
  last: GuardResult | null;
}

async function check(db: Kysely<DB>, guard: Guard, { checkedAt, look, last }: Check): Promise<GuardResult> {
  const started = performance.now();
  const changes = last === null ? null : look.changes;
  const found = await foundBy(db, () => askGuard(db, guard, changes === null ? {} : { changes }));
  const { name, kind } = guard;
  const tookMs = Math.round(performance.now() - started);
  return { name, kind, ...found, checkedAt, tookMs, seenUpTo: look.seenUpTo, fullAt: changes === null ? checkedAt : last!.fullAt };
}

/**
 * What was found; of a guard that failed, that it did. A connection that broke is tried once more,
 * and a database that is away is no find.
 */
async function foundBy(db: Kysely<DB>, ask: () => Promise<GuardFinding>): Promise<GuardFinding> {
  try {
    return await ask();
  } catch (error) {
    if (!isUnavailable(error) || codeOf(error) === QUERY_CANCELED) return failed(error);
  }
  try {
    return await ask();
  } catch (error) {
    if (isUnavailable(error) && !(await isThere(db))) throw error;
    return failed(error);
  }
}

function failed(error: unknown): GuardFinding {
  return { violations: 1, sample: [{ error: messageOf(error) }] };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

async function isThere(db: Kysely<DB>): Promise<boolean> {
  return sql`select 1`.execute(db).then(
    () => true,
    (error: unknown) => {
      if (isUnavailable(error)) return false;
      throw error;
    },
  );
}

/** Half of the interval, so that a timer that comes a little early does not skip a whole round. */
function isDue(last: GuardResult | undefined, now: Date, intervalMs: number): boolean {
  if (last === undefined) return true;
  return now.getTime() >= last.checkedAt.getTime() + Math.max(intervalMs / 2, restMs(last));
}

function restMs({ tookMs }: GuardResult): number {
  return tookMs * REST_RATIO;
}

/**
 * Whether a result is so old that nobody can be running the guards: then it says nothing any more.
 */
export function isStale(result: GuardResult, now: Date): boolean {
  return now.getTime() > result.checkedAt.getTime() + STALE_MS + 2 * restMs(result);
}
