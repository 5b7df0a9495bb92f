// Asking the sources whose turn it is: what they want fetched, reconciliations, and their lists.
// One process asks a source at a time.
import { randomUUID } from 'node:crypto';

import { inTransaction } from '../platform/postgres/database.ts';
import { openSource, type PullDeps } from './asked-source.ts';
import { dueReadings, mayFetch } from './feeds/feed-store.ts';
import { fetchingWork } from './feeds/fetching-details.ts';
import { dropLease, dueSources, giveLeaseBack, LEASE_MS, keepLease, letRest, takeLease, type Lease } from './feeds/lease-store.ts';
import { keptMessageOf, pauseMs } from './feeds/pauses.ts';
import { endRead, feedWork } from './feeds/reading-feed.ts';
import { noteTrouble, readingOf } from './reconciliations/reconciliation-store.ts';
import { takeTurn, type Turn, type TurnWork } from './feeds/turn.ts';

const SOURCES_MAX = 100;
/** So many reconciliations of a source are read at a time, beside its own lists. */
const RECONCILIATIONS_AT_ONCE = 3;
/**
 * A source whose turn took longer may take some of the places of a process, and never all of them.
 */
const SLOW_MS = 5000;

/** What `options.pull` holds once its adapter has parsed it. */
interface PullSchedule {
  every_seconds: number;
  look_back_seconds?: number;
  since?: string;
}

/** What failed of a source, which rests by itself and is asked again later. */
interface FailedQuestions {
  sourceId: string;
  error: unknown;
}

/**
 * Asks every source that is due and that nobody else asks, one after the other, each of them for
 * one turn. Tells what failed of which: that rests, and nothing else waits for it. With `briskOnly`
 * it leaves those to others that took long the last time.
 */
export async function askSources(deps: PullDeps, signal: AbortSignal, { briskOnly = false } = {}): Promise<FailedQuestions[]> {
  const failed: FailedQuestions[] = [];
  const seen = new Set<string>();
  for (;;) {
    // Looked for anew each time: one that was due may have been asked by another meanwhile.
    const sourceId = (await dueSources(deps.db, SOURCES_MAX, { briskOnly })).find((one) => !seen.has(one));
    if (sourceId === undefined || signal.aborted) return failed;
    seen.add(sourceId);
    const errors = await askSource(deps, { sourceId, holder: randomUUID() }, signal);
    failed.push(...errors.map((error) => ({ sourceId, error })));
  }
}

/** Asks one source for one turn; answers what failed. */
async function askSource(deps: PullDeps, lease: Lease, signal: AbortSignal): Promise<unknown[]> {
  const { db } = deps;
  if (!(await inTransaction(db, ({ trx }) => takeLease(trx, lease)))) return [];
  const begun = performance.now();
  const isSlow = (): boolean => performance.now() - begun > SLOW_MS;
  // A platform may take longer for a page than a lease lasts.
  const keeping = setInterval(() => void keepLease(db, lease).catch(shownByTheNextWrite), LEASE_MS / 3);
  try {
    const asked = await openSource(deps, lease.sourceId);
    if (asked === null) throw new Error(`the source ${lease.sourceId} is of a kind that cannot be asked`);
    const { failures, tooOften } = await takeTurn({ deps, lease, asked, signal }, worksOf);
    if (tooOften !== null) await rest(deps, lease, tooOften, isSlow());
    else await giveLeaseBack(db, lease, { everyMs: everyMsOf(asked.options), slow: isSlow() });
    return failures;
  } catch (error) {
    if (signal.aborted) await dropLease(db, lease);
    else await rest(deps, lease, error, isSlow());
    return signal.aborted ? [] : [error];
  } finally {
    clearInterval(keeping);
  }
}

/**
 * Whatever is written keeps the lease, too, and fails where it is lost; where only this beat
 * failed, the next one keeps it.
 */
function shownByTheNextWrite(): void {}

/** Lets the source rest as a whole, and tells those who wait for a reconciliation why. */
async function rest({ db }: PullDeps, lease: Lease, error: unknown, slow: boolean): Promise<void> {
  const message = keptMessageOf(error);
  for (const { reconciliationId } of await readingOf(db, lease.sourceId)) {
    await noteTrouble(db, reconciliationId, message, { forGood: false });
  }
  await letRest(db, lease, { error: message, restMs: (attempts) => pauseMs(error, attempts), slow });
}

/** All that may be asked of the source now; none of it waits for another. */
async function worksOf(turn: Turn): Promise<TurnWork[]> {
  const { lease } = turn;
  const canFetch = turn.asked.adapter.detail !== undefined && (await turn.write(({ trx }) => mayFetch(trx, lease.sourceId)));
  const fetching = canFetch ? (['fresh', 'failed'] as const).map((which) => fetchingWork(turn, which)) : [];
  return [...fetching, ...(await comparisons(turn)), ...(await ownReadings(turn))];
}

/** What is read for reconciliations, the oldest first; one that rests keeps no place. */
async function comparisons(turn: Turn): Promise<TurnWork[]> {
  const { deps, lease, asked } = turn;
  const works: TurnWork[] = [];
  let begun = 0;
  for (const { reconciliationId, from, to } of await readingOf(deps.db, lease.sourceId)) {
    if (begun === RECONCILIATIONS_AT_ONCE) break;
    const reading = { sourceId: lease.sourceId, reconciliationId };
    const names = asked.feeds.map(({ name }) => name);
    const due = await turn.write(async ({ trx }) => {
      const found = await dueReadings(trx, reading, names, from);
      await endRead(trx, turn, { ...reading, feed: '' }, to);
      return found;
    });
    const left = asked.feeds.filter(({ name }) => (due.get(name)?.reached ?? to) < to);
    const span = { target: to, lookBackMs: 0, everyMs: null };
    works.push(...left.map((feed) => feedWork(turn, feed, { ...reading, feed: feed.name }, due.get(feed.name)!, span)));
    if (left.length > 0) begun += 1;
  }
  return works;
}

/** The lists that the source is read by itself, where they are due. */
async function ownReadings(turn: Turn): Promise<TurnWork[]> {
  const { lease, asked } = turn;
  const schedule = asked.options['pull'] as PullSchedule | undefined;
  if (schedule === undefined) return [];
  const reading = { sourceId: lease.sourceId, reconciliationId: null };
  const names = asked.feeds.map(({ name }) => name);
  const { due, target } = await turn.write(async ({ trx, now }) => {
    const start = schedule.since === undefined ? now : new Date(schedule.since);
    return { due: await dueReadings(trx, reading, names, start), target: now };
  });
  return asked.feeds.flatMap((feed) => {
    const progress = due.get(feed.name);
    if (progress === undefined) return [];
    const lookBackMs = schedule.look_back_seconds === undefined ? feed.overlapMs : schedule.look_back_seconds * 1000;
    const span = { target, lookBackMs, everyMs: schedule.every_seconds * 1000 };
    return [feedWork(turn, feed, { ...reading, feed: feed.name }, progress, span)];
  });
}

function everyMsOf(options: Record<string, unknown>): number | null {
  const schedule = options['pull'] as PullSchedule | undefined;
  return schedule === undefined ? null : schedule.every_seconds * 1000;
}
